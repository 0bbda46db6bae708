package timelock

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"time"
)

// Schemes of drand chains that this package verifies, by drand's names.
const (
	// Unchained is quicknet's: signatures in G1 over the round's number alone. Only such a chain can lock messages in time.
	Unchained = "bls-unchained-g1-rfc9380"
	// Chained is the one of the default chain: signatures in G2 over the previous signature and the round's number.
	Chained = "pedersen-bls-chained"
)

// Sizes in bytes of compressed points.
const (
	g1Bytes = 48
	g2Bytes = 96
)

// Chain says what pins a drand chain: all that is needed to check its rounds and to know their times.
type Chain struct {
	// Hash names the chain, in URLs among others.
	Hash [32]byte
	// Scheme is Unchained or Chained.
	Scheme string
	// PublicKey is a compressed point: 96 bytes in G2 for Unchained, 48 bytes in G1 for Chained.
	PublicKey []byte
	// Genesis is the time of round 1.
	Genesis time.Time
	// Period is the time between rounds. Those of drand are whole seconds.
	Period time.Duration
	// Seed is what the first round of a Chained chain signs in place of a previous signature. It may be nil: then round 1 is verified
	// against the previous signature that the pulse gives.
	Seed []byte
}

// The constants of drand's public chains (bittensor-chain specification, section 11).
const (
	quicknetHash = "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971"
	quicknetKey  = "83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d106451" +
		"0d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a"
	quicknetGenesis = 1692803367
	quicknetPeriod  = 3 * time.Second

	defaultHash    = "8990e7a9aaed2ffed73dbd7092123d6f289930540d7651336225dc172e51b2ce"
	defaultKey     = "868f005eb8e6e4ca0a47c8a77ceaa5309a47978a7c71bc5cce96366b5d7a569937c529eeda66c7293784a9402801af31"
	defaultSeed    = "176f93498eac9ca337150b46d21dd58673ea4e3581185f869672e59fa4cb390a"
	defaultGenesis = 1595431050
	defaultPeriod  = 30 * time.Second
)

// QuicknetChain returns drand's quicknet, a round every 3 s since 23 August 2023: the one whose rounds Bittensor's chain stores.
func QuicknetChain() Chain {
	return Chain{
		Hash: [32]byte(unhex(quicknetHash)), Scheme: Unchained, PublicKey: unhex(quicknetKey),
		Genesis: time.Unix(quicknetGenesis, 0).UTC(), Period: quicknetPeriod,
	}
}

// DefaultChain returns drand's first chain ("default", the League of Entropy), a round every 30 s since 22 July 2020.
func DefaultChain() Chain {
	return Chain{
		Hash: [32]byte(unhex(defaultHash)), Scheme: Chained, PublicKey: unhex(defaultKey),
		Genesis: time.Unix(defaultGenesis, 0).UTC(), Period: defaultPeriod, Seed: unhex(defaultSeed),
	}
}

// Round returns the number of quicknet's newest round at time t, 0 before its first.
func Round(t time.Time) uint64 {
	return Chain{Genesis: time.Unix(quicknetGenesis, 0), Period: quicknetPeriod}.Round(t)
}

// Time returns when quicknet's round n is due.
func Time(n uint64) time.Time {
	return Chain{Genesis: time.Unix(quicknetGenesis, 0), Period: quicknetPeriod}.Time(n)
}

// Round returns the number of the newest round at time t: floor((t − genesis)/period) + 1, and 0 before round 1.
func (c Chain) Round(t time.Time) uint64 {
	if c.Period <= 0 || t.Before(c.Genesis) {
		return 0
	}
	// time.Time.Sub saturates after 292 years: whole seconds keep far times exact where the period allows it.
	sec := t.Unix() - c.Genesis.Unix()
	if c.Period%time.Second == 0 {
		if t.Nanosecond() < c.Genesis.Nanosecond() {
			sec--
		}
		return uint64(sec)/uint64(c.Period/time.Second) + 1
	}
	return uint64(t.Sub(c.Genesis)/c.Period) + 1
}

// Time returns when round n is due. Round 0 counts as round 1; a time beyond the year 30000 is cut there.
func (c Chain) Time(n uint64) time.Time {
	const far = 1_000_000_000_000 // seconds
	if n <= 1 || c.Period <= 0 {
		return c.Genesis
	}
	if p := uint64(c.Period / time.Second); c.Period%time.Second == 0 {
		if n-1 > far/p {
			return c.Genesis.Add(0).UTC().AddDate(30000, 0, 0)
		}
		return time.Unix(c.Genesis.Unix()+int64((n-1)*p), int64(c.Genesis.Nanosecond())).UTC()
	}
	if n-1 > uint64(math.MaxInt64/c.Period) {
		return c.Genesis.UTC().AddDate(30000, 0, 0)
	}
	return c.Genesis.Add(time.Duration(n-1) * c.Period).UTC()
}

// check refuses a chain that this package cannot verify.
func (c Chain) check() error {
	var want int
	switch c.Scheme {
	case Unchained:
		want = g2Bytes
	case Chained:
		want = g1Bytes
	default:
		return fmt.Errorf("%w %x: scheme %.40q is neither %q nor %q", ErrChain, c.Hash[:4], c.Scheme, Unchained, Chained)
	}
	if len(c.PublicKey) != want {
		return fmt.Errorf("%w %x: public key has %d bytes, %s wants %d", ErrChain, c.Hash[:4], len(c.PublicKey), c.Scheme, want)
	}
	if c.Period <= 0 {
		return fmt.Errorf("%w %x: period %s is not positive", ErrChain, c.Hash[:4], c.Period)
	}
	if len(c.Seed) > g2Bytes {
		return fmt.Errorf("%w %x: seed has %d bytes", ErrChain, c.Hash[:4], len(c.Seed))
	}
	return nil
}

// maxInfo bounds the JSON of a chain or a pulse, in bytes.
const maxInfo = 1 << 14

// info is drand's answer to GET /{hash}/info.
type info struct {
	PublicKey string `json:"public_key"`
	Period    uint32 `json:"period"`
	Genesis   int64  `json:"genesis_time"`
	Hash      string `json:"hash"`
	GroupHash string `json:"groupHash"`
	Scheme    string `json:"schemeID"`
	Metadata  struct {
		BeaconID string `json:"beaconID"`
	} `json:"metadata"`
}

// ParseChain reads what a drand relay answers to GET /{hash}/info: a JSON object of public_key, period (s), genesis_time (Unix s), hash,
// groupHash, schemeID and metadata.beaconID. The hash must be the one that drand computes over the others, so that who pins the hash
// pins all. Errors wrap ErrChain.
func ParseChain(text []byte) (Chain, error) {
	if len(text) > maxInfo {
		return Chain{}, fmt.Errorf("%w: description of %d bytes, at most %d allowed", ErrChain, len(text), maxInfo)
	}
	var i info
	if err := json.Unmarshal(text, &i); err != nil {
		return Chain{}, fmt.Errorf("%w: couldn't decode description: %w", ErrChain, err)
	}
	key, err := hex.DecodeString(i.PublicKey)
	if err != nil {
		return Chain{}, fmt.Errorf("%w: public_key: %w", ErrChain, err)
	}
	seed, err := hex.DecodeString(i.GroupHash)
	if err != nil {
		return Chain{}, fmt.Errorf("%w: groupHash: %w", ErrChain, err)
	}
	hash, err := hex.DecodeString(i.Hash)
	if err != nil || len(hash) != 32 {
		return Chain{}, fmt.Errorf("%w: hash %.80q is not 64 hex digits", ErrChain, i.Hash)
	}
	c := Chain{
		Hash: [32]byte(hash), Scheme: i.Scheme, PublicKey: key,
		Genesis: time.Unix(i.Genesis, 0).UTC(), Period: time.Duration(i.Period) * time.Second, Seed: seed,
	}
	if err := c.check(); err != nil {
		return Chain{}, err
	}
	if got := chainHash(c, i.Metadata.BeaconID); got != c.Hash {
		return Chain{}, fmt.Errorf("%w: its description hashes to %x, not to the %x that it names", ErrChain, got, c.Hash)
	}
	return c, nil
}

// chainHash is drand's name of a chain: SHA-256 over period (u32) and genesis (i64), big-endian, key, seed, and the beacon's name unless
// that is "default".
func chainHash(c Chain, beacon string) [32]byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(c.Period/time.Second))
	b = binary.BigEndian.AppendUint64(b, uint64(c.Genesis.Unix()))
	b = append(b, c.PublicKey...)
	b = append(b, c.Seed...)
	if beacon != "" && beacon != "default" {
		b = append(b, beacon...)
	}
	return sha256.Sum256(b)
}

// unhex decodes a constant of this package.
func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}
