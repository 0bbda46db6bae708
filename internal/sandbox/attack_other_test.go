//go:build !linux || !(amd64 || arm64)

package sandbox

import (
	"errors"
	"os"
	"testing"
)

func runAttack(string, []string) { os.Exit(2) }

// TestOtherPlatforms: never unsandboxed.
func TestOtherPlatforms(t *testing.T) {
	if _, err := Start(t.Context(), Spec{Path: "/bin/true"}); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("Start: %v", err)
	}
	if r := Probe(t.Context()); r.OK {
		t.Fatalf("Probe: %+v", r)
	}
}
