package chain

import (
	"cmp"
	"slices"
)

// epoch turns the validators' weights into consensus and incentives, every Tempo blocks. It is Yuma consensus with two
// simplifications: bonds are those of this epoch alone (the public chain averages them over epochs), and weights count from the block
// in which they were set (no commit and reveal).
//
//	S_i  share of stake of validator i among those with a permit and weights not older than the activity cutoff
//	W_ij its weights, scaled to sum 1, without its own UID
//	C_j  consensus: the largest weight that validators with more than kappa of the stake give j at least
//	R_j  rank: Σ_i S_i · min(W_ij, C_j); incentive is rank scaled to sum 1; trust is the part of Σ_i S_i · W_ij that was kept
//	D_i  dividends: Σ_j I_j · B_ij with B_ij the share of i in R_j, scaled to sum 1
//
// Sums run in the order of UIDs, so every machine gets the same bits.
func (s *state) epoch(number uint64) {
	s.lastEpoch = number
	n := len(s.neurons)
	active, total := make([]int, 0, n), 0.0
	for i := range s.neurons {
		v := &s.neurons[i]
		if v.permit && len(v.weights) > 0 && number <= v.lastUpdate+s.params.ActivityCutoff {
			active = append(active, i)
			total += float64(v.stake)
		}
	}
	if total > 0 {
		s.consensus(active, total)
	}
	s.emit()
	s.grantPermits()
}

func (s *state) consensus(active []int, total float64) {
	n := len(s.neurons)
	stake := make([]float64, len(active))
	weights := make([][]float64, len(active)) // dense rows
	for a, i := range active {
		v := &s.neurons[i]
		stake[a] = float64(v.stake) / total
		row, sum := make([]float64, n), 0.0
		for _, w := range v.weights {
			if int(w.UID) != i {
				row[w.UID] = float64(w.Value)
				sum += float64(w.Value)
			}
		}
		if sum > 0 {
			for j := range row {
				row[j] /= sum
			}
		}
		weights[a] = row
	}
	kappa := float64(s.params.Kappa) / 65535
	consensus, rank, raw := make([]float64, n), make([]float64, n), make([]float64, n)
	for j := range n {
		consensus[j] = stakeMedian(stake, weights, j, kappa)
		for a := range active {
			rank[j] += float64(stake[a] * min(weights[a][j], consensus[j]))
			raw[j] += float64(stake[a] * weights[a][j])
		}
	}
	incentive := scaled(rank)
	dividends := make([]float64, n)
	for a, i := range active {
		for j := range n {
			if rank[j] > 0 {
				share := float64(stake[a]*min(weights[a][j], consensus[j])) / rank[j]
				dividends[i] += float64(incentive[j] * share)
			}
		}
	}
	dividends = scaled(dividends)
	for j := range s.neurons {
		v := &s.neurons[j]
		v.rank, v.consensus = fraction(rank[j]), fraction(consensus[j])
		v.incentive, v.dividends, v.trust = fraction(incentive[j]), fraction(dividends[j]), 0
		if raw[j] > 0 {
			v.trust = fraction(rank[j] / raw[j])
		}
	}
}

// stakeMedian returns the largest weight c for UID j such that validators with more than kappa of the stake give it c or more.
func stakeMedian(stake []float64, weights [][]float64, j int, kappa float64) float64 {
	order := make([]int, len(stake))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(weights[b][j], weights[a][j]) })
	agreed := 0.0
	for _, a := range order {
		agreed += stake[a]
		if agreed > kappa {
			return weights[a][j]
		}
	}
	return 0
}

// emit adds the epoch's emission to the stakes.
func (s *state) emit() {
	half := s.params.Emission / 2
	if half == 0 {
		return
	}
	for i := range s.neurons {
		v := &s.neurons[i]
		v.stake += half/65535*uint64(v.incentive) + half/65535*uint64(v.dividends)
	}
}

func scaled(v []float64) []float64 {
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	out := make([]float64, len(v))
	if sum > 0 {
		for i, x := range v {
			out[i] = x / sum
		}
	}
	return out
}

// fraction stores x in [0,1] in 65535ths, rounded down, as the public chain does.
func fraction(x float64) uint16 { return uint16(min(max(x, 0), 1) * 65535) }
