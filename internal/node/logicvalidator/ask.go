package logicvalidator

import (
	"context"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/nanteos/nanteos/bittensor/axon/dendrite"
	"github.com/nanteos/nanteos/logicnet"
)

// turns keeps requests to one miner apart. An axon takes no nonce older than the newest of the same client, so that of several requests at once those
// that are overtaken on the way would be refused.
type turns struct {
	spacing time.Duration

	mu   sync.Mutex
	next map[logicnet.Hotkey]time.Time
}

func newTurns(spacing time.Duration) *turns {
	return &turns{spacing: spacing, next: make(map[logicnet.Hotkey]time.Time)}
}

// wait waits for the miner's turn.
func (t *turns) wait(ctx context.Context, miner logicnet.Hotkey) error {
	t.mu.Lock()
	now := time.Now()
	at := t.next[miner]
	if at.Before(now) {
		at = now
	}
	t.next[miner] = at.Add(t.spacing)
	if len(t.next) > 1<<14 { // those that are long over
		for k, at := range t.next {
			if at.Before(now) {
				delete(t.next, k)
			}
		}
	}
	t.mu.Unlock()
	if at.Equal(now) {
		return ctx.Err()
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(at.Sub(now)):
		return nil
	}
}

// spend counts a question to a miner against the share of its requests that this validator has, and says whether there was some left. A miner refuses
// what is beyond it, and that is no fault of the miner's.
func (v *Validator) spend(m Member) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	entry, ok := v.table.Miner(m.UID)
	if !ok || entry.Hotkey != m.Hotkey {
		return false
	}
	now := time.Now()
	if v.spent.Len() > 1<<14 {
		v.spent.Forget(now, nil)
	}
	blocked, _ := v.spent.Count(m.Hotkey, entry.RateLimit, now)
	return !blocked
}

// windowSlack keeps this end's windows behind those of miners, which begin when a request arrives.
const windowSlack = 2 * time.Second

// reply is what a miner said.
type reply struct {
	ok        bool // answered with status 200
	malformed bool // the answer is no text
	answer    string
	reasoning string
	seconds   float64 // by this end's clock
	why       string  // what went wrong; never anything that the miner wrote
}

// longest bounds what is kept of a reply, in bytes. Answers beyond the limit of package grade stay beyond it.
const (
	longestAnswer    = 8 << 10
	longestReasoning = 32 << 10
)

// overtaken is how often a question is sent again that was refused for its nonce.
const overtaken = 2

// query asks one miner.
func (v *Validator) query(ctx context.Context, m Member, question, task string, timeout time.Duration) reply {
	if err := v.turns.wait(ctx, m.Hotkey); err != nil {
		return reply{why: "not asked in time"}
	}
	target := dendrite.Axon{Address: m.Axon, Hotkey: m.Hotkey.String()}
	s := logicnet.NewQuestion(question, task, max(1, int64(timeout/time.Second)))
	began := time.Now()
	got := dendrite.Query(ctx, v.client, target, s, timeout)
	for range overtaken {
		// most likely a nonce that was overtaken on the way: that is this end's doing
		if !got.Dendrite.StatusCode.Is(http.StatusUnauthorized) || v.turns.wait(ctx, m.Hotkey) != nil {
			break
		}
		began = time.Now()
		got = dendrite.Query(ctx, v.client, target, s, timeout)
	}
	r := reply{ok: got.Success(), seconds: time.Since(began).Seconds()}
	if !r.ok {
		r.why = "no answer"
		if code, known := got.Dendrite.StatusCode.Get(); known {
			r.why = "status " + strconv.FormatInt(code, 10)
		}
		return r
	}
	// Only these two fields are the miner's to fill.
	text, err := got.Synapse.AnswerText()
	r.malformed = err != nil
	r.answer, r.reasoning = cut(text, longestAnswer), cut(got.Synapse.Reasoning, longestReasoning)
	return r
}

// cut shortens text to at most n bytes, between characters.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xc0 == 0x80 {
		n--
	}
	return s[:n]
}
