package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/nanteos/nanteos/internal/bucket"
)

// Retention says which checkpoints stay in the trainer's bucket. The zero value keeps what the reference keeps (sections 12.4 and 12.5).
type Retention struct {
	// First is how many of the network's first windows stay: 10. Full and Delta are how many of the newest whole checkpoints (3) and patches (15) stay.
	First, Full, Delta int
	// Milestone keeps one checkpoint in so many windows for good; 0 none.
	Milestone int
	// Every is after how many publications the bucket is cleaned: 10.
	Every int
}

func (r Retention) withDefaults() Retention {
	for _, f := range []struct {
		p *int
		v int
	}{{&r.First, 10}, {&r.Full, 3}, {&r.Delta, 15}, {&r.Every, 10}} {
		if *f.p == 0 {
			*f.p = f.v
		}
	}
	return r
}

// anchorOf is the last multiple of the stride at or before a window, which may be negative.
func anchorOf(window, stride int64) int64 {
	a := window - window%stride
	if a > window {
		a -= stride
	}
	return a
}

// byAge are the windows that stay for their number alone, ascending: the first ones, those since the whole checkpoint before the last, and milestones.
func (r Retention) byAge(current, length int64, interval int) []int64 {
	if current < 0 {
		return nil
	}
	keep := map[int64]bool{}
	for i := range int64(r.First) {
		if i*length <= current {
			keep[i*length] = true
		}
	}
	stride := length * int64(max(1, interval))
	for w := max(0, anchorOf(current, stride)-stride); w < current+length; w += length {
		keep[w] = true
	}
	if r.Milestone > 0 {
		for w := int64(0); w <= current; w += length * int64(r.Milestone) {
			keep[w] = true
		}
	}
	return slices.Sorted(maps.Keys(keep))
}

// link is what a patch says of its place in a chain.
type link struct{ prev, anchor *int64 }

// chains are the windows that patches among those retained are applied to, ascending: for each whose anchor is known the anchor, and all that lie before it
// until the anchor, an unknown link or one that was there before.
func chains(retained []int64, links map[int64]link) []int64 {
	keep := map[int64]bool{}
	for _, w := range retained {
		l, ok := links[w]
		if !ok || l.anchor == nil {
			continue
		}
		keep[*l.anchor] = true
		seen := map[int64]bool{w: true}
		for at := l; at.prev != nil; at = links[*at.prev] {
			keep[*at.prev] = true
			if *at.prev == *l.anchor || seen[*at.prev] {
				break
			}
			seen[*at.prev] = true
		}
	}
	return slices.Sorted(maps.Keys(keep))
}

// retained are the windows of an inventory that stay: by age, the newest whole ones and patches, all that they are applied to, and the next older whole
// checkpoint of new patches whose chain is not known.
func (r Retention) retained(full, delta []int64, links map[int64]link, length int64, interval int) map[int64]bool {
	newest := int64(-1)
	for _, list := range [][]int64{full, delta} {
		if len(list) > 0 {
			newest = max(newest, list[0])
		}
	}
	keep := map[int64]bool{}
	add := func(windows []int64) {
		for _, w := range windows {
			keep[w] = true
		}
	}
	newDeltas := delta[:min(r.Delta, len(delta))]
	add(r.byAge(newest, length, interval))
	add(full[:min(r.Full, len(full))])
	add(newDeltas)
	add(chains(slices.DeleteFunc(slices.Clone(delta), func(w int64) bool { return !keep[w] }), links))
	for _, w := range newDeltas {
		if l, ok := links[w]; ok && l.anchor != nil {
			continue
		}
		for _, f := range full { // newest first
			if f < w {
				keep[f] = true
				break
			}
		}
	}
	return keep
}

// maxRetained bounds the checkpoints that one cleaning looks at.
const maxRetained = 100_000

// Retain removes the checkpoints that nobody needs any more from a bucket and returns their labels. A listing that fails or is empty, and metadata that can't be
// had for a reason that may pass, remove nothing. The checkpoint that is in use, and what it is applied to, always stays.
func Retain(ctx context.Context, bkt bucket.Bucket, length int64, interval int, r Retention) (removed []int64, err error) {
	r = r.withDefaults()
	infos, err := bucket.ListAll(ctx, bkt, Prefix, maxListed)
	if err != nil {
		return nil, fmt.Errorf("couldn't clean checkpoints: %w", err)
	}
	keys := make([]string, len(infos))
	for i, info := range infos {
		keys[i] = info.Key
	}
	all, full, delta := Inventory(slices.Values(keys))
	if len(all) == 0 || len(all) > maxRetained {
		return nil, nil
	}
	links := map[int64]link{}
	for _, w := range delta {
		text, _, err := bucket.ReadAll(ctx, bkt, bucket.DeltaKey(w, metadataName), maxMetadataBytes)
		if errors.Is(err, bucket.ErrNotFound) {
			continue
		}
		if err != nil && !errors.Is(err, bucket.ErrTooLarge) {
			return nil, fmt.Errorf("couldn't clean checkpoints: %w", err)
		}
		if m, err := ParseMetadata(text); err == nil && m.PrevWindow != nil && m.AnchorWindow != nil {
			links[w] = link{m.PrevWindow, m.AnchorWindow}
		}
	}
	keep := r.retained(full, delta, links, length, interval)
	if used, ok := LatestReady(slices.Values(keys), 1<<62); ok {
		keep[used.Window] = true
		for _, w := range chains([]int64{used.Window}, links) {
			keep[w] = true
		}
	}
	for _, w := range all {
		if keep[w] {
			continue
		}
		if _, err := bucket.DeletePrefix(ctx, bkt, bucket.CheckpointPrefix(w)); err != nil {
			return removed, fmt.Errorf("couldn't remove checkpoint %d: %w", w, err)
		}
		removed = append(removed, w)
	}
	return removed, nil
}
