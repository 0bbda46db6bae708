package challenge

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

type dice struct{ *rand.Rand }

func (d dice) Below(n int) int { return d.IntN(n) }

func testRand() Rand { return dice{rand.New(rand.NewPCG(35, 1))} }

// TestPick draws until every profile, mood and tone must have come, each about as often.
func TestPick(t *testing.T) {
	r := testRand()
	count := map[string]int{}
	const n = 21 * 6 * 200
	for range n {
		p := Pick(r)
		count["profile "+p.Profile]++
		count["mood "+p.Mood]++
		count["tone "+p.Tone]++
	}
	if len(count) != len(Profiles())+len(Moods())+len(Tones()) {
		t.Errorf("%d different", len(count))
	}
	for name, c := range count {
		want := n / 6
		if strings.HasPrefix(name, "profile") {
			want = n / 21
		}
		if c < want*8/10 || c > want*12/10 {
			t.Errorf("%s: %d times, want about %d", name, c, want)
		}
	}
}

func TestPersonas(t *testing.T) {
	for _, n := range []int{-1, 0, 1, 8, 64, 756, 800} {
		all := Personas(testRand(), n)
		if len(all) != max(0, n) {
			t.Errorf("%d of %d", len(all), n)
		}
		seen := map[Persona]int{}
		for _, p := range all {
			if seen[p]++; seen[p] > 1+n/757 {
				t.Errorf("%+v twice in %d", p, n)
			}
			if !slices.Contains(Profiles(), p.Profile) || !slices.Contains(Moods(), p.Mood) || !slices.Contains(Tones(), p.Tone) {
				t.Errorf("%+v", p)
			}
		}
	}
}

// TestListsAreCopies changes what was given out.
func TestListsAreCopies(t *testing.T) {
	for _, list := range []func() []string{Profiles, Moods, Tones} {
		list()[0] = "changed"
		if list()[0] == "changed" {
			t.Error("a list can be changed from outside")
		}
	}
}

func TestTypo(t *testing.T) {
	const q = `What is the distance 12345 of Montréal, thirteen \frac{1}{2} plus shift over hift?`
	if got := SafeTypoWords(q); !slices.Equal(got, []string{"What", "distance", "shift", "over"}) {
		t.Errorf("%q", got)
	}
	r := testRand()
	for range 500 {
		typo, ok := DrawTypo(r, SafeTypoWords(q))
		changed := typo.Apply(q)
		if !ok || len(changed) != len(q)+1 || typo.Pos < 1 || typo.Pos > len(typo.Word)-2 || typo.Letter < 'a' || typo.Letter > 'z' {
			t.Fatalf("%+v: %q", typo, changed)
		}
		if err := CheckNumbers(q, changed); err != nil {
			t.Errorf("%q: %v", changed, err)
		}
	}
	if _, ok := DrawTypo(r, nil); ok {
		t.Error("a typo without a word")
	}
	for _, typo := range []Typo{{}, {"What", 5, 'x'}, {"What", -1, 'x'}, {"nowhere", 2, 'x'}} {
		if got := typo.Apply(q); got != q {
			t.Errorf("%+v: %q", typo, got)
		}
	}
}

func TestUnwanted(t *testing.T) {
	if !Unwanted("mistralai/Mistral-7B-Instruct") || Unwanted("Qwen/Qwen2.5-7B-Instruct") || Unwanted("") {
		t.Error("the wrong models are unwanted")
	}
}

func TestSelectKinds(t *testing.T) {
	pool := map[string]int{OpenAI: 1, VLLM: 2}
	for task, want := range map[string]int{CreateTask: 2, ScoreTask: 1, "": 1} {
		if got, err := Select(pool, task); err != nil || got != want {
			t.Errorf("%s: %d, %v", task, got, err)
		}
	}
	if _, err := Select[int](nil, CreateTask); !errors.Is(err, ErrNoModel) {
		t.Error(err)
	}
}
