package trainer

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/grail/score"
	"github.com/nanteos/nanteos/internal/bucket"
	"github.com/nanteos/nanteos/internal/chain"
	"github.com/nanteos/nanteos/internal/node"
)

// Source says how trusted miners were found.
type Source string

// The sources.
const (
	FromLists     Source = "trust lists"
	FromIncentive Source = "incentive"
)

// Trusted are the miners whose rollouts of a window are trained on.
type Trusted struct {
	Source Source
	// Window is that of the lists, the newest one.
	Window int64
	// Hotkeys are ascending, or by incentive, highest first.
	Hotkeys []string
	// Files are the versions that validators judged, by hotkey; nil where the lists are of another window or don't say.
	Files map[string]score.TrustedFile
}

// ReadList fetches a trust list from a validator's bucket. The error wraps node.ErrNoBucket or bucket.ErrNotFound where there is none.
type ReadList func(ctx context.Context, hotkey string, window int64) ([]byte, error)

// maxList bounds a trust list in bytes: 65,536 hotkeys.
const maxList = 8 << 20

// Lists finds the miners that validators trust in a window (B3). nil without an error: there are no lists, or none that can be used. An error is a
// failure on the way: somebody may be trusted, and nobody knows.
func (s Settings) Lists(ctx context.Context, r grail.Rules, m chain.Metagraph, read ReadList, window int64) (*Trusted, error) {
	if s.Quirks {
		return s.oneList(ctx, r, m, read, window)
	}
	for k := range s.MaxStale + 1 {
		at := window - int64(k)*r.WindowLength
		if at < 0 {
			break
		}
		t, err := s.voted(ctx, r, m, read, at)
		if err != nil {
			return nil, err
		}
		if t == nil {
			continue
		}
		if at != window {
			t.Files = nil
		}
		return t, nil
	}
	return nil, nil
}

// voted combines the lists of a window: trusted is who has more than half of the stake that published one.
func (s Settings) voted(ctx context.Context, r grail.Rules, m chain.Metagraph, read ReadList, window int64) (*Trusted, error) {
	validators := slices.DeleteFunc(slices.Clone(m.Neurons), func(n chain.Neuron) bool { return !n.ValidatorPermit || n.Stake == 0 })
	slices.SortStableFunc(validators, func(a, b chain.Neuron) int { return cmp.Compare(b.Stake, a.Stake) })
	votes, total := map[string]float64{}, 0.0
	files := map[string]score.TrustedFile{}
	var failed error
	for _, v := range validators {
		text, err := read(ctx, v.Hotkey, window)
		switch {
		case absent(err):
			continue
		case err != nil:
			if ctx.Err() != nil {
				return nil, err
			}
			failed = errors.Join(failed, err)
			continue
		}
		var list score.TrustList
		if len(text) > maxList || json.Unmarshal(text, &list) != nil || list.Validate(r, window, v.Hotkey) != nil {
			continue
		}
		total += float64(v.Stake)
		for _, k := range list.EligibleHotkeys {
			votes[k] += float64(v.Stake)
		}
		for k, f := range list.Files {
			if _, known := files[k]; !known {
				files[k] = f
			}
		}
	}
	if total == 0 {
		return nil, failed
	}
	t := &Trusted{Source: FromLists, Window: window, Files: files}
	for _, n := range m.Neurons {
		if votes[n.Hotkey] > total/2 {
			t.Hotkeys = append(t.Hotkeys, n.Hotkey)
		}
	}
	slices.Sort(t.Hotkeys)
	if len(t.Hotkeys) == 0 {
		return nil, nil
	}
	return t, nil
}

// oneList is the reference's manner: one validator decides, and the first list that is found.
func (s Settings) oneList(ctx context.Context, r grail.Rules, m chain.Metagraph, read ReadList, window int64) (*Trusted, error) {
	v, ok := Chief(m)
	if !ok {
		return nil, nil
	}
	for k := range s.MaxStale + 1 {
		at := window - int64(k)*r.WindowLength
		if at < 0 {
			break
		}
		text, err := read(ctx, v.Hotkey, at)
		if errors.Is(err, node.ErrNoBucket) {
			return nil, nil
		}
		if absent(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		var list struct {
			Version  *int     `json:"version"`
			Eligible []string `json:"eligible_hotkeys"`
		}
		if len(text) > maxList || json.Unmarshal(text, &list) != nil || list.Version == nil || *list.Version != r.TrustListVersion || len(list.Eligible) == 0 {
			return nil, nil
		}
		slices.Sort(list.Eligible)
		return &Trusted{Source: FromLists, Window: at, Hotkeys: slices.Compact(list.Eligible)}, nil
	}
	return nil, nil
}

// Chief is the validator whose list the reference takes: of those with a permit the one with the most stake, the first of equals.
func Chief(m chain.Metagraph) (chief chain.Neuron, ok bool) {
	for _, n := range m.Neurons {
		if n.ValidatorPermit && n.Stake > chief.Stake {
			chief, ok = n, true
		}
	}
	return chief, ok
}

// ByIncentive returns the miners that earn most, at most MinTrusted: who to trust where nobody publishes lists. nil where nobody earns.
func (s Settings) ByIncentive(r grail.Rules, m chain.Metagraph) *Trusted {
	earning := slices.DeleteFunc(slices.Clone(m.Neurons), func(n chain.Neuron) bool { return int(n.UID) == r.TrainerUID || !(n.Incentive > 0) })
	slices.SortStableFunc(earning, func(a, b chain.Neuron) int { return cmp.Compare(b.Incentive, a.Incentive) })
	t := &Trusted{Source: FromIncentive}
	for _, n := range earning[:min(len(earning), s.MinTrusted)] {
		t.Hotkeys = append(t.Hotkeys, n.Hotkey)
	}
	if len(t.Hotkeys) == 0 {
		return nil
	}
	return t
}

// absent says that an error means: there is no such object.
func absent(err error) bool {
	return errors.Is(err, bucket.ErrNotFound) || errors.Is(err, node.ErrNoBucket) || errors.Is(err, bucket.ErrNoBucket) || errors.Is(err, bucket.ErrAccessDenied)
}

// readList is the ReadList over the peers' buckets.
func (t *Trainer) readList(ctx context.Context, hotkey string, window int64) ([]byte, error) {
	b, err := t.peers.Bucket(hotkey)
	if err != nil {
		return nil, err
	}
	text, _, err := bucket.ReadAll(ctx, b, bucket.TrustKey(window), maxList)
	if err != nil {
		return nil, fmt.Errorf("couldn't read trust list of window %d by %s: %w", window, hotkey, err)
	}
	return text, nil
}
