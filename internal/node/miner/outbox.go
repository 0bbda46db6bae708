package miner

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/grail/verify"
	"github.com/nanteos/nanteos/grail/windowfile"
	"github.com/nanteos/nanteos/internal/bucket"
)

// Outbox is the folder of window files that are to be uploaded or were. A file is written whole or not at all, and never changed.
type Outbox struct {
	dir string
}

// OpenOutbox makes the folder if it is missing and clears away what a crash left half written.
func OpenOutbox(dir string) (*Outbox, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("couldn't open outbox: %w", err)
	}
	parts, err := filepath.Glob(filepath.Join(dir, "*"+partial))
	if err != nil {
		return nil, fmt.Errorf("couldn't open outbox: %w", err)
	}
	for _, p := range parts {
		if err := os.Remove(p); err != nil {
			return nil, fmt.Errorf("couldn't clear outbox: %w", err)
		}
	}
	return &Outbox{dir}, nil
}

const (
	partial   = ".partial"
	extension = ".parquet"
)

func fileName(window int64) string { return "window-" + strconv.FormatInt(window, 10) + extension }

// Path returns where a file lies.
func (o *Outbox) Path(f File) string { return filepath.Join(o.dir, f.Name) }

// draft is a group that is to be packaged.
type draft struct {
	record GroupRecord
	rows   []grail.Row
}

// Write writes the window file. Where it would be larger than the rules allow, groups from the end are left out (quirk 53), and named in dropped.
// The file is read back as a validator reads it and passes the checks of a whole file, or is not kept: the error is *Unfit then.
func (o *Outbox) Write(ctx context.Context, rules grail.Rules, miner string, w Window, groups []draft, now time.Time) (f File, dropped []GroupRecord, err error) {
	name := fileName(w.Start)
	var content []byte
	for {
		if content, err = encode(rules, miner, w, groups, now); err != nil {
			return f, nil, err
		}
		over := int64(len(content)) - rules.MaxFileBytes
		if rules.MaxFileBytes <= 0 || over <= 0 || len(groups) == 0 {
			break
		}
		for cut := int64(0); cut < over && len(groups) > 0; groups = groups[:len(groups)-1] {
			last := groups[len(groups)-1].record
			cut += max(last.Bytes, 1)
			last.Dropped, last.Check, last.Reason = true, "file_size", fmt.Sprintf("the file would be larger than %d bytes", rules.MaxFileBytes)
			dropped = append(dropped, last)
		}
	}
	f = File{Key: bucket.WindowKey(miner, w.Start), Name: name, Size: int64(len(content)), Groups: len(groups)}
	for _, g := range groups {
		f.Rows += len(g.rows)
	}
	if f.Rows == 0 {
		return f, dropped, nil
	}
	if err := readBack(ctx, rules, miner, w, content); err != nil {
		return f, dropped, err
	}
	sum, sum5 := sha256.Sum256(content), md5.Sum(content)
	f.SHA256, f.MD5 = hex.EncodeToString(sum[:]), hex.EncodeToString(sum5[:])
	if err := o.place(name, content); err != nil {
		return f, dropped, fmt.Errorf("couldn't write window file %s: %w", name, err)
	}
	return f, dropped, nil
}

func encode(rules grail.Rules, miner string, w Window, groups []draft, now time.Time) ([]byte, error) {
	var rows []grail.Row
	for _, g := range groups {
		rows = append(rows, g.rows...)
	}
	var b bytes.Buffer
	meta := windowfile.Metadata{Wallet: miner, WindowStart: w.Start, WindowLength: rules.WindowLength, Timestamp: float64(now.UnixMicro()) / 1e6, Dataset: w.Dataset}
	if err := windowfile.Write(&b, meta, rows, windowfile.Options{}); err != nil {
		return nil, fmt.Errorf("couldn't encode window file: %w", err)
	}
	return b.Bytes(), nil
}

func readBack(ctx context.Context, rules grail.Rules, miner string, w Window, content []byte) error {
	file, err := windowfile.Open(bytes.NewReader(content), int64(len(content)), windowfile.Limits{})
	if err != nil {
		return fmt.Errorf("couldn't read back window file: %w", err)
	}
	meta, err := file.Metadata()
	if err != nil {
		return fmt.Errorf("couldn't read back window file: %w", err)
	}
	s := verify.NewStructure(rules, verify.Window{Miner: miner, Start: w.Start, Hash: w.Hash}, meta)
	err = file.Scan(ctx, windowfile.Structure, 0, file.NumRows(), func(_ int64, row *grail.Row) error {
		s.Add(row)
		return nil
	})
	if err != nil {
		return fmt.Errorf("couldn't read back window file: %w", err)
	}
	if reason, detail := s.Finish(); reason != "" {
		return &Unfit{reason, detail, "report it: the program wrote a file that it would refuse itself"}
	}
	return nil
}

// place writes a file so that it is there whole after any crash, or not at all.
func (o *Outbox) place(name string, content []byte) error {
	tmp, err := os.CreateTemp(o.dir, name+".*"+partial)
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	defer tmp.Close()
	if _, err := tmp.Write(content); err != nil {
		return err
	}
	if err := errors.Join(tmp.Chmod(0o644), tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), filepath.Join(o.dir, name)); err != nil {
		return err
	}
	d, err := os.Open(o.dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// errOutbox says that a file of the outbox is not what the journal says.
var errOutbox = errors.New("file in the outbox is not the one that was journalled")

// open opens a file after comparing it with its journalled sum.
func (o *Outbox) open(f File) (*os.File, []byte, error) {
	want, err := hex.DecodeString(f.SHA256)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: bad sum %q", errOutbox, f.SHA256)
	}
	file, err := os.Open(o.Path(f))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("%w: %s is gone", errOutbox, f.Name)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("couldn't open window file: %w", err)
	}
	h := sha256.New()
	n, err := io.Copy(h, file)
	if err == nil && (n != f.Size || !bytes.Equal(h.Sum(nil), want)) {
		err = fmt.Errorf("%w: %s has changed", errOutbox, f.Name)
	}
	if err != nil {
		file.Close()
		return nil, nil, err
	}
	return file, want, nil
}

// Clean removes the files of windows before one.
func (o *Outbox) Clean(before int64) error {
	entries, err := os.ReadDir(o.dir)
	if err != nil {
		return fmt.Errorf("couldn't clean outbox: %w", err)
	}
	for _, e := range entries {
		text, ok := strings.CutPrefix(strings.TrimSuffix(e.Name(), extension), "window-")
		if !ok || !strings.HasSuffix(e.Name(), extension) {
			continue
		}
		if w, err := strconv.ParseInt(text, 10, 64); err == nil && w < before {
			if err := os.Remove(filepath.Join(o.dir, e.Name())); err != nil {
				return fmt.Errorf("couldn't clean outbox: %w", err)
			}
		}
	}
	return nil
}
