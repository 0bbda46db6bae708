package devnet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/internal/cpython"
	"github.com/nanteos/nanteos/internal/node"
	"github.com/nanteos/nanteos/internal/node/checkpoints"
	"github.com/nanteos/nanteos/model/base"
	"github.com/nanteos/nanteos/task"
	"github.com/nanteos/nanteos/task/catalog"
)

// sat is the environment that the base model was made for.
const sat = "sat"

// shape is what an environment asks of a network on one machine. The base model knows sat only: of any other text it makes a token a byte, prompts
// become longer than those it was trained on, and its answers are noise. That is enough to see whether a network works: what noise is worth,
// everybody finds out the same way.
type shape struct {
	// context is the model's context length in tokens, its own where 0.
	context int
	// maxTokens is the longest completion. Noise seldom ends by itself.
	maxTokens int
	// temperature is that of the sampling. Noise that is sampled at 1 has so many improbable tokens that it looks picked.
	temperature float64
	// groups bounds the groups that the fastest miner makes in a window.
	groups int
	// learning is the same in a network that learns, which needs more to learn from; groups where 0.
	learning int
	// blockTime is the least default of the time between blocks.
	blockTime time.Duration
}

// shapes are the environments that differ from the others.
var shapes = map[string]shape{
	sat:             {maxTokens: 384, temperature: 1, groups: 3, learning: 7},
	"affine_logic":  {context: 8192, maxTokens: 64, temperature: 0.7, groups: 1, blockTime: time.Second},
	"affine_trace":  {context: 8192, maxTokens: 64, temperature: 0.7, groups: 1, blockTime: time.Second},
	"triton_kernel": {context: 16384, maxTokens: 64, temperature: 0.7, groups: 1, blockTime: 2 * time.Second},
}

// shapeOf returns the shape of an environment.
func shapeOf(env string) shape {
	if s, ok := shapes[env]; ok {
		return s
	}
	return shape{context: 8192, maxTokens: 64, temperature: 0.7, groups: 1}
}

// fastest is how many groups the fastest miner makes in a window at most.
func (s Settings) fastest() int {
	shape := shapeOf(s.environment())
	if s.Trainer && shape.learning > 0 {
		return shape.learning
	}
	return shape.groups
}

// environment is the environment's id.
func (s Settings) environment() string {
	if s.Environment == "" {
		return sat
	}
	return s.Environment
}

// checkEnvironment refuses what no network can use.
func (s Settings) checkEnvironment() error {
	id := s.environment()
	if !slices.Contains(catalog.IDs(), id) {
		return WithHint(fmt.Errorf("couldn't use environment %.40q: %w", id, task.ErrUnknownEnvironment), "use one of "+strings.Join(catalog.IDs(), ", "))
	}
	if r, ok := grail.RulesByName(s.RulesName); ok && r.EnvironmentQuirks {
		if err := catalog.Registered(id); err != nil {
			return WithHint(err, "use --rules hardened")
		}
	}
	return nil
}

// mode is the thinking mode: the one that the base model was trained in, on its own environment. Of others it takes some for the sums that it knows, and
// answers in fewer tokens than a rollout has to have; in the other mode it doesn't.
func (s Settings) mode() task.Mode {
	if s.environment() == sat {
		return task.Instructed
	}
	return task.Native
}

// sampling is how the base model is sampled: on its own environment as it was trained to be, and without cutting anything off.
func (s Settings) sampling() grail.GenerationParams {
	shape := shapeOf(s.environment())
	return grail.GenerationParams{MaxTokens: shape.maxTokens, Temperature: shape.temperature, TopP: 1, TopK: 0, RepetitionPenalty: 1}
}

// environmentParams are the env_params of the checkpoint: the split, and the dataset where there is one.
func environmentParams(dataset string) cpython.Value {
	if dataset == "" {
		return cpython.ObjectValue(nil)
	}
	return cpython.ObjectValue([]cpython.Member{
		{Key: "split", Value: cpython.StringValue("train")},
		{Key: node.DatasetKey, Value: cpython.StringValue(dataset)},
	})
}

// tryEnvironment opens the network's environment before anything else does, so that what is missing is said at once and by nobody else. It returns
// the digest of the dataset, empty where there is none.
func (n *Network) tryEnvironment() (string, error) {
	p := node.Policy{EnvID: n.folder.made.environment(), EnvParams: environmentParams(n.folder.made.Dataset), Mode: n.folder.made.mode()}
	e, err := n.environments.Open(n.rules, p)
	if err != nil {
		hint := node.EnvironmentHint(err)
		if errors.Is(err, node.ErrDataset) {
			hint = "put back the dataset that the network was made with, or name another folder for --data"
		}
		return "", WithHint(fmt.Errorf("couldn't open the network's environment: %w", err), hint)
	}
	return e.Dataset, nil
}

// Environment is the id of the network's environment, and where its problems come from, in words; empty where it has no dataset.
func (n *Network) Environment() (id, dataset string) {
	id = n.folder.made.environment()
	if n.folder.made.Dataset == "" || n.cfg.Describe == nil {
		return id, ""
	}
	return id, n.cfg.Describe(context.Background(), id, n.folder.made.Dataset)
}

// checkpointsOf gives a node its models. What is looked up on the chain is the node's own; cache, library and environments are shared.
func (n *Network) checkpointsOf(peers *node.Peers) *checkpoints.Store {
	return &checkpoints.Store{Rules: n.rules, Buckets: peers, Cache: n.cache, Library: n.library, Environments: n.environments}
}

// writeBase unpacks the embedded model, completely or not at all, with a longer context where one is asked for.
func writeBase(dir string, length int) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	partial := dir + ".partial"
	if err := os.RemoveAll(partial); err != nil {
		return fmt.Errorf("couldn't unpack the base model: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return fmt.Errorf("couldn't unpack the base model: %w", err)
	}
	if err := base.WriteTo(partial); err != nil {
		return err
	}
	if length > 0 {
		if err := lengthen(filepath.Join(partial, "config.json"), length); err != nil {
			return fmt.Errorf("couldn't unpack the base model: %w", err)
		}
	}
	if err := os.Rename(partial, dir); err != nil {
		return fmt.Errorf("couldn't unpack the base model: %w", err)
	}
	return nil
}

// lengthen sets the context length in a model's configuration. Rotary positions go on beyond what was trained.
func lengthen(name string, length int) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	var config map[string]any
	if err := json.Unmarshal(text, &config); err != nil {
		return err
	}
	config["max_position_embeddings"] = length
	if text, err = json.MarshalIndent(config, "", "  "); err != nil {
		return err
	}
	return os.WriteFile(name, append(text, '\n'), 0o600)
}
