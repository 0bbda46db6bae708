package miner

import (
	"time"

	"github.com/nanteos/nanteos/internal/chain"
	"github.com/nanteos/nanteos/internal/node"
)

// Event is something that happened. Times are the machine's.
type Event interface{ at() time.Time }

// Begin is the first event of a process: what the operator asked for and which groups of State.Work the journal holds.
type Begin struct {
	Now    time.Time
	Plan   Plan
	Groups []GroupRecord
}

// Head is a new block.
type Head struct {
	Now   time.Time
	Block chain.BlockRef
}

// Woke ends a Wait.
type Woke struct {
	Now time.Time
	ID  uint64
}

// Stop asks the miner to end: no further group, upload what is complete.
type Stop struct{ Now time.Time }

// Answer says how an effect ended: Failure is nil when it succeeded.
type Answer struct {
	Now     time.Time
	ID      uint64
	Failure *Failure
}

// Found answers Find.
type Found struct {
	Answer
	Window, Checkpoint int64
}

// Loaded answers Load.
type Loaded struct {
	Answer
	Checkpoint int64
	// Name is the model's identity text.
	Name string
}

// Opened answers Open.
type Opened struct {
	Answer
	Inputs node.Window
}

// Grouped answers Group. The record, and the rows of a kept group, are in the journal already. With a Failure there is no record.
type Grouped struct {
	Answer
	Window int64
	Record GroupRecord
}

// Wrote answers Package. Dropped names groups that did not make it into the file.
type Wrote struct {
	Answer
	File    File
	Dropped []GroupRecord
}

// Put answers Upload.
type Put struct{ Answer }

// Confirmed answers Confirm: whether the store holds an object under the key, whether it is the file, and since when.
type Confirmed struct {
	Answer
	Present, Own bool
	LastModified time.Time
}

// Settled answers Settle with the time of the block after the window. It has no ID.
type Settled struct {
	Now    time.Time
	Window int64
	End    time.Time
}

// Failure says why an effect failed.
type Failure struct {
	Kind FailureKind
	// Reason is one line for people; Hint is what to do, or empty.
	Reason, Hint string
}

// FailureKind is what the miner decides by.
type FailureKind string

// The kinds. Everything that may pass is Passing.
const (
	// Passing: try again.
	Passing FailureKind = "passing"
	// NoCheckpoint: none is ready for the window.
	NoCheckpoint FailureKind = "no checkpoint"
	// Unusable: the checkpoint asks for what this build can't do, or for nothing sensible.
	Unusable FailureKind = "unusable"
	// Refusal: the store will not have it, now or later.
	Refusal FailureKind = "refusal"
	// Exists: there is an object under the key already.
	Exists FailureKind = "exists"
	// Cut: it was cancelled or its time was over.
	Cut FailureKind = "cut"
)

func (e Begin) at() time.Time   { return e.Now }
func (e Head) at() time.Time    { return e.Now }
func (e Woke) at() time.Time    { return e.Now }
func (e Stop) at() time.Time    { return e.Now }
func (e Answer) at() time.Time  { return e.Now }
func (e Settled) at() time.Time { return e.Now }
