// Package dataset is what environments draw their problems from: tables of rows in upstream order, with a digest, because a miner and a validator whose
// rows differ in one letter disagree on every prompt.
package dataset

import "fmt"

// Row is one row: a column's text, whole number (int64) or list of texts ([]string), by its name.
type Row map[string]any

// Text returns a column's text, empty where the row has none.
func (r Row) Text(column string) string { s, _ := r[column].(string); return s }

// Texts returns a column's list of texts, nil where the row has none.
func (r Row) Texts(column string) []string { s, _ := r[column].([]string); return s }

// Int returns a column's number, 0 where the row has none.
func (r Row) Int(column string) int64 { n, _ := r[column].(int64); return n }

// Set is a dataset: all tables that an environment needs. It is immutable.
type Set struct {
	// Env is the id of the environment that it is for.
	Env string
	// Source says where it is from, for people: a repository with its revision, a file, or "sample" for the small set of the program's own.
	Source string
	// Licence is the licence as its publisher states it.
	Licence string
	// Digest is the SHA-256 of the ordered content in hex: equal digests are equal problems.
	Digest string

	tables map[string][]Row
}

// Table returns the rows of a table, such as "main/train", in upstream order. They must not be changed.
func (s *Set) Table(name string) ([]Row, error) {
	rows, ok := s.tables[name]
	if !ok {
		return nil, fmt.Errorf("couldn't read table %s of the dataset of %s: it has none of that name", name, s.Env)
	}
	return rows, nil
}
