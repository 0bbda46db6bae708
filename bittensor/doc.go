// Package bittensor is the root of a Go client for the Bittensor chain (subtensor) and the protocol its neurons speak. It holds no code of its own;
// the packages below it can be used one by one, and import nothing of nanteos but each other:
//
//	chain      the client: reads through views of one block, submits and follows transactions, sets weights by the subnet's own scheme
//	wallet     keyfiles and folders of btcli
//	axon       the signed HTTP protocol between neurons: server; dendrite is its client, synapse its messages, btauth the newer form
//	weights    normalisation and checks of weights, commit hashes, when the chain reveals what was committed
//	timelock   drand: verification of rounds, encryption to a round as the chain does it
//	metadata   the runtime's description of itself: decoding and encoding of values, calls, events, storage keys, transactions
//	scale      the SCALE codec
//	sr25519    keys, signatures, mnemonics, derivation
//	ss58       addresses
//
// Nothing in them knows the number of a call or the layout of a value: these come from the metadata that the chain serves, so that a runtime
// upgrade needs no new version of the library.
//
// docs/bittensor.md shows them at work. Its samples are the functions of this package's tests.
package bittensor
