package logicvalidator

import (
	"context"
	"fmt"
	"time"

	"github.com/nanteos/nanteos/internal/node/logicvalidator/proxy"
	"github.com/nanteos/nanteos/logicnet"
	"github.com/nanteos/nanteos/logicnet/grade"
)

// forwardTries is how often a question of an outside user is put to other miners before it is given up.
const forwardTries = 3

// Ask puts a question of an outside user to miners and returns the answer that most of them give: nobody knows the truth here, but miners that are
// asked apart agree on little else. As soon as more than half agree the others are not waited for. Answers that address a judge, and those that are
// no text or empty, don't count. The error wraps proxy.ErrNobody or proxy.ErrNoAnswer. Section 8.1.
func (v *Validator) Ask(ctx context.Context, q proxy.Question) (proxy.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, forwardTries*q.Timeout)
	defer cancel()
	v.mu.Lock()
	s, queue := v.members, v.queue
	v.mu.Unlock()
	if !v.opened.Load() || queue.Active() == 0 {
		return proxy.Answer{}, fmt.Errorf("couldn't ask: %w", proxy.ErrNobody)
	}
	n := max(1, q.Miners)
	order := queue.Order(v.rand(), queue.Active())
	asked := 0
	for try := 0; try < forwardTries && ctx.Err() == nil; try++ {
		var now []int
		if now, order = v.affordable(s, order, n); len(now) == 0 {
			break
		}
		asked += len(now)
		if a, ok := v.askSeveral(ctx, s, now, q); ok {
			a.Asked = asked
			return a, nil
		}
	}
	if asked == 0 {
		return proxy.Answer{}, fmt.Errorf("couldn't ask: %w: all have as many questions as they take", proxy.ErrNobody)
	}
	return proxy.Answer{}, fmt.Errorf("couldn't ask: %w of the %d asked", proxy.ErrNoAnswer, asked)
}

// affordable are the first n miners of the order that still take questions, each of which is counted, and those behind them.
func (v *Validator) affordable(s Snapshot, order []int, n int) (now, rest []int) {
	for len(order) > 0 && len(now) < n {
		uid := order[0]
		order = order[1:]
		if uid < len(s.Members) && v.spend(s.Members[uid]) {
			now = append(now, uid)
		}
	}
	return now, order
}

// askSeveral asks miners side by side; ok is false where none gave an answer.
func (v *Validator) askSeveral(ctx context.Context, s Snapshot, uids []int, q proxy.Question) (best proxy.Answer, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, q.Timeout+time.Second)
	defer cancel()
	type said struct {
		uid int
		r   reply
	}
	all := make(chan said, len(uids))
	for _, uid := range uids {
		go func() {
			all <- said{uid, v.query(ctx, s.Members[uid], q.Text, logicnet.TaskUID(v.rand()), q.Timeout)}
		}()
	}
	var got []said
	votes := []int{}
	for range uids {
		x := <-all
		task := grade.Task{Question: q.Text, Truth: x.r.answer}
		if !x.r.ok || x.r.malformed || x.r.answer == "" || grade.Inspect(grade.Task{Question: q.Text}, x.r.answer).Sure {
			continue
		}
		vote := 1
		for i, other := range got {
			if v.same(task, other.r.answer) {
				votes[i]++
				vote++
			}
		}
		got, votes = append(got, x), append(votes, vote)
		if 2*vote > len(uids) {
			break
		}
	}
	if len(got) == 0 {
		return best, false
	}
	which := 0 // the quickest of those with most votes
	for i := range got {
		if votes[i] > votes[which] {
			which = i
		}
	}
	x := got[which]
	return proxy.Answer{Answer: x.r.answer, Reasoning: x.r.reasoning, Miner: x.uid, Hotkey: s.Members[x.uid].Hotkey.String(), Seconds: x.r.seconds, Agreed: votes[which]}, true
}

// same says whether an answer means what the task's truth does, by arithmetic alone.
func (v *Validator) same(t grade.Task, answer string) bool {
	g, err := grade.New(grade.Options{})
	if err != nil {
		return false
	}
	r, ok := g.Decide(t, answer)
	return ok && r.Outcome == grade.Correct
}
