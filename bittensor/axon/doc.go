// Package axon serves Bittensor's signed HTTP protocol: the side of it that miners listen on (the axon of SDK 8 to 10), and the newer
// btauth/1 of SDK 11 beside it.
//
// A [Server] has a route for each class of synapse (package synapse): the caller posts the object to /ClassName, the handler fills it, it goes
// back. Package dendrite is the caller's side.
//
//	server, err := axon.New(axon.Config{Hotkey: hotkey, Nonces: nonces, Members: registered})
//	err = axon.Handle(server, axon.Route[Sum]{Forward: func(ctx context.Context, call *axon.Call, s *Sum) error {
//		for _, t := range s.Terms {
//			s.Result += t
//		}
//		return nil
//	}})
//	err = server.ListenAndServe(ctx, ":8091")
//
// # What happens to a request
//
//  1. The route is looked up and the headers are read.
//  2. Config.Members is asked whether it knows the hotkey; this and all before costs microseconds. (403)
//  3. The nonce must be fresh and new, then the signature must verify, then the nonce is remembered. (401)
//  4. Bounds: requests in flight in all and for the caller. (503, 429)
//  5. The body is read up to the limit and within the time, parsed, and held against the hash that the signature covers. (413, 408, 422, 500)
//  6. Hooks: Blacklist (403), Verify (401), Priority.
//  7. The request waits for a worker, those of higher priority first, for no longer than its timeout. (503, 408)
//  8. The handler runs until the request's timeout, and the answer is sent. (200, 408, 500)
//
// The reference SDK asks the blacklist first, so that unsigned requests that name a validator can use up that validator's quota. Here no hook
// runs and nothing is counted before the signature is verified, and what is refused before costs no more than a signature check.
//
// With btauth/1 the signature covers the body as well, so step 5 comes before the signature check there, on a few slots that other
// requests do not need.
//
// Errors that a caller sees have the SDK's status codes and messages and say nothing of the inside: what went wrong in a handler goes to
// Config.Observe, with the same number that the caller gets to see.
//
// # What the signature does not say
//
// The older protocol's signature covers time, caller, receiver and the fields marked hash. The timeout, the version and all other fields can be
// changed on the way; a class without hashed fields has an unauthenticated body. Nothing authenticates an answer.
//
// Specification: bittensor-axon-dendrite.
package axon
