package chain

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// schema of version 1. extrinsics is for people and later tools; the chain itself reads blocks and state only.
const schema = `
CREATE TABLE blocks (
	number INTEGER PRIMARY KEY, hash TEXT NOT NULL, parent TEXT NOT NULL, time_ms INTEGER NOT NULL,
	state_root TEXT NOT NULL, extrinsics_root TEXT NOT NULL);
CREATE TABLE extrinsics (
	block INTEGER NOT NULL, position INTEGER NOT NULL, hash TEXT NOT NULL, body BLOB NOT NULL, error TEXT,
	PRIMARY KEY (block, position)) WITHOUT ROWID;
CREATE TABLE state (id INTEGER PRIMARY KEY CHECK (id = 1), body BLOB NOT NULL);
PRAGMA user_version = 1;`

// database is a store in one SQLite file. Each block is one transaction in a write-ahead log: after kill -9 the file holds every block
// that anybody was told of; after a power cut perhaps a few less, but whole ones. The file is locked while open.
type database struct {
	path string
	db   *sql.DB
}

func openDatabase(ctx context.Context, path string) (*database, error) {
	dsn := (&url.URL{Scheme: "file", Path: path, RawQuery: url.Values{"_pragma": {
		"busy_timeout(2000)", "locking_mode(EXCLUSIVE)", "journal_mode(WAL)", "synchronous(NORMAL)",
	}}.Encode()}).String()
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, fmt.Errorf("couldn't open chain file %s: %w", path, err)
	}
	db.SetMaxOpenConns(1) // the lock is the connection's
	db.SetConnMaxIdleTime(0)
	d := &database{path: path, db: db}
	if err := d.migrate(ctx); err != nil {
		db.Close()
		return nil, err
	}
	return d, nil
}

func (d *database) migrate(ctx context.Context) error {
	var version int
	if err := d.db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return fmt.Errorf("couldn't open chain file %s (is another process using it?): %w", d.path, err)
	}
	switch version {
	case 0:
		return d.transact(ctx, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, schema)
			return err
		})
	case 1:
		// take the lock now and not with the first block
		return d.transact(ctx, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, "PRAGMA user_version = 1")
			return err
		})
	default:
		return fmt.Errorf("couldn't open chain file %s: it has version %d, this program knows 1", d.path, version)
	}
}

func (d *database) transact(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := d.db.BeginTx(ctx, nil)
	if err == nil {
		if err = f(tx); err == nil {
			err = tx.Commit()
		} else {
			_ = tx.Rollback()
		}
	}
	if err != nil {
		return fmt.Errorf("couldn't write chain file %s: %w", d.path, err)
	}
	return nil
}

func (d *database) load(ctx context.Context) (loaded, bool, error) {
	var l loaded
	var newest sql.NullInt64
	if err := d.db.QueryRowContext(ctx, "SELECT max(number) FROM blocks").Scan(&newest); err != nil {
		return l, false, fmt.Errorf("couldn't read chain file %s: %w", d.path, err)
	}
	if !newest.Valid {
		return l, false, nil
	}
	var err error
	if l.genesis, err = d.block(ctx, 0); err != nil {
		return l, false, errors.Join(ErrCorrupt, err)
	}
	if l.head, err = d.block(ctx, uint64(newest.Int64)); err != nil {
		return l, false, errors.Join(ErrCorrupt, err)
	}
	if err := d.db.QueryRowContext(ctx, "SELECT body FROM state").Scan(&l.state); err != nil {
		return l, false, fmt.Errorf("%w: couldn't read state in %s: %w", ErrCorrupt, d.path, err)
	}
	return l, true, nil
}

func (d *database) append(ctx context.Context, h header, state []byte, xs []included) error {
	return d.transact(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO blocks VALUES (?, ?, ?, ?, ?, ?)", int64(h.number), hashText(h.hash()),
			hashText(h.parent), h.timeMs, hashText(h.stateRoot), hashText(h.extrinsicsRoot))
		if err != nil {
			return err
		}
		for i, x := range xs {
			var failure sql.NullString
			if x.err != nil {
				failure = sql.NullString{String: x.err.Error(), Valid: true}
			}
			_, err := tx.ExecContext(ctx, "INSERT INTO extrinsics VALUES (?, ?, ?, ?, ?)", int64(h.number), i, x.extrinsic.Hash(),
				x.extrinsic.Encode(), failure)
			if err != nil {
				return err
			}
		}
		if state == nil {
			return nil
		}
		_, err = tx.ExecContext(ctx, "INSERT OR REPLACE INTO state VALUES (1, ?)", state)
		return err
	})
}

// block reads a header and checks that its hash is the stored one.
func (d *database) block(ctx context.Context, n uint64) (header, error) {
	if n > 1<<62 {
		return header{}, ErrNoBlock
	}
	h := header{number: n}
	var hash, parent, state, extrinsics string
	err := d.db.QueryRowContext(ctx, "SELECT hash, parent, time_ms, state_root, extrinsics_root FROM blocks WHERE number = ?", int64(n)).
		Scan(&hash, &parent, &h.timeMs, &state, &extrinsics)
	if errors.Is(err, sql.ErrNoRows) {
		return header{}, ErrNoBlock
	}
	if err != nil {
		return header{}, fmt.Errorf("couldn't read block %d from %s: %w", n, d.path, err)
	}
	for _, f := range []struct {
		dst  *[32]byte
		text string
	}{{&h.parent, parent}, {&h.stateRoot, state}, {&h.extrinsicsRoot, extrinsics}} {
		if *f.dst, err = parseHash(f.text); err != nil {
			return header{}, fmt.Errorf("%w: block %d in %s: %w", ErrCorrupt, n, d.path, err)
		}
	}
	if got := hashText(h.hash()); got != hash {
		return header{}, fmt.Errorf("%w: block %d in %s has hash %s, stored is %s", ErrCorrupt, n, d.path, got, hash)
	}
	return h, nil
}

func (d *database) close() error {
	if err := d.db.Close(); err != nil {
		return fmt.Errorf("couldn't close chain file %s: %w", d.path, err)
	}
	return nil
}
