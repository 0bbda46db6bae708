package logicminer

import (
	"sync"
	"time"
)

// pace admits as many questions at a time as the model answers in time. It measures: where answers take most of the time there is, fewer are
// admitted at once; where they are quick, more.
type pace struct {
	mu       sync.Mutex
	most     int
	limit    float64 // how many at a time, from 1 to most
	inFlight int
	mean     time.Duration // of an answer, moving; 0 before the first
}

func newPace(most int) *pace { return &pace{most: most, limit: float64(most)} }

// The shares of the time there is above which an answer was slow, and below which it was quick.
const (
	slowShare  = 0.7
	quickShare = 0.4
)

// enter says whether a question that has to be answered within budget may begin. Whoever enters has to leave.
func (p *pace) enter(budget time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if budget <= 0 || p.inFlight >= max(1, int(p.limit)) {
		return false
	}
	if p.inFlight > 0 && p.mean > budget {
		return false // alone it may still be quick enough
	}
	p.inFlight++
	return true
}

// leave tells how long the answer took of the time that it had; ok is false where there is none.
func (p *pace) leave(took, budget time.Duration, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inFlight--
	share := float64(took) / float64(max(budget, 1))
	switch {
	case !ok && share < slowShare: // a failure says nothing about speed
		return
	case share > slowShare:
		p.limit = max(1, p.limit*0.7)
	case share < quickShare:
		p.limit = min(float64(p.most), p.limit+1/max(1, p.limit))
	}
	if p.mean == 0 {
		p.mean = took
	} else {
		p.mean += (took - p.mean) / 8
	}
}

// slots is how many questions are admitted at a time now.
func (p *pace) slots() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return max(1, int(p.limit))
}
