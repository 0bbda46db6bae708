package problems

import (
	"testing"
	"time"

	"github.com/nanteos/nanteos/internal/cpython"
)

// FuzzRead gives foreign texts to every generator: a text that one reads must be answered, at once, and be written back as it was.
func FuzzRead(f *testing.F) {
	for _, g := range Generators() {
		r := cpython.NewRandFromUint64(uint64(g.ID))
		for range 2 {
			if q, _, err := g.Generate(r, nil); err == nil {
				f.Add(q)
			}
		}
	}
	f.Add("$0$ % $0 = $")
	f.Add(`$999999999999999^{999999999999999}=$`)
	f.Add(`Find the point of intersection of the two lines: $y = \frac{0}{1}x$ and $y = x$`)
	f.Fuzz(func(t *testing.T, question string) {
		for _, g := range Generators() {
			begin := time.Now()
			a, ok := g.Read(question)
			if !ok {
				continue
			}
			if q, answer := g.Write(a); q != question || answer == "" {
				t.Errorf("%s: %q is read as %v and written as %q -> %q", g.Name, question, a, q, answer)
			} else if g.Check != nil {
				g.Check(a, answer)
				g.Check(a, question)
			}
			if d := time.Since(begin); d > 5*time.Second {
				t.Errorf("%s: %q took %v", g.Name, question, d)
			}
		}
	})
}
