package logicvalidator

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/nanteos/nanteos/logicnet"
)

// result is what one answer earned in the open round.
type result struct {
	uid    int
	hotkey logicnet.Hotkey
	scaled float64
}

// openRound is a round that is under way.
type openRound struct {
	number  int64
	began   time.Time // zero when none is open
	results []result
}

// miners returns the stored table.
func (s *store) miners(ctx context.Context) ([]logicnet.Miner, error) {
	rows, err := s.db.QueryContext(ctx, "SELECT body FROM miners ORDER BY uid")
	if err != nil {
		return nil, fmt.Errorf("couldn't read state %s: %w", s.path, err)
	}
	defer rows.Close()
	var all []logicnet.Miner
	for rows.Next() {
		var body string
		var m logicnet.Miner
		if err := rows.Scan(&body); err != nil {
			return nil, fmt.Errorf("couldn't read state %s: %w", s.path, err)
		}
		if err := json.Unmarshal([]byte(body), &m); err != nil {
			return nil, fmt.Errorf("couldn't read state %s: %w: %w", s.path, ErrState, err)
		}
		all = append(all, m)
	}
	return all, rows.Err()
}

func writeMiners(ctx context.Context, tx *sql.Tx, all []logicnet.Miner) error {
	if _, err := tx.ExecContext(ctx, "DELETE FROM miners"); err != nil {
		return err
	}
	for _, m := range all {
		body, err := json.Marshal(m)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO miners VALUES (?, ?, ?)", m.UID, m.Hotkey.String(), string(body)); err != nil {
			return err
		}
	}
	return nil
}

// saveMiners replaces the table.
func (s *store) saveMiners(ctx context.Context, all []logicnet.Miner) error {
	return s.transact(ctx, func(tx *sql.Tx) error { return writeMiners(ctx, tx, all) })
}

// round returns the round that is open, or the number of the next one with a zero time.
func (s *store) round(ctx context.Context) (openRound, error) {
	var r openRound
	for key, to := range map[string]*int64{"round": &r.number, "began": nil} {
		b, err := s.meta(ctx, key)
		if err != nil {
			return r, err
		}
		if len(b) != 8 {
			return r, fmt.Errorf("couldn't read %s of state %s: %w", key, s.path, ErrState)
		}
		n := int64(binary.BigEndian.Uint64(b))
		if to != nil {
			*to = n
		} else if n != 0 {
			r.began = time.Unix(0, n)
		}
	}
	rows, err := s.db.QueryContext(ctx, "SELECT uid, hotkey, scaled FROM results ORDER BY seq")
	if err != nil {
		return r, fmt.Errorf("couldn't read state %s: %w", s.path, err)
	}
	defer rows.Close()
	for rows.Next() {
		var x result
		var key []byte
		if err := rows.Scan(&x.uid, &key, &x.scaled); err != nil || len(key) != len(x.hotkey) {
			return r, errors.Join(fmt.Errorf("couldn't read results of state %s: %w", s.path, ErrState), err)
		}
		copy(x.hotkey[:], key)
		r.results = append(r.results, x)
	}
	return r, rows.Err()
}

// beginRound opens a round.
func (s *store) beginRound(ctx context.Context, number int64, began time.Time) error {
	return s.transact(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM results"); err != nil {
			return err
		}
		return errors.Join(put(ctx, tx, "round", int64Bytes(number)), put(ctx, tx, "began", int64Bytes(began.UnixNano())))
	})
}

// addResults adds what a batch earned to the open round.
func (s *store) addResults(ctx context.Context, batch []result) error {
	return s.transact(ctx, func(tx *sql.Tx) error {
		for _, x := range batch {
			if math.IsNaN(x.scaled) {
				x.scaled = 0 // as a mean it would be; and SQLite has no NaN
			}
			if _, err := tx.ExecContext(ctx, "INSERT INTO results (uid, hotkey, scaled) VALUES (?, ?, ?)", x.uid, x.hotkey[:], x.scaled); err != nil {
				return err
			}
		}
		return nil
	})
}

// closeRound writes the table with the round's values and closes the round, in one step: a value is recorded once.
func (s *store) closeRound(ctx context.Context, next int64, all []logicnet.Miner) error {
	return s.transact(ctx, func(tx *sql.Tx) error {
		if err := writeMiners(ctx, tx, all); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM results"); err != nil {
			return err
		}
		return errors.Join(put(ctx, tx, "round", int64Bytes(next)), put(ctx, tx, "began", make([]byte, 8)))
	})
}

func int64Bytes(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }

// fresh remembers a question and says whether it was never asked before. Only a keyed hash is kept.
func (s *store) fresh(ctx context.Context, question string) (bool, error) {
	h := hmac.New(sha256.New, s.seed[:])
	h.Write([]byte("asked\x00" + question))
	is := false
	err := s.transact(ctx, func(tx *sql.Tx) error {
		r, err := tx.ExecContext(ctx, "INSERT OR IGNORE INTO asked (hash) VALUES (?)", h.Sum(nil)[:16])
		if err != nil {
			return err
		}
		n, err := r.RowsAffected()
		if err != nil || n == 0 {
			return err
		}
		is = true
		_, err = tx.ExecContext(ctx, "DELETE FROM asked WHERE seq <= (SELECT max(seq) FROM asked) - ?", maxAsked)
		return err
	})
	return is, err
}
