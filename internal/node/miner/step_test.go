package miner

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/internal/chain"
	"github.com/nanteos/nanteos/internal/node"
	"github.com/nanteos/nanteos/internal/status"
)

// script plays events to Step and remembers what it asked for.
type script struct {
	t     *testing.T
	rules grail.Rules
	s     State
	now   time.Time
	done  []Effect
}

var epoch = time.Unix(1_700_000_000, 0).UTC()

func newScript(t *testing.T, plan Plan) *script {
	c := &script{t: t, rules: testRules(), s: NewState(), now: epoch}
	c.play(Begin{Now: c.now, Plan: plan})
	return c
}

// play gives an event and returns the effects that are not reports.
func (c *script) play(e Event) []Effect {
	c.t.Helper()
	before, err := json.Marshal(c.s)
	if err != nil {
		c.t.Fatal(err)
	}
	old := c.s
	next, effects := Step(c.rules, c.s, e)
	if after, _ := json.Marshal(old); string(after) != string(before) {
		c.t.Fatalf("Step changed the state that it was given:\n%s\n%s", before, after)
	}
	c.s = next
	var asked []Effect
	for _, f := range effects {
		c.done = append(c.done, f)
		switch f.(type) {
		case Emit, Clean:
		default:
			asked = append(asked, f)
		}
	}
	return asked
}

// block gives the head n at its time, which also is the machine's.
func (c *script) block(n uint64) []Effect {
	c.t.Helper()
	c.now = epoch.Add(time.Duration(n) * blockTime)
	return c.play(Head{Now: c.now, Block: chain.BlockRef{Number: n, Hash: fmt.Sprintf("0x%064x", n), Time: c.now}})
}

// answer is the Answer to what is pending, after a pause.
func (c *script) answer(pause time.Duration, f *Failure) Answer {
	c.t.Helper()
	c.now = c.now.Add(pause)
	if c.s.Pending == nil {
		c.t.Fatalf("nothing is pending; work is %+v", c.s.Work)
	}
	return Answer{Now: c.now, ID: c.s.Pending.ID, Failure: f}
}

func (c *script) window() int64 { return c.s.Work.Window }

func (c *script) found(checkpoint int64, f *Failure) []Effect {
	c.t.Helper()
	return c.play(Found{c.answer(10*time.Millisecond, f), c.window(), checkpoint})
}

func (c *script) loaded(f *Failure) []Effect {
	c.t.Helper()
	return c.play(Loaded{c.answer(10*time.Millisecond, f), *c.s.Work.Checkpoint, "model"})
}

func (c *script) opened(f *Failure) []Effect {
	c.t.Helper()
	return c.play(Opened{c.answer(10*time.Millisecond, f), node.Window{Start: c.window(), Hash: "0xaa", Randomness: "bb"}})
}

func (c *script) grouped(pause time.Duration, f *Failure, dropped string) []Effect {
	c.t.Helper()
	r := GroupRecord{Index: c.s.Work.Next, Checkpoint: *c.s.Work.Checkpoint, Rollouts: testSize, Bytes: 1000}
	if dropped != "" {
		r = GroupRecord{Index: r.Index, Checkpoint: r.Checkpoint, Dropped: true, Check: dropped, Reason: "it is " + dropped}
	}
	return c.play(Grouped{c.answer(pause, f), c.window(), r})
}

func (c *script) wrote(f *Failure) []Effect {
	c.t.Helper()
	n := len(c.s.Work.kept())
	return c.play(Wrote{Answer: c.answer(10*time.Millisecond, f), File: File{Key: "key", Name: "name", Size: 5, SHA256: fmt.Sprintf("%064x", c.window()+int64(n)), Rows: n * testSize, Groups: n}})
}

func (c *script) put(pause time.Duration, f *Failure) []Effect {
	c.t.Helper()
	return c.play(Put{c.answer(pause, f)})
}

func (c *script) confirmed(present, own bool, f *Failure) []Effect {
	c.t.Helper()
	a := c.answer(10*time.Millisecond, f)
	return c.play(Confirmed{a, present, own, c.now.Truncate(time.Second)})
}

func (c *script) woke() []Effect {
	c.t.Helper()
	for i := len(c.done) - 1; i >= 0; i-- {
		if w, ok := c.done[i].(Wait); ok && w.ID == c.s.Pending.ID {
			c.now = c.now.Add(w.For)
			return c.play(Woke{c.now, w.ID})
		}
	}
	c.t.Fatalf("nothing waits; %+v is pending", c.s.Pending)
	return nil
}

// only wants one effect of the type.
func only[E Effect](t *testing.T, effects []Effect) E {
	t.Helper()
	var zero E
	if len(effects) != 1 {
		t.Fatalf("got %d effects %+v, want one %T", len(effects), effects, zero)
	}
	e, ok := effects[0].(E)
	if !ok {
		t.Fatalf("got %T %+v, want %T", effects[0], effects[0], zero)
	}
	return e
}

// events lists the reports of a kind.
func (c *script) events(kind status.Kind) (all []status.Event) {
	for _, f := range c.done {
		if e, ok := f.(Emit); ok && e.Event.Kind == kind {
			all = append(all, e.Event)
		}
	}
	return all
}

// generating brings a script to its first Group effect at block 10.
func generating(t *testing.T, plan Plan) *script {
	t.Helper()
	c := newScript(t, plan)
	only[Find](t, c.block(10))
	only[Load](t, c.found(-30, nil))
	only[Open](t, c.loaded(nil))
	only[Group](t, c.opened(nil))
	return c
}

// uploading brings a script to its Upload effect, with one group.
func uploading(t *testing.T) *script {
	t.Helper()
	c := generating(t, Plan{MaxGroups: 1})
	only[Find](t, c.grouped(3*time.Second, nil, ""))
	only[Package](t, c.found(-30, nil))
	only[Upload](t, c.wrote(nil))
	return c
}

func (c *script) want(phase Phase, reason string) {
	c.t.Helper()
	w := c.s.Work
	if w == nil {
		w = c.s.Finished
	}
	if w == nil || w.Phase != phase || !strings.Contains(w.Reason, reason) {
		c.t.Fatalf("work is %+v, want phase %s and reason %q", w, phase, reason)
	}
}

func TestWindowFromBeginningToEnd(t *testing.T) {
	c := generating(t, Plan{Name: "m", Hotkey: "5h", SafetyBlocks: 1})
	g := only[Group](t, c.grouped(3*time.Second, nil, ""))
	if g.Index != 1 || g.Replay || g.Window.Hash != "0xaa" || g.Checkpoint != -30 {
		t.Errorf("second group is %+v", g)
	}
	c.block(13)
	only[Find](t, c.grouped(0, nil, "")) // the early second look
	only[Group](t, c.found(-30, nil))
	c.block(15)
	only[Wait](t, c.grouped(0, nil, "short"))
	only[Group](t, c.woke())
	c.block(17)
	only[Find](t, c.grouped(0, nil, "")) // no time for another
	p := only[Package](t, c.found(-30, nil))
	if len(p.Groups) != 3 || p.Groups[2].Index != 3 {
		t.Errorf("packaged %+v", p.Groups)
	}
	up := only[Upload](t, c.wrote(nil))
	if left := epoch.Add(20*blockTime - time.Second).Sub(c.now); up.Limit > left {
		t.Errorf("upload may take %s, the deadline is in %s", up.Limit, left)
	}
	only[Confirm](t, c.put(time.Second, nil))
	if e := c.confirmed(true, true, nil); len(e) != 0 {
		t.Errorf("after the upload: %+v", e)
	}
	c.want(Uploaded, "")
	if e := c.events(status.Upload); len(e) != 1 || e[0].Rollouts != 3*testSize || e[0].Node != "m" || e[0].Hotkey != "5h" || e[0].Window != 10 {
		t.Errorf("upload events: %+v", e)
	}
	if e := c.events(status.Checkpoint); len(e) != 1 || e[0].Window != -30 || e[0].Text != "model" || e[0].Seconds == 0 {
		t.Errorf("checkpoint events: %+v", e)
	}
	if e := c.events(status.Dropped); len(e) != 1 || e[0].Check != "short" {
		t.Errorf("dropped events: %+v", e)
	}
	c.block(19)
	if c.s.Work != nil {
		t.Error("a window that is done was begun again")
	}
	only[Find](t, c.block(20))
	if f := c.s.Finished; !f.Settled || f.Late {
		t.Errorf("finished work is %+v", f)
	}
}

// TestCancelledEffect: an effect that the window's end has cancelled fails with whatever its driver makes of that; the end is the reason to tell.
func TestCancelledEffect(t *testing.T) {
	c := generating(t, Plan{MaxGroups: 1})
	only[Find](t, c.grouped(3*time.Second, nil, ""))
	only[Package](t, c.found(-30, nil))
	only[Cancel](t, c.block(20))
	c.wrote(&Failure{Kind: Passing, Reason: "context canceled"})
	if f := c.s.Finished; f == nil || f.Phase != Skipped || !strings.Contains(f.Reason, "the window ended") {
		t.Errorf("finished is %+v", f)
	}
	if e := c.events(status.Fault); len(e) != 0 {
		t.Errorf("told of faults: %+v", e)
	}
}

func TestCheckpointUnknown(t *testing.T) {
	for _, kind := range []FailureKind{NoCheckpoint, Passing} { // quirks 16 and 23
		c := newScript(t, Plan{})
		c.block(10)
		for i := 0; i < 100 && c.s.Work != nil; i++ {
			only[Wait](t, c.found(0, &Failure{Kind: kind, Reason: "the list failed"}))
			if head := uint64(c.now.Sub(epoch) / blockTime); head < 20 {
				only[Find](t, c.woke())
			} else {
				c.block(20)
				c.woke()
				break
			}
		}
		if f := c.s.Finished; f == nil || f.Phase != Skipped || !strings.Contains(f.Reason, "the list failed") {
			t.Errorf("%s: finished is %+v", kind, f)
		}
		if n := len(c.events(status.Fault)); n < 2 || n > 5 {
			t.Errorf("%s: %d faults were reported", kind, n)
		}
		if c.s.Work == nil || c.s.Work.Window != 20 {
			t.Errorf("%s: the next window was not begun", kind)
		}
	}
}

func TestUnusableCheckpoint(t *testing.T) {
	c := newScript(t, Plan{})
	c.block(10)
	c.found(-30, nil)
	c.loaded(&Failure{Kind: Unusable, Reason: "unknown environment", Hint: "update"})
	c.want(Skipped, "unknown environment")
	if e := c.events(status.Skipped); len(e) != 1 || e[0].Hint != "update" {
		t.Errorf("skipped events: %+v", e)
	}
}

func TestCheckpointChangesEarly(t *testing.T) { // quirk 58
	c := generating(t, Plan{})
	c.grouped(3*time.Second, nil, "")
	c.block(12)
	only[Find](t, c.grouped(0, nil, ""))
	only[Load](t, c.found(0, nil))
	g := only[Group](t, c.loaded(nil))
	if g.Index != 2 || g.Checkpoint != 0 || !g.Replay {
		t.Errorf("group after the change: %+v", g)
	}
	if n := len(c.s.Work.kept()); n != 0 {
		t.Errorf("%d groups of the old checkpoint are kept", n)
	}
	if len(c.events(status.Fault)) != 1 {
		t.Error("the change was not reported")
	}
	c.block(17)
	c.grouped(0, nil, "")
	only[Package](t, c.found(0, nil))
}

func TestCheckpointChangesLate(t *testing.T) {
	c := generating(t, Plan{MaxGroups: 1})
	only[Find](t, c.grouped(3*time.Second, nil, ""))
	only[Load](t, c.found(0, nil)) // time enough to start again
	c = generating(t, Plan{})
	c.block(17)
	only[Find](t, c.grouped(0, nil, ""))
	c.found(0, nil)
	if w := c.s.Work; w != nil {
		c.block(19)
		c.loaded(nil)
	}
	c.want(Skipped, "checkpoint -30")
}

func TestFinalLookFails(t *testing.T) {
	for _, rechecked := range []bool{false, true} {
		c := generating(t, Plan{SafetyBlocks: 1})
		c.grouped(3*time.Second, nil, "")
		if rechecked {
			c.block(13)
			only[Find](t, c.grouped(0, nil, ""))
			c.found(-30, nil)
		}
		c.block(18)
		only[Find](t, c.grouped(0, nil, ""))
		var last []Effect
		for i := 0; i < 50 && c.s.Work != nil && (c.s.Pending.Op == OpFind || c.s.Pending.Op == OpWait); i++ {
			if c.s.Pending.Op == OpFind {
				last = c.found(0, &Failure{Kind: Passing, Reason: "no answer"})
			} else {
				last = c.woke()
			}
		}
		if rechecked {
			only[Package](t, last)
		} else {
			c.want(Skipped, "nobody knows which checkpoint")
		}
	}
}

func TestGroupFailures(t *testing.T) { // quirk 17
	c := generating(t, Plan{})
	c.grouped(time.Second, nil, "")
	only[Wait](t, c.grouped(time.Second, &Failure{Kind: Passing, Reason: "CUDA error"}, ""))
	g := only[Group](t, c.woke())
	if g.Index != 2 {
		t.Errorf("the group after a failed one has index %d", g.Index)
	}
	if n := len(c.s.Work.kept()); n != 1 {
		t.Errorf("%d groups are kept", n)
	}
	for range 12 { // nothing but unfit groups must not spin
		c.grouped(time.Millisecond, nil, "short")
		if c.s.Pending.Op != OpWait {
			t.Fatalf("%+v is pending", c.s.Pending)
		}
		c.woke()
	}
	if passed := c.now.Sub(epoch.Add(10 * blockTime)); passed < 4*time.Second {
		t.Errorf("12 unfit groups took %s only", passed)
	}
}

func TestGroupIsStoppedInTime(t *testing.T) { // quirk 21
	c := generating(t, Plan{SafetyBlocks: 1})
	only[Group](t, c.grouped(3*time.Second, nil, ""))
	var cancelled []Effect
	for n := uint64(12); n < 20 && len(cancelled) == 0; n++ {
		cancelled = c.block(n)
	}
	only[Cancel](t, cancelled)
	if left := c.s.Clock.left(c.rules, 10, c.now); left <= 0 {
		t.Errorf("cancelled %s after the deadline", -left)
	}
	only[Find](t, c.grouped(0, &Failure{Kind: Cut, Reason: "cancelled"}, ""))
	only[Package](t, c.found(-30, nil))
	if c.s.GroupSeconds < 4 {
		t.Errorf("a group is thought to take %.1f s", c.s.GroupSeconds)
	}
}

func TestWindowEndsWhileGenerating(t *testing.T) {
	c := generating(t, Plan{})
	only[Cancel](t, c.block(20))
	e := c.grouped(0, &Failure{Kind: Cut, Reason: "cancelled"}, "")
	if c.s.Finished == nil || c.s.Finished.Phase != Skipped || c.s.Last != 10 {
		t.Fatalf("finished is %+v", c.s.Finished)
	}
	if f := only[Find](t, e); f.Window != 20 {
		t.Errorf("found for window %d", f.Window)
	}
}

func TestUploadAnswers(t *testing.T) {
	fail := &Failure{Kind: Passing, Reason: "connection reset"}
	t.Run("lost answer", func(t *testing.T) {
		c := uploading(t)
		only[Confirm](t, c.put(time.Second, fail))
		c.confirmed(true, true, nil)
		c.want(Uploaded, "")
		if n := len(c.events(status.Upload)); n != 1 {
			t.Errorf("%d uploads were reported", n)
		}
	})
	t.Run("again", func(t *testing.T) {
		c := uploading(t)
		only[Confirm](t, c.put(time.Second, fail))
		only[Wait](t, c.confirmed(false, false, nil))
		only[Upload](t, c.woke())
		only[Confirm](t, c.put(time.Second, nil))
		c.confirmed(true, true, nil)
		c.want(Uploaded, "")
		if c.s.Finished.Attempts != 2 {
			t.Errorf("%d attempts", c.s.Finished.Attempts)
		}
	})
	t.Run("refused", func(t *testing.T) {
		c := uploading(t)
		only[Confirm](t, c.put(time.Second, &Failure{Kind: Refusal, Reason: "access denied", Hint: "check the keys"}))
		c.confirmed(false, false, nil)
		c.want(Skipped, "access denied")
	})
	t.Run("ours exists", func(t *testing.T) {
		c := uploading(t)
		only[Confirm](t, c.put(time.Second, &Failure{Kind: Exists, Reason: "exists"}))
		c.confirmed(true, true, nil)
		c.want(Uploaded, "")
	})
	t.Run("another's exists", func(t *testing.T) {
		c := uploading(t)
		c.put(time.Second, &Failure{Kind: Exists, Reason: "exists"})
		c.confirmed(true, false, nil)
		c.want(Skipped, "another file")
	})
	t.Run("late", func(t *testing.T) {
		c := uploading(t)
		only[Cancel](t, c.block(20))
		only[Confirm](t, c.put(0, &Failure{Kind: Cut, Reason: "cancelled"}))
		c.confirmed(false, false, nil)
		if f := c.s.Finished; f == nil || f.Phase != Skipped {
			t.Errorf("finished is %+v", f)
		}
	})
	t.Run("late but there", func(t *testing.T) {
		c := uploading(t)
		c.block(22) // block 20 was missed
		c.put(0, &Failure{Kind: Cut, Reason: "cancelled"})
		c.confirmed(true, true, nil)
		if f := c.s.Finished; f.Phase != Uploaded || f.Settled {
			t.Fatalf("finished is %+v", f)
		}
		var settle bool
		for _, e := range c.block(23) {
			_, is := e.(Settle)
			settle = settle || is
		}
		if !settle {
			t.Fatal("nobody asks for the deadline")
		}
		c.play(Settled{Now: c.now, Window: 10, End: epoch.Add(20 * blockTime)})
		if f := c.s.Finished; !f.Settled || !f.Late {
			t.Errorf("finished is %+v", f)
		}
	})
	t.Run("nobody knows", func(t *testing.T) {
		c := uploading(t)
		c.put(time.Second, fail)
		for i := 0; i < 40 && c.s.Work != nil && c.s.Work.Window == 10; i++ {
			if c.s.Pending.Op == OpConfirm {
				c.confirmed(false, false, fail)
			} else {
				c.woke()
			}
			if i == 3 {
				c.block(20)
			}
		}
		if f := c.s.Finished; f == nil || !strings.Contains(f.Reason, "nobody knows") {
			t.Errorf("finished is %+v", f)
		}
	})
}

func TestStop(t *testing.T) {
	c := generating(t, Plan{})
	only[Cancel](t, c.play(Stop{c.now}))
	only[Quit](t, c.grouped(0, &Failure{Kind: Cut}, "")) // nothing to upload: a restart goes on
	if c.s.Work == nil || c.s.Work.Phase != Generating || c.s.Work.Next != 0 {
		t.Errorf("work is %+v", c.s.Work)
	}

	c = generating(t, Plan{}) // quirk 19
	c.grouped(time.Second, nil, "")
	only[Cancel](t, c.play(Stop{c.now}))
	only[Find](t, c.grouped(0, &Failure{Kind: Cut}, ""))
	only[Package](t, c.found(-30, nil))
	only[Upload](t, c.wrote(nil))
	only[Confirm](t, c.put(time.Second, nil))
	only[Quit](t, c.confirmed(true, true, nil))

	c = newScript(t, Plan{})
	only[Quit](t, c.play(Stop{c.now}))
}

func TestPace(t *testing.T) {
	c := generating(t, Plan{GroupInterval: 5 * time.Second, MaxGroups: 2})
	start := c.now
	w := only[Wait](t, c.grouped(2*time.Second, nil, ""))
	if w.For != 3*time.Second {
		t.Errorf("waits %s", w.For)
	}
	only[Group](t, c.woke())
	if c.now.Sub(start) != 5*time.Second {
		t.Errorf("second group after %s", c.now.Sub(start))
	}
	only[Find](t, c.grouped(time.Second, nil, ""))
	if !strings.Contains(c.s.Work.Closing, "limit of 2 groups") {
		t.Errorf("closing because %q", c.s.Work.Closing)
	}
}

func TestStaleAnswers(t *testing.T) {
	c := generating(t, Plan{})
	want := c.s
	for _, e := range []Event{
		Found{Answer{Now: c.now, ID: c.s.Pending.ID}, 10, 5}, Loaded{Answer{Now: c.now, ID: c.s.Pending.ID}, 5, ""}, Put{Answer{Now: c.now, ID: 1}},
		Grouped{Answer{Now: c.now, ID: c.s.Pending.ID - 1}, 10, GroupRecord{}}, Woke{c.now, c.s.Pending.ID}, Settled{c.now, 10, c.now}, Confirmed{}, Wrote{},
	} {
		if effects := c.play(e); len(effects) != 0 || !reflect.DeepEqual(c.s, want) {
			t.Errorf("%T: effects %+v", e, effects)
		}
	}
}

// restart goes through JSON as the journal does.
func (c *script) restart(groups ...GroupRecord) []Effect {
	c.t.Helper()
	body, err := json.Marshal(c.s)
	if err != nil {
		c.t.Fatal(err)
	}
	c.s = NewState()
	if err := json.Unmarshal(body, &c.s); err != nil {
		c.t.Fatal(err)
	}
	if effects := c.play(Begin{Now: c.now, Groups: groups}); len(effects) != 0 {
		c.t.Fatalf("before the first head: %+v", effects)
	}
	head := max(c.s.Work.Window, int64(c.now.Sub(epoch)/blockTime))
	return c.block(uint64(head))
}
