package checkpoint

import (
	"context"
	"fmt"
	"iter"
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
	n, err := cpython.ParseInt(fields[1])
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
