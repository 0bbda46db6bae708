package dataset

import (
	"fmt"
	"slices"
	"strings"
)

// Kind is the kind of a column's values.
type Kind uint8

// The kinds: string, int64, []string.
const (
	Text Kind = iota + 1
	Int
	Texts
)

// String names the kind for people.
func (k Kind) String() string {
	return [...]string{"value", "text", "whole number", "list of texts"}[min(k, Texts)]
}

func (k Kind) holds(v any) bool {
	switch v.(type) {
	case string:
		return k == Text
	case int64:
		return k == Int
	case []string:
		return k == Texts
	}
	return false
}

// Column is a column that an environment reads.
type Column struct {
	Name string
	Kind Kind
	// Optional columns may be absent or null; a text is then empty.
	Optional bool
}

// Table is a part of a dataset as its publisher divides it.
type Table struct {
	// Name is Config/Split.
	Name, Config, Split string
	// Rows is how many the network's has, 0 where that isn't known.
	Rows int
}

// Spec says what the data of an environment is.
type Spec struct {
	// Env is the environment's id.
	Env string
	// Title is the dataset's name for people.
	Title string
	// Repository is where Hugging Face has it, ORG/NAME; Alias is the older name that the reference loads it by, where it is another.
	Repository, Alias string
	// Licence is the one its publisher states, as an SPDX identifier or in words; Attribution is whom to name, and what else to know of it.
	Licence, Attribution string
	// Columns are those that the environment reads, in the order of the digest. All tables have the same.
	Columns []Column
	// Tables are in the order of the digest.
	Tables []Table
	// Partial says that tables may be missing: the reference goes on without those it can't load.
	Partial bool
}

// Table finds a table by its name.
func (s Spec) Table(name string) (Table, bool) {
	i := slices.IndexFunc(s.Tables, func(t Table) bool { return t.Name == name })
	if i < 0 {
		return Table{}, false
	}
	return s.Tables[i], true
}

// Column finds a column by its name.
func (s Spec) Column(name string) (Column, bool) {
	i := slices.IndexFunc(s.Columns, func(c Column) bool { return c.Name == name })
	if i < 0 {
		return Column{}, false
	}
	return s.Columns[i], true
}

// Subjects are the configs of MATH, in the order in which their lists are joined.
var Subjects = []string{"algebra", "counting_and_probability", "geometry", "intermediate_algebra", "number_theory", "prealgebra", "precalculus"}

// aliases are other ids of the same environments.
var aliases = map[string]string{"python_code": "mbpp"}

var specs = []Spec{
	{
		Env: "gsm8k", Title: "GSM8K", Repository: "openai/gsm8k", Licence: "MIT",
		Attribution: "Cobbe et al., Training Verifiers to Solve Math Word Problems, 2021; copyright OpenAI",
		Columns:     []Column{{Name: "question", Kind: Text}, {Name: "answer", Kind: Text}},
		Tables:      []Table{table("main", "train", 7473), table("main", "test", 1319)},
	},
	{
		Env: "math", Title: "MATH", Repository: "EleutherAI/hendrycks_math", Licence: "MIT",
		Attribution: "Hendrycks et al., Measuring Mathematical Problem Solving With the MATH Dataset, 2021. The licence is that of the authors' code; " +
			"whose the problems' texts are is disputed, and another copy was withdrawn after a takedown notice: see for yourself whether you may use it",
		Columns: []Column{{Name: "problem", Kind: Text}, {Name: "solution", Kind: Text}, {Name: "level", Kind: Text}, {Name: "type", Kind: Text}},
		Tables: subjectTables(map[string][7]int{
			"train": {1744, 771, 870, 1295, 869, 1205, 746},
			"test":  {1187, 474, 479, 903, 540, 871, 546},
		}),
	},
	{
		Env: "mbpp", Title: "MBPP", Repository: "google-research-datasets/mbpp", Licence: "CC-BY-4.0",
		Attribution: "Austin et al., Program Synthesis with Large Language Models, 2021; Google Research. Whoever passes it on must name them",
		Columns: []Column{
			{Name: "task_id", Kind: Int}, {Name: "text", Kind: Text}, {Name: "code", Kind: Text},
			{Name: "test_list", Kind: Texts}, {Name: "test_setup_code", Kind: Text, Optional: true},
		},
		Tables: []Table{table("full", "train", 374), table("full", "validation", 90), table("full", "test", 500)},
	},
	{
		Env: "humaneval", Title: "HumanEval", Repository: "openai/openai_humaneval", Alias: "openai_humaneval", Licence: "MIT",
		Attribution: "Chen et al., Evaluating Large Language Models Trained on Code, 2021; copyright OpenAI",
		Columns: []Column{
			{Name: "task_id", Kind: Text}, {Name: "prompt", Kind: Text}, {Name: "canonical_solution", Kind: Text},
			{Name: "test", Kind: Text}, {Name: "entry_point", Kind: Text},
		},
		Tables: []Table{table("openai_humaneval", "test", 164)},
	},
	{
		Env: "triton_kernel", Title: "KernelBench", Repository: "ScalingIntelligence/KernelBench", Licence: "MIT",
		Attribution: "Ouyang et al., KernelBench: Can LLMs Write Efficient GPU Kernels?, 2025; the licence is that of the authors' repository",
		Columns: []Column{
			{Name: "code", Kind: Text}, {Name: "level", Kind: Int}, {Name: "name", Kind: Text}, {Name: "problem_id", Kind: Int, Optional: true},
		},
		Tables:  []Table{table("default", "level_1", 100), table("default", "level_2", 100), table("default", "level_3", 50), table("default", "level_4", 20)},
		Partial: true,
	},
	{
		Env: "affine_trace", Title: "rl-python", Repository: "satpalsr/rl-python", Licence: "unknown",
		Attribution: "published by the user satpalsr without a licence: without one, nobody has said that you may use it",
		Columns:     []Column{{Name: "program", Kind: Text}, {Name: "inputs", Kind: Text, Optional: true}},
		Tables:      []Table{table("default", "train", 0)},
	},
}

func table(config, split string, rows int) Table {
	return Table{Name: config + "/" + split, Config: config, Split: split, Rows: rows}
}

// subjectTables lists the tables of MATH: all of train, then all of test.
func subjectTables(sizes map[string][7]int) []Table {
	var out []Table
	for _, split := range []string{"train", "test"} {
		for i, subject := range Subjects {
			out = append(out, table(subject, split, sizes[split][i]))
		}
	}
	return out
}

// Envs lists the environments that have a dataset, without aliases.
func Envs() []string {
	out := make([]string, len(specs))
	for i, s := range specs {
		out[i] = s.Env
	}
	return out
}

// Canonical is the id by which the data of an environment is known: mbpp for its alias python_code, otherwise the id itself.
func Canonical(env string) string {
	if id, ok := aliases[env]; ok {
		return id
	}
	return env
}

// SpecOf returns what the data of an environment is. Errors wrap ErrUnknownEnv and name those that there are.
func SpecOf(env string) (Spec, error) {
	id := Canonical(env)
	i := slices.IndexFunc(specs, func(s Spec) bool { return s.Env == id })
	if i < 0 {
		return Spec{}, fmt.Errorf("%w: %q; those with one are %s", ErrUnknownEnv, env, strings.Join(Envs(), ", "))
	}
	return specs[i], nil
}
