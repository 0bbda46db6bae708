// Package subtensor is a local chain node that speaks Bittensor's protocol: JSON-RPC over WebSocket, SCALE, signed extrinsics, the
// metadata of a real runtime. Networks on one machine and tests of clients run against it; polkadot.js and the Python SDKs connect to it
// as to any node.
//
// # How it is built
//
// The storage is one ordered map from byte keys to byte values ([tree]), laid out item by item as the public chain lays it out, so
// what a client reads with state_getStorage is what the node itself works on. The map never changes in place: each block keeps
// the root of its version, which makes reads at older blocks, forks and dry runs cheap. Runtime APIs (the metagraph and others) are
// computed from the same map.
//
// Of the runtime it has the part that miners and validators meet: registration by burning, stake, axons, commitments, weights set
// directly, by hash commit and reveal, and timelocked to a drand round, epochs that turn weights into incentives, with the errors and events
// of the public chain. It has no markets (one rao of TAO is one of alpha), no root network and no governance; calls that it does not run fail
// with System.CallFiltered.
//
// The metadata is that of finney at spec 343, in the versions 14 and 15. Three constants in it are written over: Aura.SlotDuration and
// Timestamp.MinimumPeriod with the block time, System.Version with the spec version, which [Node.Upgrade] raises. All indices that the
// node writes are looked up in that metadata by name.
//
// The SCALE codec is the package's own, small and written by hand, and shares nothing with the client's.
//
// # What is simpler than on the public chain
//
// The state root is a hash over the whole storage but not a trie's, so there are no proofs; the extrinsics root leaves signatures
// out, so that a simulation that repeats gives the same hashes. Bonds are not averaged over epochs. The burn does not adjust. Pulses of
// drand are stored by the chain itself and not by transactions. The finalized head trails the best one by a fixed number of blocks.
//
// # Faults
//
// [Node.Faults] makes it misbehave in the ways that real nodes do: answers that are late, out of order, cut, too large or missing,
// errors of the pool, transactions that are dropped or fail, reorganisations, pruned state, runtime upgrades.
package subtensor
