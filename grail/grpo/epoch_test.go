package grpo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/nanteos/nanteos/internal/vectortest"
)

// toy is the model of the vectors: each token alone decides what follows it. logits = head · tanh(embedding[token]).
type toy struct {
	embedding, head     [][]float64
	byEmbedding, byHead [][]float64
	steps               int
	sgd                 bool
}

func newToy(embedding, head [][]float64) *toy {
	t := &toy{embedding: embedding, head: head, sgd: true}
	t.zero()
	return t
}

func (m *toy) zero() {
	m.byEmbedding, m.byHead = make([][]float64, len(m.embedding)), make([][]float64, len(m.head))
	for i := range m.embedding {
		m.byEmbedding[i] = make([]float64, len(m.embedding[i]))
	}
	for i := range m.head {
		m.byHead[i] = make([]float64, len(m.head[i]))
	}
}

// predict returns the hidden state after a token, and the log-probabilities and the entropy of what follows.
func (m *toy) predict(token int32) (h, logp []float64, entropy float64) {
	h = make([]float64, len(m.embedding[token]))
	for d, x := range m.embedding[token] {
		h[d] = math.Tanh(x)
	}
	logp = make([]float64, len(m.head))
	var sum float64
	for v, row := range m.head {
		for d := range h {
			logp[v] += row[d] * h[d]
		}
		sum += math.Exp(logp[v])
	}
	for v := range logp {
		logp[v] -= math.Log(sum)
		entropy -= math.Exp(logp[v]) * logp[v]
	}
	return h, logp, entropy
}

func (m *toy) Score(_ context.Context, batch []Sequence) (Scores, error) {
	var s Scores
	for _, q := range batch {
		logs, h := []float64{}, 0.0
		for k := range q.Completion {
			_, logp, entropy := m.predict(q.Tokens[q.Prompt-1+k])
			logs = append(logs, logp[q.Tokens[q.Prompt+k]])
			h += entropy / float64(q.Completion)
		}
		s.LogProbs, s.Entropy = append(s.LogProbs, logs), append(s.Entropy, h)
	}
	return s, nil
}

func (m *toy) Backward(_ context.Context, batch []Sequence, l Loss) error {
	for i, q := range batch {
		for k := range q.Completion {
			token, target := q.Tokens[q.Prompt-1+k], q.Tokens[q.Prompt+k]
			h, logp, entropy := m.predict(token)
			byHidden := make([]float64, len(h))
			for v := range m.head {
				p := math.Exp(logp[v])
				g := -p * l.ByLogProb[i][k]
				if v == int(target) {
					g += l.ByLogProb[i][k]
				}
				g -= l.ByEntropy[i] / float64(q.Completion) * p * (logp[v] + entropy)
				for d := range h {
					m.byHead[v][d] += g * h[d]
					byHidden[d] += g * m.head[v][d]
				}
			}
			for d := range h {
				m.byEmbedding[token][d] += byHidden[d] * (1 - h[d]*h[d])
			}
		}
	}
	return nil
}

func (m *toy) Step(_ context.Context, rate, clip float64) (float64, error) {
	var squares float64
	each := func(f func(w, g *float64)) {
		for i := range m.embedding {
			for d := range m.embedding[i] {
				f(&m.embedding[i][d], &m.byEmbedding[i][d])
			}
		}
		for i := range m.head {
			for d := range m.head[i] {
				f(&m.head[i][d], &m.byHead[i][d])
			}
		}
	}
	each(func(_, g *float64) { squares += *g * *g })
	norm := math.Sqrt(squares)
	defer m.zero()
	if math.IsNaN(norm) || math.IsInf(norm, 0) {
		return norm, fmt.Errorf("couldn't step: %w", ErrNotFinite)
	}
	scale := min(1, clip/(norm+1e-6))
	each(func(w, g *float64) { *w -= rate * scale * *g })
	m.steps++
	return norm, nil
}

type weights struct {
	Embedding [][]float64
	Head      [][]float64 `json:"lm_head"`
}

func TestVectorsEpoch(t *testing.T) {
	const file = "validator/grpo_epoch.json"
	var v struct {
		About string
		Cases []struct {
			Name       string
			Vocab, Dim int
			Before     weights  `json:"weights_before"`
			Reference  *weights `json:"reference_weights"`
			Optimizer  struct {
				Type string
				LR   float64
			}
			Variant string
			Level   string `json:"is_level"`
			Config  lossConfig
			Groups  []struct {
				ID       string `json:"group_id"`
				Rollouts []struct {
					Nonce             int64
					Tokens            []int32
					Prompt            int `json:"prompt_length"`
					Completion        int `json:"completion_length"`
					Reward, Advantage float64
					LogProbs          []float64 `json:"token_logprobs"`
				}
			}
			Expect struct {
				Steps int              `json:"optimizer_steps"`
				After weights          `json:"weights_after"`
				Log   [][2]any         `json:"step_log"`
				Means map[string]float `json:"epoch_metrics"`
			}
		}
	}
	vectortest.Decode(t, file, &v)
	for _, k := range v.Cases {
		c := k.Config.config(k.Variant, k.Level)
		var groups []Group
		for _, g := range k.Groups {
			one := Group{Key: g.ID}
			for _, r := range g.Rollouts {
				one.Rollouts = append(one.Rollouts, Rollout{Nonce: r.Nonce, Tokens: r.Tokens, Prompt: r.Prompt, Completion: r.Completion,
					Reward: r.Reward, Advantage: r.Advantage, LogProbs: r.LogProbs})
			}
			groups = append(groups, one)
		}
		policy := newToy(k.Before.Embedding, k.Before.Head)
		var reference Reference
		if k.Reference != nil {
			reference = newToy(k.Reference.Embedding, k.Reference.Head)
		}
		var losses, norms []float64
		m, err := c.Epoch(t.Context(), policy, reference, groups, k.Optimizer.LR, func(_ int, loss, norm float64) {
			losses, norms = append(losses, loss), append(norms, norm)
		})
		if err != nil || k.Optimizer.Type != "SGD" {
			t.Fatalf("%s: %v", k.Name, err)
		}
		if policy.steps != k.Expect.Steps || m.Steps != k.Expect.Steps {
			t.Errorf("%s: %d steps, want %d", k.Name, policy.steps, k.Expect.Steps)
		}
		var wantLosses, wantNorms []float64
		for _, e := range k.Expect.Log {
			if e[0] == "loss_total" {
				wantLosses = append(wantLosses, e[1].(float64))
			} else {
				wantNorms = append(wantNorms, e[1].(float64))
			}
		}
		if !allNear(losses, wantLosses, 1e-4) || !allNear(norms, wantNorms, 1e-4) {
			t.Errorf("%s: losses %v norms %v, want %v %v", k.Name, losses, norms, wantLosses, wantNorms)
		}
		for name, w := range k.Expect.Means {
			want := float64(w)
			got, ok := map[string]float64{
				"loss_total": m.Loss, "loss_pg": m.Policy, "loss_kl": m.KL, "loss_entropy": m.Entropy, "advantage_mean": m.AdvantageMean, "advantage_std": m.AdvantageSD,
				"entropy_mean": m.EntropyMean, "kl_divergence": m.Divergence, "ratio_mean": m.RatioMean, "ratio_std": m.RatioSD, "ratio_clip_frac": m.ClipFraction,
				"ratio_ceiling_frac": m.CeilingFraction, "reward_mean": m.RewardMean, "reward_std": m.RewardSD,
				"advantage_mean_normalized": m.ClippedMean, "advantage_std_normalized": m.ClippedSD, "grad_norm": meanNorm(c.Plan(groups), norms),
			}[name]
			if math.IsNaN(want) { // the standard deviation of one value; JSON has no NaN, so ours is 0
				want = 0
			}
			if !ok || !near(got, want, 1e-4) {
				t.Errorf("%s: %s is %v, want %v", k.Name, name, got, want)
			}
		}
		for i := range k.Expect.After.Embedding {
			if !allNear(policy.embedding[i], k.Expect.After.Embedding[i], 1e-4) || !allNear(policy.head[i], k.Expect.After.Head[i], 1e-4) {
				t.Errorf("%s: weights of token %d differ", k.Name, i)
			}
		}
	}
	vectortest.Count(t, file, len(v.Cases))
}

// meanNorm is how the reference reports norms: those of full steps, divided by the number of micro-batches.
func meanNorm(e Epoch, norms []float64) float64 {
	var sum float64
	micro := 0
	for i, s := range e.Steps {
		micro += len(s)
		if len(s) == len(e.Steps[0]) {
			sum += norms[i]
		}
	}
	return sum / float64(micro)
}

func TestVectorsLogProbs(t *testing.T) {
	const file = "validator/grpo_logprobs.json"
	var v struct {
		About string
		Cases []struct {
			Vocab, Dim int
			Embedding  [][]float64
			Head       [][]float64     `json:"lm_head"`
			MaxLength  int             `json:"max_length"`
			Pad        json.RawMessage `json:"pad_token_id"`
			EOS        int32           `json:"eos_token_id"`
			Rollouts   []struct {
				Tokens     []int32
				Prompt     int       `json:"prompt_length"`
				Completion int       `json:"completion_length"`
				LogProbs   []float64 `json:"token_logprobs"`
			}
			Expect struct {
				InputIDs   [][]int32 `json:"input_ids"`
				Mask       [][]int   `json:"attention_mask"`
				Prompts    []int     `json:"prompt_lengths"`
				Completion []int     `json:"completion_lengths"`
				Behavior   [][]float64
				Sums       []float64   `json:"sum_logprobs"`
				PerToken   [][]float64 `json:"per_token"`
				Entropy    []float64   `json:"mean_entropy"`
				// Packing puts sequences behind one another; here each is computed alone.
				PackedIDs       [][]int32 `json:"packed_ids"`
				PackedPositions [][]int   `json:"packed_position_ids"`
				PackedLengths   []int     `json:"packed_seq_lengths"`
			}
		}
	}
	vectortest.Decode(t, file, &v)
	n := 0
	for i, k := range v.Cases {
		var batch []Sequence
		for _, r := range k.Rollouts {
			batch = append(batch, Rollout{Tokens: r.Tokens, Prompt: r.Prompt, Completion: r.Completion, LogProbs: r.LogProbs}.Sequence(k.MaxLength))
		}
		s, err := newToy(k.Embedding, k.Head).Score(t.Context(), batch)
		if err != nil {
			t.Fatal(err)
		}
		for j, q := range batch {
			ones := 0
			for _, x := range k.Expect.Mask[j] {
				ones += x
			}
			if q.Prompt != k.Expect.Prompts[j] || q.Completion != k.Expect.Completion[j] || ones != len(q.Tokens) || !slices.Equal(q.Tokens, k.Expect.InputIDs[j][:ones]) {
				t.Errorf("case %d sequence %d: %+v", i, j, q)
				continue
			}
			pad := func(xs []float64, n int) []float64 {
				return append(slices.Clone(xs), make([]float64, max(0, n-len(xs)))...)
			}
			if want := k.Expect.Behavior[j]; !allNear(pad(q.Behaviour, len(want)), want, 1e-5) {
				t.Errorf("case %d sequence %d: behaviour %v, want %v", i, j, q.Behaviour, want)
			}
			if want := k.Expect.PerToken[j]; !allNear(pad(s.LogProbs[j], len(want)), want, 1e-5) {
				t.Errorf("case %d sequence %d: log-probabilities %v, want %v", i, j, s.LogProbs[j], want)
			}
			var sum float64
			for _, x := range s.LogProbs[j] {
				sum += x
			}
			if !near(sum, k.Expect.Sums[j], 1e-5) || !near(s.Entropy[j], k.Expect.Entropy[j], 1e-5) {
				t.Errorf("case %d sequence %d: sum %v entropy %v, want %v %v", i, j, sum, s.Entropy[j], k.Expect.Sums[j], k.Expect.Entropy[j])
			}
			n++
		}
		if len(k.Expect.PackedLengths) > 0 && !slices.EqualFunc(batch, k.Expect.PackedLengths, func(q Sequence, n int) bool { return len(q.Tokens) == n }) {
			t.Errorf("case %d: packed lengths %v", i, k.Expect.PackedLengths)
		}
	}
	vectortest.Count(t, file, n)
}

// group makes a group of n rollouts whose rewards alternate.
func group(key string, n int) Group {
	g := Group{Key: key}
	for i := range n {
		g.Rollouts = append(g.Rollouts, Rollout{Nonce: int64(i), Tokens: []int32{0, 1, int32(i % 3), 2}, Prompt: 2, Completion: 2,
			Reward: float64(i % 2), Advantage: float64(2*(i%2) - 1), LogProbs: []float64{-1, -1}})
	}
	return g
}

func testToy() *toy {
	return newToy([][]float64{{0.1, -0.4}, {0.3, 0.2}, {-0.5, 0.7}}, [][]float64{{0.2, 0.1}, {-0.3, 0.4}, {0.5, -0.6}})
}

// TestLossIsItsDerivative holds derivatives against central differences, through the whole of a step.
func TestLossIsItsDerivative(t *testing.T) {
	for _, variant := range []Variant{GRPO, BNPO, DrGRPO, DAPO} {
		for _, level := range []Level{SequenceLevel, TokenLevel} {
			c := DefaultConfig()
			c.Variant, c.Level, c.Entropy = variant, level, 0.05
			batch := c.Plan([]Group{group("a", 4)}).Sequences
			policy, reference := testToy(), testToy()
			reference.head[1][0] = 0.9
			ref, _ := reference.Score(t.Context(), batch)
			total := func() float64 {
				now, _ := policy.Score(t.Context(), batch)
				return c.Loss(batch, now, ref, Divisor{8, 2}).Total
			}
			now, _ := policy.Score(t.Context(), batch)
			if err := policy.Backward(t.Context(), batch, c.Loss(batch, now, ref, Divisor{8, 2})); err != nil {
				t.Fatal(err)
			}
			for v := range policy.head {
				for d := range policy.head[v] {
					w := &policy.head[v][d]
					const h = 1e-5
					*w += h
					up := total()
					*w -= 2 * h
					down := total()
					*w += h
					if got, want := policy.byHead[v][d], (up-down)/(2*h); math.Abs(got-want) > 1e-6 {
						t.Errorf("%s %s: derivative of head %d,%d is %v, want %v", variant, level, v, d, got, want)
					}
				}
			}
		}
	}
}

// TestHardenedTokensWeighTheSame: under dapo, how an epoch is cut into micro-batches does not matter unless Quirks.
func TestHardenedTokensWeighTheSame(t *testing.T) {
	run := func(micro int, quirks bool) [][]float64 {
		c := DefaultConfig()
		c.Quirks, c.MicroBatch, c.Accumulation, c.AdvantageClip, c.KL, c.Entropy = quirks, micro, 16/micro, 0, 0, 0
		g := group("a", 16)
		g.Rollouts[3].Tokens, g.Rollouts[3].Completion, g.Rollouts[3].LogProbs = []int32{0, 1, 2, 2, 1, 0, 0}, 5, []float64{-1, -2, -1, -1, -2}
		p := testToy()
		if _, err := c.Epoch(t.Context(), p, nil, []Group{g}, 0.1, nil); err != nil {
			t.Fatal(err)
		}
		return p.head
	}
	same := func(a, b [][]float64) bool {
		return slices.EqualFunc(a, b, func(x, y []float64) bool { return allNear(x, y, 1e-12) })
	}
	if !same(run(4, false), run(16, false)) {
		t.Error("micro-batches change the step")
	}
	if same(run(4, true), run(16, true)) {
		t.Error("the quirk is gone: this test can't tell")
	}
}

// TestNotFinite: a rollout with numbers that are none costs its micro-batch, and under Quirks the step.
func TestNotFinite(t *testing.T) {
	for _, quirks := range []bool{false, true} {
		c := DefaultConfig()
		c.Quirks, c.MicroBatch, c.Accumulation = quirks, 4, 4
		p := &broken{toy: testToy(), at: 2}
		before := p.head[0][0]
		m, err := c.Epoch(t.Context(), p, nil, []Group{group("a", 16)}, 0.1, nil)
		if err != nil {
			t.Fatal(err)
		}
		if changed := p.head[0][0] != before; changed == quirks || (m.SkippedSteps == 1) != quirks {
			t.Errorf("quirks %v: changed %v, %d steps skipped", quirks, changed, m.SkippedSteps)
		}
	}
}

// broken gives a NaN in the at-th micro-batch.
type broken struct {
	*toy
	at, calls int
}

func (b *broken) Score(ctx context.Context, batch []Sequence) (Scores, error) {
	s, err := b.toy.Score(ctx, batch)
	if b.calls++; b.calls == b.at {
		s.LogProbs[0][0] = math.NaN()
	}
	return s, err
}

func TestEpochStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := DefaultConfig().Epoch(ctx, testToy(), nil, []Group{group("a", 16)}, 0.1, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	short := &short{testToy()}
	if _, err := DefaultConfig().Epoch(t.Context(), short, nil, []Group{group("a", 16)}, 0.1, nil); err == nil {
		t.Error("scores of another size are used")
	}
}

type short struct{ *toy }

func (s *short) Score(ctx context.Context, batch []Sequence) (Scores, error) {
	out, err := s.toy.Score(ctx, batch)
	out.LogProbs[0] = out.LogProbs[0][:1]
	return out, err
}

func TestGroupsKeepTheirMiners(t *testing.T) {
	row := func(miner string, nonce int64) Row {
		return Row{Miner: miner, Group: "0", Nonce: nonce, Tokens: []int32{1, 2}, Prompt: 1, Completion: 1, Reward: float64(nonce), LogProbs: []float64{-1}}
	}
	rows := []Row{row("a", 0), row("b", 0), row("a", 1), row("b", 1)}
	c := DefaultConfig()
	if got, err := c.Assemble(rows); err != nil || len(got) != 2 || got[0].Miner != "a" || len(got[1].Rollouts) != 2 {
		t.Errorf("got %+v, %v", got, err)
	}
	c.Quirks = true
	if got, err := c.Assemble(rows); err != nil || len(got) != 1 || len(got[0].Rollouts) != 4 {
		t.Errorf("quirks: got %+v, %v", got, err)
	}
	c.Estimator = "best"
	if _, err := c.Assemble(rows); !errors.Is(err, ErrConfig) {
		t.Errorf("got %v", err)
	}
}

func TestScheduleHasNoDeadEpoch(t *testing.T) {
	s := Schedule{Cosine: true, Peak: 1, Floor: 0.1, Total: 100, Warmup: 0.05}
	if s.Rate(0) != 0.2 || s.Rate(4) != 1 {
		t.Errorf("warm-up %v to %v", s.Rate(0), s.Rate(4))
	}
	if end, later := s.Rate(100), s.Rate(150); !near(end, 0.1, 1e-12) || end != later {
		t.Errorf("rate %v at the end, %v later", end, later)
	}
}
