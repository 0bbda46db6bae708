package task

import (
	"context"
	"errors"

	"github.com/nanteos/nanteos/internal/cpython"
)

// ErrUnknownEnvironment says that no environment has the id that was asked for.
var ErrUnknownEnvironment = errors.New("unknown environment")

// Message is one message of a chat. Role is system, user, assistant or tool.
type Message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// Environment makes tasks. It is safe for use by several goroutines.
type Environment interface {
	// ID is the env_id of checkpoint metadata, such as "sat".
	ID() string
	// Task returns the problem of a seed. Equal seeds give equal problems on every machine.
	Task(seed uint32) (Task, error)
}

// Described is a Task that says more about itself than its prompt does, for people.
type Described interface {
	// Metadata are facts such as the row's number and the right answer: bool, int, int64, float64, string, or slices and maps of them.
	Metadata() map[string]any
}

// Task is one problem. It is immutable and safe for use by several goroutines.
type Task interface {
	// Messages is the chat that poses the problem: one user message. The system message is added when the prompt is rendered (Mode.Prepare).
	Messages() []Message
	// Grade judges a completion: its whole text, special tokens included, as the tokenizer decodes it. Whoever wants the end-of-sequence token not to
	// count strips its text before. An error means that there is no verdict (the context ended, a grader is missing), never that the completion is bad.
	Grade(ctx context.Context, completion string) (Grade, error)
}

// Grade is the verdict on one completion.
type Grade struct {
	Reward     float64        // what training maximises; validators compare it with a relative tolerance of 2 %
	Success    bool           // whether the problem is solved
	Components []Component    // what Reward is made of, unweighted, in the order in which they are added
	Info       map[string]any // facts for people: bool, int, float64, string or slices of them
}

// Component is one part of a reward.
type Component struct {
	Name  string
	Value float64
	// Weight is what the value is multiplied with in the reward. It is for people: WeightedSum notes it.
	Weight float64
}

// Options are what the trainer's checkpoint metadata fixes for all members of a network. Miners never choose any of it.
type Options struct {
	Mode   Mode          // which thinking tags the graders look for
	Params cpython.Value // env_params: an object such as {"split": "train"}, or null; each environment reads what it knows
	// Quirks reproduces the reference's defects in rewards (docs/environments.md lists them); the network's rules say so.
	Quirks bool
	// Tools are those of this machine.
	Tools Tools
}

// Factory makes an environment.
type Factory func(Options) (Environment, error)

// WeightedSum returns the reward of a vector of components: 0.0 plus each w·value in turn, every product and every sum rounded to a double.
// The shorter slice decides the length. Each component gets its weight noted.
func WeightedSum(weights []float64, components []Component) float64 {
	total := 0.0
	for i := range min(len(weights), len(components)) {
		total += float64(weights[i] * components[i].Value)
		components[i].Weight = weights[i]
	}
	return total
}
