package logicnet

import (
	"math"
	"slices"
)

// Incentive is what a round gives one miner.
type Incentive struct {
	UID   int
	Mean  float64 // of its rewards in the round
	Rank  int     // 1 is the best; with TiesShare the best rank of those with the same mean
	Value float64 // what goes into its history
	First int     // which of the round's results was its first
}

// Value returns the value of a rank: a cubic that falls from 0.975 at rank 1 to 0.09 at 160. Section 7.3.
func (r Rules) Value(rank int) float64 {
	x := float64(rank)
	v := float64(r.Curve[0] * float64(x*x*x))
	v += float64(r.Curve[1] * float64(x*x))
	v += float64(r.Curve[2] * x)
	return v + r.Curve[3] + 1
}

// Incentives ranks the miners of a round by their mean Scaled reward and gives each the value of its rank: that of UnrankedPlace where
// the mean is not above RankThreshold or the rank beyond RankedPlaces. results are all of the round in the order in which they came; the
// incentives are in the order in which miners first occur in them.
//
// Means that are negative or no number are 0. Under TiesShare the order of results changes nothing but the order of what is returned.
// Section 7.3.
func (r Rules) Incentives(results []Scored) []Incentive {
	var round []Incentive
	rewards := make(map[int][]float64)
	for i, s := range results {
		if _, ok := rewards[s.UID]; !ok {
			round = append(round, Incentive{UID: s.UID, First: i})
		}
		x := s.Scaled
		if !r.KeepNaN {
			x = clamp(x, 0, 1)
		}
		rewards[s.UID] = append(rewards[s.UID], x)
	}
	for i := range round {
		round[i].Mean = r.mean(rewards[round[i].UID])
	}
	order := make([]int, len(round))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch x, y := round[a].Mean, round[b].Mean; {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	for start := 0; start < len(order); {
		end := start + 1
		for r.Ties == TiesShare && end < len(order) && round[order[end]].Mean == round[order[start]].Mean {
			end++
		}
		mean := round[order[start]].Mean
		var sum float64
		for rank := start + 1; rank <= end; rank++ {
			sum += r.rankValue(rank, mean)
		}
		for _, i := range order[start:end] {
			round[i].Rank, round[i].Value = start+1, sum/float64(end-start)
		}
		start = end
	}
	return round
}

// rankValue is what a miner with that mean gets on that rank.
func (r Rules) rankValue(rank int, mean float64) float64 {
	switch {
	case mean > r.RankThreshold && rank <= r.RankedPlaces:
		return r.Value(rank)
	case mean > 0 || r.SilentEarn:
		return r.Value(r.UnrankedPlace)
	}
	return 0
}

// mean returns the mean of a miner's rewards, 0 for one that is negative or no number.
func (r Rules) mean(rewards []float64) float64 {
	if r.Ties == TiesShare {
		slices.Sort(rewards) // so that the sum does not depend on the order
	}
	m := pairwise(rewards) / float64(len(rewards))
	if !(m > 0) || math.IsInf(m, 1) && !r.KeepNaN {
		return 0
	}
	return m
}
