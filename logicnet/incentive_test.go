package logicnet

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/nanteos/nanteos/bittensor/weights"
)

func TestValue(t *testing.T) {
	for rank, want := range map[int]float64{1: 0.97536, 10: 0.86531, 50: 0.48557, 100: 0.2158, 160: 0.08982, 250: 0.025075} {
		if got := Reference().Value(rank); math.Abs(got-want) > 6e-6 {
			t.Errorf("rank %d: %v, want %v", rank, got, want)
		}
	}
	for rank := 1; rank < 160; rank++ {
		if Reference().Value(rank) <= Reference().Value(rank+1) {
			t.Errorf("rank %d is worth no more than the next", rank)
		}
	}
}

func results(rewards ...float64) []Scored {
	var all []Scored
	for uid, x := range rewards {
		all = append(all, Scored{UID: uid, Scaled: x})
	}
	return all
}

func TestIncentives(t *testing.T) {
	v := Reference().Value
	floor := v(250)
	nan, inf := math.NaN(), math.Inf(1)
	for name, c := range map[string]struct {
		results             []Scored
		reference, hardened []float64 // values in order of first results
	}{
		"nobody":        {nil, nil, nil},
		"ranked":        {results(.5, .9, .7), []float64{v(3), v(1), v(2)}, []float64{v(3), v(1), v(2)}},
		"threshold":     {results(.3, .31, .9), []float64{floor, v(2), v(1)}, []float64{floor, v(2), v(1)}},
		"tie":           {results(.9, .5, .9), []float64{v(1), v(3), v(2)}, []float64{(v(1) + v(2)) / 2, v(3), (v(1) + v(2)) / 2}},
		"silent":        {results(.9, 0, -1), []float64{v(1), floor, floor}, []float64{v(1), 0, 0}},
		"no number":     {results(.9, nan, -inf), []float64{v(1), floor, floor}, []float64{v(1), 0, 0}},
		"means":         {append(results(.4, .8), results(.9, .0)...), []float64{v(1), v(2)}, []float64{v(1), v(2)}},
		"one NaN voids": {append(results(.9, .8), results(nan, .8)...), []float64{floor, v(1)}, []float64{v(2), v(1)}},
		"endless":       {results(.9, inf), []float64{v(2), v(1)}, []float64{(v(2)), v(1)}},
	} {
		for _, r := range []Rules{Reference(), Hardened()} {
			want := c.hardened
			if r.KeepNaN {
				want = c.reference
			}
			round := r.Incentives(c.results)
			if len(round) != len(want) {
				t.Errorf("%s: %d of %d", name, len(round), len(want))
				continue
			}
			for i, got := range round {
				if math.Abs(got.Value-want[i]) > 1e-15 || got.UID != i || got.First != i {
					t.Errorf("%s: %+v, want %v (keep NaN %t)", name, got, want[i], r.KeepNaN)
				}
			}
		}
	}
}

func TestRankedPlaces(t *testing.T) {
	var rewards []float64
	for i := range 200 {
		rewards = append(rewards, 1-float64(i)/1000)
	}
	for _, r := range []Rules{Reference(), Hardened()} {
		round := r.Incentives(results(rewards...))
		if round[159].Value != r.Value(160) || round[160].Value != r.Value(250) || round[199].Rank != 200 {
			t.Errorf("%+v, %+v, %+v", round[159], round[160], round[199])
		}
	}
}

// TestOrderOfResults shuffles a round with many ties: under hardened rules nobody's value depends on when its answers came.
func TestOrderOfResults(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var all []Scored
	for range 400 {
		all = append(all, Scored{UID: rng.IntN(60), Scaled: []float64{0, .1, .3, .65, .65, .9, .1 + .2}[rng.IntN(7)]})
	}
	value := func(r Rules) map[int]Incentive {
		m := map[int]Incentive{}
		for _, i := range r.Incentives(all) {
			i.First = 0
			m[i.UID] = i
		}
		return m
	}
	want := value(Hardened())
	differ := 0
	reference := value(Reference())
	for range 20 {
		rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		for uid, got := range value(Hardened()) {
			if got != want[uid] {
				t.Errorf("uid %d: %+v, then %+v", uid, want[uid], got)
			}
		}
		for uid, got := range value(Reference()) {
			if got.Value != reference[uid].Value {
				differ++
			}
		}
	}
	if differ == 0 {
		t.Error("the test has no ties that the reference decides by order")
	}
	var sum, ranks float64
	for _, i := range want {
		sum += i.Value
	}
	for _, i := range reference {
		ranks += i.Value
	}
	if zero := 0.0; sum-ranks > 1e-9 || sum == zero {
		t.Errorf("shared ties give %v in all, ranks %v", sum, ranks)
	}
}

func TestScore(t *testing.T) {
	for _, c := range []struct {
		scores []float64
		want   float64
	}{
		{nil, 0}, {[]float64{1}, .2}, {[]float64{1, 1, 1, 1, 1}, 1}, {[]float64{9, 1, 1, 1, 1, 1}, 1}, {[]float64{5, 5}, 1}, {[]float64{-1, .5}, 0},
		{[]float64{math.NaN()}, 0}, {[]float64{math.Inf(1)}, 1},
	} {
		for _, r := range []Rules{Reference(), Hardened()} {
			if got := r.Score(Miner{Category: Category, Scores: c.scores}); math.Abs(got-c.want) > 1e-15 {
				t.Errorf("%v: %v, want %v", c.scores, got, c.want)
			}
		}
	}
}

func TestChainWeights(t *testing.T) {
	miners := []Miner{
		{UID: 0, Category: Category, Scores: []float64{1, 1, 1, 1, 1}},
		{UID: 1, Category: "Other", Scores: []float64{1, 1, 1, 1, 1}},
		{UID: 2, Category: Category, Scores: []float64{.5, .5, .5, .5, .5}},
		{UID: 3, Category: Category, Scores: []float64{1, 1, 1, 1, 1}, Silent: 6},
	}
	h := Hardened()
	scores := h.Scores(miners)
	w, err := h.ChainWeights(scores, weights.Rules{MinAllowed: 1, MaxWeight: 1})
	if err != nil || !slices.Equal(w.UIDs, []uint16{0, 2}) || !slices.Equal(w.Values, []uint16{65535, 32768}) || !slices.Equal(w.Processed, w.UIDs) {
		t.Errorf("%+v, %v", w, err)
	}
	if w, err := h.ChainWeights(scores, weights.Rules{}); err != nil || len(w.UIDs) != 2 {
		t.Errorf("without limits: %+v, %v", w, err)
	}
	if w, err := h.ChainWeights(scores, weights.Rules{MaxWeight: math.NaN()}); err != nil || len(w.UIDs) != 2 {
		t.Errorf("a limit that is none: %+v, %v", w, err)
	}
	if w, err := h.ChainWeights(scores, weights.Rules{MaxWeight: 0.5}); err != nil || !slices.Equal(w.Values, []uint16{65535, 65535}) {
		t.Errorf("half each: %+v, %v", w, err)
	}
	if sum := Reference().Scores(miners)[3]; sum == 0 {
		t.Error("the reference forgets who is silent")
	}
}

func TestChainWeightsRefuses(t *testing.T) {
	none := make([]float64, 4)
	if _, err := Hardened().ChainWeights(none, weights.Rules{}); !errors.Is(err, ErrNoScores) {
		t.Error(err)
	}
	if w, err := Reference().ChainWeights(none, weights.Rules{}); err != nil || !slices.Equal(w.Values, []uint16{65535, 65535, 65535, 65535}) {
		t.Errorf("%+v, %v", w, err)
	}
	for _, r := range []Rules{Reference(), Hardened()} {
		for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), -1} {
			if _, err := r.ChainWeights([]float64{1, bad, 1}, weights.Rules{}); !errors.Is(err, weights.ErrWeights) {
				t.Errorf("%v: %v", bad, err)
			}
		}
		if _, err := r.ChainWeights(make([]float64, maxNeurons+1), weights.Rules{}); err == nil {
			t.Error("more weights than uids are taken")
		}
	}
	if _, err := Hardened().ChainWeights(nil, weights.Rules{}); !errors.Is(err, ErrNoScores) {
		t.Error(err)
	}
}
