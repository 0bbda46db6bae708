package engine

import (
	"context"
	"fmt"
	"sync"

	"github.com/nanteos/nanteos/model"
)

// Config of a Library. The zero value is good for most.
type Config struct {
	// Threads bounds the threads of one turn; 0: all processors.
	Threads int
	// CacheBytes bounds the keys and values that one turn keeps, by working on fewer sequences together. Memory is taken
	// as sequences grow: a group of 300 tokens each takes 20 MB with the base model. 0: 1 GiB.
	CacheBytes int64
	// Turns is how many turns run at a time. 0: 1, since a turn uses all threads: on two processors two turns on shared threads took
	// twice the time of one after the other, and two turns of one thread each the same time (BenchmarkNodes).
	Turns int
}

// Library lends out loaded models. Nodes that load folders of the same content share one copy in memory, which is freed when the last
// of them has closed. It is safe for several goroutines.
type Library struct {
	opt  model.Options
	gate *gate

	mu    sync.Mutex
	shelf map[[32]byte]*volume
}

// NewLibrary makes an empty library.
func NewLibrary(cfg Config) *Library {
	if cfg.CacheBytes <= 0 {
		cfg.CacheBytes = 1 << 30
	}
	return &Library{
		opt:  model.Options{Threads: cfg.Threads, CacheBytes: cfg.CacheBytes},
		gate: newGate(max(1, cfg.Turns)), shelf: map[[32]byte]*volume{},
	}
}

// Identity is what the checkpoint's metadata say about a model folder.
type Identity struct {
	// Name is the text that commits sign; the folder's path when empty (section 4.1).
	Name string
	// CheckpointWindow is the checkpoint's label.
	CheckpointWindow int64
}

// Load loads a Hugging Face folder, or takes a share of it if it is loaded already. Files that change while they are being loaded make
// it undefined which content is loaded. The error wraps ErrModel where the folder is no usable model. Close the Native when done.
func (l *Library) Load(ctx context.Context, dir string, id Identity) (*Native, error) {
	digest, err := Digest(ctx, dir)
	if err != nil {
		return nil, fmt.Errorf("couldn't load model: %w", err)
	}
	l.mu.Lock()
	v, known := l.shelf[digest]
	if !known {
		v = &volume{digest: digest, refs: 1, ready: make(chan struct{})} // the reference of fill
		l.shelf[digest] = v
	}
	v.refs++
	l.mu.Unlock()
	if !known {
		// Loading goes on if its first caller gives up: others may wait for it. It ends by itself.
		go l.fill(context.WithoutCancel(ctx), v, dir)
	}
	select {
	case <-v.ready:
	case <-ctx.Done():
		l.release(v)
		return nil, fmt.Errorf("couldn't load model %s: %w", dir, ctx.Err())
	}
	if v.err != nil {
		l.release(v)
		return nil, fmt.Errorf("couldn't load model %s: %w", dir, v.err)
	}
	if id.Name == "" {
		id.Name = dir
	}
	cfg := v.model.Config()
	return &Native{library: l, held: v, info: Info{
		Name: id.Name, CheckpointWindow: id.CheckpointWindow, VocabSize: cfg.VocabSize, MaxLength: cfg.MaxPositions, EOS: v.eos,
	}}, nil
}

// Urge lets this load's turns come before those of all that are not urgent: for who has little to do, and others wait for it. It is called before the first use.
func (n *Native) Urge() { n.lane.urgent = true }

// Options of a single load.
type Options struct {
	Identity
	// Library is what the model is shared through; nil makes one of Config for this model alone.
	Library *Library
	Config  Config
}

// Load loads a model folder. See Library.Load.
func Load(ctx context.Context, dir string, opt Options) (*Native, error) {
	l := opt.Library
	if l == nil {
		l = NewLibrary(opt.Config)
	}
	return l.Load(ctx, dir, opt.Identity)
}

// Loaded is how many different models are in memory.
func (l *Library) Loaded() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.shelf)
}

// fill loads a volume and gives its reference back. Whoever waits for it holds one too.
func (l *Library) fill(ctx context.Context, v *volume, dir string) {
	defer close(v.ready)
	v.err = v.open(ctx, dir, l.opt)
	if v.err != nil {
		l.forget(v) // so that the next caller tries again
	}
	l.release(v)
}

func (l *Library) forget(v *volume) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shelf[v.digest] == v {
		delete(l.shelf, v.digest)
	}
}

func (l *Library) retain(v *volume) {
	l.mu.Lock()
	defer l.mu.Unlock()
	v.refs++
}

// release gives a reference back and frees what nobody holds any more.
func (l *Library) release(v *volume) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if v.refs--; v.refs > 0 {
		return
	}
	if l.shelf[v.digest] == v {
		delete(l.shelf, v.digest)
	}
	if v.model != nil && v.err == nil {
		v.model.Close()
	}
}
