// Package nanteos is the root of one Go program with which anybody can mine, validate, train and run two verifiable
// reinforcement-learning networks: Grail and LogicNet. The program is cmd/nanteos; the libraries that others may import are grail,
// model, task and bittensor. DESIGN.md is the map of the house.
package nanteos
