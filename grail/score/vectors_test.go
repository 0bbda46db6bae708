package score

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/grail/verify"
	"github.com/nanteos/nanteos/internal/vectortest"
)

func TestWeightVectors(t *testing.T) {
	var v struct {
		About string
		Cases []struct {
			Name   string
			Config struct {
				RollingWindows int      `json:"rolling_windows"`
				WindowLength   int64    `json:"window_length"`
				Exponent       float64  `json:"superlinear_exponent"`
				BurnUID        *int     `json:"burn_uid"`
				BurnPercentage *float64 `json:"burn_percentage"`
				CapEnabled     bool     `json:"cap_enabled"`
			}
			MetaHotkeys        []string                             `json:"meta_hotkeys"`
			MetaUIDs           []int                                `json:"meta_uids"`
			TargetWindow       int64                                `json:"target_window"`
			AvailabilityCounts map[string]int                       `json:"availability_counts"`
			InferenceCounts    map[string]map[string]map[string]any `json:"inference_counts"`
			Expect             struct {
				Weights []float64
				NonZero []json.RawMessage `json:"non_zero"`
				Error   string
			}
		}
	}
	vectortest.Decode(t, "validator/weights.json", &v)
	for _, c := range v.Cases {
		t.Run(c.Name, func(t *testing.T) {
			r := grail.Reference()
			r.WeightWindows, r.WindowLength, r.ScoreExponent = c.Config.RollingWindows, c.Config.WindowLength, c.Config.Exponent
			r.UniqueCapEnabled = c.Config.CapEnabled
			if c.Config.BurnUID == nil || c.Config.BurnPercentage == nil || *c.Config.BurnPercentage <= 0 {
				if c.Expect.Error == "" {
					t.Fatal("the reference takes a burn share that these rules can't express")
				}
				// Rules always have a burn UID, and a share of 0 burns nothing; a negative one is refused, see TestBurn.
				return
			}
			r.BurnUID, r.BurnPercent = *c.Config.BurnUID, *c.Config.BurnPercentage
			in := Input{Target: c.TargetWindow, Availability: c.AvailabilityCounts, Metrics: map[string]map[int64]verify.Metrics{}}
			for i, k := range c.MetaHotkeys {
				in.Neurons = append(in.Neurons, Neuron{c.MetaUIDs[i], k})
			}
			for k, byWindow := range c.InferenceCounts {
				in.Metrics[k] = map[int64]verify.Metrics{}
				for w, m := range byWindow {
					n, err := strconv.ParseInt(w, 10, 64)
					if err != nil {
						t.Fatal(err)
					}
					in.Metrics[k][n] = metricsOf(t, m)
				}
			}
			got, err := Weights(r, in)
			if c.Expect.Error != "" {
				if err == nil {
					t.Fatalf("no error, want %s", c.Expect.Error)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			sum := 0.0
			for i, s := range got {
				if math.Abs(s.Weight-c.Expect.Weights[i]) > 1e-12 {
					t.Errorf("UID %d: weight %v, want %v", s.UID, s.Weight, c.Expect.Weights[i])
				}
				if (s.Share == 0) != (s.Why != "") {
					t.Errorf("UID %d: share %v with cause %q", s.UID, s.Share, s.Why)
				}
				sum += s.Weight
			}
			if len(got) != len(c.Expect.Weights) {
				t.Errorf("%d weights, want %d", len(got), len(c.Expect.Weights))
			}
		})
	}
	vectortest.Count(t, "validator/weights.json", len(v.Cases))
}

// metricsOf reads the metrics of a vector, whose keys are those of the reference; missing ones are 0.
func metricsOf(t *testing.T, m map[string]any) verify.Metrics {
	t.Helper()
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var out verify.Metrics
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestMinerSamplingVectors(t *testing.T) {
	var v struct {
		About string
		Cases []struct {
			ActiveHotkeys   []string       `json:"active_hotkeys"`
			WindowHash      string         `json:"window_hash"`
			SelectionCounts map[string]int `json:"selection_counts"`
			Expect          []string
		}
		Sizes []struct {
			Rate        float64
			Min, Max    int
			Active      int
			Expect      int
			Description string
		}
		Rotations []struct {
			Hotkeys []string
			Steps   []struct {
				Active      []int
				WindowHash  string `json:"window_hash"`
				Selected    []int
				CountsAfter []int `json:"counts_after"`
			}
		}
	}
	vectortest.Decode(t, "validator/miner_sampling.json", &v)
	r := grail.Reference()
	for i, c := range v.Cases {
		if got := SelectMiners(r, c.WindowHash, c.ActiveHotkeys, c.SelectionCounts); !slices.Equal(got, c.Expect) {
			t.Errorf("case %d: %v, want %v", i, got, c.Expect)
		}
	}
	for _, c := range v.Sizes {
		s := r
		s.MinerSampleRate, s.MinSampledMiners, s.MaxSampledMiners = c.Rate, c.Min, c.Max
		if got := SampleSize(s, c.Active); got != c.Expect {
			t.Errorf("%d active at %v, %d to %d: %d, want %d", c.Active, c.Rate, c.Min, c.Max, got, c.Expect)
		}
	}
	for i, c := range v.Rotations {
		var h History
		for j, s := range c.Steps {
			got := SelectMiners(r, s.WindowHash, pick(c.Hotkeys, s.Active), h.Counts())
			if want := pick(c.Hotkeys, s.Selected); !slices.Equal(got, want) {
				t.Fatalf("rotation %d step %d: %v, want %v", i, j, got, want)
			}
			h.Add(r.WeightWindows, int64(j), got)
			counts := h.Counts()
			for k, n := range s.CountsAfter {
				if counts[c.Hotkeys[k]] != n {
					t.Fatalf("rotation %d step %d: count of %d is %d, want %d", i, j, k, counts[c.Hotkeys[k]], n)
				}
			}
		}
	}
	vectortest.Count(t, "validator/miner_sampling.json", len(v.Cases)+len(v.Sizes)+len(v.Rotations))
}

func pick(list []string, at []int) []string {
	out := []string{}
	for _, i := range at {
		out = append(out, list[i])
	}
	return out
}

func TestFailureLookbackVectors(t *testing.T) {
	var v struct {
		About string
		Cases []struct {
			Name     string
			Lookback int
			Steps    []struct {
				Active         []string
				ExpectEligible []string `json:"expect_eligible"`
				Failed         []string
				ExpectCounts   map[string]int `json:"expect_counts"`
			}
		}
	}
	vectortest.Decode(t, "validator/failure_lookback.json", &v)
	for i, c := range v.Cases {
		r := grail.Reference()
		r.FailureLookbackWindows = c.Lookback
		s := NewState()
		for j, step := range c.Steps {
			if got := s.Eligible(step.Active); !slices.Equal(got, step.ExpectEligible) {
				t.Fatalf("case %d step %d: eligible %v, want %v", i, j, got, step.ExpectEligible)
			}
			metrics := map[string]verify.Metrics{}
			for _, k := range step.Failed {
				metrics[k] = verify.Metrics{HadFailure: 1}
			}
			s.Close(r, Result{Window: int64(j) * r.WindowLength, Active: step.Active, Metrics: metrics})
			counts := s.Failed.Counts()
			for k, n := range step.ExpectCounts {
				if counts[k] != n {
					t.Fatalf("case %d step %d: count of %s is %d, want %d", i, j, k, counts[k], n)
				}
			}
			if err := s.Validate(); err != nil {
				t.Fatal(err)
			}
		}
	}
	vectortest.Count(t, "validator/failure_lookback.json", len(v.Cases))
}

func TestProcessWindowVectors(t *testing.T) {
	var v struct {
		About string
		Cases []struct {
			Hotkeys         []string
			ValidatorHotkey string `json:"validator_hotkey"`
			Steps           []struct {
				Window             int64
				MetadataMissing    bool `json:"metadata_missing"`
				TestMode           bool `json:"test_mode"`
				Active             []int
				BlockTimestamp     *float64 `json:"block_timestamp"`
				EstimatedTimestamp *float64 `json:"estimated_timestamp"`
				WindowHash         string   `json:"window_hash"`
				SamplingHash       string   `json:"sampling_hash"`
				MetricsByMiner     map[string]struct {
					EstimatedUnique int64 `json:"estimated_unique"`
					HadFailure      int64 `json:"had_failure"`
				} `json:"metrics_by_miner"`
				Expect struct {
					DeadlineTS         *float64 `json:"deadline_ts"`
					WindowRand         *string  `json:"window_rand"`
					MinersToCheck      []int    `json:"miners_to_check"`
					AvailabilityCounts []int    `json:"availability_counts"`
					SelectionCounts    []int    `json:"selection_counts"`
					FailureCounts      []int    `json:"failure_counts"`
					TrustList          []struct {
						Key string
						Doc struct {
							Version              int
							Window               int64
							ValidatorHotkey      string   `json:"validator_hotkey"`
							EligibleHotkeys      []string `json:"eligible_hotkeys"`
							ActiveCount          int      `json:"active_count"`
							ExcludedFailureCount int      `json:"excluded_failure_count"`
						}
						UseWrite bool `json:"use_write"`
					} `json:"trust_list"`
				}
			}
		}
	}
	vectortest.Decode(t, "validator/process_window.json", &v)
	r := grail.Reference()
	for i, c := range v.Cases {
		s := NewState()
		counts := func(j int, name string, got map[string]int, want []int) {
			for k, n := range want {
				if got[c.Hotkeys[k]] != n {
					t.Fatalf("case %d step %d: %s count of %d is %d, want %d", i, j, name, k, got[c.Hotkeys[k]], n)
				}
			}
		}
		for j, step := range c.Steps {
			want := step.Expect
			if step.MetadataMissing {
				s.Skip(step.Window)
			} else {
				active := pick(c.Hotkeys, step.Active)
				selected := s.Plan(r, step.WindowHash, active)
				if step.TestMode { // only the validator itself, if registered; not a mode of ours
					selected = []string{}
					if slices.Contains(c.Hotkeys, c.ValidatorHotkey) {
						selected = []string{c.ValidatorHotkey}
					}
				}
				if !slices.Equal(selected, pick(c.Hotkeys, want.MinersToCheck)) {
					t.Fatalf("case %d step %d: selected %v, want %v", i, j, selected, pick(c.Hotkeys, want.MinersToCheck))
				}
				metrics := map[string]verify.Metrics{}
				for k, m := range step.MetricsByMiner {
					n, err := strconv.Atoi(k)
					if err != nil {
						t.Fatal(err)
					}
					metrics[c.Hotkeys[n]] = verify.Metrics{EstimatedUnique: m.EstimatedUnique, HadFailure: m.HadFailure}
				}
				s.Close(r, Result{Window: step.Window, Active: active, Selected: selected, Metrics: metrics})
				list := s.TrustList(r, step.Window, c.ValidatorHotkey, active, 1)
				for _, w := range want.TrustList {
					got := TrustList{w.Doc.Version, w.Doc.Window, 1, w.Doc.ValidatorHotkey, w.Doc.EligibleHotkeys, w.Doc.ActiveCount, w.Doc.ExcludedFailureCount, nil}
					if d := cmp.Diff(got, list, cmpopts.EquateEmpty()); d != "" || w.Key != TrustKey(step.Window) {
						t.Errorf("case %d step %d: key %s, trust list (-want +got):\n%s", i, j, TrustKey(step.Window), d)
					}
					if err := list.Validate(r, step.Window, c.ValidatorHotkey); err != nil {
						t.Error(err)
					}
				}
				when := step.BlockTimestamp
				if when == nil {
					when = step.EstimatedTimestamp
				}
				if want.DeadlineTS != nil && verify.Deadline(r, *when) != *want.DeadlineTS {
					t.Errorf("case %d step %d: deadline %v, want %v", i, j, verify.Deadline(r, *when), *want.DeadlineTS)
				}
				if got := grail.ChallengeRandomness(step.SamplingHash, "", false); want.WindowRand != nil && got != *want.WindowRand {
					t.Errorf("case %d step %d: randomness %s, want %s", i, j, got, *want.WindowRand)
				}
			}
			counts(j, "availability", s.Available.Counts(), want.AvailabilityCounts)
			counts(j, "selection", s.Selected.Counts(), want.SelectionCounts)
			counts(j, "failure", s.Failed.Counts(), want.FailureCounts)
			if err := s.Validate(); err != nil {
				t.Fatal(err)
			}
		}
		if s.Processed != int64(len(c.Steps)) {
			t.Errorf("case %d: %d windows processed, want %d", i, s.Processed, len(c.Steps))
		}
	}
	vectortest.Count(t, "validator/process_window.json", len(v.Cases))
}
