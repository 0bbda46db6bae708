package logicnet

import "math"

// Quotas returns how many requests in an interval each validator has with a miner that takes volume requests in all, by the validator's
// uid; who is not in the map has none. stakes are the metagraph's total stakes in TAO by uid (alpha + 0.18·root under SDK 9).
//
// Eligible is who has at least MinStake. A share is floor(volume·(s+1e-4)/Σ(s+1e-4)) in float32 arithmetic, and then at least MinQuota and
// at most MaxQuota, so that the quotas together may exceed the volume. When nobody is eligible, EverybodyWhenNone decides. Stakes that
// are not finite or negative count as 0. Section 3.2.
func (r Rules) Quotas(stakes []float64, volume float64) map[int]float64 {
	var uids []int
	var shares []float32
	add := func(uid int, stake float64) {
		uids = append(uids, uid)
		shares = append(shares, float32(stake)+1e-4)
	}
	for uid, s := range stakes {
		if s = sane(s); s >= r.MinStake {
			add(uid, s)
		}
	}
	if len(uids) == 0 && r.EverybodyWhenNone {
		for uid := range stakes {
			add(uid, 0)
		}
	}
	total := pairwise(shares)
	quotas := make(map[int]float64, len(uids))
	for i, uid := range uids {
		share := float32(shares[i] / total)
		quotas[uid] = r.clampQuota(math.Floor(float64(float32(volume) * share)))
	}
	return quotas
}

// quotaOf is the entry of Quotas for one uid, as a validator reckons what it has with a miner: MinQuota when it has no share.
func (r Rules) quotaOf(stakes []float64, uid int, volume float64) float64 {
	q, ok := r.Quotas(stakes, volume)[uid]
	if !ok {
		return r.clampQuota(0)
	}
	return q
}

func (r Rules) clampQuota(q float64) float64 {
	if !(q > r.MinQuota) { // NaN too
		return r.MinQuota
	}
	return min(q, r.MaxQuota)
}

// sane returns 0 for what no stake can be.
func sane(stake float64) float64 {
	if !(stake > 0) || math.IsInf(stake, 1) {
		return 0
	}
	return stake
}

// pairwise adds as NumPy does: up to 8 terms in order, up to 128 in eight lanes, more by halves.
func pairwise[T float32 | float64](w []T) T {
	n := len(w)
	switch {
	case n < 8:
		var sum T
		for _, x := range w {
			sum += x
		}
		return sum
	case n <= 128:
		lanes := [8]T(w[:8])
		i := 8
		for ; i+8 <= n; i += 8 {
			for k := range lanes {
				lanes[k] += w[i+k]
			}
		}
		sum := ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]))
		for ; i < n; i++ {
			sum += w[i]
		}
		return sum
	}
	half := n / 2
	half -= half % 8
	return pairwise(w[:half]) + pairwise(w[half:])
}
