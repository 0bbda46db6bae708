package engine

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A lane with many waiting goroutines gets no more turns than one with few.
func TestGateIsFair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1)
		var order []string
		var mu sync.Mutex
		turn := func(l *lane, name string) {
			if err := g.enter(t.Context(), l); err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			order = append(order, name)
			mu.Unlock()
			time.Sleep(time.Second)
			g.leave()
		}
		var first, busy, modest lane
		go turn(&first, "first")
		synctest.Wait()
		for range 6 {
			go turn(&busy, "busy")
		}
		synctest.Wait()
		for range 2 {
			go turn(&modest, "modest")
		}
		synctest.Wait()
		time.Sleep(time.Minute)
		synctest.Wait()
		want := []string{"first", "busy", "modest", "busy", "modest", "busy", "busy", "busy", "busy"}
		if len(order) != len(want) {
			t.Fatalf("turns: %v", order)
		}
		for i := range want {
			if order[i] != want[i] {
				t.Fatalf("turns: got %v, want %v", order, want)
			}
		}
		if g.free != 1 || len(g.ring) != 0 {
			t.Errorf("gate is left with %d free places and %d lanes", g.free, len(g.ring))
		}
	})
}

// An urgent lane waits for the turn that runs, and for no other.
func TestGateServesUrgentLanesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1)
		var order []string
		var mu sync.Mutex
		turn := func(l *lane, name string) {
			if err := g.enter(t.Context(), l); err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			order = append(order, name)
			mu.Unlock()
			time.Sleep(time.Second)
			g.leave()
		}
		var first, busy lane
		urgent, other := lane{urgent: true}, lane{urgent: true}
		go turn(&first, "first")
		synctest.Wait()
		for range 2 {
			go turn(&busy, "busy")
		}
		synctest.Wait()
		for range 3 {
			go turn(&urgent, "urgent")
		}
		synctest.Wait()
		go turn(&other, "other")
		synctest.Wait()
		time.Sleep(time.Minute)
		synctest.Wait()
		want := []string{"first", "urgent", "other", "urgent", "urgent", "busy", "busy"}
		if !slices.Equal(order, want) {
			t.Errorf("turns: %v, want %v", order, want)
		}
		if g.free != 1 || len(g.ring) != 0 {
			t.Errorf("gate is left with %d free places and %d lanes", g.free, len(g.ring))
		}
	})
}

// Never more turns run than there are places, and giving up loses none of them.
func TestGateUnderPressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const places = 3
		g := newGate(places)
		var mu sync.Mutex
		inside, most, served, gaveUp := 0, 0, 0, 0
		var wg sync.WaitGroup
		lanes := make([]lane, 5)
		for i := range 200 {
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i%17+1)*time.Second)
				defer cancel()
				if err := g.enter(ctx, &lanes[i%len(lanes)]); err != nil {
					if !errors.Is(err, context.DeadlineExceeded) {
						t.Error(err)
					}
					mu.Lock()
					gaveUp++
					mu.Unlock()
					return
				}
				mu.Lock()
				inside++
				served++
				most = max(most, inside)
				mu.Unlock()
				time.Sleep(time.Second)
				mu.Lock()
				inside--
				mu.Unlock()
				g.leave()
			})
		}
		wg.Wait()
		if most != places || served+gaveUp != 200 || gaveUp == 0 {
			t.Errorf("at most %d inside (want %d), %d served, %d gave up", most, places, served, gaveUp)
		}
		if g.free != places || len(g.ring) != 0 {
			t.Errorf("gate is left with %d free places and %d lanes", g.free, len(g.ring))
		}
	})
}

func TestGateEndedContext(t *testing.T) {
	g := newGate(1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := g.enter(ctx, &lane{}); !errors.Is(err, context.Canceled) || g.free != 1 {
		t.Errorf("got %v with %d free places", err, g.free)
	}
}

// Turns hold a group of sixteen, fewer if the sequences are long, and at least one.
func TestTurns(t *testing.T) {
	for _, c := range []struct {
		count, tokens int
		want          []int
	}{
		{0, 10, nil}, {1, 10, []int{1}}, {16, 300, []int{16}}, {33, 10, []int{16, 16, 1}},
		{5, turnTokens/2 + 1, []int{1, 1, 1, 1, 1}}, {5, turnTokens * 3, []int{1, 1, 1, 1, 1}}, {5, turnTokens / 2, []int{2, 2, 1}},
	} {
		n := &Native{library: NewLibrary(Config{})}
		var got []int
		if err := n.turns(t.Context(), c.count, func(int) int { return c.tokens }, func(from, to int) error {
			got = append(got, to-from)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if len(got) != len(c.want) {
			t.Errorf("%d pieces of %d tokens: turns %v, want %v", c.count, c.tokens, got, c.want)
			continue
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%d pieces of %d tokens: turns %v, want %v", c.count, c.tokens, got, c.want)
			}
		}
	}
	n := &Native{library: NewLibrary(Config{})}
	failure := errors.New("failure")
	if err := n.turns(t.Context(), 20, func(int) int { return 1 }, func(int, int) error { return failure }); !errors.Is(err, failure) {
		t.Errorf("got %v", err)
	}
	if n.library.gate.free != 1 {
		t.Error("a failed turn keeps its place")
	}
}
