package score

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"slices"

	"github.com/nanteos/nanteos/grail"
)

// SampleSize is the number of miners checked among n eligible ones (A9). A MaxSampledMiners of 0 is no bound.
func SampleSize(r grail.Rules, n int) int {
	if n <= 0 {
		return 0
	}
	k := max(r.MinSampledMiners, int(math.Ceil(float64(n)*r.MinerSampleRate)))
	if r.MaxSampledMiners > 0 {
		k = min(k, r.MaxSampledMiners)
	}
	return min(n, k)
}

// SelectMiners picks the miners to check among the eligible, in the order in which they are checked: least often selected first, ties by
// the hash of window hash and hotkey. counts is the selection history's.
func SelectMiners(r grail.Rules, windowHash string, eligible []string, counts map[string]int) []string {
	type miner struct {
		hotkey string
		count  int
		tie    uint64
	}
	list := make([]miner, len(eligible))
	for i, k := range eligible {
		h := sha256.Sum256([]byte(windowHash + ":" + k))
		list[i] = miner{k, counts[k], binary.BigEndian.Uint64(h[:8])}
	}
	slices.SortStableFunc(list, func(a, b miner) int {
		switch {
		case a.count != b.count:
			return a.count - b.count
		case a.tie < b.tie:
			return -1
		case a.tie > b.tie:
			return 1
		}
		return 0
	})
	chosen := make([]string, SampleSize(r, len(list)))
	for i := range chosen {
		chosen[i] = list[i].hotkey
	}
	return chosen
}
