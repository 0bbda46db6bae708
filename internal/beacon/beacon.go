// Package beacon gives nodes public randomness that nobody can choose and everybody can check.
//
// A beacon is a chain of rounds, one a period. Round n is a BLS signature over the number n under a key that the chain pins; its
// randomness is the SHA-256 of that signature. Such a signature is unique, so whoever signs can neither steer the value nor give two
// parties two different ones, and a round is verified with nothing but the chain's public key. That is the scheme
// bls-unchained-g1-rfc9380 of drand's quicknet, on which Grail draws its window randomness (protocol specification, 3.17 and 3.18):
//
//	message    = SHA-256(round as 8 bytes, big-endian)
//	signature  = key · HashToCurve(message), 48 bytes in G1; public key 96 bytes in G2
//	randomness = SHA-256(signature)
//
// Drivers: [Local] signs for real with a key made from a seed and serves a network on one machine; [HTTP] asks drand relays and
// believes none of them. Both give rounds that a [Verifier] has accepted. Where no round can be had the answer is an error and never
// a substitute: the reference's client invents random bytes in that case, which lets a miner without a network choose its own beacon.
package beacon

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"time"
)

// Beacon is a source of verified rounds. Every call ends with its context.
type Beacon interface {
	// Latest returns the newest round that is due. It fails with ErrUnavailable when none can be had and with ErrNotDue before the
	// first.
	Latest(ctx context.Context) (Round, error)
	// Round returns round n (from 1). It fails with ErrNotDue when round n lies in the future.
	Round(ctx context.Context, n uint64) (Round, error)
	// Info describes the chain to which the rounds belong.
	Info() ChainInfo
}

// Errors among which a caller decides.
var (
	// ErrNotDue: the round lies in the future (or is 0). Wait until TimeOf.
	ErrNotDue = errors.New("round is not due yet")
	// ErrUnavailable: nobody gave a valid round. Try again, or go on without a beacon if the rules allow it.
	ErrUnavailable = errors.New("no beacon round available")
	// ErrInvalid: the round's signature or randomness is not the chain's.
	ErrInvalid = errors.New("beacon round does not verify")
)

// SchemeQuicknet is the only scheme implemented: unchained, signatures in G1, hashing after RFC 9380.
const SchemeQuicknet = "bls-unchained-g1-rfc9380"

// Round is one value of a beacon.
type Round struct {
	Number uint64
	// Randomness is the SHA-256 of Signature, 32 bytes.
	Randomness []byte
	// Signature is a compressed point of G1, 48 bytes.
	Signature []byte
}

// Text returns the randomness as drand's JSON writes it, 64 lower-case hex digits: the text that goes into window randomness.
func (r Round) Text() string { return hex.EncodeToString(r.Randomness) }

// ChainInfo pins a beacon chain.
type ChainInfo struct {
	// Hash names the chain in URLs, lower-case hex.
	Hash string
	// PublicKey is a compressed point of G2, 96 bytes.
	PublicKey []byte
	// GenesisTime is the time of round 1.
	GenesisTime time.Time
	// Period is the time between rounds. drand's are whole seconds; a local chain may be faster.
	Period time.Duration
	// Scheme names the signature scheme.
	Scheme string
}

// Quicknet returns drand's quicknet: a round every 3 s since 23 August 2023, the beacon of the reference.
func Quicknet() ChainInfo {
	key, err := hex.DecodeString("83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d106451" +
		"0d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a")
	if err != nil {
		panic(err) // a constant
	}
	return ChainInfo{
		Hash:        "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971",
		PublicKey:   key,
		GenesisTime: time.Unix(1692803367, 0).UTC(),
		Period:      3 * time.Second,
		Scheme:      SchemeQuicknet,
	}
}

// QuicknetRelays are the public hosts that the reference asks, in its order.
func QuicknetRelays() []string {
	return []string{"https://api.drand.sh", "https://drand.cloudflare.com", "https://api.drand.secureweb3.com:6875"}
}

// RoundAt returns the number of the newest round at time t: floor((t − genesis) / period) + 1, at most 0 before genesis and not
// clamped (protocol specification, 3.18).
func RoundAt(info ChainInfo, t time.Time) int64 {
	if info.Period <= 0 {
		return math.MinInt64
	}
	// time.Time.Sub saturates after 292 years; whole seconds and nanoseconds apart keep far times exact.
	sec := t.Unix() - info.GenesisTime.Unix()
	nano := int64(t.Nanosecond() - info.GenesisTime.Nanosecond())
	if p := int64(info.Period / time.Second); info.Period%time.Second == 0 {
		if nano < 0 {
			sec--
		}
		return floorDiv(sec, p) + 1
	}
	return floorDiv(sec*int64(time.Second)+nano, int64(info.Period)) + 1
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// TimeOf returns the time at which round n is due.
func TimeOf(info ChainInfo, n uint64) time.Time {
	if n == 0 || info.Period <= 0 {
		return info.GenesisTime
	}
	if p := uint64(info.Period / time.Second); info.Period%time.Second == 0 && n-1 <= math.MaxInt64/max(p, 1) {
		return time.Unix(info.GenesisTime.Unix()+int64((n-1)*p), int64(info.GenesisTime.Nanosecond())).UTC()
	}
	if n-1 > uint64(math.MaxInt64/info.Period) {
		return time.Unix(math.MaxInt32*1000, 0).UTC() // beyond any clock
	}
	return info.GenesisTime.Add(time.Duration(n-1) * info.Period)
}

// check refuses a chain that this package cannot verify.
func (c ChainInfo) check() error {
	switch {
	case c.Scheme != SchemeQuicknet:
		return fmt.Errorf("couldn't use beacon chain %.16s: scheme %q is not %q", c.Hash, c.Scheme, SchemeQuicknet)
	case c.Period <= 0:
		return fmt.Errorf("couldn't use beacon chain %.16s: period %s is not positive", c.Hash, c.Period)
	case len(c.PublicKey) != 96:
		return fmt.Errorf("couldn't use beacon chain %.16s: public key has %d bytes, not 96", c.Hash, len(c.PublicKey))
	}
	if b, err := hex.DecodeString(c.Hash); err != nil || len(b) != 32 {
		return fmt.Errorf("couldn't use beacon chain: hash %q is not 64 hex digits", c.Hash)
	}
	return nil
}
