// Package datasets keeps the datasets of environments on this machine: it pulls them from a Hugging Face endpoint, imports files that the user has, and
// opens what is there.
//
// A store is a folder:
//
//	ENV/current              the digest of the set that Open returns
//	ENV/DIGEST/manifest.json where the set is from: repository, commit, checksums, licence
//	ENV/DIGEST/NN.jsonl      the tables in the order of the spec, a row on each line, with the columns that the environment reads
//	ENV/download             files that are being pulled; gone afterwards
//
// A set comes in by one rename of its folder, complete and checked, or not at all; what was there before stays until it is removed. Opening a set works its
// digest out again, so that a file that was changed behind the store's back is noticed rather than played with.
//
// The files that come in are not trusted: sizes, rows and bytes are bounded, and a wrong column or a text that is no UTF-8 is an error that names it.
package datasets

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/nanteos/nanteos/task"
	"github.com/nanteos/nanteos/task/dataset"
)

// Errors that callers decide by.
var (
	// ErrFile: a file can't be read as a table of the dataset.
	ErrFile = errors.New("file is no table of the dataset")
	// ErrIncomplete: tables of the dataset are missing.
	ErrIncomplete = errors.New("dataset is incomplete")
	// ErrDamaged: what the store holds is not what it took in.
	ErrDamaged = errors.New("stored dataset is damaged")
	// ErrTooLarge: a limit is exceeded.
	ErrTooLarge = errors.New("dataset is too large")
	// ErrNone: there is no such set.
	ErrNone = errors.New("no such dataset here")
)

// Limits bound what a dataset may be. Zero fields take the defaults.
type Limits struct {
	Download int64 // bytes of all files of a dataset, as they come; 2 GiB
	Text     int64 // bytes of text of all rows; 1 GiB
	Line     int   // bytes of a line of JSON; 64 MiB
	Rows     int   // rows of all tables; 2,000,000
}

func (l Limits) withDefaults() Limits {
	if l.Download <= 0 {
		l.Download = 2 << 30
	}
	if l.Text <= 0 {
		l.Text = 1 << 30
	}
	if l.Line <= 0 {
		l.Line = 64 << 20
	}
	if l.Rows <= 0 {
		l.Rows = 2_000_000
	}
	return l
}

// Options configure a Store.
type Options struct {
	// AllowSample lets Open return the program's own small set where there is no other: for networks of one machine and tests.
	AllowSample bool
	Limits      Limits
}

// Store is a folder of datasets. It is safe for several goroutines, and for several processes on one folder.
type Store struct {
	folder string
	opt    Options

	mu   sync.Mutex
	sets map[string]*dataset.Set // by environment and digest
}

var _ task.Datasets = (*Store)(nil)

// New makes a store of a folder, which needn't exist yet.
func New(folder string, opt Options) *Store {
	opt.Limits = opt.Limits.withDefaults()
	return &Store{folder: folder, opt: opt, sets: map[string]*dataset.Set{}}
}

// DefaultFolder is where a user's datasets are if nothing else is configured: .local/share/nanteos/data in the home folder.
func DefaultFolder() (string, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("couldn't find the folder of datasets: %w", err)
	}
	return filepath.Join(home, ".local", "share", "nanteos", "data"), nil
}

// Folder is the store's folder.
func (s *Store) Folder() string { return s.folder }

// Open returns the current set of an environment, the sample where there is none and Options.AllowSample says so. Errors wrap task.ErrNoTool where there is
// none, with the command that gets it; ErrDamaged; or dataset.ErrUnknownEnv.
func (s *Store) Open(ctx context.Context, env string) (*dataset.Set, error) {
	spec, err := dataset.SpecOf(env)
	if err != nil {
		return nil, fmt.Errorf("couldn't open a dataset: %w", err)
	}
	digest, err := s.current(spec.Env)
	if errors.Is(err, ErrNone) {
		if s.opt.AllowSample {
			return dataset.Sample(spec.Env)
		}
		return nil, hinted{
			fmt.Errorf("couldn't open the dataset of %s: %w: %s isn't in %s", spec.Env, task.ErrNoTool, spec.Title, s.folder),
			fmt.Sprintf("nanteos data pull %s gets it, nanteos data import %s FILE takes files that you have", spec.Env, spec.Env),
		}
	}
	if err != nil {
		return nil, err
	}
	return s.open(ctx, spec, digest)
}

// OpenDigest returns the set of an environment with a digest, be it pulled, imported or the program's own sample. Errors wrap task.ErrNoTool where there is
// none, ErrDamaged or dataset.ErrUnknownEnv.
func (s *Store) OpenDigest(ctx context.Context, env, digest string) (*dataset.Set, error) {
	spec, err := dataset.SpecOf(env)
	if err != nil {
		return nil, fmt.Errorf("couldn't open a dataset: %w", err)
	}
	if sample, err := dataset.Sample(spec.Env); err == nil && sample.Digest == digest {
		return sample, nil
	}
	if digestText.MatchString(digest) {
		if set, err := s.open(ctx, spec, digest); !errors.Is(err, ErrNone) {
			return set, err
		}
	}
	return nil, hinted{
		fmt.Errorf("couldn't open the dataset of %s: %w: the one with the digest %.16s… isn't in %s", spec.Env, task.ErrNoTool, digest, s.folder),
		fmt.Sprintf("nanteos data pull %s --revision COMMIT gets another revision; whoever names the digest knows which", spec.Env),
	}
}

// open reads a set, once.
func (s *Store) open(ctx context.Context, spec dataset.Spec, digest string) (*dataset.Set, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := spec.Env + "/" + digest
	if set, ok := s.sets[key]; ok {
		return set, nil
	}
	set, err := s.load(ctx, spec, digest)
	if err != nil {
		return nil, err
	}
	s.sets[key] = set
	return set, nil
}

// forget drops what is kept of an environment in memory.
func (s *Store) forget(env, digest string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sets, env+"/"+digest)
}

// hinted is an error with what to do about it.
type hinted struct {
	error
	hint string
}

func (h hinted) Hint() string  { return h.hint }
func (h hinted) Unwrap() error { return h.error }
