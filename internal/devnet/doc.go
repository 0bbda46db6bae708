// Package devnet is a whole Grail network in one process: a chain that makes blocks, a beacon that signs rounds, an S3 store with a bucket
// and keys for every node, a trainer that has published a model, validators, honest miners of different speeds, and cheaters.
//
// Every part is the real one. Miners and validators are those of package node; they find each other by what is committed on the chain, read
// each other's buckets over HTTP with the published keys, and know nothing of running side by side. What is shared is the loaded model,
// because it is the same for all, and the processor.
//
// # A network's life
//
// [Open] locks the data folder and reads what was fixed when the network was made (seed, rules, members), or makes it: see [Settings]. It
// starts chain, beacon and store, publishes the base model as a checkpoint of the trainer (UID 0), commits every node's read
// credentials and, in a new network, hurries through window 0, which is too early for any checkpoint. [Network.Run] starts the roles and
// ends with its context, or when the wanted number of windows was judged. A folder that is opened again goes on where it was: with the same
// chain, weights, histories and journals, also after kill -9.
//
// # Learning
//
// With [Settings.Trainer] the trainer of package node/trainer runs too: after each window it learns from what the validators accepted and publishes the next
// checkpoint, mostly as a patch. It takes turns with the nodes on the shared processor. [Learning] is the curve, made of events and kept in the data folder.
//
// # Cheaters
//
// A cheater is an honest miner whose worker is wrapped (see [Cheats]) and whose preflight is off. Each breaks one promise of the
// protocol, as well as it can: what it signs, it signs correctly.
//
//	zero-sketch    all sketches are 0: nothing was computed
//	copier         a quarter of each group are completions of another miner, proved anew for its own prompts
//	false-reward   claims success for rollouts that failed
//	other-model    tokens and proofs of a model that is not the checkpoint
//	edited-prompt  swaps its problems for the easiest among many
//
// Under hardened rules all of them end at weight 0. Under those of the reference some get away, which is worth seeing once: sketches of a
// model this small lie within the tolerance of zero, so zero-sketch and other-model pass, and the blame for a copy is laid by the last
// uploads of both miners, so it may hit the victim.
//
// # LogicNet
//
// With [Settings.LogicNet] the chain has a second subnet, LogicNet's: a validator, three miners on the embedded base model served over the OpenAI
// protocol, one with the exact solver, and three that must not gain anything. Miners and validator are those of the commands; the rules are
// the hardened ones with shorter rounds. Questions are mostly sums of small numbers, which the base model gets right now and then. It ends and fails on
// its own: Grail goes on without it.
//
//	replayer  puts the validator's signed requests to the exact miner, and gives that one's former answers
//	injector  addresses the judge instead of answering
//	slow      answers right, when the time is over
package devnet
