package devnet

import (
	"errors"

	"github.com/nanteos/nanteos/internal/node"
)

// Errors among which a caller decides.
var (
	// ErrInUse: another process runs the network in this folder.
	ErrInUse = node.ErrInUse
	// ErrOtherNetwork: the folder holds a network with other settings than were asked for.
	ErrOtherNetwork = errors.New("data folder holds another network")
	// ErrFolder: the folder holds something else, or a network that can't be read.
	ErrFolder = errors.New("data folder is unusable")
	// ErrIdle: the network ran and nothing came of it.
	ErrIdle = errors.New("network made no progress")
	// ErrSlowEnd: some part did not end in time.
	ErrSlowEnd = errors.New("some parts did not end in time")
)

// hinted is an error with what to do about it.
type hinted struct {
	error
	hint string
}

// WithHint adds what to do next to an error. Commands show it on a line of its own.
func WithHint(err error, hint string) error { return hinted{err, hint} }

// Hint is what to do next.
func (h hinted) Hint() string { return h.hint }

func (h hinted) Unwrap() error { return h.error }
