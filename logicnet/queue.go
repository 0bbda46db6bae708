package logicnet

import "math"

// Slot is one place in a batch.
type Slot struct {
	UID int
	// Score says that the answer is to be graded; the miner is asked in any case.
	Score bool
}

// Queue holds how often each miner is drawn: in proportion to its places. A Queue does not change; drawing takes nothing from it.
// Section 5.3.
type Queue struct {
	rules            Rules
	synthetic, proxy places
}

// Split divides a miner's rate limit: how many places it has in the queue of the validator's own questions, and what would remain for
// those of others, which may be negative. Section 5.3.
func (r Rules) Split(rateLimit float64) (synthetic, proxy float64) {
	s := max(1, math.Floor(float64(r.SyntheticShare*rateLimit))-1)
	s = max(rateLimit-s, s)
	return s, rateLimit - s
}

// Queue returns the queue of the miners that are Active.
func (t *Table) Queue() Queue { return t.rules.NewQueue(t.miners) }

// NewQueue returns the queue of those miners that are Active.
func (r Rules) NewQueue(miners []Miner) Queue {
	q := Queue{rules: r}
	for _, m := range miners {
		if !r.Active(m) {
			continue
		}
		synthetic, proxy := r.Split(m.RateLimit)
		if r.ProxyAsSynthetic {
			proxy = synthetic
		}
		q.synthetic.add(m.UID, synthetic)
		q.proxy.add(m.UID, max(proxy, 1))
	}
	return q
}

// Active returns the number of different miners in the queue.
func (q Queue) Active() int { return len(q.synthetic.uids) }

// Len returns the number of places in the queue.
func (q Queue) Len() int { return q.synthetic.total }

// Places returns how many places a miner has for the validator's own questions and for those of others.
func (q Queue) Places(uid int) (synthetic, proxy int) {
	return q.synthetic.of(uid), q.proxy.of(uid)
}

// Batch draws the miners of one batch. Each part is to get a question of its own; there are several parts only where fewer than BatchSize
// miners are active and the same may be drawn twice. Nobody active gives no part.
//
// With DistinctInBatch a batch has min(BatchSize, active) different miners; otherwise every place is drawn from the whole queue.
// Section 4.
func (q Queue) Batch(rng Rand) [][]Slot {
	active := q.Active()
	if active == 0 {
		return nil
	}
	size := min(q.rules.BatchSize, active)
	var uids []int
	if q.rules.DistinctInBatch {
		uids = q.synthetic.distinct(rng, size)
	} else {
		for range q.rules.BatchSize {
			uids = append(uids, q.synthetic.draw(rng))
		}
	}
	var parts [][]Slot
	for len(uids) > 0 {
		part := make([]Slot, 0, size)
		for _, uid := range uids[:min(size, len(uids))] {
			part = append(part, Slot{UID: uid, Score: rng.Float64() < q.rules.ScoreChance})
		}
		parts = append(parts, part)
		uids = uids[len(part):]
	}
	return parts
}

// Order draws up to n different miners for a question of somebody else's, in the order in which to try them. Section 8.1.
func (q Queue) Order(rng Rand, n int) []int { return q.proxy.distinct(rng, max(0, min(n, q.Active()))) }

// places is a bag of uids.
type places struct {
	uids  []int
	ends  []int // ends[i] is the number of places of uids[:i+1]
	total int
}

// maxPlaces bounds the places of one miner.
const maxPlaces = 1 << 20

func (p *places) add(uid int, n float64) {
	if !(n >= 1) { // NaN too
		n = 0
	}
	p.total += int(min(n, maxPlaces))
	p.uids = append(p.uids, uid)
	p.ends = append(p.ends, p.total)
}

func (p *places) of(uid int) int {
	before, sum := 0, 0
	for i, u := range p.uids {
		if u == uid {
			sum += p.ends[i] - before
		}
		before = p.ends[i]
	}
	return sum
}

// at returns the index of the uid that has the given place.
func (p *places) at(place int) int {
	low, high := 0, len(p.ends)-1
	for low < high {
		if mid := (low + high) / 2; p.ends[mid] > place {
			high = mid
		} else {
			low = mid + 1
		}
	}
	return low
}

func (p *places) draw(rng Rand) int { return p.uids[p.at(rng.Below(p.total))] }

// distinct draws n different uids, each time in proportion to the places of those that are left.
func (p *places) distinct(rng Rand, n int) []int {
	left := make([]int, len(p.uids))
	before, total := 0, p.total
	for i, end := range p.ends {
		left[i] = end - before
		before = end
	}
	drawn := make([]int, 0, n)
	for len(drawn) < n && total > 0 {
		place := rng.Below(total)
		for i, k := range left {
			if place < k {
				drawn = append(drawn, p.uids[i])
				total -= k
				left[i] = 0
				break
			}
			place -= k
		}
	}
	return drawn
}
