package datasets

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nanteos/nanteos/task/dataset"
)

// maxFiles is how many files an import takes.
const maxFiles = 2000

// Import makes a set of files that the user has, in place of what was the current one. A file is Parquet, JSON Lines or a JSON list, also gzipped JSON, and
// belongs to the table that its name says, such as train.jsonl or algebra/test-00000-of-00001.parquet; TABLE=FILE says it for any name, where TABLE
// is a table of the dataset or, where that is enough, its split. Folders stand for the files in them. The public files of HumanEval, MBPP, MATH and
// KernelBench that have all their tables in one are divided by their columns. Errors wrap ErrFile, ErrIncomplete, ErrTooLarge, dataset.ErrShape or
// dataset.ErrUnknownEnv; then the store is as it was.
func (s *Store) Import(ctx context.Context, env string, files ...string) (Info, error) {
	spec, err := dataset.SpecOf(env)
	if err != nil {
		return Info{}, fmt.Errorf("couldn't import: %w", err)
	}
	fail := func(err error) (Info, error) {
		return Info{}, fmt.Errorf("couldn't import the dataset of %s: %w", spec.Env, err)
	}
	named, loose, err := sortFiles(spec, files)
	if err != nil {
		return fail(err)
	}
	parts, _, err := gather(spec, loose, false)
	if err != nil {
		return fail(err)
	}
	for _, name := range loose {
		if !slices.ContainsFunc(parts, func(p part) bool { return p.name == name }) {
			if _, known := partOf(spec, name, false); known {
				return fail(hinted{fmt.Errorf("%w: %s is for the same table as another file", ErrFile, name), "give each table once"})
			}
			parts = append(parts, part{name: name})
		}
	}
	in := newIntake(ctx, spec, s.opt.Limits)
	tables := map[string][]dataset.Row{}
	var notes []File
	for _, p := range append(named, parts...) {
		rows, note, err := in.file(filepath.FromSlash(p.name))
		if err != nil {
			return fail(err)
		}
		put := map[string][]dataset.Row{p.table: rows}
		if p.table == "" {
			if put, err = spread(spec, p.name, rows); err != nil {
				return fail(err)
			}
		}
		for _, t := range spec.Tables {
			if len(put[t.Name]) > 0 {
				tables[t.Name] = append(tables[t.Name], put[t.Name]...)
				note.Tables = append(note.Tables, t.Name)
			}
		}
		notes = append(notes, note)
	}
	if err := complete(spec, tables); err != nil {
		return fail(err)
	}
	var base []string
	for _, n := range notes {
		base = append(base, n.Name)
	}
	if len(base) > 3 {
		base = append(base[:2], fmt.Sprintf("%d more", len(notes)-2))
	}
	set, err := dataset.New(spec.Env, "import of "+strings.Join(base, ", "), spec.Licence, tables)
	if err != nil {
		return fail(err)
	}
	return s.install(ctx, spec, set, Info{Files: notes})
}

// sortFiles reads the arguments of Import: files of a table that is named, and others.
func sortFiles(spec dataset.Spec, args []string) (named []part, loose []string, err error) {
	for _, arg := range args {
		table, file, ok := strings.Cut(arg, "=")
		if _, err := os.Stat(arg); ok && err != nil {
			name, err := tableNamed(spec, table)
			if err != nil {
				return nil, nil, err
			}
			named = append(named, part{name: filepath.ToSlash(file), table: name})
			continue
		}
		st, err := os.Stat(arg)
		switch {
		case err != nil:
			return nil, nil, fmt.Errorf("couldn't read the file: %w", err)
		case !st.IsDir():
			loose = append(loose, filepath.ToSlash(arg))
			continue
		}
		err = filepath.WalkDir(arg, func(name string, e fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if _, ok := partOf(spec, filepath.ToSlash(name), false); ok && e.Type().IsRegular() {
				loose = append(loose, filepath.ToSlash(name))
			}
			if len(loose) > maxFiles {
				return fmt.Errorf("%w: more than %d files in %s", ErrTooLarge, maxFiles, arg)
			}
			return nil
		})
		if err != nil {
			return nil, nil, fmt.Errorf("couldn't read the folder: %w", err)
		}
	}
	if len(named)+len(loose) == 0 {
		return nil, nil, hinted{fmt.Errorf("%w: no file is named after one of its tables", ErrIncomplete), needs(spec)}
	}
	if len(named)+len(loose) > maxFiles {
		return nil, nil, fmt.Errorf("%w: more than %d files", ErrTooLarge, maxFiles)
	}
	return named, loose, nil
}

// tableNamed finds a table by its name, or by its split where only one has it.
func tableNamed(spec dataset.Spec, name string) (string, error) {
	if t, ok := spec.Table(name); ok {
		return t.Name, nil
	}
	var hits []string
	for _, t := range spec.Tables {
		if t.Split == name {
			hits = append(hits, t.Name)
		}
	}
	if len(hits) == 1 {
		return hits[0], nil
	}
	return "", hinted{fmt.Errorf("%w: it has no table %.64q", ErrFile, name), needs(spec)}
}

// needs tells which tables a dataset has.
func needs(spec dataset.Spec) string {
	names := make([]string, len(spec.Tables))
	for i, t := range spec.Tables {
		names[i] = t.Name
	}
	return fmt.Sprintf("%s has the tables %s; name the files so, or write TABLE=FILE", spec.Title, strings.Join(names, ", "))
}

// complete checks that every table has rows.
func complete(spec dataset.Spec, tables map[string][]dataset.Row) error {
	var missing []string
	for _, t := range spec.Tables {
		if len(tables[t.Name]) == 0 {
			missing = append(missing, t.Name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return hinted{fmt.Errorf("%w: no rows for %s", ErrIncomplete, strings.Join(missing, ", ")), needs(spec)}
}

// spread divides the rows of a file whose name says no table.
func spread(spec dataset.Spec, name string, rows []dataset.Row) (map[string][]dataset.Row, error) {
	out := map[string][]dataset.Row{}
	unknown := hinted{fmt.Errorf("%w: the name of %s says no table", ErrFile, name), needs(spec)}
	if len(spec.Tables) == 1 {
		return map[string][]dataset.Row{spec.Tables[0].Name: rows}, nil
	}
	split := splitIn(name)
	for i, r := range rows {
		table := ""
		switch spec.Env {
		case "mbpp": // the public file has all 974 tasks; the first ten are for prompts
			switch id := r.Int("task_id"); {
			case r["task_id"] == nil || id < 1 || id > 974:
				return nil, unknown
			case id <= 10:
				continue
			case id <= 510:
				table = "full/test"
			case id <= 600:
				table = "full/validation"
			default:
				table = "full/train"
			}
		case "triton_kernel":
			table = fmt.Sprintf("default/level_%d", r.Int("level"))
		case "math":
			table = subjectOf(r.Text("type")) + "/" + split
		}
		if _, ok := spec.Table(table); !ok {
			return nil, hinted{fmt.Errorf("%w: neither its name nor its columns say which table row %d belongs to", errors.Join(unknown.error), i), unknown.hint}
		}
		out[table] = append(out[table], r)
	}
	return out, nil
}

// splitIn finds train or test in a file's name.
func splitIn(name string) string {
	base := strings.ToLower(filepath.Base(name))
	train, test := strings.Contains(base, "train"), strings.Contains(base, "test")
	switch {
	case train && !test:
		return "train"
	case test && !train:
		return "test"
	}
	return ""
}

// subjectOf is the config of MATH that a text of the column type stands for.
func subjectOf(text string) string {
	text = strings.ToLower(strings.TrimSpace(text))
	return strings.ReplaceAll(strings.ReplaceAll(text, "&", "and"), " ", "_")
}
