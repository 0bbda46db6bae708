package train

import "fmt"

// Predictions are what the model says of the targets of a batch, for each example in the order of its targets' positions.
type Predictions struct {
	LogProbs, Entropies [][]float64 // nats
}

// places numbers the targets of each example by their positions.
func places(batch []Example) (at [][]int, count []int) {
	at, count = make([][]int, len(batch)), make([]int, len(batch))
	for i := range batch {
		at[i] = make([]int, len(batch[i].Tokens))
		for pos := 1; pos < len(batch[i].Tokens); pos++ {
			at[i][pos] = count[i]
			if batch[i].Weights == nil || pos < len(batch[i].Weights) && batch[i].Weights[pos] != 0 {
				count[i]++
			}
		}
	}
	return at, count
}

// Score computes the log-probabilities of all targets (tokens with a nonzero weight) and the entropies of the predictions.
// A batch without targets gives empty lists.
func (t *Trainer) Score(batch []Example) (Predictions, error) {
	p := Predictions{LogProbs: make([][]float64, len(batch)), Entropies: make([][]float64, len(batch))}
	at, count := places(batch)
	any := false
	for i, n := range count {
		p.LogProbs[i], p.Entropies[i] = make([]float64, n), make([]float64, n)
		any = any || n > 0
	}
	if !any {
		return p, nil
	}
	_, err := t.evaluate(batch, objective{note: func(example, pos int, logp, entropy float64) {
		k := at[example][pos]
		p.LogProbs[example][k], p.Entropies[example][k] = logp, entropy
	}}, false, false)
	return p, err
}

// Accumulate adds to the gradient of the next Apply: derivatives are those of the loss by what Score says of the same batch. A batch without targets
// adds nothing. A gradient that was begun is lost when Step, StepFunc or Gradient is called before Apply.
func (t *Trainer) Accumulate(batch []Example, derivatives Predictions) error {
	if len(derivatives.LogProbs) != len(batch) || len(derivatives.Entropies) != len(batch) {
		return fmt.Errorf("couldn't add a gradient: derivatives are for %d sequences, the batch has %d", len(derivatives.LogProbs), len(batch))
	}
	at, count := places(batch)
	any, entropy := false, false
	for i, n := range count {
		if len(derivatives.LogProbs[i]) != n || len(derivatives.Entropies[i]) != n {
			return fmt.Errorf("couldn't add a gradient: sequence %d has %d derivatives, want %d", i, len(derivatives.LogProbs[i]), n)
		}
		any = any || n > 0
		for _, d := range derivatives.Entropies[i] {
			entropy = entropy || d != 0
		}
	}
	if !any {
		return nil
	}
	o := objective{loss: func(example, pos int, _ float64) (float64, float64) {
		return 0, derivatives.LogProbs[example][at[example][pos]]
	}}
	if entropy {
		o.entropySlope = func(example, pos int) float64 { return derivatives.Entropies[example][at[example][pos]] }
	}
	if _, err := t.evaluate(batch, o, true, false); err != nil {
		return err
	}
	t.open = true
	return nil
}

// Apply makes one AdamW step with the gradient that Accumulate gathered, its norm bounded by clip (0: not), and begins a new one. It returns the norm
// before clipping. Where the gradient is not finite the weights stay, and the error wraps ErrDiverged; where nothing was gathered, no step is made.
func (t *Trainer) Apply(lr, clip float64) (norm float64, err error) {
	if !t.open {
		return 0, nil
	}
	t.open = false
	var m Metrics
	if err := t.reduce(&m); err != nil {
		return m.GradNorm, err
	}
	return m.GradNorm, t.move(&m, lr, clip)
}
