package dataset

import (
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/nanteos/nanteos/internal/cpython"
)

// Selection is the list of rows that a split of an environment chooses from. It is immutable and safe for several goroutines.
type Selection struct {
	rows []Row
	// choose holds the indices that a seed chooses among; nil: all.
	choose []int
	// modulo says that a seed chooses by its remainder; otherwise it is scaled.
	modulo bool
	// name makes an id of the index as it was asked for and the row that it stands for.
	name func(index string, row Row) string
}

// Len is the number of rows that a seed chooses among.
func (s *Selection) Len() int {
	if s.choose != nil {
		return len(s.choose)
	}
	return len(s.rows)
}

// Rows returns the whole list in its order, rows that a filter leaves out included. It must not be changed.
func (s *Selection) Rows() []Row { return s.rows }

// At returns the row of a seed with its id, such as "train_17", and its index in the list. It costs the same for every seed. Seeds of the network
// are 0 to 2^32-1; others are reduced as the reference reduces them.
func (s *Selection) At(seed int64) (row Row, id string, index int) {
	n := int64(s.Len())
	if s.modulo {
		index = int((seed%n + n) % n)
	} else {
		index = int(int64(uint32(seed)) * n >> 32)
	}
	if s.choose != nil {
		index = s.choose[index]
	}
	return s.rows[index], s.name(strconv.Itoa(index), s.rows[index]), index
}

// ByID returns the row of a task id: the number after its last "_", in Python's notation, modulo the size of the list. Id and index are those
// of the number itself. What is no number means the first row. An index beyond the range of int is given as its nearest end; the id is exact.
func (s *Selection) ByID(task string) (row Row, id string, index int) {
	n, ok := lastNumber(task)
	if !ok {
		return s.First()
	}
	row = s.rows[remainder(n, len(s.rows))]
	return row, s.name(n.String(), row), saturate(n)
}

// First returns the row for neither a seed nor a task id.
func (s *Selection) First() (row Row, id string, index int) { return s.At(0) }

// lastNumber reads what is after the last "_" as Python's int() does.
func lastNumber(task string) (*big.Int, bool) {
	n, err := cpython.ParseInt(task[strings.LastIndexByte(task, '_')+1:])
	return n, err == nil
}

// remainder is n modulo size as Python has it: never negative.
func remainder(n *big.Int, size int) int {
	m := big.NewInt(int64(size))
	return int(m.Mod(n, m).Int64())
}

func saturate(n *big.Int) int {
	switch {
	case n.IsInt64():
		return int(n.Int64())
	case n.Sign() < 0:
		return math.MinInt
	}
	return math.MaxInt
}

// prefixed names rows prefix_index.
func prefixed(prefix string) func(string, Row) string {
	return func(index string, _ Row) string { return prefix + "_" + index }
}

// cached returns what was worked out under a key, or works it out.
func (s *Set) cached(key string, make func() (*Selection, error)) (*Selection, error) {
	if v, ok := s.selections.Load(key); ok {
		return v.(*Selection), nil
	}
	sel, err := make()
	if err != nil {
		return nil, err
	}
	v, _ := s.selections.LoadOrStore(key, sel)
	return v.(*Selection), nil
}

// splitSeed seeds every division into a part for training and one for validation.
const splitSeed = 42

// shuffled is the list of the indices below n, as the generator shuffles it.
func shuffled(rng *cpython.Rand, n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	rng.Shuffle(n, func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// divide gives the rows at the marked indices and the others, both in their order.
func divide(rows []Row, marked []int) (in, out []Row) {
	mark := make([]bool, len(rows))
	for _, i := range marked {
		mark[i] = true
	}
	for i, r := range rows {
		if mark[i] {
			in = append(in, r)
		} else {
			out = append(out, r)
		}
	}
	return in, out
}
