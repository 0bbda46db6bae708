package bucket

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func openDir(t *testing.T, root string, now func() time.Time) *Dir {
	t.Helper()
	d, err := OpenDir(DirConfig{Root: root, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestDirFilesArePlain: objects are the files one sees, files that people put there are objects, and nothing else is.
func TestDirFilesArePlain(t *testing.T) {
	ctx, root := t.Context(), t.TempDir()
	d := openDir(t, root, nil)
	info := mustPut(t, ctx, d, "a/b.txt", []byte("hello"))
	if b, err := os.ReadFile(filepath.Join(root, "a", "b.txt")); err != nil || string(b) != "hello" {
		t.Errorf("%q %v", b, err)
	}
	if info.ETag != "5d41402abc4b2a76b9719d911017c592" { // MD5, as S3
		t.Errorf("ETag %s", info.ETag)
	}
	path := filepath.Join(root, "a", "by hand")
	if err := os.WriteFile(path, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := d.Head(ctx, "a/by hand"); err != nil || got.ETag != info.ETag {
		t.Errorf("%+v %v", got, err)
	}
	all, err := ListAll(ctx, d, "", 10)
	if err != nil || len(all) != 2 {
		t.Errorf("%v %v", all, err)
	}
	// a file that was changed by hand has another ETag, although the note of the old one is still there
	if err := os.WriteFile(filepath.Join(root, "a", "b.txt"), []byte("jello"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := d.Head(ctx, "a/b.txt"); err != nil || got.ETag == info.ETag {
		t.Errorf("%+v %v", got, err)
	}
}

// TestDirSurvives: what a killed writer leaves behind is no object, and a lost note costs only a read.
func TestDirSurvives(t *testing.T) {
	ctx, root := t.Context(), t.TempDir()
	d := openDir(t, root, nil)
	info := mustPut(t, ctx, d, "k", []byte("whole"))
	if err := os.WriteFile(filepath.Join(root, ownFolder, "tmp", "put-123"), []byte("hal"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(root, ownFolder, "etags")); err != nil {
		t.Fatal(err)
	}
	d = openDir(t, root, nil)
	all, err := ListAll(ctx, d, "", 10)
	if err != nil || len(all) != 1 || all[0] != info {
		t.Errorf("%v %v", all, err)
	}
	failing := readerAt(func([]byte, int64) (int, error) { return 0, errors.New("disk on fire") })
	if _, err := d.Put(ctx, "k", failing, 5, PutOptions{}); err == nil || !strings.Contains(err.Error(), "disk on fire") {
		t.Errorf("%v", err)
	}
	if got, _, err := ReadAll(ctx, d, "k", 10); err != nil || string(got) != "whole" {
		t.Errorf("a failed write harmed the object: %q %v", got, err)
	}
	left, err := os.ReadDir(filepath.Join(root, ownFolder, "tmp"))
	if err != nil || len(left) != 1 {
		t.Errorf("a failed write left %v, %v", left, err)
	}
}

type readerAt func([]byte, int64) (int, error)

func (f readerAt) ReadAt(p []byte, off int64) (int, error) { return f(p, off) }

func TestDirClock(t *testing.T) {
	now := time.Date(2031, 5, 6, 7, 8, 9, 999, time.FixedZone("x", 3600))
	d := openDir(t, t.TempDir(), func() time.Time { return now })
	info := mustPut(t, t.Context(), d, "k", []byte("x"))
	if want := now.UTC().Truncate(time.Second); info.LastModified != want {
		t.Errorf("%s, want %s", info.LastModified, want)
	}
	if again, err := d.Head(t.Context(), "k"); err != nil || again != info {
		t.Errorf("%+v %v", again, err)
	}
}

func TestDirFoldersAndObjects(t *testing.T) {
	ctx := t.Context()
	d := openDir(t, t.TempDir(), nil)
	mustPut(t, ctx, d, "a", []byte("x"))
	if _, err := PutBytes(ctx, d, "a/b", nil, PutOptions{}); err == nil {
		t.Error("an object became a folder")
	}
	mustPut(t, ctx, d, "c/d", nil)
	if _, err := PutBytes(ctx, d, "c", nil, PutOptions{}); err == nil {
		t.Error("a folder became an object")
	}
	if err := d.Delete(ctx, "c"); err != nil {
		t.Error(err)
	}
	if _, err := d.Head(ctx, "c/d"); err != nil {
		t.Errorf("deleting a folder's name deleted what is in it: %v", err)
	}
}

// TestFaultTable crosses every operation with every fault: what the caller is told and what is there afterwards.
func TestFaultTable(t *testing.T) {
	ops := map[string]func(ctx context.Context, b Bucket) error{
		"put": func(ctx context.Context, b Bucket) error {
			_, err := PutBytes(ctx, b, "new", []byte("x"), PutOptions{})
			return err
		},
		"delete": func(ctx context.Context, b Bucket) error { return b.Delete(ctx, "old") },
		"get":    func(ctx context.Context, b Bucket) error { _, _, err := ReadAll(ctx, b, "old", 100); return err },
		"range":  func(ctx context.Context, b Bucket) error { _, err := b.GetRange(ctx, "old", 0, 3, ""); return err },
		"head":   func(ctx context.Context, b Bucket) error { _, err := b.Head(ctx, "old"); return err },
		"list":   func(ctx context.Context, b Bucket) error { _, err := ListAll(ctx, b, "", 9); return err },
	}
	for op, run := range ops {
		for _, fault := range []Fault{Works, Fails, FailsButPersists, Truncates, IsSlow} {
			t.Run(fmt.Sprintf("%s %s", op, fault), func(t *testing.T) {
				ctx := t.Context()
				d := openDir(t, t.TempDir(), nil)
				mustPut(t, ctx, d, "old", []byte("object"))
				mustPut(t, ctx, d, "other", []byte("object"))
				f := &Faulty{Bucket: d, Choose: Plan(op, fault), Delay: time.Millisecond}
				err := run(ctx, f)
				reads := op != "put" && op != "delete"
				wantErr := fault == Fails || fault == FailsButPersists || fault == Truncates && reads
				if (err != nil) != wantErr || wantErr && !errors.Is(err, ErrInjected) {
					t.Errorf("error is %v", err)
				}
				_, newErr := d.Head(ctx, "new")
				_, oldErr := d.Head(ctx, "old")
				did := fault != Fails
				if op == "put" && (newErr == nil) != did || op == "delete" && (oldErr != nil) != did {
					t.Errorf("new: %v, old: %v", newErr, oldErr)
				}
				if calls := f.Calls(); len(calls) != 1 || calls[0].Op != op {
					t.Errorf("%+v", calls)
				}
				if err := run(ctx, f); err != nil { // the plan is over
					t.Errorf("afterwards: %v", err)
				}
			})
		}
	}
	slow := &Faulty{Bucket: openDir(t, t.TempDir(), nil), Choose: func(Call) Fault { return IsSlow }, Delay: time.Hour}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, err := slow.Head(ctx, "k")
	wantIs(t, err, context.DeadlineExceeded)
}
