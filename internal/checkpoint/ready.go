package checkpoint

import (
	"context"
	"fmt"
	"iter"
	"math/big"
	"slices"
	"strings"

	"github.com/nanteos/nanteos/internal/bucket"
	"github.com/nanteos/nanteos/internal/cpython"
)

// Prefix begins the keys of all checkpoints.
const Prefix = "grail/checkpoints/"

// maxListed bounds the listing of a trainer's bucket.
const maxListed = 1 << 20

// Ready is a READY marker: the checkpoint with the label Window may be used in the windows after Ready.
type Ready struct{ Window, Ready int64 }

// ParseReady reads the key of a READY marker: its third part is checkpoint-W, its fourth READY-R, each number being what stands
// between the first and the second dash, as Python's int() reads it.
func ParseReady(key string) (Ready, bool) {
	parts := strings.Split(key, "/")
	if len(parts) < 4 || !strings.HasPrefix(parts[2], "checkpoint-") || !strings.HasPrefix(parts[3], "READY-") {
		return Ready{}, false
	}
	window, ok := dashed(parts[2])
	ready, ok2 := dashed(parts[3])
	return Ready{window, ready}, ok && ok2
}

// dashed reads the number between the first two dashes.
func dashed(part string) (int64, bool) {
	fields := strings.SplitN(part, "-", 3)
	if len(fields) < 2 {
		return 0, false
	}
	return asInt64(cpython.ParseInt(fields[1]))
}

func asInt64(n *big.Int, err error) (int64, bool) {
	if err != nil || !n.IsInt64() {
		return 0, false
	}
	return n.Int64(), true
}

// LatestReady chooses the checkpoint of a window among the keys of a bucket: of the markers with Ready < before the one with
// the largest Ready, then the largest Window (section 7.1).
func LatestReady(keys iter.Seq[string], before int64) (latest Ready, ok bool) {
	for key := range keys {
		r, isMarker := ParseReady(key)
		if !isMarker || r.Ready >= before {
			continue
		}
		if !ok || r.Ready > latest.Ready || r.Ready == latest.Ready && r.Window > latest.Window {
			latest, ok = r, true
		}
	}
	return latest, ok
}

// Latest returns the checkpoint that everybody uses in the window before. ErrNone when the bucket has none; a listing that fails is
// another error, since then nobody knows (the reference takes it for an empty bucket, quirk 23).
func Latest(ctx context.Context, bkt bucket.Bucket, before int64) (Ready, error) {
	var failure error
	listed := 0
	keys := func(yield func(string) bool) {
		for info, err := range bkt.List(ctx, Prefix) {
			if listed++; err == nil && listed > maxListed {
				err = fmt.Errorf("%w: more than %d objects", bucket.ErrTooLarge, maxListed)
			}
			if err != nil {
				failure = err
				return
			}
			if !yield(info.Key) {
				return
			}
		}
	}
	latest, ok := LatestReady(keys, before)
	switch {
	case failure != nil:
		return Ready{}, fmt.Errorf("couldn't find the checkpoint of window %d: %w", before, failure)
	case !ok:
		return Ready{}, fmt.Errorf("couldn't find the checkpoint of window %d: %w", before, ErrNone)
	}
	return latest, nil
}

// isReady tells whether a checkpoint has a READY marker.
func isReady(ctx context.Context, bkt bucket.Bucket, window int64) (bool, error) {
	for info, err := range bkt.List(ctx, bucket.CheckpointPrefix(window)+"READY-") {
		if err != nil {
			return false, err
		}
		if _, ok := ParseReady(info.Key); ok {
			return true, nil
		}
	}
	return false, nil
}

// ParseWindow reads the label from a key: the first part that begins with checkpoint-, as Python's int() reads the rest of it.
func ParseWindow(key string) (int64, bool) {
	for part := range strings.SplitSeq(key, "/") {
		if text, ok := strings.CutPrefix(part, "checkpoint-"); ok {
			return asInt64(cpython.ParseInt(text))
		}
	}
	return 0, false
}

// Inventory lists the labels of the checkpoints that keys speak of, newest first: all, those without a patch and those with one
// (section 12.5; one with both counts as a patch).
func Inventory(keys iter.Seq[string]) (all, full, delta []int64) {
	patched := map[int64]bool{}
	for key := range keys {
		if window, ok := ParseWindow(key); ok {
			patched[window] = patched[window] || strings.Contains(key, "/"+Delta+"/")
		}
	}
	for window, isDelta := range patched {
		all = append(all, window)
		if isDelta {
			delta = append(delta, window)
		} else {
			full = append(full, window)
		}
	}
	for _, list := range [][]int64{all, full, delta} {
		slices.Sort(list)
		slices.Reverse(list)
	}
	return all, full, delta
}
