package kernel

import (
	"errors"
	"slices"
	"testing"
)

func TestSetISA(t *testing.T) {
	defer SetISA("")
	names := ISAs()
	if names[len(names)-1] != Generic {
		t.Fatalf("ISAs() = %v, want generic last", names)
	}
	if ISA() != names[0] {
		t.Errorf("ISA() = %q at start, want the fastest, %q", ISA(), names[0])
	}
	for _, name := range names {
		if err := SetISA(name); err != nil || ISA() != name {
			t.Errorf("SetISA(%q): %v, now %q", name, err, ISA())
		}
	}
	for _, name := range []string{"avx1024", "AVX2", AVX512, AVX2} {
		if slices.Contains(names, name) {
			continue
		}
		if err := SetISA(name); !errors.Is(err, ErrISA) {
			t.Errorf("SetISA(%q) = %v, want ErrISA", name, err)
		}
		if ISA() != Generic {
			t.Errorf("a refused SetISA changed the set to %q", ISA())
		}
	}
	if err := SetISA(""); err != nil || ISA() != names[0] {
		t.Errorf("SetISA(\"\"): %v, now %q, want %q", err, ISA(), names[0])
	}
}
