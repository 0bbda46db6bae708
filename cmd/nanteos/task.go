package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/nanteos/nanteos/internal/cpython"
	"github.com/nanteos/nanteos/internal/devnet"
	"github.com/nanteos/nanteos/internal/environments"
	"github.com/nanteos/nanteos/internal/node"
	"github.com/nanteos/nanteos/model/tokenizer"
	"github.com/nanteos/nanteos/task"
	"github.com/nanteos/nanteos/task/dataset"
)

const taskLong = `task shows the problems that networks pose and grades answers to them, as miners and validators do.

A problem follows from environment, seed, split and dataset. Where no dataset was pulled, the small one that
comes with the program is used, and the output says so.`

// newTask is the group of commands about problems.
func newTask(t terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "task",
		Short:   "show problems and grade answers",
		Long:    taskLong,
		Example: "  nanteos task list\n  nanteos task show gsm8k --seed 7\n  nanteos task grade gsm8k --seed 7 answer.txt",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newTaskShow(t), newTaskGrade(t), newTaskList(t))
	return cmd
}

// kit is what environments need, as the environment of the process has it. Close it.
func kit(t terminal, samples bool) *environments.Kit {
	e := t.env.Environments
	return environments.New(environments.Config{
		Samples: samples, DataDir: e.DataDir, GraderPython: e.GraderPython, GraderWorkers: e.GraderWorkers, Sympy: e.Sympy, KernelPython: e.KernelPython,
		GPUEval: e.GPUEval, KernelGPUs: e.KernelGPUs, KernelBackend: e.KernelBackend, KernelTimeout: e.KernelTimeout,
	})
}

// problem is which problem is meant, by the flags that show and grade have.
type problem struct {
	t                           terminal
	env                         string
	seed                        string
	mode, split, rules, params_ string
	quirks, json                bool
}

func (p *problem) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&p.seed, "seed", "0", "seed of the problem, from 0 to 4294967295")
	f.StringVar(&p.mode, "mode", "instructed", "thinking mode: instructed or native")
	f.StringVar(&p.split, "split", "", "split of the dataset, such as test (default train)")
	f.StringVar(&p.params_, "params", "", "env_params of the checkpoint as a JSON object")
	f.StringVar(&p.rules, "rules", "hardened", "rules of the network: hardened, reference, or a JSON file")
	f.BoolVar(&p.quirks, "quirks", false, "grade with the reference's defects, as --rules reference does")
	f.BoolVar(&p.json, "json", false, "print as JSON")
}

// posed is a problem that was posed, with what it depends on.
type posed struct {
	Env    string `json:"env"`
	Seed   uint32 `json:"seed"`
	Mode   string `json:"mode"`
	Quirks bool   `json:"quirks"`
	// Dataset is the one that the problem is from, nil where the environment has none.
	Dataset *datasetInfo `json:"dataset,omitempty"`

	task task.Task
	mode task.Mode
}

// datasetInfo tells of a dataset.
type datasetInfo struct {
	Digest  string `json:"digest"`
	Source  string `json:"source"`
	Licence string `json:"licence"`
	// Sample says that it is the program's own small one: no network's problems.
	Sample bool `json:"sample,omitempty"`
}

func describe(s *dataset.Set) *datasetInfo {
	return &datasetInfo{Digest: s.Digest, Source: s.Source, Licence: s.Licence, Sample: environments.IsSample(s)}
}

// pose opens the environment and poses the problem.
func (p *problem) pose(ctx context.Context, cmd *cobra.Command, k *environments.Kit) (posed, error) {
	bad := func(format string, args ...any) error {
		return usageError{fmt.Errorf(format, args...), cmd.CommandPath()}
	}
	seed, err := strconv.ParseUint(p.seed, 10, 32)
	if err != nil {
		return posed{}, bad("couldn't read --seed: %.40q is not a whole number from 0 to %d", p.seed, uint32(math.MaxUint32))
	}
	mode, err := task.ParseMode(p.mode)
	if err != nil {
		return posed{}, bad("couldn't read --mode: %w", err)
	}
	params, err := p.params()
	if err != nil {
		return posed{}, bad("couldn't read --params: %w", err)
	}
	quirks := p.quirks
	if p.rules != "" && !quirks {
		rules, err := readRules(p.rules)
		if err != nil {
			return posed{}, err
		}
		quirks = rules.EnvironmentQuirks
	}
	e, err := k.Open(p.env, task.Options{Mode: mode, Params: params, Quirks: quirks})
	if errors.Is(err, task.ErrUnknownEnvironment) {
		return posed{}, devnet.WithHint(err, "nanteos task list shows them")
	}
	if err != nil {
		return posed{}, withHint(err, node.EnvironmentHint(err))
	}
	one, err := e.Task(uint32(seed))
	if err != nil {
		return posed{}, fmt.Errorf("couldn't pose problem %d of %s: %w", seed, p.env, err)
	}
	out := posed{Env: p.env, Seed: uint32(seed), Mode: mode.String(), Quirks: quirks, task: one, mode: mode}
	set, err := k.Dataset(ctx, p.env)
	if err != nil {
		return posed{}, err
	}
	if set != nil {
		out.Dataset = describe(set)
	}
	return out, nil
}

// params are the parameters of the checkpoint that the flags stand for.
func (p *problem) params() (cpython.Value, error) {
	var members []cpython.Member
	if p.params_ != "" {
		v, err := cpython.ParseJSON([]byte(p.params_), cpython.Limits{MaxBytes: 1 << 16, MaxDepth: 16, MaxValues: 1 << 10})
		if err != nil {
			return v, err
		}
		if v.Kind() != cpython.Object {
			return v, fmt.Errorf("it is %s, not an object", v.Kind())
		}
		members = v.Members()
	}
	if p.split != "" {
		members = append(members, cpython.Member{Key: "split", Value: cpython.StringValue(p.split)})
	}
	if members == nil {
		return cpython.Value{}, nil
	}
	return cpython.ObjectValue(members), nil
}

// note says what people must know of the dataset before they compare.
func (p posed) note(t terminal) string {
	if p.Dataset == nil || !p.Dataset.Sample {
		return ""
	}
	return fmt.Sprintf("note: this is a problem of the small dataset that comes with the program; networks pose others. %s data pull %s gets theirs\n", t.program, p.Env)
}

// withHint adds a hint where there is one and the error has none.
func withHint(err error, hint string) error {
	if err == nil || hint == "" || hintOf(err) != "" {
		return err
	}
	return devnet.WithHint(err, hint)
}

func newTaskGrade(t terminal) *cobra.Command {
	p := problem{t: t}
	cmd := &cobra.Command{
		Use:   "grade ENV FILE",
		Short: "grade a completion of a problem",
		Long: `grade judges the text of a completion as a validator does: its reward, and what it is made of. The text is all that
follows the prompt, special tokens included; FILE - reads it from the standard input.`,
		Example: "  nanteos task grade sat --seed 7 answer.txt\n  echo '<SOLUTION>18</SOLUTION>' | nanteos task grade gsm8k --seed 3 -",
		Args:    cobra.MatchAll(arguments("ENV or FILE", 2, 2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			p.env = args[0]
			return p.grade(cmd, args[1])
		},
	}
	p.flags(cmd)
	return cmd
}

// maxCompletion bounds a completion in bytes: 8192 tokens of any tokenizer have less.
const maxCompletion = 16 << 20

// completion reads a completion from a file, or from the standard input for "-".
func (p *problem) completion(name string) (string, error) {
	var in io.Reader = p.t.in
	if name != "-" {
		f, err := os.Open(name)
		if errors.Is(err, fs.ErrNotExist) {
			return "", devnet.WithHint(fmt.Errorf("couldn't find completion: %w", err), "name a file with the text, or - for the standard input")
		}
		if err != nil {
			return "", fmt.Errorf("couldn't read completion: %w", err)
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxCompletion+1))
	if err != nil {
		return "", fmt.Errorf("couldn't read completion: %w", err)
	}
	if len(text) > maxCompletion {
		return "", fmt.Errorf("couldn't read completion: it is longer than %d bytes", maxCompletion)
	}
	return tokenizer.Lossy(string(text)), nil
}

// graded is the answer of task grade.
type graded struct {
	posed
	Reward     number           `json:"reward"`
	Success    bool             `json:"success"`
	Components []gradeComponent `json:"components"`
	Info       map[string]any   `json:"info,omitempty"`
}

type gradeComponent struct {
	Name   string `json:"name"`
	Value  number `json:"value"`
	Weight number `json:"weight"`
}

func (p *problem) grade(cmd *cobra.Command, file string) (err error) {
	k := kit(p.t, true)
	defer func() { err = errors.Join(err, k.Close()) }()
	one, err := p.pose(cmd.Context(), cmd, k)
	if err != nil {
		return err
	}
	text, err := p.completion(file)
	if err != nil {
		return err
	}
	g, err := one.task.Grade(cmd.Context(), text)
	if err != nil {
		return withHint(fmt.Errorf("couldn't grade completion: %w", err), node.EnvironmentHint(err))
	}
	out := graded{posed: one, Reward: number(g.Reward), Success: g.Success, Components: []gradeComponent{}, Info: g.Info}
	for _, c := range g.Components {
		out.Components = append(out.Components, gradeComponent{c.Name, number(c.Value), number(c.Weight)})
	}
	if p.json {
		return printJSON(p.t, out)
	}
	_, err = io.WriteString(p.t.out, out.text(p.t))
	if err != nil {
		return fmt.Errorf("couldn't write: %w", err)
	}
	return nil
}
