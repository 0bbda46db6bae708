// Package logicvalidator is the validator of LogicNet: it asks miners questions whose answers it knows, grades what they say and sets weights on
// the chain.
//
// # A round
//
// The members of the subnet and its limits are read from the chain, and every member that serves is asked for its Information. Who answered
// stands in the queue, by its share of requests. Until the round is over, waves of batches are drawn from the queue: a batch gets a problem, each of
// its miners in words of its own, the answers are graded while the next batches run, and what each answer earned is written down before anything
// else happens. At the end miners are ranked by their mean, each gets a value into its history, the histories become scores and the scores weights.
// Numbers and formulas are package logicnet's, comparison with the truth is package grade's; here is only what needs a clock, a network or a disk.
//
// # What a miner can do to others
//
// Nothing: replies are bounded, every miner is asked, graded and embedded on its own, and a reply that makes no sense concerns who sent it. Only public
// addresses are connected to, unless the configuration allows others. A question goes out in other words, or with other numbers, to each miner, and
// a reasoning that another miner gave before it counts as not similar. What nobody could judge stays unscored.
//
// # What is kept
//
// One SQLite file holds the table of miners with their histories, the results of the round that is open, and the secret seed of the questions. A
// validator that is killed goes on in the same round; histories get a round once. Questions and truths are in no log, event or error, and only as keyed
// hashes in the file.
//
// Specification: logicnet 4 to 8 and 10.
package logicvalidator
