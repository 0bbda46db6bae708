package base

import (
	"context"
	"math"
	"testing"

	"github.com/nanteos/nanteos/model"
)

func TestQuantile(t *testing.T) {
	for _, c := range []struct {
		values  []float64
		q, want float64
	}{
		{nil, 0.5, 0},
		{[]float64{7}, 0.1, 7},
		{[]float64{3, 1, 2}, 0.5, 2},
		{[]float64{4, 1, 2, 3}, 0.5, 2.5},
		{[]float64{0, 10}, 0.1, 1},
		{[]float64{5, 1}, 0, 1},
		{[]float64{5, 1}, 1, 5},
	} {
		if got := quantile(c.values, c.q); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("quantile %g of %v is %g, want %g", c.q, c.values, got, c.want)
		}
	}
}

func TestPlausible(t *testing.T) {
	fill := func(n int, p float64, edits ...float64) []float64 {
		list := make([]float64, n)
		for i := range list {
			list[i] = p
		}
		copy(list, edits)
		return list
	}
	for _, c := range []struct {
		name string
		p    []float64
		want bool
	}{
		{"sure", fill(40, 0.9), true},
		{"too short", fill(29, 0.9), false},
		{"unsure", fill(40, 0.3), false},
		{"one impossible token", fill(40, 0.9, 1e-5), false},
		{"one unlikely token", fill(40, 0.9, 1e-4), true},
		{"a fifth unlikely", fill(40, 0.9, 0.02, 0.02, 0.02, 0.02, 0.02, 0.02, 0.02, 0.02), false},
		{"unlikely at the start only", fill(400, 0.9, 0.02, 0.02, 0.02, 0.02, 0.02, 0.02, 0.02, 0.02), false},
	} {
		if got := plausible(c.p); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// A model that knows nothing is measured as such, twice alike.
func TestEvaluateUntrained(t *testing.T) {
	v := NewVocabulary()
	c := Shape(v)
	m, err := model.New(c, freshWeights(c, v, 3))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	trial := Trial{Problems: 3, Samples: 2, Sampling: model.Sampling{Temperature: 1, MaxTokens: 20}}
	a, err := Evaluate(context.Background(), m, v, trial)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Evaluate(context.Background(), m, v, trial)
	if err != nil {
		t.Fatal(err)
	}
	if a != b {
		t.Errorf("two evaluations differ:\n%v\n%v", a, b)
	}
	if a.Completions != 6 || a.WellFormed != 0 || a.Satisfied != 0 || a.Random <= 0 {
		t.Errorf("an untrained model is reported as %v", a)
	}
	if _, err := Measure(context.Background(), m, v, 1); err != nil {
		t.Error(err)
	}
}

func TestFreshWeights(t *testing.T) {
	v := NewVocabulary()
	c := Shape(v)
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	a, b := freshWeights(c, v, 1), freshWeights(c, v, 1)
	for name, x := range a {
		var square float64
		for i, w := range x.F32 {
			if w != b[name].F32[i] {
				t.Fatalf("%s differs between two draws of one seed", name)
			}
			square += float64(w) * float64(w)
		}
		if len(x.Shape) == 2 && name != "model.embed_tokens.weight" {
			if rms := math.Sqrt(square / float64(len(x.F32)) * float64(x.Shape[1])); rms < 0.3 || rms > 1.1 {
				t.Errorf("%s has deviation %.2f/sqrt(inputs)", name, rms)
			}
		}
	}
	if bytes := 2 * c.Parameters(); bytes > 2<<20 {
		t.Errorf("the model takes %d bytes", bytes)
	}
}
