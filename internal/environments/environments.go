// Package environments gives the environments of tasks what they need of this machine: datasets, a sandboxed Python, GPUs. A role, a devnet or a command
// makes one Kit of its configuration. Nothing is started before it is asked for, so a network whose problems are arithmetic needs neither Python nor
// a dataset.
package environments

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/nanteos/nanteos/internal/node"
	"github.com/nanteos/nanteos/task"
	"github.com/nanteos/nanteos/task/catalog"
	"github.com/nanteos/nanteos/task/dataset"
)

// Config says where things are on this machine. The zero value looks for all of them in the usual places.
type Config struct {
	// Samples opens the small datasets of the program's own where none was pulled. A network whose checkpoint names the digest of such a sample gets it
	// either way.
	Samples bool
}

// Kit is what environments need of this machine. It is safe for several goroutines. Close it when nothing uses it any more.
type Kit struct {
	cfg  Config
	data *sets
}

// New makes a kit. Nothing is opened or started.
func New(cfg Config) *Kit {
	return &Kit{cfg: cfg, data: &sets{samples: cfg.Samples}}
}

// Tools are those that environments are opened with.
func (k *Kit) Tools() task.Tools { return task.Tools{Data: k.data} }

// Open opens an environment with the tools of the kit.
func (k *Kit) Open(id string, o task.Options) (task.Environment, error) {
	o.Tools = k.Tools()
	return catalog.Open(id, o)
}

// Close ends what was started.
func (k *Kit) Close() error { return nil }

// Describe tells people which dataset of an environment has a digest: its source, and the beginning of the digest.
func (k *Kit) Describe(ctx context.Context, env, digest string) string {
	s, err := k.data.OpenDigest(ctx, env, digest)
	if err != nil || s.Digest != digest {
		return fmt.Sprintf("dataset %.12s…", digest)
	}
	if IsSample(s) {
		return fmt.Sprintf("the built-in sample of %d rows (%.12s…)", rows(s), digest)
	}
	return fmt.Sprintf("%s (%.12s…)", s.Source, digest)
}

// SampleSource is the source of the program's own datasets.
const SampleSource = "sample"

// IsSample says whether a dataset is one of the program's own.
func IsSample(s *dataset.Set) bool { return s.Source == SampleSource }

func rows(s *dataset.Set) (n int) {
	for _, size := range s.Sizes() {
		n += size
	}
	return n
}

// sets are the datasets of this machine: those that were pulled, and the samples.
type sets struct {
	store   task.Datasets // nil where there is no folder
	samples bool

	mu   sync.Mutex
	kept map[string]*dataset.Set // samples by environment; guarded by mu
}

var _ node.DigestDatasets = (*sets)(nil)

// Open returns the dataset that was pulled for an environment, else its sample where samples are wanted.
func (s *sets) Open(ctx context.Context, env string) (*dataset.Set, error) {
	set, err := s.pulled(ctx, env)
	if errors.Is(err, task.ErrNoTool) && s.samples {
		return s.sample(env)
	}
	return set, err
}

// OpenDigest returns the dataset of a digest: the pulled one, or the sample; else what Open returns.
func (s *sets) OpenDigest(ctx context.Context, env, digest string) (*dataset.Set, error) {
	if set, err := s.pulled(ctx, env); err == nil && set.Digest == digest {
		return set, nil
	}
	if set, err := s.sample(env); err == nil && set.Digest == digest {
		return set, nil
	}
	return s.Open(ctx, env)
}

func (s *sets) pulled(ctx context.Context, env string) (*dataset.Set, error) {
	if s.store == nil {
		return nil, fmt.Errorf("couldn't open the dataset of %s: %w: there is no folder of datasets", env, task.ErrNoTool)
	}
	return s.store.Open(ctx, env)
}

func (s *sets) sample(env string) (*dataset.Set, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if set := s.kept[env]; set != nil {
		return set, nil
	}
	set, err := dataset.Sample(env)
	if err != nil {
		return nil, err
	}
	if s.kept == nil {
		s.kept = map[string]*dataset.Set{}
	}
	s.kept[env] = set
	return set, nil
}
