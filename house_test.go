package nanteos_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"strings"
	"testing"
)

const module = "github.com/nanteos/nanteos"

// rooms are the layers of the house from top to bottom (DESIGN.md, "Who may import whom"). A package may import packages of a
// lower layer and, where its room says so, of its own room; never upwards and never sideways into another room of the same layer.
var rooms = []struct {
	layer  int
	prefix string
	// inside says that packages of this room may import each other.
	inside bool
}{
	{0, "cmd", true},
	{0, "bench", true},
	{1, "internal/devnet", true},
	{1, "internal/operator", true},
	{2, "internal/node", true},
	{3, "internal/checkpoint", false},
	{3, "internal/evaluation", false},
	{3, "internal/serve", false},
	{3, "internal/datasets", true},
	{3, "internal/grader", false},
	{3, "internal/kerneleval", false},
	{2, "internal/environments", false},
	{4, "internal/engine", true},
	{4, "internal/bucket", true},
	{4, "internal/beacon", true},
	{4, "internal/chain", true},
	{4, "internal/subtensor", true},
	{4, "internal/hub", true},
	{4, "internal/status", true},
	{4, "task", true},
	{4, "internal/llm", true},
	{5, "logicnet", true},
	{6, "bittensor", true},
	{6, "grail", true},
	{6, "model", true},
	{7, "bittensor/ss58", false},
	{7, "internal/parquetwire", false},
	{7, "internal/sandbox", true},
	{7, "python", false},
	{7, "bittensor/sr25519", false},
	{7, "internal/cpython", false},
	{7, "internal/config", false},
}

// testing packages may be imported by tests only.
var testing_ = []string{"internal/vectortest"}

// TestHouse holds the imports of every package against the map of DESIGN.md.
func TestHouse(t *testing.T) {
	for _, p := range packages(t) {
		from := strings.TrimPrefix(p.ImportPath, module+"/")
		if p.ImportPath == module || isTesting(from) {
			continue
		}
		room := roomOf(from)
		if room < 0 {
			t.Errorf("%s has no room: give it one in DESIGN.md and in house_test.go", from)
			continue
		}
		for _, imp := range p.Imports {
			to, ours := strings.CutPrefix(imp, module+"/")
			if !ours {
				continue
			}
			if isTesting(to) {
				t.Errorf("%s imports %s, which is for tests only", from, to)
				continue
			}
			other := roomOf(to)
			if other < 0 {
				continue // reported for the package itself
			}
			switch {
			case room == other && rooms[room].inside:
			case rooms[room].layer < rooms[other].layer:
			default:
				t.Errorf("%s (%s) imports %s (%s): arrows point downwards only", from, rooms[room].prefix, to, rooms[other].prefix)
			}
		}
	}
}

type pkg struct {
	ImportPath string
	Imports    []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", "./...")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("couldn't list packages: %v\n%s", err, stderr.String())
	}
	var all []pkg
	d := json.NewDecoder(bytes.NewReader(out))
	for {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("couldn't read the package list: %v", err)
		}
		all = append(all, p)
	}
	if len(all) < 3 {
		t.Fatalf("go list found only %d packages", len(all))
	}
	return all
}

// roomOf returns the index of the most specific room that holds the package, or -1.
func roomOf(p string) int {
	best, length := -1, -1
	for i, r := range rooms {
		if (p == r.prefix || strings.HasPrefix(p, r.prefix+"/")) && len(r.prefix) > length {
			best, length = i, len(r.prefix)
		}
	}
	return best
}

func isTesting(p string) bool {
	for _, t := range testing_ {
		if p == t || path.Dir(p) == t {
			return true
		}
	}
	return false
}
