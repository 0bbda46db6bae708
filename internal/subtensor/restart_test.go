package subtensor

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestContinues stops and continues a chain: numbers, hashes, states and nonces go on, the gap shows in the times only.
func TestContinues(t *testing.T) {
	path := filepath.Join(t.TempDir(), "chain ü?.db")
	c := &clock{now: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)}
	cfg := testConfig()
	cfg.Path, cfg.Now, cfg.StateBlocks = path, c.read, 6
	var blocks []Block
	run := func(more int, gap time.Duration, upgrade bool) {
		t.Helper()
		c.now = c.now.Add(gap)
		n, err := Open(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer n.Close()
		if len(blocks) == 0 {
			blocks = append(blocks, n.Head())
		}
		for i, want := range blocks {
			if got := must[*string](t, n, "chain_getBlockHash", i); got == nil || *got != want.Hash {
				t.Fatalf("block %d is %v, was %s", i, got, want.Hash)
			}
			if must[any](t, n, "chain_getBlock", want.Hash) == nil {
				t.Fatalf("block %d has no body", i)
			}
			_, e := ask(t, n, "state_getStorage", hexText([]byte(sysNumber)), want.Hash)
			if readable := i+6 > int(n.Head().Number); readable != (e == nil) {
				t.Errorf("state of block %d at head %d: %v", i, n.Head().Number, e)
			}
		}
		if n.Head() != blocks[len(blocks)-1] {
			t.Fatalf("head is %+v", n.Head())
		}
		if upgrade {
			n.Upgrade()
		}
		for range more {
			c.now = c.now.Add(time.Second)
			spec := stateOf(n).rt
			call := append(spec.call("Commitments", "set_commitment"), commitmentCall(1, fmt.Sprint(len(blocks)))[2:]...)
			must[string](t, n, "author_submitExtrinsic", hexText(tx(t, n, 2, call, func(p *txParts) { p.spec = spec.spec })))
			blocks = append(blocks, produce(t, n, 1))
		}
		if v := value(t, n, commitmentOf.note(1, key(2).Public())); !strings.HasSuffix(string(v), fmt.Sprint(len(blocks)-1)) {
			t.Errorf("commitment %q", v)
		}
		if got := must[int](t, n, "account_nextIndex", address(2)); got != len(blocks)-1 {
			t.Errorf("next index %d", got)
		}
	}
	run(3, 0, false)
	run(4, 30*24*time.Hour, true)
	run(3, -365*24*time.Hour, false) // the clock was set back
	run(0, 0, false)
	for i := 1; i < len(blocks); i++ {
		if !blocks[i].Time.After(blocks[i-1].Time) {
			t.Errorf("block %d at %s comes before its parent at %s", i, blocks[i].Time, blocks[i-1].Time)
		}
	}
	t.Run("another start is refused", func(t *testing.T) {
		other := cfg
		other.Genesis.Name = "other"
		if _, err := Open(t.Context(), other); !errors.Is(err, ErrOtherChain) {
			t.Error(err)
		}
		other.Genesis = cfg.Genesis
		other.Genesis.StatefulEpochs = true
		if _, err := Open(t.Context(), other); !errors.Is(err, ErrOtherChain) {
			t.Error(err)
		}
	})
	t.Run("one process at a time", func(t *testing.T) {
		n := open(t, cfg)
		if second, err := Open(t.Context(), cfg); err == nil {
			_ = second.Close()
			t.Error("the file was opened twice")
		}
		n.Head()
	})
	t.Run("tampering is found", func(t *testing.T) {
		for _, change := range []string{
			"UPDATE state SET value = x'ff' || value WHERE key = (SELECT min(key) FROM state)",
			"UPDATE blocks SET time_ms = time_ms + 1 WHERE number = 9",
			"UPDATE blocks SET hash = zeroblob(32) WHERE number = 8",
			"UPDATE blocks SET extrinsics = (SELECT extrinsics FROM blocks WHERE number = 9) WHERE number = 10",
			"UPDATE blocks SET header = substr(header, 2) WHERE number = 10",
			"UPDATE blocks SET changes = x'04' WHERE number = 9",
			"DELETE FROM state",
			"DELETE FROM blocks",
		} {
			copied := filepath.Join(t.TempDir(), "chain.db")
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(copied, b, 0o600); err != nil {
				t.Fatal(err)
			}
			db, err := sql.Open("sqlite", copied)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := db.Exec(change); err != nil {
				t.Fatal(err)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			bad := cfg
			bad.Path = copied
			if n, err := Open(t.Context(), bad); !errors.Is(err, ErrCorrupt) {
				t.Errorf("%s: %v", change, err)
				if err == nil {
					_ = n.Close()
				}
			}
		}
	})
	t.Run("foreign file", func(t *testing.T) {
		foreign := filepath.Join(t.TempDir(), "foreign.db")
		db, err := sql.Open("sqlite", foreign)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec("PRAGMA user_version = 9"); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		bad := cfg
		bad.Path = foreign
		if _, err := Open(t.Context(), bad); err == nil {
			t.Error("a foreign file was opened")
		}
	})
}

// TestKilled starts a process that makes blocks and tells of each, kills it, and looks for all that it told of.
func TestKilled(t *testing.T) {
	if path := os.Getenv("NANTEOS_TEST_CHAIN"); path != "" {
		cfg := testConfig()
		cfg.Path = path
		n, err := Open(context.Background(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; ; i++ {
			must[string](t, n, "author_submitExtrinsic", hexText(tx(t, n, 2, commitmentCall(1, fmt.Sprint(i)))))
			b := produce(t, n, 1)
			fmt.Println("block", b.Number, b.Hash)
		}
	}
	path := filepath.Join(t.TempDir(), "chain.db")
	told := map[uint64]string{}
	for range 3 {
		c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilled$")
		c.Env = append(os.Environ(), "NANTEOS_TEST_CHAIN="+path)
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for before := len(told); len(told) < before+15 && lines.Scan(); {
			var number uint64
			var id string
			if _, err := fmt.Sscanf(lines.Text(), "block %d %s", &number, &id); err == nil {
				told[number] = id
			}
		}
		if err := c.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = c.Wait()
	}
	if len(told) < 45 {
		t.Fatalf("only %d blocks were told of", len(told))
	}
	cfg := testConfig()
	cfg.Path = path
	n := open(t, cfg)
	for number, want := range told {
		if got := must[*string](t, n, "chain_getBlockHash", number); got == nil || *got != want {
			t.Errorf("block %d is %v, told was %s", number, got, want)
		}
	}
}
