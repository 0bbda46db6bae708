package bittensor_test

import (
	"os"
	"strings"
	"testing"
)

// TestDocs holds the samples of docs/bittensor.md to functions that are compiled and run here.
func TestDocs(t *testing.T) {
	doc, err := os.ReadFile("../docs/bittensor.md")
	if err != nil {
		t.Fatal(err)
	}
	var sources []string
	for _, file := range []string{"example_test.go", "axon/example_test.go"} {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, flat(string(b)))
	}
	n := 0
	for i, part := range strings.Split(string(doc), "```go\n") {
		if i == 0 {
			continue
		}
		sample, _, ok := strings.Cut(part, "```")
		if !ok {
			t.Fatal("a sample does not end")
		}
		n++
		found := false
		for _, s := range sources {
			found = found || strings.Contains(s, flat(sample))
		}
		if !found {
			t.Errorf("no such code in the tests:\n%s", sample)
		}
	}
	if n == 0 {
		t.Error("no samples")
	}
}

// flat takes the indentation away, which depends on what is around a sample.
func flat(code string) string {
	var b strings.Builder
	for line := range strings.Lines(strings.TrimSpace(code)) {
		b.WriteString(strings.TrimSpace(line) + "\n")
	}
	return b.String()
}
