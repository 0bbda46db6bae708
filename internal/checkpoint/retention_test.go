package checkpoint

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/grail/patch"
	"github.com/nanteos/nanteos/internal/bucket"
	"github.com/nanteos/nanteos/internal/cpython"
	"github.com/nanteos/nanteos/internal/vectortest"
)

// linksOf reads the links of chains from the two maps of a vector.
func linksOf(t *testing.T, prev, anchor map[string]int64) map[int64]link {
	t.Helper()
	out := map[int64]link{}
	for _, m := range []map[string]int64{prev, anchor} {
		for k := range m {
			w, err := strconv.ParseInt(k, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			l := link{}
			if p, ok := prev[k]; ok {
				l.prev = &p
			}
			if a, ok := anchor[k]; ok {
				l.anchor = &a
			}
			out[w] = l
		}
	}
	return out
}

func TestVectorsRetention(t *testing.T) {
	const file = "storage/retention.json"
	var v struct {
		About   string
		Count   int
		Vectors []struct {
			Kind       string
			Interval   int      `json:"base_interval"`
			Milestone  int      `json:"milestone_interval"`
			Current    int64    `json:"current"`
			Anchor     any      `json:"anchor"`
			IsAnchor   bool     `json:"is_anchor"`
			Keep       *[]int64 `json:"keep"`
			KeepCount  int      `json:"keep_count"`
			KeepSum    string   `json:"keep_sha256_of_comma_list"`
			Bootstrap  int      `json:"bootstrap_windows"`
			Retained   []int64
			Prev       map[string]int64
			Before     json.RawMessage // of the cache: compared with its cleanup
			After      json.RawMessage
			Limits     struct{ Base, Delta int }
			KeysBefore []string `json:"keys_before"`
			KeysAfter  []string `json:"keys_after"`
			Links      map[string]struct {
				Anchor *int64 `json:"anchor_window"`
				Prev   *int64 `json:"prev_window"`
			} `json:"delta_metadata"`
			Touched []int64 `json:"windows_with_deleted_keys"`
			Left    []int64 `json:"windows_left"`
			Upload  int     `json:"upload_number"`
			Every   int     `json:"interval"`
			Runs    bool
		}
	}
	vectortest.Decode(t, file, &v)
	n := 0
	for i, c := range v.Vectors {
		n++
		switch c.Kind {
		case "keep":
			got := Retention{Milestone: c.Milestone}.withDefaults().byAge(c.Current, 30, c.Interval)
			stride := 30 * int64(max(1, c.Interval))
			if a := anchorOf(c.Current, stride); float64(a) != c.Anchor.(float64) || (a == c.Current) != c.IsAnchor {
				t.Errorf("case %d: anchor of %d is %d, want %v (%v)", i, c.Current, a, c.Anchor, c.IsAnchor)
			}
			if c.Keep == nil {
				texts := make([]string, len(got))
				for k, w := range got {
					texts[k] = strconv.FormatInt(w, 10)
				}
				sum := sha256.Sum256([]byte(strings.Join(texts, ",")))
				if len(got) != c.KeepCount || hex.EncodeToString(sum[:]) != c.KeepSum {
					t.Errorf("case %d: %d windows, want %d", i, len(got), c.KeepCount)
				}
				continue
			}
			checkList(t, i, "keep", got, *c.Keep)
		case "bootstrap":
			r := Retention{}.withDefaults()
			r.First = c.Bootstrap
			checkList(t, i, "bootstrap", r.byAge(c.Current, 30, 10), *c.Keep)
		case "chain_walk":
			anchors := map[string]int64{}
			for k, a := range c.Anchor.(map[string]any) {
				anchors[k] = int64(a.(float64))
			}
			checkList(t, i, "chains", chains(c.Retained, linksOf(t, c.Prev, anchors)), *c.Keep)
		case "cleanup_cadence":
			if got := cleanDue(c.Upload, c.Every); got != c.Runs {
				t.Errorf("case %d: clean after publication %d: %v", i, c.Upload, got)
			}
		case "publisher_cleanup":
			b := openDir(t)
			for _, key := range c.KeysBefore {
				text := []byte("{}")
				if w, _ := ParseWindow(key); strings.HasSuffix(key, "/DELTA/"+metadataName) {
					if l, ok := c.Links[strconv.FormatInt(w, 10)]; ok {
						var err error
						text, err = json.Marshal(map[string]any{"window": w, "checkpoint_type": Delta, "prev_window": l.Prev, "anchor_window": l.Anchor})
						if err != nil {
							t.Fatal(err)
						}
					}
				}
				put(t, b, key, text)
			}
			removed, err := Retain(t.Context(), b, 30, 10, Retention{Full: c.Limits.Base, Delta: c.Limits.Delta})
			if err != nil {
				t.Fatal(err)
			}
			slices.Sort(removed)
			left := map[int64]bool{}
			for _, key := range list(t, b) {
				w, _ := ParseWindow(key)
				left[w] = true
			}
			// What is in use stays, which the reference may remove.
			if used, ok := LatestReady(slices.Values(c.KeysBefore), 1<<62); ok && !slices.Contains(c.Left, used.Window) {
				continue
			}
			checkList(t, i, "left", slices.Sorted(maps.Keys(left)), c.Left)
			checkList(t, i, "removed", removed, c.Touched)
		case "publisher_cleanup_prefix":
			// The reference deletes by a prefix without its slash and hits longer numbers (F29): what it leaves must be left here, and more may be.
			b := openDir(t)
			for _, key := range c.KeysBefore {
				put(t, b, key, []byte("{}"))
			}
			if _, err := Retain(t.Context(), b, 30, 10, Retention{}); err != nil {
				t.Fatal(err)
			}
			left := list(t, b)
			for _, key := range c.KeysAfter {
				if !slices.Contains(left, key) {
					t.Errorf("case %d: %s is gone", i, key)
				}
			}
			newest := slices.MaxFunc(c.KeysBefore, func(a, b string) int { x, _ := ParseWindow(a); y, _ := ParseWindow(b); return int(x - y) })
			if !slices.Contains(left, newest) {
				t.Errorf("case %d: the newest checkpoint is gone", i)
			}
		case "local_cleanup":
			n-- // the cache's
		default:
			t.Errorf("case %d: kind %q", i, c.Kind)
		}
	}
	vectortest.Count(t, file, n)
}

func TestVectorsRetentionByTrainer(t *testing.T) {
	const file = "validator/retention.json"
	var v struct {
		About string
		Cases []struct {
			Current  int64 `json:"current_window"`
			Expect   []int64
			IsAnchor bool `json:"is_anchor"`
			Anchor   int64
		}
		Chains []struct {
			Retained     []int64
			Prev, Anchor map[string]int64
			Expect       []int64
		}
		Inventories []struct {
			Keys        []string
			Chain       map[string][2]*int64 `json:"delta_chain"` // anchor and window before
			Inventory   json.RawMessage      `json:"expect_inventory"`
			Keep        []int64              `json:"expect_keep"`
			LatestReady json.RawMessage      `json:"latest_ready"`
		}
	}
	vectortest.Decode(t, file, &v)
	r := Retention{}.withDefaults()
	for i, c := range v.Cases {
		checkList(t, i, "by age", r.byAge(c.Current, 30, 10), c.Expect)
		if a := anchorOf(c.Current, 300); a != c.Anchor || (a == c.Current) != c.IsAnchor {
			t.Errorf("case %d: anchor %d, want %d", i, a, c.Anchor)
		}
	}
	for i, c := range v.Chains {
		checkList(t, i, "chains", chains(c.Retained, linksOf(t, c.Prev, c.Anchor)), c.Expect)
	}
	for i, c := range v.Inventories {
		_, full, delta := Inventory(slices.Values(c.Keys))
		links := map[int64]link{}
		for k, l := range c.Chain {
			w, err := strconv.ParseInt(k, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			links[w] = link{prev: l[1], anchor: l[0]}
		}
		got := r.retained(full, delta, links, 30, 10)
		checkList(t, i, "retained", slices.Sorted(maps.Keys(got)), c.Keep)
	}
	vectortest.Count(t, file, len(v.Cases)+len(v.Chains)+len(v.Inventories))
}

func TestVectorsTrainerPolicy(t *testing.T) {
	const file = "validator/checkpoint_policy.json"
	var v struct {
		About string
		Cases []struct {
			Environment map[string]string
			Params      json.RawMessage `json:"expect_generation_params"`
			Env         json.RawMessage `json:"expect_env"`
			Mode        json.RawMessage `json:"expect_thinking_mode"`
		}
		Metadata json.RawMessage `json:"validate_metadata"`
	}
	vectortest.Decode(t, file, &v)
	for i, c := range v.Cases {
		// Each of the three is read by itself there: an error of one says nothing about the others.
		without := func(name string) Policy {
			s := maps.Clone(c.Environment)
			delete(s, name)
			p, err := TrainerPolicy(s)
			if err != nil {
				return Policy{}
			}
			return p
		}
		_, err := TrainerPolicy(c.Environment)
		bad := strings.Contains(string(c.Env)+string(c.Mode), `"error"`)
		if (err != nil) != bad || bad && !errors.Is(err, ErrSetting) {
			t.Errorf("case %d: %v, want an error %v", i, err, bad)
		}
		if strings.Contains(string(c.Mode), `"error"`) {
			continue
		}
		p := without("")
		if strings.Contains(string(c.Env), `"error"`) {
			p = without(VarEnvID)
		} else {
			sameJSON(t, i, fmt.Sprintf(`[%q,%s]`, p.EnvID, p.EnvParams.AppendDefault(nil)), c.Env)
		}
		sameJSON(t, i, string(p.GenerationParams.AppendDefault(nil)), c.Params)
		sameJSON(t, i, strconv.Quote(p.ThinkingMode), c.Mode)
	}
	vectortest.Count(t, file, len(v.Cases))
}

// sameJSON compares two texts as Python's json writes them, so that 1 is not 1.0.
func sameJSON(t *testing.T, i int, got string, want []byte) {
	t.Helper()
	limits := cpython.Limits{MaxBytes: 1 << 20, MaxDepth: 10, MaxValues: 1000}
	x, err := cpython.ParseJSON([]byte(got), limits)
	if err != nil {
		t.Fatalf("case %d: %s: %v", i, got, err)
	}
	y, err := cpython.ParseJSON(want, limits)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := string(x.AppendDefault(nil)), string(y.AppendDefault(nil)); a != b {
		t.Errorf("case %d: got %s, want %s", i, a, b)
	}
}

func TestVectorsTrainerSettings(t *testing.T) {
	const file = "storage/checkpoint_publisher.json"
	var v struct {
		About   string
		Count   int
		Vectors []struct {
			Name          string
			Keys          json.RawMessage
			MetadataText  string          `json:"metadata_text"`
			SignedText    json.RawMessage `json:"signed_text"`
			ManifestSig   json.RawMessage `json:"manifest_sig"`
			Sizes         json.RawMessage
			DeltaMetadata string `json:"delta_metadata_text"`
			Env           json.RawMessage
			Result        json.RawMessage
			Error         string
		}
	}
	vectortest.Decode(t, file, &v)
	n := 0
	for i, c := range v.Vectors {
		n++
		settings := map[string]string{}
		var one *string
		if c.Env != nil && json.Unmarshal(c.Env, &settings) != nil {
			if err := json.Unmarshal(c.Env, &one); err != nil {
				t.Fatal(err)
			}
		}
		switch c.Name {
		case "generation_params":
			p, err := TrainerPolicy(settings)
			if err != nil {
				t.Fatal(err)
			}
			sameJSON(t, i, strings.ReplaceAll(string(p.GenerationParams.AppendDefault(nil)), "NaN", `"nan"`), c.Result)
		case "env_config":
			p, err := TrainerPolicy(settings)
			if c.Error != "" {
				if !errors.Is(err, ErrSetting) {
					t.Errorf("case %d: %v", i, err)
				}
				continue
			}
			sameJSON(t, i, fmt.Sprintf(`[%q,%s]`, p.EnvID, p.EnvParams.AppendDefault(nil)), c.Result)
		case "thinking_mode":
			if one != nil {
				settings = map[string]string{VarThinkingMode: *one}
			}
			p, err := TrainerPolicy(settings)
			if c.Error != "" {
				if !errors.Is(err, ErrSetting) {
					t.Errorf("case %d: %v", i, err)
				}
				continue
			}
			sameJSON(t, i, strconv.Quote(p.ThinkingMode), c.Result)
		case "codec_choice":
			sameJSON(t, i, strconv.Quote(DeltaFormat(*one).Format()), c.Result)
		default:
			if c.DeltaMetadata == "" {
				n--
				continue
			}
			var d struct {
				Format    string
				Threshold float64
				Prev      int64 `json:"prev_window"`
				Anchor    int64 `json:"anchor_window"`
				Shapes    map[string][]int
				Total     int     `json:"total_params"`
				Changed   int     `json:"nonzero_params"`
				Sparsity  float64 `json:"sparsity_ratio"`
			}
			if err := json.Unmarshal([]byte(c.DeltaMetadata), &d); err != nil {
				t.Fatal(err)
			}
			version, err := patch.ParseFormat(d.Format)
			if err != nil {
				t.Fatal(err)
			}
			stats := patch.Stats{Total: d.Total, Changed: d.Changed, Threshold: d.Threshold}
			if got := string(deltaMetadata(version, d.Shapes, slices.Sorted(maps.Keys(d.Shapes)), stats, d.Prev, d.Anchor)); got != c.DeltaMetadata {
				t.Errorf("%s: delta_metadata.json is\n%s, want\n%s", c.Name, got, c.DeltaMetadata)
			}
		}
	}
	vectortest.Count(t, file, n)
}

// openDir is an empty bucket in a folder.
func openDir(t *testing.T) bucket.Bucket {
	t.Helper()
	b, err := bucket.OpenDir(bucket.DirConfig{Root: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func list(t *testing.T, b bucket.Bucket) (keys []string) {
	t.Helper()
	infos, err := bucket.ListAll(t.Context(), b, Prefix, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range infos {
		keys = append(keys, i.Key)
	}
	return keys
}
