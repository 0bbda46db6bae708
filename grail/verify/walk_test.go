package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/internal/vectortest"
)

// script stands in for the checks that need signatures, environment and model: it gives each row the outcomes of a vector.
type script struct {
	t         *testing.T
	place     *pipeline
	keys      []string
	outcomes  map[string]json.RawMessage
	defaults  map[string]bool
	calls     int
	unsigned  int
	planned   []int64
	parseable []bool
}

func (s *script) row(_ context.Context, i int) (rowResult, error) {
	var res rowResult
	row := &s.place.rows[i]
	bad := s.place.place(row)
	if len(bad) > 0 {
		if bad[0].Check == "row:signature" {
			s.unsigned++
		}
		return rowResult{verdicts: bad[:1]}, nil
	}
	if row.Null.Has(grail.NullCommit) {
		return rowResult{skipped: "the commit is null"}, nil
	}
	at := s.planned[i]
	if !s.parseable[at] {
		return rowResult{verdicts: []Verdict{rowVerdict("group", "not an integer", "x")}}, nil
	}
	s.calls++
	outcome := s.defaults
	if b, ok := s.outcomes[s.keys[at]]; ok {
		if string(b) == `"raise"` {
			return rowResult{skipped: "raised", grouped: true}, nil
		}
		outcome = nil
		if err := json.Unmarshal(b, &outcome); err != nil {
			s.t.Fatal(err)
		}
	}
	for _, c := range Checks() {
		if ok, there := outcome[c.Name]; there {
			v := pass(c.Name, c.Severity, "scripted")
			v.OK = ok
			res.verdicts = append(res.verdicts, v)
		}
	}
	return res, nil
}

func TestValidateMinerVectors(t *testing.T) {
	var v struct {
		About string
		Cases []struct {
			Name             string
			Hotkey           string
			Window           int64
			WindowHash       string          `json:"window_hash"`
			WindowRand       string          `json:"window_rand"`
			CheckpointWindow *int64          `json:"validator_checkpoint_window"`
			SignatureOK      json.RawMessage `json:"signature_ok"`
			File             fileVector
			Scripted         map[string]json.RawMessage `json:"scripted_checks"`
			Default          map[string]bool            `json:"default_checks"`
			CheckedRows      []int64                    `json:"checked_rows_in_order"`
			Expect           struct {
				FoundFile       bool `json:"found_file"`
				Metrics         Metrics
				FailureReason   *string        `json:"failure_reason"`
				ProcessedCounts []int          `json:"processed_counts"`
				DigestCounter   map[string]int `json:"digest_counter"`
				Total           int64          `json:"total_inferences_in_file"`
				AcceptedRows    []int64        `json:"accepted_rows"`
				PipelineCalls   int            `json:"pipeline_calls"`
			}
		}
		PipelineOrder []struct {
			Check         string
			Severity      Severity
			SoftThreshold *float64 `json:"soft_threshold"`
		} `json:"pipeline_order"`
		SoftCutoffs []struct {
			Planned int
			Expect  map[string]int
		} `json:"soft_cutoffs"`
		PipelineWalks []struct {
			Outcomes     map[string]any
			ExpectValid  bool            `json:"expect_valid"`
			ExpectChecks map[string]bool `json:"expect_checks"`
		} `json:"pipeline_walks"`
	}
	vectortest.Decode(t, "validator/validate_miner.json", &v)
	r := grail.Reference()
	for _, c := range v.Cases {
		t.Run(c.Name, func(t *testing.T) {
			rows := make([]grail.Row, len(c.File.Inferences))
			keys, parseable := make([]string, len(rows)), make([]bool, len(rows))
			for i, b := range c.File.Inferences {
				value := jsonValue(t, b)
				rows[i], parseable[i] = rowFrom(t, value)
				commit, _ := value.Get("commit")
				key, _ := commit.Get("_key")
				keys[i], _ = key.Text()
				rows[i].Null &^= grail.NullSuccess | grail.NullTotalReward
			}
			signed := func(row *grail.Row) error {
				var all bool
				if json.Unmarshal(c.SignatureOK, &all) == nil {
					if all {
						return nil
					}
					return grail.ErrSignature
				}
				var rule string
				if err := json.Unmarshal(c.SignatureOK, &rule); err != nil {
					t.Fatal(err)
				}
				var mod, not int64
				if n, err := fmt.Sscanf(rule, "rows with nonce %% %d != %d", &mod, &not); n != 2 {
					t.Fatalf("unknown rule %q: %v", rule, err)
				}
				if row.Nonce%mod != not {
					return nil
				}
				return grail.ErrSignature
			}
			w := Window{Miner: c.Hotkey, Start: c.Window, Hash: c.WindowHash, ChallengeRandomness: c.WindowRand, CheckpointWindow: c.CheckpointWindow}
			checker := &Checker{Rules: r, Window: w}
			s := &script{t: t, outcomes: c.Scripted, defaults: c.Default, keys: keys, parseable: parseable}
			checker.scripted = func(planned []grail.Row) rowSource {
				s.place = newPipeline(checker, planned)
				s.place.signed = signed
				return s
			}
			// The planned rows are known to the script through the report.
			rep, err := func() (*FileReport, error) {
				sampler := NewSampler(grail.SampleByDigest)
				for i := range rows {
					// These commits are not whole; their digest is over what is there.
					sampler.addNumber(&rows[i])
				}
				if len(rows) > r.CheckAllRows {
					checker.Options.Rows = c.CheckedRows // the draw has vectors of its own
				}
				s.planned = c.CheckedRows
				return checker.Check(context.Background(), Rows(c.File.meta(), rows))
			}()
			if err != nil {
				t.Fatal(err)
			}
			e := c.Expect
			if rep.Found != e.FoundFile {
				t.Errorf("found %v", rep.Found)
			}
			if d := cmp.Diff(e.Metrics, rep.Metrics); d != "" {
				t.Errorf("metrics (-want +got):\n%s", d)
			}
			reason := ""
			if e.FailureReason != nil {
				reason = *e.FailureReason
			}
			if rep.ReferenceReason() != reason {
				t.Errorf("reason %q (%s), want %q", rep.ReferenceReason(), rep.Reason, reason)
			}
			if rep.Failed() != (e.Metrics.HadFailure == 1) || rep.OK == rep.Failed() || (rep.Reason != "") != rep.Failed() {
				t.Errorf("failed %v, OK %v, reason %q", rep.Failed(), rep.OK, rep.Reason)
			}
			if s.calls != e.PipelineCalls {
				t.Errorf("%d rows went through the checks, want %d", s.calls, e.PipelineCalls)
			}
			if len(e.ProcessedCounts) > 1 && s.unsigned != e.ProcessedCounts[1] {
				t.Errorf("%d bad signatures, want %d", s.unsigned, e.ProcessedCounts[1])
			}
			if rep.OK {
				if d := cmp.Diff(Digests(e.DigestCounter), rep.Digests); d != "" {
					t.Errorf("digests (-want +got):\n%s", d)
				}
				accepted := []int64{}
				for _, row := range rep.Reports {
					if row.Valid {
						accepted = append(accepted, row.Nonce)
					}
				}
				if !slices.Equal(accepted, e.AcceptedRows) {
					t.Errorf("accepted %v, want %v", accepted, e.AcceptedRows)
				}
				// The hardened bound: nobody is paid for more than there is.
				checker.Rules.UniqueBound = true
				s.calls, s.unsigned = 0, 0
				bounded, err := checker.Check(context.Background(), Rows(c.File.meta(), rows))
				if err != nil || bounded.Metrics.EstimatedUnique > int64(len(bounded.Digests)) {
					t.Errorf("estimated %d of %d distinct, %v", bounded.Metrics.EstimatedUnique, len(bounded.Digests), err)
				}
			}
			if e.Total != rep.Rows && !strings.HasPrefix(rep.Reason, "file:") {
				t.Errorf("%d rows, want %d", rep.Rows, e.Total)
			}
			if _, err := json.Marshal(rep); err != nil {
				t.Error(err)
			}
		})
	}
	checks := Checks()
	if len(checks) != len(v.PipelineOrder) {
		t.Fatalf("%d checks, want %d", len(checks), len(v.PipelineOrder))
	}
	thresholds := map[string]float64{CheckReward: r.RewardSoftThreshold, CheckDistribution: r.DistributionSoftThreshold}
	for i, c := range v.PipelineOrder {
		if checks[i] != (Check{c.Check, c.Severity}) {
			t.Errorf("check %d is %v, want %v", i, checks[i], c)
		}
		if (c.SoftThreshold != nil) != (c.Severity == Soft) || c.SoftThreshold != nil && *c.SoftThreshold != thresholds[c.Check] {
			t.Errorf("threshold of %s", c.Check)
		}
	}
	for _, c := range v.SoftCutoffs {
		for name, want := range c.Expect {
			if got := SoftCutoff(thresholds[name], c.Planned); got != want {
				t.Errorf("cut-off of %s for %d rows is %d, want %d", name, c.Planned, got, want)
			}
		}
	}
	// A pipeline stops at the first hard failure: the checks behind it are not in the record.
	for i, c := range v.PipelineWalks {
		var verdicts []Verdict
		raised := false
		for _, check := range Checks() {
			_, failing := c.Outcomes[check.Name]
			o := pass(check.Name, check.Severity, "scripted")
			o.OK = !failing
			verdicts = append(verdicts, o)
			raised = c.Outcomes[check.Name] == "raise"
			if failing && (check.Severity == Hard || raised) {
				break
			}
		}
		if len(verdicts) != len(c.ExpectChecks) {
			t.Errorf("walk %d: %d checks, want %d", i, len(verdicts), len(c.ExpectChecks))
		}
		stage, _, _ := hardFailure(verdicts)
		// A soft check that raises leaves the record invalid without a hard failure. None of ours raises.
		if (stage == "" && !raised) != c.ExpectValid {
			t.Errorf("walk %d: %s, want valid %v", i, stage, c.ExpectValid)
		}
	}
	vectortest.Count(t, "validator/validate_miner.json", len(v.Cases)+len(v.SoftCutoffs)+len(v.PipelineWalks))
}

func TestExtrapolationVectors(t *testing.T) {
	var v struct {
		About string
		Cases []struct {
			Total, Checked, Valid, Unique, Successful int64
			Expect                                    Metrics
		}
		Digests []struct {
			Tokens       []int64
			PromptLength json.RawMessage `json:"prompt_length"`
			Expect       *string
		}
	}
	vectortest.Decode(t, "validator/extrapolation.json", &v)
	for i, c := range v.Cases {
		if got := Estimate(c.Total, c.Checked, c.Valid, c.Unique, c.Successful); got != func() Metrics { e := c.Expect; e.PromptValid = got.PromptValid; return e }() {
			t.Errorf("case %d: %+v, want %+v", i, got, c.Expect)
		}
	}
	for i, c := range v.Digests {
		p := int64(0)
		if n, err := jsonValue(t, c.PromptLength).ToInt(); err == nil {
			p = n.Int64()
		}
		d, ok := grail.CompletionDigest(c.Tokens, p)
		if ok != (c.Expect != nil) || ok && fmt.Sprintf("%x", d) != *c.Expect {
			t.Errorf("digest %d: %x, %v", i, d, ok)
		}
	}
	vectortest.Count(t, "validator/extrapolation.json", len(v.Cases)+len(v.Digests))
}

func TestValidatorsVectors(t *testing.T) {
	var v struct {
		About  string
		Cases  []json.RawMessage
		Reward []struct {
			Miner, Validator real
			Commit           *struct {
				Rollout struct {
					TotalReward *json.RawMessage `json:"total_reward"`
				}
			}
			Metadata *struct {
				Result *struct{ Reward real } `json:"env_eval_result"`
			}
			Expect bool
		}
		LogProbs []struct {
			Name             string
			Tokens           []int32
			PromptLength     int32  `json:"prompt_length"`
			CompletionLength int32  `json:"completion_length"`
			WindowRand       string `json:"window_rand"`
			Claimed          []real
			Model            map[string]real `json:"model_logprob_at"`
			Challenged       []int
			ExpectValid      bool  `json:"expect_valid"`
			MedianDev        *real `json:"expect_median_dev"`
			MaxDev           *real `json:"expect_max_dev"`
		} `json:"logprobs"`
		Termination []struct {
			Name             string
			TokenCount       int    `json:"token_count"`
			LastToken        *int32 `json:"last_token"`
			CompletionLength int32  `json:"completion_length"`
			Generation       struct {
				MaxTokens json.RawMessage `json:"max_tokens"`
			} `json:"generation_params"`
			EOS    *int32 `json:"eos_token_id"`
			Logits []real `json:"second_last_logits"`
			Expect bool
		}
		Distribution []struct {
			Probs    []real
			Valid    bool                 `json:"expect_valid"`
			Metrics  *distributionFigures `json:"expect_metrics"`
			Initial  *distributionFigures `json:"expect_initial"`
			Reasons  *suspicionVector     `json:"expect_reasons"`
			ReasonIs *string              `json:"expect_reason"`
		}
		Prompt []struct {
			Name             string
			Hotkey           string
			WindowHash       string `json:"window_hash"`
			RolloutGroup     int64  `json:"rollout_group"`
			Tokens           []int32
			PromptLength     int32   `json:"prompt_length"`
			CompletionLength int32   `json:"completion_length"`
			Canonical        []int32 `json:"canonical_prompt"`
			Seed             *uint32 `json:"expect_seed"`
			Expect           bool
		}
		EnvSeeds []struct {
			Hotkey     string
			WindowHash string `json:"window_hash"`
			Index      int64
			Expect     uint32
		} `json:"env_seeds"`
	}
	vectortest.Decode(t, "validator/validators.json", &v)
	r := grail.Reference()
	for i, c := range v.Reward {
		if c.Commit != nil || c.Metadata != nil {
			continue // missing or textual rewards, which a typed row doesn't have: the schema refuses nulls before this check
		}
		if got := checkReward(r, float64(c.Miner), float64(c.Validator)); got.OK != c.Expect {
			t.Errorf("reward %d: %v, want %v", i, got.OK, c.Expect)
		}
	}
	for _, c := range v.LogProbs {
		own := make([]float64, len(c.Tokens))
		known := make([]bool, len(c.Tokens))
		for k, x := range c.Model {
			j, err := strconv.Atoi(k)
			if err != nil {
				t.Fatal(err)
			}
			own[j], known[j] = float64(x), true
		}
		commit := &grail.Commit{Tokens: c.Tokens}
		commit.Rollout = grail.Outcome{PromptLength: c.PromptLength, CompletionLength: c.CompletionLength, TokenLogprobs: floats(c.Claimed)}
		idx, _ := grail.ChallengeIndicesInRange(c.Tokens, c.WindowRand, int(c.PromptLength), int(c.PromptLength+c.CompletionLength), r.ChallengePositions)
		if len(c.Challenged) > 0 && !slices.Equal(idx, c.Challenged) {
			t.Errorf("%s: challenged %v, want %v", c.Name, idx, c.Challenged)
		}
		if slices.ContainsFunc(c.Challenged, func(j int) bool { return !known[j] }) {
			// A replay that lacks a position: here that is a fault of the engine, found by the length of its answer.
			own = own[:slices.Index(known[c.PromptLength:], false)+int(c.PromptLength)]
		}
		got := checkLogProbs(r, commit, idx, own, 3)
		agree(t, c.Name, got)
		if got.OK != c.ExpectValid {
			t.Errorf("%s: %v (%s), want %v", c.Name, got.OK, got.Reason, c.ExpectValid)
		}
		if c.MedianDev != nil && !close(got.Measured, float64(*c.MedianDev), 1e-9) {
			t.Errorf("%s: median %v, want %v", c.Name, got.Measured, *c.MedianDev)
		}
		if c.MaxDev != nil && !close(got.Positions[0].Deviation, float64(*c.MaxDev), 1e-9) {
			t.Errorf("%s: largest %v, want %v", c.Name, got.Positions[0].Deviation, *c.MaxDev)
		}
	}
	for _, c := range v.Termination {
		got := terminate(t, c.TokenCount, c.LastToken, c.CompletionLength, c.Generation.MaxTokens, c.EOS, floats(c.Logits), false)
		if got.OK != c.Expect {
			t.Errorf("%s: %v (%s), want %v", c.Name, got.OK, got.Reason, c.Expect)
		}
	}
	for i, c := range v.Distribution {
		judgeList(t, "validators "+strconv.Itoa(i), floats(c.Probs), c.Valid, c.Reasons, c.Metrics, c.Initial)
		if insufficient := c.ReasonIs != nil && *c.ReasonIs == "insufficient"; insufficient != (len(c.Probs) < r.DistributionMinSteps) {
			t.Errorf("distribution %d: insufficient is %v", i, insufficient)
		}
	}
	for _, c := range v.Prompt {
		seed := grail.EnvSeed(c.Hotkey, c.WindowHash, c.RolloutGroup)
		if c.Seed != nil && seed != *c.Seed {
			t.Errorf("%s: seed %d, want %d", c.Name, seed, *c.Seed)
		}
		eval := fakeEvaluator{prompts: map[uint32][]int32{seed: c.Canonical}}
		matches := int(c.PromptLength) == len(c.Canonical) && int(c.PromptLength+c.CompletionLength) == len(c.Tokens) &&
			slices.Equal(c.Tokens[:min(len(c.Tokens), len(c.Canonical))], c.Canonical)
		broken := matches && !c.Expect // what the vector has fail is then the environment's adapter
		if broken {
			eval.prompts = nil
		}
		p := newPipeline(&Checker{Rules: r, Window: Window{Miner: c.Hotkey, Hash: c.WindowHash}, Evaluator: &eval}, nil)
		row := &grail.Row{RolloutGroup: c.RolloutGroup, Commit: grail.Commit{Tokens: c.Tokens}}
		row.Commit.Rollout.PromptLength, row.Commit.Rollout.CompletionLength = c.PromptLength, c.CompletionLength
		got, err := p.prompt(context.Background(), row)
		if err != nil || got.OK != c.Expect || got.Unjudged != broken {
			t.Errorf("%s: %v (%s), %v; want %v", c.Name, got.OK, got.Reason, err, c.Expect)
		}
	}
	for i, c := range v.EnvSeeds {
		if got := grail.EnvSeed(c.Hotkey, c.WindowHash, c.Index); got != c.Expect {
			t.Errorf("seed %d: %d, want %d", i, got, c.Expect)
		}
	}
	vectortest.Count(t, "validator/validators.json", len(v.Reward)+len(v.LogProbs)+len(v.Termination)+len(v.Distribution)+len(v.Prompt)+len(v.EnvSeeds))
}

// fakeEvaluator answers from tables.
type fakeEvaluator struct {
	prompts map[uint32][]int32
	grade   func(seed uint32, completion []int32) (Grade, error)
}

func (f *fakeEvaluator) PromptTokens(_ context.Context, seed uint32) ([]int32, error) {
	p, ok := f.prompts[seed]
	if !ok {
		return nil, errors.New("no such prompt")
	}
	return p, nil
}

func (f *fakeEvaluator) Evaluate(_ context.Context, seed uint32, completion []int32) (Grade, error) {
	return f.grade(seed, completion)
}

func TestEnvironmentValidatorVectors(t *testing.T) {
	var v struct {
		Meta     struct{ Description, Python string }
		Severity map[string][]any
		Cases    []struct {
			Kind       string
			EnvID      string          `json:"env_id"`
			EnvParams  json.RawMessage `json:"env_params"`
			Hotkey     string
			WindowHash string `json:"window_hash"`
			GroupIndex int64  `json:"group_index"`
			Commit     json.RawMessage
			Canonical  []int32 `json:"canonical_prompt"`
			PromptOK   bool    `json:"prompt_ok"`
			EvalOK     bool    `json:"eval_ok"`
			Result     *struct {
				Success bool
				Reward  float64
				Seed    uint32
				Text    string
			} `json:"eval_result"`
		}
		Reward []struct {
			Total json.RawMessage `json:"total_reward"`
			Env   json.RawMessage `json:"env_reward"`
			OK    bool
		}
		LogProb []struct {
			Model, Claimed []real
			MedianDev      real `json:"median_dev"`
			OK             bool
		}
	}
	vectortest.Decode(t, "environments/validator.json", &v)
	r := grail.Reference()
	typed := 0
	for i, c := range v.Cases {
		row, ok := rowFrom(t, jsonValue(t, slices.Concat([]byte(`{"rollout_group":`), []byte(strconv.FormatInt(c.GroupIndex, 10)), []byte(`,"commit":`), c.Commit, []byte(`}`))))
		seed := grail.EnvSeed(c.Hotkey, c.WindowHash, c.GroupIndex)
		eval := &fakeEvaluator{prompts: map[uint32][]int32{seed: c.Canonical}, grade: func(_ uint32, completion []int32) (Grade, error) {
			text := "K"
			for j, id := range completion {
				if j > 0 {
					text += "-"
				}
				text += strconv.Itoa(int(id))
			}
			if c.EnvID != "fake" || slices.Equal(completion, []int32{666}) {
				return Grade{}, errors.New("boom")
			}
			return Grade{Success: true, Reward: float64(len(text)) / 7}, nil
		}}
		var params struct{ Boom bool }
		if err := json.Unmarshal(c.EnvParams, &params); err != nil || c.EnvID != "fake" || params.Boom {
			eval.prompts = nil // the adapter raises
		}
		p := newPipeline(&Checker{Rules: r, Window: Window{Miner: c.Hotkey, Hash: c.WindowHash, EOS: -1}, Evaluator: eval}, nil)
		got, err := p.prompt(context.Background(), &row)
		if err != nil || ok && got.OK != c.PromptOK {
			t.Errorf("case %d (%s): prompt %v (%s), %v; want %v", i, c.Kind, got.OK, got.Reason, err, c.PromptOK)
		}
		if !ok || row.Commit.Rollout.CompletionLength < 1 {
			continue // the schema refuses such lengths before the environment sees them
		}
		typed++
		grade, verdict, err := p.evaluate(context.Background(), &row)
		if err != nil || verdict.OK != c.EvalOK {
			t.Errorf("case %d (%s): evaluation %v (%s), %v; want %v", i, c.Kind, verdict.OK, verdict.Reason, err, c.EvalOK)
		}
		if c.Result != nil && (grade == nil || grade.Reward != c.Result.Reward || grade.Success != c.Result.Success || seed != c.Result.Seed) {
			t.Errorf("case %d (%s): grade %+v, seed %d; want %+v", i, c.Kind, grade, seed, c.Result)
		}
	}
	if typed == 0 {
		t.Error("no case reached the environment")
	}
	for i, c := range v.Reward {
		var total, env float64
		if json.Unmarshal(c.Total, &total) != nil || json.Unmarshal(c.Env, &env) != nil {
			continue // rewards that are text or absent, which a column of numbers doesn't hold
		}
		if got := checkReward(r, total, env); got.OK != c.OK {
			t.Errorf("reward %d: %v, want %v", i, got.OK, c.OK)
		}
	}
	for i, c := range v.LogProb {
		n := len(c.Model)
		commit := &grail.Commit{Tokens: make([]int32, n+1)}
		commit.Rollout = grail.Outcome{PromptLength: 1, CompletionLength: int32(n), TokenLogprobs: append([]float64{0}, floats(c.Claimed)...)}
		idx := make([]int, n)
		for j := range idx {
			idx[j] = j + 1
		}
		got := checkLogProbs(r, commit, idx, append([]float64{0}, floats(c.Model)...), 3)
		if got.OK != c.OK || !math.IsNaN(got.Measured) && !close(got.Measured, float64(c.MedianDev), 1e-9) {
			t.Errorf("log-probs %d: %v with median %v, want %v with %v", i, got.OK, got.Measured, c.OK, c.MedianDev)
		}
	}
	vectortest.Count(t, "environments/validator.json", len(v.Cases)+len(v.Reward)+len(v.LogProb))
}
