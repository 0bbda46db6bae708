package trainer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nanteos/nanteos/bittensor/sr25519"
	"github.com/nanteos/nanteos/bittensor/ss58"
	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/grail/grpo"
	"github.com/nanteos/nanteos/grail/score"
	"github.com/nanteos/nanteos/grail/verify"
	"github.com/nanteos/nanteos/grail/windowfile"
	"github.com/nanteos/nanteos/internal/beacon"
	"github.com/nanteos/nanteos/internal/bucket"
	"github.com/nanteos/nanteos/internal/chain"
	"github.com/nanteos/nanteos/internal/checkpoint"
	"github.com/nanteos/nanteos/internal/engine"
	"github.com/nanteos/nanteos/internal/node"
	"github.com/nanteos/nanteos/internal/node/miner"
	"github.com/nanteos/nanteos/internal/status"
	"github.com/nanteos/nanteos/model/safetensors"
	"github.com/nanteos/nanteos/task"
)

// The world of the tests: a real chain, a real beacon, real buckets in directories and a real publisher, all on the clock of the test's bubble; a model that is
// a hash function, and a training that is one too. Blocks come every 2 s, a window has 10 of them.
const (
	blockTime = 2 * time.Second
	length    = 10
	size      = 4 // rollouts of a group
	eos       = 256
)

// The neurons of the world, in the order of UIDs. The stakes of the validators are 5, 3 and 2.
const (
	teacher = iota
	chief
	second
	third
	honest
	quick
	rogue
	neurons
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

func (bytesText) Decode(ids []int32, _ bool) string {
	var b []byte
	for _, id := range ids {
		if id < 256 {
			b = append(b, byte(id))
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
		if text += "</SOLUTION>"; i%2 == 1 {
			text = "I don't know, whichever way I look at it: " + strconv.FormatUint(q.Seed, 36) // so that rewards differ
		}
		for _, c := range []byte(text) {
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
	none   atomic.Bool
	engine hashEngine
}

func (s *shelf) Latest(context.Context, int64) (int64, error) {
	if s.none.Load() {
		return 0, node.ErrNoCheckpoint
	}
	return -10, nil
}

func (s *shelf) Load(context.Context, int64) (*node.Model, error) {
	return &node.Model{
		Policy: node.Policy{Checkpoint: -10, ModelName: "hash", EnvID: "sat", Params: grail.TrainerGenerationParams(), Mode: task.Instructed},
		Engine: s.engine, Text: bytesText{},
	}, nil
}

// log keeps events.
type log struct {
	mu     sync.Mutex
	events []status.Event
}

func (l *log) Emit(e status.Event) {
	if _, err := json.Marshal(e); err != nil {
		panic(err) // an event that can't be shown
	}
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
		fmt.Fprintf(&b, "%s %s w%d %s %s %s | %s\n", e.Time.Format("04:05.000"), e.Kind, e.Window, e.Phase, e.Text, e.Reason, e.Hint)
	}
	return b.String()
}

// pupil is a training that is a hash function: its weights follow from all that it was ever given.
type pupil struct {
	w        *world
	weights  [32]byte
	gradient [32]byte
	steps    int
	dead     bool
}

func (w *world) openPupil(context.Context, string) (engine.Trainer, error) { return &pupil{w: w}, nil }

func (p *pupil) Score(_ context.Context, batch []grpo.Sequence) (grpo.Scores, error) {
	if err := p.alive("score"); err != nil {
		return grpo.Scores{}, err
	}
	s := grpo.Scores{Entropy: make([]float64, len(batch))}
	for _, b := range batch {
		logs := slices.Clone(b.Behaviour)
		if p.w.notFinite {
			logs[0] = math.NaN()
		}
		s.LogProbs = append(s.LogProbs, logs)
	}
	return s, nil
}

func (p *pupil) Backward(_ context.Context, batch []grpo.Sequence, l grpo.Loss) error {
	if err := p.alive("backward"); err != nil {
		return err
	}
	for i, b := range batch {
		text := fmt.Append(p.gradient[:], b.Tokens, b.Advantage, l.ByLogProb[i])
		p.gradient = sha256.Sum256(text)
	}
	return nil
}

func (p *pupil) Step(_ context.Context, rate, _ float64) (float64, error) {
	if err := p.alive("step"); err != nil {
		return 0, err
	}
	if p.w.notFinite {
		p.gradient = [32]byte{}
		return math.NaN(), grpo.ErrNotFinite
	}
	p.weights = sha256.Sum256(fmt.Append(p.weights[:], p.gradient, rate))
	p.gradient, p.steps = [32]byte{}, p.steps+1
	return 0.25, nil
}

// alive is the place for an engine's trouble.
func (p *pupil) alive(call string) error {
	if p.dead {
		return errors.New("the process has died")
	}
	if p.w.trouble != nil {
		err := p.w.trouble(call, p)
		if err != nil {
			p.gradient = sha256.Sum256([]byte("spoilt")) // what a broken epoch leaves behind
			p.weights = p.gradient
		}
		return err
	}
	return nil
}

func (p *pupil) Save(_ context.Context, dir string) error {
	if err := p.alive("save"); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	values := make([]uint16, 2048) // of which each turn changes a few
	for i := range values {
		values[i] = 0x3c00
		if i < 32 {
			values[i] += uint16(p.weights[i])
		}
	}
	for _, name := range []string{"config.json", "tokenizer.json"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("{}"), 0o600); err != nil {
			return err
		}
	}
	return safetensors.Write(filepath.Join(dir, "model.safetensors"), []safetensors.Tensor{safetensors.FromBF16("lm_head.weight", []int{2, 1024}, values)}, nil)
}

func (p *pupil) SaveState(_ context.Context, path string) error {
	if err := p.alive("save state"); err != nil {
		return err
	}
	return os.WriteFile(path, fmt.Appendf(nil, "%x %x %d", p.weights, p.gradient, p.steps), 0o600)
}

func (p *pupil) LoadState(_ context.Context, path string) error {
	if p.dead {
		return errors.New("the process has died")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var weights, gradient []byte
	if _, err := fmt.Sscanf(string(text), "%x %x %d", &weights, &gradient, &p.steps); err != nil {
		return err
	}
	p.weights, p.gradient = [32]byte(weights), [32]byte(gradient)
	return nil
}

func (p *pupil) Steps() int { return p.steps }
func (*pupil) Close() error { return nil }

// world is everything around a trainer.
type world struct {
	t        testing.TB
	rules    grail.Rules
	settings Settings
	chain    *chain.Local
	beacon   *beacon.Local
	shelf    shelf
	keys     [neurons]sr25519.Keypair
	buckets  [neurons]bucket.Bucket
	log      *log
	dir      string

	// heads is the chain that the trainer has, own its bucket; open makes peers' buckets.
	heads Chain
	own   bucket.Bucket
	open  func([]byte) (node.Bucket, error)
	// probe, trouble and notFinite disturb it; adopted is the label of a model that is there already.
	probe     func(string) bool
	trouble   func(call string, p *pupil) error
	notFinite bool
	adopted   *int64
	initial   string
	cancel    context.CancelFunc
	seen      map[int64][]int64 // markers at the end
	sing      func(ctx context.Context, dir string) ([]byte, error)
}

// newWorld starts a chain at block 0. It must be called inside a bubble.
func newWorld(t testing.TB) *world {
	t.Helper()
	start := time.Now()
	w := &world{t: t, rules: grail.Hardened(), settings: DefaultSettings(), log: &log{}, dir: t.TempDir()}
	w.settings.Filters.GroupSize, w.settings.GRPO.MicroBatch, w.settings.GRPO.Accumulation, w.settings.GRPO.KL = size, size, 2, 0
	r := &w.rules
	r.WindowLength, r.GroupSize, r.BlockSeconds, r.DeadlineSlackSeconds = length, size, blockTime.Seconds(), -1.5
	var err error
	w.beacon, err = beacon.NewLocal(beacon.LocalConfig{Seed: []byte("test"), Genesis: start.Add(-time.Minute), Period: time.Second})
	w.check(err)
	r.BeaconChain, r.BeaconGenesisMillis, r.BeaconPeriodMillis = w.beacon.Info().Hash, start.Add(-time.Minute).UnixMilli(), 1000
	w.check(r.Validate())
	params := chain.DefaultHyperparameters()
	params.CommitmentSpace = 1 << 20
	genesis := chain.Genesis{Name: "test", Params: params}
	root := t.TempDir()
	for i := range w.keys {
		w.keys[i] = sr25519.NewKeypair([32]byte{byte(i + 1)})
		n := chain.GenesisNeuron{Hotkey: w.address(i), Coldkey: w.address(i)}
		switch i {
		case chief:
			n.Stake = 5e15
		case second:
			n.Stake = 3e15
		case third:
			n.Stake = 2e15
		}
		genesis.Neurons = append(genesis.Neurons, n)
		w.buckets[i], err = bucket.OpenDir(bucket.DirConfig{Root: filepath.Join(root, strconv.Itoa(i))})
		w.check(err)
	}
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
	w.heads, w.own = w.chain, w.buckets[teacher]
	w.open = func(c []byte) (node.Bucket, error) {
		if len(c) != 1 || int(c[0]) >= neurons {
			return nil, errors.New("not a commitment")
		}
		return w.buckets[c[0]], nil
	}
	w.sing = func(_ context.Context, dir string) ([]byte, error) {
		b, err := os.ReadFile(filepath.Join(dir, "model.safetensors"))
		return fmt.Appendf(nil, "%x\n", sha256.Sum256(b)), err
	}
	return w
}

func (w *world) check(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatalf("%v\n%s", err, w.log)
	}
}

func (w *world) address(i int) string { return ss58.EncodeBittensor(w.keys[i].Public()) }

func (w *world) end() {
	if w.cancel != nil {
		w.cancel() // where the test failed before it stopped the trainer
	}
	if err := w.chain.Close(); err != nil {
		w.t.Error(err)
	}
}

// trainer makes one on the data folder.
func (w *world) trainer() *Trainer {
	w.t.Helper()
	p, err := checkpoint.NewPublisher(checkpoint.PublisherConfig{
		Bucket: w.own, Trainer: w.keys[teacher], Dir: filepath.Join(w.dir, "published"), WindowLength: length, Attempts: 1,
	})
	w.check(err)
	policy, err := checkpoint.TrainerPolicy(map[string]string{checkpoint.VarEnvID: "sat"})
	w.check(err)
	t, err := New(Config{
		Name: "trainer", Hotkey: w.address(teacher), Rules: w.rules, Settings: w.settings, Dir: filepath.Join(w.dir, "training"), Initial: w.initial,
		Adopted: w.adopted,
		Metadata: checkpoint.Metadata{
			ModelName: "hash", EnvID: policy.EnvID, EnvParams: policy.EnvParams, GenerationParams: policy.GenerationParams, ThinkingMode: policy.ThinkingMode,
		},
		Chain: w.heads, Beacon: w.beacon, OpenBucket: w.open, Checkpoints: &w.shelf, Open: w.openPupil, Sing: w.sing, Publisher: p, Sink: w.log, probe: w.probe,
	})
	w.check(err)
	return t
}

// start runs a trainer in the background; stop ends it and gives Run's error, ended gets it where it ends by itself.
func (w *world) start() (stop func() error, ended <-chan error) {
	t := w.trainer()
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error, 1)
	go func() { result <- t.Run(ctx) }()
	w.cancel = cancel
	return func() error {
		cancel()
		return <-result
	}, result
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

// upload writes a window file.
func (w *world) upload(who int, window int64, rows []grail.Row) {
	w.t.Helper()
	var b bytes.Buffer
	w.check(windowfile.Write(&b, windowfile.Metadata{Wallet: w.address(who), WindowStart: window, WindowLength: length}, rows, windowfile.Options{}))
	w.put(who, bucket.WindowKey(w.address(who), window), b.Bytes())
}

func (w *world) put(who int, key string, b []byte) {
	w.t.Helper()
	_, err := bucket.PutBytes(context.Background(), w.buckets[who], key, b, bucket.PutOptions{})
	w.check(err)
}

// vouch writes the trust list of a validator, with the versions of the files that are there now where files is set.
func (w *world) vouch(validator int, window int64, files bool, miners ...int) {
	w.t.Helper()
	list := score.TrustList{Version: w.rules.TrustListVersion, Window: window, ValidatorHotkey: w.address(validator), ActiveCount: len(miners)}
	for _, m := range miners {
		list.EligibleHotkeys = append(list.EligibleHotkeys, w.address(m))
		if info, err := w.buckets[m].Head(context.Background(), bucket.WindowKey(w.address(m), window)); err == nil && files {
			if list.Files == nil {
				list.Files = map[string]score.TrustedFile{}
			}
			list.Files[w.address(m)] = score.TrustedFile{ETag: info.ETag, Size: info.Size}
		}
	}
	text, err := json.Marshal(list)
	w.check(err)
	w.put(validator, bucket.TrustKey(window), text)
}

// act is a window as it should be: two miners upload, and in the first block of the next window the validators vouch for them.
func (w *world) act(window int64) {
	w.t.Helper()
	w.until(window + 2)
	w.upload(honest, window, w.mine(honest, window, 3))
	w.upload(quick, window, w.mine(quick, window, 5))
	w.until(window + length)
	time.Sleep(blockTime / 4)
	for _, v := range []int{chief, second, third} {
		w.vouch(v, window, true, honest, quick)
	}
}

// until waits for a block.
func (w *world) until(n int64) {
	w.t.Helper()
	_, err := w.chain.WaitBlock(context.Background(), uint64(n))
	w.check(err)
}

// state reads the current turn.
func (w *world) state() (s State) {
	w.t.Helper()
	name, err := os.ReadFile(filepath.Join(w.dir, "training", currentName))
	w.check(err)
	text, err := os.ReadFile(filepath.Join(w.dir, "training", strings.TrimSpace(string(name)), stateName))
	w.check(err)
	w.check(json.Unmarshal(text, &s))
	return s
}

// turnDir is the folder of the current turn.
func (w *world) turnDir() string {
	w.t.Helper()
	return filepath.Join(w.dir, "training", turnPrefix+strconv.Itoa(w.state().Turn))
}

// weights are those of the current turn, as text.
func (w *world) weights() string {
	w.t.Helper()
	b, err := os.ReadFile(filepath.Join(w.turnDir(), optimizerName))
	w.check(err)
	return string(b)
}

// markers are the READY markers in the trainer's bucket, label to windows.
func (w *world) markers() map[int64][]int64 {
	w.t.Helper()
	infos, err := bucket.ListAll(context.Background(), w.buckets[teacher], checkpoint.Prefix, 1<<16)
	w.check(err)
	out := map[int64][]int64{}
	for _, i := range infos {
		if r, ok := checkpoint.ParseReady(i.Key); ok {
			out[r.Window] = append(out[r.Window], r.Ready)
		}
	}
	return out
}

// report is what a Trained event says of a window, nil where there is none.
func (w *world) report(window int64) *Report {
	for _, e := range w.log.of(status.Trained) {
		if e.Window == window {
			r := e.Report.(Report)
			return &r
		}
	}
	return nil
}

// skipped are the reasons for which a miner's file of a window was left out, or, for -1, the window.
func (w *world) skipped(who int, window int64) string {
	var reasons []string
	for _, e := range w.log.of(status.Skipped) {
		if e.Window == window && (who < 0 && e.Text == "" || who >= 0 && e.Text == w.address(who)) {
			reasons = append(reasons, e.Reason)
		}
	}
	return strings.Join(reasons, "; ")
}
