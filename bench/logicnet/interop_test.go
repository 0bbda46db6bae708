package logicnet

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nanteos/nanteos/bittensor/axon/dendrite"
	"github.com/nanteos/nanteos/bittensor/sr25519"
	"github.com/nanteos/nanteos/internal/node/logicvalidator"
	"github.com/nanteos/nanteos/internal/status"
	"github.com/nanteos/nanteos/logicnet"
)

// subnet is a subnet of a validator and some miners that remembers weights.
type subnet struct {
	mu      sync.Mutex
	block   uint64
	members []logicvalidator.Member
	weights map[uint16]uint16
}

func (r *subnet) join(key sr25519.Keypair, at dendrite.Axon) {
	m := logicvalidator.Member{UID: len(r.members), Hotkey: logicnet.Hotkey(key.PublicKey()), Stake: 20_000, Axon: at.Address, Permit: true}
	r.members = append(r.members, m)
}

func (r *subnet) Snapshot(ctx context.Context) (logicvalidator.Snapshot, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.block += 100
	return logicvalidator.Snapshot{Block: r.block, Members: r.members, Limits: logicvalidator.Limits{MaxWeight: 65535}}, ctx.Err()
}

func (r *subnet) SetWeights(_ context.Context, uids, values []uint16, _ uint64) (uint64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.weights = map[uint16]uint16{}
	for i, uid := range uids {
		r.weights[uid] = values[i]
	}
	return r.block, nil
}

// fours poses questions to which the answer is 4, as all miners here say, and now and then one to which it isn't.
type fours struct{ n atomic.Int64 }

func (f *fours) Next(context.Context) (logicvalidator.Problem, error) {
	n := f.n.Add(1)
	if n%8 == 0 {
		return logicvalidator.Problem{Question: fmt.Sprintf("What is %d - %d?", n+5, n), Truth: "5"}, nil
	}
	return logicvalidator.Problem{Question: fmt.Sprintf("What is %d - %d?", n+4, n), Truth: "4"}, nil
}

func (f *fours) Vary(ctx context.Context, _ logicvalidator.Problem) (logicvalidator.Problem, error) {
	return f.Next(ctx)
}

// TestValidatorAsksSDK has the whole validator ask miners of the SDKs, beside ours, for a round.
func TestValidatorAsksSDK(t *testing.T) {
	r := &subnet{block: 1000}
	own := key('v', 0)
	r.join(own, dendrite.Axon{})
	var names []string
	for _, variable := range []string{"NANTEOS_BITTENSOR9", "NANTEOS_BITTENSOR10"} {
		if s := sdk(t, variable); s != nil {
			r.join(s.key, s.target)
			names = append(names, "SDK "+s.Version)
		}
	}
	if len(names) == 0 {
		t.Skip("there is no SDK")
	}
	rules := logicnet.Hardened()
	rules.RoundSeconds, rules.Batches, rules.BatchGapSeconds, rules.TimeoutSeconds, rules.InfoTimeoutSeconds, rules.ScoreChance = 3, 1, 0, 10, 10, 1
	var mu sync.Mutex
	graded := map[int][2]int{} // right and all by UID
	v, err := logicvalidator.New(logicvalidator.Config{
		Rules: rules, Hotkey: own, Chain: r, Dir: t.TempDir(), Source: &fours{}, Rounds: 1, Dendrite: dendrite.Config{AllowPrivate: true},
		Status: status.Func(func(e status.Event) {
			mu.Lock()
			defer mu.Unlock()
			switch {
			case e.Kind == status.Fault:
				t.Errorf("fault: %s", e.Reason)
			case e.Kind == status.Graded && e.Measured != nil:
				n := graded[*e.UID]
				if n[1]++; *e.Measured == 1 {
					n[0]++
				}
				graded[*e.UID] = n
			}
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := v.Run(ctx); err != nil {
		t.Fatal(err)
	}
	for i, name := range names {
		right, all := graded[i+1][0], graded[i+1][1]
		t.Logf("%s: %d of %d right, weight %d", name, right, all, r.weights[uint16(i+1)])
		if right == 0 || r.weights[uint16(i+1)] == 0 {
			t.Errorf("%s answered and got nothing: %d of %d right, weights %v", name, right, all, r.weights)
		}
	}
}
