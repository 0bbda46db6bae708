package logicnet

import (
	"errors"
	"math"
	"slices"
	"testing"
)

func TestRewardHardened(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	h := Hardened()
	for name, c := range map[string]struct {
		similarity, correctness, seconds, timeout, want float64
	}{
		"perfect":             {1, 1, 0, 64, 1},
		"right and late":      {1, 1, 64, 64, 0.975},
		"later than late":     {1, 1, 1e9, 64, 0.975},
		"right, no reasoning": {0, 1, 0, 64, 0.85},
		"right, opposite":     {-1, 1, 0, 64, 0.7},
		"half right":          {1, 0.5, 0, 64, 0.75},
		"wrong":               {1, 0, 0, 64, 0},
		"cheat":               {1, -1, 0, 64, 0},
		"correctness NaN":     {1, nan, 0, 64, 0},
		"correctness +Inf":    {1, inf, 0, 64, 1},
		"correctness -Inf":    {1, -inf, 0, 64, 0},
		"similarity NaN":      {nan, 1, 0, 64, 0.7},
		"similarity Inf":      {inf, 1, 0, 64, 1},
		"similarity rounded":  {1.0000002, 1, 0, 64, 1},
		"seconds NaN":         {1, 1, nan, 64, 0.975},
		"seconds Inf":         {1, 1, inf, 64, 0.975},
		"before asked":        {1, 1, -5, 64, 0.975},
		"no timeout":          {1, 1, 1, 0, 0.975},
		"nothing of nothing":  {1, 1, 0, 0, 0.975},
		"timeout NaN":         {1, 1, 1, nan, 0.975},
	} {
		if got := h.Reward(c.similarity, c.correctness, c.seconds, c.timeout); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// Each repair is a rule of its own.
func TestRewardRules(t *testing.T) {
	r := Reference()
	if wrong, cheat := r.Reward(0.8, 0, 0, 64), r.Reward(0.8, -1, 0, 64); wrong < 0.6 || cheat < 0.15 {
		t.Errorf("reference: wrong earns %v, a cheat %v", wrong, cheat)
	}
	gated := r
	gated.GateSimilarity = true
	if got := gated.Reward(0.8, 0, 0, 64); got != 0.5 {
		t.Errorf("gated: %v", got)
	}
	if got := gated.Reward(0.8, -1, 0, 64); math.Abs(got-0.15) > 1e-12 {
		t.Errorf("gated cheat: %v", got)
	}
	strict := r
	strict.WrongEarns = false
	if got := strict.Reward(0.8, 0.01, 0, 64); got < 0.6 {
		t.Errorf("strict: %v for a little correctness", got)
	}
	if got := strict.Reward(0.8, 0, 0, 64); got != 0 {
		t.Errorf("strict: %v", got)
	}
	if got := r.Reward(math.NaN(), 1, 0, 64); !math.IsNaN(got) {
		t.Errorf("reference: %v", got)
	}
}

func TestRewardNeverHurtsByBetter(t *testing.T) {
	grid := []float64{-1, -0.5, 0, 0.25, 0.5, 0.75, 1}
	for _, r := range []Rules{Reference(), Hardened()} {
		for _, s := range grid {
			last := math.Inf(-1)
			for _, c := range grid {
				got := r.Reward(max(s, 0), c, 10, 64)
				if got < last-1e-15 {
					t.Errorf("similarity %v: reward falls from %v to %v at correctness %v", s, last, got, c)
				}
				last = got
				if more, less := r.Reward(s, c, 5, 64), r.Reward(s, c, 6, 64); more < less {
					t.Errorf("faster earns less: %v, %v", more, less)
				}
			}
		}
	}
}

func TestScaled(t *testing.T) {
	for _, c := range []struct{ reward, scale, want float64 }{
		{1, 1, 1}, {1, 0, 0.9}, {0.5, 0.5, 0.475}, {0, 1, 0}, {-0.1, 0.5, -0.1},
	} {
		for _, r := range []Rules{Reference(), Hardened()} {
			if got := r.Scaled(c.reward, c.scale); math.Abs(got-c.want) > 1e-12 {
				t.Errorf("%v at %v: %v, want %v", c.reward, c.scale, got, c.want)
			}
		}
	}
	for _, hostile := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1e300, -1e300} {
		if got := Hardened().Scaled(0.5, hostile); !(got >= 0.45 && got <= 0.5) {
			t.Errorf("scale %v: %v", hostile, got)
		}
	}
}

func TestRewardBatchIsolation(t *testing.T) {
	full := func(int) float64 { return 1 }
	batch := []Response{
		{UID: 5},
		{UID: 1, Success: true, Similarity: 1, Correctness: 1},
		{UID: 2, Success: true, Similarity: 1, Correctness: 1, Malformed: true},
		{UID: 3, Success: true, Similarity: math.NaN(), Correctness: math.NaN(), Seconds: math.NaN()},
		{UID: 4, Success: true, Similarity: 1, Correctness: 0.5, Unscored: true},
		{UID: 1, Success: true, Similarity: 0, Correctness: 1},
	}
	want := []Scored{
		{UID: 1, Index: 1, Reward: 1, Scaled: 1},
		{UID: 2, Index: 2},
		{UID: 3, Index: 3},
		{UID: 1, Index: 5, Reward: 0.85, Scaled: 0.85},
		{UID: 5, Index: 0},
	}
	got, err := Hardened().RewardBatch(batch, full)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%+v (%v), want %+v", got, err, want)
	}
	if got, err := Reference().RewardBatch(batch, full); !errors.Is(err, ErrBatch) || got != nil {
		t.Errorf("reference: %+v, %v", got, err)
	}
	if got, err := Hardened().RewardBatch(nil, full); err != nil || len(got) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestCosine(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for name, c := range map[string]struct {
		a, b []float32
		want float64
	}{
		"equal":      {[]float32{3, 4}, []float32{6, 8}, 1},
		"opposite":   {[]float32{3, 4}, []float32{-3, -4}, -1},
		"orthogonal": {[]float32{1, 0}, []float32{0, 1}, 0},
		"zero":       {[]float32{0, 0}, []float32{0, 1}, 0},
		"tiny":       {[]float32{1e-5}, []float32{1e-5}, 1e-2}, // below the floor
		"huge":       {[]float32{3e38, 3e38}, []float32{3e38, 3e38}, 1},
	} {
		if got, err := Cosine(c.a, c.b); err != nil || math.Abs(got-c.want) > 1e-7 {
			t.Errorf("%s: %v (%v), want %v", name, got, err, c.want)
		}
	}
	for name, c := range map[string][2][]float32{
		"lengths": {{1}, {1, 2}}, "nothing": {nil, nil}, "one nil": {{1}, nil}, "NaN": {{nan}, {1}}, "Inf": {{inf}, {1}}, "Inf and zero": {{inf, 1}, {0, 1}},
	} {
		if got, err := Cosine(c[0], c[1]); !errors.Is(err, ErrEmbedding) || got != 0 {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestSimilarities(t *testing.T) {
	own := []float32{1, 0}
	nan := float32(math.NaN())
	good, opposite := []float32{2, 0}, []float32{-1, 0}
	for name, c := range map[string]struct {
		own                 []float32
		all                 [][]float32
		reference, hardened []float64
	}{
		"good":             {own, [][]float32{good, opposite}, []float64{1, -1}, []float64{1, -1}},
		"one fails":        {own, [][]float32{good, nil}, []float64{.5, .5}, []float64{1, 0}},
		"one is hostile":   {own, [][]float32{{nan, 1}, good}, []float64{.5, .5}, []float64{0, 1}},
		"one is longer":    {own, [][]float32{{1, 2, 3}, good}, []float64{.5, .5}, []float64{0, 1}},
		"own fails":        {nil, [][]float32{good, nil}, []float64{.5, .5}, []float64{.5, .5}},
		"own is no number": {[]float32{nan, 0}, [][]float32{good}, []float64{.5}, []float64{.5}},
		"nobody":           {own, nil, []float64{}, []float64{}},
	} {
		if got := Reference().Similarities(c.own, c.all); !slices.Equal(got, c.reference) {
			t.Errorf("%s: reference %v, want %v", name, got, c.reference)
		}
		if got := Hardened().Similarities(c.own, c.all); !slices.Equal(got, c.hardened) {
			t.Errorf("%s: hardened %v, want %v", name, got, c.hardened)
		}
	}
}
