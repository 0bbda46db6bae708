package logicvalidator

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"github.com/nanteos/nanteos/internal/llm"
	"github.com/nanteos/nanteos/logicnet"
	"github.com/nanteos/nanteos/logicnet/challenge"
)

// errRewrite says that no usable words were to be had. It tells nothing of the question.
var errRewrite = errors.New("no rewrite kept the question as it is")

// personas has questions put into the words of personas by a model.
type personas struct{ of *challenge.Rewriter }

// NewPersonas returns the Rephraser of package challenge on a model. Under reference rules a rewrite is taken as it comes; otherwise only one in which
// every number survived.
func NewPersonas(m Models, reference bool) (Rephraser, error) {
	r, err := challenge.NewRewriter(challenge.Options{Model: completer(m), Reference: reference})
	if err != nil {
		return nil, err
	}
	return personas{r}, nil
}

// Rephrase puts a question into a persona's words.
func (p personas) Rephrase(ctx context.Context, question string, rng logicnet.Rand) (string, error) {
	r, err := p.of.Rewrite(ctx, challenge.Task{Question: question}, challenge.Pick(rng))
	if err == nil && !r.Raw {
		return r.Question, nil
	}
	if err == nil {
		err = r.Err
	}
	if errors.Is(err, challenge.ErrCheck) {
		return "", fmt.Errorf("couldn't rephrase: %w", errRewrite) // what was wrong with it names the question's numbers
	}
	return "", fmt.Errorf("couldn't rephrase: %w", plainly(err))
}

// completer makes one of package challenge of a model.
func completer(m Models) challenge.Completer {
	return challenge.CompleterFunc(func(ctx context.Context, r challenge.Request) (string, error) {
		ask := llm.Request{MaxTokens: r.MaxTokens, Temperature: r.Temperature, Messages: make([]llm.Message, len(r.Messages))}
		for i, m := range r.Messages {
			ask.Messages[i] = llm.Message{Role: string(m.Role), Content: m.Content}
		}
		a, err := m.Complete(ctx, ask)
		switch {
		case err == nil:
			return a.Text, nil
		case errors.Is(err, llm.ErrRefused):
			return "", fmt.Errorf("%w: %w", challenge.ErrPermanent, err)
		case errors.Is(err, llm.ErrAnswer):
			return "", fmt.Errorf("%w: %w", challenge.ErrNoContent, err)
		}
		return "", err
	})
}

// reasoning writes the validator's own reasoning for a problem; "" where there is none.
func (v *Validator) reasoning(ctx context.Context, p Problem) string {
	if v.reasoner == nil || v.cfg.Encoder == nil { // there would be nobody to compare it
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, v.cfg.RephrasePatience)
	defer cancel()
	text, err := v.reasoner.Reasoning(ctx, p.Question)
	if err != nil {
		if ctx.Err() == nil || context.Cause(ctx) == context.DeadlineExceeded {
			v.seldom(&v.reasonFault, fmt.Errorf("couldn't reason: %w", plainly(err)), "nobody's reasoning is more similar than another's in this batch")
		}
		return ""
	}
	return cut(text, longestReasoning)
}

// plainly says what is wrong with a model's server without what the server says: some repeat what they were asked.
func plainly(err error) error {
	why := errors.New("the model failed")
	for _, known := range []error{llm.ErrRefused, llm.ErrUnavailable, llm.ErrAnswer, context.DeadlineExceeded, context.Canceled} {
		if errors.Is(err, known) {
			why = known
			break
		}
	}
	if status := statusText.FindString(err.Error()); status != "" {
		return fmt.Errorf("%w: %s", why, status)
	}
	return why
}

var statusText = regexp.MustCompile(`\bstatus [1-5][0-9]{2}\b`)
