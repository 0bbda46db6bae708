// Package checkpoints gives the roles their models: it finds the trainer's bucket on the chain, fetches the checkpoint of a window
// through a cache, takes the policy from its metadata and loads it through an engine library, both of which the nodes of a process share.
package checkpoints

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/nanteos/nanteos/bittensor/ss58"
	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/internal/bucket"
	"github.com/nanteos/nanteos/internal/checkpoint"
	"github.com/nanteos/nanteos/internal/engine"
	"github.com/nanteos/nanteos/internal/node"
	"github.com/nanteos/nanteos/model"
	"github.com/nanteos/nanteos/task"
)

// Buckets finds buckets by UID. *node.Peers is one.
type Buckets interface {
	// Refresh reads the chain.
	Refresh(ctx context.Context) error
	// ByUID returns the bucket of a UID and its hotkey. The error wraps node.ErrNoBucket.
	ByUID(uid int) (b node.Bucket, hotkey string, err error)
}

// Store is the node.Checkpoints over a trainer's bucket. It is safe for several goroutines.
type Store struct {
	// Rules say who the trainer is and how the policy is read.
	Rules grail.Rules
	// Buckets finds the trainer's bucket.
	Buckets Buckets
	// Cache keeps fetched checkpoints. Nodes of one process share it.
	Cache *checkpoint.Cache
	// Library keeps loaded models. Nodes of one process share it.
	Library *engine.Library
	// Urgent lets this node's turns at the library come before those of others: a validator has little to compute, and everybody waits for its weights.
	Urgent bool
	// Mirrors are buckets that have the trainer's files, too. They are asked besides the trainer's bucket, and are trusted with nothing: what they give must
	// have the hash that the trainer signed. May be empty.
	Mirrors []node.Bucket
	// Dropped, if set, is told of buckets that were given up while a checkpoint was fetched.
	Dropped func(label int64, d checkpoint.Dropped)
	// Environments opens what policies ask for. Nodes of one process share it; nil for environments that need no tools.
	Environments *node.Environments

	mu     sync.Mutex
	looked bool
	window int64 // for which the chain was asked last
}

var _ node.Checkpoints = (*Store)(nil)

// trainer returns the trainer's bucket and hotkey. It asks the chain again where they are not known, or where ask is set;
// asked tells whether it did.
func (s *Store) trainer(ctx context.Context, ask bool) (b node.Bucket, hotkey string, asked bool, err error) {
	if !ask {
		if b, hotkey, err = s.Buckets.ByUID(s.Rules.TrainerUID); err == nil {
			return b, hotkey, false, nil
		}
	}
	if err := s.Buckets.Refresh(ctx); err != nil {
		return nil, "", true, fmt.Errorf("couldn't find the trainer: %w", err)
	}
	if b, hotkey, err = s.Buckets.ByUID(s.Rules.TrainerUID); err != nil {
		return nil, "", true, fmt.Errorf("couldn't find the trainer: %w", err)
	}
	return b, hotkey, true, nil
}

// withTrainer calls f with the trainer's bucket. Where the bucket that was known turns f away, or is gone, the trainer may have moved or
// changed its keys: the chain is asked, and f called once more if it says something else.
func (s *Store) withTrainer(ctx context.Context, f func(b node.Bucket, hotkey string) error) error {
	b, hotkey, asked, err := s.trainer(ctx, false)
	if err != nil {
		return err
	}
	err = f(b, hotkey)
	if asked || !errors.Is(err, bucket.ErrAccessDenied) && !errors.Is(err, bucket.ErrNoBucket) {
		return err
	}
	now, nowHotkey, _, findErr := s.trainer(ctx, true)
	if findErr != nil {
		return errors.Join(err, findErr)
	}
	if now == b && nowHotkey == hotkey {
		return err
	}
	return f(now, nowHotkey)
}

// look asks the chain once for a window. Where the chain can't be asked, what it said before is better than no checkpoint, and the next
// call asks again; the error is the context's.
func (s *Store) look(ctx context.Context, window int64) error {
	s.mu.Lock()
	known := s.looked && s.window == window
	s.mu.Unlock()
	if known {
		return nil
	}
	if err := s.Buckets.Refresh(ctx); err != nil {
		return ctx.Err()
	}
	s.mu.Lock()
	s.looked, s.window = true, window
	s.mu.Unlock()
	return nil
}

// Latest returns the label of the checkpoint of a window. The first time for a window it asks the chain where the trainer's bucket is now. The error wraps node.ErrNoCheckpoint where there is none.
func (s *Store) Latest(ctx context.Context, window int64) (int64, error) {
	var latest checkpoint.Ready
	find := func(b node.Bucket, _ string) (err error) {
		latest, err = checkpoint.Latest(ctx, b, window)
		return err
	}
	if err := s.look(ctx, window); err != nil {
		return 0, fmt.Errorf("couldn't find the trainer: %w", err)
	}
	err := s.withTrainer(ctx, find)
	if errors.Is(err, checkpoint.ErrNone) {
		return 0, fmt.Errorf("%w: %w", node.ErrNoCheckpoint, err)
	}
	return latest.Window, err
}

// Load fetches and loads a checkpoint and lets it sing its canary. What a role worked with before stays loaded until it gives that back, so that it goes on
// with the old model where the new one can't be used. The error wraps node.ErrNoCheckpoint where the checkpoint is gone, and node.ErrPolicy where its metadata or its
// model ask for what can't be had here, or the model is not the one that the trainer published (engine.ErrCanary): then the window is skipped.
//
// The cache keeps the checkpoint until the model is released, and lets go of older ones.
func (s *Store) Load(ctx context.Context, label int64) (*node.Model, error) {
	release := s.Cache.Hold(label)
	m, err := s.load(ctx, label)
	if err != nil {
		release()
		return nil, err
	}
	free := m.Release
	m.Release = sync.OnceFunc(func() {
		free()
		release()
	})
	_ = s.Cache.Tidy(label) // what can't be removed now is removed after a later checkpoint
	return m, nil
}

func (s *Store) load(ctx context.Context, label int64) (*node.Model, error) {
	var c checkpoint.Checkpoint
	err := s.withTrainer(ctx, func(b node.Bucket, hotkey string) error {
		key, _, err := ss58.Decode(hotkey)
		if err != nil {
			return fmt.Errorf("couldn't read the trainer's hotkey: %w", err)
		}
		var report checkpoint.Report
		c, report, err = s.Cache.FetchFrom(ctx, append([]node.Bucket{b}, s.Mirrors...), label, &key)
		for _, d := range report.Dropped {
			if s.Dropped != nil {
				s.Dropped(label, d)
			}
		}
		return err
	})
	switch {
	case errors.Is(err, checkpoint.ErrNone):
		return nil, fmt.Errorf("%w: %w", node.ErrNoCheckpoint, err)
	case errors.Is(err, checkpoint.ErrMetadata):
		return nil, fmt.Errorf("%w: %w", node.ErrPolicy, err)
	case err != nil:
		return nil, err
	}
	policy, err := Policy(s.Rules, c.Metadata)
	if err != nil {
		return nil, err
	}
	native, err := c.Load(ctx, s.Library)
	if errors.Is(err, engine.ErrModel) || errors.Is(err, model.ErrUnsupported) || errors.Is(err, engine.ErrCanary) {
		return nil, fmt.Errorf("%w: %w", node.ErrPolicy, err)
	}
	if err != nil {
		return nil, err
	}
	if s.Urgent {
		native.Urge()
	}
	policy.Checkpoint, policy.ModelName = label, native.Info().Name
	m := NewModel(native, policy)
	m.Environments = s.Environments
	return m, nil
}

// Policy reads the policy of a checkpoint's metadata. The error wraps node.ErrPolicy.
func Policy(rules grail.Rules, m checkpoint.Metadata) (node.Policy, error) {
	p, err := m.Policy()
	if err != nil {
		return node.Policy{}, fmt.Errorf("%w: %w", node.ErrPolicy, err)
	}
	params, err := rules.GenerationParamsOf(p.GenerationParams)
	if err != nil {
		return node.Policy{}, fmt.Errorf("%w: %w", node.ErrPolicy, err)
	}
	mode, err := task.ParseMetadataMode(p.ThinkingMode)
	if err != nil {
		return node.Policy{}, fmt.Errorf("%w: %w", node.ErrPolicy, err)
	}
	return node.Policy{Checkpoint: m.Window, ModelName: m.ModelName, EnvID: p.EnvID, EnvParams: p.EnvParams, Params: params, Mode: mode}, nil
}

// NewModel makes the node's view of an engine. Its Release closes the engine.
func NewModel(native *engine.Native, policy node.Policy) *node.Model {
	return &node.Model{Policy: policy, Engine: native, Text: text{native.Text()}, Release: native.Close}
}

// NewText makes the node's view of a tokenizer and template.
func NewText(t *engine.Text) node.Text { return text{t} }

// text renders the messages of tasks.
type text struct{ *engine.Text }

func (t text) Render(messages []task.Message, thinking bool) ([]int32, error) {
	in := make([]engine.Message, len(messages))
	for i, m := range messages {
		in[i] = engine.Message(m)
	}
	return t.Text.Render(in, thinking)
}
