package validator

import (
	"time"

	"github.com/nanteos/nanteos/grail/score"
	"github.com/nanteos/nanteos/internal/node"
	"github.com/nanteos/nanteos/internal/status"
)

// Op names a kind of effect.
type Op string

// The operations that are answered. Only one of them is under way at a time.
const (
	OpPrepare  Op = "prepare"
	OpOpen     Op = "open"
	OpDiscover Op = "discover"
	OpJudge    Op = "judge"
	OpSave     Op = "save"
	OpPublish  Op = "publish"
	OpSettle   Op = "settle"
)

// Effect is something to do. Limit is how long it may take.
type Effect interface{ effect() }

// Prepare finds the checkpoint of a window and loads it, with its environment. Answer: Prepared.
type Prepare struct {
	ID     uint64
	Window int64
	Limit  time.Duration
}

// Open reads blocks, randomness, register and buckets. Answer: Opened.
type Open struct {
	ID     uint64
	Window int64
	Limit  time.Duration
}

// Discover looks for every neuron's window file. Answer: Discovered.
type Discover struct {
	ID       uint64
	Window   int64
	Deadline time.Time
	Neurons  []Neuron
	Limit    time.Duration
}

// Judge checks the files of some miners, side by side. Limit is for one miner. Answer: Judged.
type Judge struct {
	ID         uint64
	Window     node.Window
	Closing    node.Closing
	Checkpoint int64
	Hotkeys    []string
	Limit      time.Duration
}

// Save writes the report, if there is one, and then the ledger in one piece. Answer: Saved.
type Save struct {
	ID     uint64
	Ledger Ledger
	Report *WindowReport
}

// Publish puts a trust list into the validator's own bucket. Answer: Published.
type Publish struct {
	ID    uint64
	List  score.TrustList
	Limit time.Duration
}

// Settle sets weights unless the chain has them already, and reads them back. Answer: Settled.
type Settle struct {
	ID     uint64
	Vector Vector
	Limit  time.Duration
}

// Cancel ends an effect early; it is answered all the same.
type Cancel struct{ ID uint64 }

// Wake asks for a Woke at a time. A later Wake replaces it.
type Wake struct{ At time.Time }

// Emit reports an event.
type Emit struct{ Event status.Event }

// Quit ends the driver.
type Quit struct{}

func (Prepare) effect()  {}
func (Open) effect()     {}
func (Discover) effect() {}
func (Judge) effect()    {}
func (Save) effect()     {}
func (Publish) effect()  {}
func (Settle) effect()   {}
func (Cancel) effect()   {}
func (Wake) effect()     {}
func (Emit) effect()     {}
func (Quit) effect()     {}
