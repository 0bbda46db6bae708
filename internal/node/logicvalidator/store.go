package logicvalidator

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

var (
	// ErrForeign says that the state's file is not one of this validator: another program's, another hotkey's or another network's.
	ErrForeign = errors.New("state belongs to something else")
	// ErrVersion says that a newer program wrote the state.
	ErrVersion = errors.New("state is of a newer version")
	// ErrState says that the state cannot be read back.
	ErrState = errors.New("state is damaged")
)

// fileName is the state's file in the data folder.
const fileName = "validator.db"

const (
	applicationID = 0x4c4e5631 // "LNV1"
	schemaVersion = 1
	// maxAsked is how many questions are remembered as asked.
	maxAsked = 200_000
)

// schema of version 1. results are those of the open round, in the order in which they came; asked are keyed hashes of questions.
const schema = `
CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE miners (uid INTEGER PRIMARY KEY, hotkey TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE results (seq INTEGER PRIMARY KEY, uid INTEGER NOT NULL, hotkey BLOB NOT NULL, scaled REAL NOT NULL);
CREATE TABLE asked (seq INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE);
PRAGMA application_id = 0x4c4e5631;
PRAGMA user_version = 1;`

// store is the validator's state on disk. Each change is one transaction that is on the disk when it returns: after kill -9 the file holds all that
// was done, or not the last step at all.
type store struct {
	db   *sql.DB
	path string
	seed [32]byte
	// start counts how often the file was opened: with the seed it makes a secret that is new each time.
	start uint64
}

// openStore opens or makes the state. owner names hotkey and network. Errors wrap ErrForeign, ErrVersion or ErrState where the file is to blame.
func openStore(ctx context.Context, dir, owner string) (*store, error) {
	path, err := filepath.Abs(filepath.Join(dir, fileName)) // in a URI the first part of a relative one would be a host
	if err != nil {
		return nil, fmt.Errorf("couldn't open state: %w", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) // it holds the secret of the questions
	if err != nil {
		return nil, fmt.Errorf("couldn't open state: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("couldn't open state: %w", err)
	}
	place := filepath.ToSlash(path)
	if !strings.HasPrefix(place, "/") { // a drive
		place = "/" + place
	}
	dsn := (&url.URL{Scheme: "file", Path: place, RawQuery: url.Values{"_pragma": {
		"busy_timeout(2000)", "locking_mode(EXCLUSIVE)", "journal_mode(WAL)", "synchronous(FULL)",
	}}.Encode()}).String()
	if err := recognise(path); err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, fmt.Errorf("couldn't open state %s: %w", path, err)
	}
	db.SetMaxOpenConns(1) // the lock is the connection's
	s := &store{db: db, path: path}
	if err := s.migrate(ctx, owner); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// recognise refuses files of others before SQLite touches them: turning on the log alone would change their first page.
func recognise(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("couldn't open state: %w", err)
	}
	defer f.Close()
	var head [100]byte
	n, err := io.ReadFull(f, head[:])
	switch {
	case n == 0 && errors.Is(err, io.EOF):
		return nil
	case err != nil, string(head[:16]) != "SQLite format 3\x00":
		return fmt.Errorf("couldn't open state %s: %w: it is no SQLite file", path, ErrForeign)
	}
	if id := binary.BigEndian.Uint32(head[68:]); id != applicationID && id != 0 {
		return fmt.Errorf("couldn't open state %s: %w: it is another program's", path, ErrForeign)
	}
	return nil
}

func (s *store) migrate(ctx context.Context, owner string) error {
	var id, version, tables int64
	for what, to := range map[string]*int64{"PRAGMA application_id": &id, "PRAGMA user_version": &version, "SELECT count(*) FROM sqlite_schema": &tables} {
		if err := s.db.QueryRowContext(ctx, what).Scan(to); err != nil {
			return fmt.Errorf("couldn't open state %s (is another process using it?): %w", s.path, err)
		}
	}
	switch {
	case id == 0 && version == 0 && tables == 0:
		if err := s.create(ctx, owner); err != nil {
			return err
		}
	case id != applicationID || version <= 0:
		return fmt.Errorf("couldn't open state %s: %w: it is another program's", s.path, ErrForeign)
	case version > schemaVersion:
		return fmt.Errorf("couldn't open state %s: %w: it has version %d, this program knows %d", s.path, ErrVersion, version, schemaVersion)
	}
	got, err := s.meta(ctx, "owner")
	if err != nil {
		return err
	}
	if string(got) != owner {
		return fmt.Errorf("couldn't open state %s: %w: it is that of another hotkey or network", s.path, ErrForeign)
	}
	seed, err := s.meta(ctx, "seed")
	if err != nil {
		return err
	}
	starts, err := s.meta(ctx, "starts")
	if err != nil {
		return err
	}
	if len(seed) != len(s.seed) || len(starts) != 8 {
		return fmt.Errorf("couldn't open state %s: %w", s.path, ErrState)
	}
	copy(s.seed[:], seed)
	s.start = binary.BigEndian.Uint64(starts) + 1
	return s.transact(ctx, func(tx *sql.Tx) error { return put(ctx, tx, "starts", binary.BigEndian.AppendUint64(nil, s.start)) })
}

func (s *store) create(ctx context.Context, owner string) error {
	var seed [32]byte
	if _, err := rand.Read(seed[:]); err != nil {
		return fmt.Errorf("couldn't make secret: %w", err)
	}
	return s.transact(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, schema); err != nil {
			return err
		}
		for key, value := range map[string][]byte{"owner": []byte(owner), "seed": seed[:], "starts": make([]byte, 8), "round": make([]byte, 8), "began": make([]byte, 8)} {
			if err := put(ctx, tx, key, value); err != nil {
				return err
			}
		}
		return nil
	})
}

func put(ctx context.Context, tx *sql.Tx, key string, value []byte) error {
	_, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO meta VALUES (?, ?)", key, value)
	return err
}

func (s *store) meta(ctx context.Context, key string) ([]byte, error) {
	var value []byte
	if err := s.db.QueryRowContext(ctx, "SELECT value FROM meta WHERE key = ?", key).Scan(&value); err != nil {
		return nil, fmt.Errorf("couldn't read %s of state %s: %w: %w", key, s.path, ErrState, err)
	}
	return value, nil
}

func (s *store) transact(ctx context.Context, f func(*sql.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	tx, err := s.db.BeginTx(ctx, nil)
	if err == nil {
		if err = f(tx); err == nil {
			err = tx.Commit()
		} else {
			_ = tx.Rollback()
		}
	}
	if err != nil {
		return fmt.Errorf("couldn't write state %s: %w", s.path, err)
	}
	return nil
}

func (s *store) close() error {
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("couldn't close state %s: %w", s.path, err)
	}
	return nil
}

// secret derives a secret of this start of the validator.
func (s *store) secret(purpose string, n uint64) [32]byte {
	h := hmac.New(sha256.New, s.seed[:])
	h.Write(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64([]byte(purpose+"\x00"), s.start), n))
	return [32]byte(h.Sum(nil))
}
