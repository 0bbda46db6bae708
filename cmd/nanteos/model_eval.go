package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/internal/engine"
	"github.com/nanteos/nanteos/internal/evaluation"
	"github.com/nanteos/nanteos/internal/node"
	"github.com/nanteos/nanteos/task"
)

// modelEval is what `nanteos model eval` is told.
type modelEval struct {
	problem
	tasks, attempts, seed int
	sampling              grail.GenerationParams
}

// newModelEval is `nanteos model eval`.
func newModelEval(t terminal) *cobra.Command {
	e := modelEval{problem: problem{t: t}}
	cmd := &cobra.Command{
		Use:   "eval DIR",
		Short: "measure a model on an environment",
		Long: `eval lets a model answer problems and tells how much reward the answers earn and how many are right. The seed chooses problems and answers:
two checkpoints that are measured with one seed meet the same problems, and a second measurement gives the same figures.

The interval of the mean says how far it would move with other problems. pass@k is the chance that one of k answers is right.

` + modelPlaces,
		Example: "  nanteos model eval base\n  nanteos model eval ./checkpoint --env gsm8k --split test --tasks 200 --attempts 4",
		Args:    arguments("DIR", 1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, done := context.WithCancel(cmd.Context())
			defer done()
			return e.run(ctx, cmd, args[0])
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&e.env, "env", "sat", "environment; nanteos task list shows them")
	f.IntVar(&e.tasks, "tasks", 100, "number of problems")
	f.IntVar(&e.attempts, "attempts", 5, "answers to each problem")
	f.IntVar(&e.seed, "seed", 2025, "seed of problems and answers")
	f.IntVar(&e.sampling.MaxTokens, "max-tokens", 384, "longest answer")
	f.Float64Var(&e.sampling.Temperature, "temperature", 1, "temperature of sampling; 0.01 takes what is likeliest")
	f.Float64Var(&e.sampling.TopP, "top-p", 1, "part of the probability that is sampled from")
	f.IntVar(&e.sampling.TopK, "top-k", 0, "number of tokens that are sampled from; 0 for all")
	f.StringVar(&e.mode, "mode", "instructed", "thinking mode: instructed or native")
	f.StringVar(&e.split, "split", "", "split of the dataset, such as test (default train)")
	f.StringVar(&e.params_, "params", "", "env_params of the checkpoint as a JSON object")
	f.StringVar(&e.rules, "rules", "hardened", "rules of the network: hardened, reference, or a JSON file")
	f.BoolVar(&e.json, "json", false, "print as JSON")
	return cmd
}

// evaluated is the JSON of `nanteos model eval`.
type evaluated struct {
	Model   string       `json:"model"`
	Env     string       `json:"env"`
	Seed    int          `json:"seed"`
	Dataset *datasetInfo `json:"dataset,omitempty"`
	evaluation.Report
	Seconds float64 `json:"seconds"`
}

func (e *modelEval) run(ctx context.Context, cmd *cobra.Command, name string) (err error) {
	usage := func(format string, args ...any) error {
		return usageError{fmt.Errorf(format, args...), cmd.CommandPath()}
	}
	if err := e.checkSampling(); err != nil {
		return usage("couldn't sample: %w", err)
	}
	mode, err := task.ParseMode(e.mode)
	if err != nil {
		return usage("couldn't read --mode: %w", err)
	}
	params, err := e.params()
	if err != nil {
		return usage("couldn't read --params: %w", err)
	}
	rules, err := readRules(e.rules)
	if err != nil {
		return err
	}
	k := kit(e.t, true)
	defer func() { err = errors.Join(err, k.Close()) }()
	env, err := k.Open(e.env, task.Options{Mode: mode, Params: params, Quirks: rules.EnvironmentQuirks})
	if errors.Is(err, task.ErrUnknownEnvironment) {
		return hinted{err, "nanteos task list shows them"}
	}
	if err != nil {
		return withHint(err, node.EnvironmentHint(err))
	}
	out := evaluated{Model: name, Env: e.env, Seed: e.seed}
	set, err := k.Dataset(ctx, e.env)
	if err != nil {
		return err
	}
	if set != nil {
		out.Dataset = describe(set)
	}
	path, done, err := placeModel(name)
	if err != nil {
		return err
	}
	defer done()
	n, err := engine.Load(ctx, path, engine.Options{Identity: engine.Identity{Name: name}, Config: engine.Config{Threads: e.t.env.Threads}})
	if err != nil {
		return aboutModel(err)
	}
	defer n.Close()
	began := time.Now()
	o := evaluation.Options{Environment: env, Mode: mode, Tasks: e.tasks, Attempts: e.attempts, Seed: e.seed, Sampling: e.sampling}
	if e.t.live && !e.json {
		o.Progress = func(done, tasks int, mean float64) {
			fmt.Fprint(e.t.err, "\r"+fitted(e.t, fmt.Sprintf("%d of %d problems, mean reward %.3f ", done, tasks, mean)))
		}
	}
	out.Report, err = evaluation.Run(ctx, n, n.Text(), o)
	if o.Progress != nil {
		fmt.Fprint(e.t.err, "\r\x1b[K")
	}
	if errors.Is(err, evaluation.ErrOptions) {
		return usage("%w", err)
	}
	if err != nil {
		return err
	}
	out.Seconds = time.Since(began).Seconds()
	if e.json {
		return printJSON(e.t, out)
	}
	if _, err := fmt.Fprint(e.t.out, out.text()); err != nil {
		return fmt.Errorf("couldn't write: %w", err)
	}
	return nil
}

// checkSampling holds the flags to the protocol's ranges.
func (e *modelEval) checkSampling() error {
	p := &e.sampling
	p.RepetitionPenalty = 1
	for _, f := range []struct {
		name       string
		v, low, up float64
	}{
		{"max-tokens", float64(p.MaxTokens), 1, 8192}, {"temperature", p.Temperature, 0.01, 2}, {"top-p", p.TopP, 0, 1}, {"top-k", float64(p.TopK), 0, 1000},
	} {
		if !(f.v >= f.low && f.v <= f.up) {
			return fmt.Errorf("--%s is %g: want %g to %g", f.name, f.v, f.low, f.up)
		}
	}
	return nil
}

// text shows the figures to people.
func (o evaluated) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s on %s: %d problems, %d answers, seed %d, %.1f s\n", escape(o.Model), o.Env, o.Tasks, o.Attempts, o.Seed, o.Seconds)
	if o.Dataset != nil {
		fmt.Fprintf(&b, "dataset %.16s…, %s\n", o.Dataset.Digest, escape(o.Dataset.Source))
	}
	fmt.Fprintf(&b, "\nreward   %.3f  (95 %% interval %.3f to %.3f)\nright    %.1f %%\nended    %.1f %%, %.0f tokens on average\n\n%-6s %8s %8s %8s\n",
		unsigned(o.RewardMean), unsigned(o.Low), unsigned(o.High), 100*o.SuccessRate, 100*o.Stopped, o.Length, "k", "pass@k", "mean", "best")
	for _, a := range o.AtK {
		fmt.Fprintf(&b, "%-6d %7.1f%% %8.3f %8.3f\n", a.K, 100*a.Pass, a.Mean, a.Best)
	}
	return b.String()
}

// unsigned takes the sign off what rounds to 0.000.
func unsigned(v float64) float64 {
	if math.Abs(v) < 0.0005 {
		return 0
	}
	return v
}
