package engine

import (
	"context"
	"slices"
	"sync"
)

// gate lets a fixed number of turns run at a time and hands out free places fairly: lanes that wait are served one after the other,
// whatever the number of goroutines that wait in each, and a lane's own in the order of their coming. Urgent lanes come before all others.
type gate struct {
	mu   sync.Mutex
	free int
	ring []*lane // lanes that have somebody waiting, next first
}

// lane is where one node's goroutines wait.
type lane struct {
	urgent  bool            // does not change while somebody waits
	waiting []chan struct{} // guarded by the gate; closed when the place is theirs
}

func newGate(places int) *gate { return &gate{free: places} }

// enter waits for a place. It returns ctx's error, holding none, when ctx ends before.
func (g *gate) enter(ctx context.Context, l *lane) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	g.mu.Lock()
	if g.free > 0 { // then nobody waits
		g.free--
		g.mu.Unlock()
		return nil
	}
	mine := make(chan struct{})
	if len(l.waiting) == 0 {
		g.queue(l)
	}
	l.waiting = append(l.waiting, mine)
	g.mu.Unlock()
	select {
	case <-mine:
		return nil
	case <-ctx.Done():
		if !g.forget(l, mine) {
			g.leave() // the place came at the same moment: pass it on
		}
		return ctx.Err()
	}
}

// forget takes a waiting one out of its lane; false if it has been given a place.
func (g *gate) forget(l *lane, mine chan struct{}) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, w := range l.waiting {
		if w != mine {
			continue
		}
		l.waiting = append(l.waiting[:i], l.waiting[i+1:]...)
		if len(l.waiting) == 0 {
			g.drop(l)
		}
		return true
	}
	return false
}

func (g *gate) drop(l *lane) {
	for i, r := range g.ring {
		if r == l {
			g.ring = append(g.ring[:i], g.ring[i+1:]...)
			return
		}
	}
}

// leave gives the place to the next in turn.
func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.ring) == 0 {
		g.free++
		return
	}
	l := g.ring[0]
	g.ring = g.ring[1:]
	next := l.waiting[0]
	l.waiting = l.waiting[1:]
	if len(l.waiting) > 0 {
		g.queue(l)
	}
	close(next)
}

// queue puts a lane behind the others, an urgent one behind those that are urgent too.
func (g *gate) queue(l *lane) {
	at := len(g.ring)
	if l.urgent {
		at = 0
		for at < len(g.ring) && g.ring[at].urgent {
			at++
		}
	}
	g.ring = slices.Insert(g.ring, at, l)
}
