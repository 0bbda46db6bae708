package grail

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/internal/vectortest"
)

func TestRulesAreValid(t *testing.T) {
	for _, name := range []string{"reference", "hardened"} {
		r, ok := RulesByName(name)
		if !ok {
			t.Fatalf("no rules named %s", name)
		}
		if err := r.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseRules(text)
		if err != nil || !reflect.DeepEqual(got, r) || got.Digest() != r.Digest() {
			t.Errorf("%s does not survive JSON: %v", name, err)
		}
		if strings.ToLower(string(text)) != string(text) {
			t.Errorf("%s: a field has no JSON key of its own: %s", name, text)
		}
	}
	if _, ok := RulesByName("other"); ok {
		t.Error("rules named other")
	}
}

// TestDigestCoversEveryField changes each field by reflection.
func TestDigestCoversEveryField(t *testing.T) {
	base := Reference().Digest()
	if base == Hardened().Digest() {
		t.Error("both sets have one digest")
	}
	n := reflect.TypeFor[Rules]().NumField()
	for i := range n {
		r := Reference()
		f := reflect.ValueOf(&r).Elem().Field(i)
		name := reflect.TypeFor[Rules]().Field(i).Name
		switch f.Kind() {
		case reflect.Bool:
			f.SetBool(!f.Bool())
		case reflect.Int, reflect.Int32, reflect.Int64:
			f.SetInt(f.Int() + 1)
		case reflect.Float64:
			f.SetFloat(math.Nextafter(f.Float(), 1e9))
		case reflect.String:
			f.SetString(f.String() + "x")
		case reflect.Slice:
			f.Set(reflect.ValueOf([]string{"v5"}))
		default:
			t.Fatalf("%s: kind %v is not covered", name, f.Kind())
		}
		if r.Digest() == base {
			t.Errorf("the digest does not cover %s", name)
		}
	}
}

func TestParseRules(t *testing.T) {
	got, err := ParseRules([]byte(`{"base": "hardened", "window_length": 10, "proof": "tolerance"}`))
	want := Hardened()
	want.WindowLength, want.Proof = 10, ProofTolerance
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("with a base: %v", err)
	}
	whole, err := json.Marshal(Reference())
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"empty":           ``,
		"no object":       `[]`,
		"null":            `null`,
		"no keys":         `{}`,
		"missing key":     strings.Replace(string(whole), `"group_size":16,`, ``, 1),
		"unknown key":     `{"base":"reference","windowlength":30}`,
		"unknown base":    `{"base":"best"}`,
		"base of 7":       `{"base":7}`,
		"wrong type":      `{"base":"reference","window_length":"30"}`,
		"fraction":        `{"base":"reference","window_length":30.5}`,
		"invalid value":   `{"base":"reference","window_length":0}`,
		"text after":      `{"base":"reference"} {}`,
		"unknown version": `{"base":"reference","proof_version":"v6"}`,
		"huge":            `{"base":"reference","x":"` + strings.Repeat("x", maxRulesBytes) + `"}`,
	} {
		if _, err := ParseRules([]byte(text)); !errors.Is(err, ErrRules) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestValidateNamesEveryFault(t *testing.T) {
	r := Reference()
	r.GroupSize = 1
	r.LogProbTolerance = math.NaN()
	r.Proof = "hope"
	r.CopyAttribution = ""
	r.SampleOrder = "name"
	r.BurnPercent = 101
	r.MaxCompletionTokens = 31
	err := r.Validate()
	if !errors.Is(err, ErrRules) {
		t.Fatal(err)
	}
	for _, key := range []string{"group_size", "log_prob_tolerance", "proof", "copy_attribution", "sample_order", "burn_percent", "max_completion_tokens"} {
		if !strings.Contains(err.Error(), key) {
			t.Errorf("%q does not name %s", err, key)
		}
	}
	if got := strings.Count(err.Error(), "\n") + 1; got != 7 {
		t.Errorf("%d faults in %q, want 7", got, err)
	}
}

func TestRulesDoNotShareSlices(t *testing.T) {
	a := Reference()
	a.AcceptedVersions[0] = "x"
	if Reference().Accepts("x") || !Reference().Accepts("v4") {
		t.Error("a change of one rules value shows in another")
	}
}

func FuzzParseRules(f *testing.F) {
	f.Add([]byte(`{"base":"hardened","window_length":10}`))
	f.Add([]byte(`{"base":"reference","accepted_versions":null}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := ParseRules(text)
		if err != nil {
			if !errors.Is(err, ErrRules) {
				t.Fatalf("error without sentinel: %v", err)
			}
			return
		}
		if err := r.Validate(); err != nil {
			t.Fatalf("parsed, but %v", err)
		}
	})
}

func TestGenerationVectors(t *testing.T) {
	const file = "environments/generation.json"
	var v struct {
		Meta        map[string]string
		ProtocolCap int `json:"protocol_cap"`
		Defaults    json.RawMessage
		Cases       []struct {
			Input  json.RawMessage
			Expect struct {
				MaxNewTokens      int `json:"max_new_tokens"`
				Temperature       float64
				DoSample          bool    `json:"do_sample"`
				TopP              float64 `json:"top_p"`
				TopK              *int    `json:"top_k"`
				RepetitionPenalty float64 `json:"repetition_penalty"`
				Trim              bool    `json:"trim_right_padding"`
				Error             string
			}
		} `json:"from_metadata"`
		// The wire calls of generation servers are not of this package.
		SGLang    json.RawMessage
		SGLangCap json.RawMessage `json:"sglang_cap"`
		VLLM      json.RawMessage
	}
	vectortest.Decode(t, file, &v)
	rules := Reference()
	if v.ProtocolCap != rules.MaxCompletionTokens {
		t.Errorf("cap %d, rules say %d", v.ProtocolCap, rules.MaxCompletionTokens)
	}
	for i, c := range v.Cases {
		got, err := rules.ParseGenerationParams(c.Input)
		if wantError(t, i, string(c.Input), err, c.Expect.Error != "") {
			if !errors.Is(err, ErrGenerationParams) {
				t.Errorf("case %d: %v is not ErrGenerationParams", i, err)
			}
			continue
		}
		want := GenerationParams{MaxTokens: c.Expect.MaxNewTokens, Temperature: c.Expect.Temperature, TopP: c.Expect.TopP, RepetitionPenalty: c.Expect.RepetitionPenalty}
		if c.Expect.TopK != nil {
			want.TopK = *c.Expect.TopK
		}
		compare(t, i, string(c.Input), got, want)
	}
	vectortest.Count(t, file+" (from_metadata)", len(v.Cases))
}

func TestGenerationOddValues(t *testing.T) {
	field := func(key, value string) []byte {
		m := map[string]string{"max_tokens": "7", "temperature": "1", "top_p": "1", "top_k": "0", "repetition_penalty": "1"}
		m[key] = value
		var parts []string
		for k, v := range m {
			parts = append(parts, `"`+k+`":`+v)
		}
		return []byte("{" + strings.Join(parts, ",") + "}")
	}
	for _, c := range []struct {
		key, value string
		ok         bool
	}{
		{"max_tokens", "1e300", true}, // an integer to Python, then capped
		{"max_tokens", "99999999999999999999999", true},
		{"max_tokens", "-99999999999999999999999", false},
		{"max_tokens", "Infinity", false},
		{"max_tokens", "NaN", false},
		{"top_k", "99999999999999999999999", false},
		{"temperature", "NaN", false},
		{"temperature", "Infinity", false},
		{"top_p", `"nan"`, false},
		{"repetition_penalty", "{}", false},
	} {
		p, err := Reference().ParseGenerationParams(field(c.key, c.value))
		if (err == nil) != c.ok || (err != nil && !errors.Is(err, ErrGenerationParams)) {
			t.Errorf("%s = %s: %+v, %v", c.key, c.value, p, err)
		}
		if err == nil && p.MaxTokens != 8192 {
			t.Errorf("%s = %s: %d tokens", c.key, c.value, p.MaxTokens)
		}
	}
	if _, err := Reference().ParseGenerationParams([]byte("{")); !errors.Is(err, ErrGenerationParams) {
		t.Errorf("cut JSON: %v", err)
	}
	text, err := json.Marshal(TrainerGenerationParams())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Reference().ParseGenerationParams(text); err != nil || got != TrainerGenerationParams() {
		t.Errorf("the trainer's own policy: %+v, %v", got, err)
	}
}
