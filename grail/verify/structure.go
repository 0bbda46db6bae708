package verify

import (
	"fmt"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/grail/windowfile"
)

// Reasons for refusing a whole file (section 7.1); a report has them after "file:". The last three are not of the reference.
const (
	ReasonWallet      = "wallet_mismatch"
	ReasonWindow      = "window_mismatch"
	ReasonNullGroup   = "null_rollout_group"
	ReasonWindowStart = "window_start_mismatch"
	ReasonBlockHash   = "block_hash_mismatch"
	ReasonNonce       = "duplicate_nonce"
	ReasonGroupSize   = "invalid_group_size"
	ReasonCorrupt     = "corrupt_parquet"
	ReasonUnreadable  = "unreadable"
	ReasonRows        = "too_many_rows"
	ReasonGroupRange  = "group_out_of_range"
)

// Structure checks a whole file row by row (section 7.1). The first fault stays.
type Structure struct {
	rules  grail.Rules
	window Window
	reason string
	detail string
	nonces map[int64]bool
	null   bool // a row with a null nonce was there
	groups map[int64]int
	order  []int64 // groups by their first row
	rows   int64
}

// NewStructure starts the check with the file's metadata.
func NewStructure(rules grail.Rules, w Window, meta windowfile.Metadata) *Structure {
	s := &Structure{rules: rules, window: w, nonces: map[int64]bool{}, groups: map[int64]int{}}
	switch {
	case meta.Wallet != w.Miner:
		s.fail(ReasonWallet, "the file says wallet %.80q, it is the file of %s", meta.Wallet, w.Miner)
	case meta.WindowStart != w.Start:
		s.fail(ReasonWindow, "the file says window %d instead of %d", meta.WindowStart, w.Start)
	}
	return s
}

func (s *Structure) fail(reason, format string, args ...any) {
	if s.reason == "" {
		s.reason, s.detail = reason, fmt.Sprintf(format, args...)
	}
}

// Add checks the next row; it needs the columns windowfile.Structure.
func (s *Structure) Add(row *grail.Row) {
	if s.reason != "" {
		return
	}
	i := s.rows
	s.rows++
	if reason, detail := s.window.place(row); row.Null.Has(grail.NullRolloutGroup) {
		s.fail(ReasonNullGroup, "row %d has no rollout_group", i)
		return
	} else if reason != "" {
		s.fail(reason, "row %d: %s", i, detail)
		return
	}
	if row.Null.Has(grail.NullNonce) {
		if s.null {
			s.fail(ReasonNonce, "row %d is the second one without a nonce", i)
			return
		}
		s.null = true
	} else if s.nonces[row.Nonce] {
		s.fail(ReasonNonce, "row %d has nonce %d, which an earlier row has too", i, row.Nonce)
		return
	} else {
		s.nonces[row.Nonce] = true
	}
	if s.groups[row.RolloutGroup] == 0 {
		s.order = append(s.order, row.RolloutGroup)
	}
	s.groups[row.RolloutGroup]++
}

// place checks that a row belongs to the window.
func (w *Window) place(row *grail.Row) (reason, detail string) {
	switch {
	case row.Null.Has(grail.NullWindowStart) || row.WindowStart != w.Start:
		return ReasonWindowStart, fmt.Sprintf("window_start is %d instead of %d", row.WindowStart, w.Start)
	case row.Null.Has(grail.NullBlockHash) || row.BlockHash != w.Hash:
		return ReasonBlockHash, fmt.Sprintf("block_hash is %.80q instead of %q", row.BlockHash, w.Hash)
	}
	return "", ""
}

// Finish ends the check after all rows: an empty reason is a file in order.
func (s *Structure) Finish() (reason, detail string) {
	if s.reason != "" {
		return s.reason, s.detail
	}
	for _, g := range s.order {
		if n := s.groups[g]; n != s.rules.GroupSize {
			s.fail(ReasonGroupSize, "group %d has %d rows instead of %d", g, n, s.rules.GroupSize)
			break
		}
	}
	if s.reason == "" && s.rules.MaxFileRows > 0 && s.rows > s.rules.MaxFileRows {
		s.fail(ReasonRows, "the file has %d rows, the network allows %d", s.rows, s.rules.MaxFileRows)
	}
	if s.reason == "" && s.rules.MaxGroup > 0 {
		for _, g := range s.order {
			if g < 0 || g > s.rules.MaxGroup {
				s.fail(ReasonGroupRange, "group %d is outside 0 to %d", g, s.rules.MaxGroup)
				break
			}
		}
	}
	return s.reason, s.detail
}

// Groups returns the groups in the order of their first rows.
func (s *Structure) Groups() []int64 { return s.order }
