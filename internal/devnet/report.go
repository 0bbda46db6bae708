package devnet

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/nanteos/nanteos/internal/status"
)

// Report is what came of a run. It is the report of the summary event.
type Report struct {
	Seed      uint64 `json:"seed"`
	RulesName string `json:"rules"`
	Digest    string `json:"rules_digest"`
	// Environment is the id of the environment, Dataset the digest of the dataset that its problems are drawn from, empty where it has none.
	Environment string `json:"environment"`
	Dataset     string `json:"dataset,omitempty"`
	// Data is the data folder, empty for a temporary one. Continued says that the network was there before.
	Data      string `json:"data,omitempty"`
	Continued bool   `json:"continued"`
	// Seconds is how long it ran, FirstWeights the time from its start to the first weights, 0 for none.
	Seconds      float64 `json:"seconds"`
	FirstWeights float64 `json:"first_weights_seconds"`
	Totals
	// Head is the newest block.
	Head int64 `json:"head"`
	// PeakMemory is the most memory that the process had, in bytes; 0 where the system doesn't say.
	PeakMemory int64 `json:"peak_memory_bytes"`
	// Miners are in the order of UIDs.
	Miners []MinerReport `json:"miners"`
	// LogicNet is what came of the second subnet, nil where there is none.
	LogicNet *LogicReport `json:"logicnet,omitempty"`
	// Learning is what the network has learnt, in earlier runs too, nil where nothing was.
	Learning *Learning `json:"learning,omitempty"`
	// Evidence is the folder with the last window files and what is needed to explain them.
	Evidence string `json:"evidence,omitempty"`
}

// MinerReport is what came of a miner.
type MinerReport struct {
	Standing
	// Honest says that it does not cheat.
	Honest bool `json:"honest"`
	// Caught is why it failed last, nil if it never did.
	Caught *Caught `json:"caught,omitempty"`
	// File is its last judged window file, or the one that it was caught with, in the evidence.
	File string `json:"file,omitempty"`
}

// Caught says by what a miner failed.
type Caught struct {
	Check    string   `json:"check"`
	Window   int64    `json:"window"`
	Row      *int     `json:"row,omitempty"`
	Measured *float64 `json:"measured,omitempty"`
	Limit    *float64 `json:"limit,omitempty"`
	Reason   string   `json:"reason"`
	Hint     string   `json:"hint,omitempty"`
}

func caughtOf(e *status.Event) *Caught {
	if e == nil {
		return nil
	}
	return &Caught{Check: e.Check, Window: e.Window, Row: e.Row, Measured: e.Measured, Limit: e.Limit, Reason: e.Reason, Hint: e.Hint}
}

// report takes stock.
func (n *Network) report() Report {
	p := n.ledger.Picture(time.Now())
	r := Report{
		Seed: n.folder.made.Seed, RulesName: n.folder.made.RulesName, Digest: n.folder.made.Digest,
		Environment: n.folder.made.environment(), Dataset: n.folder.made.Dataset, Continued: !n.folder.fresh,
		Seconds: p.Elapsed.Seconds(), FirstWeights: p.Totals.FirstWeights.Seconds(), Totals: p.Totals, Head: p.Head, PeakMemory: peakMemory(),
	}
	r.LogicNet, r.Learning = n.logic.report(), p.Learning
	if !n.folder.temporary {
		r.Data = n.folder.root
	}
	for _, s := range p.Members {
		if s.Role == Miner {
			r.Miners = append(r.Miners, MinerReport{Standing: s, Honest: s.Kind == Honest, Caught: caughtOf(s.Caught)})
		}
	}
	return r
}

// check says why a network that judged its windows has failed all the same.
func (r Report) check() error {
	honest, accepted := 0, 0
	for _, m := range r.Miners {
		if m.Honest {
			honest++
			accepted += m.Accepted
		}
	}
	if honest == 0 || accepted > 0 {
		return nil
	}
	reason := "no file was handed in in time"
	for _, m := range r.Miners {
		switch {
		case !m.Honest:
		case m.Caught != nil:
			reason = fmt.Sprintf("%s failed %s: %s", m.Name, m.Caught.Check, m.Caught.Reason)
		case m.Trouble != "":
			reason = m.Name + ": " + m.Trouble
		}
	}
	return WithHint(fmt.Errorf("couldn't get a rollout accepted: %w: %s", ErrIdle, reason), "run with -v to see what the nodes do; a slow machine needs a longer --block-time")
}

// Look is the file and the row that are worth a closer look: a caught cheater's, else an honest miner's; ok is false where there is none.
func (r Report) Look() (file string, row int, ok bool) {
	for _, caught := range []bool{true, false} {
		for _, m := range r.Miners {
			if m.File == "" || caught != (m.Caught != nil) {
				continue
			}
			if caught && m.Caught.Row != nil {
				row = *m.Caught.Row
			}
			return filepath.Join(r.Evidence, m.File), row, true
		}
	}
	return "", 0, false
}
