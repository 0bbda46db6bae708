package miner

import (
	"slices"
	"time"

	"github.com/nanteos/nanteos/internal/node"
)

// Phase is how far a window has come.
type Phase string

// The phases. The last two are ends.
const (
	// Seen: the window has begun; checkpoint and randomness are still to be had.
	Seen Phase = "seen"
	// Generating: groups are made and journalled.
	Generating Phase = "generating"
	// Packaged: the window file is in the outbox. No byte of it has left the machine.
	Packaged Phase = "packaged"
	// Uploading: the intent to upload is journalled; the store may hold the file.
	Uploading Phase = "uploading"
	// Uploaded: the store confirmed to hold the file.
	Uploaded Phase = "uploaded"
	// Skipped: given up, for Work.Reason.
	Skipped Phase = "skipped"
)

// State is everything that the miner decides by, as plain data. It is journalled after every step that changes more than the clock, and
// before the effects of that step are performed.
type State struct {
	// Plan is what the operator asked for.
	Plan Plan `json:"plan"`
	// Last is the newest window that is over for this miner; negative at first.
	Last int64 `json:"last"`
	// Work is the window in progress, nil between windows.
	Work *Work `json:"work,omitempty"`
	// Finished is the window that was in progress before, until its deadline is known and compared.
	Finished *Work `json:"finished,omitempty"`
	// GroupSeconds and FinishSeconds are moving averages of how long a group takes, and of how long it takes from the last group to a
	// confirmed upload. 0: not known yet.
	GroupSeconds  float64 `json:"group_seconds"`
	FinishSeconds float64 `json:"finish_seconds"`
	// Clock is the chain as the miner last saw it.
	Clock Clock `json:"clock"`

	// What follows is about this process only and starts from zero after a restart.

	// Sequence numbers the effects, so that an answer that nobody waits for any more is recognised.
	Sequence uint64 `json:"-"`
	// Pending is the effect whose answer the miner waits for.
	Pending *Pending `json:"-"`
	// Loaded is the checkpoint in memory, nil for none.
	Loaded *int64 `json:"-"`
	// Started says that the driver has told what the journal holds.
	Started bool `json:"-"`
	// Stopping says that the operator wants the miner to end: no new group, upload what is complete.
	Stopping bool `json:"-"`
	// Quit says that nothing is left to do.
	Quit bool `json:"-"`
}

// Pending is an effect that was asked for and not answered.
type Pending struct {
	ID    uint64
	Op    Op
	Since time.Time
	// Cancelled says that a Cancel was sent after it.
	Cancelled bool
}

// Plan is what the operator can choose. The zero value is a sensible miner.
type Plan struct {
	// Name is the node's name in events, Hotkey its address.
	Name   string `json:"name"`
	Hotkey string `json:"hotkey"`
	// UID is the neuron's number, for events; nil when unknown.
	UID *int `json:"uid,omitempty"`
	// MaxGroups ends a window's generation after so many kept groups; 0 for no limit.
	MaxGroups int `json:"max_groups,omitempty"`
	// GroupInterval is the least time between the starts of two groups, to leave the machine to others.
	GroupInterval time.Duration `json:"group_interval,omitempty"`
	// SafetyBlocks are kept free at the end of a window, 3 when 0. Negative: none.
	SafetyBlocks int `json:"safety_blocks,omitempty"`
	// KeepWindows is for how many windows files and groups stay on disk after their end, 4 when 0.
	KeepWindows int `json:"keep_windows,omitempty"`
}

func (p Plan) safety() float64 {
	switch {
	case p.SafetyBlocks < 0:
		return 0
	case p.SafetyBlocks == 0:
		return 3
	}
	return float64(p.SafetyBlocks)
}

func (p Plan) keep() int64 {
	if p.KeepWindows <= 0 {
		return 4
	}
	return int64(p.KeepWindows)
}

// Work is one window.
type Work struct {
	Window int64 `json:"window"`
	Phase  Phase `json:"phase"`
	// Reason and Hint say why a window was skipped, or what last went wrong in it.
	Reason string `json:"reason,omitempty"`
	Hint   string `json:"hint,omitempty"`
	// Checkpoint is the label of the checkpoint that the groups are made with, nil before it is known.
	Checkpoint *int64 `json:"checkpoint,omitempty"`
	// Inputs are hash and randomness, nil before they are known. They stay the same over a restart.
	Inputs *node.Window `json:"inputs,omitempty"`
	// Next is the next free problem index.
	Next int64 `json:"next"`
	// Groups are the groups made so far, dropped ones too.
	Groups []GroupRecord `json:"groups,omitempty"`
	// Rechecked says that the READY markers were read again when the window was under way (quirk 58).
	Rechecked bool `json:"rechecked,omitempty"`
	// Finishing says that no further group is to be made, and Closing why.
	Finishing bool   `json:"finishing,omitempty"`
	Closing   string `json:"closing,omitempty"`
	// FinishStarted is when Finishing began.
	FinishStarted time.Time `json:"finish_started,omitzero"`
	// File is the window file in the outbox, nil before it is packaged.
	File *File `json:"file,omitempty"`
	// Attempts counts uploads that were started.
	Attempts int `json:"attempts,omitempty"`
	// LastModified is the store's time of the file.
	LastModified time.Time `json:"last_modified,omitzero"`
	// Settled says that the store's time was compared with the true deadline, Late that it is after it.
	Settled bool `json:"settled,omitempty"`
	Late    bool `json:"late,omitempty"`

	// About this process only:

	// Current says that Checkpoint is known to be the newest one; Final that this was confirmed for the upload.
	Current, Final bool `json:"-"`
	// Ask says that the store must be asked whether it holds the file before anything else is done about it.
	Ask bool `json:"-"`
	// Refused says that trying again is useless.
	Refused bool `json:"-"`
	// NotBefore is when the next try of what failed, or the next group, may begin.
	NotBefore time.Time `json:"-"`
	// Failures counts failures in a row.
	Failures int `json:"-"`
	// GroupStarted is when the last group was asked for.
	GroupStarted time.Time `json:"-"`
	// Timed says that FinishStarted is of this process, so that what follows can be measured.
	Timed bool `json:"-"`
}

// GroupRecord is what the journal knows of a group besides its rows.
type GroupRecord struct {
	// Index is the problem index.
	Index int64 `json:"index"`
	// Checkpoint is the label of the checkpoint it was made with.
	Checkpoint int64 `json:"checkpoint"`
	// Rollouts, Tokens (of the completions) and Reward (mean) describe a kept group.
	Rollouts int     `json:"rollouts,omitempty"`
	Tokens   int     `json:"tokens,omitempty"`
	Reward   float64 `json:"reward,omitempty"`
	// Dataset is the digest of the dataset that its problem was drawn from, empty where the environment has none.
	Dataset string `json:"dataset,omitempty"`
	// Bytes is the size of the journalled rows.
	Bytes int64 `json:"bytes,omitempty"`
	// Dropped says that it is not uploaded. Check is the check that it would not pass, Reason and Hint say why and what to do.
	Dropped bool   `json:"dropped,omitempty"`
	Check   string `json:"check,omitempty"`
	Reason  string `json:"reason,omitempty"`
	Hint    string `json:"hint,omitempty"`
}

// File is a window file in the outbox. Its bytes never change.
type File struct {
	// Key is where it goes in the bucket, Name its name in the outbox.
	Key  string `json:"key"`
	Name string `json:"name"`
	Size int64  `json:"size"`
	// SHA256 and MD5 are those of the bytes, in hex; stores name small objects by the latter.
	SHA256 string `json:"sha256"`
	MD5    string `json:"md5"`
	// Rows and Groups count what is in it.
	Rows   int `json:"rows"`
	Groups int `json:"groups"`
}

// kept returns the groups that may be uploaded: of the current checkpoint and not dropped, ascending by index.
func (w *Work) kept() []GroupRecord {
	var kept []GroupRecord
	for _, g := range w.Groups {
		if !g.Dropped && w.Checkpoint != nil && g.Checkpoint == *w.Checkpoint {
			kept = append(kept, g)
		}
	}
	slices.SortFunc(kept, func(a, b GroupRecord) int { return int(a.Index - b.Index) })
	return kept
}

// clone copies what a step may change.
func (s State) clone() State {
	s.Work = s.Work.clone()
	s.Finished = s.Finished.clone()
	if s.Pending != nil {
		p := *s.Pending
		s.Pending = &p
	}
	return s
}

func (w *Work) clone() *Work {
	if w == nil {
		return nil
	}
	c := *w
	c.Groups = slices.Clone(w.Groups)
	return &c
}

// NewState is the state of a miner that never ran.
func NewState() State { return State{Last: -1} }
