package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain makes the program itself a command of the scripts.
func TestMain(m *testing.M) {
	testscript.Main(cleaning{m}, map[string]func(){"nanteos": main})
}

// cleaning removes the evidence when all tests are done.
type cleaning struct{ m *testing.M }

func (c cleaning) Run() int {
	made := false
	evidence = func(f func() (string, error)) func() (string, error) {
		return func() (string, error) { made = true; return f() }
	}(evidence)
	code := c.m.Run()
	if made {
		if dir, err := evidence(); err == nil {
			os.RemoveAll(dir)
		}
	}
	return code
}

// TestScripts runs the contracts of the commands: what they print, on which stream, and how they exit.
func TestScripts(t *testing.T) {
	dir := evidenceFolder(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("EVIDENCE", dir)
			e.Setenv("XDG_CACHE_HOME", filepath.Join(e.WorkDir, "cache"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "field": field, "plain": plain},
	})
}

// exits is `exits CODE program args...`: the program runs and exits with the code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 || neg {
		ts.Fatalf("usage: exits code program args...")
	}
	err, got := ts.Exec(args[1], args[2:]...), 0
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if fmt.Sprint(got) != args[0] {
		ts.Fatalf("exited with %d, not %s", got, args[0])
	}
}

// field is `field stdout|FILE key value`: a top-level field of a JSON object, as JSON.
func field(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: field file key value")
	}
	var object map[string]json.RawMessage
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &object))
	var b bytes.Buffer
	if raw, ok := object[args[1]]; ok {
		ts.Check(json.Compact(&b, raw))
	}
	if (b.String() == args[2]) == neg {
		ts.Fatalf("%s is %s", args[1], b.String())
	}
}

// plain is `plain FILE`: the text holds no control character but line ends, and nothing that turns writing around.
func plain(ts *testscript.TestScript, neg bool, args []string) {
	for _, r := range ts.ReadFile(args[0]) {
		if bad := r != '\n' && r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e; bad {
			ts.Fatalf("%s holds %U", args[0], r)
		}
	}
}
