package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/task"
	"github.com/nanteos/nanteos/task/catalog"
	"github.com/nanteos/nanteos/task/dataset"
)

// ErrDataset says that the trainer's problems are drawn from another dataset than the one at hand. Whoever went on all the same would disagree with
// everybody on every prompt.
var ErrDataset = errors.New("network draws its problems from another dataset")

// keptEnvironments is how many environments stay open. A network has one at a time; a process may be in two networks.
const keptEnvironments = 2

// Environments opens the environments that policies ask for, with the tools of this machine. It keeps the last ones open: checkpoints come with every
// window, but what they ask for hardly ever changes, and datasets and interpreters take long to start. The nodes of a process share one. The zero
// value, and nil, have no tools: then environments open that need none. It is safe for several goroutines.
type Environments struct {
	// Tools returns what this machine has for an environment that is opened with these options. An error is that of Open.
	Tools func(env string, o task.Options) (task.Tools, error)

	mu   sync.Mutex
	kept []*Environment // the last used at the end; guarded by mu
}

// Environment is an open environment and the dataset that it draws from.
type Environment struct {
	task.Environment
	// Dataset is the digest of the dataset, empty where the environment has none.
	Dataset string

	key string
}

// DatasetKey is the member of env_params in which a trainer publishes the digest of its dataset. The reference passes over it.
const DatasetKey = "dataset"

// Open returns the environment of a policy. Errors wrap ErrPolicy, and what is behind it: task.ErrUnknownEnvironment, catalog.ErrUnregistered,
// task.ErrNoTool, ErrDataset.
func (e *Environments) Open(rules grail.Rules, p Policy) (*Environment, error) {
	if e == nil {
		e = &Environments{}
	}
	key := fmt.Sprintf("%s\x00%s\x00%s\x00%v", p.EnvID, p.Mode, p.EnvParams.AppendDefault(nil), rules.EnvironmentQuirks)
	e.mu.Lock()
	defer e.mu.Unlock()
	if i := slices.IndexFunc(e.kept, func(k *Environment) bool { return k.key == key }); i >= 0 {
		k := e.kept[i]
		e.kept = append(slices.Delete(e.kept, i, i+1), k)
		return k, nil
	}
	if rules.EnvironmentQuirks {
		if err := catalog.Registered(p.EnvID); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrPolicy, err)
		}
	}
	want, _ := p.EnvParams.Get(DatasetKey)
	digest, _ := want.Text()
	o := task.Options{Mode: p.Mode, Params: p.EnvParams, Quirks: rules.EnvironmentQuirks}
	if e.Tools != nil {
		var err error
		if o.Tools, err = e.Tools(p.EnvID, o); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrPolicy, err)
		}
	}
	data := &chosen{Datasets: o.Tools.Data, digest: digest}
	if o.Tools.Data != nil {
		o.Tools.Data = data
	}
	env, err := catalog.Open(p.EnvID, o)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPolicy, err)
	}
	k := &Environment{Environment: env, Dataset: data.opened(), key: key}
	e.kept = append(e.kept, k)
	if len(e.kept) > keptEnvironments {
		e.kept = slices.Delete(e.kept, 0, 1)
	}
	return k, nil
}

// DigestDatasets are datasets of which there may be several for an environment. Open without a digest opens the one that the user prefers.
type DigestDatasets interface {
	task.Datasets
	// OpenDigest returns the dataset of an environment with this digest; where there is none, it returns the one that Open does.
	OpenDigest(ctx context.Context, env, digest string) (*dataset.Set, error)
}

// chosen are the datasets of a machine for a network that says which one it uses. It remembers which was opened.
type chosen struct {
	task.Datasets
	digest string

	mu   sync.Mutex
	last string
}

// Open returns the dataset that the network uses. The error wraps ErrDataset where the one at hand is another.
func (c *chosen) Open(ctx context.Context, env string) (*dataset.Set, error) {
	open := c.Datasets.Open
	if d, ok := c.Datasets.(DigestDatasets); ok && c.digest != "" {
		open = func(ctx context.Context, env string) (*dataset.Set, error) { return d.OpenDigest(ctx, env, c.digest) }
	}
	s, err := open(ctx, env)
	if err != nil {
		return nil, err
	}
	if c.digest != "" && s.Digest != c.digest {
		return nil, fmt.Errorf("couldn't take the dataset of %s: %w: the trainer's has the digest %.16s…, the one here %.16s… (%s)", env, ErrDataset, c.digest, s.Digest, s.Source)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = s.Digest
	return s, nil
}

func (c *chosen) opened() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last
}

// EnvironmentHint is what can be done where an environment can't be opened, empty for other errors.
func EnvironmentHint(err error) string {
	switch {
	case errors.Is(err, ErrDataset):
		return "nanteos data pull gets the dataset as its publisher has it now; nanteos doctor shows which is here"
	case errors.Is(err, task.ErrNoTool):
		return "nanteos doctor tells what is missing on this machine, and what to do about it"
	case errors.Is(err, catalog.ErrUnregistered):
		return "only networks with environment_quirks off can use it; nothing to do about it here"
	case errors.Is(err, task.ErrUnknownEnvironment):
		return "a newer nanteos may know it"
	}
	return ""
}
