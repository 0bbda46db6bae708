package challenge

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzCheckNumbers holds the check against any text: a text is itself; it is no longer when a digit changes, a number comes or all numbers go.
func FuzzCheckNumbers(f *testing.F) {
	for _, s := range append(generated(f)[:60:60], apples, `2\frac{1}{2}`, "5 - -3", "1,234,567.50%", "twenty-one and one half", "x²⁻³ ½ Ⅷ ①", `\frac\frac{1}{`,
		"**5** 2**3", "Find the solution of this math problem:\n---\nTopic: A, Subtopic: B.\n12+40=\n---\n") {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 2000 {
			return
		}
		if err := CheckNumbers(s, s); err != nil {
			t.Fatalf("%q is not itself: %v", s, err)
		}
		if err := CheckNumbersAnyOrder(s, s); err != nil {
			t.Fatalf("%q is not itself in any order: %v", s, err)
		}
		inner := unframed(s)
		if CheckNumbers(inner, inner+" . Also 31337 .") == nil {
			t.Errorf("%q takes a number", inner)
		}
		if len(numbersOf([]rune(plain(inner)))) > 0 && CheckNumbers(inner, "no numbers at all") == nil {
			t.Errorf("%q loses its numbers", inner)
		}
		for i := range len(inner) {
			if inner[i] < '0' || inner[i] > '9' {
				continue
			}
			b := []byte(inner)
			b[i] = '0' + (b[i]-'0'+1)%10
			if changed := string(b); changed == unframed(changed) && CheckNumbers(inner, changed) == nil {
				t.Errorf("%q became %q", inner, b)
			}
		}
		if utf8.ValidString(s) {
			_ = Check(Task{Question: "What is 2+2?", Answer: "4"}, s)
			_ = Check(Task{Question: s, Answer: strings.ToUpper(s)}, s)
		}
		_ = tidy(s, "What is 2+2?")
		for _, w := range SafeTypoWords(s) {
			for at := 1; at < len(w)-1; at++ {
				changed := Typo{Word: w, Pos: at, Letter: 'q'}.Apply(s)
				if len(changed) != len(s)+1 {
					t.Errorf("%q became %q", s, changed)
				}
			}
		}
	})
}

// FuzzParseTask reads what a pool might send.
func FuzzParseTask(f *testing.F) {
	f.Add([]byte(`{"question": "What is 2+2?", "answer": " $4$ "}`))
	f.Add([]byte(`{"question": "Which?", "answer": {"a": [1.5, null, true]}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		hardened, err := ParseTask(body, false)
		reference, errReference := ParseTask(body, true)
		if err == nil && (errReference != nil || hardened != reference || hardened.Answer != Clean(hardened.Answer) || len(hardened.Answer) > maxTask) {
			t.Errorf("%s: %+v and %+v, %v", body, hardened, reference, errReference)
		}
		if got, ok := Choice(string(body), "A"); ok && got[:3] != "A. " {
			t.Errorf("%q: %q", body, got)
		}
	})
}
