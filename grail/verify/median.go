package verify

// pythonMedian is the median as Python's statistics module gives it: of the list as list.sort leaves it. Without NaN that is any
// sort; with NaN, for which every comparison is false, the outcome depends on the steps of the sort (quirk Q-06), which are followed
// here for lists below 64 entries: one run, then binary insertion.
func pythonMedian(xs []float64) float64 {
	s := append([]float64(nil), xs...)
	pythonSort(s)
	n := len(s)
	if n%2 == 1 {
		return s[n/2]
	}
	return (s[n/2-1] + s[n/2]) / 2
}

// pythonSort sorts as CPython's list.sort does for short lists: it counts the first run, turns a strictly falling one round, and
// inserts the rest by binary search. For longer lists the outcome is the same unless there is a NaN.
func pythonSort(s []float64) {
	n := len(s)
	if n < 2 {
		return
	}
	run := 2
	if s[1] < s[0] {
		for run < n && s[run] < s[run-1] {
			run++
		}
		for i, j := 0, run-1; i < j; i, j = i+1, j-1 {
			s[i], s[j] = s[j], s[i]
		}
	} else {
		for run < n && !(s[run] < s[run-1]) {
			run++
		}
	}
	for ; run < n; run++ {
		pivot := s[run]
		l, r := 0, run
		for l < r {
			m := l + (r-l)/2
			if pivot < s[m] {
				r = m
			} else {
				l = m + 1
			}
		}
		copy(s[l+1:run+1], s[l:run])
		s[l] = pivot
	}
}
