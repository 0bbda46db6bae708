package dataset

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
)

func gsmRows(n int, mark string) []Row {
	return synthetic(n, func(i int) Row {
		return Row{"question": fmt.Sprintf("%s%d", mark, i), "answer": "#### 1", "extra": "dropped"}
	})
}

func TestNew(t *testing.T) {
	good := func() map[string][]Row {
		return map[string][]Row{"main/train": gsmRows(3, "a"), "main/test": gsmRows(2, "b")}
	}
	s := mustNew(t, "gsm8k", good())
	rows, err := s.Table("main/train")
	if err != nil || len(rows) != 3 || len(rows[0]) != 2 {
		t.Errorf("%v, %v", rows, err)
	}
	if _, err := s.Table("main/val"); err == nil {
		t.Error("a table of no name is found")
	}
	if got := s.Deviations(); len(got) != 2 || !strings.Contains(got[0], "main/train has 3 rows, the network's has 7473") {
		t.Errorf("%q", got)
	}
	for name, edit := range map[string]func(m map[string][]Row){
		"a missing table":  func(m map[string][]Row) { delete(m, "main/test") },
		"an empty table":   func(m map[string][]Row) { m["main/test"] = []Row{} },
		"another table":    func(m map[string][]Row) { m["main/val"] = gsmRows(1, "c") },
		"a missing column": func(m map[string][]Row) { delete(m["main/train"][1], "answer") },
		"a nil column":     func(m map[string][]Row) { m["main/train"][1]["answer"] = nil },
		"another kind":     func(m map[string][]Row) { m["main/train"][1]["answer"] = int64(1) },
		"a plain int":      func(m map[string][]Row) { m["main/train"][1]["answer"] = 1 },
	} {
		m := good()
		edit(m)
		if _, err := New("gsm8k", "", "", m); !errors.Is(err, ErrShape) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := New("sat", "", "", good()); !errors.Is(err, ErrUnknownEnv) {
		t.Error(err)
	}
	if _, err := New("triton_kernel", "", "", nil); !errors.Is(err, ErrShape) {
		t.Error(err)
	}
	// KernelBench may lack levels, but that shows.
	one := mustNew(t, "triton_kernel", map[string][]Row{"default/level_2": {{"code": "c", "level": int64(2), "name": "n"}}})
	if got := one.Deviations(); len(got) != 4 || got[0] != "table default/level_1 is missing" {
		t.Errorf("%q", got)
	}
}

// TestDigest computes the digest in another way, from its documentation.
func TestDigest(t *testing.T) {
	var b []byte
	number := func(n uint64) { b = binary.BigEndian.AppendUint64(b, n) }
	text := func(s string) { number(uint64(len(s))); b = append(b, s...) }
	text("nanteos dataset 1")
	text("mbpp")
	for _, table := range []string{"full/train", "full/validation", "full/test"} {
		text(table)
		number(1)
		b = append(b, 'i')
		number(math.MaxUint64) // -1
		for _, s := range []string{"wörds", "def f(): pass"} {
			b = append(b, 't')
			text(s)
		}
		b = append(b, 'l')
		number(2)
		text("assert f()")
		text("")
		b = append(b, 't')
		text("")
	}
	sum := sha256.Sum256(b)
	tables := func() map[string][]Row {
		out := map[string][]Row{}
		for _, table := range []string{"full/train", "full/validation", "full/test"} {
			out[table] = []Row{{"task_id": int64(-1), "text": "wörds", "code": "def f(): pass", "test_list": []string{"assert f()", ""}, "test_setup_code": ""}}
		}
		return out
	}
	s := mustNew(t, "python_code", tables())
	if want := hex.EncodeToString(sum[:]); s.Digest != want || s.Env != "mbpp" {
		t.Errorf("%s, want %s", s.Digest, want)
	}
	m := tables()
	delete(m["full/test"][0], "test_setup_code")
	if got := mustNew(t, "mbpp", m); got.Digest != s.Digest {
		t.Error("a text that is missing differs from an empty one")
	}
	// Whatever changes changes the digest, also where texts only move from one column to the next.
	seen := map[string]bool{s.Digest: true}
	for name, edit := range map[string]func(r Row){
		"a letter": func(r Row) { r["text"] = "words" }, "a number": func(r Row) { r["task_id"] = int64(1) }, "a test": func(r Row) { r["test_list"] = []string{"assert f()"} },
		"moved": func(r Row) { r["text"], r["code"] = "wördsdef", " f(): pass" }, "joined": func(r Row) { r["test_list"] = []string{"assert f()" + "\x00\x00"} },
	} {
		m := tables()
		edit(m["full/validation"][0])
		if d := mustNew(t, "mbpp", m).Digest; seen[d] {
			t.Errorf("%s: the digest stays", name)
		} else {
			seen[d] = true
		}
	}
	k := func(row Row) string {
		row["code"], row["name"], row["level"] = "c", "n", int64(1)
		return mustNew(t, "triton_kernel", map[string][]Row{"default/level_1": {row}}).Digest
	}
	if k(Row{}) == k(Row{"problem_id": int64(0)}) {
		t.Error("a missing number is the same as 0")
	}
}

func TestSelectionEdges(t *testing.T) {
	s := mustNew(t, "gsm8k", map[string][]Row{"main/train": gsmRows(1000, "a"), "main/test": gsmRows(7, "b")})
	test, err := GSM8K(s, "test")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		seed  int64
		index int
	}{{0, 0}, {math.MaxUint32, 6}, {1 << 32, 0}, {-1, 6}, {math.MinInt64, 0}, {math.MaxInt64, 6}, {613566757, 1}, {613566756, 0}} {
		if _, _, index := test.At(c.seed); index != c.index {
			t.Errorf("seed %d: %d, want %d", c.seed, index, c.index)
		}
	}
	for _, c := range []struct {
		task, id string
		index    int
		question string
	}{
		{"test_99999999999999999999", "test_99999999999999999999", math.MaxInt, "b1"},
		{"test_-99999999999999999999", "test_-99999999999999999999", math.MinInt, "b6"},
		{"test_" + strings.Repeat("9", 5000), "test_0", 0, "b0"},
		{"_", "test_0", 0, "b0"},
		{"test_+5\n", "test_5", 5, "b5"},
		{"test_1_0", "test_0", 0, "b0"},
	} {
		row, id, index := test.ByID(c.task)
		if id != c.id || index != c.index || row.Text("question") != c.question {
			t.Errorf("%.40s: %.40s %d %v", c.task, id, index, row)
		}
	}
	he := mustNew(t, "humaneval", map[string][]Row{"openai_humaneval/test": synthetic(7, func(i int) Row {
		return Row{"task_id": fmt.Sprint(i), "prompt": "", "canonical_solution": "", "test": "", "entry_point": ""}
	})})
	sel, _ := HumanEval(he)
	for seed, want := range map[int64]int{-1: 6, -8: 6, 7: 0, math.MinInt64: 6, math.MaxInt64: 0} {
		if _, _, index := sel.At(seed); index != want {
			t.Errorf("seed %d: %d, want %d", seed, index, want)
		}
	}
	// A set for another environment, none at all, and a filter that leaves nothing.
	if _, err := HumanEval(s); !errors.Is(err, ErrShape) {
		t.Error(err)
	}
	if _, err := GSM8K(nil, "train"); !errors.Is(err, ErrShape) {
		t.Error(err)
	}
	m, _ := Sample("math")
	if _, err := MATH(m, "test", Filter{Level: 6}); !errors.Is(err, ErrShape) {
		t.Error(err)
	}
	if _, err := GSM8K(s, ""); !errors.Is(err, ErrSplit) || !strings.Contains(err.Error(), "train, val, test") {
		t.Error(err)
	}
	if MBPPSplit("val") != "validation" || MBPPSplit("train") != "train" {
		t.Error("MBPPSplit")
	}
	// Train and val share no row and have all.
	train, _ := GSM8K(s, "train")
	val, _ := GSM8K(s, "val")
	all := append(origins(train, column("question")), origins(val, column("question"))...)
	slices.Sort(all)
	if val.Len() != 250 || len(slices.Compact(all)) != 1000 {
		t.Errorf("train has %d rows, val %d", train.Len(), val.Len())
	}
}

func TestMATHLevel(t *testing.T) {
	for text, want := range map[string]int{"Level 5": 5, "Level ?": 0, "": 0, "12 of 3": 12, "٣": 3, "Level 99999999999999999999": math.MaxInt, strings.Repeat("9", 5000): 0} {
		if got := MATHLevel(text); got != want {
			t.Errorf("%.20q: %d, want %d", text, got, want)
		}
	}
}

// TestConcurrent opens the same splits from many goroutines; run it with -race.
func TestConcurrent(t *testing.T) {
	s := mustNew(t, "gsm8k", map[string][]Row{"main/train": gsmRows(1000, "a"), "main/test": gsmRows(7, "b")})
	var wg sync.WaitGroup
	got := make([]*Selection, 16)
	for i := range got {
		wg.Go(func() {
			sel, err := GSM8K(s, "train")
			if err != nil {
				t.Error(err)
				return
			}
			sel.At(int64(i))
			got[i] = sel
		})
	}
	wg.Wait()
	for _, sel := range got {
		if sel != got[0] {
			t.Error("a split is there twice")
		}
	}
}

// TestUnifiedWeights holds weighted choices to those of CPython 3.12.1: random.Random(seed).choices(range(25), weights=…, k=1) with the weights of
// section 12.6.
func TestUnifiedWeights(t *testing.T) {
	var b bytes.Buffer
	for _, source := range []string{`"production_repos"`, `"ai_cuda_engineer"`, `"kernelbook"`, `"other"`, "null"} {
		for _, difficulty := range []string{`"easy"`, `"medium"`, `"hard"`, `"expert"`, "null"} {
			fmt.Fprintf(&b, `{"source": %s, "difficulty": %s}`+"\n", source, difficulty)
		}
	}
	u, err := ParseUnified(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	sel, err := u.Select(UnifiedOptions{Split: "all", Weighted: true})
	if err != nil || sel.Len() != 25 {
		t.Fatal(err)
	}
	for seed, want := range unifiedChoices {
		p, err := sel.At(seed)
		if err != nil || p.ID != fmt.Sprintf("unified_%d", want) {
			t.Errorf("seed %d: %s, want %d (%v)", seed, p.ID, want, err)
		}
	}
}

func TestUnifiedErrors(t *testing.T) {
	for _, text := range []string{"{", "[]", "5", "\xff", `{"a":1}` + "\n{"} {
		if _, err := ParseUnified([]byte(text)); !errors.Is(err, ErrShape) {
			t.Errorf("%q: %v", text, err)
		}
	}
	u, err := ParseUnified(nil) // as the reference takes a file that isn't there
	if err != nil {
		t.Fatal(err)
	}
	sel, err := u.Select(UnifiedOptions{})
	if err != nil || sel.Len() != 0 {
		t.Error(err)
	}
	if _, err := sel.At(1); !errors.Is(err, ErrShape) {
		t.Error(err)
	}
	if _, err := sel.ByID("x"); !errors.Is(err, ErrShape) {
		t.Error(err)
	}
	for _, opt := range []UnifiedOptions{{Split: "test"}, {Mode: "dpo"}} {
		if _, err := u.Select(opt); !errors.Is(err, ErrSplit) {
			t.Errorf("%+v: %v", opt, err)
		}
	}
}

func FuzzParseUnified(f *testing.F) {
	f.Add([]byte(`{"id":"a","source":"other","solution_quality":0.7,"reference_solution":"x","metadata":{"index":3}}`+"\n\n{}"), int64(3), "row_1")
	f.Add([]byte(`{"id":5,"source":[],"solution_quality":"x","metadata":7,"test_code":null}`), int64(-1), "")
	f.Fuzz(func(t *testing.T, b []byte, seed int64, task string) {
		u, err := ParseUnified(b)
		if err != nil {
			if !errors.Is(err, ErrShape) {
				t.Fatal(err)
			}
			return
		}
		for _, opt := range []UnifiedOptions{{Split: "all"}, {Weighted: true}, {Mode: "sft", Split: "val"}, {Mode: "rl", Split: "all", Weighted: true}} {
			sel, err := u.Select(opt)
			if err != nil {
				t.Fatal(err)
			}
			_, first := sel.At(seed)
			_, second := sel.ByID(task)
			if (first != nil) != (sel.Len() == 0) || (second != nil) != (sel.Len() == 0) {
				t.Fatal(first, second)
			}
		}
	})
}

// BenchmarkAt is the cost of a choice, BenchmarkOpen that of opening a split again.
func BenchmarkAt(b *testing.B) {
	s := mustNew(b, "gsm8k", map[string][]Row{"main/train": gsmRows(7473, "a"), "main/test": gsmRows(1319, "b")})
	sel, err := GSM8K(s, "train")
	if err != nil {
		b.Fatal(err)
	}
	for i := 0; b.Loop(); i++ {
		sel.At(int64(i) * 48271)
	}
}

func BenchmarkOpen(b *testing.B) {
	s := mustNew(b, "gsm8k", map[string][]Row{"main/train": gsmRows(7473, "a"), "main/test": gsmRows(1319, "b")})
	for b.Loop() {
		if _, err := GSM8K(s, "train"); err != nil {
			b.Fatal(err)
		}
	}
}

// unifiedChoices are the places that CPython chooses, by seed.
var unifiedChoices = map[int64]int{0: 18, 1: 2, 2: 23, 3: 3, 42: 11, math.MaxUint32: 10, -1: 2, 1 << 32: 2}
