package score

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/grail/verify"
)

func TestBurn(t *testing.T) {
	in := Input{
		Target: 330, Neurons: []Neuron{{0, "burn"}, {1, "a"}, {2, "b"}}, Availability: map[string]int{"a": 1, "b": 1},
		Metrics: map[string]map[int64]verify.Metrics{"a": {330: {EstimatedUnique: 100}}, "b": {330: {EstimatedUnique: 50}}},
	}
	for _, c := range []struct {
		name    string
		percent float64
		capped  bool
		want    []float64
	}{
		{"nothing burned", 0, false, []float64{0, 16. / 17, 1. / 17}},
		{"half burned", 50, false, []float64{0.5, 8. / 17, 0.5 / 17}},
		{"all burned", 100, false, []float64{1, 0, 0}},
		{"more than all", 140, false, []float64{1, 0, 0}},
	} {
		r := grail.Reference()
		r.BurnPercent, r.UniqueCapEnabled = c.percent, c.capped
		got, err := Weights(r, in)
		if err != nil {
			t.Fatal(err)
		}
		for i, s := range got {
			if math.Abs(s.Weight-c.want[i]) > 1e-12 {
				t.Errorf("%s: weight of UID %d is %v, want %v", c.name, s.UID, s.Weight, c.want[i])
			}
		}
	}
	for _, p := range []float64{-1, math.NaN(), math.Inf(1)} {
		r := grail.Reference()
		r.BurnPercent = p
		if _, err := Weights(r, in); !errors.Is(err, ErrBurn) {
			t.Errorf("%v percent: got %v, want %v", p, err, ErrBurn)
		}
	}
	// With the cap and nothing burned, what nobody claims still goes to the burn UID.
	r := grail.Reference()
	r.BurnPercent = 0
	got, _ := Weights(r, in)
	if sum := got[0].Weight + got[1].Weight + got[2].Weight; math.Abs(sum-1) > 1e-12 || got[0].Weight < 0.99 {
		t.Errorf("weights %v, %v, %v", got[0].Weight, got[1].Weight, got[2].Weight)
	}
}

func TestAlignAvailability(t *testing.T) {
	r := grail.Reference()
	s := NewState()
	// A validator that sees every fourth window only: 12 rolls over 48 windows.
	for i := range int64(12) {
		w := i * 120
		s.Close(r, Result{Window: w, Active: []string{"a"}, Selected: []string{"a"}, Metrics: map[string]verify.Metrics{"a": {Total: 10, EstimatedUnique: 10}}})
	}
	if got := s.Input(r, nil).Availability["a"]; got != 12 {
		t.Errorf("reference counts %d windows, want 12", got)
	}
	r.AlignAvailability = true
	if got := s.Input(r, nil).Availability["a"]; got != 3 {
		t.Errorf("aligned counts %d windows, want 3", got)
	}
	if got := len(s.Metrics["a"]); got > 4 {
		t.Errorf("metrics of %d windows are kept", got)
	}
}

func TestCloseTwice(t *testing.T) {
	r := grail.Hardened()
	once, twice := NewState(), NewState()
	for i := range int64(3) {
		res := Result{
			Window: i * 30, Active: []string{"b", "a"}, Selected: []string{"a"},
			Metrics: map[string]verify.Metrics{"a": {EstimatedUnique: i}, "b": {HadFailure: i % 2}},
		}
		once.Close(r, res)
		half := res
		half.Metrics = map[string]verify.Metrics{"c": {HadFailure: 1}} // a first try that ended otherwise
		twice.Close(r, half)
		twice.Close(r, res)
	}
	if d := cmp.Diff(once, twice); d != "" {
		t.Errorf("a window taken in twice leaves a trace:\n%s", d)
	}
}

func TestStateSurvivesJSON(t *testing.T) {
	r := grail.Hardened()
	s := NewState()
	time := 5.0
	for i := range int64(20) {
		s.Copies.Window(r, verify.CopyInterval(r, i*30), i*30, map[string]verify.Submission{
			"a": {Digests: verify.Digests{"x": 2}, Total: 16, Upload: &time}, "b": {Digests: verify.Digests{"x": 1}, Total: 16},
		})
		s.Close(r, Result{Window: i * 30, Active: []string{"a", "b"}, Selected: []string{"a"}, Metrics: map[string]verify.Metrics{"a": {Total: 16, EstimatedUnique: 16}}})
	}
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var got State
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	if err := got.Validate(); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(s, &got); d != "" {
		t.Errorf("state differs after JSON:\n%s", d)
	}
	for name, spoil := range map[string]func(*State){
		"version":   func(s *State) { s.Version = 9 },
		"window":    func(s *State) { s.LastWindow = -7 },
		"history":   func(s *State) { s.Failed.Rolls[0].Window = 1 << 40 },
		"set":       func(s *State) { s.Available.Rolls[0].Hotkeys = []string{"b", "a"} },
		"twice":     func(s *State) { s.Available.Rolls[0].Hotkeys = []string{"a", "a"} },
		"metrics":   func(s *State) { s.Metrics["a"][570] = verify.Metrics{EstimatedUnique: -1} },
		"inflated":  func(s *State) { s.Metrics["a"][570] = verify.Metrics{EstimatedUnique: 17, Total: 16} },
		"copies":    func(s *State) { s.Copies.Overlaps[0].Shared = -1 },
		"direction": func(s *State) { s.Copies.Overlaps[0].ByA = 1 << 40 },
	} {
		var bad State
		if err := json.Unmarshal(b, &bad); err != nil {
			t.Fatal(err)
		}
		spoil(&bad)
		if err := bad.Validate(); !errors.Is(err, ErrState) {
			t.Errorf("%s: got %v, want %v", name, err, ErrState)
		}
	}
}

func TestDue(t *testing.T) {
	r := grail.Reference()
	s := NewState()
	due := func(block int64, want, wantMark bool) {
		t.Helper()
		interval, got, mark := s.Due(r, block)
		if got != want || mark != wantMark {
			t.Errorf("block %d: due %v, mark %v; want %v, %v", block, got, mark, want, wantMark)
		}
		if mark {
			s.Mark(interval)
		}
	}
	due(400, false, true) // still warming up: the interval passes
	due(410, false, false)
	for i := range int64(12) {
		s.Skip(i * 30)
	}
	due(719, false, false)
	due(720, true, true)
	due(1000, false, false)
	due(1080, true, true)
	s.Skip(0) // an old window again
	if s.Processed != 12 || s.LastWindow != 330 {
		t.Errorf("processed %d, last %d", s.Processed, s.LastWindow)
	}
}

func TestTrustListOfOthers(t *testing.T) {
	r := grail.Reference()
	good := TrustList{Version: 1, Window: 30, ValidatorHotkey: "v", EligibleHotkeys: []string{"a"}, ActiveCount: 2, ExcludedFailureCount: 1}
	if err := good.Validate(r, 30, "v"); err != nil {
		t.Error(err)
	}
	for name, spoil := range map[string]func(*TrustList){
		"version": func(l *TrustList) { l.Version = 2 },
		"window":  func(l *TrustList) { l.Window = 60 },
		"author":  func(l *TrustList) { l.ValidatorHotkey = "w" },
		"counts":  func(l *TrustList) { l.ActiveCount = 5 },
	} {
		l := good
		spoil(&l)
		if err := l.Validate(r, 30, "v"); !errors.Is(err, ErrTrustList) {
			t.Errorf("%s: got %v, want %v", name, err, ErrTrustList)
		}
	}
}

func TestWhatIf(t *testing.T) {
	r := grail.Reference()
	in := Input{
		Target: 330, Neurons: []Neuron{{0, "burn"}, {1, "a"}, {3, "b"}}, Availability: map[string]int{"a": 12, "b": 12},
		Metrics: map[string]map[int64]verify.Metrics{"a": {330: {EstimatedUnique: 5000}}, "b": {330: {EstimatedUnique: 2500}}},
	}
	n, yes := int64(5000), true
	out, err := WhatIf(r, in, []Change{{Hotkey: "b", Unique: &n}, {Hotkey: "new", Unique: &n}, {Hotkey: "a", Failed: &yes}})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) != 4 || out[3].After.UID != 2 || out[3].Before.Weight != 0 {
		t.Fatalf("outcome %+v", out)
	}
	if a := out[1]; a.Before.Weight <= 0 || a.After.Weight != 0 || a.After.Why == "" {
		t.Errorf("a fails: %+v", a)
	}
	if b, fresh := out[2].After, out[3].After; math.Abs(b.Weight-0.05) > 1e-12 || b.Weight != fresh.Weight {
		t.Errorf("b %v and the new one %v, want 0.05 each", b.Weight, fresh.Weight)
	}
	if in.Metrics["b"][330].EstimatedUnique != 2500 || len(in.Neurons) != 3 {
		t.Error("the input was changed")
	}
	if _, err := WhatIf(r, in, []Change{{}}); err == nil {
		t.Error("a change without hotkey was taken")
	}
}

func TestSumIsExact(t *testing.T) {
	for _, c := range []struct {
		xs   []float64
		want float64
	}{
		{nil, 0},
		{[]float64{1e100, 1, -1e100}, 1},
		{[]float64{0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1}, 1},
		{[]float64{1, 1e-16, 1e-16}, 1.0000000000000002},
		{[]float64{1e16, 1, 1e-16}, 10000000000000002}, // half way, and a little above
		{[]float64{1e16, 1, -1e-16}, 1e16},
		{[]float64{math.Inf(1), 1}, math.Inf(1)},
	} {
		if got := Sum(c.xs); got != c.want {
			t.Errorf("sum of %v is %v, want %v", c.xs, got, c.want)
		}
	}
	if got := Sum([]float64{math.Inf(1), math.Inf(-1)}); !math.IsNaN(got) {
		t.Errorf("sum of infinities is %v", got)
	}
}

func ExampleSampleSize() {
	r := grail.Reference()
	for _, n := range []int{1, 5, 40, 200} {
		fmt.Print(SampleSize(r, n), " ")
	}
	// Output: 1 2 10 35
}
