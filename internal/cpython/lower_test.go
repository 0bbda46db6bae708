package cpython

import (
	"strings"
	"testing"
)

// TestLower holds values of CPython 3.12.
func TestLower(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"", ""},
		{"ABC x", "abc x"},
		{"İ", "i̇"},
		{"K", "k"},
		{"Σ", "σ"},
		{"AΣ", "aς"},
		{"AΣB", "aσb"},
		{"AΣ.", "aς."},
		{"AΣ.B", "aσ.b"},
		{"A'Σ B", "a'ς b"},
		{"ΑΣ\u0301", "ας\u0301"},
		{"1Σ", "1σ"},
		{"ΣΣ", "σς"},
		{"ÀÉ Ω ẞ Ǆ ǅ", "àé ω ß ǆ ǆ"},
		{"A\xed\xa0\x80Σ", "a\xed\xa0\x80σ"},
		{"É\xffX", "é\xffx"},
	} {
		if got := Lower(test.text); got != test.want {
			t.Errorf("%q: got %q, want %q", test.text, got, test.want)
		}
	}
}

func FuzzLower(f *testing.F) {
	f.Add("AΣİ\xed\xa0\x80")
	f.Fuzz(func(t *testing.T, s string) {
		low := Lower(s)
		if got := Lower(low); got != low && !strings.ContainsAny(s, "Σσς") {
			t.Fatalf("%q lowers to %q, and that to %q", s, low, got)
		}
		if len(low) > 2*len(s) {
			t.Fatalf("%q grew to %q", s, low)
		}
	})
}
