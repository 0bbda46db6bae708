package validator

import (
	"time"

	"github.com/nanteos/nanteos/grail/verify"
	"github.com/nanteos/nanteos/internal/chain"
	"github.com/nanteos/nanteos/internal/node"
)

// Event is something that happened. Times are the machine's.
type Event interface{ at() time.Time }

// Begin is the first event of a process: what the operator asked for and what the disk holds.
type Begin struct {
	Now    time.Time
	Plan   Plan
	Ledger Ledger
}

// Head is a new block.
type Head struct {
	Now   time.Time
	Block chain.BlockRef
}

// Woke ends a Wake.
type Woke struct{ Now time.Time }

// Stop asks the validator to end. The window in progress is given up; it is done again after the next start, if it is still the last one.
type Stop struct{ Now time.Time }

// Answer says how an effect ended: Failure is nil when it succeeded.
type Answer struct {
	Now     time.Time
	ID      uint64
	Failure *Failure
}

// Prepared answers Prepare.
type Prepared struct {
	Answer
	Checkpoint int64
	// Model is the checkpoint's identity text.
	Model string
}

// Opened answers Open.
type Opened struct {
	Answer
	Inputs  node.Window
	Closing node.Closing
	Neurons []Neuron
}

// Discovered answers Discover, in the order of the neurons.
type Discovered struct {
	Answer
	Found []Candidate
}

// Judged answers Judge, with a judgement for each miner asked for.
type Judged struct {
	Answer
	Results []Judgement
}

// Saved answers Save.
type Saved struct{ Answer }

// Published answers Publish.
type Published struct{ Answer }

// Settled answers Settle: the weights are on chain since a block.
type Settled struct {
	Answer
	Block int64
}

// Candidate is what discovery found out about one neuron.
type Candidate struct {
	UID    int    `json:"uid"`
	Hotkey string `json:"hotkey"`
	// Outcome is empty for an active miner: its file is there, in time and of a good size.
	Outcome Outcome `json:"outcome,omitempty"`
	// Reason says why there is no usable file.
	Reason string `json:"reason,omitempty"`
	// File describes the object where there is one.
	File *Object `json:"file,omitempty"`
}

// Object is a version of a window file in a miner's bucket.
type Object struct {
	Key  string `json:"key"`
	Size int64  `json:"size"`
	ETag string `json:"etag,omitempty"`
	// Modified is the store's time of the version.
	Modified time.Time `json:"last_modified,omitzero"`
}

// upload is the time in unix seconds, nil when unknown.
func (o *Object) upload() *float64 {
	if o == nil || o.Modified.IsZero() {
		return nil
	}
	t := float64(o.Modified.UnixMilli()) / 1000
	return &t
}

// Judgement is the outcome of one miner.
type Judgement struct {
	Hotkey  string
	Outcome Outcome
	// File is the version that was judged.
	File *Object
	// Report is nil where the file wasn't opened.
	Report *verify.FileReport
	// Reason and Hint are set where there is no report that says it.
	Reason, Hint string
	// Fetched is how many bytes were read, Took how long it took.
	Fetched int64
	Took    time.Duration
}

// Outcome is what became of a miner in a window.
type Outcome string

// The outcomes.
const (
	// Accepted: the file passed.
	Accepted Outcome = "accepted"
	// Failed: the file did not pass, or is a copy. The miner is not checked for some windows and earns nothing.
	Failed Outcome = "failed"
	// NoFile, Late and BadSize: there is no file that counts. No penalty.
	NoFile  Outcome = "no_file"
	Late    Outcome = "late"
	BadSize Outcome = "bad_size"
	// NoBucket: no bucket is committed on chain, or none that can be used.
	NoBucket Outcome = "no_bucket"
	// Unjudged: something on the validator's side, or between it and the bucket, failed. No penalty.
	Unjudged Outcome = "unjudged"
	// Excluded: a failure in the last windows; not looked at. Unchosen: not drawn this time.
	Excluded Outcome = "excluded"
	Unchosen Outcome = "unchosen"
)

// Failure says why an effect failed.
type Failure struct {
	Kind FailureKind
	// Reason is one line for people; Hint is what to do, or empty.
	Reason, Hint string
}

// FailureKind is what the validator decides by.
type FailureKind string

// The kinds.
const (
	// Passing: try again.
	Passing FailureKind = "passing"
	// Early: a block or a round is still to come. Try again; it is told only when it lasts.
	Early FailureKind = "early"
	// NoCheckpoint: none is ready for the window.
	NoCheckpoint FailureKind = "no checkpoint"
	// Unusable: the checkpoint's policy is missing or asks for what this build can't do.
	Unusable FailureKind = "unusable"
	// Refusal: it will not work, now or later.
	Refusal FailureKind = "refusal"
)

func (e Begin) at() time.Time  { return e.Now }
func (e Head) at() time.Time   { return e.Now }
func (e Woke) at() time.Time   { return e.Now }
func (e Stop) at() time.Time   { return e.Now }
func (e Answer) at() time.Time { return e.Now }
