package logicvalidator

import (
	"context"
	"time"

	"github.com/nanteos/nanteos/bittensor/axon/dendrite"
	"github.com/nanteos/nanteos/internal/status"
	"github.com/nanteos/nanteos/logicnet"
)

// refreshers is how many members are asked for their Information at a time. There are at most 256 on a subnet of today, so that one that keeps
// silent holds up nobody.
const refreshers = 256

// refresh asks everybody who serves for its Information and takes the replies into the table. Section 5.1.
func (v *Validator) refresh(ctx context.Context, s Snapshot) {
	timeout := seconds(v.cfg.Rules.InfoTimeoutSeconds)
	ctx, cancel := context.WithTimeout(ctx, 2*timeout)
	defer cancel()
	asked := v.serving(s)
	replies := make([]logicnet.InfoReply, len(asked))
	each(ctx, refreshers, len(asked), func(ctx context.Context, i int) {
		m := asked[i]
		replies[i] = logicnet.InfoReply{UID: m.UID, Hotkey: m.Hotkey}
		if v.turns.wait(ctx, m.Hotkey) != nil {
			return
		}
		r := dendrite.Query(ctx, v.client, dendrite.Axon{Address: m.Axon, Hotkey: m.Hotkey.String()}, logicnet.Information{}, timeout)
		replies[i].Success, replies[i].Response = r.Success(), r.Synapse.Response
	})
	if ctx.Err() != nil && context.Cause(ctx) == context.Canceled {
		return // the end of the process says nothing about miners
	}
	stakes := make([]float64, len(s.Members))
	for i, m := range s.Members {
		stakes[i] = m.Stake
	}
	v.mu.Lock()
	bad := v.table.Refresh(replies, stakes, v.uid)
	v.queue = v.table.Queue()
	v.mu.Unlock()
	for _, e := range bad {
		uid := e.UID
		v.emit(status.Event{Kind: status.Fault, UID: &uid, Reason: cut(e.Error(), 300), Hint: "that miner's doing; the others are not concerned"})
	}
}

// serving are the members that can be asked: not the validator itself, and those only that have an address.
func (v *Validator) serving(s Snapshot) []Member {
	var out []Member
	for _, m := range s.Members {
		if m.Hotkey != v.own && m.Axon.IsValid() && m.Axon.Port() != 0 && !m.Axon.Addr().IsUnspecified() {
			out = append(out, m)
		}
	}
	return out
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
