// Package dendrite is the calling side of Bittensor's signed HTTP protocol: it sends synapses to axons and takes their answers.
//
//	d, err := dendrite.New(dendrite.Config{Hotkey: hotkey})
//	reply := dendrite.Query(ctx, d, target, Sum{Terms: []int64{1, 2}}, 12*time.Second)
//	if reply.Success() {
//		fmt.Println(reply.Synapse.Result)
//	}
//
// Every query ends in time with a [Reply], which holds the state of both ends as the SDK reports it: a status code and message, the seconds it took. What
// went wrong is a status code too (408 timeout, 422 unreadable answer, 503 not reachable), so that a query of many axons has one result for each.
//
// # Hostile answers
//
// The protocol authenticates no answer; who sits at the address writes what it likes. So the client
//
//   - reads a bounded number of bytes of headers and body, and no longer than the timeout;
//   - asks for no compression and refuses compressed answers, follows no redirect, and keeps its own account of time, hotkeys and addresses;
//   - takes the fields of an answer only with the types of the class, and of a class with fields marked answer only those;
//   - takes no answer for a success but one with HTTP status 200 and synapse status 200;
//   - connects to public addresses only, unless told otherwise.
//
// A success whose answer has none of the fields marked answer counts as unreadable.
//
// Specification: bittensor-axon-dendrite sections 2 and 5.
package dendrite
