package logicvalidator

import (
	"context"
	"fmt"
	"time"

	"github.com/nanteos/nanteos/internal/llm"
	"github.com/nanteos/nanteos/logicnet/grade"
)

// judgePatience bounds one call of a judge.
const judgePatience = 30 * time.Second

// Judge makes a judge of a model.
func Judge(m Models) grade.Completer {
	return grade.CompleterFunc(func(ctx context.Context, r grade.Request) (string, error) {
		ctx, cancel := context.WithTimeout(ctx, judgePatience)
		defer cancel()
		ask := llm.Request{MaxTokens: r.MaxTokens, Temperature: r.Temperature, Schema: r.Schema, Messages: make([]llm.Message, len(r.Messages))}
		for i, m := range r.Messages {
			ask.Messages[i] = llm.Message{Role: string(m.Role), Content: m.Content}
		}
		a, err := m.Complete(ctx, ask)
		if err != nil {
			return "", fmt.Errorf("couldn't ask judge: %w", err)
		}
		return a.Text, nil
	})
}

// judge is a judge that tells when it fails.
func (v *Validator) judge(m Models) grade.Completer {
	of := Judge(m)
	return grade.CompleterFunc(func(ctx context.Context, r grade.Request) (string, error) {
		text, err := of.Complete(ctx, r)
		if err != nil && ctx.Err() == nil {
			v.seldom(&v.judgeFault, fmt.Errorf("couldn't ask judge: %w", plainly(err)), "what arithmetic can't decide stays unscored while judges fail")
		}
		return text, err
	})
}

// grader makes the grader of one batch. The tasks of others serve as controls of the judges.
func (v *Validator) grader(reference bool) (*grade.Grader, error) {
	o := grade.Options{Reference: reference}
	for _, m := range v.cfg.Judges {
		o.Judges = append(o.Judges, v.judge(m))
	}
	v.mu.Lock()
	o.Controls = append(o.Controls, v.recent...)
	v.mu.Unlock()
	return grade.New(o)
}

// maxRecent is how many tasks are kept as controls.
const maxRecent = 16

// remember keeps a task as a control for others.
func (v *Validator) remember(p Problem) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.recent = append(v.recent, grade.Task{Question: p.Question, Truth: p.Truth})
	if len(v.recent) > maxRecent {
		v.recent = append(v.recent[:0:0], v.recent[1:]...)
	}
}
