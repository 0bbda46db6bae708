package subtensor

import (
	"cmp"
	"math/bits"
	"slices"
)

// epoch turns the validators' weights into consensus and incentives. It is Yuma consensus with one simplification: bonds are those of
// this epoch alone (the public chain averages them over epochs).
//
//	S_i  share of stake of validator i among those with a permit and weights not older than the activity cutoff
//	W_ij its weights, scaled to sum 1, without its own UID
//	C_j  consensus: the largest weight that validators with more than kappa of the stake give j at least
//	R_j  rank: Σ_i S_i · min(W_ij, C_j); incentive is rank scaled to sum 1; trust is the part of Σ_i S_i · W_ij that was kept
//	T_i  validator trust: Σ_j min(W_ij, C_j)
//	D_i  dividends: Σ_j I_j · B_ij with the bond B_ij the share of i in R_j, scaled to sum 1
//
// Sums run in the order of UIDs, so every machine gets the same bits.
func (s *state) epoch(netuid uint16) {
	n := int(s.u16(subnetworkN.net(netuid), 0))
	permits, updates := s.vector(validatorPermit, 1, netuid, 0), s.vector(lastUpdate, 8, netuid, 0)
	stakes, cutoff := s.stakes(netuid), uint64(s.u16(activityCutoff.net(netuid), 5000))
	alive := make([]uint64, n)
	var voters []int
	total := 0.0
	for i := range n {
		if s.number <= updates[i]+cutoff {
			alive[i] = 1
		}
		if alive[i] == 1 && permits[i] != 0 && len(s.row(weights.netUID(netuid, uint16(i)))) > 0 {
			voters = append(voters, i)
			total += float64(stakes[i])
		}
	}
	s.putNumbers(active.net(netuid), 1, alive)
	if total > 0 {
		s.consensus(netuid, n, voters, stakes, total)
	}
	s.payOut(netuid, n)
	s.grantPermits(netuid)
}

func (s *state) consensus(netuid uint16, n int, voters []int, stakes []uint64, total float64) {
	stake := make([]float64, len(voters))
	rows := make([][]float64, len(voters)) // dense
	for a, i := range voters {
		stake[a] = float64(stakes[i]) / total
		rows[a] = denseRow(s.row(weights.netUID(netuid, uint16(i))), i, n)
	}
	majority := float64(s.u16(kappa.net(netuid), 32767)) / 65535
	agreed, ranks, raw, kept := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	for j := range n {
		agreed[j] = stakeMedian(stake, rows, j, majority)
		for a, i := range voters {
			clipped := min(rows[a][j], agreed[j])
			kept[i] += clipped
			ranks[j] += float64(stake[a] * clipped)
			raw[j] += float64(stake[a] * rows[a][j])
		}
	}
	incentives := scaled(ranks)
	shares := make([]float64, n)
	for a, i := range voters {
		var held []weight
		for j := range n {
			if ranks[j] > 0 {
				bond := float64(stake[a]*min(rows[a][j], agreed[j])) / ranks[j]
				shares[i] += float64(incentives[j] * bond)
				if v := fraction(bond); v > 0 {
					held = append(held, weight{uint16(j), uint16(v)})
				}
			}
		}
		s.putRow(bonds.netUID(netuid, uint16(i)), held)
	}
	shares = scaled(shares)
	trusts := make([]float64, n)
	for j := range n {
		if raw[j] > 0 {
			trusts[j] = ranks[j] / raw[j]
		}
	}
	for it, v := range map[item][]float64{
		rank: ranks, trust: trusts, consensus: agreed, incentive: incentives, dividends: shares, validatorTrust: kept, pruningScores: incentives,
	} {
		out := make([]uint64, n)
		for j, x := range v {
			out[j] = fraction(x)
		}
		s.putNumbers(it.net(netuid), 2, out)
	}
}

// denseRow scales a validator's weights to sum 1, without its own UID.
func denseRow(row []weight, own, n int) []float64 {
	out, sum := make([]float64, n), 0.0
	for _, w := range row {
		if int(w.uid) != own && int(w.uid) < n {
			out[w.uid] = float64(w.value)
			sum += float64(w.value)
		}
	}
	if sum > 0 {
		for j := range out {
			out[j] /= sum
		}
	}
	return out
}

// stakeMedian returns the largest weight c for UID j such that validators with more than kappa of the stake give it c or more.
func stakeMedian(stake []float64, rows [][]float64, j int, kappa float64) float64 {
	order := make([]int, len(stake))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(rows[b][j], rows[a][j]) })
	agreed := 0.0
	for _, a := range order {
		agreed += stake[a]
		if agreed > kappa {
			return rows[a][j]
		}
	}
	return 0
}

// payOut adds the epoch's emission to the stakes, half by incentive and half by dividends.
func (s *state) payOut(netuid uint16, n int) {
	half := s.u64(subnetAlphaOutEmission.net(netuid), 0) / 2
	miners, validators := s.vector(incentive, 2, netuid, 0), s.vector(dividends, 2, netuid, 0)
	out := make([]uint64, n)
	for i := range n {
		hotkey := s.account(keys.netUID(netuid, uint16(i)))
		dividend := share(half, validators[i])
		out[i] = share(half, miners[i]) + dividend
		s.addStake(netuid, hotkey, s.account(owner.of(hotkey)), out[i])
		if dividend > 0 {
			s.putU64(alphaDividends.netKey(netuid, hotkey), dividend)
		}
	}
	s.putNumbers(emission.net(netuid), 8, out)
}

// share is amount · part / 65535.
func share(amount, part uint64) uint64 {
	hi, lo := bits.Mul64(amount, min(part, 65535))
	q, _ := bits.Div64(hi, lo, 65535) // hi < 65535 as part is
	return q
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
func fraction(x float64) uint64 { return uint64(min(max(x, 0), 1) * 65535) }
