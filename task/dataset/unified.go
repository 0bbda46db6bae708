package dataset

import (
	"bytes"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/nanteos/nanteos/internal/cpython"
)

// Unified is the JSON Lines file of the trainer's tools: kernel problems of several sources in one form (specification, section 12.6). It is immutable
// and safe for several goroutines.
type Unified struct {
	records []record

	mu   sync.Mutex
	seen map[string]bool // filters that were asked for before
}

// record is one line. The text of a missing or null column is empty.
type record struct {
	id, source, difficulty, category     cpython.Value
	test, solution                       string
	quality, origin, baseline            cpython.Value
	reference, cuda                      string
	hasQuality, hasSolution, hasMetadata bool
	metadata                             []cpython.Member
}

// Problem is a row of the unified file with what the trainer's tools note of it.
type Problem struct {
	// ID is the row's id, or unified_INDEX where it has none.
	ID string
	// Reference is the module to speed up, Test the code that judges a candidate, Solution a known answer, CUDA a reference in CUDA.
	Reference, Test, Solution, CUDA string
	// Metadata is split, index, source, difficulty and so on, with the row's own metadata over it.
	Metadata cpython.Value
}

// Limits of a unified file.
const (
	maxUnifiedBytes = 1 << 30
	maxUnifiedLine  = 64 << 20
	maxUnifiedRows  = 5_000_000
)

// ParseUnified reads a unified file: a JSON object on each line that isn't blank. Errors wrap ErrShape and name the line.
func ParseUnified(content []byte) (*Unified, error) {
	u := &Unified{seen: map[string]bool{}}
	if len(content) > maxUnifiedBytes {
		return nil, fmt.Errorf("couldn't read problems: %w: more than %d bytes", ErrShape, maxUnifiedBytes)
	}
	number := 0
	for line := range bytes.Lines(content) {
		number++
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		if len(line) > maxUnifiedLine || len(u.records) == maxUnifiedRows {
			return nil, fmt.Errorf("couldn't read problems: %w: line %d is too long, or one too many", ErrShape, number)
		}
		v, err := cpython.ParseJSON(line, cpython.Limits{})
		if err != nil {
			return nil, fmt.Errorf("couldn't read line %d: %w: %w", number, ErrShape, err)
		}
		if v.Kind() != cpython.Object {
			return nil, fmt.Errorf("couldn't read line %d: %w: it is no object", number, ErrShape)
		}
		u.records = append(u.records, toRecord(v))
	}
	return u, nil
}

func toRecord(v cpython.Value) record {
	get := func(key string) cpython.Value { x, _ := v.Get(key); return x }
	words := func(key string) string { s, _ := get(key).Text(); return s }
	r := record{
		id: get("id"), source: get("source"), difficulty: get("difficulty"), category: get("category"),
		test: words("test_code"), solution: words("reference_solution"), reference: words("pytorch_reference"), cuda: words("cuda_reference"),
		quality: get("solution_quality"), origin: get("solution_origin"), baseline: get("performance_baseline_ms"),
	}
	r.hasQuality = r.quality.Kind() != cpython.Null
	r.hasSolution = get("reference_solution").Truth()
	m := get("metadata")
	r.hasMetadata = m.Kind() == cpython.Object
	r.metadata = m.Members()
	return r
}

// UnifiedOptions narrow a unified file down. The zero value is the split train without filters, drawn evenly.
type UnifiedOptions struct {
	// Split is train, val or all; empty: train.
	Split string
	// Mode is rl (rows with a test), sft (rows with a good solution) or empty (all).
	Mode string
	// Source, Difficulty and Category keep rows of that value; empty: all. Exclude drops rows of these sources.
	Source, Difficulty, Category string
	Exclude                      []string
	// Quality is the least quality of a solution under sft where one is known; 0: 0.60.
	Quality float64
	// Weighted draws rows by their source and difficulty.
	Weighted bool
	// Quirks reproduces the reference's cache: only the first selection of these filters is weighted, later ones draw evenly.
	Quirks bool
}

const defaultQuality = 0.60

// UnifiedSelection is what a unified file is narrowed down to. It is immutable and safe for several goroutines.
type UnifiedSelection struct {
	records []record
	split   string
	weights []float64 // nil: evenly
}

// Select narrows the file down. The division into train and val comes before the filters, so that filters don't change it. Errors wrap ErrSplit; a
// selection may be empty.
func (u *Unified) Select(opt UnifiedOptions) (*UnifiedSelection, error) {
	if opt.Split == "" {
		opt.Split = "train"
	}
	if opt.Quality == 0 {
		opt.Quality = defaultQuality
	}
	s := &UnifiedSelection{split: opt.Split}
	switch {
	case opt.Split != "train" && opt.Split != "val" && opt.Split != "all":
		return nil, wrongSplit("the unified file", opt.Split, "train", "val", "all")
	case opt.Mode != "" && opt.Mode != "rl" && opt.Mode != "sft":
		return nil, fmt.Errorf("couldn't choose problems: %w: mode %q is neither rl nor sft", ErrSplit, opt.Mode)
	}
	marked := map[int]bool{}
	if n := len(u.records); opt.Split != "all" && n > 0 {
		for _, i := range shuffled(cpython.NewRandFromUint64(splitSeed), n)[:max(1, int(float64(n)*0.2))] {
			marked[i] = true
		}
	}
	for i, r := range u.records {
		if (opt.Split == "all" || marked[i] == (opt.Split == "val")) && opt.keeps(r) {
			s.records = append(s.records, r)
		}
	}
	weighted := opt.Weighted
	if key := opt.key(); opt.Quirks {
		u.mu.Lock()
		weighted = weighted && !u.seen[key]
		u.seen[key] = true
		u.mu.Unlock()
	}
	if weighted {
		s.weights = make([]float64, len(s.records))
		for i, r := range s.records {
			s.weights[i] = weightOf(r.source, sourceWeights) * weightOf(r.difficulty, difficultyWeights)
		}
	}
	return s, nil
}

// key tells filters apart, as the reference's cache does: how rows are drawn is no part of it.
func (o UnifiedOptions) key() string {
	parts := []string{o.Split, o.Mode, o.Source, o.Difficulty, o.Category, strconv.FormatFloat(o.Quality, 'x', -1, 64)}
	exclude := slices.Clone(o.Exclude)
	slices.Sort(exclude)
	return strings.Join(append(parts, exclude...), "\x00")
}

func (o UnifiedOptions) keeps(r record) bool {
	source, _ := r.source.Text()
	is := func(v cpython.Value, want string) bool {
		s, ok := v.Text()
		return want == "" || ok && s == want
	}
	switch {
	case !is(r.source, o.Source) || !is(r.difficulty, o.Difficulty) || !is(r.category, o.Category):
		return false
	case r.source.Kind() == cpython.String && slices.Contains(o.Exclude, source):
		return false
	case o.Mode == "rl":
		return strings.TrimFunc(r.test, cpython.IsSpace) != ""
	case o.Mode == "sft":
		quality, ok := r.quality.Float()
		if n, whole := r.quality.Int64(); whole {
			quality, ok = float64(n), true
		}
		return r.hasSolution && (!r.hasQuality || ok && quality >= o.Quality)
	}
	return true
}

var (
	sourceWeights     = map[string]float64{"production_repos": 3, "ai_cuda_engineer": 2, "kernelbook": 1}
	difficultyWeights = map[string]float64{"easy": 0.5, "medium": 1, "hard": 1.5, "expert": 2}
)

func weightOf(v cpython.Value, table map[string]float64) float64 {
	s, _ := v.Text()
	if w, ok := table[s]; ok {
		return w
	}
	return 1
}

// Len is the number of rows.
func (s *UnifiedSelection) Len() int { return len(s.records) }

// Weights are those that rows are drawn by, nil where they are drawn evenly.
func (s *UnifiedSelection) Weights() []float64 { return slices.Clone(s.weights) }

// At returns the problem of a seed. Errors wrap ErrShape where there are no rows.
func (s *UnifiedSelection) At(seed int64) (Problem, error) {
	if len(s.records) == 0 {
		return Problem{}, fmt.Errorf("couldn't choose a problem: %w: no row is left", ErrShape)
	}
	index := int(int64(uint32(seed)) * int64(len(s.records)) >> 32)
	if s.weights != nil {
		index = cpython.NewRandFromInt(big.NewInt(seed)).Choices(s.weights, 1)[0]
	}
	return s.problem(index, int64(index), strconv.Itoa(index)), nil
}

// ByID returns the row of that id, otherwise the one of the number after the last "_", otherwise the first. Errors wrap ErrShape where there are no
// rows.
func (s *UnifiedSelection) ByID(task string) (Problem, error) {
	if len(s.records) == 0 {
		return Problem{}, fmt.Errorf("couldn't choose a problem: %w: no row is left", ErrShape)
	}
	for i, r := range s.records {
		if id, ok := r.id.Text(); ok && id == task {
			return s.problem(i, int64(i), strconv.Itoa(i)), nil
		}
	}
	if n, ok := lastNumber(task); ok {
		return s.problem(remainder(n, len(s.records)), int64(saturate(n)), n.String()), nil
	}
	return s.At(0)
}

// problem is the row at an index, told under the index that it was asked for by.
func (s *UnifiedSelection) problem(at int, index int64, text string) Problem {
	r := s.records[at]
	p := Problem{ID: "unified_" + text, Reference: r.reference, Test: r.test, Solution: r.solution, CUDA: r.cuda}
	if id, ok := r.id.Text(); ok {
		p.ID = id
	}
	members := []cpython.Member{
		{Key: "split", Value: cpython.StringValue(s.split)}, {Key: "index", Value: cpython.IntValue(index)}, {Key: "source", Value: r.source},
		{Key: "difficulty", Value: r.difficulty}, {Key: "category", Value: r.category}, {Key: "solution_quality", Value: r.quality},
		{Key: "solution_origin", Value: r.origin}, {Key: "performance_baseline_ms", Value: r.baseline},
	}
	for _, m := range r.metadata {
		if i := slices.IndexFunc(members, func(x cpython.Member) bool { return x.Key == m.Key }); i >= 0 {
			members[i].Value = m.Value
			continue
		}
		members = append(members, m)
	}
	p.Metadata = cpython.ObjectValue(members)
	return p
}
