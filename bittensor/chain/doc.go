// Package chain is a client of the Bittensor chain (subtensor).
//
//	client, err := chain.Dial(ctx, chain.Config{Network: "finney"})
//	if err != nil { ... }
//	defer client.Close()
//
//	now, err := client.Best(ctx)              // the state after the newest block
//	graph, err := now.Metagraph(ctx, 81)      // who takes part in subnet 81
//	uid, err := now.UID(ctx, 81, hotkey)      // ErrNotRegistered if the hotkey doesn't
//
//	out, err := client.SetWeights(ctx, signer, chain.Weights{Netuid: 81, UIDs: uids, Values: values})
//
// # Reading
//
// State is read through a View: all that a View returns is of one block, decoded by that block's own runtime. Nothing here knows an index
// or a layout; they come from the runtime's metadata (package metadata), which the client fetches again when the chain upgrades itself.
// Where runtimes of different age answer a question in different ways, a View tries the newest first.
//
// # Writing
//
// A Call names a pallet, a function and its arguments. Submit signs it with a mortal era and the account's next nonce, sends it and
// watches it into a block; the outcome comes from that block's events, with the runtime's own words for what went wrong (DispatchError) and a
// sentinel for what a caller decides by (ErrRateLimited, ErrNoPermit, ...). A transaction that the pool lost or that became too old is signed
// again with a fresh era and the same nonce, so that it can be included at most once. If a deadline passes before the outcome is known
// the error is a *PendingError, which says until which block the transaction may still appear.
//
// # Never hanging
//
// Every call ends at its context's deadline, or after Config.Timeout (30 s) if it has none, with a result or an error that names the
// endpoint, what it was asked and for how long (EndpointError). With several endpoints a read that is slow is asked a second time elsewhere
// (hedging), an endpoint that fails, lags behind or is of another chain is avoided, and a block that pruning nodes have forgotten is
// asked of an archive. See package rpc for what happens on one socket. An idle client has about 16 MiB resident, of which the parsed metadata
// is less than one.
//
// Facts of the chain: "Talking to the Bittensor chain", quoted as "section N" throughout.
package chain
