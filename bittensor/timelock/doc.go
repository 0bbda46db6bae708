// Package timelock verifies drand's beacon and encrypts messages that nobody can read before a given round of it.
//
// A drand chain publishes a round a period. Round n is a BLS signature, under the chain's key, over nothing but the number n; nobody can know it
// before its time and everybody can check it afterwards. That makes it a key with an alarm clock: what is encrypted to round n now
// can be opened by anybody who holds the signature of round n. Bittensor's chain stores the rounds of quicknet ([Drand] pallet) and opens
// committed weights and commitments with them, without the committer's help.
//
//	ciphertext, err := timelock.Encrypt(rand.Reader, payload, round, timelock.Quicknet())
//	...                                             // wait for the round
//	payload, err := timelock.Decrypt(ciphertext, pulse.Signature)
//
// # Rounds
//
// A [Chain] says what pins a beacon: key, scheme, genesis and period. [QuicknetChain] and [DefaultChain] are drand's two public ones; a
// network of one's own makes its chain with a [Secret], which signs any round at any time and so needs no network and no waiting. A
// [Verifier] accepts or refuses a [Pulse]:
//
//	quicknet  bls-unchained-g1-rfc9380  key in G2, signature in G1, message SHA-256(round as 8 bytes, big-endian)
//	default   pedersen-bls-chained      key in G1, signature in G2, message SHA-256(previous signature ‖ round)
//
// The randomness of a round is the SHA-256 of its signature. Points that are infinite, outside the subgroup of prime order or encoded in
// any way but the one compressed form are refused.
//
// # The ciphertext
//
// It is the format of the crate tle, which the chain uses, and not the one of drand's own tlock, which builds on age. Boneh-Franklin
// identity-based encryption with the round as the identity wraps a key for AES-256-GCM:
//
//	esk, sigma  32 random bytes each;  r = SHA-256(sigma ‖ esk) mod group order
//	U = r·g2                           96 bytes compressed
//	V = sigma xor SHA-256(GT)          GT = e(H(round), key)^r as 576 bytes, little-endian coefficients, lowest first
//	W = esk xor SHA-256(sigma)
//	body = len ‖ AES-256-GCM(esk, nonce, plaintext) ‖ 12 ‖ nonce
//	ciphertext = U ‖ 32 ‖ V ‖ 32 ‖ W ‖ len ‖ body ‖ 8 ‖ "AES_GCM_"
//
// All lengths are 8 bytes, little-endian; the whole is [Overhead] bytes longer than the plaintext. Who decrypts computes sigma from
// e(signature, U), then esk, and requires that r·g2 is U: a ciphertext is thereby opened by exactly one signature and to exactly one text.
//
// The ciphertext does not say for which round it was made. [Envelope], the form that Bittensor's Python SDK hands around, adds it; the
// chain takes the bare ciphertext and the round beside it.
//
// [Drand]: https://drand.love
package timelock

import "errors"

// Errors among which a caller decides.
var (
	// ErrPulse: the pulse is malformed or not the chain's. Ask another relay.
	ErrPulse = errors.New("drand pulse does not verify")
	// ErrChain: the description of a chain cannot be used.
	ErrChain = errors.New("invalid drand chain")
	// ErrCiphertext: the bytes are not a timelock ciphertext at all. No signature will open them.
	ErrCiphertext = errors.New("not a timelock ciphertext")
	// ErrLocked: the ciphertext is well formed and this signature does not open it: it is of another round or another chain, or the
	// ciphertext was tampered with.
	ErrLocked = errors.New("signature does not open the timelock ciphertext")
	// ErrTooLong: the plaintext is longer than MaxPlaintext.
	ErrTooLong = errors.New("plaintext too long")
)
