package grail

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// DrandChain is a chain of the drand randomness beacon (section 3.18).
type DrandChain struct {
	// Name is what drand calls the chain.
	Name string
	// Hash identifies the chain: 64 lower-case hex digits.
	Hash string
	// Genesis is the time of round 1 in unix seconds.
	Genesis int64
	// Period is the time between rounds in seconds.
	Period int64
}

// Quicknet is the chain that Grail uses, Mainnet the older one.
var (
	Quicknet = DrandChain{"quicknet", "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971", 1692803367, 3}
	Mainnet  = DrandChain{"mainnet", "84b2234fb34e835dccd048255d7ad3194b81af7d978c3bf157e3469592ae4e02", 1595431050, 30}
)

// Round returns the round at a time in unix seconds: floor((t-genesis)/period)+1. Before genesis it is not positive and not clamped.
func (c DrandChain) Round(t int64) int64 { return floorDiv(t-c.Genesis, c.Period) + 1 }

// Time returns the time of a round.
func (c DrandChain) Time(round int64) time.Time {
	return time.Unix(c.Genesis+(round-1)*c.Period, 0).UTC()
}

// BeaconRound returns the beacon round that belongs to a block in a network that binds the beacon: the last round that was out at
// the block's time. So everybody who knows the chain computes the same round, which the reference's "latest" does not give (F11).
// It is not positive before the beacon's genesis.
func (r Rules) BeaconRound(blockTime time.Time) int64 {
	return floorDiv(blockTime.UnixMilli()-r.BeaconGenesisMillis, r.BeaconPeriodMillis) + 1
}

// BeaconTime returns the time at which a round of the network's beacon comes out.
func (r Rules) BeaconTime(round int64) time.Time {
	return time.UnixMilli(r.BeaconGenesisMillis + (round-1)*r.BeaconPeriodMillis).UTC()
}

// MixRandomness returns hex(SHA256(block hash text ‖ beacon text)), both taken as texts with the 0x of the block hash
// (section 3.17): the window randomness of a miner (hash of the window's first block) and of a validator (hash of the block that
// ends the window) when a beacon round is at hand.
func MixRandomness(blockHash, beacon string) string {
	h := sha256.Sum256([]byte(blockHash + beacon))
	return hex.EncodeToString(h[:])
}

// MinerRandomness returns what the reference miner uses for a window: MixRandomness with a beacon text, else the block hash as it is,
// with 0x. The latter fails the schema check of every validator; a miner of ours writes MinerFallback instead.
func MinerRandomness(blockHash, beacon string, haveBeacon bool) string {
	if haveBeacon {
		return MixRandomness(blockHash, beacon)
	}
	return blockHash
}

// MinerFallback returns the randomness of a miner without beacon that validators accept: the block hash without 0x, which names the
// same bytes.
func MinerFallback(blockHash string) string {
	if len(blockHash) >= 2 && blockHash[0] == '0' && (blockHash[1] == 'x' || blockHash[1] == 'X') {
		return blockHash[2:]
	}
	return blockHash
}

// ChallengeRandomness returns what a validator uses for challenges and group sampling: MixRandomness with a beacon text, else the
// hash of the block hash text. Note that this fallback hashes, unlike the miner's.
func ChallengeRandomness(blockHash, beacon string, haveBeacon bool) string {
	if haveBeacon {
		return MixRandomness(blockHash, beacon)
	}
	return MixRandomness(blockHash, "")
}

// BoundRandomness returns the one value that commit.beacon.randomness may have for a window under BindBeacon: the mix of the hash
// of the window's first block with the beacon round of that block's time (BeaconRound), or the hashed block hash alone where the
// round is not positive, so before the beacon's genesis.
func BoundRandomness(blockHash, beacon string, round int64) string {
	if round > 0 {
		return MixRandomness(blockHash, beacon)
	}
	return MixRandomness(blockHash, "")
}
