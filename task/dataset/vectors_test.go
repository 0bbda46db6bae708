package dataset

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/internal/cpython"
	"github.com/nanteos/nanteos/internal/vectortest"
)

const vectorFile = "environments/datasets.json"

// pick is a choice by seed, by task id, or by neither.
type pick struct {
	Seed     *int64          `json:"seed"`
	TaskID   *string         `json:"task_id"`
	ID       string          `json:"id"`
	Index    int             `json:"index"`
	Origin   string          `json:"origin"`
	Metadata json.RawMessage `json:"metadata"`
}

type list struct {
	Size   int      `json:"size"`
	Rows   []pick   `json:"rows"`
	Order  []string `json:"order"`
	SHA256 string   `json:"order_sha256"`
	Level3 *list    `json:"level3"`
	L5     *list    `json:"geometry_l5"`
}

type vectors struct {
	Meta  map[string]string `json:"meta"`
	Sizes struct {
		GSM8K       map[string]int `json:"gsm8k"`
		MATHTrain   map[string]int `json:"math_train"`
		MATHTest    map[string]int `json:"math_test"`
		MBPP        map[string]int `json:"mbpp"`
		HumanEval   int            `json:"humaneval"`
		KernelBench map[string]int `json:"kernelbench"`
	} `json:"sizes"`
	GSM8K struct {
		Train list  `json:"train"`
		Val   list  `json:"val"`
		Test  list  `json:"test"`
		Order []int `json:"val_upstream_indices"`
	} `json:"gsm8k"`
	MATH struct {
		Train list           `json:"train"`
		Val   list           `json:"val"`
		Test  list           `json:"test"`
		Order []string       `json:"val_order"`
		Each  map[string]int `json:"val_per_subject"`
	} `json:"math"`
	MBPP        map[string]list            `json:"mbpp"`
	HumanEval   list                       `json:"humaneval"`
	KernelBench map[string]json.RawMessage `json:"kernelbench"`
	Constructor []struct {
		Source string `json:"source"`
		Args   struct {
			Split *string `json:"split"`
			Level *int    `json:"level"`
		} `json:"args"`
		Error *string `json:"error"`
	} `json:"constructor"`
	LoadCalls []string `json:"load_calls"`
	Unified   struct {
		Records []json.RawMessage `json:"records"`
		Cases   []struct {
			Args struct {
				Split      string   `json:"split"`
				Mode       string   `json:"mode"`
				Source     string   `json:"source_filter"`
				Exclude    []string `json:"exclude_sources"`
				Difficulty string   `json:"difficulty"`
				Category   string   `json:"category"`
				Quality    float64  `json:"sft_quality_threshold"`
				Weighted   bool     `json:"weighted_sampling"`
			} `json:"args"`
			Size    int       `json:"size"`
			Order   []string  `json:"order"`
			Weights []float64 `json:"weights"`
			Rows    []pick    `json:"rows"`
		} `json:"cases"`
		Quirk struct {
			Second []float64 `json:"second_instance_weights"`
		} `json:"weighted_cache_quirk"`
	} `json:"unified"`
}

func load(t *testing.T) vectors {
	t.Helper()
	var v vectors
	vectortest.Decode(t, vectorFile, &v)
	return v
}

// synthetic makes rows that say what they are.
func synthetic(n int, row func(i int) Row) []Row {
	rows := make([]Row, n)
	for i := range rows {
		rows[i] = row(i)
	}
	return rows
}

func mustNew(t testing.TB, env string, tables map[string][]Row) *Set {
	t.Helper()
	s, err := New(env, "test", "none", tables)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// compare holds a selection to a list of the vectors. origin tells what a row is.
func compare(t *testing.T, name string, sel *Selection, err error, want list, origin func(Row) string) int {
	t.Helper()
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return 0
	}
	if sel.Len() != want.Size {
		t.Errorf("%s: %d rows, want %d", name, sel.Len(), want.Size)
	}
	for _, p := range want.Rows {
		var row Row
		var id string
		var index int
		switch {
		case p.Seed != nil:
			row, id, index = sel.At(*p.Seed)
		case p.TaskID != nil:
			row, id, index = sel.ByID(*p.TaskID)
		default:
			row, id, index = sel.First()
		}
		if id != p.ID || index != p.Index || origin(row) != p.Origin {
			t.Errorf("%s: %s %d %q, want %+v", name, id, index, origin(row), p)
		}
	}
	if want.Order != nil && !slices.Equal(origins(sel, origin), want.Order) {
		t.Errorf("%s: another order", name)
	}
	return len(want.Rows)
}

func origins(sel *Selection, origin func(Row) string) []string {
	var out []string
	for _, r := range sel.Rows() {
		out = append(out, origin(r))
	}
	return out
}

func column(name string) func(Row) string { return func(r Row) string { return r.Text(name) } }

func TestVectorsGSM8K(t *testing.T) {
	v := load(t)
	tables := map[string][]Row{}
	for split, n := range v.Sizes.GSM8K {
		tables["main/"+split] = synthetic(n, func(i int) Row { return Row{"question": fmt.Sprintf("gsm-%s-%d", split, i), "answer": "#### 1"} })
	}
	set := mustNew(t, "gsm8k", tables)
	n := 0
	for split, want := range map[string]list{"train": v.GSM8K.Train, "val": v.GSM8K.Val, "test": v.GSM8K.Test} {
		sel, err := GSM8K(set, split)
		n += compare(t, "gsm8k "+split, sel, err, want, column("question"))
	}
	val, _ := GSM8K(set, "val")
	var order []string
	for _, i := range v.GSM8K.Order {
		order = append(order, fmt.Sprintf("gsm-train-%d", i))
	}
	if !slices.Equal(origins(val, column("question")), order) {
		t.Error("val has other rows")
	}
	vectortest.Count(t, vectorFile, n)
}

// mathLevels is the level of synthetic rows: the vectors' generator numbers them in turn.
func mathLevel(i int) string { return fmt.Sprintf("Level %d", i%5+1) }

func TestVectorsMATH(t *testing.T) {
	v := load(t)
	tables := map[string][]Row{}
	for split, sizes := range map[string]map[string]int{"train": v.Sizes.MATHTrain, "test": v.Sizes.MATHTest} {
		for subject, n := range sizes {
			tables[subject+"/"+split] = synthetic(n, func(i int) Row {
				return Row{"problem": fmt.Sprintf("%s-%s-%d", subject, split, i), "solution": `\boxed{1}`, "level": mathLevel(i), "type": subject}
			})
		}
	}
	set := mustNew(t, "math", tables)
	n := 0
	for split, want := range map[string]list{"train": v.MATH.Train, "val": v.MATH.Val, "test": v.MATH.Test} {
		sel, err := MATH(set, split, Filter{})
		n += compare(t, "math "+split, sel, err, want, column("problem"))
		sel, err = MATH(set, split, Filter{Level: 3})
		n += compare(t, "math level 3 "+split, sel, err, *want.Level3, column("problem"))
		sel, err = MATH(set, split, Filter{Level: 5, Subject: "geometry"})
		n += compare(t, "math geometry 5 "+split, sel, err, *want.L5, column("problem"))
	}
	val, _ := MATH(set, "val", Filter{})
	if !slices.Equal(origins(val, column("problem")), v.MATH.Order) {
		t.Error("val has other rows")
	}
	for subject, want := range v.MATH.Each {
		got := 0
		for _, r := range val.Rows() {
			if r.Text("type") == subject {
				got++
			}
		}
		if got != want {
			t.Errorf("val has %d rows of %s, want %d", got, subject, want)
		}
	}
	vectortest.Count(t, vectorFile, n)
}

func TestVectorsMBPPAndHumanEval(t *testing.T) {
	v := load(t)
	tables := map[string][]Row{}
	for split, n := range v.Sizes.MBPP {
		tables["full/"+split] = synthetic(n, func(i int) Row {
			return Row{"task_id": int64(i), "text": fmt.Sprintf("%s:%d", split, i), "code": "", "test_list": []string{}}
		})
	}
	set := mustNew(t, "python_code", tables)
	n := 0
	for split, want := range v.MBPP {
		for i, p := range want.Rows { // the vectors show the whole question; here only the row matters
			want.Rows[i].Origin, _, _ = strings.Cut(p.Origin, "\n")
		}
		sel, err := MBPP(set, split)
		n += compare(t, "mbpp "+split, sel, err, want, column("text"))
	}
	set = mustNew(t, "humaneval", map[string][]Row{"openai_humaneval/test": synthetic(v.Sizes.HumanEval, func(i int) Row {
		return Row{"task_id": "t", "prompt": fmt.Sprintf("he-%d", i), "canonical_solution": "", "test": "", "entry_point": "f"}
	})})
	sel, err := HumanEval(set)
	n += compare(t, "humaneval", sel, err, v.HumanEval, column("prompt"))
	vectortest.Count(t, vectorFile, n)
}

func TestVectorsKernelBench(t *testing.T) {
	v := load(t)
	tables := map[string][]Row{}
	for level, n := range v.Sizes.KernelBench {
		tables["default/level_"+level] = synthetic(n, func(i int) Row {
			return Row{"code": fmt.Sprintf("L%s-%d", level, i), "level": int64(level[0] - '0'), "name": "n", "problem_id": int64(i)}
		})
	}
	set := mustNew(t, "triton_kernel", tables)
	delete(tables, "default/level_4")
	without := mustNew(t, "triton_kernel", tables)
	n := 0
	for key, raw := range v.KernelBench {
		split, level, ok := strings.Cut(key, "/")
		if !ok {
			var order []string
			if err := json.Unmarshal(raw, &order); err != nil {
				t.Fatal(err)
			}
			of := map[string]*Set{"val_order": set, "val_order_without_level4": without}[key]
			sel, err := KernelBench(of, "val", AllLevels)
			if err != nil || !slices.Equal(origins(sel, column("code")), order) {
				t.Errorf("%s: another order (%v)", key, err)
			}
			n++
			continue
		}
		var want list
		if err := json.Unmarshal(raw, &want); err != nil {
			t.Fatal(err)
		}
		only := AllLevels
		if level != "all" {
			only = int(level[0] - '0')
		}
		sel, err := KernelBench(set, split, only)
		n += compare(t, "kernelbench "+key, sel, err, want, column("code"))
		if err != nil {
			continue
		}
		order, _ := json.Marshal(origins(sel, column("code")))
		spaced := strings.ReplaceAll(string(order), ",", ", ")
		sums := []string{hexSum(string(order)), hexSum(spaced), hexSum(strings.Join(origins(sel, column("code")), "\n")), hexSum(strings.Join(origins(sel, column("code")), ","))}
		if !slices.Contains(sums, want.SHA256) {
			t.Errorf("%s: another order", key)
		}
	}
	vectortest.Count(t, vectorFile, n)
}

func hexSum(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

func TestVectorsConstructors(t *testing.T) {
	v := load(t)
	sample := func(env string) *Set {
		s, err := Sample(env)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for _, c := range v.Constructor {
		split, level := "train", AllLevels
		if c.Args.Split != nil {
			split = *c.Args.Split
		}
		if c.Args.Level != nil {
			level = *c.Args.Level
		}
		var err error
		switch c.Source {
		case "GSM8K":
			_, err = GSM8K(sample("gsm8k"), split)
		case "MATH":
			_, err = MATH(sample("math"), split, Filter{})
		case "MBPP":
			_, err = MBPP(sample("mbpp"), split)
		case "KB":
			_, err = KernelBench(sample("triton_kernel"), split, level)
		default:
			t.Fatalf("unknown source %s", c.Source)
		}
		if (err != nil) != (c.Error != nil) || err != nil && !errors.Is(err, ErrSplit) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	vectortest.Count(t, vectorFile, len(v.Constructor))
}

// TestVectorsLoadCalls holds the tables of the specs to what the reference loads.
func TestVectorsLoadCalls(t *testing.T) {
	v := load(t)
	var got []string
	for _, env := range Envs() {
		s, err := SpecOf(env)
		if err != nil {
			t.Fatal(err)
		}
		for _, table := range s.Tables {
			call := []string{s.Repository, table.Config, table.Split}
			if s.Alias != "" {
				call[0] = s.Alias
			}
			if table.Config == "default" || table.Config == s.Alias {
				call = slices.Delete(call, 1, 2)
			}
			got = append(got, `["`+strings.Join(call, `", "`)+`"]`)
		}
	}
	for _, call := range v.LoadCalls {
		if !slices.Contains(got, call) {
			t.Errorf("no spec has %s", call)
		}
	}
	vectortest.Count(t, vectorFile, len(v.LoadCalls))
}

func TestVectorsUnified(t *testing.T) {
	v := load(t)
	var file []byte
	for _, r := range v.Unified.Records {
		file = append(append(file, r...), "\n \n"...)
	}
	u, err := ParseUnified(file)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, c := range v.Unified.Cases {
		a := c.Args
		sel, err := u.Select(UnifiedOptions{Split: a.Split, Mode: a.Mode, Source: a.Source, Exclude: a.Exclude, Difficulty: a.Difficulty, Category: a.Category,
			Quality: a.Quality, Weighted: a.Weighted, Quirks: true})
		if err != nil {
			t.Fatal(err)
		}
		if c.Weights != nil && sel.weights == nil { // another process has made this case
			fresh, _ := ParseUnified(file)
			if sel, err = fresh.Select(UnifiedOptions{Split: a.Split, Mode: a.Mode, Source: a.Source, Exclude: a.Exclude, Difficulty: a.Difficulty,
				Category: a.Category, Quality: a.Quality, Weighted: a.Weighted, Quirks: true}); err != nil {
				t.Fatal(err)
			}
		}
		var order []string
		for _, r := range sel.records {
			order = append(order, r.reference)
		}
		if sel.Len() != c.Size || !slices.Equal(order, c.Order) || !slices.Equal(sel.Weights(), c.Weights) {
			t.Errorf("%+v: %d rows %q, weights %v", a, sel.Len(), order, sel.Weights())
		}
		for _, p := range c.Rows {
			var got Problem
			switch {
			case p.Seed != nil:
				got, err = sel.At(*p.Seed)
			case p.TaskID != nil:
				got, err = sel.ByID(*p.TaskID)
			default:
				got, err = sel.At(0)
			}
			want, perr := cpython.ParseJSON(p.Metadata, cpython.Limits{})
			if perr != nil {
				t.Fatal(perr)
			}
			if err != nil || got.ID != p.ID || got.Reference != p.Origin || string(got.Metadata.AppendCompactSorted(nil)) != string(want.AppendCompactSorted(nil)) {
				t.Errorf("%+v %s: %s %s %s, %v", a, p.ID, got.ID, got.Reference, got.Metadata, err)
			}
			n++
		}
	}
	fresh, _ := ParseUnified(file)
	first, _ := fresh.Select(UnifiedOptions{Weighted: true, Quirks: true})
	second, _ := fresh.Select(UnifiedOptions{Weighted: true, Quirks: true})
	third, _ := fresh.Select(UnifiedOptions{Weighted: true})
	if first.Weights() == nil || !slices.Equal(second.Weights(), v.Unified.Quirk.Second) || !slices.Equal(third.Weights(), first.Weights()) {
		t.Error("the cache drops the weights of the wrong selections")
	}
	vectortest.Count(t, vectorFile, n)
}

// anchorsEnv names a folder with the public files of GSM8K (train.jsonl, test.jsonl), HumanEval (HumanEval.jsonl) and KernelBench.
const anchorsEnv = "NANTEOS_PUBLIC_DATA"

func readLines(t *testing.T, name string, decode func(map[string]json.RawMessage) Row) []Row {
	t.Helper()
	b, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("no %s: put the public file there to check the anchors", name)
	}
	if err != nil {
		t.Fatal(err)
	}
	var rows []Row
	for line := range strings.Lines(string(b)) {
		var m map[string]json.RawMessage
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, decode(m))
	}
	return rows
}

func texts(m map[string]json.RawMessage) Row {
	row := Row{}
	for k, v := range m {
		var s string
		if json.Unmarshal(v, &s) == nil {
			row[k] = s
		}
	}
	return row
}

func TestAnchors(t *testing.T) {
	type anchor struct {
		Seed     int64  `json:"seed"`
		ID       string `json:"id"`
		Question string `json:"question_sha256"`
		Answer   string `json:"answer_sha256"`
		Original string `json:"original_task_id"`
		Prompt   string `json:"prompt_sha256"`
	}
	type part struct {
		Size int      `json:"size"`
		Rows []anchor `json:"rows"`
	}
	var v struct {
		Meta  map[string]string `json:"meta"`
		GSM8K struct {
			Train part           `json:"train"`
			Val   part           `json:"val"`
			Test  part           `json:"test"`
			Gold  map[string]int `json:"train_gold_stats"`
		} `json:"gsm8k"`
		HumanEval   part                `json:"humaneval"`
		KernelBench map[string][][3]any `json:"kernelbench"`
	}
	vectortest.Decode(t, "environments/dataset_anchors.json", &v)
	// Which rows the seeds choose doesn't depend on their content.
	gsm := mustNew(t, "gsm8k", map[string][]Row{
		"main/train": synthetic(v.GSM8K.Gold["total"], func(int) Row { return Row{"question": "q", "answer": "a"} }),
		"main/test":  synthetic(v.GSM8K.Test.Size, func(int) Row { return Row{"question": "q", "answer": "a"} }),
	})
	he := mustNew(t, "humaneval", map[string][]Row{"openai_humaneval/test": synthetic(v.HumanEval.Size, func(i int) Row {
		return Row{"task_id": fmt.Sprintf("HumanEval/%d", i), "prompt": "p", "canonical_solution": "", "test": "", "entry_point": "f"}
	})})
	n := 0
	check := func(sel *Selection, err error, p part, row func(Row, anchor)) {
		t.Helper()
		if err != nil || sel.Len() != p.Size {
			t.Fatalf("%v: %d rows, want %d", err, sel.Len(), p.Size)
		}
		for _, a := range p.Rows {
			r, id, _ := sel.At(a.Seed)
			if id != a.ID {
				t.Errorf("seed %d: %s, want %s", a.Seed, id, a.ID)
			}
			row(r, a)
			n++
		}
	}
	parts := map[string]part{"train": v.GSM8K.Train, "val": v.GSM8K.Val, "test": v.GSM8K.Test}
	for split, p := range parts {
		sel, err := GSM8K(gsm, split)
		check(sel, err, p, func(Row, anchor) {})
	}
	sel, err := HumanEval(he)
	check(sel, err, v.HumanEval, func(r Row, a anchor) {
		if r.Text("task_id") != a.Original {
			t.Errorf("%s: %s, want %s", a.ID, r.Text("task_id"), a.Original)
		}
	})
	for level, rows := range v.KernelBench {
		spec, _ := SpecOf("triton_kernel")
		if table, ok := spec.Table("default/" + level); !ok || table.Rows != len(rows) {
			t.Errorf("%s has %d rows in the vectors, %d in the spec", level, len(rows), table.Rows)
		}
	}
	vectortest.Count(t, "environments/dataset_anchors.json", n)

	dir := os.Getenv(anchorsEnv)
	t.Run("public GSM8K", func(t *testing.T) {
		if dir == "" {
			t.Skipf("set %s to a folder with the public files train.jsonl and test.jsonl of openai/grade-school-math", anchorsEnv)
		}
		set := mustNew(t, "gsm8k", map[string][]Row{
			"main/train": readLines(t, filepath.Join(dir, "train.jsonl"), texts), "main/test": readLines(t, filepath.Join(dir, "test.jsonl"), texts)})
		for split, p := range parts {
			sel, err := GSM8K(set, split)
			check(sel, err, p, func(r Row, a anchor) {
				if hexSum(r.Text("question")) != a.Question || hexSum(r.Text("answer")) != a.Answer {
					t.Errorf("%s has other text", a.ID)
				}
			})
		}
	})
	t.Run("public HumanEval", func(t *testing.T) {
		if dir == "" {
			t.Skipf("set %s to a folder with the public file HumanEval.jsonl of openai/human-eval", anchorsEnv)
		}
		set := mustNew(t, "humaneval", map[string][]Row{"openai_humaneval/test": readLines(t, filepath.Join(dir, "HumanEval.jsonl"), texts)})
		sel, err := HumanEval(set)
		check(sel, err, v.HumanEval, func(r Row, a anchor) {
			if hexSum(r.Text("prompt")) != a.Prompt {
				t.Errorf("%s has other text", a.ID)
			}
		})
	})
	t.Run("public KernelBench", func(t *testing.T) {
		if dir == "" {
			t.Skipf("set %s to a folder with the folder KernelBench of the repository of that name", anchorsEnv)
		}
		for level, rows := range v.KernelBench {
			for i, want := range rows { // number, name, SHA-256, in the order of the numbers
				name := filepath.Join(dir, "KernelBench", strings.ReplaceAll(level, "_", ""), fmt.Sprint(want[1])+".py")
				b, err := os.ReadFile(name)
				if errors.Is(err, os.ErrNotExist) {
					t.Skipf("no %s", name)
				}
				if err != nil || want[0] != float64(i+1) || hexSum(string(b)) != want[2] {
					t.Errorf("%s has other text: %v", name, err)
				}
			}
		}
	})
}
