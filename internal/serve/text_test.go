package serve

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/model/tokenizer"
)

// TestTextStream cuts random text into the base model's tokens, mostly single bytes, and holds the pieces against the whole.
func TestTextStream(t *testing.T) {
	_, tokens := loaded()
	rng := rand.New(rand.NewPCG(1, 1))
	alphabet := []string{"a", "b", "ab", "é", "漢", "🙂", "\xff", "\xe6\xbc", "\xf0\x9f", " ", "\n"}
	for range 3000 {
		var b strings.Builder
		for range rng.IntN(12) {
			b.WriteString(alphabet[rng.IntN(len(alphabet))])
		}
		raw := b.String()
		var stops []string
		for range rng.IntN(3) {
			stops = append(stops, alphabet[rng.IntN(6)]+alphabet[rng.IntN(6)])
		}
		keep := rng.IntN(2) == 0
		s := &textStream{tokens: tokens, stops: stops, keepStop: keep}
		got, stop := "", ""
		for i := 0; i < len(raw) && stop == ""; i++ {
			var text string
			text, stop = s.add(int32(raw[i])) // the base model's first 256 tokens are the bytes
			got += text
		}
		if stop == "" {
			var text string
			text, stop = s.end()
			got += text
		}
		// The stop whose last byte comes first wins, since tokens are looked at one by one; of several that end together
		// the one that begins first.
		whole := tokenizer.Lossy(raw)
		want, wantStop := whole, ""
	search:
		for end := range len(whole) + 1 {
			at := -1
			for _, x := range stops {
				if strings.HasSuffix(whole[:end], x) && (at < 0 || end-len(x) < at) {
					at, wantStop = end-len(x), x
				}
			}
			if at >= 0 {
				if want = whole[:at]; keep {
					want = whole[:end]
				}
				break search
			}
		}
		if got != want || stop != wantStop {
			t.Fatalf("%q with stops %q: got %q by %q, want %q by %q", raw, stops, got, stop, want, wantStop)
		}
	}
}

// TestHeldBack holds what is given early: everything that can't change.
func TestHeldBack(t *testing.T) {
	_, tokens := loaded()
	s := &textStream{tokens: tokens, stops: []string{"end", "né"}}
	for _, c := range []struct{ in, want string }{{"a", "a"}, {"e", ""}, {"n", ""}, {"e", "ene"[:2]}, {"x", "ex"}, {"n", ""}, {"\xc3", ""}} {
		text, stop := s.add(int32(c.in[0]))
		if text != c.want || stop != "" {
			t.Fatalf("after %q: %q by %q, want %q", c.in, text, stop, c.want)
		}
	}
	if text, stop := s.add(0xa9); text != "" || stop != "né" {
		t.Errorf("at the end %q by %q", text, stop)
	}
}

func TestUnfinished(t *testing.T) {
	for _, c := range []struct {
		in   string
		want int
	}{{"", 0}, {"a", 0}, {"é", 0}, {"\xc3", 1}, {"a\xe6\xbc", 2}, {"\xf0\x9f\x99", 3}, {"\xff", 0}, {"\x80", 0}, {"\x80\x80\x80\x80", 0}, {"\xc0", 0}, {"\xe0\x80", 0}} {
		if got := unfinished([]byte(c.in)); got != c.want {
			t.Errorf("%q: %d, want %d", c.in, got, c.want)
		}
	}
}
