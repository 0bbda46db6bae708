package verify

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/internal/cpython"
)

// GroupsToCheck returns how many of n groups are checked in a file of more rows than are checked in full.
func GroupsToCheck(r grail.Rules, n int) int {
	if n == 0 {
		return 0
	}
	k := max(1, min(n, int(float64(float64(n)*r.GroupSampleRate))))
	return min(k, max(1, r.MaxSampledRows/r.GroupSize))
}

// Sampler learns the groups of a file and draws those to check.
type Sampler struct {
	order  grail.SampleOrder
	groups map[int64]*sampled
	rows   []int64 // group of each row
}

type sampled struct {
	number int64
	commit []byte // concatenated digests of its commits
	digest [32]byte
}

// NewSampler starts with no rows.
func NewSampler(order grail.SampleOrder) *Sampler {
	return &Sampler{order: order, groups: map[int64]*sampled{}}
}

// Add learns the next row. grail.SampleByDigest needs its whole commit.
func (s *Sampler) Add(row *grail.Row) {
	g := s.groups[row.RolloutGroup]
	if g == nil {
		g = &sampled{number: row.RolloutGroup}
		s.groups[row.RolloutGroup] = g
	}
	if s.order == grail.SampleByDigest {
		d := row.CommitDigest()
		g.commit = append(g.commit, d[:]...)
	}
	s.rows = append(s.rows, row.RolloutGroup)
}

// addNumber learns the number of the next row's group only, which is enough for a file that is checked in full or grail.SampleByNumber.
func (s *Sampler) addNumber(row *grail.Row) {
	if s.groups[row.RolloutGroup] == nil {
		s.groups[row.RolloutGroup] = &sampled{number: row.RolloutGroup}
	}
	s.rows = append(s.rows, row.RolloutGroup)
}

// Digest returns the digest of a group (section 7.2).
func (s *Sampler) Digest(group int64) [32]byte {
	if g := s.groups[group]; g != nil {
		return sha256.Sum256(g.commit)
	}
	return [32]byte{}
}

// Draw returns the rows to check, ascending: all of a small file, else those of groups drawn with the seed of miner and randomness.
func (s *Sampler) Draw(r grail.Rules, miner, randomness string) []int64 {
	rows := []int64{}
	if len(s.rows) <= r.CheckAllRows {
		for i := range s.rows {
			rows = append(rows, int64(i))
		}
		return rows
	}
	groups := make([]*sampled, 0, len(s.groups))
	for _, g := range s.groups {
		g.digest = sha256.Sum256(g.commit)
		groups = append(groups, g)
	}
	slices.SortFunc(groups, func(a, b *sampled) int {
		if c := bytes.Compare(a.digest[:], b.digest[:]); c != 0 && s.order == grail.SampleByDigest {
			return c
		}
		switch {
		case a.number < b.number:
			return -1
		case a.number > b.number:
			return 1
		}
		return 0
	})
	rand := cpython.NewRandFromUint64(SampleSeed(miner, randomness))
	chosen := map[int64]bool{}
	for _, i := range rand.Sample(len(groups), GroupsToCheck(r, len(groups))) {
		chosen[groups[i].number] = true
	}
	for i, g := range s.rows {
		if chosen[g] {
			rows = append(rows, int64(i))
		}
	}
	return rows
}

// SampleSeed is the seed of the draw: the first eight bytes of SHA256(miner ":" randomness).
func SampleSeed(miner, randomness string) uint64 {
	h := sha256.Sum256([]byte(miner + ":" + randomness))
	return binary.BigEndian.Uint64(h[:8])
}
