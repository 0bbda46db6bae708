package logicnet

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/nanteos/nanteos/bittensor/axon/synapse"
)

// ErrTable is the sentinel of a stored table that cannot be taken over.
var ErrTable = errors.New("invalid miner table")

// maxNeurons is how many uids there can be.
const maxNeurons = math.MaxUint16 + 1

// Miner is a validator's entry for one uid. Section 5.
type Miner struct {
	UID         int     `json:"uid"`
	Hotkey      Hotkey  `json:"hotkey"`
	Category    string  `json:"category"`     // "" until it said one
	EpochVolume float64 `json:"epoch_volume"` // requests in an epoch
	RateLimit   float64 `json:"rate_limit"`   // how many of them are this validator's
	RewardScale float64 `json:"reward_scale"` // in [0,1]: how much of VolumeShare it gets
	// Scores are the values of its last rounds, oldest first, at most Rules.History.
	Scores []float64 `json:"scores"`
	// Silent is the number of refreshes since it last replied.
	Silent int `json:"silent"`
}

// InfoReply is what came back when a miner was asked for its Information.
type InfoReply struct {
	UID int
	// Hotkey is whom the question went to; the reply is dropped when the uid is somebody else's by now.
	Hotkey Hotkey
	// Success says that the status was 200.
	Success  bool
	Response map[string]synapse.Value
}

// InfoError is a reply that was not taken, and whose.
type InfoError struct {
	UID int
	Err error
}

// Error implements error.
func (e InfoError) Error() string {
	return fmt.Sprintf("couldn't take information of uid %d: %v", e.UID, e.Err)
}

// Unwrap implements errors.Unwrap; it wraps ErrInfo.
func (e InfoError) Unwrap() error { return e.Err }

// Table is what a validator knows of the miners. An entry is its hotkey's: who takes over a uid starts from nothing (unless the rules
// KeepScores), and who changes its uid takes its entry along. It is not safe for use by several goroutines.
type Table struct {
	rules  Rules
	miners []Miner // by uid
}

// NewTable returns the table of a validator that knows nobody yet.
func NewTable(rules Rules) *Table { return &Table{rules: rules} }

// Len returns the number of uids.
func (t *Table) Len() int { return len(t.miners) }

// Miner returns the entry of a uid; ok is false when there is none. The copy is the caller's.
func (t *Table) Miner(uid int) (m Miner, ok bool) {
	if uid < 0 || uid >= len(t.miners) {
		return Miner{}, false
	}
	return t.miners[uid].clone(), true
}

// Miners returns all entries in the order of uids. The copy is the caller's.
func (t *Table) Miners() []Miner {
	all := make([]Miner, len(t.miners))
	for i, m := range t.miners {
		all[i] = m.clone()
	}
	return all
}

func (m Miner) clone() Miner {
	m.Scores = slices.Clone(m.Scores)
	return m
}

// fresh returns the entry of a miner that nothing is known of.
func (t *Table) fresh(uid int, hotkey Hotkey) Miner {
	return Miner{UID: uid, Hotkey: hotkey, EpochVolume: t.rules.DefaultVolume}
}

// Sync takes over the hotkeys of the metagraph, by uid, and returns the uids that belong to somebody else than before, new ones included.
// Call it between rounds: values of a round that was going on are otherwise recorded for the new owner. Hotkeys beyond uid 65535 are
// left out.
func (t *Table) Sync(hotkeys []Hotkey) (changed []int) {
	hotkeys = hotkeys[:min(len(hotkeys), maxNeurons)]
	old := make(map[Hotkey]int, len(t.miners))
	for uid, m := range t.miners {
		old[m.Hotkey] = uid
	}
	next := make([]Miner, len(hotkeys))
	for uid, hotkey := range hotkeys {
		if uid < len(t.miners) && t.miners[uid].Hotkey == hotkey {
			next[uid] = t.miners[uid]
			delete(old, hotkey)
		}
	}
	for uid, hotkey := range hotkeys {
		if uid < len(t.miners) && t.miners[uid].Hotkey == hotkey {
			continue
		}
		changed = append(changed, uid)
		next[uid] = t.fresh(uid, hotkey)
		switch from, ok := old[hotkey]; {
		case t.rules.KeepScores && uid < len(t.miners):
			next[uid] = t.miners[uid]
		case ok && !t.rules.KeepScores:
			next[uid] = t.miners[from]
			delete(old, hotkey) // a hotkey stands once on a chain; another entry for it starts from nothing
		}
		next[uid].UID, next[uid].Hotkey = uid, hotkey
	}
	t.miners = next
	return changed
}

// Refresh takes over the replies to Information in their order, with the rate limits that follow for the validator with uid own (-1 for
// none) from the metagraph's stakes. Miners that did not reply keep what they said last, for as long as ExpireAfter allows; when nobody
// replied the table stays as it is, since then the fault is more likely the validator's.
//
// It returns an error for every reply that was not taken, with its uid. Each concerns that miner only, unless the rules StopAtBadInfo.
// Section 5.1.
func (t *Table) Refresh(replies []InfoReply, stakes []float64, own int) []InfoError {
	var failed []InfoError
	replied := make(map[int]bool, len(replies))
	limits := make(map[float64]float64)
	for _, reply := range replies {
		if reply.UID < 0 || reply.UID >= len(t.miners) || len(reply.Response) == 0 || !(reply.Success || t.rules.InfoAnyStatus) {
			continue
		}
		m := &t.miners[reply.UID]
		if m.Hotkey != reply.Hotkey && !t.rules.KeepScores {
			failed = append(failed, InfoError{reply.UID, fmt.Errorf("%w: the uid has another hotkey now", ErrInfo)})
			continue
		}
		info, badCategory, err := t.rules.parseInfo(reply.Response)
		if err == nil && (badCategory == nil || t.rules.StopAtBadInfo) {
			limit, known := limits[info.EpochVolume]
			if !known {
				limit = t.rules.quotaOf(stakes, own, info.EpochVolume)
				limits[info.EpochVolume] = limit
			}
			m.Category, m.EpochVolume, m.RateLimit = info.Category, info.EpochVolume, limit
			m.RewardScale = min(max(info.EpochVolume/t.rules.FullVolume, 0), 1)
			replied[reply.UID] = true
		}
		if err = first(err, badCategory); err != nil {
			failed = append(failed, InfoError{reply.UID, err})
			if t.rules.StopAtBadInfo {
				m.Category = info.Category
				break
			}
		}
	}
	if len(replied) > 0 {
		for uid := range t.miners {
			if replied[uid] {
				t.miners[uid].Silent = 0
			} else if t.miners[uid].Silent < math.MaxInt32 {
				t.miners[uid].Silent++
			}
		}
	}
	return failed
}

// first returns the first error that is one.
func first(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// expired reports whether a miner has been silent for too long.
func (r Rules) expired(m Miner) bool { return r.ExpireAfter > 0 && m.Silent >= r.ExpireAfter }

// Active reports whether a miner is asked questions. Section 5.2.
func (r Rules) Active(m Miner) bool {
	return m.Category != "" && (r.QueueAnyCategory || m.Category == Category) && !r.expired(m)
}

// earns reports whether a miner's scores count.
func (r Rules) earns(m Miner) bool { return m.Category == Category && !r.expired(m) }

// RewardScale returns the RewardScale of a uid, 0 for one that the table does not have.
func (t *Table) RewardScale(uid int) float64 {
	if uid < 0 || uid >= len(t.miners) {
		return 0
	}
	return t.miners[uid].RewardScale
}

// Restore replaces the entries by stored ones, as Miners returned them. Errors wrap ErrTable and leave the table as it was.
func (t *Table) Restore(miners []Miner) error {
	if len(miners) > maxNeurons {
		return fmt.Errorf("%w: it has %d entries, there are %d uids", ErrTable, len(miners), maxNeurons)
	}
	restored := make([]Miner, len(miners))
	for i, m := range miners {
		if err := checkMiner(i, m); err != nil {
			return fmt.Errorf("%w: entry %d: %w", ErrTable, i, err)
		}
		restored[i] = m.clone()
		restored[i].Scores = t.rules.lastScores(restored[i].Scores)
	}
	t.miners = restored
	return nil
}

func checkMiner(uid int, m Miner) error {
	switch {
	case m.UID != uid:
		return fmt.Errorf("uid is %d, entries must be in the order of uids without gaps", m.UID)
	case math.IsNaN(m.EpochVolume):
		return errors.New("epoch_volume is no number")
	case !(m.RateLimit >= 0) || math.IsInf(m.RateLimit, 1):
		return fmt.Errorf("rate_limit is %v, must be a number from 0", m.RateLimit)
	case !(m.RewardScale >= 0 && m.RewardScale <= 1):
		return fmt.Errorf("reward_scale is %v, must be from 0 to 1", m.RewardScale)
	case m.Silent < 0:
		return fmt.Errorf("silent is %d, must not be negative", m.Silent)
	}
	for _, s := range m.Scores {
		if math.IsNaN(s) || math.IsInf(s, 0) {
			return fmt.Errorf("score %v is not finite", s)
		}
	}
	return nil
}
