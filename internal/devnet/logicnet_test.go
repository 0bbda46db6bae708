package devnet

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nanteos/nanteos/internal/status"
)

// TestLogicNet runs a network with a LogicNet until weights are set there, and looks them up on the chain.
func TestLogicNet(t *testing.T) {
	if testing.Short() {
		t.Skip("some rounds take a quarter of a minute")
	}
	cfg := fast("", 1)
	cfg.LogicNet = true
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	registry := status.New(status.Options{})
	events := registry.Subscribe(1 << 16)
	n, err := Open(ctx, cfg, registry)
	if err != nil {
		t.Fatal(err)
	}
	report, err := n.Run(ctx)
	if err != nil {
		t.Error(err)
	}
	graph, failed := n.logic.chain.Metagraph(ctx)
	set, failedSet := n.logic.chain.Weights(ctx, n.logic.members[0].Address())
	if err := errors.Join(failed, failedSet, n.Close()); err != nil {
		t.Fatal(err)
	}
	events.Close()
	all, _, _ := events.Next(ctx)
	r := report.LogicNet
	if r == nil {
		t.Fatal("there is no report")
	}
	t.Logf("\n%s", report.Text(Palette{}, 160, "nanteos"))
	if r.Settings < settled || r.Rounds < settled || r.FirstWeights <= 0 || len(r.Miners) != 7 || len(graph.Neurons) != 8 {
		t.Errorf("report: %+v, %d neurons", r, len(graph.Neurons))
	}
	onChain := map[int]uint16{}
	for _, w := range set.Weights {
		onChain[int(w.UID)] = w.Value
	}
	best := uint16(0)
	for _, m := range r.Miners {
		if m.Kind == LogicExact {
			best = onChain[m.UID]
		}
	}
	for _, m := range r.Miners {
		if m.Graded == 0 {
			t.Errorf("%s was never graded", m.Name)
		}
		if m.Right+m.Wrong+m.Silent != m.Graded || m.Unscored > 0 {
			t.Errorf("%s: the counts don't add up: %+v", m.Name, m)
		}
		switch m.Kind {
		case LogicExact:
			if m.Right == 0 || m.Weight <= 0 || best == 0 {
				t.Errorf("the exact solver: %+v, %d on the chain", m, best)
			}
		case LogicReplayer, LogicInjector, LogicSlow:
			if m.Right > 0 || onChain[m.UID] > best/2 {
				t.Errorf("%s got away with it: %+v, %d on the chain, the exact solver has %d", m.Name, m, onChain[m.UID], best)
			}
		}
	}
	if r.Replays == 0 || r.Refused != r.Replays {
		t.Errorf("%d of %d replayed requests were refused", r.Refused, r.Replays)
	}
	told := map[status.Kind]int{}
	for _, e := range all {
		if e.Role == string(LogicValidator) || e.Role == string(LogicMiner) {
			told[e.Kind]++
		}
		if e.Kind == status.Weights && e.Node == "logic-validator" {
			t.Error("weights on LogicNet are told as Grail's")
		}
	}
	if told[LogicWeights] != r.Settings || told[status.Graded] == 0 || told[status.Start] != 8 {
		t.Errorf("told: %v", told)
	}
}
