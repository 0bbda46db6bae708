package trainer

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/grail/grpo"
	"github.com/nanteos/nanteos/internal/checkpoint"
	"github.com/nanteos/nanteos/internal/engine"
	"github.com/nanteos/nanteos/internal/node"
	"github.com/nanteos/nanteos/internal/status"
)

// Chain is what a trainer needs of the chain.
type Chain interface {
	node.Heads
	node.Register
}

// Publisher puts checkpoints into the trainer's bucket. *checkpoint.Publisher is one.
type Publisher interface {
	// Publish uploads a model folder as the checkpoint that m describes, as a patch or whole. Publishing one again is safe.
	Publish(ctx context.Context, dir string, m checkpoint.Metadata) (checkpoint.Published, error)
	// Ready marks it usable in the windows after ready.
	Ready(ctx context.Context, window, ready int64) error
	// Adopt takes a folder for the checkpoint of a window that was published before, so that the next one can be a patch of it.
	Adopt(ctx context.Context, dir string, window int64) error
	// Clean removes checkpoints that nobody needs any more.
	Clean(ctx context.Context) error
}

// Config describes a trainer.
type Config struct {
	// Name and Hotkey go with events.
	Name, Hotkey string
	// Rules are the network's, Settings the operator's.
	Rules    grail.Rules
	Settings Settings
	// Dir is the data folder. It is made if missing. Only one trainer may use it at a time.
	Dir string
	// Initial is the model folder that the training begins with. It must stay: tokenizer and configuration of each checkpoint come from it.
	Initial string
	// Adopted is the label under which Initial is in the bucket already, nil where it is to be published first.
	Adopted *int64
	// Latest is the label of the newest checkpoint that an earlier training has left in the bucket, nil for none: this one's labels come after it.
	Latest *int64
	// Metadata is what every checkpoint says of the network: environment, sampling, thinking mode, model name, build.
	Metadata checkpoint.Metadata

	Chain  Chain
	Beacon node.Beacon
	// OpenBucket makes a reader's bucket of a commitment (as for node.NewPeers).
	OpenBucket func(commitment []byte) (node.Bucket, error)
	// Checkpoints finds the model that a window's rollouts were made with, for its environment and, where files have to be judged, its engine.
	Checkpoints node.Checkpoints
	// Open begins the training of a model folder.
	Open func(ctx context.Context, dir string) (engine.Trainer, error)
	// Reference is the model that the policy is held near, nil for none.
	Reference grpo.Reference
	// Sing returns the canary of a model folder, nil for none.
	Sing func(ctx context.Context, dir string) ([]byte, error)
	// Publisher publishes.
	Publisher Publisher

	// Sink gets events, none when nil.
	Sink status.Sink
	// FileLimit bounds the time for one miner's file, a quarter of a window and at most 2 minutes when 0.
	FileLimit time.Duration
	// Now is the clock, time.Now when nil.
	Now func() time.Time

	// probe is called at each step, in tests; true ends the process there and then.
	probe func(step string) (die bool)
}

// Trainer is the role.
type Trainer struct {
	cfg    Config
	rules  string
	peers  *node.Peers
	state  State
	replay *grpo.Replay
	model  engine.Trainer
	// broken says that the model is not that of the current turn: a later one was begun and came to nothing.
	broken bool
	// failures counts the turns of window failedIn that came to nothing.
	failures int
	failedIn int64
	seen     atomic.Int64 // the window of the newest block: who follows the chain tells of it too
}

// errKilled ends a driver whose probe wants it dead.
var errKilled = errors.New("killed")

// New checks the configuration.
func New(cfg Config) (*Trainer, error) {
	if err := cfg.Settings.Validate(); err != nil {
		return nil, err
	}
	if _, err := cfg.Metadata.Policy(); err != nil {
		return nil, fmt.Errorf("couldn't train for this network: %w", err)
	}
	if cfg.Sink == nil {
		cfg.Sink = status.Discard
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.FileLimit <= 0 {
		cfg.FileLimit = max(time.Second, min(2*time.Minute, windowTime(cfg.Rules)/4))
	}
	digest := cfg.Rules.Digest()
	t := &Trainer{cfg: cfg, rules: hex.EncodeToString(digest[:]), peers: node.NewPeers(cfg.Chain, cfg.OpenBucket), state: State{Version: stateVersion, Loop: NewLoop()}}
	t.replay = cfg.Settings.buffer()
	return t, nil
}

// Run trains until ctx ends, and then returns nil. It may be called once. The error wraps node.ErrInUse where another process trains in the
// same folder, ErrState where the folder can't be continued.
func (t *Trainer) Run(ctx context.Context) error {
	if err := os.MkdirAll(t.cfg.Dir, 0o700); err != nil {
		return fmt.Errorf("couldn't start trainer: %w", err)
	}
	lock, err := node.Lock(filepath.Join(t.cfg.Dir, lockName))
	if err != nil {
		return fmt.Errorf("couldn't start trainer: %w", err)
	}
	defer lock.Close()
	t.emit(status.Event{Kind: status.Start})
	err = t.begin(ctx)
	if err == nil {
		err = t.follow(ctx)
	}
	if t.model != nil {
		err = errors.Join(err, t.model.Close())
	}
	if ctx.Err() != nil && !errors.Is(err, errKilled) {
		err = nil
	}
	stop := status.Event{Kind: status.Stop}
	if err != nil {
		stop.Reason = err.Error()
	}
	t.emit(stop)
	return err
}

// emit reports an event.
func (t *Trainer) emit(e status.Event) {
	e.Time, e.Node, e.Role = t.cfg.Now(), t.cfg.Name, "trainer"
	if e.Hotkey == "" {
		e.Hotkey = t.cfg.Hotkey
	}
	t.cfg.Sink.Emit(e)
}

// step is asked at each point where a process may die.
func (t *Trainer) step(name string) error {
	if t.cfg.probe != nil && t.cfg.probe(name) {
		return errKilled
	}
	return nil
}

// begin takes the last turn up, or makes the first of the initial model.
func (t *Trainer) begin(ctx context.Context) (err error) {
	if t.model, err = t.cfg.Open(ctx, t.cfg.Initial); err != nil {
		return err
	}
	ok, err := t.read()
	if err != nil {
		return err
	}
	if ok {
		return t.model.LoadState(ctx, filepath.Join(t.turnDir(t.state.Turn), optimizerName))
	}
	first := State{Version: stateVersion, Rules: t.rules, Loop: NewLoop(), Parent: -1}
	if t.cfg.Adopted != nil {
		if err := t.cfg.Publisher.Adopt(ctx, t.cfg.Initial, *t.cfg.Adopted); err != nil {
			return err
		}
		first.Window, first.Published = *t.cfg.Adopted, true
	} else if first.Window, err = t.now(ctx); err != nil {
		return err
	}
	return t.keep(ctx, first, t.replay)
}

// now is the window in progress, the first one that no checkpoint is named after. The chain is asked until it answers.
func (t *Trainer) now(ctx context.Context) (int64, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for h := range node.Follow(ctx, t.cfg.Chain, t.patience(), t.silence) {
		if w := t.windowOf(int64(h.Number)); t.cfg.Latest == nil || w > *t.cfg.Latest {
			return w, nil
		}
	}
	return 0, fmt.Errorf("couldn't begin training: %w", ctx.Err())
}

// patience is how long no block may come before the subscription is made anew.
func (t *Trainer) patience() time.Duration {
	return max(10*time.Second, time.Duration(10*t.cfg.Rules.BlockSeconds*float64(time.Second)))
}

// silence tells of trouble with the chain.
func (t *Trainer) silence(err error) {
	t.emit(status.Event{Kind: status.Fault, Window: t.seen.Load(), Reason: err.Error(), Hint: "check the chain's endpoint; nothing is trained or published meanwhile"})
}

// restore takes the current turn up again after a later one came to nothing. An engine that can't do that is opened anew: it may be a process that died.
func (t *Trainer) restore(ctx context.Context) error {
	if !t.broken {
		return nil
	}
	path := filepath.Join(t.turnDir(t.state.Turn), optimizerName)
	if err := t.model.LoadState(ctx, path); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		fresh, openErr := t.cfg.Open(ctx, t.cfg.Initial)
		if openErr != nil {
			return fmt.Errorf("couldn't go back to turn %d: %w", t.state.Turn, errors.Join(err, openErr))
		}
		_ = t.model.Close()
		t.model = fresh
		if err := fresh.LoadState(ctx, path); err != nil {
			return fmt.Errorf("couldn't go back to turn %d: %w", t.state.Turn, err)
		}
	}
	t.broken = false
	return nil
}

// sing writes the canary of a model folder into it.
func (t *Trainer) sing(ctx context.Context, dir string) error {
	if t.cfg.Sing == nil {
		return nil
	}
	song, err := t.cfg.Sing(ctx, dir)
	if err != nil {
		return err
	}
	return replaceFile(filepath.Join(dir, engine.CanaryName), song)
}

// windowOf is the window that a block is in.
func (t *Trainer) windowOf(block int64) int64 { return block - block%t.cfg.Rules.WindowLength }

// follow makes a turn in every window.
func (t *Trainer) follow(ctx context.Context) error {
	done := t.state.Window // the last window that a turn was made in, or given up
	behind := false
	for h := range node.Follow(ctx, t.cfg.Chain, t.patience(), t.silence) {
		block := int64(h.Number)
		if err := t.publishing(ctx); err != nil {
			return err
		}
		w := t.windowOf(block)
		t.seen.Store(w)
		if w < t.state.Window && !behind {
			behind = true
			t.emit(status.Event{Kind: status.Fault, Window: w, Block: block,
				Reason: fmt.Sprintf("the chain is in window %d, and the training was in window %d already", w, t.state.Window),
				Hint:   "it waits for the chain; if that was started anew, the training needs a new data folder"})
		}
		if w <= done || w < t.cfg.Rules.WindowLength || !t.anyPublished() {
			continue
		}
		over, err := t.turn(ctx, w, block)
		switch {
		case errors.Is(err, errKilled), ctx.Err() != nil:
			return err
		case err != nil:
			hint := "it is tried again with the next block"
			if over {
				hint = "the next window brings new rollouts"
			}
			t.emit(status.Event{Kind: status.Fault, Window: w - t.cfg.Rules.WindowLength, Reason: err.Error(), Hint: hint})
		}
		if over {
			done = w
			if err := t.publishing(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// publishing publishes what is to be published. A failure is told and tried again with the next block; the error is one that ends the trainer.
func (t *Trainer) publishing(ctx context.Context) error {
	err := t.publish(ctx)
	if err == nil || errors.Is(err, errKilled) || ctx.Err() != nil {
		return err
	}
	t.emit(status.Event{Kind: status.Fault, Window: t.state.Window, Reason: err.Error(), Hint: "it is tried again with the next block"})
	return nil
}

// anyPublished says whether the network has a checkpoint of this trainer's.
func (t *Trainer) anyPublished() bool { return t.state.Published || t.state.Parent >= 0 }
