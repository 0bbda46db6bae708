package sandbox

import (
	"os"
	"testing"
)

// TestMain lets the test binary be what is run inside: a second argument after attackFlag names the attack.
func TestMain(m *testing.M) {
	if len(os.Args) >= 3 && os.Args[1] == attackFlag {
		runAttack(os.Args[2], os.Args[3:])
	}
	os.Exit(m.Run())
}

const attackFlag = "nanteos-sandbox-attack"
