package learning

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/nanteos/nanteos/internal/devnet"
	"github.com/nanteos/nanteos/internal/status"
)

var (
	windows   = flag.Int("windows", 40, "windows of each run")
	seeds     = flag.String("seeds", "1,2,3", "seeds, one run each")
	blockTime = flag.Duration("block-time", devnet.DefaultSettings().BlockTime, "time between blocks; a window has 30")
)

func BenchmarkLearning(b *testing.B) {
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\nseed\twindows\tgroups\tfirst\tlast\tcheckpoints\tpatch\tmodel\tfaults\tpeak")
	for _, text := range strings.Split(*seeds, ",") {
		seed, err := strconv.ParseUint(strings.TrimSpace(text), 10, 64)
		if err != nil {
			b.Fatalf("couldn't read seeds: %v", err)
		}
		b.Run("seed-"+text, func(b *testing.B) {
			for b.Loop() {
				r := run(b, seed)
				l := r.Learning
				groups := 0
				for _, w := range l.Windows {
					groups += w.Groups
				}
				fmt.Fprintf(table, "%d\t%d\t%d\t%.3f ± %.3f\t%.3f ± %.3f\t%d\t%d kB\t%d kB\t%d\t%d MB\n", seed, len(l.Windows), groups,
					l.First.Reward, l.First.Within, l.Last.Reward, l.Last.Within, l.Checkpoints, l.PatchBytes/1000, l.FullBytes/1000, r.Faults, r.PeakMemory>>20)
				b.ReportMetric(l.First.Reward, "first")
				b.ReportMetric(l.Last.Reward, "last")
				b.ReportMetric(l.Last.Reward-l.First.Reward-l.First.Within-l.Last.Within, "clear-of-both-intervals")
				for _, m := range r.Miners {
					if m.Honest && m.Caught != nil || !m.Honest && m.Weight > 0 {
						b.Errorf("%s: weight %v, caught %+v", m.Name, m.Weight, m.Caught)
					}
				}
			}
		})
	}
	if err := table.Flush(); err != nil {
		b.Fatal(err)
	}
}

// run runs a network as `nanteos devnet` does.
func run(b *testing.B, seed uint64) devnet.Report {
	s := devnet.DefaultSettings()
	s.Seed, s.BlockTime, s.Trainer, s.LogicNet = seed, *blockTime, true, runtime.GOMAXPROCS(0) >= 2
	n, err := devnet.Open(b.Context(), devnet.Config{Settings: s, Windows: *windows, Evidence: b.TempDir() + "/evidence"}, status.New(status.Options{}))
	if err != nil {
		b.Fatal(err)
	}
	r, err := n.Run(context.WithoutCancel(b.Context()))
	if err = errors.Join(err, n.Close()); err != nil {
		b.Fatal(err)
	}
	if r.Learning == nil || len(r.Learning.Windows) == 0 {
		b.Fatal("nothing was learnt: no checkpoint was published")
	}
	return r
}
