package validator

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/grail/score"
	"github.com/nanteos/nanteos/grail/verify"
	"github.com/nanteos/nanteos/internal/bucket"
	"github.com/nanteos/nanteos/internal/chain"
	"github.com/nanteos/nanteos/internal/node"
	"github.com/nanteos/nanteos/internal/status"
)

func effectName(e Effect, done bool) string {
	if done {
		return fmt.Sprintf("after %T", e)
	}
	return fmt.Sprintf("before %T", e)
}

// bench drives Step by hand.
type bench struct {
	t     *testing.T
	rules grail.Rules
	s     State
	now   time.Time
	out   []Effect
	told  []status.Event
}

func newBench(t *testing.T, plan Plan) *bench {
	r := grail.Hardened()
	r.WarmUpWindows, r.WeightIntervalBlocks, r.UniqueCapEnabled, r.BurnPercent = 1, 30, false, 0
	b := &bench{t: t, rules: r, s: NewState(), now: time.Unix(1000, 0)}
	plan.Hotkey = "v"
	b.feed(Begin{Now: b.now, Plan: plan, Ledger: NewLedger("v", "")})
	return b
}

func (b *bench) feed(e Event) {
	b.t.Helper()
	before := b.s
	copied, text := before.clone(), ledgerText(b.t, before)
	b.s, b.out = Step(b.rules, b.s, e)
	if !reflect.DeepEqual(before, copied) || ledgerText(b.t, before) != text {
		b.t.Errorf("Step changed the state that it was given by %T", e)
	}
	for _, f := range b.out {
		if m, ok := f.(Emit); ok {
			b.told = append(b.told, m.Event)
		}
	}
}

func ledgerText(t *testing.T, s State) string {
	text, err := json.Marshal(s.Ledger)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func (b *bench) head(n int64) { b.feed(Head{Now: b.now, Block: chain.BlockRef{Number: uint64(n)}}) }

// answer makes the answer to the pending effect, which must be of the given kind.
func (b *bench) answer(op Op, failure *Failure) Answer {
	b.t.Helper()
	if b.s.Pending == nil || b.s.Pending.Op != op {
		b.t.Fatalf("pending is %+v, want %s", b.s.Pending, op)
	}
	return Answer{Now: b.now, ID: b.s.Pending.ID, Failure: failure}
}

func (b *bench) later(d time.Duration) {
	b.now = b.now.Add(d)
	b.feed(Woke{Now: b.now})
}

// toJudging brings a window to the judging of miners a and b.
func (b *bench) toJudging() {
	b.t.Helper()
	b.feed(Prepared{Answer: b.answer(OpPrepare, nil), Checkpoint: 7})
	b.feed(Opened{Answer: b.answer(OpOpen, nil), Inputs: node.Window{Start: b.s.Work.Window, Hash: "0xab"}, Neurons: []Neuron{{UID: 0, Hotkey: "t"}, {UID: 1, Hotkey: "v", Permit: true}, {UID: 2, Hotkey: "a"}, {UID: 3, Hotkey: "b"}}})
	at := func(sec int64) *Object { return &Object{Key: "k", Size: 1000, Modified: time.Unix(sec, 0)} }
	b.feed(Discovered{Answer: b.answer(OpDiscover, nil), Found: []Candidate{
		{UID: 0, Hotkey: "t", Outcome: NoFile}, {UID: 1, Hotkey: "v", Outcome: NoFile}, {UID: 2, Hotkey: "a", File: at(10)}, {UID: 3, Hotkey: "b", File: at(20)},
	}})
}

func accepted(hotkey string, unique int64) Judgement {
	return Judgement{Hotkey: hotkey, Outcome: Accepted, Report: &verify.FileReport{
		Miner: hotkey, Found: true, OK: true, Rows: 16, Metrics: verify.Estimate(16, 16, 16, unique, 0), Digests: verify.Digests{hotkey: 16},
	}}
}

func (b *bench) save() {
	b.t.Helper()
	b.feed(Saved{b.answer(OpSave, nil)})
}

func (b *bench) idle() {
	b.t.Helper()
	if b.s.Pending != nil || b.s.Work != nil || b.s.Unsaved {
		b.t.Errorf("not idle: pending %+v, work %+v, unsaved %v", b.s.Pending, b.s.Work, b.s.Unsaved)
	}
}

func (b *bench) toldOf(kind status.Kind, what string) {
	b.t.Helper()
	for _, e := range b.told {
		if e.Kind == kind && (strings.Contains(e.Reason, what) || strings.Contains(e.Check, what)) {
			return
		}
	}
	b.t.Errorf("no %s event about %q in %+v", kind, what, b.told)
}

func TestStepWholeWindow(t *testing.T) {
	b := newBench(t, Plan{Publish: true})
	b.head(29)
	b.idle()
	b.head(30)
	b.toJudging()
	b.feed(Judged{Answer: b.answer(OpJudge, nil), Results: []Judgement{accepted("a", 16), accepted("b", 8)}})
	if len(b.told) > 0 && b.told[len(b.told)-1].Kind == status.Verdict {
		t.Error("a verdict was told before it was saved")
	}
	b.save()
	b.toldOf(status.Verdict, "")
	v := b.s.Ledger.Weights
	if v == nil || v.Values[0] != 65535 || v.Values[1] != 4096 || v.UIDs[0] != 2 {
		t.Fatalf("weights %+v", v)
	}
	b.feed(Settled{Answer: b.answer(OpSettle, nil), Block: 33})
	b.save()
	b.feed(Published{b.answer(OpPublish, nil)})
	b.save()
	b.idle()
	l := b.s.Ledger
	if l.Weights != nil || l.Trust != nil || l.Set == nil || l.Score.WeightInterval != 1 || l.Score.LastWindow != 0 {
		t.Errorf("ledger %+v", l)
	}
	b.toldOf(status.Weights, "")
	b.head(31)
	b.idle()
}

func TestStepFailures(t *testing.T) {
	passing := &Failure{Kind: Passing, Reason: "trouble"}
	for _, c := range []struct {
		name string
		do   func(b *bench)
		last int64 // LastWindow at the end
	}{
		{"no checkpoint", func(b *bench) {
			b.feed(Prepared{Answer: b.answer(OpPrepare, &Failure{Kind: NoCheckpoint, Reason: "none is ready"})})
			b.save()
			b.idle()
			b.toldOf(status.Skipped, "none is ready")
			if b.s.Ledger.Score.Processed != 0 {
				t.Error("it counts as processed")
			}
		}, 0},
		{"unusable", func(b *bench) {
			b.feed(Prepared{Answer: b.answer(OpPrepare, &Failure{Kind: Unusable, Reason: "unknown environment"})})
			b.save()
			b.idle()
			b.toldOf(status.Skipped, "unknown environment")
			if b.s.Ledger.Score.Processed != 1 || len(b.s.Ledger.Score.Available.Rolls) != 0 {
				t.Error("it must count as processed and touch no history")
			}
		}, 0},
		{"chain down, then back", func(b *bench) {
			b.feed(Prepared{Answer: b.answer(OpPrepare, nil)})
			b.feed(Opened{Answer: b.answer(OpOpen, passing)})
			if b.s.Pending != nil {
				t.Error("it does not pause")
			}
			b.later(time.Second)
			b.answer(OpOpen, nil)
		}, -1},
		{"round not out yet", func(b *bench) {
			b.feed(Prepared{Answer: b.answer(OpPrepare, nil)})
			b.feed(Opened{Answer: b.answer(OpOpen, &Failure{Kind: Early, Reason: "round 7"})})
			for _, e := range b.told {
				if e.Kind == status.Fault {
					t.Errorf("told %+v", e)
				}
			}
			b.later(time.Second)
			b.answer(OpOpen, nil)
		}, -1},
		{"deadline after the end", func(b *bench) {
			b.feed(Prepared{Answer: b.answer(OpPrepare, nil)})
			b.feed(Opened{Answer: b.answer(OpOpen, nil), Closing: node.Closing{Deadline: b.now.Add(3 * time.Second)}})
			b.head(31)
			if b.s.Pending != nil {
				t.Error("it looks for files before the deadline")
			}
			b.later(3 * time.Second)
			b.answer(OpDiscover, nil)
		}, -1},
		{"overtaken while failing", func(b *bench) {
			b.feed(Prepared{Answer: b.answer(OpPrepare, passing)})
			b.head(60)
			b.toldOf(status.Skipped, "trouble")
			b.save()
			if b.s.Work == nil || b.s.Work.Window != 30 {
				t.Errorf("work is %+v", b.s.Work)
			}
		}, 0},
		{"unjudged, retried, then left", func(b *bench) {
			b.toJudging()
			unjudged := Judgement{Hotkey: "b", Outcome: Unjudged, Reason: "model is down"}
			b.feed(Judged{Answer: b.answer(OpJudge, nil), Results: []Judgement{accepted("a", 16), unjudged}})
			for range 2 {
				b.later(time.Minute)
				for _, f := range b.out {
					if j, ok := f.(Judge); ok && (len(j.Hotkeys) != 1 || j.Hotkeys[0] != "b") {
						t.Errorf("judges %v again", j.Hotkeys)
					}
				}
				b.feed(Judged{Answer: b.answer(OpJudge, nil), Results: []Judgement{unjudged}})
			}
			b.save()
			b.toldOf(status.Verdict, "unjudged")
			if _, ok := b.s.Ledger.Score.Metrics["b"]; ok || b.s.Ledger.Score.Failed.Counts()["b"] != 0 {
				t.Error("the miner is blamed")
			}
		}, 0},
		{"disk full", func(b *bench) {
			b.toJudging()
			b.feed(Judged{Answer: b.answer(OpJudge, nil), Results: []Judgement{accepted("a", 16), accepted("b", 16)}})
			b.feed(Saved{b.answer(OpSave, &Failure{Kind: Passing, Reason: "disk full"})})
			b.toldOf(status.Fault, "disk full")
			for _, e := range b.told {
				if e.Kind == status.Verdict {
					t.Error("a verdict was told that is not saved")
				}
			}
			b.later(time.Minute)
			b.save()
			b.toldOf(status.Verdict, "")
			b.answer(OpSettle, nil)
		}, 0},
		{"weights refused", func(b *bench) {
			b.toJudging()
			b.feed(Judged{Answer: b.answer(OpJudge, nil), Results: []Judgement{accepted("a", 16), accepted("b", 16)}})
			b.save()
			b.feed(Settled{Answer: b.answer(OpSettle, &Failure{Kind: Refusal, Reason: "no permit", Hint: "stake"})})
			b.toldOf(status.Fault, "no permit")
			b.save()
			b.idle()
			if b.s.Ledger.Score.WeightInterval != -1 {
				t.Error("the interval is closed")
			}
		}, 0},
		{"weights late", func(b *bench) {
			b.toJudging()
			b.feed(Judged{Answer: b.answer(OpJudge, nil), Results: []Judgement{accepted("a", 16), accepted("b", 16)}})
			b.save()
			b.feed(Settled{Answer: b.answer(OpSettle, passing)})
			b.head(95)
			b.toldOf(status.Fault, "not set in time")
			b.save()
		}, 0},
		{"answer of yesterday", func(b *bench) {
			b.feed(Prepared{Answer: Answer{Now: b.now, ID: 99}})
			b.feed(Opened{Answer: Answer{Now: b.now, ID: b.s.Pending.ID}})
			b.answer(OpPrepare, nil)
		}, -1},
		{"stop while judging", func(b *bench) {
			b.toJudging()
			b.feed(Stop{Now: b.now})
			if len(b.out) != 1 || b.out[0] != (Cancel{ID: b.s.Pending.ID}) {
				t.Errorf("effects %v", b.out)
			}
			b.feed(Judged{Answer: b.answer(OpJudge, passing)})
			if !b.s.Quit {
				t.Error("it goes on")
			}
		}, -1},
		{"stop while saving", func(b *bench) {
			b.toJudging()
			b.feed(Judged{Answer: b.answer(OpJudge, nil), Results: []Judgement{accepted("a", 16), accepted("b", 16)}})
			b.feed(Stop{Now: b.now})
			if b.s.Quit {
				t.Error("it quits before the ledger is written")
			}
			b.save()
			if !b.s.Quit || b.s.Ledger.Weights == nil {
				t.Error("it must quit and remember the weights that it owes")
			}
		}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, Plan{})
			b.head(30)
			c.do(b)
			if got := b.s.Ledger.Score.LastWindow; got != c.last {
				t.Errorf("last window is %d, want %d", got, c.last)
			}
		})
	}
}

// TestStepGap notes windows that passed while the validator was down.
func TestStepGap(t *testing.T) {
	b := newBench(t, Plan{})
	b.s.Ledger.Score.LastWindow = 30
	b.head(150)
	b.toldOf(status.Skipped, "2 windows up to 90")
	if g := b.s.Ledger.Gaps; len(g) != 1 || g[0].From != 60 || g[0].To != 90 {
		t.Errorf("gaps %+v", g)
	}
	if b.s.Work.Window != 120 {
		t.Errorf("works on %d", b.s.Work.Window)
	}
}

func TestStepCopier(t *testing.T) {
	b := newBench(t, Plan{})
	b.head(30)
	b.toJudging()
	first, second := accepted("a", 16), accepted("b", 16)
	second.Report.Digests = first.Report.Digests
	first.File, second.File = &Object{Modified: time.Unix(10, 0)}, &Object{Modified: time.Unix(20, 0)}
	b.feed(Judged{Answer: b.answer(OpJudge, nil), Results: []Judgement{first, second}})
	b.save()
	b.toldOf(status.Verdict, "copycat")
	if f := b.s.Ledger.Score.Failed.Counts(); f["b"] != 1 || f["a"] != 0 {
		t.Errorf("failures %v", f)
	}
	if v := b.s.Ledger.Weights; v == nil || len(v.UIDs) != 1 || v.UIDs[0] != 2 {
		t.Errorf("weights %+v", v)
	}
}

func TestStepTestMode(t *testing.T) {
	b := newBench(t, Plan{TestMode: true})
	b.head(30)
	b.toJudging()
	if s := b.s.Work.Selected; len(s) != 1 || s[0] != "v" {
		t.Errorf("checks %v", s)
	}
}

func TestVector(t *testing.T) {
	for _, c := range []struct {
		name    string
		weights []float64
		uids    []uint16
		values  []uint16
	}{
		{"nobody", []float64{0, 0}, nil, nil},
		{"one", []float64{0, 0.3}, []uint16{1}, []uint16{65535}},
		{"half to even", []float64{65535, 2.5, 3.5, 0.4}, []uint16{0, 1, 2}, []uint16{65535, 2, 4}},
		{"not a number", []float64{math.NaN(), 1}, []uint16{1}, []uint16{65535}},
	} {
		var scores []score.Score
		for i, w := range c.weights {
			scores = append(scores, score.Score{UID: i, Weight: w})
		}
		v := NewVector(scores)
		if !reflect.DeepEqual(v.UIDs, c.uids) || !reflect.DeepEqual(v.Values, c.values) {
			t.Errorf("%s: %v %v", c.name, v.UIDs, v.Values)
		}
		var n chain.Neuron
		for i := range v.UIDs {
			n.Weights = append(n.Weights, chain.Weight{UID: v.UIDs[i], Value: v.Values[i]})
		}
		if !v.OnChain(n.Weights) {
			t.Errorf("%s: not recognised", c.name)
		}
		n.Weights = append(n.Weights, chain.Weight{UID: 99, Value: 1})
		if v.OnChain(n.Weights) {
			t.Errorf("%s: others are taken for these", c.name)
		}
	}
}

func TestLedgerOnDisk(t *testing.T) {
	dir := t.TempDir()
	s, err := openStore(dir, 2)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok, err := s.ledger(); ok || err != nil {
		t.Fatalf("an empty folder has a ledger: %v", err)
	}
	l := NewLedger("v", "rules")
	for w := range int64(4) {
		l.Score.LastWindow = 30 * w
		if err := s.save(l, &WindowReport{Window: 30 * w}); err != nil {
			t.Fatal(err)
		}
	}
	if windows, err := Reports(dir); err != nil || !reflect.DeepEqual(windows, []int64{60, 90}) {
		t.Errorf("reports %v, %v", windows, err)
	}
	got, ok, err := s.ledger()
	if err != nil || !ok || got.Score.LastWindow != 90 {
		t.Errorf("%+v, %v", got, err)
	}
	for _, c := range []struct{ hotkey, rules string }{{"w", "rules"}, {"v", "others"}} {
		if err := got.Validate(c.hotkey, c.rules); !errors.Is(err, ErrLedger) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if err := got.Validate("v", "rules"); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", "{", `{"version":1,"what":2}`, `[]`} {
		if err := replaceFile(dir+"/"+ledgerName, []byte(bad)); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadLedger(dir); !errors.Is(err, ErrLedger) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestBadArchive(t *testing.T) {
	unpacked := func(b []byte) error {
		z, err := gzip.NewReader(bytes.NewReader(b))
		if err == nil {
			_, err = io.Copy(io.Discard, z)
		}
		return err
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(bytes.Repeat([]byte("nanteos"), 100))
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	good := b.Bytes()
	edited := func(at int) []byte {
		e := bytes.Clone(good)
		e[at] ^= 0xff
		return e
	}
	for name, c := range map[string]struct {
		err  error
		want bool
	}{
		"no archive":      {unpacked([]byte("PAR1, and nothing compressed")), true},
		"empty":           {unpacked(nil), true},
		"cut":             {unpacked(good[:len(good)-9]), true},
		"wrong sum":       {unpacked(edited(len(good) - 6)), true},
		"corrupt":         {unpacked(edited(11)), true},
		"too large":       {bucket.ErrTooLarge, true},
		"gone":            {bucket.ErrNotFound, true},
		"broken off":      {errors.Join(bucket.ErrContent, io.ErrUnexpectedEOF), false},
		"store away":      {errors.New("connection refused"), false},
		"disk full":       {&os.PathError{Op: "write", Path: "file", Err: errors.New("no space left")}, false},
		"time is over":    {context.DeadlineExceeded, false},
		"access denied":   {bucket.ErrAccessDenied, false},
		"nothing is here": {nil, false},
	} {
		if c.err == nil && c.want {
			t.Errorf("%s: no error", name)
		}
		if badArchive(c.err) != c.want {
			t.Errorf("%s: %v counts as the miner's: %v", name, c.err, !c.want)
		}
	}
}
