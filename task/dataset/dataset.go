// Package dataset is what environments draw their problems from: tables of rows in upstream order, with a digest, because a miner and a validator whose
// rows differ in one letter disagree on every prompt.
//
// A Spec says what the data of an environment is: the tables, their columns and usual sizes, where they are published and under which licence
// (specification, sections 8 to 13 and 18). A Set holds the rows. A Selection is the list that a split of an environment chooses from, and the
// arithmetic that turns a seed into one of its rows (section 12):
//
//	set, err := dataset.Sample("gsm8k")            // or a set that the user has pulled
//	sel, err := dataset.GSM8K(set, "train")
//	row, id, index := sel.At(int64(seed))          // row.Text("question"), "train_17", 17
//
// Nothing here reads files or asks networks: internal/datasets does. No third-party data comes with the program; Sample makes small sets of
// its own in the same form, for tests and networks of one machine.
package dataset

import (
	"errors"
	"fmt"
	"sync"
)

// Errors that callers decide by.
var (
	// ErrUnknownEnv: no environment of that name has a dataset.
	ErrUnknownEnv = errors.New("environment has no dataset")
	// ErrShape: a table or a column is missing or of the wrong kind, or a table is empty.
	ErrShape = errors.New("dataset has the wrong shape")
	// ErrSplit: the environment has no such split.
	ErrSplit = errors.New("no such split")
)

// Row is one row: a column's text, whole number (int64) or list of texts ([]string), by its name.
type Row map[string]any

// Text returns a column's text, empty where the row has none.
func (r Row) Text(column string) string { s, _ := r[column].(string); return s }

// Texts returns a column's list of texts, nil where the row has none.
func (r Row) Texts(column string) []string { s, _ := r[column].([]string); return s }

// Int returns a column's number, 0 where the row has none.
func (r Row) Int(column string) int64 { n, _ := r[column].(int64); return n }

// Set is a dataset: all tables that an environment needs. It is immutable and safe for several goroutines.
type Set struct {
	// Env is the id of the environment that it is for.
	Env string
	// Source says where it is from, for people: a repository with its revision, a file, or "sample" for the small set of the program's own.
	Source string
	// Licence is the licence as its publisher states it.
	Licence string
	// Digest is the SHA-256 of the ordered content in hex: equal digests are equal problems. Spec.digest documents what is hashed.
	Digest string

	tables map[string][]Row
	// selections keeps what was worked out, by split and filter: opening an environment again costs nothing.
	selections sync.Map
}

// New makes a set of tables, which it takes over: the caller must not change them any more. Columns that the environment doesn't read are
// dropped. All tables of the environment have to be there; those of KernelBench may lack levels, as the reference skips what it can't load, but
// not all of them. Errors wrap ErrUnknownEnv or ErrShape and name the table, row and column.
func New(env, source, licence string, tables map[string][]Row) (*Set, error) {
	spec, err := SpecOf(env)
	if err != nil {
		return nil, err
	}
	s := &Set{Env: spec.Env, Source: source, Licence: licence, tables: make(map[string][]Row, len(spec.Tables))}
	for _, t := range spec.Tables {
		rows, ok := tables[t.Name]
		if !ok && spec.Partial {
			continue
		}
		if s.tables[t.Name], err = spec.clean(t.Name, rows); err != nil {
			return nil, fmt.Errorf("couldn't use the dataset of %s: %w", env, err)
		}
	}
	for name := range tables {
		if _, ok := s.tables[name]; !ok {
			return nil, fmt.Errorf("couldn't use the dataset of %s: %w: it has no table %q", env, ErrShape, name)
		}
	}
	if len(s.tables) == 0 {
		return nil, fmt.Errorf("couldn't use the dataset of %s: %w: it has no tables", env, ErrShape)
	}
	s.Digest = spec.digest(s.tables)
	return s, nil
}

// clean checks rows and keeps the columns that the environment reads.
func (s Spec) clean(table string, rows []Row) ([]Row, error) {
	if len(rows) == 0 {
		return nil, fmt.Errorf("%w: table %s is missing or empty", ErrShape, table)
	}
	out := make([]Row, len(rows))
	for i, r := range rows {
		kept := make(Row, len(s.Columns))
		for _, c := range s.Columns {
			v, ok := r[c.Name]
			switch {
			case !ok || v == nil:
				if !c.Optional {
					return nil, fmt.Errorf("%w: row %d of table %s has no %s", ErrShape, i, table, c.Name)
				}
				if c.Kind != Text {
					continue
				}
				v = "" // the reference makes no difference, and so the digest doesn't
			case !c.Kind.holds(v):
				return nil, fmt.Errorf("%w: %s in row %d of table %s is no %s", ErrShape, c.Name, i, table, c.Kind)
			}
			kept[c.Name] = v
		}
		out[i] = kept
	}
	return out, nil
}

// Table returns the rows of a table, such as "main/train", in upstream order. They must not be changed.
func (s *Set) Table(name string) ([]Row, error) {
	rows, ok := s.tables[name]
	if !ok {
		return nil, fmt.Errorf("couldn't read table %s of the dataset of %s: it has none of that name", name, s.Env)
	}
	return rows, nil
}

// Sizes returns the number of rows of each table that is there.
func (s *Set) Sizes() map[string]int {
	sizes := make(map[string]int, len(s.tables))
	for name, rows := range s.tables {
		sizes[name] = len(rows)
	}
	return sizes
}

// Deviations tells, a sentence each, in which tables the set hasn't the size that the network's has. Such a set chooses other problems than the
// network's from the first seed on. It is empty for a set of the usual sizes, which may still differ in content: compare Digest.
func (s *Set) Deviations() []string {
	spec, err := SpecOf(s.Env)
	if err != nil {
		return nil
	}
	var out []string
	for _, t := range spec.Tables {
		n, ok := len(s.tables[t.Name]), t.Rows
		switch {
		case n == 0:
			out = append(out, fmt.Sprintf("table %s is missing", t.Name))
		case ok != 0 && n != t.Rows:
			out = append(out, fmt.Sprintf("table %s has %d rows, the network's has %d", t.Name, n, t.Rows))
		}
	}
	return out
}
