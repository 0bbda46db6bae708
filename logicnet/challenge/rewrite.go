package challenge

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nanteos/nanteos/internal/cpython"
)

var (
	// ErrOptions says that a Rewriter cannot work as configured.
	ErrOptions = errors.New("invalid rewriting options")
	// ErrRewrite says that no rewrite was to be had. Under reference rules the batch is lost then.
	ErrRewrite = errors.New("no rewrite")
)

// Task is a problem with its answer. Question is the raw problem, which no miner gets to see under that name.
type Task struct {
	Question string
	Answer   string
}

// Options configure a Rewriter.
type Options struct {
	// Model is the model of the create_task pool.
	Model Completer
	// Reference takes every rewrite as it comes, with the reference's messages and errors.
	Reference bool
	// AnyOrder accepts rewrites in which the numbers stand in another order. A word problem often survives that, a subtraction seldom.
	AnyOrder bool
	// Attempts is how often the model is asked for one rewrite; 0 means 3.
	Attempts int
}

// Rewriter has problems rephrased. It is safe for concurrent use when its model is.
type Rewriter struct {
	o Options
}

// NewRewriter returns a rewriter. Errors wrap ErrOptions.
func NewRewriter(o Options) (*Rewriter, error) {
	switch {
	case o.Model == nil && o.Reference:
		return nil, fmt.Errorf("couldn't make a rewriter: %w: reference rules need a model", ErrOptions)
	case o.Attempts < 0:
		return nil, fmt.Errorf("couldn't make a rewriter: %w: %d attempts", ErrOptions, o.Attempts)
	case o.Attempts == 0:
		o.Attempts = 3
	}
	return &Rewriter{o: o}, nil
}

// Rewrite is a question for a miner.
type Rewrite struct {
	// Question is what the miner is asked.
	Question string
	// Persona is in whose words it is put.
	Persona Persona
	// Raw says that Question is the raw problem, since no rewrite was acceptable.
	Raw bool
	// Attempts is how often the model was asked.
	Attempts int
	// Err is why the last attempt that failed did, nil when none did. It wraps ErrCheck when a rewrite was refused.
	Err error
}

// Rewrite has a task put in the words of a persona.
//
// Under hardened rules it never fails: the error is nil, and Rewrite.Raw and Rewrite.Err tell when and why the problem stands there as it
// was. So it is also when the context ends, or when there is no model. Under reference rules the reply is taken as it is, trimmed; the
// error wraps ErrRewrite after three API errors or one of another kind. Section 6.2.
func (w *Rewriter) Rewrite(ctx context.Context, t Task, p Persona) (Rewrite, error) {
	out := Rewrite{Question: t.Question, Persona: p, Raw: true}
	if w.o.Model == nil {
		out.Err = fmt.Errorf("%w: no model is configured", ErrRewrite)
		return out, nil
	}
	request := RephraseRequest(t.Question, p)
	if !w.o.Reference {
		request = keepNumbers(request)
	}
	for out.Attempts < w.o.Attempts {
		if err := ctx.Err(); err != nil {
			out.Err = err
			break
		}
		out.Attempts++
		reply, err := w.o.Model.Complete(ctx, request)
		if err == nil && w.o.Reference {
			out.Question, out.Raw = cpython.Strip(reply), false
			return out, nil
		}
		if err == nil {
			reply = tidy(reply, t.Question)
			if err = w.check(t, reply); err == nil {
				out.Question, out.Raw = reply, false
				return out, nil
			}
		}
		out.Err = err
		if errors.Is(err, ErrPermanent) || w.o.Reference && errors.Is(err, ErrNoContent) {
			break
		}
	}
	if w.o.Reference {
		return out, fmt.Errorf("couldn't rephrase after %d attempts: %w: %w", out.Attempts, ErrRewrite, out.Err)
	}
	return out, nil
}

func (w *Rewriter) check(t Task, rewrite string) error {
	if w.o.AnyOrder {
		return CheckAnyOrder(t, rewrite)
	}
	return Check(t, rewrite)
}

// Reasoning returns the validator's own reasoning on the raw problem, which those of miners are compared with: three attempts with 300
// tokens and one with 1024, as in the reference. The error wraps ErrRewrite when all failed; the reference goes on with "" then, so that
// nobody's reasoning is similar. Section 7.2.
func (w *Rewriter) Reasoning(ctx context.Context, question string) (string, error) {
	if w.o.Model == nil {
		return "", fmt.Errorf("couldn't reason: %w: no model is configured", ErrRewrite)
	}
	var last error
	for attempt := range 4 {
		if err := ctx.Err(); err != nil {
			last = err
			break
		}
		reply, err := w.o.Model.Complete(ctx, ReasoningRequest(question, attempt))
		if err == nil && (w.o.Reference || strings.TrimSpace(reply) != "") {
			return reply, nil
		}
		if err == nil {
			err = ErrNoContent
		}
		last = err
		if !w.o.Reference && errors.Is(err, ErrPermanent) {
			break
		}
	}
	return "", fmt.Errorf("couldn't reason: %w: %w", ErrRewrite, last)
}
