package miner

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nanteos/nanteos/bittensor/sr25519"
	"github.com/nanteos/nanteos/bittensor/ss58"
	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/internal/beacon"
	"github.com/nanteos/nanteos/internal/bucket"
	"github.com/nanteos/nanteos/internal/chain"
)

// The processes that are killed hold a whole network in one folder: chain.db, bucket/, miner/ and puts, a line for each file that was stored.
const (
	childDir   = "NANTEOS_MINER_CHILD"
	childBlock = 150 * time.Millisecond
)

var childGenesis = time.Unix(1_700_000_000, 0)

func openChild(t testing.TB, dir string) *world {
	w := &world{t: t, rules: childRules(), log: &log{}, dir: filepath.Join(dir, "miner"), hotkey: sr25519.NewKeypair([32]byte{7})}
	check := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	var err error
	w.beacon, err = beacon.NewLocal(beacon.LocalConfig{Seed: []byte("test"), Genesis: childGenesis, Period: time.Second})
	check(err)
	address := ss58.EncodeBittensor(w.hotkey.Public())
	w.chain, err = chain.OpenLocal(context.Background(), chain.LocalConfig{Path: filepath.Join(dir, "chain.db"), BlockTime: childBlock,
		Genesis: chain.Genesis{Name: "test", Neurons: []chain.GenesisNeuron{{Hotkey: address, Coldkey: address}}}})
	check(err)
	files, err := bucket.OpenDir(bucket.DirConfig{Root: filepath.Join(dir, "bucket")})
	check(err)
	w.store = &store{Bucket: files, puts: map[string]int{}, tries: map[string]int{}}
	w.shelf = &shelf{ready: []mark{{-30, -30, childGenesis}}, engine: func(c int64) *hashEngine { return &hashEngine{checkpoint: c, slow: childBlock / 3} }}
	return w
}

// noted writes a line for each file that was stored.
type noted struct {
	bucket.Bucket
	path string
	mu   sync.Mutex
}

func (n *noted) Put(ctx context.Context, key string, body io.ReaderAt, size int64, o bucket.PutOptions) (bucket.Info, error) {
	info, err := n.Bucket.Put(ctx, key, body, size, o)
	if err != nil {
		return info, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	f, openErr := os.OpenFile(n.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if openErr != nil {
		panic(openErr)
	}
	defer f.Close()
	fmt.Fprintln(f, key)
	return info, nil
}

// child mines until its standard input ends.
func child(dir string) int {
	w := openChild(nil, dir)
	m, err := New(Config{Rules: w.rules, Hotkey: w.hotkey, Plan: Plan{Name: "child"}, Dir: w.dir, Heads: w.chain, Beacon: w.beacon, Checkpoints: w.shelf,
		Bucket: &noted{Bucket: w.store.Bucket, path: filepath.Join(dir, "puts")}, Status: w.log})
	if err != nil {
		panic(err)
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		m.Stop()
	}()
	if err := m.Run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := w.chain.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// TestKill9 kills a real process at random moments and starts it again, then lets it end in peace. Every group that was journalled must be in
// its window's file, unless the journal says that the deadline was missed, and no window may be stored twice.
func TestKill9(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	start := func() (*exec.Cmd, io.Closer) {
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), childDir+"="+dir)
		cmd.Stderr = os.Stderr
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd, in
	}
	promised := map[int64]map[int64]bool{}
	for range 7 {
		cmd, _ := start()
		time.Sleep(150*time.Millisecond + time.Duration(random.Int64N(int64(5*childBlock))))
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		note(t, promised, filepath.Join(dir, "miner"))
	}
	cmd, in := start()
	time.Sleep(testWindow * childBlock * 3 / 2)
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	note(t, promised, filepath.Join(dir, "miner"))

	w := openChild(t, dir)
	defer w.end()
	puts, err := os.ReadFile(filepath.Join(dir, "puts"))
	if err != nil {
		t.Fatal(err)
	}
	j, err := OpenJournal(context.Background(), filepath.Join(w.dir, "miner.db"), w.address(), w.rules)
	w.check(err)
	defer j.Close()
	uploaded := 0
	for window, groups := range promised {
		key := bucket.WindowKey(w.address(), window)
		if n := strings.Count(string(puts), key+"\n"); n > 1 {
			t.Errorf("window %d was stored %d times", window, n)
		}
		var phase, reason string
		w.check(j.db.QueryRow("SELECT phase, reason FROM windows WHERE window = ?", window).Scan(&phase, &reason))
		if phase == string(Skipped) && (strings.Contains(reason, "deadline") || strings.Contains(reason, "window ended")) {
			t.Logf("window %d: %s", window, reason)
			continue
		}
		w.store.puts[key] = 1 // counted above
		w.until(uint64(window + testWindow))
		rows := w.file(window)
		if rows == nil {
			t.Errorf("window %d (%s %s) with %d groups is not there", window, phase, reason, len(groups))
			continue
		}
		uploaded++
		have := groupsOf(rows)
		for g := range groups {
			if !have[g] {
				t.Errorf("group %d of window %d was journalled and is lost", g, window)
			}
		}
	}
	t.Logf("%d windows with %d files", len(promised), uploaded)
	if uploaded == 0 {
		t.Error("no window was handed in")
	}
}

// note remembers which groups the journal of a dead miner holds, from a copy.
func note(t *testing.T, promised map[int64]map[int64]bool, dir string) {
	t.Helper()
	if !isDir(dir, "miner.db") {
		return // killed before it had begun
	}
	dir = copyDir(t, dir)
	rules := childRules()
	j, err := OpenJournal(context.Background(), filepath.Join(dir, "miner.db"), ss58.EncodeBittensor(sr25519.NewKeypair([32]byte{7}).Public()), rules)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	for window := int64(0); window < 1000; window += testWindow {
		groups, err := j.Groups(context.Background(), window)
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range groups {
			if g.Dropped {
				continue
			}
			if promised[window] == nil {
				promised[window] = map[int64]bool{}
			}
			promised[window][g.Index] = true
		}
	}
}

// childRules are the rules of the killed processes.
func childRules() grail.Rules {
	b, err := beacon.NewLocal(beacon.LocalConfig{Seed: []byte("test"), Genesis: childGenesis, Period: time.Second})
	if err != nil {
		panic(err)
	}
	r := testRules()
	r.BlockSeconds, r.DeadlineSlackSeconds = childBlock.Seconds(), -0.05
	r.BeaconChain, r.BeaconGenesisMillis, r.BeaconPeriodMillis = b.Info().Hash, childGenesis.UnixMilli(), 1000
	return r
}
