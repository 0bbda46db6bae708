package base

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/model/tokenizer"
)

func TestVocabularyIsTheTokenizer(t *testing.T) {
	v := NewVocabulary()
	tok, err := tokenizer.New(v.Spec())
	if err != nil {
		t.Fatal(err)
	}
	if eos, ok := tok.EOS(); !ok || eos != v.EOS() {
		t.Errorf("end token is %d in the tokenizer, %d in the vocabulary", eos, v.EOS())
	}
	if p, ok := tok.Pad(); !ok || p != v.Pad() {
		t.Errorf("padding is %d in the tokenizer, %d in the vocabulary", p, v.Pad())
	}
	if tok.VocabSize() != v.Size() {
		t.Errorf("tokenizer has %d tokens, vocabulary %d", tok.VocabSize(), v.Size())
	}
	texts := []string{
		"", "x", "x11 x12 x1", "  (x5", "  (  (x5", " OR NOT x1 OR", "(NOT x11 OR x10 OR NOT x1)\n", "\n1.\n15.\n16.",
		"<|im_start|", "<|im_start|><|im_end|>", "Grüße, 世界 🙂", "0 1 0 1", " => x3=1 => holds", "a\r\n\tb", "<SOLUTION>0</SOLUTION",
	}
	m := Mixture{Arithmetic: 0.2, Uniform: 0.5, MaxVariables: 11, Careless: 0.3}
	for n := range int64(200) {
		texts = append(texts, v.Decode(m.Example(v, 5, n).Tokens))
	}
	for _, text := range texts {
		ids := v.Encode(text)
		if got := tok.Encode(text, true); !slices.Equal(got, ids) {
			t.Fatalf("%q: tokenizer gives %v, vocabulary %v", text, got, ids)
		}
		if back := v.Decode(ids); back != text {
			t.Fatalf("%q comes back as %q", text, back)
		}
		if back := tok.Decode(ids, false); back != text {
			t.Fatalf("%q comes back from the tokenizer as %q", text, back)
		}
	}
}

func TestVocabularyIsConsistent(t *testing.T) {
	v := NewVocabulary()
	seen := map[string]bool{}
	for i, tok := range v.tokens {
		if seen[tok.text] {
			t.Errorf("token %d repeats %q", i, tok.text)
		}
		seen[tok.text] = true
		if i < 256 && !bytes.Equal([]byte(tok.text), []byte{byte(i)}) {
			t.Errorf("token %d is %q, want the byte", i, tok.text)
		}
	}
	if !slices.EqualFunc(v.tokens, NewVocabulary().tokens, func(a, b token) bool { return a.text == b.text && slices.Equal(a.features, b.features) }) {
		t.Error("two vocabularies differ")
	}
	if s := v.Decode([]int32{-1, 65, int32(v.Size())}); s != "A" {
		t.Errorf("ids outside the table decode as %q, want them left out", s)
	}
}

// A clause is three tokens in the prompt and its step is five in the answer,
// whatever the literals: the walk finds its literals by distance.
func TestFixedLengths(t *testing.T) {
	v := NewVocabulary()
	for n := range int64(100) {
		r := source(3, n)
		p := randomProblem(r, true, maxVariables)
		prompt := v.Encode(render(p.prompt()))
		bare := p
		bare.clauses = nil
		if got := len(prompt) - len(v.Encode(render(bare.prompt()))); got != 3*len(p.clauses) {
			t.Fatalf("%d clauses take %d tokens", len(p.clauses), got)
		}
		text, _ := p.solve(r, 0)
		want := 1 + 5*len(p.clauses) + 1 + 1 + 1 + p.variables + 2
		if got := len(v.Encode(text)); got != want {
			t.Fatalf("answer takes %d tokens, want %d:\n%s", got, want, text)
		}
	}
}

func FuzzEncode(f *testing.F) {
	v := NewVocabulary()
	tok, err := tokenizer.New(v.Spec())
	if err != nil {
		f.Fatal(err)
	}
	f.Add("  (x1 OR NOT x2 OR x3)\n")
	f.Add("<|im_start|>user\nWhat is 1 + 2?<|im_end|>")
	f.Fuzz(func(t *testing.T, text string) {
		text = strings.ToValidUTF8(text, "?")
		ids := v.Encode(text)
		if v.Decode(ids) != text {
			t.Fatalf("%q doesn't survive", text)
		}
		if got := tok.Encode(text, false); !slices.Equal(got, ids) {
			t.Fatalf("%q: tokenizer %v, vocabulary %v", text, got, ids)
		}
	})
}
