package jinja

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"testing"

	"github.com/nanteos/nanteos/internal/cpython"
)

// golden is what testdata/golden.py recorded of Python's Jinja.
type golden struct {
	Variables json.RawMessage
	Cases     []struct {
		Template    string
		Text, Error *string
	}
}

func readGolden(t testing.TB) (g golden, vars map[string]any) {
	t.Helper()
	b, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&g); err != nil {
		t.Fatal(err)
	}
	v, err := cpython.ParseJSON(g.Variables, cpython.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	vars = map[string]any{}
	for _, m := range v.Members() {
		vars[m.Key] = m.Value
	}
	return g, vars
}

// TestGolden compares with Python: the same text, or an error where Python has one. What isn't supported may fail, but never differ.
func TestGolden(t *testing.T) {
	g, vars := readGolden(t)
	unsupported := 0
	for _, c := range g.Cases {
		tmpl, err := Parse(c.Template)
		var got string
		if err == nil {
			got, err = tmpl.Render(vars, Options{})
		}
		switch {
		case c.Text != nil && errors.Is(err, ErrUnsupported):
			unsupported++
			t.Logf("left out: %q: %v", c.Template, err)
		case c.Text != nil && (err != nil || got != *c.Text):
			t.Errorf("%q\n got %q (%v)\nwant %q", c.Template, got, err, *c.Text)
		case c.Text == nil && err == nil:
			t.Errorf("%q gave %q; Python fails with %s", c.Template, got, *c.Error)
		}
	}
	t.Logf("%d cases, %d left out", len(g.Cases), unsupported)
	if unsupported*20 > len(g.Cases) {
		t.Errorf("%d of %d cases are left out", unsupported, len(g.Cases))
	}
}
