package subtensor

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"slices"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// schema of version 1. changes holds what the newest blocks wrote over, from which their states are made again at the start.
const schema = `
CREATE TABLE chain (id INTEGER PRIMARY KEY CHECK (id = 1), genesis TEXT NOT NULL);
CREATE TABLE blocks (
	number INTEGER PRIMARY KEY, hash BLOB NOT NULL, time_ms INTEGER NOT NULL, header BLOB NOT NULL, extrinsics BLOB NOT NULL,
	changes BLOB);
CREATE INDEX blocks_hash ON blocks (hash);
CREATE TABLE state (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
PRAGMA user_version = 1;`

// database keeps the chain in one SQLite file. Each block is one transaction in a write-ahead log: after kill -9 the file holds every
// block that anybody was told of; after a power cut perhaps a few less, but whole ones. The file is locked while open.
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
		return nil, errors.Join(err, db.Close())
	}
	return d, nil
}

func (d *database) migrate(ctx context.Context) error {
	var version int
	if err := d.db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return fmt.Errorf("couldn't open chain file %s (is another process using it?): %w", d.path, err)
	}
	var tables int
	if err := d.db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_master WHERE name IN ('chain', 'state')").Scan(&tables); err != nil {
		return fmt.Errorf("couldn't open chain file %s: %w", d.path, err)
	}
	switch {
	case version == 0 && tables == 0:
		return d.transact(ctx, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, schema)
			return err
		})
	case version == 1 && tables == 2:
		// take the lock now and not with the first block
		return d.transact(ctx, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, "PRAGMA user_version = 1")
			return err
		})
	default:
		return fmt.Errorf("couldn't open chain file %s: it is none of this node's, or of another version (%d)", d.path, version)
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

// create stores the genesis block of a new chain.
func (d *database) create(ctx context.Context, genesisID string, b *block) error {
	return d.transact(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "INSERT INTO chain VALUES (1, ?)", genesisID); err != nil {
			return err
		}
		return insert(ctx, tx, b, nil)
	})
}

// append stores a block and what it changed, and drops the changes of the block that leaves the window of readable states.
func (d *database) append(ctx context.Context, b *block, window int) error {
	return d.transact(ctx, func(tx *sql.Tx) error {
		if err := insert(ctx, tx, b, encodeChanges(b.changes)); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "UPDATE blocks SET changes = NULL WHERE number = ?", int64(b.number)-int64(window))
		return err
	})
}

func insert(ctx context.Context, tx *sql.Tx, b *block, changes []byte) error {
	body := writer{}
	body.compact(uint64(len(b.extrinsics)))
	for _, x := range b.extrinsics {
		body.bytes(x)
	}
	_, err := tx.ExecContext(ctx, "INSERT INTO blocks VALUES (?, ?, ?, ?, ?, ?)", int64(b.number), b.id[:], int64(b.time), b.encode(), body.b, changes)
	if err != nil {
		return err
	}
	for _, c := range b.changes {
		if err := putState(ctx, tx, c.key, c.new); err != nil {
			return err
		}
	}
	return nil
}

func putState(ctx context.Context, tx *sql.Tx, key string, value []byte) error {
	var err error
	if value == nil {
		_, err = tx.ExecContext(ctx, "DELETE FROM state WHERE key = ?", []byte(key))
	} else {
		_, err = tx.ExecContext(ctx, "INSERT OR REPLACE INTO state VALUES (?, ?)", []byte(key), value)
	}
	return err
}

// retract takes the newest block back.
func (d *database) retract(ctx context.Context, b *block) error {
	return d.transact(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM blocks WHERE number = ?", int64(b.number)); err != nil {
			return err
		}
		for _, c := range b.changes {
			if err := putState(ctx, tx, c.key, c.old); err != nil {
				return err
			}
		}
		return nil
	})
}

// encodeChanges writes keys and old values: what is needed to go back.
func encodeChanges(changes []change) []byte {
	w := writer{}
	w.compact(uint64(len(changes)))
	for _, c := range changes {
		w.bytes([]byte(c.key))
		w.bool(c.old != nil)
		if c.old != nil {
			w.bytes(c.old)
		}
	}
	return w.b
}

// decodeChanges reads them; what is new is looked up in the state after the block.
func decodeChanges(b []byte, after *tree) ([]change, error) {
	r := &reader{b: b}
	out := make([]change, r.count(2))
	for i := range out {
		out[i].key = r.text()
		if r.bool() {
			out[i].old = nonNil(r.bytes())
		}
		if v, ok := after.get(out[i].key); ok {
			out[i].new = nonNil(v)
		}
	}
	return out, r.end()
}

// load returns the genesis and the newest blocks, ascending, with their states, or nothing when the file is new. The state is checked
// against the head's header.
func (d *database) load(ctx context.Context, genesisID string, window int) ([]*block, error) {
	var id string
	err := d.db.QueryRowContext(ctx, "SELECT genesis FROM chain").Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't read chain file %s: %w", d.path, err)
	}
	if id != genesisID {
		return nil, fmt.Errorf("couldn't continue chain in %s: %w: it was started with another name, other rules or other neurons; use another folder or the old settings",
			d.path, ErrOtherChain)
	}
	root, sum, err := d.state(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := d.db.QueryContext(ctx, "SELECT hash, time_ms, header, extrinsics, changes FROM blocks ORDER BY number DESC LIMIT ?", window)
	if err != nil {
		return nil, fmt.Errorf("couldn't read chain file %s: %w", d.path, err)
	}
	defer rows.Close()
	var blocks []*block
	for rows.Next() {
		b, changes, err := scanBlock(rows.Scan)
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrCorrupt, d.path, err)
		}
		b.root = root
		b.digest.sum.Set(&sum.sum)
		if sum.root() != b.stateRoot {
			return nil, fmt.Errorf("%w: %s: the state after block %d is not the one that its header names", ErrCorrupt, d.path, b.number)
		}
		if blocks = append(blocks, b); changes == nil {
			break
		}
		if b.changes, err = decodeChanges(changes, root); err != nil {
			return nil, fmt.Errorf("%w: %s: changes of block %d: %w", ErrCorrupt, d.path, b.number, err)
		}
		sum.undo(b.changes)
		for _, c := range b.changes {
			if c.old == nil {
				root = root.del(c.key)
			} else {
				root = root.put(c.key, c.old)
			}
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("couldn't read chain file %s: %w", d.path, err)
	}
	if err := rows.Close(); err != nil { // the only connection: the next query needs it
		return nil, fmt.Errorf("couldn't read chain file %s: %w", d.path, err)
	}
	if len(blocks) == 0 {
		return nil, fmt.Errorf("%w: %s has no block", ErrCorrupt, d.path)
	}
	slices.Reverse(blocks)
	if blocks[0].number > 0 {
		first, err := d.byNumber(ctx, 0)
		if err != nil {
			return nil, err
		}
		if first == nil {
			return nil, fmt.Errorf("%w: %s has no block 0", ErrCorrupt, d.path)
		}
		blocks = append([]*block{first}, blocks...)
	}
	return blocks, nil
}

// state reads the newest state and its digest.
func (d *database) state(ctx context.Context) (*tree, *digest, error) {
	rows, err := d.db.QueryContext(ctx, "SELECT key, value FROM state")
	if err != nil {
		return nil, nil, fmt.Errorf("couldn't read state in %s: %w", d.path, err)
	}
	defer rows.Close()
	var root *tree
	var all []change
	for rows.Next() {
		var key, value []byte
		if err := rows.Scan(&key, &value); err != nil {
			return nil, nil, fmt.Errorf("couldn't read state in %s: %w", d.path, err)
		}
		root = root.put(string(key), value)
		all = append(all, change{key: string(key), new: nonNil(value)})
	}
	sum := &digest{}
	sum.apply(all)
	return root, sum, rows.Err()
}

func scanBlock(scan func(...any) error) (*block, []byte, error) {
	var id, head, body, changes []byte
	var at int64
	if err := scan(&id, &at, &head, &body, &changes); err != nil {
		return nil, nil, err
	}
	h, err := decodeHeader(head)
	if err != nil {
		return nil, nil, err
	}
	b := &block{header: h, id: h.hash(), time: uint64(at)}
	if string(id) != string(b.id[:]) {
		return nil, nil, fmt.Errorf("block %d has hash %s, stored is %s", h.number, b.id, hexText(id))
	}
	r := &reader{b: body}
	for range r.count(1) {
		b.extrinsics = append(b.extrinsics, r.bytes())
	}
	if err := r.end(); err != nil {
		return nil, nil, fmt.Errorf("block %d: %w", b.number, err)
	}
	return b, changes, b.checkBody()
}

// checkBody holds the body against the header: its root, and the time that its first extrinsic sets.
func (b *block) checkBody() error {
	if b.number == 0 {
		return nil
	}
	if len(b.extrinsics) == 0 {
		return fmt.Errorf("block %d has no timestamp", b.number)
	}
	root, err := extrinsicsRoot(b.extrinsics)
	if err != nil || root != b.extrinsicsRoot {
		return fmt.Errorf("block %d does not hold the transactions that its header names (%w)", b.number, err)
	}
	r := &reader{b: b.extrinsics[0]}
	r.compact()
	r.take(3)
	if now := r.compact(); r.end() != nil || now != b.time {
		return fmt.Errorf("block %d has time %d, its timestamp says %d", b.number, b.time, now)
	}
	return nil
}

const blockColumns = "SELECT hash, time_ms, header, extrinsics, NULL FROM blocks WHERE "

// byNumber and byHash return a block without its state, or nil.
func (d *database) byNumber(ctx context.Context, number uint64) (*block, error) {
	return d.one(d.db.QueryRowContext(ctx, blockColumns+"number = ?", int64(min(number, 1<<62))))
}

func (d *database) byHash(ctx context.Context, id hash) (*block, error) {
	return d.one(d.db.QueryRowContext(ctx, blockColumns+"hash = ?", id[:]))
}

func (d *database) one(row *sql.Row) (*block, error) {
	b, _, err := scanBlock(row.Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't read block from %s: %w", d.path, err)
	}
	return b, nil
}

func (d *database) close() error {
	if err := d.db.Close(); err != nil {
		return fmt.Errorf("couldn't close chain file %s: %w", d.path, err)
	}
	return nil
}
