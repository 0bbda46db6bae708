package logicvalidator

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/nanteos/nanteos/logicnet/problems"
)

// ErrSource says that a source has no problem to give.
var ErrSource = errors.New("no problem to ask")

// Problem is a question in its raw form, and what is right. Neither is ever logged.
type Problem struct {
	Question, Truth string
	// Kind names what the question is about, "" where nobody knows. It says nothing about the answer.
	Kind string
}

// Source poses problems. It is safe for several goroutines. Errors never repeat questions or truths.
type Source interface {
	Next(ctx context.Context) (Problem, error)
}

// Varier is a Source that can pose a problem again with other numbers.
type Varier interface {
	Source
	Vary(ctx context.Context, p Problem) (Problem, error)
}

// Own poses problems of the sound generators, from wide ranges and a secret, each with an answer that was derived twice. Section 6.4.
type Own struct {
	mu sync.Mutex
	of *problems.Source
}

// NewOwn returns the source of a secret of at least problems.MinSecret bytes; nil memory remembers some questions until the process ends.
func NewOwn(secret []byte, memory problems.Memory) (*Own, error) {
	if memory == nil {
		memory = problems.NewRecent(1 << 16)
	}
	s, err := problems.NewSource(secret, problems.Options{Memory: memory})
	if err != nil {
		return nil, err
	}
	return &Own{of: s}, nil
}

// Next poses a problem of any kind.
func (o *Own) Next(ctx context.Context) (Problem, error) { return o.pose(ctx, "") }

// Vary poses a problem of the same kind.
func (o *Own) Vary(ctx context.Context, p Problem) (Problem, error) { return o.pose(ctx, p.Kind) }

func (o *Own) pose(ctx context.Context, kind string) (Problem, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return Problem{}, fmt.Errorf("couldn't pose problem: %w", err)
	}
	var p problems.Problem
	var err error
	if kind == "" {
		p, err = o.of.Next()
	} else {
		p, err = o.of.NextOf(kind)
	}
	if err != nil {
		return Problem{}, fmt.Errorf("%w: %w", ErrSource, err)
	}
	return Problem{Question: p.Question, Truth: p.Answer, Kind: p.Generator}, nil
}

// asked is the store as a memory of problems.
type asked struct {
	ctx context.Context
	s   *store
}

// Add remembers a problem and says whether it is new.
func (a asked) Add(d problems.Digest) (bool, error) { return a.s.fresh(a.ctx, string(d[:])) }

// problem gets the problem of a batch: from the configured source, where it has one that was never asked, else from the validator's own.
func (v *Validator) problem(ctx context.Context) (Problem, Source, error) {
	if v.cfg.Source != nil {
		p, err := v.foreign(ctx)
		if err == nil {
			return p, v.cfg.Source, nil
		}
		if ctx.Err() != nil {
			return Problem{}, nil, err
		}
		v.fault(err, "a problem of the validator's own is asked instead")
	}
	p, err := v.questions.Next(ctx)
	return p, v.questions, err
}

// foreign asks the configured source a few times for something new. Its problems repeat, and miners keep answers.
func (v *Validator) foreign(ctx context.Context) (Problem, error) {
	for range 3 {
		p, err := v.cfg.Source.Next(ctx)
		if err != nil {
			return Problem{}, fmt.Errorf("couldn't get problem: %w", err)
		}
		if !v.cfg.Rules.RewritePerMiner {
			return p, nil
		}
		fresh, err := v.store.fresh(ctx, p.Question)
		if err != nil {
			return Problem{}, err
		}
		if fresh {
			return p, nil
		}
	}
	return Problem{}, fmt.Errorf("couldn't get problem: %w: those offered were asked before", ErrSource)
}
