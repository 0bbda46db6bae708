package logicnet

import (
	"math"
	"strconv"
)

// Record appends the values of a round to the histories of the miners that were scored in it; the oldest go when there are more than
// Rules.History. Uids that the table does not have are left out, values that are not finite count as 0. Sections 5 and 7.3.
func (t *Table) Record(round []Incentive) {
	for _, i := range round {
		if i.UID < 0 || i.UID >= len(t.miners) {
			continue
		}
		value := i.Value
		if math.IsNaN(value) || math.IsInf(value, 0) {
			value = 0
		}
		m := &t.miners[i.UID]
		m.Scores = t.rules.lastScores(append(m.Scores, value))
	}
}

func (r Rules) lastScores(scores []float64) []float64 { return scores[max(0, len(scores)-r.History):] }

// Export returns the histories by uid with three decimals, as validators publish them. Under RoundStored the table keeps the rounded
// values from then on, as the reference does; otherwise it stays exact. Section 5.
func (t *Table) Export() [][]float64 {
	all := make([][]float64, len(t.miners))
	for uid, m := range t.miners {
		rounded := make([]float64, len(m.Scores))
		for i, s := range m.Scores {
			rounded[i] = round3(s)
		}
		if all[uid] = rounded; t.rules.RoundStored {
			copy(m.Scores, rounded)
		}
	}
	return all
}

// round3 is Python's round(x, 3): the nearest decimal to the exact value of x.
func round3(x float64) float64 {
	y, _ := strconv.ParseFloat(strconv.FormatFloat(x, 'f', 3, 64), 64)
	return y
}
