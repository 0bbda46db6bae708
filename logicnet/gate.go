package logicnet

import (
	"fmt"
	"sync"
	"time"
)

// The reasons for which a Gate refuses, in the reference's words where it has some. The axon puts them after
// "Forbidden. Key is blacklisted: ".
const (
	ReasonStranger   = "Unrecognized hotkey"
	ReasonStake      = "Not enough stake"
	ReasonLimit      = "Limit exceeded"
	ReasonPassed     = "All passed!"
	ReasonNotReady   = "Not ready"
	ReasonUnverified = "Not verified"
)

// Neuron is what a Gate needs to know of a member of the subnet.
type Neuron struct {
	Hotkey Hotkey
	Stake  float64 // total stake in TAO
}

// Verdict is a Gate's answer.
type Verdict struct {
	Refused bool
	Reason  string
	UID     int     // the caller's, -1 when it has none
	Count   int     // the how manyth request of the caller's window this is, 0 when it was not counted
	Quota   float64 // how many it has
}

// Gate decides for a miner whose questions it answers: validators with stake, each up to its quota. Unlike everything else here it is
// safe for use by several goroutines, because requests are. Section 3.2.
type Gate struct {
	rules  Rules
	volume float64

	mu      sync.Mutex
	ready   bool
	members map[Hotkey]member
	limiter *Limiter[Hotkey]
}

type member struct {
	uid      int
	quota    float64
	eligible bool
}

// NewGate returns the gate of a miner that takes volume requests in an interval (--miner.epoch_volume). Errors wrap ErrRules.
func NewGate(rules Rules, volume float64) (*Gate, error) {
	if err := rules.Validate(); err != nil {
		return nil, fmt.Errorf("couldn't make a gate: %w", err)
	}
	return &Gate{rules: rules, volume: volume, limiter: NewLimiter[Hotkey](seconds(rules.LimitSeconds))}, nil
}

// Update takes over the neurons of the metagraph, by uid, and forgets the counts of those that are gone. Of several neurons with one
// hotkey the first counts.
func (g *Gate) Update(neurons []Neuron, now time.Time) {
	stakes := make([]float64, len(neurons))
	for i, n := range neurons {
		stakes[i] = n.Stake
	}
	quotas := g.rules.Quotas(stakes, g.volume)
	members := make(map[Hotkey]member, len(neurons))
	for uid, n := range neurons {
		if _, ok := members[n.Hotkey]; ok {
			continue
		}
		quota, eligible := quotas[uid]
		members[n.Hotkey] = member{uid: uid, quota: quota, eligible: eligible}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ready, g.members = true, members
	g.limiter.Forget(now, func(h Hotkey) bool { _, ok := members[h]; return ok })
}

// Admit decides on a request of hotkey at time now, and counts it against the quota. verified says that the caller's signature was
// checked; rules without CountUnverified refuse what is not, without counting it.
func (g *Gate) Admit(hotkey Hotkey, verified bool, now time.Time) Verdict {
	g.mu.Lock()
	defer g.mu.Unlock()
	v := Verdict{Refused: true, UID: -1}
	switch m, known := g.members[hotkey]; {
	case !g.ready && g.rules.FailOpen:
		v.Refused, v.Reason = false, ReasonPassed
	case !g.ready:
		v.Reason = ReasonNotReady
	case !known:
		v.Reason = ReasonStranger
	case !m.eligible:
		v.UID, v.Reason = m.uid, ReasonStake
	case !verified && !g.rules.CountUnverified:
		v.UID, v.Quota, v.Reason = m.uid, m.quota, ReasonUnverified
	default:
		v.UID, v.Quota = m.uid, m.quota
		if v.Refused, v.Count = g.limiter.Count(hotkey, m.quota, now); v.Refused {
			v.Reason = ReasonLimit
		} else {
			v.Reason = ReasonPassed
		}
	}
	return v
}

// Quota returns how many requests in an interval a hotkey has; ok is false when it may not ask.
func (g *Gate) Quota(hotkey Hotkey) (quota float64, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	m := g.members[hotkey]
	return m.quota, m.eligible
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
