package grade

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"
)

// load reads a file of testdata into v, which must have all its fields.
func load(t testing.TB, path string, v any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		t.Fatalf("couldn't decode %s: %v", path, err)
	}
}

// TestHonestAnswers holds the filter against answers that mean no harm.
func TestHonestAnswers(t *testing.T) {
	var v struct {
		About string
		Cases []honest
	}
	load(t, "testdata/honest.json", &v)
	for _, c := range v.Cases {
		task := Task{Question: c.Question, Truth: c.Truth}
		if f := Inspect(task, c.Answer); f.Attack != None {
			t.Errorf("%q is taken for %s (sure %v)", c.Answer, f.Attack, f.Sure)
		}
		if wordy(task, c.Answer) {
			t.Errorf("%q is too wordy", c.Answer)
		}
	}
	if len(v.Cases) < 50 {
		t.Errorf("only %d honest answers", len(v.Cases))
	}
}

// honest is a task with one answer.
type honest struct{ Question, Truth, Answer string }
