package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// nanteos runs a command in this process and returns what it printed.
func nanteos(t *testing.T, args ...string) (stdout string, err error) {
	t.Helper()
	var out, errs bytes.Buffer
	root := newRoot(terminal{out: &out, err: &errs, program: "nanteos"})
	root.SetArgs(args)
	err = root.ExecuteContext(context.Background())
	return out.String(), err
}

// TestJSONContract holds the paths of all fields of --json to the list in testdata: who takes a field away or changes its type breaks
// somebody's program. Files that are refused, explained and accepted together show all fields.
func TestJSONContract(t *testing.T) {
	dir := evidenceFolder(t)
	paths := map[string]bool{}
	for _, args := range [][]string{
		{"preflight", "window-30/miner-1.parquet"}, {"preflight", "window-30/zero-sketch.parquet"}, {"preflight", "window-30/false-reward.parquet"},
		{"preflight", "window-30/advantage.parquet"}, {"preflight", "window-30/truncated.parquet"}, {"explain", "window-30/zero-sketch.parquet"},
		{"explain", "window-30/copier.parquet", "0"},
	} {
		args[1] = filepath.Join(dir, args[1])
		out, _ := nanteos(t, append(args, "--json")...)
		var v any
		if err := json.Unmarshal([]byte(out), &v); err != nil {
			t.Fatalf("%v printed no JSON: %v\n%s", args, err, out)
		}
		walkJSON(v, "", paths)
	}
	got := strings.Join(slices.Sorted(maps.Keys(paths)), "\n") + "\n"
	const name = "testdata/json-fields.txt"
	if os.Getenv("NANTEOS_RECORD") != "" {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the fields have changed. Added ones belong into %s (NANTEOS_RECORD=1 writes it) and docs/verify-a-window-file.md.\ngot:\n%s", name, got)
	}
	// Every field is written down.
	doc, err := os.ReadFile("../../docs/verify-a-window-file.md")
	if err != nil {
		t.Fatal(err)
	}
	for path := range paths {
		field := path[strings.LastIndex(path, ".")+1:]
		field, _, _ = strings.Cut(field, " ")
		field = strings.TrimSuffix(field, "[]")
		if strings.HasPrefix(path, "report.reports[].grade.components.") || strings.HasPrefix(path, "report.soft_") {
			continue // names of parts and of checks, not of fields
		}
		if !strings.Contains(string(doc), "`"+field+"`") {
			t.Errorf("docs/verify-a-window-file.md doesn't tell of `%s` (%s)", field, path)
		}
	}
}

// walkJSON notes the path and type of every value.
func walkJSON(v any, at string, paths map[string]bool) {
	kind := fmt.Sprintf("%T", v)
	switch x := v.(type) {
	case map[string]any:
		for k, e := range x {
			walkJSON(e, strings.TrimPrefix(at+"."+k, "."), paths)
		}
		return
	case []any:
		for _, e := range x {
			walkJSON(e, at+"[]", paths)
		}
		return
	case float64:
		kind = "number"
	}
	paths[at+" "+kind] = true
}

// TestJSONNumbers writes what JSON has no numbers for.
func TestJSONNumbers(t *testing.T) {
	nan, zero := number(0), number(0)
	nan /= zero
	b, err := json.Marshal([]number{1.5, nan, 1 / zero, -1 / zero})
	if err != nil || string(b) != `[1.5,"NaN","Infinity","-Infinity"]` {
		t.Errorf("%s, %v", b, err)
	}
}

// TestColours paints verdicts on terminals only.
func TestColours(t *testing.T) {
	file := filepath.Join(evidenceFolder(t), "window-30", "zero-sketch.parquet")
	for _, colour := range []bool{false, true} {
		var out bytes.Buffer
		root := newRoot(terminal{out: &out, err: &out, program: "nanteos", colour: colour})
		root.SetArgs([]string{"explain", file})
		if err := root.ExecuteContext(context.Background()); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(out.String(), "\x1b[31m") != colour {
			t.Errorf("with colour %v:\n%s", colour, out.String())
		}
	}
}
