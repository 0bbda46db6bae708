package miner

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/grail/windowfile"
)

// ErrOtherMiner says that the data folder belongs to another hotkey or another network.
var ErrOtherMiner = errors.New("data folder belongs to another miner")

// ErrUploadedTwice says that an upload was about to be journalled for a window that has another one already. It is never ignored.
var ErrUploadedTwice = errors.New("window has another upload already")

// journalSchema of version 1. state is what Step works on; groups are the rows, as little window files; windows and uploads are for
// people, and uploads also holds the promise that a window has one upload only.
const journalSchema = `
CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE state (id INTEGER PRIMARY KEY CHECK (id = 1), body BLOB NOT NULL);
CREATE TABLE groups (window INTEGER NOT NULL, idx INTEGER NOT NULL, record BLOB NOT NULL, rows BLOB, PRIMARY KEY (window, idx)) WITHOUT ROWID;
CREATE TABLE windows (
	window INTEGER PRIMARY KEY, phase TEXT NOT NULL, reason TEXT NOT NULL, checkpoint INTEGER, groups INTEGER NOT NULL, rollouts INTEGER NOT NULL,
	late INTEGER NOT NULL);
CREATE TABLE uploads (
	window INTEGER PRIMARY KEY, key TEXT NOT NULL, file TEXT NOT NULL, size INTEGER NOT NULL, sha256 TEXT NOT NULL,
	attempts INTEGER NOT NULL, last_modified INTEGER);
PRAGMA user_version = 1;`

// Journal is what a miner must not forget, in one SQLite file: a write-ahead log with full synchronisation, so that what was written is there
// after kill -9 and after a power cut. The file is locked while open: two miners on one folder would upload twice.
type Journal struct {
	path string
	db   *sql.DB
	last []byte // the state as it was saved last, without its clock
}

// synchronous is SQLite's mode. Tests in simulated time do without the disk.
var synchronous = "FULL"

// OpenJournal opens or makes the journal of a hotkey in a network.
func OpenJournal(ctx context.Context, path, hotkey string, rules grail.Rules) (*Journal, error) {
	dsn := (&url.URL{Scheme: "file", Path: path, RawQuery: url.Values{"_pragma": {
		"busy_timeout(2000)", "locking_mode(EXCLUSIVE)", "journal_mode(WAL)", "synchronous(" + synchronous + ")",
	}}.Encode()}).String()
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, fmt.Errorf("couldn't open journal %s: %w", path, err)
	}
	db.SetMaxOpenConns(1) // the lock is the connection's
	db.SetConnMaxIdleTime(0)
	j := &Journal{path: path, db: db}
	if err := j.migrate(ctx, hotkey, rules); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return j, nil
}

func (j *Journal) migrate(ctx context.Context, hotkey string, rules grail.Rules) error {
	var version int
	if err := j.db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return fmt.Errorf("couldn't open journal %s (is another miner using it?): %w", j.path, err)
	}
	digest := rules.Digest()
	owner := map[string][]byte{"hotkey": []byte(hotkey), "rules": digest[:]}
	switch version {
	case 0:
		secret := make([]byte, 32)
		if _, err := rand.Read(secret); err != nil {
			return fmt.Errorf("couldn't make journal: %w", err)
		}
		return j.transact(ctx, "make journal", func(tx *sql.Tx) error {
			if _, err := tx.ExecContext(ctx, journalSchema); err != nil {
				return err
			}
			owner["secret"] = secret
			for k, v := range owner {
				if _, err := tx.ExecContext(ctx, "INSERT INTO meta VALUES (?, ?)", k, v); err != nil {
					return err
				}
			}
			return nil
		})
	case 1:
		for k, want := range owner {
			got, err := j.meta(ctx, k)
			if err != nil {
				return err
			}
			if !bytes.Equal(got, want) {
				return fmt.Errorf("couldn't use journal %s: %w: its %s differ; use another data folder", j.path, ErrOtherMiner, k)
			}
		}
		return j.transact(ctx, "lock journal", func(tx *sql.Tx) error { // take the lock now and not with the first write
			_, err := tx.ExecContext(ctx, "PRAGMA user_version = 1")
			return err
		})
	}
	return fmt.Errorf("couldn't open journal %s: it has version %d, this program knows 1", j.path, version)
}

func (j *Journal) meta(ctx context.Context, key string) ([]byte, error) {
	var v []byte
	if err := j.db.QueryRowContext(ctx, "SELECT value FROM meta WHERE key = ?", key).Scan(&v); err != nil {
		return nil, fmt.Errorf("couldn't read %s from journal: %w", key, err)
	}
	return v, nil
}

// Secret returns the 32 random bytes that were made with the journal.
func (j *Journal) Secret(ctx context.Context) ([]byte, error) { return j.meta(ctx, "secret") }

// Load returns the journalled state, or a new one.
func (j *Journal) Load(ctx context.Context) (State, error) {
	var body []byte
	err := j.db.QueryRowContext(ctx, "SELECT body FROM state WHERE id = 1").Scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		return NewState(), nil
	}
	if err != nil {
		return State{}, fmt.Errorf("couldn't read state from journal: %w", err)
	}
	s := NewState()
	if err := json.Unmarshal(body, &s); err != nil {
		return State{}, fmt.Errorf("couldn't read state from journal %s: %w", j.path, err)
	}
	return s, nil
}

// Save writes the state if more than its clock has changed.
func (j *Journal) Save(ctx context.Context, s State) error {
	timeless := s
	timeless.Clock = Clock{}
	body, err := json.Marshal(timeless)
	if err != nil {
		return fmt.Errorf("couldn't journal state: %w", err)
	}
	if bytes.Equal(body, j.last) {
		return nil
	}
	full, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("couldn't journal state: %w", err)
	}
	err = j.transact(ctx, "journal state", func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "INSERT INTO state VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body", full); err != nil {
			return err
		}
		for _, w := range []*Work{s.Finished, s.Work} {
			if err := saveWork(ctx, tx, w); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		j.last = body
	}
	return err
}

func saveWork(ctx context.Context, tx *sql.Tx, w *Work) error {
	if w == nil {
		return nil
	}
	kept := w.kept()
	rollouts := 0
	for _, g := range kept {
		rollouts += g.Rollouts
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO windows VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (window) DO UPDATE SET phase = excluded.phase,
		reason = excluded.reason, checkpoint = excluded.checkpoint, groups = excluded.groups, rollouts = excluded.rollouts, late = excluded.late`,
		w.Window, string(w.Phase), w.Reason, w.Checkpoint, len(kept), rollouts, w.Late)
	if err != nil || w.File == nil || w.Phase != Uploading && w.Phase != Uploaded {
		return err
	}
	var modified *int64
	if !w.LastModified.IsZero() {
		t := w.LastModified.Unix()
		modified = &t
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO uploads VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (window) DO NOTHING",
		w.Window, w.File.Key, w.File.Name, w.File.Size, w.File.SHA256, w.Attempts, modified)
	if err != nil {
		return err
	}
	done, err := tx.ExecContext(ctx, "UPDATE uploads SET attempts = ?, last_modified = ? WHERE window = ? AND sha256 = ?", w.Attempts, modified, w.Window, w.File.SHA256)
	if err != nil {
		return err
	}
	if n, err := done.RowsAffected(); err != nil || n != 1 {
		return errors.Join(fmt.Errorf("window %d: %w", w.Window, ErrUploadedTwice), err)
	}
	return nil
}

// PutGroup journals a group: its record, and the encoded rows of one that is kept. A group that is there stays as it is.
func (j *Journal) PutGroup(ctx context.Context, window int64, g GroupRecord, rows []byte) error {
	record, err := json.Marshal(g)
	if err != nil {
		return fmt.Errorf("couldn't journal group %d: %w", g.Index, err)
	}
	return j.transact(ctx, "journal group", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO groups VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", window, g.Index, record, rows)
		return err
	})
}

// Groups returns the records of a window, ascending by index.
func (j *Journal) Groups(ctx context.Context, window int64) ([]GroupRecord, error) {
	fail := func(err error) ([]GroupRecord, error) {
		return nil, fmt.Errorf("couldn't read groups of window %d from journal: %w", window, err)
	}
	rows, err := j.db.QueryContext(ctx, "SELECT record FROM groups WHERE window = ? ORDER BY idx", window)
	if err != nil {
		return fail(err)
	}
	defer rows.Close()
	var all []GroupRecord
	for rows.Next() {
		var body []byte
		var g GroupRecord
		if err := rows.Scan(&body); err != nil {
			return fail(err)
		}
		if err := json.Unmarshal(body, &g); err != nil {
			return fail(err)
		}
		all = append(all, g)
	}
	if err := rows.Err(); err != nil {
		return fail(err)
	}
	return all, nil
}

// Rows returns the rows of a kept group.
func (j *Journal) Rows(ctx context.Context, window, index int64) ([]grail.Row, error) {
	var body []byte
	if err := j.db.QueryRowContext(ctx, "SELECT rows FROM groups WHERE window = ? AND idx = ?", window, index).Scan(&body); err != nil {
		return nil, fmt.Errorf("couldn't read group %d of window %d from journal: %w", index, window, err)
	}
	return decodeGroup(ctx, body)
}

// Clean forgets groups of windows before one, and what people see of windows long past.
func (j *Journal) Clean(ctx context.Context, before, windowLength int64) error {
	const remembered = 20000
	return j.transact(ctx, "clean journal", func(tx *sql.Tx) error {
		for _, q := range []struct {
			text  string
			bound int64
		}{
			{"DELETE FROM groups WHERE window < ?", before},
			{"DELETE FROM windows WHERE window < ?", before - remembered*windowLength},
			{"DELETE FROM uploads WHERE window < ?", before - remembered*windowLength},
		} {
			if _, err := tx.ExecContext(ctx, q.text, q.bound); err != nil {
				return err
			}
		}
		return nil
	})
}

// Close releases the file.
func (j *Journal) Close() error { return j.db.Close() }

func (j *Journal) transact(ctx context.Context, what string, f func(*sql.Tx) error) error {
	tx, err := j.db.BeginTx(ctx, nil)
	if err == nil {
		if err = f(tx); err == nil {
			err = tx.Commit()
		} else {
			_ = tx.Rollback()
		}
	}
	if err != nil {
		return fmt.Errorf("couldn't %s in %s: %w", what, j.path, err)
	}
	return nil
}

// encodeGroup and decodeGroup keep the rows of a group in the format of the window file, which holds all that a row has.
func encodeGroup(rules grail.Rules, miner string, w Window, rows []grail.Row) ([]byte, error) {
	return encode(rules, miner, w, []draft{{rows: rows}}, time.Unix(0, 0))
}

func decodeGroup(ctx context.Context, body []byte) ([]grail.Row, error) {
	f, err := windowfile.Open(bytes.NewReader(body), int64(len(body)), windowfile.Limits{})
	if err != nil {
		return nil, fmt.Errorf("couldn't read group from journal: %w", err)
	}
	rows, err := f.Rows(ctx, 0, f.NumRows())
	if err != nil {
		return nil, fmt.Errorf("couldn't read group from journal: %w", err)
	}
	return rows, nil
}
