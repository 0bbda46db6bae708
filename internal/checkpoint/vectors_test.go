package checkpoint

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/internal/bucket"
	"github.com/nanteos/nanteos/internal/cpython"
	"github.com/nanteos/nanteos/internal/vectortest"
)

// Kinds that speak of other keys than checkpoints' are tested in package bucket.
func TestVectorsPaths(t *testing.T) {
	const file = "storage/paths.json"
	var v struct {
		About   string
		Count   int
		Vectors []map[string]json.RawMessage
	}
	vectortest.Decode(t, file, &v)
	known := map[string][]string{
		"latest_ready": {"kind", "keys", "before_window", "checkpoint", "all_windows"},
		"parse_window": {"kind", "text", "window"},
		"inventory":    {"kind", "keys", "all", "full", "delta"},
		"keys":         {"kind", "window", "prefix", "delta", "full", "delta_metadata", "full_metadata", "ready"},
	}
	n := 0
	for i, raw := range v.Vectors {
		var kind string
		field(t, raw, "kind", &kind)
		keys, ok := known[kind]
		if !ok {
			continue
		}
		for key := range raw {
			if !slices.Contains(keys, key) {
				t.Fatalf("case %d (%s) has the unknown field %s", i, kind, key)
			}
		}
		n++
		var list []string
		var window int64
		switch kind {
		case "latest_ready":
			var before int64
			var want *int64
			var all []int64
			field(t, raw, "keys", &list)
			field(t, raw, "before_window", &before)
			field(t, raw, "checkpoint", &want)
			field(t, raw, "all_windows", &all)
			got, ok := LatestReady(slices.Values(list), before)
			if ok != (want != nil) || ok && got.Window != *want {
				t.Errorf("case %d: latest below %d of %v: got %v, %v", i, before, list, got, ok)
			}
			slices.Reverse(all) // oldest first there
			windows, _, _ := Inventory(slices.Values(list))
			checkList(t, i, "windows", windows, all)
		case "parse_window":
			var text string
			var want *int64
			field(t, raw, "text", &text)
			field(t, raw, "window", &want)
			if got, ok := ParseWindow(text); ok != (want != nil) || ok && got != *want {
				t.Errorf("case %d: window of %q: got %d, %v", i, text, got, ok)
			}
		case "inventory":
			var all, full, delta []int64
			field(t, raw, "keys", &list)
			field(t, raw, "all", &all)
			field(t, raw, "full", &full)
			field(t, raw, "delta", &delta)
			gotAll, gotFull, gotDelta := Inventory(slices.Values(list))
			checkList(t, i, "all", gotAll, all)
			checkList(t, i, "full", gotFull, full)
			checkList(t, i, "delta", gotDelta, delta)
		case "keys":
			field(t, raw, "window", &window)
			for name, got := range map[string]string{
				"prefix": strings.TrimSuffix(bucket.CheckpointPrefix(window), "/"),
				"delta":  strings.TrimSuffix(bucket.DeltaKey(window, ""), "/"), "full": strings.TrimSuffix(bucket.FullKey(window, ""), "/"),
				"delta_metadata": bucket.DeltaKey(window, metadataName), "full_metadata": bucket.FullKey(window, metadataName),
				"ready": bucket.ReadyKey(window, window+30),
			} {
				var want string
				if field(t, raw, name, &want); got != want {
					t.Errorf("case %d: %s: got %q, want %q", i, name, got, want)
				}
			}
		}
	}
	vectortest.Count(t, file, n)
}

func field(t *testing.T, raw map[string]json.RawMessage, key string, into any) {
	t.Helper()
	if err := json.Unmarshal(raw[key], into); err != nil {
		t.Fatalf("field %s: %v", key, err)
	}
}

func checkList(t *testing.T, i int, name string, got, want []int64) {
	t.Helper()
	if len(got) != len(want) || len(got) > 0 && !slices.Equal(got, want) {
		t.Errorf("case %d: %s: got %v, want %v", i, name, got, want)
	}
}

func TestVectorsReadyChoice(t *testing.T) {
	const file = "validator/retention.json"
	var v struct {
		About       string
		Cases       json.RawMessage // retention by age and chains belong to the trainer
		Chains      json.RawMessage
		Inventories []struct {
			Keys        []string
			DeltaChain  json.RawMessage `json:"delta_chain"`
			Inventory   [][]int64       `json:"expect_inventory"`
			Keep        json.RawMessage `json:"expect_keep"`
			LatestReady []struct {
				Before int64  `json:"before_window"`
				Expect *int64 `json:"expect"`
			} `json:"latest_ready"`
		}
	}
	vectortest.Decode(t, file, &v)
	n := 0
	for i, c := range v.Inventories {
		all, full, delta := Inventory(slices.Values(c.Keys))
		for j, got := range [][]int64{all, full, delta} {
			checkList(t, i, "inventory", got, c.Inventory[j])
		}
		for _, l := range c.LatestReady {
			n++
			got, ok := LatestReady(slices.Values(c.Keys), l.Before)
			if ok != (l.Expect != nil) || ok && got.Window != *l.Expect {
				t.Errorf("inventory %d: latest below %d: got %v, %v", i, l.Before, got, ok)
			}
		}
	}
	vectortest.Count(t, file, n)
}

func TestVectorsPolicy(t *testing.T) {
	const file = "validator/checkpoint_policy.json"
	var v struct {
		About    string
		Cases    json.RawMessage // what the trainer reads from its environment
		Metadata []struct {
			Metadata json.RawMessage `json:"metadata"`
			Missing  []string        `json:"expect_missing"`
		} `json:"validate_metadata"`
	}
	vectortest.Decode(t, file, &v)
	for i, c := range v.Metadata {
		m, err := ParseMetadata(c.Metadata)
		if err != nil {
			t.Errorf("case %d: %v", i, err)
			continue
		}
		if got := m.Missing(); len(got) != len(c.Missing) || len(got) > 0 && !slices.Equal(got, c.Missing) {
			t.Errorf("case %d: got %q, want %q", i, got, c.Missing)
		}
		if _, err := m.Policy(); (err == nil) != (len(c.Missing) == 0) {
			t.Errorf("case %d: policy: %v", i, err)
		}
	}
	vectortest.Count(t, file, len(v.Metadata))
}

func TestVectorsPublisher(t *testing.T) {
	const file = "storage/checkpoint_publisher.json"
	var v struct {
		About   string
		Count   int
		Vectors []struct {
			Name          string
			Keys          []string
			MetadataText  string           `json:"metadata_text"`
			SignedText    string           `json:"signed_text"`
			ManifestSig   string           `json:"manifest_sig"`
			Sizes         map[string]int64 `json:"sizes"`
			DeltaMetadata string           `json:"delta_metadata_text"`
			// Settings of the reference's trainer, which this package does not read.
			Env           json.RawMessage
			Result, Error json.RawMessage
		}
	}
	vectortest.Decode(t, file, &v)
	n := 0
	for _, c := range v.Vectors {
		if c.MetadataText == "" {
			continue
		}
		n++
		m, err := ParseMetadata([]byte(c.MetadataText))
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		if got := string(m.SignedText()); got != c.SignedText {
			t.Errorf("%s: signed text is\n%s, want\n%s", c.Name, got, c.SignedText)
		}
		m.object = cpython.Value{} // now from the fields
		if got := string(m.JSON()); got != c.MetadataText {
			t.Errorf("%s: text is\n%s, want\n%s", c.Name, got, c.MetadataText)
		}
		if size := c.Sizes[bucket.FullKey(m.Window, metadataName)]; m.Type == Full && size != int64(len(c.MetadataText)) {
			t.Errorf("%s: metadata of %d bytes, want %d", c.Name, len(c.MetadataText), size)
		}
		for _, key := range c.Keys {
			r, ok := ParseReady(key)
			if want := strings.Contains(key, "/READY-"); ok != want || ok && r.Window != m.Window {
				t.Errorf("%s: %s is a marker: %v %v", c.Name, key, r, ok)
			}
		}
	}
	vectortest.Count(t, file, n)
}
