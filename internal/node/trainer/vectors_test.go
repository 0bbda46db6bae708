package trainer

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/internal/bucket"
	"github.com/nanteos/nanteos/internal/chain"
	"github.com/nanteos/nanteos/internal/node"
	"github.com/nanteos/nanteos/internal/vectortest"
)

func TestVectorsTrust(t *testing.T) {
	const file = "validator/trust.json"
	var v struct {
		About string
		Cases []struct {
			Hotkeys      []string
			Incentive    []float64
			Permit       []bool `json:"validator_permit"`
			Stake        []float64
			Window       int64 `json:"target_window"`
			Files        map[string]json.RawMessage
			WithBucket   []int    `json:"uids_with_bucket"`
			MinTrusted   int      `json:"min_trusted_miners"`
			ValidatorUID *int     `json:"expect_validator_uid"`
			Reads        []string `json:"expect_reads"`
			TrustList    []string `json:"expect_trust_list"`
			Fallback     []string `json:"expect_fallback_by_incentive"`
		}
	}
	vectortest.Decode(t, file, &v)
	rules, _ := grail.RulesByName("reference")
	for i, c := range v.Cases {
		var m chain.Metagraph
		for uid, k := range c.Hotkeys {
			m.Neurons = append(m.Neurons, chain.Neuron{UID: uint16(uid), Hotkey: k, Incentive: c.Incentive[uid], ValidatorPermit: c.Permit[uid], Stake: uint64(c.Stake[uid] * 1e9)})
		}
		s := DefaultSettings()
		s.Quirks, s.MinTrusted = true, c.MinTrusted
		reads := []string{}
		got, err := s.Lists(t.Context(), rules, m, func(_ context.Context, hotkey string, window int64) ([]byte, error) {
			if uid := slices.Index(c.Hotkeys, hotkey); !slices.Contains(c.WithBucket, uid) {
				return nil, node.ErrNoBucket
			}
			reads = append(reads, bucket.TrustKey(window))
			if b, ok := c.Files[bucket.TrustKey(window)]; ok {
				return b, nil
			}
			return nil, bucket.ErrNotFound
		}, c.Window, true)
		if err != nil {
			t.Fatal(err)
		}
		var list []string
		if got != nil {
			list = got.Hotkeys
		}
		want := slices.Clone(c.TrustList)
		slices.Sort(want)
		if !slices.Equal(list, slices.Compact(want)) || !slices.Equal(reads, c.Reads) {
			t.Errorf("case %d: list %v after %v, want %v after %v", i, list, reads, want, c.Reads)
		}
		chief, ok := Chief(m)
		if c.ValidatorUID != nil && (!ok || int(chief.UID) != *c.ValidatorUID) {
			t.Errorf("case %d: validator %d, want %d", i, chief.UID, *c.ValidatorUID)
		}
		var earners []string
		if e := s.ByIncentive(rules, m); e != nil {
			earners = slices.Sorted(slices.Values(e.Hotkeys))
		}
		if !slices.Equal(earners, slices.Sorted(slices.Values(c.Fallback))) {
			t.Errorf("case %d: by incentive %v, want %v", i, earners, c.Fallback)
		}
	}
	vectortest.Count(t, file, len(v.Cases))
}

func TestVectorsLoop(t *testing.T) {
	const file = "validator/training_loop.json"
	var v struct {
		About string
		Cases []struct {
			Name string
			Plan []struct {
				Window  int64
				LoadOK  *bool `json:"load_ok"`
				Trusted *bool
			}
			Total  int               `json:"total_training_windows"`
			Events []json.RawMessage `json:"expect_events"`
			Expect struct {
				Completed int   `json:"windows_completed"`
				Epochs    int   `json:"epochs"`
				Loaded    int64 `json:"last_loaded_window"`
			}
		}
	}
	vectortest.Decode(t, file, &v)
	for _, c := range v.Cases {
		l, buffered := NewLoop(), false
		var events []string
		tell := func(format string, args ...any) { events = append(events, fmt.Sprintf(format, args...)) }
	plan:
		for _, p := range c.Plan {
			turn := l.Begin(p.Window, 30, c.Total, true)
			tell(`["seed",%d]`, turn.Seed)
			if turn.Final {
				tell(`["full_checkpoint"]`)
			}
			if turn.Data >= 0 {
				tell(`["trusted",%d]`, turn.Data)
				if p.Trusted != nil && !*p.Trusted {
					tell(`["sleep",60]`)
					continue plan
				}
				ok := p.LoadOK == nil || *p.LoadOK
				tell(`["load",%d,%v]`, turn.Data, ok)
				if ok {
					l.Took(turn.Data)
					buffered = true
				}
			}
			if !buffered {
				tell(`["sleep",60]`)
				continue
			}
			tell(`["train",%d]`, p.Window)
			l.Trained()
			tell(`["snapshot",%d]`, p.Window)
		}
		var want []string
		for _, e := range c.Events {
			var b bytes.Buffer
			if err := json.Compact(&b, e); err != nil {
				t.Fatal(err)
			}
			want = append(want, b.String())
		}
		if !slices.Equal(events, want) {
			t.Errorf("%s:\ngot  %s\nwant %s", c.Name, strings.Join(events, " "), strings.Join(want, " "))
		}
		if l.Completed != c.Expect.Completed || l.Epoch != c.Expect.Epochs || l.Loaded != c.Expect.Loaded {
			t.Errorf("%s: %+v, want %+v", c.Name, l, c.Expect)
		}
	}
	vectortest.Count(t, file, len(v.Cases))
}
