package miner

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nanteos/nanteos/bittensor/sr25519"
	"github.com/nanteos/nanteos/bittensor/ss58"
	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/grail/verify"
	"github.com/nanteos/nanteos/grail/windowfile"
	"github.com/nanteos/nanteos/internal/beacon"
	"github.com/nanteos/nanteos/internal/bucket"
	"github.com/nanteos/nanteos/internal/chain"
	"github.com/nanteos/nanteos/internal/node"
	"github.com/nanteos/nanteos/internal/status"
	"github.com/nanteos/nanteos/task"
)

// The world of the tests: a real chain, a real beacon and a real bucket in a directory, all on the clock of the test's bubble, and a model
// that is a hash function. Blocks come every 2 s, a window has 10 of them, a group takes 3 s.
const (
	blockTime   = 2 * time.Second
	groupTime   = 3 * time.Second
	testWindow  = 10
	testSize    = 4
	testTimeout = 200 * time.Millisecond
)

func testRules() grail.Rules {
	r := grail.Hardened()
	r.WindowLength, r.GroupSize, r.BlockSeconds, r.DeadlineSlackSeconds = testWindow, testSize, blockTime.Seconds(), -1
	r.CheckAllRows = 100
	return r
}

// bytesText is a tokenizer of bytes; token 256 ends. A prompt is the hash of its messages, which keeps files small.
type bytesText struct{}

const eos = 256

func (bytesText) Render(messages []task.Message, _ bool) ([]int32, error) {
	h := sha256.New()
	for _, m := range messages {
		fmt.Fprintf(h, "%s\x00%s\x00", m.Role, m.Content)
	}
	var ids []int32
	for _, c := range h.Sum(nil) {
		ids = append(ids, int32(c))
	}
	return ids, nil
}

func (bytesText) Decode(ids []int32, keepSpecial bool) string {
	var b []byte
	for _, id := range ids {
		switch {
		case id < 256:
			b = append(b, byte(id))
		case keepSpecial:
			b = append(b, "<|end|>"...)
		}
	}
	return string(b)
}

// hashEngine answers SAT problems with assignments drawn from the seed, and proves with a hash: sketches and log-probabilities of a position are a
// function of the tokens up to it, the checkpoint and the coefficients. So a replay agrees, and another checkpoint does not.
type hashEngine struct {
	checkpoint int64
	// short makes the completions of a group too short, by its place in the order of Generate calls.
	short map[int]bool
	// fail fails calls of Generate.
	fail func() error
	// slow is what a group takes, groupTime when 0.
	slow time.Duration

	mu    sync.Mutex
	calls int
}

func (e *hashEngine) Info() node.Info {
	return node.Info{Name: "hash", CheckpointWindow: e.checkpoint, VocabSize: 257, MaxLength: 1 << 16, EOS: eos}
}

func (e *hashEngine) Generate(ctx context.Context, requests []node.Request, _ grail.GenerationParams) ([]node.Completion, error) {
	e.mu.Lock()
	n := e.calls
	e.calls++
	e.mu.Unlock()
	d := e.slow
	if d == 0 {
		d = groupTime
	}
	if err := sleep(ctx, d); err != nil {
		return nil, err
	}
	if e.fail != nil {
		if err := e.fail(); err != nil {
			return nil, err
		}
	}
	out := make([]node.Completion, len(requests))
	for i, q := range requests {
		text := "</end_working_out> I tried, by hand, " + strconv.FormatUint(q.Seed, 36) + "<SOLUTION>"
		if e.short[n] {
			text = "no"
		}
		for v := range 15 {
			text += strconv.FormatUint(q.Seed>>v&1, 2) + " "
		}
		if e.short[n] {
			text = "no"
		}
		for _, c := range []byte(text + "</SOLUTION>") {
			out[i].Tokens = append(out[i].Tokens, int32(c))
		}
		if e.short[n] {
			out[i].Tokens = out[i].Tokens[:2]
		}
		out[i].Tokens, out[i].Stopped = append(out[i].Tokens, eos), true
	}
	return out, nil
}

func (e *hashEngine) position(prefix [32]byte, r grail.Coefficients) (int64, float64) {
	b := binary.BigEndian.AppendUint64(prefix[:], uint64(e.checkpoint))
	for _, v := range r {
		b = binary.BigEndian.AppendUint32(b, uint32(v))
	}
	h := sha256.Sum256(b)
	return int64(binary.BigEndian.Uint32(h[:]) % grail.Q), float64(float32(-float64(h[5]) / 255 / 4))
}

func (e *hashEngine) sequence(tokens []int32, prompt int, r grail.Coefficients) (sketches []int64, logProbs []float64) {
	var prefix [32]byte
	for i, t := range tokens {
		prefix = sha256.Sum256(binary.BigEndian.AppendUint32(prefix[:], uint32(t)))
		s, lp := e.position(prefix, r)
		if i < prompt {
			lp = 0
		}
		sketches, logProbs = append(sketches, s), append(logProbs, lp)
	}
	return sketches, logProbs
}

func (e *hashEngine) Prove(ctx context.Context, seqs []node.Sequence, r grail.Coefficients) ([]node.Proof, error) {
	out := make([]node.Proof, len(seqs))
	for i, s := range seqs {
		out[i].Sketches, out[i].LogProbs = e.sequence(s.Tokens, s.PromptLength, r)
	}
	return out, ctx.Err()
}

func (e *hashEngine) Replay(ctx context.Context, requests []verify.ReplayRequest, _ grail.GenerationParams) ([]verify.Replay, error) {
	out := make([]verify.Replay, len(requests))
	for i, q := range requests {
		out[i].Sketches, out[i].LogProbs = e.sequence(q.Tokens, q.PromptLength, q.Coefficients)
		out[i].EOSProb = 0.9
		for range q.Tokens[q.PromptLength:] {
			out[i].ChosenProbs = append(out[i].ChosenProbs, 0.9)
		}
	}
	return out, ctx.Err()
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// shelf is a trainer's bucket in memory: which checkpoint is ready when.
type shelf struct {
	mu     sync.Mutex
	ready  []mark
	fail   func() error // of Latest
	broken error        // of Load
	engine func(checkpoint int64) *hashEngine
	finds  int
}

// mark is a READY marker: number and label, and when it appears.
type mark struct {
	number, label int64
	at            time.Time
}

func (s *shelf) Latest(ctx context.Context, window int64) (int64, error) {
	if err := sleep(ctx, 20*time.Millisecond); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finds++
	if s.fail != nil {
		if err := s.fail(); err != nil {
			return 0, err
		}
	}
	best := mark{number: -1 << 62}
	for _, m := range s.ready {
		if m.number < window && !m.at.After(time.Now()) && m.number > best.number {
			best = m
		}
	}
	if best.number == -1<<62 {
		return 0, node.ErrNoCheckpoint
	}
	return best.label, nil
}

func (s *shelf) Load(ctx context.Context, checkpoint int64) (*node.Model, error) {
	if err := sleep(ctx, 100*time.Millisecond); err != nil {
		return nil, err
	}
	if s.broken != nil {
		return nil, s.broken
	}
	e := &hashEngine{checkpoint: checkpoint}
	if s.engine != nil {
		e = s.engine(checkpoint)
	}
	params := grail.TrainerGenerationParams()
	return &node.Model{
		Policy: node.Policy{Checkpoint: checkpoint, ModelName: "hash", EnvID: "sat", Params: params, Mode: task.Instructed},
		Engine: e, Text: bytesText{},
	}, nil
}

// log keeps events.
type log struct {
	mu     sync.Mutex
	events []status.Event
}

func (l *log) Emit(e status.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, e)
}

func (l *log) of(kind status.Kind) (found []status.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.events {
		if e.Kind == kind {
			found = append(found, e)
		}
	}
	return found
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var b strings.Builder
	for _, e := range l.events {
		fmt.Fprintf(&b, "%s %s w%d %s %s %s\n", e.Time.Format("04:05.000"), e.Kind, e.Window, e.Phase, e.Reason, e.Hint)
	}
	return b.String()
}

// store counts what reaches the bucket.
type store struct {
	bucket.Bucket
	mu    sync.Mutex
	puts  map[string]int // stored
	tries map[string]int
}

func (s *store) Put(ctx context.Context, key string, body io.ReaderAt, size int64, o bucket.PutOptions) (bucket.Info, error) {
	s.mu.Lock()
	s.tries[key]++
	s.mu.Unlock()
	if err := sleep(ctx, testTimeout); err != nil {
		return bucket.Info{}, err
	}
	info, err := s.Bucket.Put(ctx, key, body, size, o)
	if err == nil {
		s.mu.Lock()
		s.puts[key]++
		s.mu.Unlock()
	}
	return info, err
}

func (s *store) stored(key string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.puts[key]
}

// world is everything around a miner.
type world struct {
	t      testing.TB
	rules  grail.Rules
	chain  *chain.Local
	beacon *beacon.Local
	shelf  *shelf
	store  *store
	log    *log
	hotkey sr25519.Keypair
	dir    string
	hook   func(point string) bool
	bucket func(bucket.Bucket) bucket.Bucket
	plan   Plan
}

// newWorld starts a chain at block 0. It must be called inside a bubble.
func newWorld(t testing.TB) *world {
	t.Helper()
	start := time.Now()
	w := &world{t: t, rules: testRules(), log: &log{}, dir: t.TempDir(), hotkey: sr25519.NewKeypair([32]byte{7}), plan: Plan{Name: "miner-1"}}
	var err error
	w.beacon, err = beacon.NewLocal(beacon.LocalConfig{Seed: []byte("test"), Genesis: start.Add(-time.Minute), Period: time.Second})
	w.check(err)
	w.rules.BeaconChain, w.rules.BeaconGenesisMillis, w.rules.BeaconPeriodMillis = w.beacon.Info().Hash, start.Add(-time.Minute).UnixMilli(), 1000
	w.check(w.rules.Validate())
	w.chain, err = chain.OpenLocal(context.Background(), chain.LocalConfig{BlockTime: blockTime, Genesis: chain.Genesis{Name: "test", Neurons: []chain.GenesisNeuron{{Hotkey: w.address(), Coldkey: w.address()}}}})
	w.check(err)
	dir, err := bucket.OpenDir(bucket.DirConfig{Root: filepath.Join(t.TempDir(), "bucket")})
	w.check(err)
	w.store = &store{Bucket: dir, puts: map[string]int{}, tries: map[string]int{}}
	w.shelf = &shelf{ready: []mark{{-30, -30, start}}}
	return w
}

func (w *world) check(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) address() string { return ss58.EncodeBittensor(w.hotkey.Public()) }

func (w *world) miner(dir string) *Miner {
	w.t.Helper()
	var b bucket.Bucket = w.store
	if w.bucket != nil {
		b = w.bucket(b)
	}
	m, err := New(Config{
		Rules: w.rules, Hotkey: w.hotkey, Plan: w.plan, Dir: dir, Heads: w.chain, Beacon: w.beacon, Checkpoints: w.shelf, Bucket: b,
		Status: w.log, hook: w.hook,
	})
	w.check(err)
	return m
}

// run starts a miner in the background; the returned function ends it at once and waits.
func (w *world) run(dir string) (m *Miner, kill func() error) {
	m = w.miner(dir)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	return m, func() error {
		cancel()
		return <-ended
	}
}

// until waits for a block.
func (w *world) until(n uint64) {
	w.t.Helper()
	_, err := w.chain.WaitBlock(context.Background(), n)
	w.check(err)
	time.Sleep(10 * time.Millisecond)
}

// end stops the world.
func (w *world) end() { w.check(w.chain.Close()) }

// file reads an uploaded window file and checks it as a validator does, deadline included. It is nil where there is none.
func (w *world) file(window int64) []grail.Row {
	w.t.Helper()
	ctx := context.Background()
	key := bucket.WindowKey(w.address(), window)
	content, info, err := bucket.ReadAll(ctx, w.store, key, 1<<30)
	if errors.Is(err, bucket.ErrNotFound) {
		return nil
	}
	w.check(err)
	if n := w.store.stored(key); n != 1 {
		w.t.Errorf("window %d was stored %d times", window, n)
	}
	closing, err := node.CloseWindow(ctx, w.rules, w.chain, w.beacon, window)
	w.check(err)
	if info.LastModified.After(closing.Deadline) {
		w.t.Errorf("window %d: uploaded at %s, deadline %s", window, info.LastModified, closing.Deadline)
	}
	opened, err := node.OpenWindow(ctx, w.rules, w.chain, w.beacon, window)
	w.check(err)
	f, err := windowfile.Open(bytes.NewReader(content), int64(len(content)), windowfile.Limits{})
	w.check(err)
	checkpoint, err := w.shelf.Latest(ctx, window)
	w.check(err)
	model, err := w.shelf.Load(ctx, checkpoint)
	w.check(err)
	evaluator, err := node.NewEvaluator(w.rules, model)
	w.check(err)
	params, engine := model.Policy.Params, model.Engine
	rep, err := (&verify.Checker{Rules: w.rules, Evaluator: evaluator, Replayer: engine, Window: verify.Window{
		Miner: w.address(), Start: window, Hash: opened.Hash, ChallengeRandomness: closing.Challenge, ExpectedBeacon: opened.ExpectedBeacon(),
		CheckpointWindow: &checkpoint, Params: &params, VocabSize: engine.Info().VocabSize, MaxLength: engine.Info().MaxLength, EOS: eos,
	}}).Check(ctx, f)
	w.check(err)
	if !rep.OK {
		w.t.Errorf("window %d is refused: %s: %s", window, rep.Reason, rep.Cause)
	}
	rows, err := f.Rows(ctx, 0, f.NumRows())
	w.check(err)
	return rows
}

// groupsOf lists the problem indices in a file.
func groupsOf(rows []grail.Row) map[int64]bool {
	groups := map[int64]bool{}
	for i := range rows {
		groups[rows[i].RolloutGroup] = true
	}
	return groups
}

// copyDir copies a data folder as it is on disk now: what a process that dies now would leave.
func copyDir(t testing.TB, from string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return to
}
