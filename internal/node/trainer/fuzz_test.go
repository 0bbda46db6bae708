package trainer

import (
	"context"
	"encoding/json"
	"slices"
	"testing"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/grail/score"
	"github.com/nanteos/nanteos/internal/chain"
)

// FuzzLists reads anything as a trust list. Nobody is trusted who isn't registered, and nobody by a list that is another validator's or window's.
func FuzzLists(f *testing.F) {
	rules := grail.Hardened()
	good, err := json.Marshal(score.TrustList{Version: rules.TrustListVersion, Window: 30, ValidatorHotkey: "judge", EligibleHotkeys: []string{"a", "a", "x"}, ActiveCount: 3,
		Files: map[string]score.TrustedFile{"a": {ETag: "1", Size: 2}, "x": {}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"version":1,"window":30,"validator_hotkey":"judge","eligible_hotkeys":null,"active_count":0,"excluded_failure_count":0}`))
	f.Add([]byte(`{"version":1,"eligible_hotkeys":["a"]}`))
	m := chain.Metagraph{Neurons: []chain.Neuron{{UID: 0, Hotkey: "t"}, {UID: 1, Hotkey: "judge", Stake: 5, ValidatorPermit: true}, {UID: 2, Hotkey: "a"}, {UID: 3, Hotkey: "b"}}}
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, quirks := range []bool{false, true} {
			s := DefaultSettings()
			s.Quirks = quirks
			got, err := s.Lists(t.Context(), rules, m, func(context.Context, string, int64) ([]byte, error) { return text, nil }, 30, true)
			if err != nil {
				t.Fatal(err)
			}
			if got == nil || quirks {
				continue
			}
			var list score.TrustList
			if json.Unmarshal(text, &list) != nil || list.ValidatorHotkey != "judge" || list.Window != got.Window || len(got.Hotkeys) == 0 {
				t.Errorf("trusts %+v by %q", got, text)
			}
			for _, k := range got.Hotkeys {
				if !slices.Contains([]string{"t", "judge", "a", "b"}, k) {
					t.Errorf("trusts %q", k)
				}
			}
		}
	})
}
