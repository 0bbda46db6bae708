package status

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestSubscriptionsSeeEverythingInOneOrder(t *testing.T) {
	r := New(Options{})
	subs := []*Subscription{r.Subscribe(10_000), r.Subscribe(10_000)}
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			for i := range 200 {
				r.Emit(Event{Kind: Group, Node: fmt.Sprint("miner-", n), Rollouts: i})
			}
		})
	}
	wg.Wait()
	var seen [2][]Event
	for k, s := range subs {
		s.Close()
		for {
			events, dropped, ok := s.Next(context.Background())
			if !ok {
				break
			}
			if dropped != 0 {
				t.Errorf("%d events were dropped", dropped)
			}
			seen[k] = append(seen[k], events...)
		}
		if len(seen[k]) != 1600 {
			t.Fatalf("subscription %d has %d events, want 1600", k, len(seen[k]))
		}
	}
	for i := range seen[0] {
		if a, b := seen[0][i], seen[1][i]; a.Node != b.Node || a.Rollouts != b.Rollouts {
			t.Fatalf("event %d is %s/%d for one and %s/%d for the other", i, a.Node, a.Rollouts, b.Node, b.Rollouts)
		}
	}
}

func TestSlowSubscriptionLosesTheOldest(t *testing.T) {
	r := New(Options{})
	s := r.Subscribe(3)
	for i := range 5 {
		r.Emit(Event{Kind: Block, Block: int64(i)})
	}
	events, dropped, ok := s.Next(context.Background())
	if !ok || dropped != 2 || len(events) != 3 || events[0].Block != 2 || events[2].Block != 4 {
		t.Fatalf("got %d events, %d dropped, ok %v", len(events), dropped, ok)
	}
	r.Emit(Event{Kind: Block, Block: 5})
	if events, dropped, _ = s.Next(context.Background()); dropped != 0 || len(events) != 1 || events[0].Block != 5 {
		t.Fatalf("afterwards got %d events, %d dropped", len(events), dropped)
	}
}

func TestNextWaitsAndEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New(Options{})
		s := r.Subscribe(1)
		got := make(chan int)
		go func() {
			for {
				events, _, ok := s.Next(context.Background())
				if !ok {
					close(got)
					return
				}
				got <- len(events)
			}
		}()
		synctest.Wait()
		select {
		case <-got:
			t.Fatal("Next returned without an event")
		default:
		}
		r.Emit(Event{Kind: Block})
		if n := <-got; n != 1 {
			t.Errorf("got %d events, want 1", n)
		}
		s.Close()
		s.Close()
		r.Emit(Event{Kind: Block})
		if n, ok := <-got; ok {
			t.Errorf("got %d events after Close", n)
		}
	})
}

func TestNextEndsWithItsContext(t *testing.T) {
	s := New(Options{}).Subscribe(1)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, ok := s.Next(ctx); ok {
		t.Error("Next went on after its context ended")
	}
}

func TestEmitStampsTime(t *testing.T) {
	now := time.Unix(1000, 0)
	r := New(Options{Now: func() time.Time { return now }})
	s := r.Subscribe(2)
	r.Emit(Event{Kind: Block})
	r.Emit(Event{Kind: Block, Time: time.Unix(5, 0)})
	events, _, _ := s.Next(context.Background())
	if !events[0].Time.Equal(now) || !events[1].Time.Equal(time.Unix(5, 0)) {
		t.Errorf("times are %v and %v", events[0].Time, events[1].Time)
	}
}

func TestNamedFillsIn(t *testing.T) {
	var got []Event
	r := New(Options{})
	s := r.Subscribe(4)
	sink := r.Named("miner-1", "miner", "5abc")
	sink.Emit(Event{Kind: Group})
	sink.Emit(Event{Kind: Verdict, Node: "validator-1", Role: "validator", Hotkey: "5def"})
	got, _, _ = s.Next(context.Background())
	if e := got[0]; e.Node != "miner-1" || e.Role != "miner" || e.Hotkey != "5abc" {
		t.Errorf("filled in as %+v", e)
	}
	if e := got[1]; e.Node != "validator-1" || e.Role != "validator" || e.Hotkey != "5def" {
		t.Errorf("replaced what was there: %+v", e)
	}
}

func TestTee(t *testing.T) {
	var order []string
	sink := Tee(Func(func(Event) { order = append(order, "a") }), Discard, Func(func(Event) { order = append(order, "b") }))
	sink.Emit(Event{Kind: Block})
	if fmt.Sprint(order) != "[a b]" {
		t.Errorf("order is %v", order)
	}
}

// TestEventNamesAreAContract holds the JSON names that programs read.
func TestEventNamesAreAContract(t *testing.T) {
	n, i, f, yes := int64(7), 3, 0.5, true
	e := Event{
		Time: time.Unix(0, 0).UTC(), Kind: Verdict, Node: "n", Role: "r", Hotkey: "h", UID: &i, Window: 30, Block: 31, Phase: "p", Group: &n, Row: &i,
		Rollouts: 1, Checked: 2, Valid: 3, Unique: 4, Accepted: &yes, Check: "c", Measured: &f, Limit: &f, Reason: "why", Hint: "do", Reward: &f,
		Tokens: 5, Bytes: 6, Seconds: 7, File: "f", Text: "t", Weights: map[int]float64{2: 1}, Report: []int{1},
	}
	const want = `{"time":"1970-01-01T00:00:00Z","event":"verdict","node":"n","role":"r","hotkey":"h","uid":3,"window":30,"block":31,"phase":"p","group":7,"row":3,` +
		`"rollouts":1,"checked":2,"valid":3,"unique":4,"accepted":true,"check":"c","measured":0.5,"limit":0.5,"reason":"why","hint":"do","reward":0.5,` +
		`"tokens":5,"bytes":6,"seconds":7,"file":"f","text":"t","weights":{"2":1},"report":[1]}`
	if got := marshal(t, e); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := marshal(t, Event{Time: time.Unix(0, 0).UTC(), Kind: Block}); got != `{"time":"1970-01-01T00:00:00Z","event":"block","window":0}` {
		t.Errorf("empty fields are written: %s", got)
	}
}
