package validator

import (
	"encoding/json"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/internal/chain"
	"github.com/nanteos/nanteos/internal/node"
	"github.com/nanteos/nanteos/internal/vectortest"
)

type loopVectors struct {
	About string     `json:"about"`
	Cases []loopCase `json:"cases"`
	// The rest holds pure functions of the rules.
	Targets []struct {
		Block  int64 `json:"block"`
		Expect int64 `json:"expect"`
	} `json:"targets"`
	Randomness []struct {
		BlockHash string `json:"block_hash"`
		UseDrand  bool   `json:"use_drand"`
		Drand     string `json:"drand_randomness"`
		Expect    string `json:"expect"`
	} `json:"window_randomness"`
	Rounds []struct {
		Timestamp int64 `json:"timestamp"`
		Expect    int64 `json:"expect"`
	} `json:"drand_rounds"`
}

type loopCase struct {
	Name              string            `json:"name"`
	Start             int64             `json:"start_block"`
	Until             int64             `json:"run_until_block"`
	WithoutCheckpoint []int64           `json:"windows_without_checkpoint"`
	WeightsFail       []bool            `json:"set_weights_fail_plan"`
	RaisesOnce        []int64           `json:"process_raises_once_for"`
	Cost              string            `json:"process_cost_blocks"`
	Events            []json.RawMessage `json:"expect_events"`
	SetWeights        []struct {
		Block int64    `json:"block"`
		OK    bool     `json:"ok"`
		UIDs  []uint16 `json:"uids"`
		Wait  bool     `json:"wait_for_inclusion"`
	} `json:"expect_set_weights"`
	Final struct {
		LastProcessed int64 `json:"last_processed_window"`
		LastInterval  int64 `json:"last_weights_interval"`
		Processed     int64 `json:"windows_processed"`
	} `json:"expect_final"`
}

// TestValidatorLoopVectors drives Step through the reference's loop (A4, A13) on a scripted chain. What differs on purpose: a window that fails
// is taken up where it failed, without loading its checkpoint again; nobody is sent weights of zero.
func TestValidatorLoopVectors(t *testing.T) {
	const file = "validator/validator_loop.json"
	var v loopVectors
	vectortest.Decode(t, file, &v)
	rules := grail.Reference()
	for _, c := range v.Cases {
		t.Run(c.Name, func(t *testing.T) { c.run(t, rules) })
	}
	for _, c := range v.Targets {
		if got := rules.ValidationTarget(c.Block); got != c.Expect {
			t.Errorf("target at block %d is %d, want %d", c.Block, got, c.Expect)
		}
	}
	for _, c := range v.Randomness {
		if got := grail.ChallengeRandomness(c.BlockHash, c.Drand, c.UseDrand); got != c.Expect {
			t.Errorf("randomness of %s with %q is %s, want %s", c.BlockHash, c.Drand, got, c.Expect)
		}
	}
	for _, c := range v.Rounds {
		if got := rules.BeaconRound(time.Unix(c.Timestamp, 0)); got != c.Expect {
			t.Errorf("round at %d is %d, want %d", c.Timestamp, got, c.Expect)
		}
	}
	vectortest.Count(t, file, len(v.Cases)+len(v.Targets)+len(v.Randomness)+len(v.Rounds))
}

// loopRun is the scripted world of one case.
type loopRun struct {
	t      *testing.T
	c      loopCase
	rules  grail.Rules
	s      State
	head   int64
	raised map[int64]bool
	plan   []bool
	// What happened, as the vectors write it.
	loads, processed, weights, resets, computed []string
	interval                                    int64
}

func text(parts ...any) string {
	b, err := json.Marshal(parts)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func (c loopCase) run(t *testing.T, rules grail.Rules) {
	cost, err := strconv.ParseInt(c.Cost, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	r := &loopRun{t: t, c: c, rules: rules, s: NewState(), head: c.Start, raised: map[int64]bool{}, plan: c.WeightsFail, interval: -1}
	r.feed(cost, Begin{Plan: Plan{Name: "validator", Hotkey: "v", SettleAttempts: 1}, Ledger: NewLedger("v", "")})
	r.feed(cost, r.block())
	for r.head < c.Until {
		r.head++
		r.feed(cost, r.block())
	}
	var loads, processed, weights, resets, computed []string
	for _, e := range c.Events {
		var parts []any
		if err := json.Unmarshal(e, &parts); err != nil {
			t.Fatal(err)
		}
		switch line := text(parts...); parts[0] {
		case "load_checkpoint":
			loads = append(loads, line)
		case "process_window":
			processed = append(processed, line)
		case "process_raises":
			processed = append(processed, line)
		case "copycat_reset":
			resets = append(resets, line)
		case "compute_weights":
			computed = append(computed, line)
		default:
			t.Fatalf("unknown event %s", line)
		}
	}
	for _, w := range c.SetWeights {
		weights = append(weights, text(w.Block, w.OK))
		if w.Wait {
			t.Errorf("the reference waits for inclusion at block %d", w.Block)
		}
	}
	for _, pair := range []struct {
		what      string
		got, want []string
	}{
		{"loads", slices.Compact(r.loads), slices.Compact(loads)}, {"windows", r.processed, processed}, {"weights", r.weights, weights},
		{"resets", r.resets, resets}, {"computations", r.computed, computed},
	} {
		if !slices.Equal(pair.got, pair.want) {
			t.Errorf("%s:\n got %v\nwant %v", pair.what, pair.got, pair.want)
		}
	}
	sc := r.s.Ledger.Score
	if sc.LastWindow != c.Final.LastProcessed || sc.WeightInterval != c.Final.LastInterval || sc.Processed != c.Final.Processed {
		t.Errorf("ends with window %d, interval %d, %d windows; want %+v", sc.LastWindow, sc.WeightInterval, sc.Processed, c.Final)
	}
}

func (r *loopRun) block() Head { return Head{Block: chain.BlockRef{Number: uint64(r.head)}} }

// feed gives an event to Step and answers everything that comes of it.
func (r *loopRun) feed(cost int64, e Event) {
	for queue := []Event{e}; len(queue) > 0; queue = queue[1:] {
		var effects []Effect
		r.s, effects = Step(r.rules, r.s, stamped(queue[0], r.head))
		for _, f := range effects {
			queue = append(queue, r.perform(cost, f)...)
		}
	}
}

// stamped gives an event the time of the block: 12 s each.
func stamped(e Event, block int64) Event {
	now := time.Unix(0, 0).Add(time.Duration(block) * 12 * time.Second)
	switch e := e.(type) {
	case Begin:
		e.Now = now
		return e
	case Head:
		e.Now = now
		return e
	case Woke:
		e.Now = now
		return e
	case Prepared:
		e.Now = now
		return e
	case Opened:
		e.Now = now
		return e
	case Discovered:
		e.Now = now
		return e
	case Saved:
		e.Now = now
		return e
	case Settled:
		e.Now = now
		return e
	}
	return e
}

func (r *loopRun) perform(cost int64, f Effect) []Event {
	switch f := f.(type) {
	case Prepare:
		if r.head >= r.c.Until {
			return nil // the recording ends here
		}
		ok := !slices.Contains(r.c.WithoutCheckpoint, f.Window)
		r.loads = append(r.loads, text("load_checkpoint", f.Window, ok))
		a := Answer{ID: f.ID}
		if !ok {
			a.Failure = &Failure{Kind: NoCheckpoint, Reason: "none"}
		}
		return []Event{Prepared{Answer: a}}
	case Open:
		if slices.Contains(r.c.RaisesOnce, f.Window) && !r.raised[f.Window] {
			r.raised[f.Window] = true
			r.processed = append(r.processed, text("process_raises", f.Window))
			return []Event{Opened{Answer: Answer{ID: f.ID, Failure: &Failure{Kind: Passing, Reason: "raised"}}}}
		}
		if len(r.processed) == 0 || r.processed[len(r.processed)-1] != text("process_window", f.Window, r.s.Work.Block) {
			r.processed = append(r.processed, text("process_window", f.Window, r.s.Work.Block))
		}
		return []Event{Opened{Answer: Answer{ID: f.ID}, Inputs: node.Window{Start: f.Window}, Neurons: []Neuron{{UID: 0, Hotkey: "t"}, {UID: 1, Hotkey: "v"}}}}
	case Discover:
		r.head += cost
		found := make([]Candidate, len(f.Neurons))
		for i, n := range f.Neurons {
			found[i] = Candidate{UID: n.UID, Hotkey: n.Hotkey, Outcome: NoFile}
		}
		return []Event{Discovered{Answer: Answer{ID: f.ID}, Found: found}, r.block()}
	case Save:
		if i := f.Ledger.Score.Copies.Interval; i >= 0 && i != r.interval {
			r.interval = i
			r.resets = append(r.resets, text("copycat_reset", i))
		}
		return []Event{Saved{Answer{ID: f.ID}}}
	case Settle:
		fails := len(r.plan) > 0 && r.plan[0]
		if len(r.plan) > 0 {
			r.plan = r.plan[1:]
		}
		r.computed = append(r.computed, text("compute_weights", f.Vector.Window))
		r.weights = append(r.weights, text(r.head, !fails))
		if len(f.Vector.UIDs) != 1 || f.Vector.UIDs[0] != 0 {
			r.t.Errorf("weights go to %v, want all to the burn UID", f.Vector.UIDs)
		}
		a := Answer{ID: f.ID}
		if fails {
			a.Failure = &Failure{Kind: Passing, Reason: "refused"}
		}
		return []Event{Settled{Answer: a}}
	case Wake:
		if p := r.processed; len(p) > 0 && r.s.Work != nil && r.s.Work.Retry.Failures > 0 {
			r.head += 5 // the reference sleeps for a minute after an error
			return []Event{r.block(), Woke{}}
		}
	}
	return nil
}
