package sat_test

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/internal/vectortest"
	"github.com/nanteos/nanteos/task"
	"github.com/nanteos/nanteos/task/answer"
	"github.com/nanteos/nanteos/task/sat"
)

// problem is how vectors write a generated problem.
type problem struct {
	Difficulty float64
	NumVars    int `json:"num_vars"`
	Clauses    []sat.Clause
}

func (want problem) check(t *testing.T, what string, p sat.Problem) {
	t.Helper()
	if p.Difficulty != want.Difficulty || p.NumVars != want.NumVars {
		t.Errorf("%s: got difficulty %v, %d variables, want %v, %d", what, p.Difficulty, p.NumVars, want.Difficulty, want.NumVars)
	}
	if !slices.EqualFunc(p.Clauses, want.Clauses, slices.Equal[sat.Clause]) {
		t.Errorf("%s: got clauses %v, want %v", what, p.Clauses, want.Clauses)
	}
}

func TestVectorsSAT(t *testing.T) {
	const file = "environments/sat.json"
	var v struct {
		Meta     json.RawMessage
		Bounds   [2]float64 `json:"reward_bounds"`
		Problems []struct {
			Seed   uint32
			TaskID string `json:"task_id"`
			problem
			Prompt    string
			NMessages int `json:"n_messages"`
			Role      string
		}
		Trials []struct {
			Seed       uint32
			Mode       string
			Label      string
			Completion string
			Expect     struct {
				Reward     float64
				Components map[string]float64
				Success    bool
				Assignment []int
				Satisfied  int    `json:"satisfied_clauses"`
				Total      int    `json:"total_clauses"`
				Cause      string `json:"termination_cause"`
				Terminated bool   // an episode has one step: always true
				Truncated  bool   // always false
			}
		}
		Direct []struct {
			Seed string
			problem
			Prompt string
		}
		TaskSource []struct {
			Seed   *int64
			TaskID *string `json:"task_id"`
			ID     string
			problem
		} `json:"task_source"`
	}
	vectortest.Decode(t, file, &v)
	if v.Bounds != [2]float64{sat.MinReward, sat.MaxReward} {
		t.Errorf("reward bounds: got %v, %v, want %v", sat.MinReward, sat.MaxReward, v.Bounds)
	}
	envs := map[string]task.Environment{}
	for _, m := range []task.Mode{task.Instructed, task.Native} {
		e, err := sat.New(task.Options{Mode: m})
		if err != nil {
			t.Fatal(err)
		}
		envs[m.String()] = e
	}
	for _, c := range v.Problems {
		tk, err := envs["native"].Task(c.Seed)
		if err != nil {
			t.Fatal(err)
		}
		p := sat.FromSeed(c.Seed)
		c.check(t, "seed "+c.TaskID, p)
		if p.Material != c.TaskID {
			t.Errorf("seed %d: got task id %s, want %s", c.Seed, p.Material, c.TaskID)
		}
		want := task.Message{Role: c.Role, Content: c.Prompt}
		if m := tk.Messages(); len(m) != c.NMessages || m[0] != want {
			t.Errorf("seed %d: got messages %q, want %q", c.Seed, m, want)
		}
	}
	for i, c := range v.Trials {
		tk, err := envs[c.Mode].Task(c.Seed)
		if err != nil {
			t.Fatal(err)
		}
		g, err := tk.Grade(t.Context(), c.Completion)
		if err != nil {
			t.Fatal(err)
		}
		e := c.Expect
		if g.Reward != e.Reward || g.Success != e.Success || len(g.Components) != len(e.Components) {
			t.Errorf("trial %d (%s) %q: got %+v, want %+v", i, c.Label, c.Completion, g, e)
		}
		for _, part := range g.Components {
			if want, ok := e.Components[part.Name]; !ok || want != part.Value {
				t.Errorf("trial %d (%s) %q: got %s = %v, want %v", i, c.Label, c.Completion, part.Name, part.Value, want)
			}
		}
		info := map[string]any{"satisfied_clauses": e.Satisfied, "total_clauses": e.Total, "assignment": e.Assignment, "termination_cause": e.Cause}
		if !reflect.DeepEqual(g.Info, info) {
			t.Errorf("trial %d (%s) %q: got %v, want %v", i, c.Label, c.Completion, g.Info, info)
		}
		if !e.Terminated || e.Truncated {
			t.Errorf("trial %d: an episode of more than one step", i)
		}
	}
	for _, c := range v.Direct {
		p := sat.Generate(c.Seed, c.Difficulty)
		c.check(t, "material "+c.Seed, p)
		if p.Prompt() != c.Prompt {
			t.Errorf("material %q: got prompt %q, want %q", c.Seed, p.Prompt(), c.Prompt)
		}
	}
	for _, c := range v.TaskSource {
		p := sat.FromSource(c.Seed, c.TaskID)
		c.check(t, "source "+c.ID, p)
		if p.Material != c.ID {
			t.Errorf("source: got id %s, want %s", p.Material, c.ID)
		}
	}
	vectortest.Count(t, file, len(v.Problems)+len(v.Trials)+len(v.Direct)+len(v.TaskSource))
}

func TestVectorsSATPrompt(t *testing.T) {
	const file = "environments/prompts.json"
	var all map[string]json.RawMessage
	vectortest.Decode(t, file, &all)
	var v struct {
		BeforeSeed   string    `json:"before_seed8"`
		AfterSeed    string    `json:"after_seed8"`
		AfterNumVars string    `json:"after_num_vars"`
		ClauseLine   [2]string `json:"clause_line_parts"`
		Separator    string    `json:"literal_separator"`
		Negation     string    `json:"negation_prefix"`
		Variable     string    `json:"variable_prefix"`
		AfterClauses string    `json:"after_clauses"`
		Default      string    `json:"default_seed_material"`
	}
	d := json.NewDecoder(strings.NewReader(string(all["sat"])))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("couldn't decode the SAT texts: %v", err)
	}
	p := sat.Problem{Material: "日本語 material", NumVars: 4, Clauses: []sat.Clause{{1, -3, 4}}}
	want := v.BeforeSeed + "日本語 mate" + v.AfterSeed + "4" + v.AfterNumVars +
		v.ClauseLine[0] + v.Variable + "1" + v.Separator + v.Negation + v.Variable + "3" + v.Separator + v.Variable + "4" + v.ClauseLine[1] + v.AfterClauses
	if got := p.Prompt(); got != want {
		t.Errorf("prompt: got %q, want %q", got, want)
	}
	if v.Default != sat.DefaultMaterial {
		t.Errorf("default material: got %q, want %q", sat.DefaultMaterial, v.Default)
	}
	vectortest.Count(t, file, 1)
}

// small has one clause that asks for x1 and one that asks for x2 to be false.
var small = sat.Problem{Material: "small", NumVars: 3, Clauses: []sat.Clause{{1}, {-2}}}

func TestParse(t *testing.T) {
	tags := task.Native.Tags()
	for _, test := range []struct {
		name, text string
		want       sat.Answer
	}{
		{"nothing", "", sat.Answer{}},
		{"empty answer", "<SOLUTION></SOLUTION>", sat.Answer{Result: answer.Result{HasAnswer: true}, OnlyBits: true}},
		{"strict", "<SOLUTION>1 0 1</SOLUTION>", sat.Answer{Result: answer.Result{HasAnswer: true, Content: "1 0 1"},
			OnlyBits: true, Bits: 3, Strict: true, Assignment: []bool{true, false, true}}},
		{"no blanks needed", "<SOLUTION>\n101\u3000\x1c</SOLUTION>", sat.Answer{Result: answer.Result{HasAnswer: true, Content: "\n101\u3000\x1c"},
			OnlyBits: true, Bits: 3, Strict: true, Assignment: []bool{true, false, true}}},
		{"padded", "<SOLUTION>1</SOLUTION>", sat.Answer{Result: answer.Result{HasAnswer: true, Content: "1"},
			OnlyBits: true, Bits: 1, Assignment: []bool{true, false, false}}},
		{"too many", "<SOLUTION>0 1 0 1</SOLUTION>", sat.Answer{Result: answer.Result{HasAnswer: true, Content: "0 1 0 1"},
			OnlyBits: true, Bits: 4, Assignment: []bool{false, true, false}}},
		{"other characters", "<SOLUTION>x1=1, ١</SOLUTION>", sat.Answer{Result: answer.Result{HasAnswer: true, Content: "x1=1, ١"},
			Bits: 2, Assignment: []bool{true, true, false}}},
		{"two blocks are not strict", "<SOLUTION>1 1 1</SOLUTION></think><SOLUTION>1 0 1</SOLUTION>",
			sat.Answer{Result: answer.Result{HasThinking: true, HasAnswer: true, Content: "1 0 1", Ordered: true},
				OnlyBits: true, Bits: 3, Assignment: []bool{true, false, true}}},
		{"end of sequence", "<SOLUTION>101</SOLUTION><|im_end|>", sat.Answer{Result: answer.Result{HasAnswer: true, Content: "101", Trailing: 10},
			OnlyBits: true, Bits: 3, Assignment: []bool{true, false, true}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := sat.Parse(test.text, tags, 3); !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestGrade(t *testing.T) {
	tags := task.Instructed.Tags()
	for _, test := range []struct {
		name, text string
		reward     float64
		success    bool
		satisfied  int
	}{
		{"solved", "</end_working_out><SOLUTION>1 0 1</SOLUTION>", sat.MaxReward, true, 2},
		{"solved, but the end token follows", "</end_working_out><SOLUTION>1 0 1</SOLUTION><|im_end|>", -0.111, false, 2},
		{"half", "<SOLUTION>1 1 1</SOLUTION>", 0.135, false, 1},
		{"empty", "", sat.MinReward, false, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := small.Grade(test.text, tags)
			if diff := g.Reward - test.reward; diff > 1e-12 || diff < -1e-12 || g.Success != test.success || g.Info["satisfied_clauses"] != test.satisfied {
				t.Errorf("got %+v, want %+v", g, test)
			}
		})
	}
}

func TestSolve(t *testing.T) {
	if got, ok := small.Solve(); !ok || !slices.Equal(got, []bool{true, false, false}) {
		t.Errorf("got %v, %v", got, ok)
	}
	if got, ok := (sat.Problem{NumVars: 1, Clauses: []sat.Clause{{1}, {-1}}}).Solve(); ok {
		t.Errorf("a contradiction is solved by %v", got)
	}
	if _, ok := (sat.Problem{NumVars: 25}).Solve(); ok {
		t.Error("25 variables are too many")
	}
	solved := 0
	for seed := range uint32(50) {
		p := sat.FromSeed(seed)
		if p.NumVars < 5 || p.NumVars > 11 || len(p.Clauses) < 7 || len(p.Clauses) > 15 {
			t.Errorf("seed %d: %d variables, %d clauses", seed, p.NumVars, len(p.Clauses))
		}
		if a, ok := p.Solve(); ok {
			solved++
			if p.Satisfied(a) != len(p.Clauses) {
				t.Errorf("seed %d: %v does not solve it", seed, a)
			}
		}
	}
	if solved < 40 {
		t.Errorf("only %d of 50 problems can be solved", solved)
	}
}

func TestGradeEndsWithContext(t *testing.T) {
	e, err := sat.New(task.Options{})
	if err != nil || e.ID() != sat.ID {
		t.Fatalf("got %v, %v", e, err)
	}
	tk, err := e.Task(7)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := tk.Grade(ctx, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func FuzzGrade(f *testing.F) {
	f.Add(uint32(1), "<think>x</think><SOLUTION>0 1 0 0 0 0</SOLUTION><|im_end|>")
	f.Add(uint32(7), "<SOLUTION>01\u300001\x1c\xff</ſolution>")
	f.Fuzz(func(t *testing.T, seed uint32, completion string) {
		p := sat.FromSeed(seed)
		for _, m := range []task.Mode{task.Instructed, task.Native} {
			g := p.Grade(completion, m.Tags())
			if g.Reward < sat.MinReward || g.Reward > sat.MaxReward {
				t.Fatalf("reward %v", g.Reward)
			}
			if g.Success != (g.Reward >= 1) {
				t.Fatalf("success %v with reward %v", g.Success, g.Reward)
			}
			if n := len(g.Info["assignment"].([]int)); n != 0 && n != p.NumVars {
				t.Fatalf("assignment of %d values for %d variables", n, p.NumVars)
			}
		}
	})
}
