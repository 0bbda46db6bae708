package logicnet

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nanteos/nanteos/bittensor/axon/dendrite"
	"github.com/nanteos/nanteos/bittensor/ss58"
	"github.com/nanteos/nanteos/logicnet"
)

// round is how long a side is asked at a time.
const round = 2 * time.Second

const question = "A farmer has 2 sheep and buys 2 more. How many sheep does the farmer have now? Please show your steps."

// result is what came of asking one side.
type result struct {
	requests int
	elapsed  time.Duration
	took     []time.Duration
}

func (r *result) add(o result) {
	r.requests += o.requests
	r.elapsed += o.elapsed
	r.took = append(r.took, o.took...)
}

func (r *result) rate() float64 { return float64(r.requests) / r.elapsed.Seconds() }

func (r *result) p99() time.Duration {
	slices.Sort(r.took)
	return r.took[len(r.took)*99/100]
}

// ask has so many callers ask for the time of a round, each its next question when it has the answer to the last.
func ask(tb testing.TB, s *side, all []*dendrite.Dendrite, most time.Duration) result {
	tb.Helper()
	parts := make([]result, len(all))
	var group sync.WaitGroup
	began := time.Now()
	for i, d := range all {
		group.Go(func() {
			for time.Since(began) < most {
				start := time.Now()
				r := dendrite.Query(tb.Context(), d, s.target, logicnet.NewQuestion(question, "0123abcd", 64), 64*time.Second)
				if answer, _ := r.Synapse.AnswerText(); !r.Success() || answer != "4" {
					tb.Errorf("%s: status %v %q, %v", s.Version, r.Dendrite.StatusCode, r.Dendrite.StatusMessage.Or(""), r.Err)
					return
				}
				parts[i].took = append(parts[i].took, time.Since(start))
			}
		})
	}
	group.Wait()
	total := result{elapsed: time.Since(began)}
	for _, p := range parts {
		total.took = append(total.took, p.took...)
	}
	total.requests = len(total.took)
	return total
}

func clients(tb testing.TB, n int) []*dendrite.Dendrite {
	all := make([]*dendrite.Dendrite, n)
	for i := range all {
		d, err := dendrite.New(dendrite.Config{Hotkey: key('c', i), AllowPrivate: true})
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(d.Close)
		all[i] = d
	}
	return all
}

// BenchmarkAxon asks our miner and the SDK's axon for signed answers.
func BenchmarkAxon(b *testing.B) {
	sides := []*side{ours(b, roleMiner)}
	for _, variable := range []string{"NANTEOS_BITTENSOR9", "NANTEOS_BITTENSOR10"} {
		if s := sdk(b, variable); s != nil {
			sides = append(sides, s)
		}
	}
	for _, n := range []int{1, 16, callers} {
		b.Run(fmt.Sprintf("callers=%d", n), func(b *testing.B) {
			all := clients(b, n)
			for _, s := range sides {
				ask(b, s, all, round/10) // connections
			}
			results := make([]result, len(sides))
			for range b.N {
				for i, s := range sides {
					results[i].add(ask(b, s, all, round))
				}
			}
			if b.Failed() {
				return
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(results[0].rate(), "requests/s")
			b.ReportMetric(float64(results[0].p99().Microseconds())/1000, "p99-ms")
			for i, s := range sides[1:] {
				r := &results[i+1]
				b.Logf("%d callers: SDK %s answers %.0f requests/s, p99 %.1f ms", n, s.Version, r.rate(), float64(r.p99().Microseconds())/1000)
				b.ReportMetric(results[0].rate()/r.rate(), "x-requests-"+s.Version)
				b.ReportMetric(float64(results[0].p99())/float64(r.p99()), "x-p99-"+s.Version)
			}
		})
	}
}

// crowds are what a thousand axons answer: something usual, and something longer than may be, which the client refuses.
var crowds = []struct {
	name, question string
	status         int64
}{
	{"usual", question, 200},
	{"long", longQuestion, 422},
}

// askCrowd asks a thousand axons at the same time, so many times, and returns how much memory that took beyond what there was.
func askCrowd(tb testing.TB, s *side, question string, status int64, times int) (bytes int64) {
	tb.Helper()
	targets := make([]dendrite.Axon, crowd)
	for i := range targets {
		targets[i] = dendrite.Axon{Address: s.target.Address, Hotkey: ss58.EncodeBittensor(key('m', i).Public())}
	}
	d, err := dendrite.New(dendrite.Config{Hotkey: key('c', 0), AllowPrivate: true, Concurrency: crowd, MaxBodyBytes: answerBytes})
	if err != nil {
		tb.Fatal(err)
	}
	defer d.Close()
	debug.FreeOSMemory()
	before := memory()
	watch := watchMemory()
	for range times {
		for i, r := range dendrite.QueryAll(tb.Context(), d, targets, logicnet.NewQuestion(question, "0123abcd", 64), 64*time.Second) {
			if !r.Dendrite.StatusCode.Is(status) {
				tb.Errorf("axon %d: status %v %q, %v", i, r.Dendrite.StatusCode, r.Dendrite.StatusMessage.Or(""), r.Err)
				break
			}
		}
	}
	return watch() - before
}

// BenchmarkDendrite sends questions to a thousand axons at the same time.
func BenchmarkDendrite(b *testing.B) {
	s := ours(b, roleCrowd)
	for _, c := range crowds {
		b.Run(c.name, func(b *testing.B) {
			bytes := askCrowd(b, s, c.question, c.status, b.N)
			b.ReportMetric(crowd*float64(b.N)/b.Elapsed().Seconds(), "queries/s")
			b.ReportMetric(float64(bytes)/(1<<20), "MiB")
			b.ReportMetric(float64(bytes)/crowd/(1<<10), "KiB/query")
		})
	}
}

// crowdBytes is what a thousand queries at a time may take.
const crowdBytes = 192 << 20

// raceDetector says that this program was built with it.
func raceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// TestCrowd holds the memory of a thousand queries under its bound, whatever is answered.
func TestCrowd(t *testing.T) {
	if testing.Short() || raceDetector() {
		t.Skip("a thousand queries take some seconds, and the race detector multiplies memory")
	}
	s := ours(t, roleCrowd)
	for _, c := range crowds {
		bytes := askCrowd(t, s, c.question, c.status, 1)
		t.Logf("%s answers: %d queries at a time take %.0f MiB", c.name, crowd, float64(bytes)/(1<<20))
		if bytes > crowdBytes {
			t.Errorf("%s answers: %d queries at a time take %d bytes, want at most %d", c.name, crowd, bytes, crowdBytes)
		}
	}
}

// answerBytes is the longest answer that the validator reads.
const answerBytes = 128 << 10

// memory is the resident memory of this process in bytes, or that of the Go runtime where the system doesn't say.
func memory() int64 {
	text, err := os.ReadFile("/proc/self/statm")
	if fields := strings.Fields(string(text)); err == nil && len(fields) > 1 {
		if pages, err := strconv.ParseInt(fields[1], 10, 64); err == nil {
			return pages * int64(os.Getpagesize())
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.Sys - m.HeapReleased)
}

// watchMemory follows the memory until the returned function is called, which returns the most there was.
func watchMemory() func() int64 {
	end, most := make(chan struct{}), make(chan int64)
	go func() {
		var high int64
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-end:
				most <- max(high, memory())
				return
			case <-tick.C:
				high = max(high, memory())
			}
		}
	}()
	return func() int64 { close(end); return <-most }
}
