package base

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
)

// The examples of the released plan never change: a digest over some of each phase.
func TestExamplesAreReproducible(t *testing.T) {
	v, plan := NewVocabulary(), DefaultPlan(1)
	for _, c := range []struct {
		name string
		Mixture
		digest string
	}{
		{"few variables", plan.Phases[0].Mixture, "54f15c142f0562e4"},
		{"full range", plan.Phases[1].Mixture, "f0d9ec2357af76a0"},
		{"careless decisions", plan.Phases[2].Mixture, "0c192fa098436199"},
		{"sums", Mixture{Arithmetic: 1, MaxVariables: 11}, "6fcf7247f0e0bc09"},
	} {
		h := sha256.New()
		for n := range int64(100) {
			e := c.Example(v, 1, n)
			if err := binary.Write(h, binary.LittleEndian, append(e.Tokens, int32(e.PromptLength))); err != nil {
				t.Fatal(err)
			}
		}
		if got := hex.EncodeToString(h.Sum(nil)[:8]); got != c.digest {
			t.Errorf("%s: examples have digest %s, want %s", c.name, got, c.digest)
		}
		a, b := c.Example(v, 1, 77), c.Example(v, 1, 77)
		if !slices.Equal(a.Tokens, b.Tokens) {
			t.Errorf("%s: example 77 differs from itself", c.name)
		}
		if other := c.Example(v, 2, 77); slices.Equal(a.Tokens, other.Tokens) {
			t.Errorf("%s: seeds 1 and 2 have the same example", c.name)
		}
	}
}

func TestExamplesAreWellFormed(t *testing.T) {
	v := NewVocabulary()
	m := Mixture{Arithmetic: 0.1, Uniform: 0.5, MaxVariables: 11, Careless: 0.5}
	sums := 0
	for n := range int64(1000) {
		e := m.Example(v, 9, n)
		prompt, answer := v.Decode(e.Tokens[:e.PromptLength]), v.Decode(e.Tokens[e.PromptLength:])
		switch {
		case !strings.HasSuffix(prompt, imStart+"assistant\n"):
			t.Fatalf("prompt ends otherwise:\n%s", prompt)
		case !strings.HasPrefix(answer, thinkOpen) || !strings.HasSuffix(answer, answerClose+imEnd):
			t.Fatalf("answer has another form:\n%s", answer)
		case len(e.Tokens)-e.PromptLength < 32:
			t.Fatalf("answer has %d tokens, the protocol wants 32:\n%s", len(e.Tokens)-e.PromptLength, answer)
		case len(e.Tokens) > 200:
			t.Fatalf("example has %d tokens", len(e.Tokens))
		}
		if strings.Contains(prompt, wordWhat) {
			sums++
		}
	}
	if sums < 70 || sums > 130 {
		t.Errorf("%d of 1000 examples are sums, want about 100", sums)
	}
}
