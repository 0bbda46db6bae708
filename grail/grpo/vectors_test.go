package grpo

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/internal/vectortest"
)

// float is a number that may be written as a text.
type float float64

func (f *float) UnmarshalJSON(b []byte) error {
	var x float64
	var err error
	if b[0] == '"' {
		x, err = strconv.ParseFloat(strings.Trim(string(b), `"`), 64)
	} else {
		err = json.Unmarshal(b, &x)
	}
	*f = float(x)
	return err
}

func floats(xs []float) []float64 {
	out := make([]float64, len(xs))
	for i, x := range xs {
		out[i] = float64(x)
	}
	return out
}

// near compares with a relative tolerance, absolute below 1.
func near(a, b, tolerance float64) bool {
	return a == b || math.IsNaN(a) && math.IsNaN(b) || math.Abs(a-b) <= tolerance*max(1, math.Abs(a), math.Abs(b))
}

func allNear(a, b []float64, tolerance float64) bool {
	return len(a) == len(b) && !slices.ContainsFunc(indices(len(a)), func(i int) bool { return !near(a[i], b[i], tolerance) })
}

func indices(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

func TestVectorsAdvantages(t *testing.T) {
	const file = "validator/advantages.json"
	var v struct {
		About string
		Cases []struct {
			Estimator string
			Rewards   []float
			Expect    json.RawMessage
		}
	}
	vectortest.Decode(t, file, &v)
	for i, c := range v.Cases {
		got, err := Config{Quirks: true, Estimator: Estimator(c.Estimator)}.Advantages(floats(c.Rewards))
		if bytes.HasPrefix(c.Expect, []byte("{")) {
			if !errors.Is(err, ErrConfig) {
				t.Errorf("case %d: got %v, want ErrConfig", i, err)
			}
			continue
		}
		var want []float
		if json.Unmarshal(c.Expect, &want) != nil || err != nil || !allNear(got, floats(want), 0) {
			t.Errorf("case %d %s: got %v, want %s (%v)", i, c.Estimator, got, c.Expect, err)
		}
	}
	vectortest.Count(t, file, len(v.Cases))
}

// rawRow is a row as its JSON has it, with any type anywhere.
type rawRow struct {
	Group  json.RawMessage `json:"rollout_group"`
	Nonce  int64
	Commit struct {
		Tokens  []int32
		Rollout struct {
			Prompt     json.RawMessage `json:"prompt_length"`
			Completion json.RawMessage `json:"completion_length"`
			Reward     json.RawMessage `json:"total_reward"`
			Advantage  json.RawMessage
			Success    json.RawMessage
			LogProbs   json.RawMessage `json:"token_logprobs"`
		}
	}
}

func (r rawRow) row() Row {
	out := Row{Group: strings.Trim(string(r.Group), `"`), Nonce: r.Nonce, Tokens: r.Commit.Tokens}
	var reward float
	var logs []float
	for _, p := range []struct {
		raw json.RawMessage
		to  any
	}{{r.Commit.Rollout.Prompt, &out.Prompt}, {r.Commit.Rollout.Completion, &out.Completion}, {r.Commit.Rollout.Reward, &reward},
		{r.Commit.Rollout.Success, &out.Success}, {r.Commit.Rollout.LogProbs, &logs}} {
		if p.raw != nil && json.Unmarshal(p.raw, p.to) != nil {
			out.Damaged = true
		}
	}
	out.Reward, out.LogProbs = float64(reward), floats(logs)
	return out
}

func TestVectorsGroups(t *testing.T) {
	const file = "validator/grpo_groups.json"
	type groups []struct {
		ID                string `json:"id"`
		Rewards           []float64
		CompletionLengths []int `json:"completion_lengths"`
		Success           []bool
	}
	var v struct {
		About string
		Cases []struct {
			Name   string
			Rows   []rawRow
			Expect map[string][]int64
		}
		Filters []struct {
			Name      string
			Estimator string
			Tolerance float64
			Config    struct {
				MaxGroups     int     `json:"grpo_max_groups"`
				MaxCompletion int     `json:"grpo_max_completion_tokens"`
				MinSuccess    float64 `json:"grpo_min_success_fraction"`
				MinReward     float64 `json:"grpo_min_reward_per_token"`
				Quantile      float64 `json:"grpo_reward_per_token_drop_quantile"`
				RewardWeight  float64 `json:"grpo_ranking_reward_weight"`
				Variance      float64 `json:"grpo_ranking_variance_weight"`
			}
			Groups groups
			Kept   []string           `json:"expect_kept_in_order"`
			Scores map[string]float64 `json:"expect_scores"`
		}
	}
	vectortest.Decode(t, file, &v)
	c := DefaultConfig()
	c.Quirks = true
	for _, k := range v.Cases {
		rows := make([]Row, len(k.Rows))
		for i, r := range k.Rows {
			rows[i] = r.row()
		}
		got, err := c.Assemble(rows)
		if err != nil {
			t.Fatal(err)
		}
		found := map[string][]int64{}
		for _, g := range got {
			for _, r := range g.Rollouts {
				found[g.Key] = append(found[g.Key], r.Nonce)
			}
		}
		if fmt.Sprint(found) != fmt.Sprint(k.Expect) {
			t.Errorf("%s: got %v, want %v", k.Name, found, k.Expect)
		}
	}
	for _, k := range v.Filters {
		f := DefaultFilters()
		f.AdvantageTolerance, f.MaxGroups, f.MaxCompletion = k.Tolerance, k.Config.MaxGroups, k.Config.MaxCompletion
		f.MinSuccess, f.MinRewardPerToken, f.DropQuantile = k.Config.MinSuccess, k.Config.MinReward, k.Config.Quantile
		if k.Config.RewardWeight != 0 || k.Config.Variance != 0 {
			f.RewardWeight, f.VarianceWeight = k.Config.RewardWeight, k.Config.Variance
		}
		var in []Group
		for _, g := range k.Groups {
			one := Group{Key: g.ID}
			a, err := Config{Quirks: true, Estimator: Estimator(k.Estimator)}.Advantages(g.Rewards)
			if err != nil {
				t.Fatal(err)
			}
			for i, r := range g.Rewards {
				one.Rollouts = append(one.Rollouts, Rollout{Reward: r, Completion: g.CompletionLengths[i], Success: g.Success[i], Advantage: a[i]})
			}
			in = append(in, one)
			if got := f.Score(one); !near(got, k.Scores[g.ID], 1e-12) {
				t.Errorf("%s: score of %s is %v, want %v", k.Name, g.ID, got, k.Scores[g.ID])
			}
		}
		out, dropped := f.Apply(in)
		kept, left := []string{}, 0
		for _, g := range out {
			kept = append(kept, g.Key)
		}
		for _, n := range dropped {
			left += n
		}
		if !slices.Equal(kept, k.Kept) || left+len(kept) != len(in) {
			t.Errorf("%s: kept %v, want %v; dropped %v of %d", k.Name, kept, k.Kept, dropped, len(in))
		}
	}
	vectortest.Count(t, file, len(v.Cases)+len(v.Filters))
}

func TestVectorsReplay(t *testing.T) {
	const file = "validator/replay_buffer.json"
	var v struct {
		About string
		Cases []struct {
			MaxWindows int     `json:"max_windows"`
			Recent     float64 `json:"recent_fraction"`
			Decay      float64
			Steps      []struct {
				Add        int64 `json:"add_window"`
				Groups     int
				Max        int `json:"max_groups"`
				Seed       int64
				Allocation []int    `json:"expect_allocations"`
				Sample     []string `json:"expect_sample"`
				Stats      struct {
					Windows int
					Total   int     `json:"total_groups"`
					Memory  float64 `json:"memory_mb"` // an estimate of the reference's own memory
					Oldest  int64   `json:"oldest_window"`
					Newest  int64   `json:"newest_window"`
				} `json:"expect_stats"`
			}
		}
	}
	vectortest.Decode(t, file, &v)
	n := 0
	for i, c := range v.Cases {
		r := Replay{Windows: c.MaxWindows, Recent: c.Recent, Decay: c.Decay}
		for j, s := range c.Steps {
			groups := make([]Group, s.Groups)
			for k := range groups {
				groups[k].Key = fmt.Sprintf("%d/%d", s.Add, k)
			}
			r.Add(s.Add, groups)
			if got := r.Allocation(s.Max); !slices.Equal(got, s.Allocation) {
				t.Errorf("case %d step %d: allocation %v, want %v", i, j, got, s.Allocation)
			}
			got := []string{}
			for _, g := range r.Sample(s.Max, s.Seed) {
				got = append(got, g.Key)
			}
			if !slices.Equal(got, s.Sample) {
				t.Errorf("case %d step %d: sample %v, want %v", i, j, got, s.Sample)
			}
			windows, counts := r.Contents()
			total := 0
			for _, k := range counts {
				total += k
			}
			if len(windows) != s.Stats.Windows || total != s.Stats.Total || windows[0] != s.Stats.Oldest || windows[len(windows)-1] != s.Stats.Newest {
				t.Errorf("case %d step %d: contents %v %v, want %+v", i, j, windows, counts, s.Stats)
			}
			n++
		}
	}
	vectortest.Count(t, file, n)
}

func TestVectorsTokenBudget(t *testing.T) {
	const file = "validator/token_budget.json"
	var v struct {
		About string
		Cases []struct {
			Lengths   []int
			MaxTokens int `json:"max_tokens"`
			MaxLength int `json:"max_length"`
			Expect    [][]int
		}
	}
	vectortest.Decode(t, file, &v)
	for i, c := range v.Cases {
		if got := PartitionTokens(c.Lengths, c.MaxTokens, c.MaxLength); fmt.Sprint(got) != fmt.Sprint(c.Expect) {
			t.Errorf("case %d: got %v, want %v", i, got, c.Expect)
		}
	}
	vectortest.Count(t, file, len(v.Cases))
}

func TestVectorsSchedule(t *testing.T) {
	const file = "validator/lr_schedule.json"
	var v struct {
		About string
		Cases []struct {
			Type    string
			Total   int     `json:"total_windows"`
			Warmup  float64 `json:"warmup_fraction"`
			Base    float64 `json:"base_lr"`
			EtaMin  float64 `json:"eta_min"`
			Expect  []float `json:"expect_lr_used_in_epoch"`
			Comment string
		}
	}
	vectortest.Decode(t, file, &v)
	for i, c := range v.Cases {
		cosine, err := ParseSchedule(c.Type)
		if err != nil {
			t.Fatal(err)
		}
		s := Schedule{Cosine: cosine, Peak: c.Base, Floor: c.EtaMin, Total: c.Total, Warmup: c.Warmup, Quirks: true}
		for e, want := range floats(c.Expect) {
			if got := s.Rate(e); math.Abs(got-want) > 1e-9*math.Abs(c.Base)+1e-18 {
				t.Errorf("case %d %s %d/%v epoch %d: rate %v, want %v", i, c.Type, c.Total, c.Warmup, e, got, want)
				break
			}
		}
	}
	vectortest.Count(t, file, len(v.Cases))
}

// lossConfig is how vectors describe a loss.
type lossConfig struct {
	ClipEps        float64  `json:"ppo_clip_eps"`
	ClipUpper      float64  `json:"ppo_clip_eps_upper"`
	RatioMax       float64  `json:"is_ratio_max"`
	Clamp          float64  `json:"logratio_clamp"`
	UseIS          *bool    `json:"use_is"`
	Percentile     float64  `json:"adv_clip_percentile"`
	KL             float64  `json:"kl_coef"`
	Entropy        float64  `json:"entropy_coef"`
	MicroBatch     int      `json:"micro_batch_size"`
	Accumulation   int      `json:"grad_accum_steps"`
	MicroTokens    int      `json:"max_tokens_per_micro_batch"`
	EffectiveBatch int      `json:"effective_batch_size"`
	GradClip       float64  `json:"grad_clip"`
	MaxLength      int      `json:"max_length"`
	Packing        bool     `json:"use_sequence_packing"`
	_              struct{} `json:"-"`
}

func (l lossConfig) config(variant, level string) Config {
	c := Config{
		Quirks: true, Estimator: EstimateGRPO, Variant: Variant(variant), Level: Level(level), ClipLow: l.ClipEps, ClipHigh: l.ClipUpper, RatioMax: l.RatioMax,
		LogRatioClamp: l.Clamp, NoRatio: l.UseIS != nil && !*l.UseIS, AdvantageClip: l.Percentile, KL: l.KL, Entropy: l.Entropy, GradientClip: l.GradClip,
		MicroBatch: l.MicroBatch, MicroTokens: l.MicroTokens, Accumulation: l.Accumulation, EffectiveBatch: l.EffectiveBatch, MaxLength: l.MaxLength,
	}
	return c
}

func TestVectorsLoss(t *testing.T) {
	const file = "validator/grpo_loss.json"
	var v struct {
		About string
		Cases []struct {
			Name, Variant                string
			Level                        string `json:"is_level"`
			Config                       lossConfig
			Lengths                      []int `json:"completion_lengths"`
			Current, Behavior, Reference [][]float
			Advantages                   []float
			Expect                       struct {
				Policy     float     `json:"loss_pg"`
				Clip       float     `json:"clip_frac"`
				Ceiling    float     `json:"ceiling_frac"`
				Ratios     []float   `json:"ratios"`
				Grad       [][]float `json:"grad_logprobs"`
				KL         float     `json:"kl"`
				LossKL     float     `json:"loss_kl"`
				Advantages []float   `json:"advantages_after_clip"`
			}
		}
		Names []struct {
			Variant string
			Level   *string
			Expect  json.RawMessage
		}
		AdaptiveKL []struct {
			Initial, Target, Min, Max, Rate float64
			Observed, Expect                []float64
		} `json:"adaptive_kl"`
		Enabled bool `json:"adaptive_kl_default_enabled"`
	}
	vectortest.Decode(t, file, &v)
	for _, k := range v.Cases {
		c := k.Config.config(k.Variant, k.Level)
		c.Entropy = 0
		batch, now, ref, tokens, width := make([]Sequence, len(k.Lengths)), Scores{}, Scores{}, 0, 0
		for i, n := range k.Lengths {
			batch[i] = Sequence{Completion: n, Behaviour: floats(k.Behavior[i][:n]), Advantage: float64(k.Advantages[i])}
			now.LogProbs = append(now.LogProbs, floats(k.Current[i][:n]))
			ref.LogProbs = append(ref.LogProbs, floats(k.Reference[i][:n]))
			tokens += n
			width = len(k.Current[i]) // rows are padded to one width
		}
		kl := c
		kl.KL, kl.NoRatio, c.KL = c.KL, true, 0
		l := c.Loss(batch, now, ref, Divisor{tokens, width})
		if !finite(floats([]float{k.Expect.Policy})) {
			if l.Finite || l.Total != 0 {
				t.Errorf("%s: a loss of %v is used", k.Name, l.Total)
			}
			continue
		}
		if !near(l.Policy, float64(k.Expect.Policy), 1e-5) || !near(l.ClipFraction, float64(k.Expect.Clip), 1e-5) || !near(l.CeilingFraction, float64(k.Expect.Ceiling), 1e-5) {
			t.Errorf("%s: loss %v clip %v ceiling %v, want %v %v %v", k.Name, l.Policy, l.ClipFraction, l.CeilingFraction, k.Expect.Policy, k.Expect.Clip, k.Expect.Ceiling)
		}
		if !allNear(l.Ratios, floats(k.Expect.Ratios), 1e-5) {
			t.Errorf("%s: ratios %v, want %v", k.Name, l.Ratios, k.Expect.Ratios)
		}
		if !allNear(l.Advantages, floats(k.Expect.Advantages), 1e-6) {
			t.Errorf("%s: advantages %v, want %v", k.Name, l.Advantages, k.Expect.Advantages)
		}
		for i, n := range k.Lengths {
			if !allNear(l.ByLogProb[i], floats(k.Expect.Grad[i][:n]), 1e-5) {
				t.Errorf("%s: derivatives of sequence %d are %v, want %v", k.Name, i, l.ByLogProb[i], k.Expect.Grad[i])
			}
		}
		if l := kl.Loss(batch, now, ref, Divisor{tokens, width}); !near(l.Divergence, float64(k.Expect.KL), 1e-5) || !near(l.KL, float64(k.Expect.LossKL), 1e-5) {
			t.Errorf("%s: divergence %v loss %v, want %v %v", k.Name, l.Divergence, l.KL, k.Expect.KL, k.Expect.LossKL)
		}
	}
	for _, k := range v.Names {
		variant, err := ParseVariant(k.Variant)
		level := SequenceLevel
		if k.Level != nil && err == nil {
			level, err = ParseLevel(*k.Level)
		}
		got := fmt.Sprintf(`["%s","%s"]`, variant, level)
		if err != nil {
			got = `"error"`
		}
		if want := strings.ReplaceAll(string(k.Expect), " ", ""); got != want {
			t.Errorf("%s: got %s, want %s", k.Variant, got, want)
		}
	}
	for _, k := range v.AdaptiveKL {
		a := AdaptiveKL{k.Initial, k.Target, k.Min, k.Max, k.Rate}
		for i, x := range k.Observed {
			if got := a.Observe(x); got != k.Expect[i] {
				t.Errorf("adaptive KL after %v: %v, want %v", k.Observed[:i+1], got, k.Expect[i])
			}
		}
	}
	if v.Enabled {
		t.Error("the adaptive controller is on by default there, and not here")
	}
	vectortest.Count(t, file, len(v.Cases)+len(v.Names)+len(v.AdaptiveKL)+1)
}
