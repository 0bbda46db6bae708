// Package rpc speaks JSON-RPC 2.0 over one WebSocket, the way Substrate nodes do, and never hangs.
//
// A Client stands for one endpoint, not for one socket: it dials, checks the node by a handshake that the caller gives, answers calls,
// and dials again with jittered backoff when the socket fails. Subscriptions that ask for it are made again on the new socket.
//
//	c, err := rpc.New(rpc.Options{URL: "wss://lite.chain.opentensor.ai:443"})
//	if err != nil { ... }
//	defer c.Close()
//	head, err := c.Call(ctx, "chain_getHead")
//
// One goroutine owns the state of a Client: the calls in flight, the subscriptions, the socket. Helpers read, write and ping, and talk to it over
// channels; it never waits for any of them. What follows from that:
//
//   - requests are pipelined and answers matched by id, in any order;
//   - every call ends: with its answer, at its deadline (CallTimeout when the context has none), or when the socket fails;
//   - memory is bounded: the calls in flight, the calls waiting for a socket, a frame's size and the notifications that nobody reads yet each
//     have a limit, and more than that is ErrBusy, ErrTooLarge or a dropped notification that is counted, never a longer queue;
//   - a malformed frame fails the call that it names and no other;
//   - a socket that stays open but answers nothing is found by pings and by calls that time out in a row, and replaced.
//
// Every error of a call is an *EndpointError: which endpoint did what, for how long. The node's own refusals are *Error inside it.
package rpc
