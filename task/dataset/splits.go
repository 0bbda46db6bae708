package dataset

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"

	"github.com/nanteos/nanteos/internal/cpython"
)

// wrongSplit says that an environment has no such split, and which it has: the names are not the same everywhere.
func wrongSplit(env, split string, names ...string) error {
	return fmt.Errorf("couldn't choose problems of %s: %w: %q; it has %s", env, ErrSplit, split, strings.Join(names, ", "))
}

// is checks that a set is for an environment.
func (s *Set) is(env string) error {
	if s == nil {
		return fmt.Errorf("couldn't choose problems of %s: %w: there is no set", env, ErrShape)
	}
	if s.Env != env {
		return fmt.Errorf("couldn't choose problems of %s: %w: the set is for %s", env, ErrShape, s.Env)
	}
	return nil
}

// listed makes the selection of a whole list. Errors wrap ErrShape where it is empty.
func listed(env, prefix string, modulo bool, rows []Row) (*Selection, error) {
	if len(rows) == 0 {
		return nil, fmt.Errorf("couldn't choose problems of %s: %w: the list of %s is empty", env, ErrShape, prefix)
	}
	return &Selection{rows: rows, modulo: modulo, name: prefixed(prefix)}, nil
}

// gsmVal is how many rows of GSM8K's train the split val takes.
const gsmVal = 250

// GSM8K returns the list of a split of GSM8K: train, val or test (specification, section 12.1). Errors wrap ErrSplit or ErrShape.
//
// A train table of no more than 250 rows, such as that of Sample, would be all val under the reference: here a fifth of it is.
func GSM8K(set *Set, split string) (*Selection, error) {
	if err := set.is("gsm8k"); err != nil {
		return nil, err
	}
	return set.cached(split, func() (*Selection, error) {
		switch split {
		case "test":
			return listed("gsm8k", split, false, set.tables["main/test"])
		case "train", "val":
		default:
			return nil, wrongSplit("gsm8k", split, "train", "val", "test")
		}
		rows := set.tables["main/train"]
		n := gsmVal
		if len(rows) <= gsmVal {
			n = max(1, len(rows)/5)
		}
		val, train := divide(rows, shuffled(cpython.NewRandFromUint64(splitSeed), len(rows))[:n])
		if split == "val" {
			return listed("gsm8k", split, false, val)
		}
		return listed("gsm8k", split, false, train)
	})
}

// Filter narrows MATH down. The zero value takes everything; the network never filters.
type Filter struct {
	// Level is a level, 0: all. Subject is a text of the column type, empty: all.
	Level   int
	Subject string
}

// Rows that the split val of MATH takes, of how many.
const (
	mathVal   = 500
	mathTotal = 7500
)

// MATH returns the list of a split of MATH: train, val or test (specification, section 12.2). A filter narrows what seeds choose among, not the
// list. Errors wrap ErrSplit or ErrShape.
//
// Where train has no more rows than val takes, such as that of Sample, val takes a fifth of each config rather than next to nothing of most and all
// of the last.
func MATH(set *Set, split string, filter Filter) (*Selection, error) {
	if err := set.is("math"); err != nil {
		return nil, err
	}
	if split != "train" && split != "val" && split != "test" {
		return nil, wrongSplit("math", split, "train", "val", "test")
	}
	all, err := set.cached(split, func() (*Selection, error) { return listed("math", split, false, set.mathRows(split)) })
	if err != nil || filter == (Filter{}) {
		return all, err
	}
	return set.cached(fmt.Sprintf("%s\x00%d\x00%s", split, filter.Level, filter.Subject), func() (*Selection, error) {
		sel := *all
		sel.choose = []int{}
		for i, r := range all.rows {
			if (filter.Level == 0 || MATHLevel(r.Text("level")) == filter.Level) && (filter.Subject == "" || r.Text("type") == filter.Subject) {
				sel.choose = append(sel.choose, i)
			}
		}
		if len(sel.choose) == 0 {
			return nil, fmt.Errorf("couldn't choose problems of math: %w: no row has level %d and subject %q", ErrShape, filter.Level, filter.Subject)
		}
		return &sel, nil
	})
}

// mathRows joins the rows of a split over the configs.
func (s *Set) mathRows(split string) (rows []Row) {
	if split == "test" {
		for _, subject := range Subjects {
			rows = append(rows, s.tables[subject+"/test"]...)
		}
		return rows
	}
	total := 0
	for _, subject := range Subjects {
		total += len(s.tables[subject+"/train"])
	}
	rng, left := cpython.NewRandFromUint64(splitSeed), mathVal
	for i, subject := range Subjects {
		part := s.tables[subject+"/train"]
		n := int(math.RoundToEven(mathVal * (float64(len(part)) / mathTotal)))
		switch {
		case total <= mathVal:
			n = max(1, len(part)/5)
		case i == len(Subjects)-1:
			n = left
		}
		n = min(n, len(part), left)
		left -= n
		val, train := divide(part, shuffled(rng, len(part))[:n])
		if split == "val" {
			train = val
		}
		rows = append(rows, train...)
	}
	return rows
}

// MATHLevel is the number of a text such as "Level 5": its first run of digits, 0 where it has none.
func MATHLevel(text string) int {
	at := strings.IndexFunc(text, isDigit)
	if at < 0 {
		return 0
	}
	text = text[at:]
	if end := strings.IndexFunc(text, func(r rune) bool { return !isDigit(r) }); end >= 0 {
		text = text[:end]
	}
	n, err := cpython.ParseInt(text)
	if err != nil {
		return 0
	}
	return saturate(n)
}

func isDigit(r rune) bool { return unicode.Is(unicode.Nd, r) }

// MBPPSplit maps the split of env_params to the one of MBPP: val means validation, every other name itself. Only the factory of
// environments does so, MBPP doesn't.
func MBPPSplit(split string) string {
	if split == "val" {
		return "validation"
	}
	return split
}

// MBPP returns the list of a split of MBPP: train or validation, each with a part of the upstream test rows in shuffled order (specification, section
// 12.3). Errors wrap ErrSplit or ErrShape.
func MBPP(set *Set, split string) (*Selection, error) {
	if err := set.is("mbpp"); err != nil {
		return nil, err
	}
	return set.cached(split, func() (*Selection, error) {
		if split != "train" && split != "validation" {
			return nil, wrongSplit("mbpp", split, "train", "validation")
		}
		test := set.tables["full/test"]
		order := shuffled(cpython.NewRandFromUint64(splitSeed), len(test))
		cut := int(float64(len(test)) * 0.8)
		order = map[string][]int{"train": order[:cut], "validation": order[cut:]}[split]
		rows := append([]Row(nil), set.tables["full/"+split]...)
		for _, i := range order {
			rows = append(rows, test[i])
		}
		return listed("mbpp", split, true, rows)
	})
}

// HumanEval returns the one list of HumanEval (specification, section 12.4). Errors wrap ErrShape.
func HumanEval(set *Set) (*Selection, error) {
	if err := set.is("humaneval"); err != nil {
		return nil, err
	}
	return set.cached("test", func() (*Selection, error) {
		return listed("humaneval", "humaneval", true, set.tables["openai_humaneval/test"])
	})
}

// AllLevels asks KernelBench for every level.
const AllLevels = -1

// KernelBench returns the list of a split of KernelBench: train, val or all, of one level (1 to 4) or AllLevels (specification, section 12.5). Errors
// wrap ErrSplit or ErrShape.
func KernelBench(set *Set, split string, level int) (*Selection, error) {
	if err := set.is("triton_kernel"); err != nil {
		return nil, err
	}
	if split != "train" && split != "val" && split != "all" {
		return nil, wrongSplit("triton_kernel", split, "train", "val", "all")
	}
	if level != AllLevels && (level < 1 || level > 4) {
		return nil, fmt.Errorf("couldn't choose problems of triton_kernel: %w: there is no level %d, they are 1 to 4", ErrSplit, level)
	}
	return set.cached(split+strconv.Itoa(level), func() (*Selection, error) {
		sel, err := listed("triton_kernel", split, false, set.kernelRows(split, level))
		if err == nil {
			sel.name = func(index string, row Row) string {
				return "kernelbench_" + split + "_l" + strconv.FormatInt(row.Int("level"), 10) + "_" + index
			}
		}
		return sel, err
	})
}

// kernelRows divides each level on its own, with one generator for all.
func (s *Set) kernelRows(split string, only int) []Row {
	var train, val []Row
	rng := cpython.NewRandFromUint64(splitSeed)
	for level := 1; level <= 4; level++ {
		rows := s.tables["default/level_"+strconv.Itoa(level)]
		if len(rows) == 0 {
			continue
		}
		v, t := divide(rows, shuffled(rng, len(rows))[:max(1, int(float64(len(rows))*0.2))])
		if only == AllLevels || level == only { // those of other levels have moved the generator on all the same
			train, val = append(train, t...), append(val, v...)
		}
	}
	switch split {
	case "train":
		return train
	case "val":
		return val
	}
	return append(train, val...)
}

// Trace returns the list of affine_trace: a task's number chooses by its remainder (specification, section 13.1). Errors wrap ErrShape.
func Trace(set *Set) (*Selection, error) {
	if err := set.is("affine_trace"); err != nil {
		return nil, err
	}
	return set.cached("train", func() (*Selection, error) {
		return listed("affine_trace", "affine_trace", true, set.tables["default/train"])
	})
}
