package grail

import (
	"encoding/json"
	"errors"
	"maps"
	"math"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/bittensor/sr25519"
	"github.com/nanteos/nanteos/internal/cpython"
	"github.com/nanteos/nanteos/internal/vectortest"
)

func TestSchemaVectors(t *testing.T) {
	const file = "grail/schema_derived.json"
	var v struct {
		header
		Base     map[string]json.RawMessage
		Executed bool
		Cases    []struct {
			Replace map[string]json.RawMessage
			Valid   bool
			Note    string
		}
	}
	vectortest.Decode(t, file, &v)
	for i, c := range v.Cases {
		commit := maps.Clone(v.Base)
		for k, r := range c.Replace {
			if string(r) == `"__delete__"` {
				delete(commit, k)
			} else {
				commit[k] = r
			}
		}
		text, err := json.Marshal(commit)
		if err != nil {
			t.Fatal(err)
		}
		for _, rules := range []Rules{Reference(), Hardened()} {
			got, err := rules.ParseCommit(text)
			if (err == nil) != c.Valid {
				t.Errorf("case %d (%s): %v, want valid %v", i, c.Note, err, c.Valid)
			}
			if err != nil && !errors.Is(err, ErrSchema) {
				t.Errorf("case %d (%s): %v is not ErrSchema", i, c.Note, err)
			}
			if err == nil {
				// The typed form of the same commit passes the check that rows of files go through.
				if err := rules.CheckSchema(&Row{Commit: got}); err != nil {
					t.Errorf("case %d (%s): as a row: %v", i, c.Note, err)
				}
			}
		}
	}
	vectortest.Count(t, file, len(v.Cases))
}

// commitText is a valid commit with one field replaced, or removed by the empty text.
func commitText(path, replacement string) string {
	fields := map[string]string{
		"tokens":                    "[" + strings.Repeat("1,", 39) + "1]",
		"commitments":               "[" + strings.Repeat(`{"sketch":1},`, 39) + `{"sketch":1}]`,
		"proof_version":             `"v5"`,
		"signature":                 `"00"`,
		"beacon":                    `{"randomness":"ab"}`,
		"model.name":                `"m"`,
		"model.layer_index":         "-1",
		"rollout.prompt_length":     "4",
		"rollout.completion_length": "36",
		"rollout.success":           "true",
		"rollout.total_reward":      "0.5",
		"rollout.advantage":         "0.0",
		"rollout.token_logprobs":    "[]",
	}
	if path != "" {
		fields[path] = replacement
	}
	groups := map[string][]string{}
	for k, v := range fields {
		group, key, nested := strings.Cut(k, ".")
		if !nested {
			group, key = "", k
		}
		if v != "" {
			groups[group] = append(groups[group], `"`+key+`":`+v)
		}
	}
	top := groups[""]
	for _, g := range []string{"model", "rollout"} {
		if _, replaced := fields[g]; !replaced {
			top = append(top, `"`+g+`":{`+strings.Join(groups[g], ",")+"}")
		}
	}
	return "{" + strings.Join(top, ",") + "}"
}

func TestSchemaCoercions(t *testing.T) {
	const lengths = "rollout.completion_length"
	for _, c := range []struct {
		path, text string
		ok         bool
	}{
		{"", "", true},
		{lengths, "36.0", true},
		{lengths, `"36"`, true},
		{lengths, `" 36 "`, true},
		{lengths, `"+36"`, true},
		{lengths, `"36.00"`, true},
		{lengths, `"36."`, false},
		{lengths, `"3_6"`, true},
		{lengths, `"36.5"`, false},
		{lengths, `"3e1"`, false},
		{lengths, `"٣٦"`, false},
		{lengths, "36.5", false},
		{lengths, "NaN", false},
		{lengths, "Infinity", false},
		{lengths, "1e300", false},
		{lengths, "null", false},
		{lengths, "[36]", false},
		{lengths, "true", false}, // 1, which does not add up
		{lengths, "99999999999999999999", false},
		{"tokens", "[" + strings.Repeat("true,", 39) + "2.0]", true},
		{"tokens", "[" + strings.Repeat("1,", 39) + "null]", false},
		{"tokens", "[" + strings.Repeat("1,", 39) + "4294967296]", false},
		{"tokens", "{}", false},
		{"rollout.success", "1", true},
		{"rollout.success", "0.0", true},
		{"rollout.success", `"TRUE"`, true},
		{"rollout.success", `"off"`, true},
		{"rollout.success", `"2"`, false},
		{"rollout.success", "2", false},
		{"rollout.success", "null", false},
		{"rollout.total_reward", "1", true},
		{"rollout.total_reward", "true", true},
		{"rollout.total_reward", `"0.25"`, true},
		{"rollout.total_reward", "NaN", true},
		{"rollout.total_reward", "-Infinity", true},
		{"rollout.total_reward", `"x"`, false},
		{"rollout.total_reward", "null", false},
		{"rollout.total_reward", "{}", false},
		{"rollout.token_logprobs", "[-Infinity, NaN, \"1\"]", true},
		{"rollout.token_logprobs", "[null]", false},
		{"rollout.token_logprobs", "", true},
		{"proof_version", "5", false},
		{"signature", "true", false},
		{"model.name", "1", false},
		{"model.name", "", false},
		{"model.name", `"\ud800"`, false},
		{"model.name", `"\ud83d\ude00"`, true},
		{"model.layer_index", `"-1"`, true},
		{"model.layer_index", "2147483648", false},
		{"model", "null", false},
		{"model", "[]", false},
		{"rollout", `"x"`, false},
		{"beacon", "null", false},
		{"beacon", "[]", false},
		{"beacon", `{"randomness":null}`, false},
		{"beacon", `{"randomness":"AB","x":1}`, true},
		{"commitments", "null", false},
		{"env", "null", true},
		{"env", "1", false},
		{"env", `{"id":"x"}`, false},
		{"env", `{"id":"x","seed":99999999999999999999}`, true},
		{"env", `{"id":1,"seed":1}`, false},
	} {
		_, err := Reference().ParseCommit([]byte(commitText(c.path, c.text)))
		if (err == nil) != c.ok || (err != nil && !errors.Is(err, ErrSchema)) {
			t.Errorf("%s = %.60s: %v, want ok %v", c.path, c.text, err, c.ok)
		}
		if group, key, nested := strings.Cut(c.path, "."); err != nil && nested && !strings.Contains(err.Error(), group) {
			t.Errorf("%s = %s: %q does not name %s.%s", c.path, c.text, err, group, key)
		}
	}
	for _, text := range []string{"", "{", "nul", "{} x"} {
		if _, err := Reference().ParseCommit([]byte(text)); !errors.Is(err, ErrJSON) {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, text := range []string{"null", "[]", "1", "{}"} {
		if _, err := Reference().ParseCommit([]byte(text)); !errors.Is(err, ErrSchema) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestSchemaNaN(t *testing.T) {
	for _, c := range []struct {
		path, text string
		hardened   bool
	}{
		{"rollout.total_reward", "NaN", false},
		{"rollout.advantage", "NaN", false},
		{"rollout.token_logprobs", "[0, NaN]", false},
		{"rollout.token_logprobs", "[0, -Infinity]", true},
		{"rollout.total_reward", "Infinity", true},
	} {
		text := []byte(commitText(c.path, c.text))
		if _, err := Reference().ParseCommit(text); err != nil {
			t.Errorf("reference, %s = %s: %v", c.path, c.text, err)
		}
		if _, err := Hardened().ParseCommit(text); (err == nil) != c.hardened {
			t.Errorf("hardened, %s = %s: %v", c.path, c.text, err)
		}
	}
}

func TestSchemaOfRows(t *testing.T) {
	key := sr25519.NewKeypair([32]byte{1})
	rules := Reference()
	row := testRow(t, key, 0, 0)
	if err := rules.CheckSchema(&row); err != nil {
		t.Fatal(err)
	}
	for bit := NullFields(1); bit < nullEnd; bit <<= 1 {
		row := testRow(t, key, 0, 0)
		row.Null = bit
		err := rules.CheckSchema(&row)
		if required := strings.HasPrefix(bit.String(), "commit"); (err != nil) != required {
			t.Errorf("null %s: %v", bit, err)
		} else if err != nil && !strings.Contains(err.Error(), bit.String()) {
			t.Errorf("null %s: %q does not name it", bit, err)
		}
	}
	for name, change := range map[string]func(*Commit){
		"few tokens":        func(c *Commit) { c.Tokens = c.Tokens[:31] },
		"few commitments":   func(c *Commit) { c.Commitments = NewCommitments(make([]int64, 47)) },
		"prompt":            func(c *Commit) { c.Rollout.PromptLength = -1 },
		"completion":        func(c *Commit) { c.Rollout.CompletionLength = 0 },
		"long completion":   func(c *Commit) { c.Rollout.CompletionLength = 8193 },
		"sum":               func(c *Commit) { c.Rollout.PromptLength++ },
		"sum that overflow": func(c *Commit) { c.Rollout.PromptLength = math.MaxInt32 },
		"0x":                func(c *Commit) { c.Beacon.Randomness = "0xab" },
	} {
		row := testRow(t, key, 0, 0)
		change(&row.Commit)
		if err := rules.CheckSchema(&row); !errors.Is(err, ErrSchema) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNullNames(t *testing.T) {
	if 1<<len(nullNames) != nullEnd {
		t.Errorf("%d names for the bits below %b", len(nullNames), nullEnd)
	}
	if got := (NullBlock | NullHotkey).String(); got != "block,hotkey" {
		t.Errorf("String is %q", got)
	}
}

// TestCanonicalCommit compares AppendCommit with the JSON writer on the same content.
func TestCanonicalCommit(t *testing.T) {
	row := testRow(t, sr25519.NewKeypair([32]byte{1}), 1, 2)
	row.Commit.Model.Name = "é\"\u007f"
	row.Commit.Rollout.Advantage = math.NaN()
	row.Commit.Rollout.TotalReward = 1e16
	row.Commit.Rollout.TokenLogprobs[1] = float64(float32(-0.1))
	row.Commit.Rollout.Success = true
	var err error
	if row.Commit.Commitments, err = ParseCommitments([]byte(`[{"z": 1, "sketch": 2.50}]`)); err != nil {
		t.Fatal(err)
	}
	if row.Commit.Beacon, err = ParseBeacon([]byte(`{"round": 7, "randomness": "ab"}`)); err != nil {
		t.Fatal(err)
	}
	text := string(row.AppendCommit(nil))
	v, err := cpython.ParseJSON([]byte(text), cpython.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if again := string(v.AppendCompactSorted(nil)); again != text {
		t.Errorf("not canonical:\n%s\n%s", text, again)
	}
	for _, part := range []string{
		`{"beacon":{"randomness":"ab","round":7},"commitments":[{"sketch":2.5,"z":1}],"model":{"layer_index":-1,"name":"\u00e9\"\u007f"},"proof_version":"v5"`,
		`"rollout":{"advantage":NaN,"completion_length":40,"prompt_length":8,"success":true,"token_logprobs":[0.0,-0.10000000149011612,`, `"total_reward":1e+16}`, `"tokens":[102,103,`,
	} {
		if !strings.Contains(strings.ReplaceAll(text, "[-0.0,", "[0.0,"), part) {
			t.Errorf("%s\nlacks %s", text, part)
		}
	}
	window := int64(30)
	row.Commit.Model.CheckpointWindow = &window
	if text := string(row.AppendCommit(nil)); !strings.Contains(text, `"model":{"checkpoint_window":30,"layer_index":`) {
		t.Errorf("checkpoint window is missing in %s", text)
	}
	for bit := NullFields(1); bit < nullEnd; bit <<= 1 {
		if !strings.HasPrefix(bit.String(), "commit.") {
			continue
		}
		row.Null = bit
		text := row.AppendCommit(nil)
		v, err := cpython.ParseJSON(text, cpython.Limits{})
		if err != nil {
			t.Errorf("null %s: %v in %s", bit, err, text)
			continue
		}
		for key := range strings.SplitSeq(strings.TrimPrefix(bit.String(), "commit."), ".") {
			v, _ = v.Get(key)
		}
		if v.Kind() != cpython.Null {
			t.Errorf("null %s: it is %v", bit, v)
		}
	}
}

func TestBeaconRef(t *testing.T) {
	for _, c := range []struct {
		text, randomness string
		ok               bool
	}{
		{`{"randomness": "ab"}`, "ab", true},
		{`{}`, "", false},
		{`null`, "", false},
		{`{"randomness": 7}`, "", false},
		{`{"randomness": null}`, "", false},
		{`{"randomness": "ab", "x": [1]}`, "ab", true},
		{`"ab"`, "", false},
	} {
		b, err := ParseBeacon([]byte(c.text))
		got, ok := b.Text()
		if err != nil || got != c.randomness || ok != c.ok || b.Randomness != c.randomness {
			t.Errorf("%s: %q %v %q, %v", c.text, got, ok, b.Randomness, err)
		}
		if out := string(b.AppendDefault(nil)); out != c.text {
			t.Errorf("%s is written as %s", c.text, out)
		}
		if !b.Equal(BeaconOf(b.Value())) {
			t.Errorf("%s differs from its own value", c.text)
		}
	}
	if _, err := ParseBeacon([]byte(`{`)); !errors.Is(err, ErrJSON) {
		t.Errorf("cut JSON: %v", err)
	}
}

func FuzzParseCommit(f *testing.F) {
	f.Add([]byte(commitText("", "")))
	f.Add([]byte(commitText("rollout.completion_length", `"36"`)))
	f.Add([]byte(commitText("commitments", `[{"sketch":1e400},{"sketch":-0}]`)))
	f.Add([]byte(commitText("beacon", `{"randomness":"ab","\ud800":NaN}`)))
	f.Add([]byte(`{"tokens":[`))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, rules := range []Rules{Reference(), Hardened()} {
			c, err := rules.ParseCommit(text)
			if err != nil {
				if !errors.Is(err, ErrJSON) && !errors.Is(err, ErrSchema) {
					t.Fatalf("error without sentinel: %v", err)
				}
				continue
			}
			row := Row{Commit: c}
			if err := rules.CheckSchema(&row); err != nil {
				t.Fatalf("parsed, but as a row: %v", err)
			}
			canonical := row.AppendCommit(nil)
			again, err := rules.ParseCommit(canonical)
			if err != nil {
				t.Fatalf("couldn't read own text %s: %v", canonical, err)
			}
			if row2 := (Row{Commit: again}); row2.CommitDigest() != row.CommitDigest() {
				t.Fatalf("%s reads as %s", canonical, row2.AppendCommit(nil))
			}
			if _, err := CommitBinding(&c); err != nil {
				t.Fatalf("couldn't bind what passed the schema: %v", err)
			}
			for p := range c.Tokens {
				_, _ = rules.CompareSketch(p, 1, c.Commitments)
			}
		}
	})
}

func FuzzParseCommitments(f *testing.F) {
	for _, s := range []string{`[{"sketch": 925}, {"sketch": 2147482741}]`, `[]`, `[{"sketch":1e5,"a":"\u00e9"}]`, `null`, `[{"sketch":-0}]`, `[{"sketch":00}]`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := ParseCommitments(text)
		v, jsonErr := cpython.ParseJSON(text, jsonLimits)
		if (err == nil) != (jsonErr == nil) {
			t.Fatalf("%q: commitments %v, JSON %v", text, err, jsonErr)
		}
		if err != nil {
			return
		}
		if got, want := string(c.AppendCompactSorted(nil)), string(v.AppendCompactSorted(nil)); got != want {
			t.Fatalf("%q: canonical %s, want %s", text, got, want)
		}
		if got, want := string(c.AppendDefault(nil)), string(v.AppendDefault(nil)); got != want {
			t.Fatalf("%q: default %s, want %s", text, got, want)
		}
	})
}
