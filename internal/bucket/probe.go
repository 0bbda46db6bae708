package bucket

import (
	"context"
	"errors"
	"time"
)

// Presence is what a validator learns of an upload before it reads it (storage specification, 10.4; validator specification, A7 and
// A8).
type Presence struct {
	Info Info
	// Exists: one of the keys holds an object. The rest is about that object.
	Exists bool
	// BadSize: smaller than the minimum or larger than the maximum. Late: after the deadline. Neither is set with the other.
	BadSize, Late bool
	// Compressed: it is the object under key + ".gz".
	Compressed bool
}

// Valid reports whether the upload counts.
func (p Presence) Valid() bool { return p.Exists && !p.BadSize && !p.Late }

// Limits of an upload. A maximum of 0 is none; a zero deadline accepts every time.
type Limits struct {
	Min, Max int64
	Deadline time.Time
}

// Probe looks for an upload under key. With gzip it tries key + ".gz" first, as the reference does; the first that exists decides.
// Errors other than absence are returned, where the reference takes them for absence: a validator must not punish a miner because the
// store could not be reached.
func Probe(ctx context.Context, bkt Bucket, key string, gzip bool, limits Limits) (Presence, error) {
	keys := []string{key}
	if gzip {
		keys = []string{key + ".gz", key}
	}
	for i, k := range keys {
		info, err := bkt.Head(ctx, k)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return Presence{}, err
		}
		return limits.judge(info, gzip && i == 0), nil
	}
	return Presence{}, nil
}

// judge applies the limits. A time equal to the deadline is on time.
func (l Limits) judge(info Info, compressed bool) Presence {
	p := Presence{Info: info, Exists: true, Compressed: compressed}
	p.BadSize = info.Size < l.Min || l.Max > 0 && info.Size > l.Max
	p.Late = !p.BadSize && !l.Deadline.IsZero() && !info.LastModified.IsZero() && info.LastModified.After(l.Deadline)
	return p
}
