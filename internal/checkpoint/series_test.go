package checkpoint

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/internal/vectortest"
)

// TestVectorsSeries plays the reference's upload worker: what is published in which form, with which attempts, and where the READY marker says it is.
func TestVectorsSeries(t *testing.T) {
	const file = "validator/upload_worker.json"
	var v struct {
		About string
		Cases []struct {
			Name     string
			Messages [][2]int64
			Enabled  bool              `json:"delta_enabled"`
			Blocks   int64             `json:"blocks_per_upload_attempt"`
			Failures [][3]any          `json:"scripted_failures"`
			Outcome  map[string]bool   `json:"background_outcome"`
			Finishes map[string]int    `json:"background_finishes_after_messages"`
			Events   []json.RawMessage `json:"expect_events"`
		}
	}
	vectortest.Decode(t, file, &v)
	for _, c := range v.Cases {
		s, interval := NewSeries(), 10
		if !c.Enabled {
			interval = 0
		}
		var got []string
		tell := func(event ...any) {
			b, err := json.Marshal(event)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, string(b))
		}
		block := int64(0)
		// upload makes up to three attempts of one form.
		upload := func(kind string, w int64) bool {
			for attempt := 1; attempt <= 3; attempt++ {
				block += c.Blocks
				outcome := "ok"
				for _, f := range c.Failures {
					if f[0] == kind && f[1] == float64(w) && f[2] == float64(attempt) {
						outcome = "fail"
					}
				}
				if kind == Delta {
					tell(kind, w, s.Last, s.Anchor, s.Last, outcome)
				} else {
					tell(kind, w, outcome)
				}
				if outcome == "ok" {
					return true
				}
				if attempt < 3 {
					tell("BACKOFF", 60<<(attempt-1))
				}
			}
			return false
		}
		pending := map[int64]int{} // whole uploads under way, with the number of messages until they end
		end := func(at int64) {
			ok, given := c.Outcome[strconv.FormatInt(at, 10)]
			ok = ok || !given
			tell("BACKGROUND_FULL_END", at, ok)
			s.WholeDone(at, ok)
			delete(pending, at)
		}
		for _, m := range c.Messages {
			w := m[0]
			for at, left := range pending {
				if left > 0 {
					pending[at]--
					continue
				}
				end(at)
			}
			block = max(block, m[1])
			tell("MESSAGE", w, block)
			f := s.Next(w, 300, interval)
			if f.Known {
				continue
			}
			done := false
			if f.Patch {
				if done = upload(Delta, w); !done {
					f = Form{}
				}
			}
			if !done && !upload(Full, w) {
				continue
			}
			s.Published(w, f)
			tell("READY", w, block-block%30)
			if f.Whole {
				tell("BACKGROUND_FULL_START", w)
				n, given := c.Finishes[strconv.FormatInt(w, 10)]
				if !given {
					n = 1
				}
				pending[w] = n
			}
		}
		for len(pending) > 0 { // what is still under way ends after the last message
			end(slices.Min(slices.Collect(maps.Keys(pending))))
		}
		var want []string
		for _, e := range c.Events {
			var x []any
			if err := json.Unmarshal(e, &x); err != nil {
				t.Fatal(err)
			}
			b, _ := json.Marshal(x)
			want = append(want, string(b))
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			for i := range max(len(got), len(want)) {
				if i >= len(got) || i >= len(want) || got[i] != want[i] {
					t.Errorf("%s: event %d: got %s, want %s", c.Name, i, fmt.Sprint(got[min(i, len(got)):min(i+3, len(got))]), fmt.Sprint(want[min(i, len(want)):min(i+3, len(want))]))
					break
				}
			}
		}
	}
	vectortest.Count(t, file, len(v.Cases))
}
