package verify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/bittensor/sr25519"
	"github.com/nanteos/nanteos/bittensor/ss58"
	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/grail/windowfile"
)

// The tests of this file make a small network: keys that sign, a model and an environment that are plain functions, honest files,
// and one file for each way to cheat.

const testHash = "0x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
const testEOS = 7

// model is a function of the tokens: hidden states, log-probabilities and end probability.
type model struct {
	seed    byte
	batches []int
	rows    int
	err     error
	eos     float64
	chosen  float64
}

func (m *model) Replay(_ context.Context, reqs []ReplayRequest, _ grail.GenerationParams) ([]Replay, error) {
	m.batches = append(m.batches, len(reqs))
	m.rows += len(reqs)
	if m.err != nil {
		return nil, m.err
	}
	out := make([]Replay, len(reqs))
	for i, r := range reqs {
		out[i] = m.replay(r)
	}
	return out, nil
}

func (m *model) replay(r ReplayRequest) Replay {
	const dim = 32
	n := len(r.Tokens)
	out := Replay{Sketches: make([]int64, n), LogProbs: make([]float64, n), EOSProb: m.eos}
	hidden := make([]float32, dim)
	state := sha256.Sum256([]byte{m.seed})
	for i, t := range r.Tokens {
		if i >= r.PromptLength && i > 0 {
			// The row before the token decides its probability, as in a model.
			out.LogProbs[i] = -float64(float32(state[int(t)%32])) / 512
			out.ChosenProbs = append(out.ChosenProbs, m.chosen)
		}
		state = sha256.Sum256(binary.BigEndian.AppendUint32(state[:], uint32(t)))
		for j := range hidden {
			hidden[j] = float32(int(state[j])-128) * 4
		}
		s, err := grail.Sketch(hidden, r.Coefficients)
		if err != nil {
			panic(err)
		}
		out.Sketches[i] = s
	}
	return out
}

// environment pays for the share of even ids.
type environment struct {
	err   error
	seen  [][]int32
	calls int
}

func (e *environment) PromptTokens(_ context.Context, seed uint32) ([]int32, error) {
	return []int32{int32(seed % 89), int32(seed % 83), 3, 4, 5}, nil
}

func (e *environment) Evaluate(_ context.Context, _ uint32, completion []int32) (Grade, error) {
	e.calls++
	e.seen = append(e.seen, completion)
	if e.err != nil {
		return Grade{}, e.err
	}
	even := 0
	for _, t := range completion {
		if t%2 == 0 {
			even++
		}
	}
	return Grade{Success: even > 15, Reward: float64(even) / 40}, nil
}

// bench is a network with one miner.
type bench struct {
	rules  grail.Rules
	key    sr25519.Keypair
	window Window
	model  *model
	env    *environment
}

func newBench(rules grail.Rules) *bench {
	key := sr25519.NewKeypair([32]byte{1, 2, 3})
	cw := int64(2970)
	return &bench{
		rules: rules, key: key, model: &model{seed: 1, eos: 0.5, chosen: 0.8}, env: &environment{},
		window: Window{
			Miner: ss58.EncodeBittensor(key.Public()), Start: 3000, Hash: testHash, ChallengeRandomness: strings.Repeat("ab", 32),
			ExpectedBeacon: strings.Repeat("cd", 32), CheckpointWindow: &cw, VocabSize: 100, MaxLength: 200, EOS: testEOS,
			Params: &grail.GenerationParams{MaxTokens: 64, Temperature: 1, TopP: 1, RepetitionPenalty: 1},
		},
	}
}

func (b *bench) checker() *Checker {
	return &Checker{Rules: b.rules, Window: b.window, Evaluator: b.env, Replayer: b.model}
}

// rows makes honest groups.
func (b *bench) rows(t testing.TB, groups ...int64) []grail.Row {
	t.Helper()
	var rows []grail.Row
	for _, g := range groups {
		first := len(rows)
		var rewards []float64
		for i := range b.rules.GroupSize {
			rows = append(rows, b.row(t, g, int32(i)))
			rewards = append(rewards, rows[len(rows)-1].Commit.Rollout.TotalReward)
		}
		for i, a := range grail.Advantages(rewards) {
			rows[first+i].Commit.Rollout.Advantage = a
		}
	}
	return rows
}

func (b *bench) row(t testing.TB, group int64, index int32) grail.Row {
	t.Helper()
	seed := grail.EnvSeed(b.window.Miner, b.window.Hash, group)
	prompt, _ := b.env.PromptTokens(context.Background(), seed)
	tokens := slices.Clone(prompt)
	stream := sha256.Sum256(fmt.Appendf(nil, "%d/%d", group, index))
	for i := range 35 + int(index)%4 {
		if i%32 == 0 && i > 0 {
			stream = sha256.Sum256(stream[:])
		}
		tokens = append(tokens, 10+int32(stream[i%32])%80)
	}
	tokens = append(tokens, testEOS)
	row := grail.Row{
		WindowStart: b.window.Start, Block: b.window.Start + 3, Nonce: grail.Nonce(group, b.rules.GroupSize, index), BlockHash: b.window.Hash,
		Randomness: b.window.ExpectedBeacon, UseDrand: true, RolloutGroup: group, RolloutIndex: index, TotalInGroup: int32(b.rules.GroupSize),
		CheckpointWindow: *b.window.CheckpointWindow, Timestamp: 1,
	}
	c := &row.Commit
	c.Tokens, c.ProofVersion, c.Model = tokens, b.rules.ProofVersion, grail.ModelRef{Name: "m", LayerIndex: b.rules.LayerIndex}
	c.Beacon = grail.BeaconRef{Randomness: b.window.ExpectedBeacon}
	c.Rollout.PromptLength, c.Rollout.CompletionLength = int32(len(prompt)), int32(len(tokens)-len(prompt))
	b.prove(t, &row, b.model)
	graded := tokens[len(prompt):]
	if !b.rules.GradeEOS {
		graded = graded[:len(graded)-1]
	}
	grade, _ := b.env.Evaluate(context.Background(), seed, graded)
	c.Rollout.Success, c.Rollout.TotalReward = grade.Success, grade.Reward
	return row
}

// prove computes sketches and log-probabilities with a model and signs.
func (b *bench) prove(t testing.TB, row *grail.Row, m *model) {
	t.Helper()
	c := &row.Commit
	coefficients, err := grail.NewCoefficients(c.Beacon.Randomness)
	if err != nil {
		t.Fatal(err)
	}
	r := m.replay(ReplayRequest{Tokens: c.Tokens, PromptLength: int(c.Rollout.PromptLength), Coefficients: coefficients})
	c.Commitments = grail.NewCommitments(r.Sketches)
	c.Rollout.TokenLogprobs = r.LogProbs
	b.sign(t, row)
}

func (b *bench) sign(t testing.TB, row *grail.Row) {
	t.Helper()
	if err := grail.SignCommit(&row.Commit, b.key); err != nil {
		t.Fatal(err)
	}
	if err := grail.SignRow(row, b.key); err != nil {
		t.Fatal(err)
	}
}

func (b *bench) meta() windowfile.Metadata {
	return windowfile.Metadata{Wallet: b.window.Miner, WindowStart: b.window.Start, WindowLength: 30, Timestamp: 1}
}

// file writes rows and opens them as a validator does.
func (b *bench) file(t testing.TB, rows []grail.Row) *windowfile.File {
	t.Helper()
	var buf bytes.Buffer
	if err := windowfile.Write(&buf, b.meta(), rows, windowfile.Options{}); err != nil {
		t.Fatal(err)
	}
	f, err := windowfile.Open(bytes.NewReader(buf.Bytes()), int64(buf.Len()), windowfile.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestHonestFilePasses(t *testing.T) {
	for name, rules := range map[string]grail.Rules{"reference": grail.Reference(), "hardened": grail.Hardened()} {
		for _, order := range []grail.SampleOrder{grail.SampleByDigest, grail.SampleByNumber} {
			rules.SampleOrder = order
			b := newBench(rules)
			groups := make([]int64, 25)
			for i := range groups {
				groups[i] = int64(3 * i)
			}
			rows := b.rows(t, groups...)
			b.model.batches, b.model.rows = nil, 0
			c := b.checker()
			rep, err := c.Check(context.Background(), b.file(t, rows))
			if err != nil {
				t.Fatal(err)
			}
			if !rep.OK || rep.Failed() || rep.Reason != "" {
				t.Fatalf("%s: %s: %s", name, rep.Reason, rep.Cause)
			}
			if m := rep.Metrics; m.Checked != 32 || m.Valid != 32 || m.Total != 400 || m.EstimatedUnique != 400 || m.HadFailure != 0 {
				t.Errorf("%s: metrics %+v", name, m)
			}
			if b.model.rows != 32 || !slices.Equal(b.model.batches, []int{16, 16}) {
				t.Errorf("%s: the model ran on batches %v", name, b.model.batches)
			}
			if len(rep.Digests) != 400 || len(rep.Groups) != 2 {
				t.Errorf("%s: %d digests, %d groups", name, len(rep.Digests), len(rep.Groups))
			}
			for i := range rep.Reports {
				if got := len(rep.Reports[i].Verdicts); got != 9 {
					t.Fatalf("%s: row %d has %d verdicts", name, i, got)
				}
				for _, v := range rep.Reports[i].Verdicts {
					agree(t, name, v)
				}
				if rep.Reports[i].Smallest() == nil || rep.Reports[i].First() != nil {
					t.Errorf("%s: row %d has no smallest margin, or a failure", name, i)
				}
			}
			// The same rows in memory give the same report.
			again, err := c.Check(context.Background(), Rows(b.meta(), rows))
			if err != nil || again.Metrics != rep.Metrics {
				t.Errorf("%s: from memory %+v, %v", name, again.Metrics, err)
			}
		}
	}
}

// cheats are ways to cheat, each with the reason under which it falls by the reference's rules ("" where it passes) and by the hardened.
var cheats = []struct {
	name                string
	spoil               func(t *testing.T, b *bench, rows []grail.Row)
	reference, hardened string
}{
	{"all-zero sketches", func(t *testing.T, b *bench, rows []grail.Row) {
		for i := range rows {
			rows[i].Commit.Commitments = grail.NewCommitments(make([]int64, len(rows[i].Commit.Tokens)))
			b.sign(t, &rows[i])
		}
	}, "", "hard:proof_valid"}, // quirk Q-02: the reference's tolerance lets zeros pass
	{"sketches out of range", func(t *testing.T, b *bench, rows []grail.Row) {
		for i := range rows {
			s := make([]int64, len(rows[i].Commit.Tokens))
			for j := range s {
				s[j] = 1_000_000_000_000_000
			}
			rows[i].Commit.Commitments = grail.NewCommitments(s)
			b.sign(t, &rows[i])
		}
	}, "", "hard:proof_valid"},
	{"one sketch off by one", func(t *testing.T, b *bench, rows []grail.Row) {
		s := slices.Clone(sketchesOf(&rows[4].Commit))
		s[6] = (s[6] + 1) % grail.Q
		rows[4].Commit.Commitments = grail.NewCommitments(s)
		b.sign(t, &rows[4])
	}, "", "hard:proof_valid"},
	{"another model", func(t *testing.T, b *bench, rows []grail.Row) {
		for i := range rows {
			b.prove(t, &rows[i], &model{seed: 99})
		}
	}, "hard:proof_valid", "hard:proof_valid"},
	{"false reward", func(t *testing.T, b *bench, rows []grail.Row) {
		var rewards []float64
		for i := range rows {
			rows[i].Commit.Rollout.TotalReward = 1
			if i%2 == 0 {
				rows[i].Commit.Rollout.TotalReward = 2
			}
			rewards = append(rewards, rows[i].Commit.Rollout.TotalReward)
		}
		for i, a := range grail.Advantages(rewards) {
			rows[i].Commit.Rollout.Advantage = a
		}
	}, "soft:reward_valid", "soft:reward_valid"},
	{"edited prompt", func(t *testing.T, b *bench, rows []grail.Row) {
		rows[2].Commit.Tokens[1] = 50
		b.prove(t, &rows[2], b.model)
	}, "hard:env_prompt_valid", "hard:env_prompt_valid"},
	{"edited after signing", func(t *testing.T, b *bench, rows []grail.Row) { rows[3].Commit.Tokens[20]++ }, "hard:proof_valid", "hard:proof_valid"},
	{"another's key", func(t *testing.T, b *bench, rows []grail.Row) {
		thief := *b
		thief.key = sr25519.NewKeypair([32]byte{9})
		for i := range rows {
			rows[i].Commit.Signature = ""
			thief.sign(t, &rows[i])
		}
	}, "hard:proof_valid", "row:binding"},
	{"outer signature of another", func(t *testing.T, b *bench, rows []grail.Row) {
		thief := sr25519.NewKeypair([32]byte{9})
		for i := range rows {
			if err := grail.SignRow(&rows[i], thief); err != nil {
				t.Fatal(err)
			}
		}
	}, "", "row:binding"},
	{"beacon of choice", func(t *testing.T, b *bench, rows []grail.Row) {
		for i := range rows {
			rows[i].Commit.Beacon.Randomness = strings.Repeat("11", 32)
			b.prove(t, &rows[i], b.model)
		}
	}, "", "hard:proof_valid"},
	{"nonces without formula", func(t *testing.T, b *bench, rows []grail.Row) {
		for i := range rows {
			rows[i].Nonce += 1000
			b.sign(t, &rows[i])
		}
	}, "", "row:binding"},
	{"one log-probability off by a bit", func(t *testing.T, b *bench, rows []grail.Row) {
		lp := rows[5].Commit.Rollout.TokenLogprobs
		lp[12] = float64(math.Nextafter32(float32(lp[12]), 1))
	}, "", "hard:logprobs_valid"},
	{"made-up log-probabilities", func(t *testing.T, b *bench, rows []grail.Row) {
		lp := rows[5].Commit.Rollout.TokenLogprobs
		for i := range lp {
			lp[i] -= 0.5
		}
	}, "hard:logprobs_valid", "hard:logprobs_valid"},
	{"NaN advantages", func(t *testing.T, b *bench, rows []grail.Row) {
		for i := range rows {
			rows[i].Commit.Rollout.Advantage = math.NaN()
		}
	}, "", "hard:schema_valid"},
	{"wrong advantages", func(t *testing.T, b *bench, rows []grail.Row) {
		rows[0].Commit.Rollout.Advantage += 0.005
	}, "group:advantage_value", "group:advantage_value"},
	{"duplicate nonce", func(t *testing.T, b *bench, rows []grail.Row) { rows[1].Nonce = rows[0].Nonce }, "file:duplicate_nonce", "file:duplicate_nonce"},
	{"another window", func(t *testing.T, b *bench, rows []grail.Row) { rows[1].WindowStart += 30 }, "file:window_start_mismatch", "file:window_start_mismatch"},
	{"a group of 15", func(t *testing.T, b *bench, rows []grail.Row) { rows[15].RolloutGroup = 9 }, "file:invalid_group_size", "file:invalid_group_size"},
	{"old checkpoint", func(t *testing.T, b *bench, rows []grail.Row) { rows[7].CheckpointWindow = 2940 }, "row:checkpoint_window", "row:checkpoint_window"},
	{"no end", func(t *testing.T, b *bench, rows []grail.Row) {
		c := &rows[8].Commit
		c.Tokens[len(c.Tokens)-1] = 20
		b.prove(t, &rows[8], b.model)
	}, "hard:termination_valid", "hard:termination_valid"},
	{"0x in the beacon", func(t *testing.T, b *bench, rows []grail.Row) {
		rows[0].Commit.Beacon.Randomness = "0x" + rows[0].Commit.Beacon.Randomness
		b.prove(t, &rows[0], b.model)
	}, "hard:schema_valid", "hard:schema_valid"},
	{"ids beyond the vocabulary", func(t *testing.T, b *bench, rows []grail.Row) {
		rows[6].Commit.Tokens[9] = 100
		b.prove(t, &rows[6], b.model)
	}, "hard:tokens_valid", "hard:tokens_valid"},
}

func sketchesOf(c *grail.Commit) []int64 {
	out := make([]int64, c.Commitments.Len())
	for i := range out {
		out[i], _ = c.Commitments.Sketch(i)
	}
	return out
}

func TestCheatsAreCaught(t *testing.T) {
	for _, cheat := range cheats {
		for name, c := range map[string]struct {
			rules grail.Rules
			want  string
		}{"reference": {grail.Reference(), cheat.reference}, "hardened": {grail.Hardened(), cheat.hardened}} {
			t.Run(cheat.name+"/"+name, func(t *testing.T) {
				b := newBench(c.rules)
				rows := b.rows(t, 4)
				cheat.spoil(t, b, rows)
				checker := b.checker()
				rep, err := checker.Check(context.Background(), b.file(t, rows))
				if err != nil {
					t.Fatal(err)
				}
				if rep.Reason != c.want || rep.OK != (c.want == "") {
					t.Fatalf("reason %q (%s), want %q", rep.Reason, rep.Cause, c.want)
				}
				if c.want != "" && (rep.Cause == "" || rep.Metrics.HadFailure != 1 || rep.Metrics.EstimatedUnique != 0) {
					t.Errorf("cause %q, metrics %+v", rep.Cause, rep.Metrics)
				}
				if strings.HasPrefix(c.want, "hard:") || strings.HasPrefix(c.want, "row:") {
					if rep.Remedy == "" {
						t.Error("no remedy")
					}
					// Row after row, one at a time, ends in the same place.
					slow := b.rules
					slow.ProofBatch = 1
					checker.Rules = slow
					one, err := checker.Check(context.Background(), b.file(t, rows))
					if err != nil || one.Reason != rep.Reason || one.Cause != rep.Cause || one.Metrics != rep.Metrics {
						t.Errorf("one at a time: %q (%s), %v", one.Reason, one.Cause, err)
					}
				}
				// Explaining finds the same first reason, and goes on behind it.
				checker.Rules = c.rules
				checker.Options.All = true
				all, err := checker.Check(context.Background(), b.file(t, rows))
				if err != nil {
					t.Fatal(err)
				}
				if all.Reason != c.want {
					t.Errorf("explained: %q (%s), want %q", all.Reason, all.Cause, c.want)
				}
				if len(all.Reports) != len(rows) {
					t.Errorf("explained %d rows of %d", len(all.Reports), len(rows))
				}
				for i, r := range all.Reports {
					have := map[string]bool{}
					for _, v := range r.Verdicts {
						have[v.Check] = true
					}
					for _, check := range []string{CheckSchema, CheckTokens, CheckPrompt, CheckProof, CheckTermination, CheckEvaluation, CheckReward} {
						if !have[check] {
							t.Errorf("explained row %d lacks %s", i, check)
						}
					}
				}
			})
		}
	}
}

func TestModelRunsOnlyWhereItMatters(t *testing.T) {
	b := newBench(grail.Hardened())
	rows := b.rows(t, 1)
	rows[5].Commit.Signature = rows[6].Commit.Signature
	b.model.batches, b.model.rows = nil, 0
	rep, err := b.checker().Check(context.Background(), Rows(b.meta(), rows))
	if err != nil || rep.Reason != "hard:proof_valid" || rep.Metrics.Checked != 6 {
		t.Fatalf("%q after %d rows, %v", rep.Reason, rep.Metrics.Checked, err)
	}
	if !slices.Equal(b.model.batches, []int{5}) {
		t.Errorf("the model ran on batches %v, want [5]: rows behind the failing one don't matter", b.model.batches)
	}
	if b.env.calls == 0 {
		t.Error("nothing was graded")
	}
}

func TestCannotTell(t *testing.T) {
	down := errors.New("out of memory")
	for _, c := range []struct {
		name      string
		spoil     func(*bench)
		reference string
	}{
		{"model", func(b *bench) { b.model.err = down }, "hard:proof_valid"},
		{"sandbox", func(b *bench) { b.env.err = fmt.Errorf("%w: no sandbox", ErrUnjudged) }, "hard:env_eval_valid"},
	} {
		for _, rules := range []grail.Rules{grail.Reference(), grail.Hardened()} {
			b := newBench(rules)
			rows := b.rows(t, 1)
			c.spoil(b)
			rep, err := b.checker().Check(context.Background(), Rows(b.meta(), rows))
			if rules.BanOnInfrastructureFault {
				if err != nil || rep.Reason != c.reference {
					t.Errorf("%s: reference gives %q, %v", c.name, rep.Reason, err)
				}
				continue
			}
			if !errors.Is(err, ErrUnjudged) || !rep.Unjudged || rep.Failed() || rep.OK {
				t.Errorf("%s: %v, report %+v", c.name, err, rep)
			}
		}
	}
	// An error that the completion itself caused is the miner's.
	b := newBench(grail.Hardened())
	rows := b.rows(t, 1)
	b.env.err = errors.New("can't be decoded")
	if rep, err := b.checker().Check(context.Background(), Rows(b.meta(), rows)); err != nil || rep.Reason != "hard:env_eval_valid" {
		t.Errorf("completion that can't be graded: %q, %v", rep.Reason, err)
	}
	// A context that ends is neither.
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if rep, err := b.checker().Check(ctx, Rows(b.meta(), rows)); !errors.Is(err, context.Canceled) || rep.Failed() && rep.Reason != "" {
		t.Errorf("cancelled: %q, %v", rep.Reason, err)
	}
}

func TestFileFaults(t *testing.T) {
	for _, c := range []struct {
		kind                error
		reference, hardened string
		found               bool
	}{
		{windowfile.ErrCorrupt, "file:corrupt_parquet", "file:corrupt_parquet", true},
		{windowfile.ErrTooLarge, "file:corrupt_parquet", "file:corrupt_parquet", true},
		{windowfile.ErrNullGroup, "file:corrupt_parquet", "file:corrupt_parquet", true},
		{windowfile.ErrUnreadable, "", "file:unreadable", false},
	} {
		for _, rules := range []grail.Rules{grail.Reference(), grail.Hardened()} {
			want := c.reference
			if rules.FailUnreadableFile {
				want = c.hardened
			}
			rep, err := newBench(rules).checker().OpenFault(fmt.Errorf("x: %w", c.kind))
			if err != nil || rep.Reason != want || rep.Found != (c.found || want != "") || rep.Failed() != (want != "") {
				t.Errorf("%v: %q, found %v, %v", c.kind, rep.Reason, rep.Found, err)
			}
		}
	}
	if _, err := newBench(grail.Reference()).checker().OpenFault(errors.New("connection reset")); !errors.Is(err, ErrUnjudged) {
		t.Errorf("storage: %v", err)
	}
}

func TestEndTokenIsNotGraded(t *testing.T) {
	for _, rules := range []grail.Rules{grail.Reference(), grail.Hardened()} {
		b := newBench(rules)
		rows := b.rows(t, 1)
		b.env.seen = nil
		if rep, err := b.checker().Check(context.Background(), Rows(b.meta(), rows)); err != nil || !rep.OK {
			t.Fatalf("%q, %v", rep.Reason, err)
		}
		for _, completion := range b.env.seen {
			if got := completion[len(completion)-1] == testEOS; got != rules.GradeEOS {
				t.Fatalf("end token graded: %v, the rules say %v", got, rules.GradeEOS)
			}
		}
	}
}

func TestSkippedRows(t *testing.T) {
	for _, rules := range []grail.Rules{grail.Reference(), grail.Hardened()} {
		b := newBench(rules)
		rows := b.rows(t, 1)
		rows[3].Null = grail.NullCommit
		rep, err := b.checker().Check(context.Background(), Rows(b.meta(), rows))
		want := "group:rows" // the skipped row makes its group too small
		if rules.FailSkippedRows {
			want = "row:unreadable"
		}
		if err != nil || rep.Reason != want {
			t.Errorf("%q, %v; want %q", rep.Reason, err, want)
		}
	}
}

func TestExplainOneRow(t *testing.T) {
	b := newBench(grail.Hardened())
	rows := b.rows(t, 0, 1, 2)
	s := slices.Clone(sketchesOf(&rows[20].Commit))
	for i := range s {
		s[i] = (s[i] + int64(i)) % grail.Q
	}
	rows[20].Commit.Commitments = grail.NewCommitments(s)
	b.sign(t, &rows[20])
	c := b.checker()
	c.Options = Options{All: true, Rows: []int64{20}, Positions: 4}
	rep, err := c.Check(context.Background(), b.file(t, rows))
	if err != nil || rep.Reason != "hard:proof_valid" || len(rep.Reports) != 1 || rep.Reports[0].Row != 20 {
		t.Fatalf("%q, %d rows, %v", rep.Reason, len(rep.Reports), err)
	}
	v := rep.Reports[0].First()
	if v == nil || len(v.Positions) != 4 || v.Positions[0].Deviation < v.Positions[3].Deviation || v.Positions[0].Index != len(s)-1 {
		t.Errorf("verdict %+v", v)
	}
	c.Options.Rows = []int64{99}
	if _, err := c.Check(context.Background(), b.file(t, rows)); err == nil {
		t.Error("a row beyond the file was explained")
	}
}

func BenchmarkCheckGroup(b *testing.B) {
	n := newBench(grail.Hardened())
	rows := n.rows(b, 1)
	src := Rows(n.meta(), rows)
	for b.Loop() {
		if rep, err := n.checker().Check(context.Background(), src); err != nil || !rep.OK {
			b.Fatal(rep.Reason, err)
		}
	}
}

// A small file may hold JSON that takes gigabytes once it is read. It fails its miner before that.
func TestOddJSONOfManyRowsIsRefused(t *testing.T) {
	b := newBench(grail.Reference())
	rows := b.rows(t, 0)
	for i := range rows {
		beacon, err := grail.ParseBeacon(fmt.Appendf(nil, `{"randomness":"ab","i":%d,"x":[%s0]}`, i, strings.Repeat("0,", 9999)))
		if err != nil {
			t.Fatal(err)
		}
		rows[i].Commit.Beacon = beacon
	}
	src := b.file(t, rows)
	want := []int64{0, 1, 2, 5, 6, 9}
	got, err := readRows(t.Context(), src, want, 8<<20)
	if err != nil || len(got) != len(want) {
		t.Errorf("%d rows, %v", len(got), err)
	}
	_, err = readRows(t.Context(), src, want, 1<<20)
	if !errors.Is(err, windowfile.ErrTooLarge) {
		t.Fatalf("got %v, want ErrTooLarge", err)
	}
	rep := &FileReport{Found: true}
	if err := b.checker().fileFault(rep, err); err != nil || !rep.Failed() || rep.Reason != "file:"+ReasonCorrupt || rep.Metrics.HadFailure != 1 {
		t.Errorf("%v, reason %q", err, rep.Reason)
	}
}
