package verify

import (
	"encoding/json"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/internal/vectortest"
)

func TestCopycatVectors(t *testing.T) {
	var v struct {
		About string
		Cases []struct {
			Name  string
			Steps []struct {
				Input struct {
					Interval, Window int64
					Submissions      map[string]struct {
						Digests Digests
						Total   int64
						Upload  *float64
					}
				}
				Expect struct {
					WindowCheaters   []string `json:"window_cheaters"`
					IntervalCheaters []string `json:"interval_cheaters"`
					Violations       []struct {
						Pair                [2]string
						Shared, Denominator int64
						Ratio, Threshold    float64
						Scope               string
						WindowStart         int64 `json:"window_start"`
						Copier, Victim      *string
					}
					IntervalTotals  map[string]int64   `json:"interval_totals"`
					IntervalUploads map[string]float64 `json:"interval_upload_times"`
					Metrics         map[string]Metrics `json:"metrics_after_gating"`
				}
			}
		}
	}
	vectortest.Decode(t, "validator/copycat.json", &v)
	r := grail.Reference()
	for _, c := range v.Cases {
		var memory Copies
		for i, s := range c.Steps {
			subs := map[string]Submission{}
			for k, x := range s.Input.Submissions {
				subs[k] = Submission{Digests: x.Digests, Total: x.Total, Upload: x.Upload}
			}
			rep := memory.Window(r, s.Input.Interval, s.Input.Window, subs)
			e := s.Expect
			sorted := func(xs []string) []string { xs = slices.Clone(xs); slices.Sort(xs); return xs }
			for _, x := range []struct {
				what      string
				got, want any
			}{
				{"window copiers", rep.WindowCopiers, sorted(e.WindowCheaters)},
				{"interval copiers", rep.IntervalCopiers, sorted(e.IntervalCheaters)},
				{"totals", memory.Totals, e.IntervalTotals},
				{"upload times", memory.Uploads, e.IntervalUploads},
			} {
				if d := cmp.Diff(x.want, x.got, cmpopts.EquateEmpty()); d != "" {
					t.Errorf("%s step %d: %s (-want +got):\n%s", c.Name, i, x.what, d)
				}
			}
			var want []Violation
			for _, x := range e.Violations {
				w := Violation{Pair: x.Pair, Shared: x.Shared, Denominator: x.Denominator, Ratio: x.Ratio, Threshold: x.Threshold, Scope: x.Scope, Window: x.WindowStart}
				if x.Copier != nil {
					w.Copier, w.Victim = *x.Copier, *x.Victim
				}
				want = append(want, w)
			}
			if d := cmp.Diff(want, rep.Violations, cmpopts.EquateEmpty(), cmpopts.EquateApprox(1e-12, 0)); d != "" {
				t.Errorf("%s step %d: violations (-want +got):\n%s", c.Name, i, d)
			}
			copiers := rep.Copiers()
			for k, m := range e.Metrics {
				if slices.Contains(copiers, k) {
					if _, here := subs[k]; !here {
						if got := GateCopier(Metrics{}); got != m {
							t.Errorf("%s step %d: gated %s %+v, want %+v", c.Name, i, k, got, m)
						}
						continue
					}
					if got := GateCopier(m); got != m {
						t.Errorf("%s step %d: %s is not gated as wanted: %+v", c.Name, i, k, m)
					}
				} else if m.HadFailure != 0 {
					t.Errorf("%s step %d: %s should be gated", c.Name, i, k)
				}
			}
			if err := memory.Validate(); err != nil {
				t.Error(err)
			}
		}
	}
	vectortest.Count(t, "validator/copycat.json", len(v.Cases))
}

// TestVictimStaysInnocent is the case that the reference turns round (F4): the victim uploads again, later, while the copier is banned.
func TestVictimStaysInnocent(t *testing.T) {
	at := func(x float64) *float64 { return &x }
	digests := Digests{}
	for i := range 50 {
		digests[string(rune('a'+i))] = 1
	}
	run := func(r grail.Rules) (first, second CopyReport) {
		var c Copies
		first = c.Window(r, 1, 360, map[string]Submission{"victim": {digests, 50, at(10)}, "thief": {digests, 50, at(11)}})
		b, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		c = Copies{} // a restart in between
		if err := json.Unmarshal(b, &c); err != nil {
			t.Fatal(err)
		}
		second = c.Window(r, 1, 390, map[string]Submission{"victim": {Digests{"other": 50}, 50, at(500)}})
		return first, second
	}
	reference := grail.Reference()
	if first, second := run(reference); !slices.Equal(first.Copiers(), []string{"thief"}) || !slices.Equal(second.Copiers(), []string{"victim"}) {
		t.Errorf("reference: %v, then %v", first.Copiers(), second.Copiers())
	}
	hardened := grail.Hardened()
	if first, second := run(hardened); !slices.Equal(first.Copiers(), []string{"thief"}) || !slices.Equal(second.Copiers(), []string{"thief"}) {
		t.Errorf("hardened: %v, then %v", first.Copiers(), second.Copiers())
	}
	// Equal times: nobody.
	var c Copies
	rep := c.Window(hardened, 1, 360, map[string]Submission{"a": {digests, 50, at(10)}, "b": {digests, 50, at(10)}, "c": {digests, 50, nil}})
	if len(rep.Copiers()) != 0 || len(rep.Violations) != 6 {
		t.Errorf("equal times: %v, %d violations", rep.Copiers(), len(rep.Violations))
	}
	for _, v := range rep.Violations {
		if v.String() == "" {
			t.Error("a violation without words")
		}
	}
}

func TestBadCopyMemory(t *testing.T) {
	for name, c := range map[string]Copies{
		"negative total":   {Totals: map[string]int64{"a": -1}},
		"time not number":  {Uploads: map[string]float64{"a": math.NaN()}},
		"pair out of turn": {Overlaps: []Overlap{{A: "b", B: "a"}}},
		"more than all":    {Overlaps: []Overlap{{A: "a", B: "b", Shared: 1, ByA: 1, ByB: 1}}},
	} {
		if c.Validate() == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func TestUploadDeadlineVectors(t *testing.T) {
	var v struct {
		About string
		Cases []struct {
			Name     string
			Key      string
			Objects  map[string][2]*float64
			Deadline *float64
			Min      int64
			Max      *int64
			Expect   Upload
		}
	}
	vectortest.Decode(t, "validator/upload_deadline.json", &v)
	r := grail.Reference()
	for _, c := range v.Cases {
		var got Upload
		for _, key := range ProbeKeys(r, c.Key) {
			o, ok := c.Objects[key]
			if !ok {
				continue
			}
			var object Object
			if o[0] != nil {
				size := int64(*o[0])
				object.Size = &size
			}
			object.Modified = o[1]
			limit := c.Max
			if limit == nil { // the probe's own
				limit = &r.MaxProbeBytes
			}
			got = JudgeUpload(object, c.Deadline, c.Min, limit)
			break
		}
		if d := cmp.Diff(c.Expect, got, cmpopts.EquateApprox(0, 1e-6)); d != "" { // the store keeps microseconds
			t.Errorf("%s (-want +got):\n%s", c.Name, d)
		}
	}
	if keys := ProbeKeys(grail.Hardened(), "x"); len(keys) != 1 || keys[0] != "x" {
		t.Errorf("hardened rules look for %v", keys)
	}
	vectortest.Count(t, "validator/upload_deadline.json", len(v.Cases))
}
