package devnet

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"

	"github.com/nanteos/nanteos/internal/node/logicvalidator"
)

// mixed poses small sums, which the base model has learned a little, and now and then a problem of the validator's own generators, which it hasn't.
// Problems near each other have different answers, so that nobody is right by giving another's answer.
type mixed struct {
	own *logicvalidator.Own

	mu    sync.Mutex
	rng   *rand.Rand
	posed int
	last  []string // the newest answers
}

// oneInFour problems are of the generators.
const oneInFour = 4

// apart is how many problems in a row have different answers: those of some batches.
const apart = 24

// varied is how often a generator is asked for another answer before a sum is posed instead: some answer yes or no.
const varied = 8

// sum is the kind of the small sums.
const sum = "devnet sum"

// newMixed makes the source of a secret of 32 bytes.
func newMixed(secret []byte) (*mixed, error) {
	own, err := logicvalidator.NewOwn(secret, nil)
	if err != nil {
		return nil, fmt.Errorf("couldn't make questions: %w", err)
	}
	return &mixed{own: own, rng: rand.New(rand.NewChaCha8([32]byte(secret)))}, nil
}

// Next implements logicvalidator.Source.
func (m *mixed) Next(ctx context.Context) (logicvalidator.Problem, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.posed++; m.posed%oneInFour == 0 {
		return m.other(func() (logicvalidator.Problem, error) { return m.own.Next(ctx) })
	}
	return m.sum(), nil
}

// Vary implements logicvalidator.Varier.
func (m *mixed) Vary(ctx context.Context, p logicvalidator.Problem) (logicvalidator.Problem, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if p.Kind == sum {
		return m.sum(), nil
	}
	return m.other(func() (logicvalidator.Problem, error) { return m.own.Vary(ctx, p) })
}

// other poses a problem of the generators, or a sum where they have no new answer.
func (m *mixed) other(pose func() (logicvalidator.Problem, error)) (logicvalidator.Problem, error) {
	for range varied {
		p, err := pose()
		if err != nil {
			return p, err
		}
		if _, err := strconv.ParseFloat(p.Truth, 64); err == nil && m.fresh(p.Truth) {
			return p, nil
		}
	}
	return m.sum(), nil
}

// sum is in the words that the base model knows.
func (m *mixed) sum() logicvalidator.Problem {
	for {
		a, b := m.rng.IntN(100), m.rng.IntN(100)
		sign, c := "+", a+b
		if m.rng.IntN(2) == 0 {
			a, b = max(a, b), min(a, b)
			sign, c = "-", a-b
		}
		if truth := strconv.Itoa(c); m.fresh(truth) {
			return logicvalidator.Problem{Question: fmt.Sprintf("What is %d %s %d?", a, sign, b), Truth: truth, Kind: sum}
		}
	}
}

// fresh remembers an answer and says whether it is none of the last ones.
func (m *mixed) fresh(truth string) bool {
	if slices.Contains(m.last, truth) {
		return false
	}
	if m.last = append(m.last, truth); len(m.last) > apart {
		m.last = slices.Delete(m.last, 0, 1)
	}
	return true
}
