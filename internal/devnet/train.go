package devnet

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/nanteos/nanteos/grail/grpo"
	"github.com/nanteos/nanteos/internal/checkpoint"
	"github.com/nanteos/nanteos/internal/engine"
	"github.com/nanteos/nanteos/internal/node"
	"github.com/nanteos/nanteos/internal/node/trainer"
	"github.com/nanteos/nanteos/internal/status"
)

// How a network learns. Of the settings of the reference, which are made for models a thousand times larger, the learning rate is too small and a step too large to
// show anything within minutes.
const (
	// learningRate is that of a step, after a warm-up of so many windows.
	learningRate = 2e-4
	warmUp       = 2
	// stepBatches micro-batches of batchSize rollouts make an optimizer step.
	batchSize   = 16
	stepBatches = 6
	// patches follow a whole checkpoint.
	patches = 10
)

// trainSettings are what the trainer of a network works with.
func trainSettings() trainer.Settings {
	s := trainer.DefaultSettings()
	s.GRPO.KL, s.GRPO.MicroBatch, s.GRPO.Accumulation = 0, batchSize, stepBatches
	s.Filters.MaxGroups, s.GroupsPerEpoch = 64, 64
	s.ReplayWindows, s.Recent = 1, 1
	// All files are judged in every window, but of those who failed in the one before; a window that was not judged is let go.
	s.JudgedOnly, s.MaxStale, s.MinTrusted = true, 0, 0
	const planned = 100 // windows; what comes after is no different
	s.Schedule = grpo.Schedule{Peak: learningRate, Floor: learningRate, Total: planned, Warmup: float64(warmUp) / planned}
	return s
}

// trainer makes the trainer and returns what runs it. It takes turns with the nodes of the network when it computes.
func (n *Network) trainer(m Member) (func(context.Context) error, error) {
	own, err := n.own(m)
	if err != nil {
		return nil, err
	}
	publisher, err := checkpoint.NewPublisher(checkpoint.PublisherConfig{
		Bucket: own, Trainer: m.Hotkey, Dir: filepath.Join(n.dir(m), "published"), WindowLength: n.rules.WindowLength, Interval: patches,
		Retention: checkpoint.Retention{First: 1, Full: 3, Delta: patches + 2}, Pause: n.folder.made.BlockTime,
	})
	if err != nil {
		return nil, err
	}
	open := n.peer(m)
	var base int64 // its label
	t, err := trainer.New(trainer.Config{
		Name: m.Name, Hotkey: m.Address(), Rules: n.rules, Settings: trainSettings(), Dir: filepath.Join(n.dir(m), "training"),
		Initial: n.baseDir(), Adopted: &base, Metadata: n.metadata(), Chain: n.chain, Beacon: n.beacon, OpenBucket: open,
		Checkpoints: n.checkpointsOf(node.NewPeers(n.chain, open)),
		Open: func(ctx context.Context, dir string) (engine.Trainer, error) {
			return engine.OpenTrainer(ctx, dir, engine.TrainOptions{Library: n.library})
		},
		Sing: func(ctx context.Context, dir string) ([]byte, error) {
			c, err := engine.MakeCanary(ctx, n.library, dir)
			return c.JSON(), err
		},
		Publisher: publisher, Sink: n.sink(m), FileLimit: 10 * time.Second,
	})
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		if err := n.join(ctx, m); err != nil {
			return err
		}
		if err := t.Run(ctx); err != nil {
			return fmt.Errorf("%s: %w", m.Name, err)
		}
		return nil
	}, nil
}

// openCurve takes up the curve of a network that is continued.
func (n *Network) openCurve() {
	lessons, err := readCurve(n.folder.curve())
	if err != nil { // it is for people: the training itself is elsewhere
		n.registry.Emit(status.Event{Kind: status.Fault, Node: "devnet", Reason: err.Error(), Hint: "it begins anew"})
	}
	n.ledger.Remember(lessons)
}

// keepCurve writes the curve of a network that is kept, where it has changed.
func (n *Network) keepCurve() error {
	lessons, changed := n.ledger.Lessons()
	if !changed || n.folder.temporary || !n.folder.made.Trainer {
		return nil
	}
	return writeCurve(n.folder.curve(), lessons)
}
