package problems

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

var secret = []byte("a secret of thirty-two bytes ...")

func mustSource(t *testing.T, secret []byte, o Options) *Source {
	t.Helper()
	s, err := NewSource(secret, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustNext(t *testing.T, s *Source) Problem {
	t.Helper()
	p, err := s.Next()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestSourcePoses holds thousands of questions against what a validator relies on: no repetition, every kind, framed, answered.
func TestSourcePoses(t *testing.T) {
	s := mustSource(t, secret, Options{})
	const n = 3000
	texts, kinds := map[string]bool{}, map[string]int{}
	for range n {
		p := mustNext(t, s)
		if texts[p.Question] {
			t.Fatalf("posed twice: %q", p.Question)
		}
		texts[p.Question] = true
		kinds[p.Generator]++
		if !strings.HasPrefix(p.Question, "Find the solution of this math problem:\n---\nTopic: ") || strings.Contains(p.Question, "$") {
			t.Fatalf("badly framed: %q", p.Question)
		}
		if p.Answer == "" || strings.Contains(p.Answer, "$") || len(p.Answer) > longest {
			t.Fatalf("badly answered: %q -> %q", p.Question, p.Answer)
		}
	}
	if want := len(Hardened()); len(kinds) != want {
		t.Errorf("%d kinds of question in %d, want all %d", len(kinds), n, want)
	}
	for kind, count := range kinds {
		if count > 4*n/len(kinds) {
			t.Errorf("%s was drawn %d times of %d", kind, count, n)
		}
	}
	if s.Rejected() > n/50 {
		t.Errorf("%d answers failed their check", s.Rejected())
	}
	if s.Index() < n {
		t.Errorf("index %d after %d questions", s.Index(), n)
	}
	t.Logf("%d kinds, %d rejected", len(kinds), s.Rejected())
}

func TestSourceIsSecretAndRepeatable(t *testing.T) {
	one := mustSource(t, secret, Options{})
	var first []Problem
	for range 50 {
		first = append(first, mustNext(t, one))
	}
	again := mustSource(t, bytes.Clone(secret), Options{})
	for i, want := range first {
		if got := mustNext(t, again); got != want {
			t.Fatalf("question %d: %+v, want %+v", i, got, want)
		}
	}
	later := mustSource(t, secret, Options{Next: first[30].Index})
	if got := mustNext(t, later); got != first[30] {
		t.Errorf("from index 30: %+v, want %+v", got, first[30])
	}
	changed := bytes.Clone(secret)
	changed[0]++
	other := mustSource(t, changed, Options{})
	same := 0
	for _, p := range first {
		if mustNext(t, other).Text == p.Text {
			same++
		}
	}
	if same > 0 {
		t.Errorf("%d of %d questions are the same under another secret", same, len(first))
	}
}

func TestSourceForgetsNothingAcrossRestarts(t *testing.T) {
	memory := NewRecent(1000)
	seen := map[Digest]bool{}
	for range 3 { // each time from index 0, as if the index was lost
		s := mustSource(t, secret, Options{Memory: memory})
		for range 40 {
			p := mustNext(t, s)
			if seen[p.Digest] {
				t.Fatalf("posed again: %q", p.Text)
			}
			seen[p.Digest] = true
		}
	}
}

func TestSourceOfOneKind(t *testing.T) {
	s := mustSource(t, secret, Options{})
	for _, kind := range s.Kinds() {
		p, err := s.NextOf(kind)
		if err != nil || p.Generator != kind {
			t.Errorf("%s: %+v, %v", kind, p, err)
		}
	}
	if _, err := s.NextOf("phrenology"); err == nil {
		t.Error("poses questions of phrenology")
	}
}

func TestSourceIsExhausted(t *testing.T) {
	g, _ := ByName("third_angle_of_triangle")
	small := *g
	small.Wide = Params{"max_angle": 2}
	s := mustSource(t, secret, Options{Generators: []*Generator{&small}})
	n := 0
	for {
		if _, err := s.Next(); err != nil {
			if !errors.Is(err, ErrExhausted) {
				t.Errorf("error %v, want ErrExhausted", err)
			}
			break
		}
		n++
	}
	if n != 4 {
		t.Errorf("posed %d questions of 4", n)
	}
}

// TestSourceDropsWrongAnswers breaks a generator: its answers must not reach a miner.
func TestSourceDropsWrongAnswers(t *testing.T) {
	g, _ := ByName("addition")
	broken := *g
	broken.Answer = func(a Args) string { return dollars(a[0] + a[1] + 1) }
	s := mustSource(t, secret, Options{Generators: []*Generator{&broken}})
	if p, err := s.Next(); !errors.Is(err, ErrExhausted) || s.Rejected() == 0 {
		t.Errorf("posed %+v, %v; rejected %d", p, err, s.Rejected())
	}
}

func TestNewSourceRefuses(t *testing.T) {
	if _, err := NewSource(secret[:MinSecret-1], Options{}); !errors.Is(err, ErrSecret) {
		t.Errorf("a short secret: %v, want ErrSecret", err)
	}
	if _, err := NewSource(nil, Options{}); !errors.Is(err, ErrSecret) {
		t.Errorf("no secret: %v, want ErrSecret", err)
	}
	for _, name := range []string{"nth_fibonacci_number", "valid_triangle", "basic_trigonometry"} {
		g, ok := ByName(name)
		if !ok {
			t.Fatalf("no generator %s", name)
		}
		if _, err := NewSource(secret, Options{Generators: []*Generator{g}}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

type failing struct{}

var errDisk = errors.New("disk full")

func (failing) Add(Digest) (bool, error) { return false, errDisk }

func TestSourceReportsItsMemory(t *testing.T) {
	s := mustSource(t, secret, Options{Memory: failing{}})
	if _, err := s.Next(); !errors.Is(err, errDisk) {
		t.Errorf("error %v, want the memory's", err)
	}
}

func TestRecentIsBounded(t *testing.T) {
	m := NewRecent(3)
	digest := func(i int) (d Digest) { copy(d[:], fmt.Sprint(i)); return d }
	for i := range 5 {
		if fresh, _ := m.Add(digest(i)); !fresh {
			t.Errorf("%d is not fresh", i)
		}
		if fresh, _ := m.Add(digest(i)); fresh {
			t.Errorf("%d is fresh twice", i)
		}
	}
	if len(m.known) != 3 || len(m.ring) != 3 {
		t.Errorf("remembers %d and %d, want 3", len(m.known), len(m.ring))
	}
	for i, fresh := range []bool{true, true, true} { // 0, 1 and then 2 were forgotten, each addition forgets the oldest
		if got, _ := m.Add(digest(i)); got != fresh {
			t.Errorf("%d: fresh %v, want %v", i, got, fresh)
		}
	}
}

func TestSoundAndHardened(t *testing.T) {
	names := func(gs []*Generator) (n []string) {
		for _, g := range gs {
			n = append(n, g.Name)
		}
		return n
	}
	sound, hard := names(Sound()), names(Hardened())
	for _, name := range []string{"divide_fractions", "power_rule_integration", "fibonacci_series", "nth_fibonacci_number", "data_summary"} {
		if slices.Contains(sound, name) {
			t.Errorf("%s is said to be sound", name)
		}
	}
	for _, name := range hard {
		if !slices.Contains(sound, name) {
			t.Errorf("%s is hardened but not sound", name)
		}
	}
	for i, g := range Generators() {
		if i > 0 && g.ID <= Generators()[i-1].ID {
			t.Errorf("id %d follows %d", g.ID, Generators()[i-1].ID)
		}
		if h, ok := ByName(g.Name); !ok || h != g {
			t.Errorf("%s is not found by its name", g.Name)
		}
	}
	if _, ok := ByName("astrology"); ok {
		t.Error("knows astrology")
	}
}
