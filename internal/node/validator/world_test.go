package validator

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
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
	"github.com/nanteos/nanteos/internal/node/miner"
	"github.com/nanteos/nanteos/internal/status"
	"github.com/nanteos/nanteos/task"
)

// The world of the tests: a real chain, a real beacon and real buckets in directories, all on the clock of the test's bubble, and a model that is
// a hash function. Blocks come every 2 s, a window has 10 of them.
const (
	blockTime = 2 * time.Second
	size      = 4 // rollouts of a group
	eos       = 256
)

// TestMain warms up the compressor that all window files share: its channels must not belong to the bubble of one test.
func TestMain(m *testing.M) {
	row := grail.Row{
		BlockHash: "0xab", Randomness: "cd", Challenge: "c", Hotkey: "h", Signature: "ef",
		Commit: grail.Commit{
			Tokens: []int32{1, 2}, Commitments: grail.NewCommitments([]int64{5, 6}), ProofVersion: "v5", Model: grail.ModelRef{Name: "m", LayerIndex: -1}, Signature: "ab",
			Beacon: grail.BeaconRef{Randomness: "cd"}, Rollout: grail.Outcome{PromptLength: 1, CompletionLength: 1, TokenLogprobs: []float64{0, -0.5}},
		},
	}
	var b bytes.Buffer
	err := windowfile.Write(&b, windowfile.Metadata{Wallet: "x"}, []grail.Row{row, row}, windowfile.Options{})
	if err == nil {
		var f *windowfile.File
		if f, err = windowfile.Open(bytes.NewReader(b.Bytes()), int64(b.Len()), windowfile.Limits{}); err == nil {
			_, err = f.Rows(context.Background(), 0, 2)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	durable = false
	os.Exit(m.Run())
}

// bytesText is a tokenizer of bytes; token 256 ends.
type bytesText struct{}

func (bytesText) Render(messages []task.Message, _ bool) (ids []int32, err error) {
	for _, m := range messages {
		for _, c := range []byte(m.Content) {
			ids = append(ids, int32(c))
		}
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

// hashEngine proves with a hash of the tokens up to a position, so that a replay agrees to the bit.
type hashEngine struct{ fail func() error }

func (hashEngine) Info() node.Info {
	return node.Info{Name: "hash", VocabSize: 257, MaxLength: 1 << 16, EOS: eos}
}

func (hashEngine) Generate(_ context.Context, requests []node.Request, _ grail.GenerationParams) ([]node.Completion, error) {
	out := make([]node.Completion, len(requests))
	for i, q := range requests {
		text := "</end_working_out> I tried, by hand, " + strconv.FormatUint(q.Seed, 36) + "<SOLUTION>"
		for v := range 15 {
			text += strconv.FormatUint(q.Seed>>v&1, 2) + " "
		}
		for _, c := range []byte(text + "</SOLUTION>") {
			out[i].Tokens = append(out[i].Tokens, int32(c))
		}
		out[i].Tokens, out[i].Stopped = append(out[i].Tokens, eos), true
	}
	return out, nil
}

func sequence(tokens []int32, prompt int, r grail.Coefficients) (sketches []int64, logProbs []float64) {
	var h [32]byte
	for i, t := range tokens {
		b := binary.BigEndian.AppendUint32(h[:], uint32(t))
		for _, v := range r {
			b = binary.BigEndian.AppendUint32(b, uint32(v))
		}
		h = sha256.Sum256(b)
		lp := float64(float32(-float64(h[5]) / 255 / 4))
		if i < prompt {
			lp = 0
		}
		sketches, logProbs = append(sketches, int64(binary.BigEndian.Uint32(h[:])%grail.Q)), append(logProbs, lp)
	}
	return sketches, logProbs
}

func (hashEngine) Prove(ctx context.Context, seqs []node.Sequence, r grail.Coefficients) ([]node.Proof, error) {
	out := make([]node.Proof, len(seqs))
	for i, s := range seqs {
		out[i].Sketches, out[i].LogProbs = sequence(s.Tokens, s.PromptLength, r)
	}
	return out, ctx.Err()
}

func (e hashEngine) Replay(ctx context.Context, requests []verify.ReplayRequest, _ grail.GenerationParams) ([]verify.Replay, error) {
	if e.fail != nil {
		if err := e.fail(); err != nil {
			return nil, err
		}
	}
	out := make([]verify.Replay, len(requests))
	for i, q := range requests {
		out[i].Sketches, out[i].LogProbs = sequence(q.Tokens, q.PromptLength, q.Coefficients)
		out[i].EOSProb = 0.9
		for range q.Tokens[q.PromptLength:] {
			out[i].ChosenProbs = append(out[i].ChosenProbs, 0.9)
		}
	}
	return out, ctx.Err()
}

// shelf has one checkpoint.
type shelf struct {
	env    string
	engine hashEngine
}

func (shelf) Latest(context.Context, int64) (int64, error) { return -10, nil }

func (s shelf) Load(context.Context, int64) (*node.Model, error) {
	return &node.Model{
		Policy: node.Policy{Checkpoint: -10, ModelName: "hash", EnvID: s.env, Params: grail.TrainerGenerationParams(), Mode: task.Instructed},
		Engine: s.engine, Text: bytesText{},
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
		fmt.Fprintf(&b, "%s %s w%d %s %s %s %s\n", e.Time.Format("04:05.000"), e.Kind, e.Window, e.Phase, e.Check, e.Reason, e.Hint)
	}
	return b.String()
}

// The neurons of the world, in the order of UIDs.
const (
	trainer = iota
	judge
	honest
	quick
	zeros
	copier
	tardy
	neurons
)

// world is everything around a validator.
type world struct {
	t       testing.TB
	rules   grail.Rules
	chain   *chain.Local
	beacon  *beacon.Local
	shelf   shelf
	keys    [neurons]sr25519.Keypair
	buckets [neurons]bucket.Bucket
	own     bucket.Bucket
	log     *log
	dir     string
	probe   func(Effect, bool) bool
	// open makes peers' buckets.
	open func([]byte) (node.Bucket, error)
}

// newWorld starts a chain at block 0. It must be called inside a bubble.
func newWorld(t testing.TB) *world {
	t.Helper()
	start := time.Now()
	w := &world{t: t, rules: grail.Hardened(), shelf: shelf{env: "sat"}, log: &log{}, dir: t.TempDir()}
	r := &w.rules
	r.WindowLength, r.GroupSize, r.BlockSeconds, r.DeadlineSlackSeconds, r.CheckAllRows = 10, size, blockTime.Seconds(), -1.5, 100
	r.MinerSampleRate, r.WarmUpWindows, r.WeightIntervalBlocks, r.WeightWindows, r.CopyIntervalBlocks = 1, 1, 10, 4, 40
	r.UniqueCapEnabled, r.BurnPercent = false, 0
	var err error
	w.beacon, err = beacon.NewLocal(beacon.LocalConfig{Seed: []byte("test"), Genesis: start.Add(-time.Minute), Period: time.Second})
	w.check(err)
	r.BeaconChain, r.BeaconGenesisMillis, r.BeaconPeriodMillis = w.beacon.Info().Hash, start.Add(-time.Minute).UnixMilli(), 1000
	w.check(r.Validate())
	params := chain.DefaultHyperparameters()
	params.WeightsRateLimit, params.CommitmentSpace = 2, 1<<20
	genesis := chain.Genesis{Name: "test", Params: params}
	root := t.TempDir()
	for i := range w.keys {
		w.keys[i] = sr25519.NewKeypair([32]byte{byte(i + 1)})
		n := chain.GenesisNeuron{Hotkey: w.address(i), Coldkey: w.address(i)}
		if i == judge {
			n.Stake = 1 << 50
		}
		genesis.Neurons = append(genesis.Neurons, n)
		w.buckets[i], err = bucket.OpenDir(bucket.DirConfig{Root: filepath.Join(root, strconv.Itoa(i))})
		w.check(err)
	}
	w.own = w.buckets[judge]
	w.chain, err = chain.OpenLocal(context.Background(), chain.LocalConfig{BlockTime: blockTime, Genesis: genesis})
	w.check(err)
	var wg sync.WaitGroup
	for i, k := range w.keys {
		wg.Go(func() {
			_, err := w.chain.Commit(context.Background(), chain.KeySigner(k), []byte{byte(i)})
			w.check(err)
		})
	}
	wg.Wait()
	w.open = func(c []byte) (node.Bucket, error) {
		if len(c) != 1 || int(c[0]) >= neurons {
			return nil, errors.New("not a commitment")
		}
		return w.buckets[c[0]], nil
	}
	return w
}

func (w *world) check(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) address(i int) string { return ss58.EncodeBittensor(w.keys[i].Public()) }

func (w *world) end() { w.check(w.chain.Close()) }

// validator makes one on a data folder.
func (w *world) validator(dir string) *Validator {
	w.t.Helper()
	v, err := New(Config{
		Plan: Plan{Name: "validator-1"}, Rules: w.rules, Dir: dir, Chain: w.chain, Signer: chain.KeySigner(w.keys[judge]), Beacon: w.beacon,
		Checkpoints: w.shelf, OpenBucket: w.open, Own: w.own, Sink: w.log, probe: w.probe,
	})
	w.check(err)
	return v
}

// mine makes the rows of a miner's groups in a window.
func (w *world) mine(who int, window int64, groups int) []grail.Row {
	w.t.Helper()
	ctx := context.Background()
	opened, err := node.OpenWindow(ctx, w.rules, w.chain, w.beacon, window)
	w.check(err)
	m, err := w.shelf.Load(ctx, -10)
	w.check(err)
	e, err := node.NewEvaluator(w.rules, m)
	w.check(err)
	h := &miner.Honest{Rules: w.rules, Hotkey: w.keys[who], Model: m, Evaluator: e, Secret: []byte{byte(who)}}
	var rows []grail.Row
	for g := range groups {
		made, err := h.Group(ctx, miner.Window{Window: opened, Block: window, Checkpoint: -10}, int64(g))
		w.check(err)
		rows = append(rows, made...)
	}
	return rows
}

// copied makes rows of one's own prompts with another's completions, proved and graded honestly.
func (w *world) copied(who, from int, window int64, groups int) []grail.Row {
	w.t.Helper()
	ctx := context.Background()
	opened, err := node.OpenWindow(ctx, w.rules, w.chain, w.beacon, window)
	w.check(err)
	m, err := w.shelf.Load(ctx, -10)
	w.check(err)
	e, err := node.NewEvaluator(w.rules, m)
	w.check(err)
	h := &miner.Honest{Rules: w.rules, Hotkey: w.keys[who], Model: m, Evaluator: e}
	mw := miner.Window{Window: opened, Block: window, Checkpoint: -10}
	theirs := w.mine(from, window, groups)
	var rows []grail.Row
	for g := range groups {
		seed := grail.EnvSeed(w.address(who), opened.Hash, int64(g))
		prompt, err := e.PromptTokens(ctx, seed)
		w.check(err)
		var completions [][]int32
		for i := range theirs[g*size : (g+1)*size] {
			completions = append(completions, theirs[g*size+i].Commit.Completion())
		}
		proofs, grades, err := h.ProveAndGrade(ctx, mw, seed, prompt, completions)
		w.check(err)
		made, err := h.Assemble(mw, int64(g), prompt, completions, proofs, grades)
		w.check(err)
		w.check(miner.Sign(made, h.Hotkey))
		rows = append(rows, made...)
	}
	return rows
}

// upload writes a window file.
func (w *world) upload(who int, window int64, rows []grail.Row) {
	w.t.Helper()
	var b bytes.Buffer
	w.check(windowfile.Write(&b, windowfile.Metadata{Wallet: w.address(who), WindowStart: window, WindowLength: w.rules.WindowLength}, rows, windowfile.Options{}))
	_, err := bucket.PutBytes(context.Background(), w.buckets[who], bucket.WindowKey(w.address(who), window), b.Bytes(), bucket.PutOptions{})
	w.check(err)
}

// act uploads what everybody hands in for a window, in block window+2 and later; it returns after the deadline.
func (w *world) act(window int64) {
	w.t.Helper()
	w.until(window + 2)
	w.upload(honest, window, w.mine(honest, window, 2))
	w.upload(quick, window, w.mine(quick, window, 4))
	rows := w.mine(zeros, window, 2)
	for i := range rows {
		rows[i].Commit.Commitments = grail.NewCommitments(make([]int64, len(rows[i].Commit.Tokens)))
	}
	w.check(miner.Sign(rows, w.keys[zeros]))
	w.upload(zeros, window, rows)
	w.until(window + 5)
	w.upload(copier, window, w.copied(copier, honest, window, 2))
	rows = w.mine(tardy, window, 1)
	w.until(window + 9)
	time.Sleep(blockTime - 900*time.Millisecond) // the store's clock tells whole seconds
	w.upload(tardy, window, rows)
	w.until(window + 10)
}

// until waits for a block.
func (w *world) until(n int64) {
	w.t.Helper()
	_, err := w.chain.WaitBlock(context.Background(), uint64(n))
	w.check(err)
}

// run starts a validator in the background; the returned function stops it and gives Run's error.
func (w *world) run(v *Validator) (stop func() error, ended <-chan error) {
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error, 1)
	go func() { result <- v.Run(ctx) }()
	return func() error {
		cancel()
		return <-result
	}, result
}

// weights are those that the validator has on chain.
func (w *world) weights() map[uint16]uint16 {
	w.t.Helper()
	m, err := w.chain.Metagraph(context.Background())
	w.check(err)
	got := map[uint16]uint16{}
	for _, x := range m.Neurons[judge].Weights {
		got[x.UID] = x.Value
	}
	return got
}

// fair is what the world's miners have earned: quick has twice the rollouts of honest, to the fourth power.
var fair = map[uint16]uint16{honest: 4096, quick: 65535}

func (w *world) wantFair() {
	w.t.Helper()
	if got := w.weights(); !maps.Equal(got, fair) {
		w.t.Errorf("weights on chain are %v, want %v\n%s", got, fair, w.log)
	}
}
