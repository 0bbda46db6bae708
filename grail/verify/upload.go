package verify

import "github.com/nanteos/nanteos/grail"

// Object is what a store says about an object.
type Object struct {
	// Size in bytes, nil when the store doesn't say.
	Size *int64
	// Modified is the store's LastModified in unix seconds, nil when it doesn't say.
	Modified *float64
}

// Upload is the outcome of looking for a window file (A8).
type Upload struct {
	// Exists tells that the object is there, in time and of a good size.
	Exists bool `json:"exists"`
	// Late tells that it came after the deadline, BadSize that its size is missing or out of bounds.
	Late    bool `json:"late"`
	BadSize bool `json:"bad_size"`
	// Time is the upload time in unix seconds, where known.
	Time *float64 `json:"upload_time"`
	// Key is the object that was found, empty for none.
	Key string `json:"-"`
}

// ProbeKeys returns the keys to look for, in order; the first that exists decides alone. Under PreferGzip a twin with .gz appended
// comes first, even a bad one.
func ProbeKeys(r grail.Rules, key string) []string {
	if r.PreferGzip {
		return []string{key + ".gz", key}
	}
	return []string{key}
}

// Deadline is the latest upload time of a window, in unix seconds, from the time of the block that ends it.
func Deadline(r grail.Rules, endBlockTime float64) float64 {
	return endBlockTime + r.DeadlineSlackSeconds
}

// JudgeUpload judges an object against deadline (unix seconds, nil: none) and size bounds in bytes (max nil: none). A size that is missing or
// below min is bad where min is positive; an upload at the deadline is in time, and one of unknown time too.
func JudgeUpload(o Object, deadline *float64, min int64, max *int64) Upload {
	if min > 0 && (o.Size == nil || *o.Size < min) || max != nil && o.Size != nil && *o.Size > *max {
		return Upload{BadSize: true}
	}
	if deadline != nil && o.Modified != nil && *o.Modified > *deadline {
		return Upload{Late: true, Time: o.Modified}
	}
	return Upload{Exists: true, Time: o.Modified}
}
