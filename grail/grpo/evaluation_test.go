package grpo

import (
	"math"
	"slices"
	"strconv"
	"testing"

	"github.com/nanteos/nanteos/internal/vectortest"
)

func TestVectorsEvaluation(t *testing.T) {
	const file = "validator/eval_metrics.json"
	var v struct {
		About string
		Cases []struct {
			Ks   []int `json:"report_ks"`
			Rows []struct {
				Task      string
				Replicate int
				Reward    float64
				Success   bool
			}
			Expect map[string]float64
		}
		Seeds []struct {
			Base      int    `json:"seed_base"`
			Cycle     int64  `json:"cycle_index"`
			Task      string `json:"task_id"`
			Replicate int
			Expect    string
		}
		Subset []struct {
			Tasks   int
			Size    int    `json:"subset_size"`
			Base    uint32 `json:"seed_base"`
			Indices []int  `json:"expect_indices"`
		}
		DeriveK []struct {
			Rollouts int `json:"rollouts_per_problem"`
			Expect   []int
		} `json:"derive_k"`
		MFU []struct {
			Params, Layers, Heads int
			HeadDim               int     `json:"head_dim"`
			Tokens                int     `json:"total_tokens"`
			Length                float64 `json:"avg_seq_len"`
			Seconds               float64 `json:"step_time_sec"`
			Peak                  float64 `json:"gpu_peak_tflops"`
			Expect                struct {
				MFU, TFLOPS float64
				PerSecond   float64 `json:"tokens_per_sec"`
			}
		} `json:"mfu"`
	}
	vectortest.Decode(t, file, &v)
	for i, c := range v.Cases {
		var attempts []Attempt
		for _, r := range c.Rows {
			attempts = append(attempts, Attempt{r.Task, r.Replicate, r.Reward, r.Success})
		}
		e := Evaluate(attempts, c.Ks)
		got := map[string]float64{}
		if len(attempts) > 0 {
			got = map[string]float64{"reward_mean_all": e.RewardMean, "reward_std_all": e.RewardSD, "success_rate_all": e.SuccessRate, "tasks": float64(e.Tasks),
				"replicates": float64(e.Attempts), "reward_mean_taskavg_all": e.RewardMeanByTask, "success_rate_taskavg_all": e.SuccessRateByTask}
			for _, k := range e.AtK {
				n := strconv.Itoa(k.K)
				got["pass@"+n], got["pass_ordered@"+n], got["mean@"+n], got["best@"+n] = k.Pass, k.PassOrdered, k.Mean, k.Best
			}
		}
		for name, want := range c.Expect {
			if x, ok := got[name]; !ok || !near(x, want, 1e-12) {
				t.Errorf("case %d: %s is %v, want %v", i, name, x, want)
			}
		}
		if len(got) != len(c.Expect) {
			t.Errorf("case %d: %d figures, want %d", i, len(got), len(c.Expect))
		}
	}
	for _, c := range v.Seeds {
		if got := strconv.FormatUint(EvaluationSeed(c.Base, c.Cycle, c.Task, c.Replicate), 10); got != c.Expect {
			t.Errorf("seed of %+v: got %s", c, got)
		}
	}
	for _, c := range v.Subset {
		if got := EvaluationSubset(c.Tasks, c.Size, c.Base); !slices.Equal(got, c.Indices) {
			t.Errorf("subset %d of %d: got %v, want %v", c.Size, c.Tasks, got, c.Indices)
		}
	}
	for _, c := range v.DeriveK {
		if got := EvaluationKs(c.Rollouts); !slices.Equal(got, c.Expect) {
			t.Errorf("ks of %d: got %v, want %v", c.Rollouts, got, c.Expect)
		}
	}
	places := func(x float64, n int) float64 { return math.Round(x*math.Pow10(n)) / math.Pow10(n) }
	for _, c := range v.MFU {
		mfu, tflops, speed := Utilisation(c.Params, c.Layers, c.Heads, c.HeadDim, c.Tokens, c.Length, c.Seconds, c.Peak)
		if places(mfu, 4) != c.Expect.MFU || places(tflops, 1) != c.Expect.TFLOPS || places(speed, 1) != c.Expect.PerSecond {
			t.Errorf("utilisation %v %v %v, want %+v", mfu, tflops, speed, c.Expect)
		}
	}
	vectortest.Count(t, file, len(v.Cases)+len(v.Seeds)+len(v.Subset)+len(v.DeriveK)+len(v.MFU))
}

func TestEvaluateNothing(t *testing.T) {
	if e := Evaluate(nil, []int{1}); e.Tasks != 0 || len(e.AtK) != 0 {
		t.Errorf("got %+v", e)
	}
	if _, _, speed := Utilisation(1, 1, 1, 1, 1, 1, 0, 0); speed != 0 {
		t.Errorf("a step of no time has a speed of %v", speed)
	}
	if len(EvaluationSubset(0, 5, 1)) != 0 {
		t.Error("a subset of nothing")
	}
}
