package miner

import (
	"time"

	"github.com/nanteos/nanteos/internal/node"
	"github.com/nanteos/nanteos/internal/status"
)

// Op names a kind of effect.
type Op string

// The operations that are answered. Only one of them is under way at a time.
const (
	OpFind    Op = "find"
	OpLoad    Op = "load"
	OpOpen    Op = "open"
	OpGroup   Op = "group"
	OpPackage Op = "package"
	OpUpload  Op = "upload"
	OpConfirm Op = "confirm"
	OpWait    Op = "wait"
)

// Effect is something to do. Limit is how long it may take.
type Effect interface{ effect() }

// Find reads the READY markers and says which checkpoint is the window's. Answer: Found.
type Find struct {
	ID     uint64
	Window int64
	Limit  time.Duration
}

// Load loads a checkpoint. Answer: Loaded.
type Load struct {
	ID         uint64
	Checkpoint int64
	Limit      time.Duration
}

// Open reads hash and randomness of a window. Answer: Opened.
type Open struct {
	ID     uint64
	Window int64
	Limit  time.Duration
}

// Group makes one group, checks it as a validator will, and journals it. Answer: Grouped.
type Group struct {
	ID     uint64
	Window node.Window
	// Block is the newest block, Checkpoint the label that rows carry.
	Block, Checkpoint int64
	// Index is the problem index.
	Index int64
	// Replay asks for a real replay of the group; otherwise the proof pass is trusted.
	Replay bool
	Limit  time.Duration
}

// Package writes the window file of the given groups into the outbox. Answer: Wrote.
type Package struct {
	ID         uint64
	Window     node.Window
	Checkpoint int64
	Groups     []GroupRecord
	Limit      time.Duration
}

// Upload stores the file unless there is an object under its key already. Answer: Put.
type Upload struct {
	ID    uint64
	File  File
	Limit time.Duration
}

// Confirm asks the store for the object. Answer: Confirmed.
type Confirm struct {
	ID    uint64
	File  File
	Limit time.Duration
}

// Wait sleeps. Answer: Woke.
type Wait struct {
	ID  uint64
	For time.Duration
}

// Cancel ends an effect early; it is answered all the same.
type Cancel struct{ ID uint64 }

// Settle reads the time of the block after a window. Answer: Settled, or nothing.
type Settle struct{ Window int64 }

// Emit reports an event.
type Emit struct{ Event status.Event }

// Clean removes files and groups of windows before one.
type Clean struct{ Before int64 }

// Quit ends the driver.
type Quit struct{}

func (Find) effect()    {}
func (Load) effect()    {}
func (Open) effect()    {}
func (Group) effect()   {}
func (Package) effect() {}
func (Upload) effect()  {}
func (Confirm) effect() {}
func (Wait) effect()    {}
func (Cancel) effect()  {}
func (Settle) effect()  {}
func (Emit) effect()    {}
func (Clean) effect()   {}
func (Quit) effect()    {}
