package devnet

import (
	"testing"
	"time"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/internal/status"
)

// story is a ledger with a clock.
type story struct {
	*Ledger
	members []Member
	now     time.Time
}

func newStory(t *testing.T, s Settings) *story {
	t.Helper()
	members := s.Members()
	st := &story{NewLedger(members, grail.Hardened(), 30), members, time.Unix(1_700_000_000, 0)}
	st.Begin(st.now, 30)
	return st
}

func (s *story) tell(after time.Duration, e status.Event) {
	s.now = s.now.Add(after)
	e.Time = s.now
	s.Emit(e)
}

func (s *story) verdict(validator, miner string, window int64, rollouts int, check string) {
	e := status.Event{Kind: status.Verdict, Node: validator, Window: window, Rollouts: rollouts, Checked: rollouts, Check: check}
	accepted := check == ""
	e.Accepted = &accepted
	for _, m := range s.members {
		if m.Name == miner {
			e.Hotkey = m.Address()
		}
	}
	s.tell(0, e)
}

func (s *story) standing(t *testing.T, name string) Standing {
	t.Helper()
	for _, m := range s.Picture(s.now).Members {
		if m.Name == name {
			return m
		}
	}
	t.Fatalf("no member %s", name)
	return Standing{}
}

func TestLedgerCounts(t *testing.T) {
	s := newStory(t, DefaultSettings())
	s.tell(0, status.Event{Kind: status.Start, Node: "miner-1"})
	s.tell(0, status.Event{Kind: status.Phase, Node: "miner-1", Window: 30, Phase: "generating"})
	s.tell(5*time.Second, status.Event{Kind: status.Group, Node: "miner-1", Window: 30, Rollouts: 16, Tokens: 1600})
	s.tell(5*time.Second, status.Event{Kind: status.Group, Node: "miner-1", Window: 30, Rollouts: 16, Tokens: 1400})
	s.tell(0, status.Event{Kind: status.Upload, Node: "miner-1", Window: 30, Rollouts: 32})
	s.tell(0, status.Event{Kind: status.Block, Node: "chain", Block: 71})
	m := s.standing(t, "miner-1")
	if !m.Running || m.Rollouts != 32 || m.Made != 32 || m.Uploaded != 32 || m.Phase != "generating" || m.Window != 30 {
		t.Errorf("after a window: %+v", m)
	}
	p := s.Picture(s.now)
	if p.Head != 71 || p.Window != 60 || p.Block != 12 || p.Elapsed != 10*time.Second || p.Rollouts != 3.2 || p.Tokens != 300 {
		t.Errorf("picture: %+v", p)
	}
	s.tell(0, status.Event{Kind: status.Phase, Node: "miner-1", Window: 60, Phase: "seen"})
	if m := s.standing(t, "miner-1"); m.Rollouts != 0 || m.Made != 32 {
		t.Errorf("in the next window: %+v", m)
	}
	if p := s.Picture(s.now.Add(time.Minute)); p.Rollouts != 0 {
		t.Errorf("a minute later the speed is still %v", p.Rollouts)
	}
}

func TestLedgerVerdictsAndWeights(t *testing.T) {
	s := newStory(t, DefaultSettings())
	s.tell(20*time.Second, status.Event{Kind: status.Phase, Node: "validator-1", Window: 30, Phase: "judging"})
	s.verdict("validator-1", "miner-1", 30, 48, "")
	s.verdict("validator-1", "miner-2", 30, 0, "no_file")
	s.verdict("validator-1", "copier", 30, 16, "copycat")
	if s.Done(1) {
		t.Error("done before weights are set")
	}
	s.tell(time.Second, status.Event{Kind: status.Weights, Node: "validator-1", Window: 30, Weights: map[int]float64{2: 1}})
	if !s.Done(1) || s.Done(2) {
		t.Error("not done after the weights of the only window")
	}
	if m := s.standing(t, "miner-1"); m.Accepted != 48 || m.Judged != 48 || m.Passed != 1 || m.Weight != 1 || m.Caught != nil {
		t.Errorf("miner-1: %+v", m)
	}
	if m := s.standing(t, "miner-2"); m.Windows != 0 || m.Verdict == nil || m.Caught != nil {
		t.Errorf("miner-2: %+v", m)
	}
	if m := s.standing(t, "copier"); m.Accepted != 0 || m.Judged != 16 || m.Caught == nil || m.Caught.Check != "copycat" {
		t.Errorf("copier: %+v", m)
	}
	p := s.Picture(s.now)
	if p.Totals.Windows != 1 || p.Totals.Settings != 1 || p.Totals.FirstWeights != 21*time.Second {
		t.Errorf("totals: %+v", p.Totals)
	}
	if w := p.Weighted(); len(w) != 1 || w[0].Name != "miner-1" {
		t.Errorf("weighted: %+v", w)
	}
	// Somebody who was caught and hands nothing in afterwards stays caught.
	s.verdict("validator-1", "copier", 60, 0, "no_file")
	if m := s.standing(t, "copier"); m.Caught == nil {
		t.Error("the copier is forgotten")
	}
	// Weights may take a window longer than the verdicts.
	if s.Done(2) {
		t.Error("done with the weights of the window before")
	}
	s.tell(0, status.Event{Kind: status.Phase, Node: "validator-1", Window: 60, Phase: "weights", Reason: "nobody has earned a weight yet"})
	if !s.Done(2) {
		t.Error("a window after which nobody has earned a weight must end the run too")
	}
}

func TestLedgerOfSeveralValidators(t *testing.T) {
	settings := DefaultSettings()
	settings.Validators = 2
	s := newStory(t, settings)
	for _, v := range []string{"validator-2", "validator-1"} {
		s.verdict(v, "miner-1", 30, 16, "")
		if s.Done(1) {
			t.Errorf("done when %s has not set weights", v)
		}
		s.tell(0, status.Event{Kind: status.Weights, Node: v, Window: 30, Weights: map[int]float64{3: 1}})
	}
	if !s.Done(1) {
		t.Error("not done when both have set weights")
	}
	if m := s.standing(t, "miner-1"); m.Accepted != 16 {
		t.Errorf("%d rollouts are accepted, the two judged the same 16", m.Accepted)
	}
	if p := s.Picture(s.now); p.Totals.Windows != 1 || p.Totals.Settings != 2 {
		t.Errorf("totals: %+v", p.Totals)
	}
}

func TestLedgerTrouble(t *testing.T) {
	s := newStory(t, DefaultSettings())
	s.tell(0, status.Event{Kind: status.Skipped, Node: "validator-1", Window: 0, Reason: "no checkpoint is ready"})
	s.tell(0, status.Event{Kind: status.Fault, Node: "nobody", Reason: "x"})
	s.tell(0, status.Event{Kind: status.Skipped, Node: "miner-1", Window: 60, Reason: "too slow"})
	s.tell(0, status.Event{Kind: status.Stop, Node: "miner-2", Reason: "disk is full"})
	if p := s.Picture(s.now); p.Totals.Faults != 2 {
		t.Errorf("%d faults, want those of nobody and miner-1", p.Totals.Faults)
	}
	if m := s.standing(t, "validator-1"); m.Trouble != "" {
		t.Errorf("window 0 is too early for anybody, and yet: %s", m.Trouble)
	}
	if a, b := s.standing(t, "miner-1"), s.standing(t, "miner-2"); a.Trouble != "too slow" || b.Trouble != "disk is full" || b.Running {
		t.Errorf("%+v, %+v", a, b)
	}
}

func TestReportCheck(t *testing.T) {
	honest := MinerReport{Standing: Standing{Name: "miner-1"}, Honest: true}
	good := honest
	good.Accepted = 16
	refused := honest
	refused.Caught = &Caught{Check: "proof_valid", Reason: "too far"}
	cheater := MinerReport{Standing: Standing{Name: "copier", Accepted: 16}}
	for _, c := range []struct {
		name   string
		miners []MinerReport
		want   string
	}{
		{"nobody", nil, ""}, {"cheaters only", []MinerReport{cheater}, ""}, {"good", []MinerReport{good, honest}, ""},
		{"idle", []MinerReport{honest, cheater}, "no file was handed in"}, {"refused", []MinerReport{refused}, "miner-1 failed proof_valid: too far"},
	} {
		err := Report{Miners: c.miners}.check()
		switch {
		case c.want == "" && err != nil, c.want != "" && err == nil:
			t.Errorf("%s: %v", c.name, err)
		case err != nil && hintOf(err) == "":
			t.Errorf("%s: no hint", c.name)
		}
	}
}
