package verify

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strconv"
	"testing"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/internal/cpython"
	"github.com/nanteos/nanteos/internal/vectortest"
)

// agree checks that figures and outcome of a verdict say the same.
func agree(t *testing.T, name string, v Verdict) {
	t.Helper()
	if v.Reason == "" {
		t.Errorf("%s: no reason", name)
	}
	if v.Unit != "" && !math.IsNaN(v.Margin) && v.OK != (v.Margin >= 0) && v.Margin != 0 {
		t.Errorf("%s: margin %v for OK %v (%s)", name, v.Margin, v.OK, v.Reason)
	}
	if !v.OK && v.Remedy == "" {
		t.Errorf("%s: failed without a remedy", name)
	}
	if _, err := json.Marshal(v); err != nil {
		t.Errorf("%s: %v", name, err)
	}
}

func TestProofVectors(t *testing.T) {
	var v struct {
		Primitive, Reference, Description string
		Count                             int
		Bases                             []struct {
			ID                  int
			Hidden              string `json:"hidden_f32le_b64"`
			HiddenDim           int    `json:"hidden_dim"`
			SeqLen              int    `json:"seq_len"`
			ChallengeRandomness string `json:"challenge_randomness"`
			ProverAddress       string `json:"prover_address"`
			Challenged          []int
			Commit              json.RawMessage
			CheckpointWindow    *int64 `json:"validator_checkpoint_window"`
		}
		Keys []struct {
			SeedHex   string `json:"seed_hex"`
			PublicHex string `json:"public_hex"`
			SS58      string
		}
		Cases []struct {
			Base             int
			Note             string
			Replace          map[string]json.RawMessage
			ProverAddress    string `json:"prover_address"`
			CheckpointWindow *int64 `json:"validator_checkpoint_window"`
			Valid, Raises    bool
			OutOfRange       bool `json:"out_of_range"`
		}
	}
	vectortest.Decode(t, "grail/proof_check.json", &v)
	reference, strict := grail.Reference(), grail.Reference()
	strict.StrictSketchRange = true
	equal := grail.Reference()
	equal.Proof = grail.ProofEquality
	for i, c := range v.Cases {
		base := v.Bases[c.Base]
		commit := jsonValue(t, base.Commit)
		members := slices.Clone(commit.Members())
		for key, b := range c.Replace {
			members = slices.DeleteFunc(members, func(m cpython.Member) bool { return m.Key == key })
			if string(b) != `"__delete__"` {
				members = append(members, cpython.Member{Key: key, Value: jsonValue(t, b)})
			}
		}
		row, _ := rowFrom(t, cpython.ObjectValue([]cpython.Member{{Key: "commit", Value: cpython.ObjectValue(members)}}))
		w := &Window{Miner: c.ProverAddress, ChallengeRandomness: base.ChallengeRandomness, CheckpointWindow: c.CheckpointWindow}
		hidden := f32s(t, base.Hidden)
		verdict := func(r grail.Rules) Verdict {
			plan, v, ok := planProof(r, w, &row)
			if !ok {
				return v
			}
			if len(c.Replace) == 0 && !slices.Equal(plan.indices, base.Challenged) {
				t.Errorf("case %d: challenged %v, want %v", i, plan.indices, base.Challenged)
			}
			own := make([]int64, base.SeqLen)
			if err := grail.Sketches(own, hidden, base.HiddenDim, plan.coefficients); err != nil {
				t.Fatal(err)
			}
			return checkSketches(r, &row.Commit, plan, own, 3)
		}
		got := verdict(reference)
		agree(t, c.Note, got)
		if got.OK != c.Valid && !c.Raises {
			t.Errorf("case %d (%s): %v (%s), want %v", i, c.Note, got.OK, got.Reason, c.Valid)
		}
		if c.Raises && got.OK {
			t.Errorf("case %d (%s): passed, the reference raises", i, c.Note)
		}
		// What the specification marks as unsafe falls under the hardened rules: values out of range, and under equality every sketch that
		// isn't the model's.
		outside := false
		for _, j := range base.Challenged {
			s, ok := row.Commit.Commitments.Sketch(j)
			outside = outside || !ok || s < 0 || s >= grail.Q
		}
		if s := verdict(strict); s.OK && outside {
			t.Errorf("case %d (%s): out of range passes under strict rules", i, c.Note)
		} else if s.OK != got.OK && !outside {
			t.Errorf("case %d (%s): strict rules differ on sketches in range", i, c.Note)
		}
		_, differs := c.Replace["commitments"]
		if e := verdict(equal); e.OK == differs && got.OK {
			t.Errorf("case %d (%s): equality gives %v (%s)", i, c.Note, e.OK, e.Reason)
		}
	}
	vectortest.Count(t, "grail/proof_check.json", len(v.Cases))
}

func TestOutOfRangeSketchesNeedTheReferenceRules(t *testing.T) {
	sketches := make([]int64, 40)
	for i := range sketches {
		sketches[i] = 1_000_000_000_000_000
	}
	c := &grail.Commit{Tokens: make([]int32, 40), Commitments: grail.NewCommitments(sketches)}
	plan := proofPlan{indices: []int{8, 9, 10}}
	if v := checkSketches(grail.Reference(), c, plan, make([]int64, 40), 3); !v.OK {
		t.Errorf("reference: %s", v.Reason)
	}
	r := grail.Reference()
	r.StrictSketchRange = true
	if v := checkSketches(r, c, plan, make([]int64, 40), 3); v.OK || len(v.Positions) != 3 {
		t.Errorf("strict: %+v", v)
	}
}

func TestBindBeacon(t *testing.T) {
	var v struct {
		Primitive, Reference, Description string
		Count                             int
		Bases                             []struct {
			ChallengeRandomness string `json:"challenge_randomness"`
			ProverAddress       string `json:"prover_address"`
			Commit              json.RawMessage
		}
	}
	if err := json.Unmarshal(vectortest.Open(t, "grail/proof_check.json"), &v); err != nil {
		t.Fatal(err)
	}
	base := v.Bases[0]
	row, _ := rowFrom(t, jsonValue(t, slices.Concat([]byte(`{"commit":`), base.Commit, []byte(`}`))))
	r := grail.Reference()
	r.BindBeacon = true
	w := &Window{Miner: base.ProverAddress, ChallengeRandomness: base.ChallengeRandomness, ExpectedBeacon: row.Commit.Beacon.Randomness}
	if _, v, ok := planProof(r, w, &row); !ok {
		t.Errorf("the window's own beacon: %s", v.Reason)
	}
	w.ExpectedBeacon = "00"
	if _, v, ok := planProof(r, w, &row); ok || v.Unjudged {
		t.Errorf("another beacon: %+v", v)
	}
	w.ExpectedBeacon = ""
	if _, v, ok := planProof(r, w, &row); ok || !v.Unjudged || !errors.Is(v.Err, ErrUnjudged) {
		t.Errorf("unknown beacon: %+v", v)
	}
}

func TestTerminationVectors(t *testing.T) {
	var g struct {
		Primitive, Reference, Description string
		Count                             int
		Cases                             []struct {
			TokensLen        int             `json:"tokens_len"`
			LastToken        *int32          `json:"last_token"`
			CompletionLength int32           `json:"completion_length"`
			MaxTokens        json.RawMessage `json:"max_tokens"`
			HasMaxTokens     bool            `json:"has_max_tokens"`
			EOS              *int32          `json:"eos_token_id"`
			Logits           []real          `json:"second_to_last_logits"`
			Dtype            string
			PEOS             *float64 `json:"p_eos"`
			Valid            bool
			Note             string
		}
	}
	vectortest.Decode(t, "grail/termination.json", &g)
	for i, c := range g.Cases {
		v := terminate(t, c.TokensLen, c.LastToken, c.CompletionLength, c.MaxTokens, c.EOS, floats(c.Logits), c.Dtype == "bfloat16")
		agree(t, c.Note, v)
		if v.OK != c.Valid {
			t.Errorf("case %d (%s): %v (%s), want %v", i, c.Note, v.OK, v.Reason, c.Valid)
		}
	}
	vectortest.Count(t, "grail/termination.json", len(g.Cases))
}

// terminate runs the check on a made-up sequence. max_tokens is what the checkpoint's metadata holds: a number, a text, or anything.
func terminate(t *testing.T, n int, last *int32, completion int32, maxTokens json.RawMessage, eos *int32, logits []float64, bf16 bool) Verdict {
	t.Helper()
	w := &Window{EOS: -1, Params: &grail.GenerationParams{}}
	if eos != nil {
		w.EOS = *eos
	}
	if len(maxTokens) > 0 {
		if x, err := jsonValue(t, maxTokens).ToInt(); err == nil && x.IsInt64() && x.Sign() > 0 {
			w.Params.MaxTokens = int(min(x.Int64(), 1<<40))
		}
	}
	c := &grail.Commit{Tokens: make([]int32, n)}
	c.Rollout.CompletionLength = completion
	if n > 0 && last != nil {
		c.Tokens[n-1] = *last
	}
	return checkTermination(grail.Reference(), w, c, func() (float64, bool) {
		f := make([]float32, len(logits))
		for i, x := range logits {
			f[i] = float32(x)
		}
		p := Prob(f, w.EOS)
		if bf16 { // the reference rounds the probability to the dtype of its logits
			p = float64(math.Float32frombits((math.Float32bits(float32(p)) + 0x8000) &^ 0xffff))
		}
		return p, n >= 2
	})
}

func TestRewardVectors(t *testing.T) {
	r := grail.Reference()
	check := func(name string, claimed, own real, want bool) {
		t.Helper()
		v := checkReward(r, float64(claimed), float64(own))
		agree(t, name, v)
		if v.OK != want {
			t.Errorf("%s: %v against %v: %v, want %v", name, claimed, own, v.OK, want)
		}
	}
	var g struct {
		Primitive, Reference, Description string
		Count                             int
		Cases                             []struct {
			Miner     real `json:"miner_reward"`
			Validator real `json:"validator_reward"`
			Valid     bool
			Note      string
		}
	}
	vectortest.Decode(t, "grail/reward_check.json", &g)
	for _, c := range g.Cases {
		check("grail", c.Miner, c.Validator, c.Valid)
	}
	vectortest.Count(t, "grail/reward_check.json", len(g.Cases))
	var e struct {
		Meta   struct{ Description, Python string }
		RelTol float64 `json:"rel_tol"`
		AbsTol float64 `json:"abs_tol"`
		Cases  []struct {
			Miner, Env real
			OK         bool
		}
	}
	vectortest.Decode(t, "environments/reward_compare.json", &e)
	if e.RelTol != r.RewardRelTolerance || e.AbsTol != r.RewardAbsTolerance {
		t.Errorf("tolerances %v and %v", e.RelTol, e.AbsTol)
	}
	for _, c := range e.Cases {
		check("environments", c.Miner, c.Env, c.OK)
	}
	vectortest.Count(t, "environments/reward_compare.json", len(e.Cases))
}

func TestLogProbVectors(t *testing.T) {
	var g struct {
		Primitive, Reference, Description string
		Count                             int
		Logits                            []struct {
			ID               int
			Tokens           []int32
			PromptLength     int32 `json:"prompt_length"`
			CompletionLength int32 `json:"completion_length"`
			Vocab            int
			B64              string `json:"logits_f32le_b64"`
			Randomness       string `json:"challenge_randomness"`
			Challenged       []int
			Model            []real `json:"model_logprobs_at_challenged"`
			Honest           []real `json:"honest_token_logprobs"`
		}
		Cases []struct {
			Logits           int
			Note             string
			Changes          map[string]json.RawMessage
			ClaimedLen       int   `json:"claimed_len"`
			CompletionLength int32 `json:"completion_length"`
			Valid            bool
			MedianDev        *real `json:"median_dev"`
			MaxDev           *real `json:"max_dev"`
		}
	}
	vectortest.Decode(t, "grail/logprob_check.json", &g)
	r := grail.Reference()
	for i, c := range g.Cases {
		l := g.Logits[c.Logits]
		logits := f32s(t, l.B64)
		own := make([]float64, len(l.Tokens))
		for j := max(1, int(l.PromptLength)); j < len(own); j++ {
			own[j] = LogProb(logits[(j-1)*l.Vocab:j*l.Vocab], l.Tokens[j])
		}
		for k, j := range l.Challenged {
			if math.Abs(own[j]-float64(l.Model[k])) > 1e-5 {
				t.Fatalf("logits %d position %d: log-probability %v, want %v", l.ID, j, own[j], l.Model[k])
			}
		}
		claimed := floats(l.Honest)
		for key, b := range c.Changes {
			j, err := strconv.Atoi(key)
			if err != nil {
				t.Fatal(err)
			}
			var x real
			if err := x.UnmarshalJSON(b); err != nil {
				t.Fatal(err)
			}
			if bytes.HasPrefix(b, []byte(`"`)) {
				claimed[j] = float64(x)
			} else {
				claimed[j] += float64(x)
			}
		}
		for len(claimed) < c.ClaimedLen {
			claimed = append(claimed, 0)
		}
		commit := &grail.Commit{Tokens: l.Tokens}
		commit.Rollout = grail.Outcome{PromptLength: l.PromptLength, CompletionLength: c.CompletionLength, TokenLogprobs: claimed[:c.ClaimedLen]}
		idx, err := grail.ChallengeIndicesInRange(l.Tokens, l.Randomness, int(l.PromptLength), int(l.PromptLength+l.CompletionLength), r.ChallengePositions)
		if err != nil || !slices.Equal(idx, l.Challenged) {
			t.Fatalf("case %d: challenged %v, %v; want %v", i, idx, err, l.Challenged)
		}
		v := checkLogProbs(r, commit, idx, own, 3)
		agree(t, c.Note, v)
		if v.OK != c.Valid {
			t.Errorf("case %d (%s): %v (%s), want %v", i, c.Note, v.OK, v.Reason, c.Valid)
		}
		if c.MedianDev != nil && !close(v.Measured, float64(*c.MedianDev), 1e-5) {
			t.Errorf("case %d (%s): median %v, want %v", i, c.Note, v.Measured, *c.MedianDev)
		}
		if c.MaxDev != nil && len(v.Positions) > 0 && !close(v.Positions[0].Deviation, float64(*c.MaxDev), 1e-5) {
			t.Errorf("case %d (%s): largest deviation %v, want %v", i, c.Note, v.Positions[0].Deviation, *c.MaxDev)
		}
	}
	vectortest.Count(t, "grail/logprob_check.json", len(g.Cases))
}

// close compares to a tolerance that is absolute below 1 and relative above; infinities and NaN compare with themselves.
func close(a, b, tol float64) bool {
	if a == b || math.IsNaN(a) && math.IsNaN(b) {
		return true
	}
	return math.Abs(a-b) <= tol*math.Max(1, math.Abs(b))
}

type distributionFigures struct {
	Mean, Median, Q10, Min real
	LowFrac                real `json:"low_frac"`
	HighFrac               real `json:"high_frac"`
	MidFrac                real `json:"mid_frac"`
	BC                     real
}

type suspicionVector struct {
	MedianLow     bool `json:"median_low"`
	MinLow        bool `json:"min_low"`
	Q10Low        bool `json:"q10_low"`
	Q10LowInitial bool `json:"q10_low_initial"`
}

func TestDistributionVerdictVectors(t *testing.T) {
	var g struct {
		Primitive, Reference, Description string
		Count                             int
		Cases                             []struct {
			Probs   []real
			Valid   bool
			Reason  string
			Note    string
			Reasons *suspicionVector
			Metrics *distributionFigures
			Initial *distributionFigures `json:"initial_metrics"`
		}
	}
	vectortest.Decode(t, "grail/distribution_verdict.json", &g)
	for i, c := range g.Cases {
		judgeList(t, "grail "+strconv.Itoa(i)+" "+c.Note, floats(c.Probs), c.Valid, c.Reasons, c.Metrics, c.Initial)
	}
	vectortest.Count(t, "grail/distribution_verdict.json", len(g.Cases))
}

func judgeList(t *testing.T, name string, probs []float64, valid bool, reasons *suspicionVector, metrics, initial *distributionFigures) {
	t.Helper()
	r := grail.Reference()
	v := checkDistribution(r, probs)
	agree(t, name, v)
	if v.OK != valid {
		t.Errorf("%s: %v (%s), want %v", name, v.OK, v.Reason, valid)
	}
	all, first, s, enough := JudgeDistribution(r, probs)
	if enough != (metrics != nil) {
		t.Errorf("%s: enough is %v", name, enough)
		return
	}
	if metrics == nil {
		return
	}
	if reasons != nil && (Suspicion{reasons.MedianLow, reasons.MinLow, reasons.Q10Low, reasons.Q10LowInitial}) != s {
		t.Errorf("%s: suspicion %+v, want %+v", name, s, *reasons)
	}
	for _, x := range []struct {
		what string
		got  Distribution
		want *distributionFigures
	}{{"all", all, metrics}, {"initial", first, initial}} {
		if x.want == nil {
			continue
		}
		g := []float64{x.got.Mean, x.got.Median, x.got.Q10, x.got.Min, x.got.LowFrac, x.got.HighFrac, x.got.MidFrac, x.got.Bimodality}
		w := floats([]real{x.want.Mean, x.want.Median, x.want.Q10, x.want.Min, x.want.LowFrac, x.want.HighFrac, x.want.MidFrac, x.want.BC})
		for k := range g {
			if !close(g[k], w[k], 1e-9) {
				t.Errorf("%s: figure %d of %s is %v, want %v", name, k, x.what, g[k], w[k])
			}
		}
	}
}

func TestDistributionProbVectors(t *testing.T) {
	var g struct {
		Primitive, Reference, Description string
		Count                             int
		Logits                            []struct {
			ID               int
			Tokens           []int32
			PromptLength     int `json:"prompt_length"`
			CompletionLength int `json:"completion_length"`
			Vocab            int
			B64              string `json:"logits_f32le_b64"`
			Dtype            string `json:"logits_dtype"`
		}
		Cases []struct {
			Logits            int
			RepetitionPenalty float64 `json:"repetition_penalty"`
			Temperature       float64
			Probs             []real
			Valid             bool
			Reasons           *suspicionVector
		}
	}
	vectortest.Decode(t, "grail/distribution_probs.json", &g)
	r := grail.Reference()
	for i, c := range g.Cases {
		l := g.Logits[c.Logits]
		logits := f32s(t, l.B64)
		scratch := make([]float32, l.Vocab)
		p := grail.GenerationParams{RepetitionPenalty: c.RepetitionPenalty, Temperature: c.Temperature}
		var probs []float64
		for j := max(1, l.PromptLength); j < min(l.PromptLength+l.CompletionLength, len(l.Tokens)); j++ {
			probs = append(probs, ChosenProb(scratch, logits[(j-1)*l.Vocab:j*l.Vocab], l.Tokens[:j], l.Tokens[j], p))
		}
		if len(probs) != len(c.Probs) {
			t.Fatalf("case %d: %d probabilities, want %d", i, len(probs), len(c.Probs))
		}
		for j, want := range c.Probs {
			if math.Abs(probs[j]-float64(want)) > 1e-5*math.Abs(float64(want))+1e-12 {
				t.Errorf("case %d step %d: %v, want %v", i, j, probs[j], want)
			}
		}
		if v := checkDistribution(r, probs); v.OK != c.Valid {
			t.Errorf("case %d: %v (%s), want %v", i, v.OK, v.Reason, c.Valid)
		}
		if _, _, s, _ := JudgeDistribution(r, probs); c.Reasons != nil && (Suspicion{c.Reasons.MedianLow, c.Reasons.MinLow, c.Reasons.Q10Low, c.Reasons.Q10LowInitial}) != s {
			t.Errorf("case %d: suspicion %+v, want %+v", i, s, *c.Reasons)
		}
	}
	vectortest.Count(t, "grail/distribution_probs.json", len(g.Cases))
}

func TestSoftCutoffVectors(t *testing.T) {
	var g struct {
		Primitive, Reference, Description string
		Count                             int
		Cases                             []struct {
			Planned      int `json:"planned_checks"`
			Reward       int `json:"reward_valid"`
			Distribution int `json:"token_distribution_valid"`
		}
	}
	vectortest.Decode(t, "grail/soft_cutoffs.json", &g)
	r := grail.Reference()
	for _, c := range g.Cases {
		if a, b := SoftCutoff(r.RewardSoftThreshold, c.Planned), SoftCutoff(r.DistributionSoftThreshold, c.Planned); a != c.Reward || b != c.Distribution {
			t.Errorf("%d rows: %d and %d, want %d and %d", c.Planned, a, b, c.Reward, c.Distribution)
		}
	}
	vectortest.Count(t, "grail/soft_cutoffs.json", len(g.Cases))
}

func TestGroupVectors(t *testing.T) {
	var g struct {
		Primitive, Reference, Description string
		Count                             int
		Cases                             []struct {
			Advantages, Rewards []real
			Note                string
			Valid               bool
		}
	}
	vectortest.Decode(t, "grail/grpo_group_check.json", &g)
	for i, c := range g.Cases {
		rewards, advantages := floats(c.Rewards), floats(c.Advantages)
		v := CheckGroup(grail.Reference(), 1, rewards, advantages)
		if v.OK != c.Valid || v.OK != (v.Name == "") {
			t.Errorf("case %d (%s): %+v, want %v", i, c.Note, v, c.Valid)
		}
		nan := slices.ContainsFunc(slices.Concat(rewards, advantages), math.IsNaN)
		if h := CheckGroup(grail.Hardened(), 1, rewards, advantages); h.OK != (c.Valid && !nan) {
			t.Errorf("case %d (%s): hardened %+v", i, c.Note, h)
		}
	}
	vectortest.Count(t, "grail/grpo_group_check.json", len(g.Cases))
	var v struct {
		About string
		Cases []struct {
			Name   string
			Groups map[string][]struct {
				Commit struct {
					Rollout struct {
						TotalReward real `json:"total_reward"`
						Advantage   real
					}
					Env *struct {
						Seed json.RawMessage
						ID   string
					}
				}
			}
			Expect bool
		}
	}
	vectortest.Decode(t, "validator/group_constraints.json", &v)
	skipped := 0
	for _, c := range v.Cases {
		ok, env := true, false
		for _, rows := range c.Groups {
			var rewards, advantages []float64
			for _, row := range rows {
				rewards = append(rewards, float64(row.Commit.Rollout.TotalReward))
				advantages = append(advantages, float64(row.Commit.Rollout.Advantage))
				env = env || row.Commit.Env != nil
			}
			ok = ok && CheckGroup(grail.Reference(), 0, rewards, advantages).OK
		}
		if env && ok != c.Expect {
			skipped++ // files have no column for env.seed, so rows can't differ in it (7.14)
			continue
		}
		if ok != c.Expect {
			t.Errorf("%s: %v, want %v", c.Name, ok, c.Expect)
		}
	}
	t.Logf("%d cases differ by env.seed alone, which files don't carry", skipped)
	vectortest.Count(t, "validator/group_constraints.json", len(v.Cases)-skipped)
}

func TestPythonSort(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct{ in, want []float64 }{
		{[]float64{3, 2, 1}, []float64{1, 2, 3}},
		{[]float64{1, nan, 0}, []float64{1, nan, 0}}, // 0 is not below NaN: one run, nothing moves
		{nil, nil},
	} {
		got := slices.Clone(c.in)
		pythonSort(got)
		if !slices.EqualFunc(got, c.want, func(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }) {
			t.Errorf("sort of %v is %v, want %v", c.in, got, c.want)
		}
	}
	long := make([]float64, 200)
	for i := range long {
		long[i] = float64((i * 7919) % 200)
	}
	pythonSort(long)
	if !slices.IsSorted(long) {
		t.Error("a list without NaN is not sorted")
	}
}

// One infinite reward must not make any advantages good where NaN is refused; the reference lets them pass.
func TestInfiniteRewardsHideNoAdvantages(t *testing.T) {
	for _, c := range []struct {
		name   string
		reward float64
	}{{"infinite", math.Inf(1)}, {"minus infinite", math.Inf(-1)}, {"sum overflows", math.MaxFloat64}} {
		rewards, advantages := make([]float64, 16), make([]float64, 16)
		rewards[3], rewards[4] = c.reward, c.reward
		advantages[0], advantages[1] = 1000, -1000
		if v := CheckGroup(grail.Reference(), 0, rewards, advantages); !v.OK && c.name != "sum overflows" {
			t.Errorf("%s: the reference refuses: %s", c.name, v.Cause)
		}
		if v := CheckGroup(grail.Hardened(), 0, rewards, advantages); v.OK || v.Name != ReasonAdvantageValue {
			t.Errorf("%s: hardened rules give %q", c.name, v.Name)
		}
		advantages[2] = math.Inf(1)
		advantages[3] = math.Inf(-1)
		if v := CheckGroup(grail.Hardened(), 0, rewards, advantages); v.OK || v.Name != ReasonAdvantageSum {
			t.Errorf("%s: infinite advantages give %q", c.name, v.Name)
		}
	}
}
