package trainer

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

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
	// Verify says that files have to be judged here: no validator vouches for those of the window itself, or only validators with the smaller part of the
	// stake do.
	Verify bool
}

// judge says whether the file of a miner has to be judged here. Where lists say which files were judged, an eligible miner that is not among them was not.
func (t *Trusted) judge(hotkey string) bool {
	_, judged := t.Files[hotkey]
	return t.Verify || len(t.Files) > 0 && !judged
}

// ReadList fetches a trust list from a validator's bucket. The error wraps node.ErrNoBucket or bucket.ErrNotFound where there is none.
type ReadList func(ctx context.Context, hotkey string, window int64) ([]byte, error)

const (
	// maxList bounds a trust list in bytes: 65,536 hotkeys.
	maxList = 8 << 20
	// listReads lists are read side by side.
	listReads = 8
)

// listLimit bounds the reading of one list: an eighth of a window, from a second to 15. Who hangs must not keep the trainer from noticing that it is late.
func listLimit(r grail.Rules) time.Duration {
	return max(time.Second, min(windowTime(r)/8, 15*time.Second))
}

// windowTime is how long a window is, nominally.
func windowTime(r grail.Rules) time.Duration {
	return time.Duration(float64(r.WindowLength) * r.BlockSeconds * float64(time.Second))
}

// Lists finds the miners that validators trust in a window (B3). nil without an error: there are no lists, or none that can be used. An error is a
// failure on the way: somebody may be trusted, and nobody knows. Before it is late, only lists of the window itself count, and only once validators with more
// than half of the stake have published theirs: otherwise whoever is first would decide. Afterwards older lists do as well, and any part of the stake.
func (s Settings) Lists(ctx context.Context, r grail.Rules, m chain.Metagraph, read ReadList, window int64, late bool) (*Trusted, error) {
	if s.Quirks {
		return s.oneList(ctx, r, m, read, window)
	}
	for k := range s.MaxStale + 1 {
		at := window - int64(k)*r.WindowLength
		if at < 0 || k > 0 && !late {
			break
		}
		p := ask(ctx, r, m, read, at)
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case !late && p.missing >= p.published:
			return nil, p.failed
		case p.published == 0:
			continue
		}
		t := p.trusted(m)
		if len(t.Hotkeys) == 0 {
			return nil, nil
		}
		t.Window, t.Verify = at, k > 0 || p.missing >= p.published
		if k > 0 {
			t.Files = nil
		}
		return t, nil
	}
	return nil, nil
}

// poll is what the validators' lists of a window come to, in stake.
type poll struct {
	// published is the stake of those whose list is there, missing that of those who have a bucket and no list in it, or one that can't be read now.
	published, missing float64
	votes              map[string]float64
	files              map[string]map[score.TrustedFile]float64
	failed             error
}

// ask reads the lists of all validators for a window.
func ask(ctx context.Context, r grail.Rules, m chain.Metagraph, read ReadList, window int64) poll {
	validators := slices.DeleteFunc(slices.Clone(m.Neurons), func(n chain.Neuron) bool { return !n.ValidatorPermit || n.Stake == 0 })
	texts, errs := make([][]byte, len(validators)), make([]error, len(validators))
	var wg sync.WaitGroup
	places := make(chan struct{}, listReads)
	for i, v := range validators {
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			texts[i], errs[i] = readWithin(ctx, r, read, v.Hotkey, window)
		})
	}
	wg.Wait()
	p := poll{votes: map[string]float64{}, files: map[string]map[score.TrustedFile]float64{}}
	for i, v := range validators {
		var list score.TrustList
		switch err := errs[i]; {
		case errors.Is(err, bucket.ErrNotFound):
			if int(v.UID) != r.TrainerUID { // a trainer publishes none
				p.missing += float64(v.Stake)
			}
		case absent(err):
		case err != nil:
			p.missing += float64(v.Stake)
			p.failed = errors.Join(p.failed, err)
		case len(texts[i]) > maxList || json.Unmarshal(texts[i], &list) != nil || list.Validate(r, window, v.Hotkey) != nil:
		default:
			p.published += float64(v.Stake)
			slices.Sort(list.EligibleHotkeys)
			for _, k := range slices.Compact(list.EligibleHotkeys) {
				p.votes[k] += float64(v.Stake)
				if f, ok := list.Files[k]; ok {
					if p.files[k] == nil {
						p.files[k] = map[score.TrustedFile]float64{}
					}
					p.files[k][f] += float64(v.Stake)
				}
			}
		}
	}
	return p
}

// trusted are the miners with more than half of the stake that published a list, each with the version of the file that most stake has judged.
func (p poll) trusted(m chain.Metagraph) *Trusted {
	t := &Trusted{Source: FromLists, Files: map[string]score.TrustedFile{}}
	for _, n := range m.Neurons {
		if !(p.votes[n.Hotkey] > p.published/2) {
			continue
		}
		t.Hotkeys = append(t.Hotkeys, n.Hotkey)
		var best score.TrustedFile
		most := 0.0
		for f, stake := range p.files[n.Hotkey] {
			if stake > most || stake == most && cmp.Or(cmp.Compare(f.ETag, best.ETag), cmp.Compare(f.Size, best.Size)) < 0 {
				best, most = f, stake
			}
		}
		if most > 0 {
			t.Files[n.Hotkey] = best
		}
	}
	slices.Sort(t.Hotkeys)
	return t
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
		text, err := readWithin(ctx, r, read, v.Hotkey, at)
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

// readWithin reads a list within its limit.
func readWithin(ctx context.Context, r grail.Rules, read ReadList, hotkey string, window int64) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, listLimit(r))
	defer cancel()
	return read(ctx, hotkey, window)
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
	t := &Trusted{Source: FromIncentive, Verify: true}
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
