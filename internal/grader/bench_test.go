package grader_test

import (
	"os/exec"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nanteos/nanteos/internal/grader"
)

// Solutions of the size of MBPP's, each with three tests.
var solutions = []job{
	{"import re\ndef find(text):\n    if re.search('ab*?', text):\n        return 'Found a match!'\n    return 'Not matched!'", []string{
		`assert find("msb") == 'Not matched!'`, `assert find("a0c") == 'Found a match!'`, `assert find("abbc") == 'Found a match!'`}, 5, false},
	{"def cost(grid, m, n):\n    total = [[0] * (n + 1) for _ in range(m + 1)]\n    total[0][0] = grid[0][0]\n    for i in range(1, m + 1):\n" +
		"        total[i][0] = total[i-1][0] + grid[i][0]\n    for j in range(1, n + 1):\n        total[0][j] = total[0][j-1] + grid[0][j]\n" +
		"    for i in range(1, m + 1):\n        for j in range(1, n + 1):\n            total[i][j] = min(total[i-1][j-1], total[i-1][j], total[i][j-1]) + grid[i][j]\n" +
		"    return total[m][n]", []string{"assert cost([[1, 2, 3], [4, 8, 2], [1, 5, 3]], 2, 2) == 8", "assert cost([[2, 3, 4], [5, 9, 3], [2, 6, 4]], 2, 2) == 12",
		"assert cost([[3, 4, 5], [6, 10, 4], [3, 7, 5]], 2, 2) == 16"}, 5, false},
	{"import heapq as hq\ndef largest(nums, n):\n    return hq.nlargest(n, nums)", []string{
		"assert largest([25, 35, 22, 85, 14, 65, 75, 22, 58], 3) == [85, 75, 65]", "assert largest([25, 35, 22, 85, 14], 2) == [85, 35]",
		"assert largest([1, 2], 5) == [2]"}, 5, false},
}

// BenchmarkGrade grades with a warm pool, and with a fresh interpreter for each job, which has no sandbox, no limits and no verdict but its exit status.
func BenchmarkGrade(b *testing.B) {
	p := pool(b, grader.Config{})
	var next atomic.Int64
	rate := func(n, workers int, do func(job)) float64 {
		start := time.Now()
		var wg sync.WaitGroup
		next.Store(0)
		for range workers {
			wg.Go(func() {
				for i := next.Add(1); i <= int64(n); i = next.Add(1) {
					do(solutions[int(i)%len(solutions)])
				}
			})
		}
		wg.Wait()
		return float64(n) / time.Since(start).Seconds()
	}
	pooled := func(j job) {
		var v struct {
			Check  any    `json:"check"`
			Result result `json:"result"`
		}
		if err := p.Do(b.Context(), "grade_code", j, &v); err != nil || v.Result.Passed < 2 {
			b.Errorf("%+v, %v", v, err)
		}
	}
	path := python()
	if path == "" {
		path = "python3"
	}
	fresh := func(j job) {
		_ = exec.CommandContext(b.Context(), path, "-I", "-S", "-c", j.Code+"\n"+j.Tests[0]+"\n"+j.Tests[1]+"\n"+j.Tests[2]).Run() // one in three fails
	}
	rate(20, 4, pooled)
	b.ResetTimer()
	warm := rate(max(b.N, 20), 4, pooled)
	b.StopTimer()
	cold := rate(min(max(b.N/8, 20), 200), 4, fresh)
	b.ReportMetric(warm, "jobs/s")
	b.ReportMetric(cold, "fresh/s")
	b.ReportMetric(warm/cold, "ratio")
}
