package devnet

import (
	"context"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nanteos/nanteos/internal/node/logicvalidator"
	"github.com/nanteos/nanteos/internal/status"
	"github.com/nanteos/nanteos/internal/subtensor"
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
			if m.Kind == LogicInjector && m.Right == 1 {
				continue // some injections have a 1 in them, which now and then is the answer
			}
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

// TestLogicMembers holds LogicNet's members against those of Grail: no name, key or folder is shared.
func TestLogicMembers(t *testing.T) {
	s := DefaultSettings()
	if s.LogicMembers() != nil {
		t.Error("a network without LogicNet has members there")
	}
	s.LogicNet = true
	seen := map[string]string{}
	for _, m := range append(s.Members(), s.LogicMembers()...) {
		for _, what := range []string{m.Name, m.Address()} {
			if other := seen[what]; other != "" {
				t.Errorf("%s and %s share %s", m.Name, other, what)
			}
			seen[what] = m.Name
		}
	}
	kinds := map[string]int{}
	for i, m := range s.LogicMembers() {
		if m.UID != i || (m.Role == LogicValidator) != (i == 0) {
			t.Errorf("member %d: %+v", i, m)
		}
		kinds[m.Kind]++
	}
	if want := map[string]int{"": 1, LogicModel: 3, LogicExact: 1, LogicReplayer: 1, LogicInjector: 1, LogicSlow: 1}; !maps.Equal(kinds, want) {
		t.Errorf("kinds %v, want %v", kinds, want)
	}
	other := s
	other.Seed++
	if other.LogicMembers()[0].Address() == s.LogicMembers()[0].Address() {
		t.Error("another seed gives the same keys")
	}
	for _, block := range []time.Duration{minBlockTime, 500 * time.Millisecond, maxBlockTime} {
		s.BlockTime = block
		if err := s.LogicRules().Validate(); err != nil {
			t.Errorf("blocks every %s: %v", block, err)
		}
		if p := s.logicSubnet(subtensor.DefaultHyperparameters()).Params; p.WeightsRateLimit == 0 || p.ServingRateLimit != 0 {
			t.Errorf("blocks every %s: %+v", block, p)
		}
	}
}

// TestLogicKept opens data folders with and without LogicNet again.
func TestLogicKept(t *testing.T) {
	for _, had := range []bool{true, false} {
		cfg := Config{Settings: DefaultSettings(), Data: filepath.Join(t.TempDir(), "net")}
		cfg.LogicNet = had
		f, err := openFolder(cfg, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if err := f.close(); err != nil {
			t.Fatal(err)
		}
		cfg.LogicNet = !had
		f, err = openFolder(cfg, time.Now())
		if err != nil || f.made.LogicNet != had {
			t.Fatalf("made with %v, continued by default with %v: %v", had, f.made.LogicNet, err)
		}
		if err := f.close(); err != nil {
			t.Fatal(err)
		}
		cfg.Given = []string{FlagLogicNet}
		if _, err := openFolder(cfg, time.Now()); !errors.Is(err, ErrOtherNetwork) {
			t.Errorf("made with %v, asked for the other: %v", had, err)
		}
	}
}

// TestMixed reads problems: answers near each other differ, sums are right, and all are numbers.
func TestMixed(t *testing.T) {
	m, err := newMixed(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	var answers []string
	kinds := map[bool]int{}
	for i := range 400 {
		p, err := m.Next(t.Context())
		if err == nil && i%2 == 1 {
			p, err = m.Vary(t.Context(), p)
		}
		if err != nil {
			t.Fatal(err)
		}
		answers = append(answers, p.Truth)
		kinds[p.Kind == sum]++
		if _, err := strconv.ParseFloat(p.Truth, 64); err != nil {
			t.Errorf("%q has the answer %q", p.Question, p.Truth)
		}
		if solved, _, ok := (exact{}).Solve(p.Question); p.Kind == sum && (!ok || solved != p.Truth) {
			t.Errorf("%q has the answer %s, the solver says %q", p.Question, p.Truth, solved)
		}
	}
	// Every second problem was posed and replaced, so half of them are seen here.
	for i := range answers {
		if slices.Contains(answers[max(0, i-apart/2):i], answers[i]) {
			t.Errorf("answer %d, %s, was given just before", i, answers[i])
		}
	}
	if kinds[true] < 200 || kinds[false] < 20 {
		t.Errorf("%d sums and %d others", kinds[true], kinds[false])
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.Vary(ended, logicvalidator.Problem{Kind: "gcd"}); err == nil {
		t.Error("a problem was posed after the end")
	}
}

// TestTally books events of all kinds.
func TestTally(t *testing.T) {
	s := DefaultSettings()
	s.LogicNet = true
	members := s.LogicMembers()
	start := time.Unix(1000, 0)
	tally := NewTally(members, start)
	graded := func(uid int, reward, score float64, check string) {
		tally.Emit(status.Event{Kind: status.Graded, Hotkey: members[uid].Address(), Reward: &reward, Measured: &score, Check: check, Reason: "because"})
	}
	tally.Emit(status.Event{Kind: status.Phase, Phase: "questions"})
	tally.Emit(status.Event{Kind: status.Phase, Phase: "ranking"})
	graded(4, 0.9, 1, "value")
	graded(4, 0.7, 1, "text")
	graded(6, 0, 0, "filter")
	graded(7, 0, 0, "")
	tally.Emit(status.Event{Kind: status.Graded, Hotkey: members[1].Address(), Check: "judge", Reason: "no judge"})
	tally.Emit(status.Event{Kind: status.Graded, Hotkey: "somebody else"})
	tally.Emit(status.Event{Kind: status.Fault, Node: "logic-slow", Reason: "tired"})
	tally.replayed(true)
	tally.replayed(false)
	if err := tally.report.check(); !errors.Is(err, ErrIdle) || !strings.Contains(err.Error(), "tired") {
		t.Errorf("without weights: %v", err)
	}
	for _, w := range []map[int]float64{{1: 0.5, 4: 0.5}, {4: 1}} {
		if tally.Done() {
			t.Error("done too early")
		}
		tally.Emit(status.Event{Kind: LogicWeights, Time: start.Add(8 * time.Second), Weights: w})
	}
	r := tally.Report()
	if !tally.Done() || r.check() != nil || r.Rounds != 1 || r.Settings != 2 || r.FirstWeights != 8 || r.Replays != 2 || r.Refused != 1 || r.Trouble != "logic-slow: tired" {
		t.Errorf("report: %+v", r)
	}
	row := func(uid int) LogicStanding { return r.Miners[uid-1] }
	if m := row(4); m.Graded != 2 || m.Right != 2 || m.Reward != 0.8 || m.Weight != 1 || m.Why != "" {
		t.Errorf("exact: %+v", m)
	}
	if m := row(6); m.Wrong != 1 || m.Why != "filter: because" {
		t.Errorf("injector: %+v", m)
	}
	if m := row(7); m.Silent != 1 || m.Why != "because" {
		t.Errorf("slow: %+v", m)
	}
	if m := row(1); m.Unscored != 1 || m.Graded != 0 || m.Weight != 0 {
		t.Errorf("unscored: %+v", m)
	}
	text := r.Text(Palette{}, 80)
	for _, want := range []string{"LogicNet: 1 round, first weights after 8.0s, 1 of 2 replayed requests refused", "logic-injector", "filter: because", "100.0%"} {
		if !strings.Contains(text, want) {
			t.Errorf("the text lacks %q:\n%s", want, text)
		}
	}
	for _, line := range strings.Split(text, "\n") {
		if len(line) > 80 {
			t.Errorf("%d columns: %s", len(line), line)
		}
	}
	if got, want := r.Line(), "LogicNet: round 1, exact 2 of 2 right 100.0%, injector 0 of 1 right 0.0%, slow 0 of 1 right 0.0%"; got != want {
		t.Errorf("line %q, want %q", got, want)
	}
	tally.fail(errors.New("broken"))
	if failed := NewTally(members, start); failed.Done() {
		t.Error("done at the start")
	} else if failed.fail(errors.New("broken")); !failed.Done() {
		t.Error("waits for a LogicNet that has failed")
	}
	if (*LogicReport)(nil).check() != nil || (*logicNet)(nil).report() != nil || (*logicNet)(nil).close() != nil {
		t.Error("a network without LogicNet has trouble with it")
	}
}

// TestLogicLines puts LogicNet's events into words.
func TestLogicLines(t *testing.T) {
	s := DefaultSettings()
	s.LogicNet = true
	members := append(s.Members(), s.LogicMembers()...)
	scribe := NewScribe(members, time.Unix(0, 0), Palette{})
	for _, c := range []struct {
		e    status.Event
		want string
	}{
		{status.Event{Kind: LogicWeights, Weights: map[int]float64{4: 0.75, 1: 0.25, 0: 0}}, "set weights on LogicNet: logic-model-1 25.0%, logic-exact 75.0%"},
		{status.Event{Kind: LogicWeights}, "set weights on LogicNet: for nobody"},
		{status.Event{Kind: status.Weights, Window: 30, Weights: map[int]float64{2: 1}}, "window 30: set weights miner-1 100.0%"},
		{status.Event{Kind: status.Phase, Role: string(LogicValidator), Window: 2, Phase: "ranking"}, "round 2: ranking"},
	} {
		if got := scribe.Line(c.e); !strings.HasSuffix(got, c.want) {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	for kind, least := range map[status.Kind]Verbosity{status.Graded: 2, status.Answered: 2, LogicWeights: 0} {
		for v := range Verbosity(3) {
			if got := v.Shows(status.Event{Kind: kind}, 0); got != (v >= least) {
				t.Errorf("%s is shown at %d: %v", kind, v, got)
			}
		}
	}
}
