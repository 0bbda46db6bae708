package logicvalidator

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nanteos/nanteos/internal/status"
	"github.com/nanteos/nanteos/logicnet"
	"github.com/nanteos/nanteos/logicnet/grade"
)

// batch asks and grades one batch. A fault in it costs this batch only.
func (v *Validator) batch(ctx context.Context, s Snapshot, q logicnet.Queue) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("couldn't run batch: panic in %T", r) // its text may hold a question
		}
	}()
	for _, slots := range q.Batch(v.rand()) {
		slots = slices.DeleteFunc(slots, func(x logicnet.Slot) bool { return x.UID >= len(s.Members) || !v.spend(s.Members[x.UID]) })
		if len(slots) == 0 {
			continue
		}
		v.asked.Add(uint64(len(slots)))
		if err := v.part(ctx, s, slots); err != nil {
			return err
		}
	}
	return nil
}

// part is a batch, or a piece of one that has a problem of its own.
func (v *Validator) part(ctx context.Context, s Snapshot, slots []logicnet.Slot) error {
	timeout := time.Duration(v.cfg.Rules.TimeoutSeconds) * time.Second
	ctx, cancel := context.WithTimeout(ctx, v.cfg.RephrasePatience+2*timeout+v.cfg.JudgePatience+time.Minute)
	defer cancel()
	p, from, err := v.problem(ctx)
	if err != nil {
		return err
	}
	puts := v.phrase(ctx, p, from, len(slots))
	v.remember(p)

	var own sync.WaitGroup // the validator's reasoning is written while miners think
	reasonings := map[Problem]string{}
	var mu sync.Mutex
	scored := distinct(puts, slots)
	own.Go(func() {
		each(ctx, rewriters, len(scored), func(ctx context.Context, i int) {
			text := v.reasoning(ctx, scored[i])
			mu.Lock()
			defer mu.Unlock()
			reasonings[scored[i]] = text
		})
	})
	replies := make([]reply, len(slots))
	each(ctx, len(slots), len(slots), func(ctx context.Context, i int) {
		replies[i] = v.query(ctx, s.Members[slots[i].UID], puts[i].question, puts[i].task, timeout)
	})
	own.Wait()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("couldn't finish batch: %w", err)
	}
	return v.score(ctx, s, slots, puts, replies, reasonings)
}

// distinct are the problems of the answers that will be scored.
func distinct(puts []posed, slots []logicnet.Slot) []Problem {
	var out []Problem
	seen := map[Problem]bool{}
	for i, p := range puts {
		if slots[i].Score && !seen[p.problem] {
			seen[p.problem] = true
			out = append(out, p.problem)
		}
	}
	return out
}

// score grades the replies of the slots that count, and writes down what they earn.
func (v *Validator) score(ctx context.Context, s Snapshot, slots []logicnet.Slot, puts []posed, replies []reply, own map[Problem]string) error {
	raw := make([]string, len(puts))
	for i, p := range puts {
		raw[i] = p.problem.Question
	}
	copies := make([]bool, len(replies))
	if !v.cfg.KeepDuplicates {
		copies = v.canned.duplicates(replies, raw)
	}
	var index []int // of the slots that count
	for i, slot := range slots {
		if slot.Score {
			index = append(index, i)
		}
	}
	if len(index) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, v.cfg.JudgePatience)
	defer cancel()
	grades, err := v.grades(ctx, index, puts, replies)
	if err != nil {
		return err
	}
	similar := v.similarities(ctx, index, puts, replies, own)
	responses := make([]logicnet.Response, len(index))
	for k, i := range index {
		r, g := replies[i], grades[k]
		responses[k] = logicnet.Response{
			UID: slots[i].UID, Success: r.ok, Malformed: r.ok && r.malformed, Unscored: r.ok && !g.Scored(), Similarity: similar[k], Correctness: g.Score, Seconds: r.seconds,
		}
		if copies[i] {
			responses[k].Similarity = 0
		}
	}
	rewards, err := v.cfg.Rules.RewardBatch(responses, v.rewardScale)
	if err != nil {
		return err
	}
	results := make([]result, len(rewards))
	earned := make(map[int]float64, len(rewards))
	for k, x := range rewards {
		results[k] = result{uid: x.UID, hotkey: s.Members[x.UID].Hotkey, scaled: x.Scaled}
		earned[x.Index] = x.Reward
	}
	if err := v.record(results); err != nil {
		return err
	}
	for k, i := range index {
		v.tell(s.Members[slots[i].UID], puts[i].task, replies[i], grades[k], copies[i], earned, k)
	}
	return nil
}

// grades says of each reply whether it is right. Arithmetic comes first, the rest goes to the judges side by side.
func (v *Validator) grades(ctx context.Context, index []int, puts []posed, replies []reply) ([]grade.Result, error) {
	reference := v.cfg.Rules.Grading == logicnet.GradeReference
	g, err := v.grader(reference)
	if err != nil {
		return nil, err
	}
	var cheats []string
	if reference && v.cfg.CheatWords != nil {
		cheats = v.cfg.CheatWords(ctx)
	}
	out := make([]grade.Result, len(index))
	each(context.WithoutCancel(ctx), len(index), len(index), func(_ context.Context, k int) {
		r, p := replies[index[k]], puts[index[k]]
		task := grade.Task{Question: p.question, Truth: p.problem.Truth, CheatWords: cheats}
		switch {
		case !r.ok:
			out[k] = grade.Result{Outcome: grade.Incorrect, Reason: r.why}
		case r.malformed:
			out[k] = g.Grade(ctx, task, nil)
		default:
			out[k] = g.Grade(ctx, task, r.answer)
		}
	})
	return out, nil
}

// rewardScale is the table's, for batches that run side by side.
func (v *Validator) rewardScale(uid int) float64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.table.RewardScale(uid)
}

// tell reports one graded answer: neither question nor truth nor answer.
func (v *Validator) tell(m Member, task string, r reply, g grade.Result, copied bool, earned map[int]float64, k int) {
	e := status.Event{Kind: status.Graded, Window: v.round.number, Hotkey: m.Hotkey.String(), UID: &m.UID, Text: task, Check: string(g.Method), Seconds: r.seconds, Reason: g.Reason}
	if reward, ok := earned[k]; ok {
		score := g.Score
		e.Reward, e.Measured = &reward, &score
	}
	if copied {
		e.Reason = "its reasoning was given before; " + e.Reason
	}
	v.emit(e)
}
