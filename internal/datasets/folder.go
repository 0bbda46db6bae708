package datasets

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/nanteos/nanteos/task/dataset"
)

// Names in the folder of an environment.
const (
	currentName  = "current"
	manifestName = "manifest.json"
	downloadName = "download"
)

// Info says what a stored set is and where it is from.
type Info struct {
	Env   string `json:"env"`
	Title string `json:"title"`
	// Digest is that of dataset.Set.
	Digest string `json:"digest"`
	// Source is where it is from, for people. Repository, Revision, Commit and Endpoint are those of a pull.
	Source     string `json:"source"`
	Repository string `json:"repository,omitempty"`
	Revision   string `json:"revision,omitempty"`
	Commit     string `json:"commit,omitempty"`
	Endpoint   string `json:"endpoint,omitempty"`
	// Licence and Attribution are those of the dataset's publisher.
	Licence     string `json:"licence"`
	Attribution string `json:"attribution"`
	// Files are those that it was made of, Rows the sizes of its tables.
	Files []File         `json:"files"`
	Rows  map[string]int `json:"rows"`
	// Added is when it came in.
	Added time.Time `json:"added"`
	// Current says that Open returns it. Deviations says in which sizes it isn't the network's.
	Current    bool     `json:"current"`
	Deviations []string `json:"deviations,omitempty"`
	// Unchanged says that a pull found it complete.
	Unchanged bool `json:"unchanged,omitempty"`
}

// File is a file that a set was made of.
type File struct {
	// Tables are those that it has rows of.
	Tables []string `json:"tables"`
	Name   string   `json:"name"`
	Size   int64    `json:"size"`
	SHA256 string   `json:"sha256"`
}

// manifest is what the store notes of a set.
type manifest struct {
	Format int `json:"format"`
	Info
}

const manifestFormat = 1

var digestText = regexp.MustCompile(`^[0-9a-f]{64}$`)

// current is the digest of the set that is open to environments. Errors wrap ErrNone or ErrDamaged.
func (s *Store) current(env string) (string, error) {
	name := filepath.Join(s.folder, env, currentName)
	b, err := readSmall(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", ErrNone
	case err != nil:
		return "", fmt.Errorf("couldn't open the dataset of %s: %w", env, err)
	}
	digest := strings.TrimSpace(string(b))
	if !digestText.MatchString(digest) {
		return "", damaged(env, name+" holds no digest")
	}
	return digest, nil
}

func damaged(env, what string) error {
	return hinted{
		fmt.Errorf("couldn't open the dataset of %s: %w: %s", env, ErrDamaged, what),
		fmt.Sprintf("nanteos data remove %s, then nanteos data pull %s", env, env),
	}
}

// maxSmall bounds the files that the store keeps beside tables, in bytes.
const maxSmall = 16 << 20

func readSmall(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSmall+1))
	if err == nil && len(b) > maxSmall {
		err = fmt.Errorf("%s has more than %d bytes", name, maxSmall)
	}
	return b, err
}

// info reads what the store notes of a set. Errors wrap ErrNone or ErrDamaged.
func (s *Store) info(spec dataset.Spec, digest string) (Info, error) {
	name := filepath.Join(s.folder, spec.Env, digest, manifestName)
	b, err := readSmall(name)
	if errors.Is(err, fs.ErrNotExist) {
		return Info{}, fmt.Errorf("%w: %s %.16s…", ErrNone, spec.Env, digest)
	}
	if err != nil {
		return Info{}, fmt.Errorf("couldn't open the dataset of %s: %w", spec.Env, err)
	}
	var m manifest
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil || m.Format != manifestFormat || m.Env != spec.Env || m.Digest != digest {
		return Info{}, damaged(spec.Env, name+" can't be read")
	}
	m.Info.Title = spec.Title
	if now, err := s.current(spec.Env); err == nil {
		m.Current = now == digest
	}
	return m.Info, nil
}

// tableName is the name of a table's file.
func tableName(i int) string { return fmt.Sprintf("%02d.jsonl", i) }

// load reads a set and works its digest out again.
func (s *Store) load(ctx context.Context, spec dataset.Spec, digest string) (*dataset.Set, error) {
	info, err := s.info(spec, digest)
	if err != nil {
		return nil, err
	}
	tables := map[string][]dataset.Row{}
	in := newIntake(ctx, spec, s.opt.Limits)
	for i, t := range spec.Tables {
		if _, ok := info.Rows[t.Name]; !ok {
			continue
		}
		rows, _, err := in.file(filepath.Join(s.folder, spec.Env, digest, tableName(i)))
		switch {
		case err != nil && ctx.Err() != nil:
			return nil, err
		case err != nil:
			return nil, damaged(spec.Env, err.Error())
		}
		tables[t.Name] = rows
	}
	set, err := dataset.New(spec.Env, info.Source, info.Licence, tables)
	switch {
	case err != nil:
		return nil, damaged(spec.Env, err.Error())
	case set.Digest != digest:
		return nil, damaged(spec.Env, fmt.Sprintf("its content has the digest %.16s…, not %.16s…", set.Digest, digest))
	}
	return set, nil
}

// install puts a set into the store and makes it the current one.
func (s *Store) install(ctx context.Context, spec dataset.Spec, set *dataset.Set, info Info) (Info, error) {
	fail := func(err error) (Info, error) {
		return Info{}, fmt.Errorf("couldn't store the dataset of %s: %w", spec.Env, err)
	}
	info.Env, info.Title, info.Digest, info.Source = spec.Env, spec.Title, set.Digest, set.Source
	info.Licence, info.Attribution = spec.Licence, spec.Attribution
	info.Rows, info.Deviations, info.Added = set.Sizes(), set.Deviations(), time.Now().UTC().Truncate(time.Second)
	home := filepath.Join(s.folder, spec.Env)
	if err := os.MkdirAll(home, 0o755); err != nil {
		return fail(err)
	}
	dir, err := os.MkdirTemp(home, ".new-")
	if err != nil {
		return fail(err)
	}
	defer os.RemoveAll(dir) // nothing is left there once it was renamed
	if err := os.Chmod(dir, 0o755); err != nil {
		return fail(err)
	}
	for i, t := range spec.Tables {
		if rows, err := set.Table(t.Name); err == nil {
			if err := writeTable(ctx, filepath.Join(dir, tableName(i)), rows); err != nil {
				return fail(err)
			}
		}
	}
	text, err := json.MarshalIndent(manifest{manifestFormat, info}, "", "  ")
	if err != nil {
		return fail(err)
	}
	if err := writeFile(filepath.Join(dir, manifestName), append(text, '\n')); err != nil {
		return fail(err)
	}
	if ctx.Err() != nil {
		return fail(context.Cause(ctx))
	}
	if err := replace(dir, filepath.Join(home, set.Digest)); err != nil {
		return fail(err)
	}
	next := filepath.Join(home, ".current-"+filepath.Base(dir))
	if err := errors.Join(writeFile(next, []byte(set.Digest+"\n")), os.Rename(next, filepath.Join(home, currentName))); err != nil {
		return fail(err)
	}
	syncDir(home)
	s.forget(spec.Env, set.Digest) // its source may have changed
	info.Current = true
	return info, nil
}

// replace makes from become to; what to was goes away.
func replace(from, to string) error {
	old := from + ".old"
	if err := os.Rename(to, old); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return errors.Join(err, os.Rename(old, to))
	}
	return os.RemoveAll(old)
}

func writeTable(ctx context.Context, name string, rows []dataset.Row) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 256<<10)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	for i, r := range rows {
		if i%1000 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := e.Encode(r); err != nil {
			return err
		}
	}
	return errors.Join(w.Flush(), f.Sync(), f.Close())
}

func writeFile(name string, b []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Sync(), f.Close())
}

// syncDir makes renames in a folder last, where the system can.
func syncDir(dir string) {
	if f, err := os.Open(dir); err == nil {
		_ = f.Sync()
		_ = f.Close()
	}
}

// List returns what the store holds, by environment and time, the current set of each first. Folders that can't be read are left out.
func (s *Store) List() ([]Info, error) {
	var out []Info
	for _, env := range dataset.Envs() {
		infos, err := s.Show(env)
		if err != nil && !errors.Is(err, ErrNone) {
			return nil, err
		}
		out = append(out, infos...)
	}
	return out, nil
}

// Show returns the sets of one environment, the current one first, then the latest. Errors wrap ErrNone where there is none.
func (s *Store) Show(env string) ([]Info, error) {
	spec, err := dataset.SpecOf(env)
	if err != nil {
		return nil, fmt.Errorf("couldn't look for datasets: %w", err)
	}
	entries, err := os.ReadDir(filepath.Join(s.folder, spec.Env))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("couldn't look for datasets: %w", err)
	}
	var out []Info
	for _, e := range entries {
		if !digestText.MatchString(e.Name()) {
			continue
		}
		if info, err := s.info(spec, e.Name()); err == nil {
			out = append(out, info)
		}
	}
	if len(out) == 0 {
		return nil, hinted{fmt.Errorf("couldn't show the dataset of %s: %w: %s isn't in %s", spec.Env, ErrNone, spec.Title, s.folder), "nanteos data pull " + spec.Env + " gets it"}
	}
	slices.SortFunc(out, func(a, b Info) int {
		if a.Current != b.Current {
			return map[bool]int{true: -1, false: 1}[a.Current]
		}
		return b.Added.Compare(a.Added)
	})
	return out, nil
}

// Remove deletes the set of an environment whose digest begins with the text, or everything of the environment where it is empty: damaged sets and the
// rests of pulls too. Errors wrap ErrNone where there is no such set, or several begin so.
func (s *Store) Remove(env, digest string) (removed []string, err error) {
	spec, err := dataset.SpecOf(env)
	if err != nil {
		return nil, fmt.Errorf("couldn't remove a dataset: %w", err)
	}
	home := filepath.Join(s.folder, spec.Env)
	entries, err := os.ReadDir(home)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("couldn't remove a dataset: %w", err)
	}
	for _, e := range entries {
		if digestText.MatchString(e.Name()) && strings.HasPrefix(e.Name(), digest) {
			removed = append(removed, e.Name())
		}
	}
	if len(removed) == 0 && (digest != "" || len(entries) == 0) || digest != "" && len(removed) > 1 {
		return nil, fmt.Errorf("couldn't remove a dataset of %s: %w: %d have a digest that begins with %.64q", spec.Env, ErrNone, len(removed), digest)
	}
	now, _ := s.current(spec.Env)
	if digest == "" || slices.Contains(removed, now) {
		err = os.Remove(filepath.Join(home, currentName)) // first: nothing may be named that isn't there
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	for _, name := range removed {
		err = errors.Join(err, os.RemoveAll(filepath.Join(home, name)))
		s.forget(spec.Env, name)
	}
	if digest == "" {
		err = errors.Join(err, os.RemoveAll(filepath.Join(home, downloadName)), os.RemoveAll(filepath.Join(home, "."+downloadName+".pull")))
		_ = os.Remove(home)
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't remove the dataset of %s: %w", spec.Env, err)
	}
	return removed, nil
}
