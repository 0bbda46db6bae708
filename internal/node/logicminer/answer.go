package logicminer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nanteos/nanteos/internal/llm"
)

// Models answers chats. *llm.Client does.
type Models interface {
	Complete(ctx context.Context, r llm.Request) (llm.Answer, error)
}

// Solver answers questions exactly where it is sure of the answer.
type Solver interface {
	// Solve returns the answer and the steps that lead there; ok is false where it isn't sure.
	Solve(question string) (answer, steps string, ok bool)
}

// How an answer came about.
const (
	HowModel   = "model"   // the model gave reasoning and answer
	HowDerived = "derived" // the answer was taken out of the model's reasoning
	HowExact   = "exact"   // the solver was sure
)

// The two turns of the reference (specification, 3.3; vectors: prompts.json).
const (
	firstTokens, secondTokens           = 2048, 512
	firstTemperature, secondTemperature = 0.8, 0.7
	secondTurn                          = "Give me the final short answer as a sentence. Don't reasoning anymore, just say the final answer in math latex."
)

// longest bounds what is sent back, in bytes: a model that never ends must not fill the validator's memory.
const (
	longestReasoning = 32 << 10
	longestAnswer    = 900
)

// errNoAnswer says that neither model nor solver gave an answer.
var errNoAnswer = errors.New("no answer")

// answered is what goes back to the validator.
type answered struct{ answer, reasoning, how string }

// answer answers a question before ctx ends. The first turn has most of the time; what is left of it is for the second.
func answer(ctx context.Context, models Models, solver Solver, question string) (answered, error) {
	exact := make(chan answered, 1)
	go func() { exact <- solve(solver, question) }()
	reasoned, err := reason(ctx, models, question)
	sure := answered{}
	select {
	case sure = <-exact:
	case <-ctx.Done():
	}
	switch {
	case sure.how != "" && err != nil:
		return sure, nil
	case sure.how != "":
		sure.reasoning = reasoned.reasoning
		return sure, nil
	case err != nil:
		return answered{}, err
	}
	return reasoned, nil
}

// solve asks the solver. One that panics isn't sure.
func solve(solver Solver, question string) (a answered) {
	if solver == nil {
		return answered{}
	}
	defer func() {
		if recover() != nil {
			a = answered{}
		}
	}()
	if text, steps, ok := solver.Solve(question); ok && text != "" {
		return answered{answer: text, reasoning: steps, how: HowExact}
	}
	return answered{}
}

// reason asks the model in two turns.
func reason(ctx context.Context, models Models, question string) (answered, error) {
	if models == nil {
		return answered{}, fmt.Errorf("%w: there is no model", errNoAnswer)
	}
	conversation := []llm.Message{{Role: "user", Content: question}}
	first, cancel := share(ctx, 0.75)
	defer cancel()
	a, err := models.Complete(first, llm.Request{Messages: conversation, MaxTokens: firstTokens, Temperature: firstTemperature})
	if err != nil {
		return answered{}, fmt.Errorf("%w: %w", errNoAnswer, err)
	}
	r := answered{reasoning: cut(strings.TrimSpace(a.Text), longestReasoning)}
	conversation = append(conversation, llm.Message{Role: "assistant", Content: a.Text}, llm.Message{Role: "user", Content: secondTurn})
	b, err := models.Complete(ctx, llm.Request{Messages: conversation, MaxTokens: secondTokens, Temperature: secondTemperature})
	if err == nil {
		if text := strings.TrimSpace(b.Text); text != "" && len(text) <= longestAnswer {
			r.answer, r.how = text, HowModel
			return r, nil
		}
		if text := derive(b.Text); text != "" {
			r.answer, r.how = cut(text, longestAnswer), HowDerived
			return r, nil
		}
	}
	if r.answer = cut(derive(r.reasoning), longestAnswer); r.answer == "" {
		return answered{}, errors.Join(fmt.Errorf("%w: the reasoning states none", errNoAnswer), err)
	}
	r.how = HowDerived
	return r, nil
}

// share gives a part of the time that ctx has left.
func share(ctx context.Context, part float64) (context.Context, context.CancelFunc) {
	d, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Duration(float64(time.Until(d))*part))
}

// cut shortens a text to so many bytes, without half a character at the end.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "")
}
