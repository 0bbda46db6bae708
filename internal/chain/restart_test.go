package chain

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestContinues stops and continues a chain: numbers, hashes, state and nonces go on, the gap shows in the times only.
func TestContinues(t *testing.T) {
	path := filepath.Join(t.TempDir(), "chain ü?.db")
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	cfg := LocalConfig{Path: path, Genesis: genesis(2), Now: func() time.Time { return now }}
	var refs []BlockRef
	run := func(blocks int, gap time.Duration) {
		now = now.Add(gap)
		l, err := OpenLocal(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		for n, want := range refs {
			if got, err := l.Block(t.Context(), uint64(n)); err != nil || got != want {
				t.Fatalf("block %d is %+v, was %+v, %v", n, got, want, err)
			}
		}
		if len(refs) == 0 {
			refs = append(refs, head(t, l))
		}
		for range blocks {
			now = now.Add(time.Second)
			done := make(chan error, 1)
			go func() { done <- commit(l, key(2), fmt.Sprint(len(refs)))(t.Context()) }()
			for { // until the transaction waits
				if n, _ := l.NextNonce(t.Context(), key(2).Hotkey()); n == uint64(len(refs)) {
					break
				}
			}
			b, err := l.Produce(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			refs = append(refs, b)
		}
		c, err := l.Commitments(t.Context())
		if err != nil || string(c[key(2).Hotkey()]) != fmt.Sprint(len(refs)-1) {
			t.Errorf("%q %v", c, err)
		}
	}
	run(3, 0)
	run(4, 30*24*time.Hour)
	run(3, -365*24*time.Hour) // the clock was set back
	run(0, 0)
	for i := 1; i < len(refs); i++ {
		if !refs[i].Time.After(refs[i-1].Time) {
			t.Errorf("block %d at %s comes before its parent at %s", i, refs[i].Time, refs[i-1].Time)
		}
	}
	if gap := refs[4].Time.Sub(refs[3].Time); gap != 30*24*time.Hour+time.Second {
		t.Errorf("the gap is %s", gap)
	}
	t.Run("another start is refused", func(t *testing.T) {
		other := cfg
		other.Genesis.Name = "other"
		_, err := OpenLocal(t.Context(), other)
		wantIs(t, err, ErrOtherChain)
		other = cfg
		other.Genesis = genesis(3)
		_, err = OpenLocal(t.Context(), other)
		wantIs(t, err, ErrOtherChain)
	})
	t.Run("one process at a time", func(t *testing.T) {
		l := open(t, cfg)
		if second, err := OpenLocal(t.Context(), cfg); err == nil {
			second.Close()
			t.Error("the file was opened twice")
		}
		head(t, l)
	})
	t.Run("tampering is found", func(t *testing.T) {
		for _, change := range []string{
			"UPDATE state SET body = substr(body, 1, length(body) - 1) || x'ff'",
			"UPDATE blocks SET time_ms = time_ms + 1 WHERE number = 0",
			"UPDATE blocks SET state_root = parent WHERE number = (SELECT max(number) FROM blocks)",
			"DELETE FROM state",
		} {
			copyPath := filepath.Join(t.TempDir(), "chain.db")
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(copyPath, b, 0o600); err != nil {
				t.Fatal(err)
			}
			db, err := sql.Open("sqlite", copyPath)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := db.Exec(change); err != nil {
				t.Fatal(err)
			}
			db.Close()
			bad := cfg
			bad.Path = copyPath
			_, err = OpenLocal(t.Context(), bad)
			wantIs(t, err, ErrCorrupt)
		}
	})
}

// TestKill kills a process that runs a chain, with SIGKILL and at no particular moment, several times over, and checks that every block
// that the process had announced is there with its hash, and that the chain goes on.
func TestKill(t *testing.T) {
	if os.Getenv("NANTEOS_CHAIN_CHILD") != "" {
		child(os.Getenv("NANTEOS_CHAIN_CHILD"))
		return
	}
	if testing.Short() {
		t.Skip("starts processes")
	}
	path := filepath.Join(t.TempDir(), "chain.db")
	announced := map[uint64]BlockRef{}
	for run := range 4 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKill$")
		cmd.Env = append(os.Environ(), "NANTEOS_CHAIN_CHILD="+path)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; n < 20+7*run && lines.Scan(); n++ {
			var b BlockRef
			if err := json.Unmarshal(lines.Bytes(), &b); err != nil {
				t.Fatalf("%q: %v", lines.Text(), err)
			}
			if old, ok := announced[b.Number]; ok && old != b {
				t.Fatalf("block %d is %+v, was %+v", b.Number, b, old)
			}
			announced[b.Number] = b
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
	}
	l := open(t, LocalConfig{Path: path, Genesis: genesis(3)})
	for n, want := range announced {
		if got, err := l.Block(t.Context(), n); err != nil || got != want {
			t.Errorf("block %d is %+v, was %+v, %v", n, got, want, err)
		}
	}
	newest := head(t, l)
	if len(announced) < 80 || newest.Number < uint64(len(announced))-1 {
		t.Errorf("%d blocks announced, head is %d", len(announced), newest.Number)
	}
	// and the links hold
	for n := uint64(1); n <= newest.Number; n++ {
		h, err := l.store.block(t.Context(), n)
		if err != nil {
			t.Fatal(err)
		}
		parent, err := l.Block(t.Context(), n-1)
		if err != nil || hashText(h.parent) != parent.Hash || parent.Time.UnixMilli() >= h.timeMs {
			t.Fatalf("block %d does not follow block %d", n, n-1)
		}
	}
}

// child runs a chain and prints its blocks until it is killed.
func child(path string) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	l, err := OpenLocal(ctx, LocalConfig{Path: path, Genesis: genesis(3), BlockTime: 2 * time.Millisecond})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	go func() {
		for n := 0; ctx.Err() == nil; n++ {
			_, _ = l.Commit(ctx, key(2), []byte(strings.Repeat("k", n%MaxCommitment))) // often rate limited
		}
	}()
	for n := head0(ctx, l); ; n++ {
		b, err := l.WaitBlock(ctx, n)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		line, _ := json.Marshal(b)
		os.Stdout.Write(append(line, '\n'))
	}
}

func head0(ctx context.Context, l *Local) uint64 {
	h, err := l.Head(ctx)
	if err != nil {
		return 0
	}
	return h.Number
}
