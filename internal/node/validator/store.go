package validator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const (
	ledgerName = "validator.json"
	reportsDir = "reports"
	lockName   = "lock"
	// maxLedgerBytes and maxReportBytes bound what is read back.
	maxLedgerBytes = 256 << 20
	maxReportBytes = 256 << 20
)

// durable makes writes wait for the disk. Tests that kill no kernel do without.
var durable = true

// store is the validator's part of the data folder: the ledger, and the reports of the last windows.
type store struct {
	dir  string
	keep int
}

// openStore makes the folders.
func openStore(dir string, keep int) (*store, error) {
	if err := os.MkdirAll(filepath.Join(dir, reportsDir), 0o755); err != nil {
		return nil, fmt.Errorf("couldn't make data folder: %w", err)
	}
	return &store{dir: dir, keep: keep}, nil
}

// ledger reads the ledger; ok is false where there is none yet.
func (s *store) ledger() (l Ledger, ok bool, err error) {
	path := filepath.Join(s.dir, ledgerName)
	b, err := readBounded(path, maxLedgerBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return Ledger{}, false, nil
	}
	if err != nil {
		return Ledger{}, false, fmt.Errorf("couldn't read ledger: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&l); err != nil {
		return Ledger{}, false, fmt.Errorf("couldn't read ledger %s: %w: %w; move it away to begin anew", path, ErrLedger, err)
	}
	return l, true, nil
}

// save writes report and ledger. The report comes first: one without its window in the ledger is written again with the same content.
func (s *store) save(l Ledger, report *WindowReport) error {
	if report != nil {
		b, err := json.MarshalIndent(report, "", " ")
		if err != nil {
			return fmt.Errorf("couldn't write report of window %d: %w", report.Window, err)
		}
		if err := replaceFile(reportPath(s.dir, report.Window), b); err != nil {
			return fmt.Errorf("couldn't write report of window %d: %w", report.Window, err)
		}
	}
	b, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("couldn't write ledger: %w", err)
	}
	if err := replaceFile(filepath.Join(s.dir, ledgerName), b); err != nil {
		return fmt.Errorf("couldn't write ledger: %w", err)
	}
	if report != nil {
		s.prune()
	}
	return nil
}

// prune removes the oldest reports. A failure costs disk space only, and the next window tries again.
func (s *store) prune() {
	windows, err := Reports(s.dir)
	if err != nil {
		return
	}
	for len(windows) > s.keep {
		_ = os.Remove(reportPath(s.dir, windows[0]))
		windows = windows[1:]
	}
}

// replaceFile writes a file in one piece: whoever reads it, also after a crash, sees the old or the new content.
func replaceFile(path string, b []byte) (err error) {
	f, err := os.OpenFile(path+".tmp", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(path + ".tmp")
		}
	}()
	if _, err = f.Write(b); err != nil {
		return err
	}
	if durable {
		if err = f.Sync(); err != nil {
			return err
		}
	}
	if err = f.Close(); err != nil {
		return err
	}
	if err = os.Rename(path+".tmp", path); err != nil {
		return err
	}
	if !durable {
		return nil
	}
	return syncFolder(filepath.Dir(path))
}

// syncFolder makes a rename durable. Systems that can't sync folders don't need it.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, fs.ErrInvalid) {
		return err
	}
	return nil
}

func readBounded(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("%s has more than %d bytes", path, limit)
	}
	return b, nil
}

func reportPath(dir string, window int64) string {
	return filepath.Join(dir, reportsDir, "window-"+strconv.FormatInt(window, 10)+".json")
}

// Reports lists the windows whose reports lie in a validator's data folder, ascending.
func Reports(dir string) ([]int64, error) {
	entries, err := os.ReadDir(filepath.Join(dir, reportsDir))
	if err != nil {
		return nil, fmt.Errorf("couldn't list reports: %w", err)
	}
	var windows []int64
	for _, e := range entries {
		name, ok := strings.CutPrefix(e.Name(), "window-")
		if !ok {
			continue
		}
		if name, ok = strings.CutSuffix(name, ".json"); !ok {
			continue
		}
		if w, err := strconv.ParseInt(name, 10, 64); err == nil && w >= 0 {
			windows = append(windows, w)
		}
	}
	slices.Sort(windows)
	return windows, nil
}

// ReadReport reads the report of a window from a validator's data folder. The error wraps fs.ErrNotExist where there is none.
func ReadReport(dir string, window int64) (*WindowReport, error) {
	b, err := readBounded(reportPath(dir, window), maxReportBytes)
	if err != nil {
		return nil, fmt.Errorf("couldn't read report of window %d: %w", window, err)
	}
	var r WindowReport
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, fmt.Errorf("couldn't read report of window %d: %w", window, err)
	}
	return &r, nil
}

// ReadLedger reads the ledger of a validator's data folder. The error wraps fs.ErrNotExist where there is none, and ErrLedger where it is
// damaged.
func ReadLedger(dir string) (*Ledger, error) {
	l, ok, err := (&store{dir: dir}).ledger()
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("couldn't read ledger of %s: %w", dir, fs.ErrNotExist)
	}
	return &l, nil
}
