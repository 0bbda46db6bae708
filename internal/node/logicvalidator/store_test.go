package logicvalidator

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/nanteos/nanteos/logicnet"
)

func open(t testing.TB, dir, owner string) *store {
	t.Helper()
	s, err := openStore(t.Context(), dir, owner)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStoreKeeps(t *testing.T) {
	dir, ctx := t.TempDir(), t.Context()
	s := open(t, dir, "me")
	first := s.secret("x", 1)
	key := logicnet.Hotkey{1, 2, 3}
	all := []logicnet.Miner{{UID: 0, Hotkey: key, Category: "Logic", EpochVolume: 512, RewardScale: 1, Scores: []float64{0.5, 1.0 / 3}}, {UID: 1, Hotkey: logicnet.Hotkey{9}}}
	began := time.Unix(0, 1_800_000_000_123_456_789)
	err := errors.Join(
		s.saveMiners(ctx, all), s.beginRound(ctx, 7, began),
		s.addResults(ctx, []result{{0, key, 0.25}, {1, logicnet.Hotkey{9}, math.NaN()}}), s.addResults(ctx, []result{{0, key, 1}}),
		s.close(),
	)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" {
		for _, name := range []string{fileName, fileName + "-wal"} {
			if st, err := os.Stat(filepath.Join(dir, name)); err == nil && st.Mode().Perm() != 0o600 {
				t.Errorf("others can read %s: %v", name, st.Mode())
			}
		}
	}
	s = open(t, dir, "me")
	defer s.close()
	if s.secret("x", 1) == first || s.secret("x", 1) == s.secret("x", 2) || s.secret("x", 1) == s.secret("y", 1) {
		t.Error("a secret comes twice")
	}
	got, err := s.miners(ctx)
	if err != nil || len(got) != 2 || got[0].Hotkey != key || got[0].Scores[1] != 1.0/3 {
		t.Errorf("miners %+v, %v", got, err)
	}
	r, err := s.round(ctx)
	if err != nil || r.number != 7 || !r.began.Equal(began) || len(r.results) != 3 || r.results[0] != (result{0, key, 0.25}) || r.results[1].scaled != 0 {
		t.Errorf("round %+v, %v", r, err)
	}
	if err := s.closeRound(ctx, 8, all[:1]); err != nil {
		t.Fatal(err)
	}
	r, err = s.round(ctx)
	if err != nil || r.number != 8 || !r.began.IsZero() || len(r.results) != 0 {
		t.Errorf("after the round %+v, %v", r, err)
	}
}

func TestStoreRemembersQuestions(t *testing.T) {
	dir, ctx := t.TempDir(), t.Context()
	s := open(t, dir, "me")
	for i, want := range []bool{true, false} {
		if got, err := s.fresh(ctx, "a question nobody may read"); err != nil || got != want {
			t.Errorf("%d: %v, %v", i, got, err)
		}
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, "me")
	defer s.close()
	if got, err := s.fresh(ctx, "a question nobody may read"); err != nil || got {
		t.Errorf("forgotten after a restart: %v", err)
	}
	var kept []byte
	if err := s.db.QueryRow("SELECT hash FROM asked").Scan(&kept); err != nil || len(kept) != 16 {
		t.Errorf("kept %q, %v", kept, err)
	}
}

func TestStoreRefuses(t *testing.T) {
	ctx := t.Context()
	other := func(t *testing.T, dir, statement string) {
		db, err := sql.Open("sqlite", filepath.Join(dir, fileName))
		if err == nil {
			_, err = db.Exec(statement)
		}
		if err := errors.Join(err, db.Close()); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		make  func(t *testing.T, dir string)
		owner string
		want  error
	}{
		"text":            {func(t *testing.T, dir string) { write(t, dir, "pickle") }, "me", ErrForeign},
		"short":           {func(t *testing.T, dir string) { write(t, dir, "SQLite format 3\x00") }, "me", ErrForeign},
		"another program": {func(t *testing.T, dir string) { other(t, dir, "CREATE TABLE a (b); PRAGMA application_id = 5") }, "me", ErrForeign},
		"no program":      {func(t *testing.T, dir string) { other(t, dir, "CREATE TABLE a (b)") }, "me", ErrForeign},
		"a newer version": {func(t *testing.T, dir string) { ours(t, dir); other(t, dir, "PRAGMA user_version = 2") }, "me", ErrVersion},
		"another hotkey":  {ours, "you", ErrForeign},
		"no seed":         {func(t *testing.T, dir string) { ours(t, dir); other(t, dir, "DELETE FROM meta WHERE key = 'seed'") }, "me", ErrState},
		"a short seed": {func(t *testing.T, dir string) {
			ours(t, dir)
			other(t, dir, "UPDATE meta SET value = x'00' WHERE key = 'seed'")
		}, "me", ErrState},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			c.make(t, dir)
			before, err := os.ReadFile(filepath.Join(dir, fileName))
			if err != nil {
				t.Fatal(err)
			}
			s, err := openStore(ctx, dir, c.owner)
			if s != nil {
				s.close()
			}
			if !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
			after, err := os.ReadFile(filepath.Join(dir, fileName))
			if c.want == ErrForeign && name != "no program" && name != "another hotkey" && (err != nil || string(before) != string(after)) {
				t.Error("the file was changed")
			}
		})
	}
}

func write(t *testing.T, dir, text string) {
	if err := os.WriteFile(filepath.Join(dir, fileName), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func ours(t *testing.T, dir string) {
	if err := open(t, dir, "me").close(); err != nil {
		t.Fatal(err)
	}
}

// TestStorePlaces opens a store in folders of all kinds of names.
func TestStorePlaces(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, dir := range []string{".", "val", "a b/c?d=1#e%20", "ümlaut"} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Skip(err)
		}
		ours(t, dir)
		if st, err := os.Stat(filepath.Join(dir, fileName)); err != nil || st.Size() == 0 {
			t.Errorf("%s: %v", dir, err)
		}
	}
}

// TestStoreDamaged reads back what somebody changed by hand.
func TestStoreDamaged(t *testing.T) {
	for name, statement := range map[string]string{
		"miner":  "INSERT INTO miners VALUES (0, 'x', '{')",
		"result": "INSERT INTO results VALUES (1, 0, x'00', 1)",
		"round":  "UPDATE meta SET value = x'00' WHERE key = 'round'",
	} {
		s := open(t, t.TempDir(), "me")
		if _, err := s.db.Exec(statement); err != nil {
			t.Fatal(err)
		}
		_, one := s.miners(t.Context())
		_, two := s.round(t.Context())
		if err := errors.Join(one, two); !errors.Is(err, ErrState) {
			t.Errorf("%s: %v", name, err)
		}
		s.close()
	}
}

// TestMain is also the process that TestKill kills: it opens and closes rounds for ever and says of each what is on the disk.
func TestMain(m *testing.M) {
	dir := os.Getenv("NANTEOS_TEST_STORE")
	if dir == "" {
		os.Exit(m.Run())
	}
	ctx := context.Background()
	s, err := openStore(ctx, dir, "me")
	if err != nil {
		fmt.Println("couldn't open:", err)
		os.Exit(1)
	}
	r, err := s.round(ctx)
	for n := r.number; err == nil; n++ {
		key := logicnet.Hotkey{byte(n)}
		err = errors.Join(s.beginRound(ctx, n, time.Now()), s.addResults(ctx, []result{{0, key, float64(n)}}),
			s.closeRound(ctx, n+1, []logicnet.Miner{{Hotkey: key, Scores: []float64{float64(n)}}}))
		fmt.Println("closed", n)
	}
	os.Exit(1)
}

// TestKill kills a validator's process at any point: the file holds what it said it holds, or one step more, and never half of one.
func TestKill(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Skip(err)
	}
	dir, last := t.TempDir(), int64(-1)
	for round := range 4 {
		cmd := exec.Command(self, "-test.run=^$")
		cmd.Env = append(os.Environ(), "NANTEOS_TEST_STORE="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for i := 0; lines.Scan(); i++ {
			if _, err := fmt.Sscanf(lines.Text(), "closed %d", &last); err != nil {
				t.Errorf("it says %q", lines.Text())
			}
			if i == 3+5*round {
				_ = cmd.Process.Kill()
			}
		}
		_ = cmd.Wait()
		s := open(t, dir, "me")
		r, err := s.round(t.Context())
		all, err2 := s.miners(t.Context())
		if err := errors.Join(err, err2); err != nil || len(all) != 1 {
			t.Fatalf("%v, %d miners", err, len(all))
		}
		closed := int64(all[0].Scores[0])
		if closed < last || closed > last+2 || !r.began.IsZero() && r.number != closed+1 || r.began.IsZero() && (r.number != closed+1 || len(r.results) != 0) || len(r.results) > 1 {
			t.Errorf("it said that round %d is closed; the file has %d and %+v", last, closed, r)
		}
		if err := s.close(); err != nil {
			t.Fatal(err)
		}
	}
}
