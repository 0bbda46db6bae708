package verify

import (
	"context"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/grail"
)

// Problems from another dataset fail at the prompt, or at the reward where only the answers differ. Both say what lies behind it.
func TestDatasetsThatDiffer(t *testing.T) {
	ours, theirs := strings.Repeat("a", 64), strings.Repeat("b", 64)
	b := newBench(grail.Hardened())
	rows := b.rows(t, 0)
	check := func(window, file string, spoil func(*grail.Row)) *FileReport {
		t.Helper()
		all := append([]grail.Row(nil), rows...)
		if spoil != nil {
			for i := range all {
				spoil(&all[i])
				b.sign(t, &all[i])
			}
		}
		meta := b.meta()
		meta.Dataset = file
		c := b.checker()
		c.Window.Dataset = window
		rep, err := c.Check(context.Background(), Rows(meta, all))
		if err != nil {
			t.Fatal(err)
		}
		return rep
	}
	prompt := func(r *grail.Row) {
		tokens := append([]int32(nil), r.Commit.Tokens...)
		tokens[0]++
		r.Commit.Tokens = tokens
	}
	reward := func(r *grail.Row) { r.Commit.Rollout.TotalReward += 0.5 }
	for name, c := range map[string]struct {
		window, file string
		spoil        func(*grail.Row)
		reason       string
		told         bool
	}{
		"equal":                      {ours, ours, nil, "", false},
		"different, and no harm":     {ours, theirs, nil, "", true},
		"no dataset here":            {"", theirs, nil, "", false},
		"the file doesn't say":       {ours, "", prompt, "hard:" + CheckPrompt, false},
		"another prompt":             {ours, theirs, prompt, "hard:" + CheckPrompt, true},
		"another prompt, same set":   {ours, ours, prompt, "hard:" + CheckPrompt, false},
		"another answer":             {ours, theirs, reward, "soft:" + CheckReward, true},
		"another answer, no dataset": {"", "", reward, "soft:" + CheckReward, false},
	} {
		rep := check(c.window, c.file, c.spoil)
		if rep.Reason != c.reason || (rep.Dataset != "") != c.told {
			t.Errorf("%s: %q (%s), datasets: %q", name, rep.Reason, rep.Cause, rep.Dataset)
		}
		if c.reason == "" {
			continue
		}
		if told := strings.Contains(rep.Cause, "bbbbbbbbbbbb…") && strings.Contains(rep.Cause, "aaaaaaaaaaaa…") && rep.Remedy == datasetRemedy; told != c.told {
			t.Errorf("%s: cause %q, remedy %q", name, rep.Cause, rep.Remedy)
		}
	}
}
