package logicnet

import (
	"encoding/json"
	"errors"
	"maps"
	"math"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestDocumentedRules(t *testing.T) {
	for _, name := range []string{"reference", "hardened"} {
		r, ok := RulesByName(name)
		if !ok {
			t.Fatalf("no rules %q", name)
		}
		if err := r.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		back, err := ParseRules(text)
		if err != nil || back != r {
			t.Errorf("%s does not survive JSON: %v", name, err)
		}
		based, err := ParseRules([]byte(`{"base":"` + name + `"}`))
		if err != nil || based != r {
			t.Errorf("base %s: %v", name, err)
		}
	}
	if Reference().Digest() == Hardened().Digest() {
		t.Error("the documented rules have one digest")
	}
	if _, ok := RulesByName("other"); ok {
		t.Error("there are rules named other")
	}
}

// TestRulesComments holds the values that the comments of the fields name to the code: those of Reference, and of Hardened where it differs.
func TestRulesComments(t *testing.T) {
	source, err := os.ReadFile("rules.go")
	if err != nil {
		t.Fatal(err)
	}
	field := regexp.MustCompile("(?m)((?:^\t//.*\n)+)^\t(\\w+) .*`json")
	documented := map[string]string{}
	for _, m := range field.FindAllStringSubmatch(string(source), -1) {
		documented[m[2]] = strings.Join(strings.Fields(strings.ReplaceAll(m[1], "//", "")), " ")
	}
	reference, hardened := reflect.ValueOf(Reference()), reflect.ValueOf(Hardened())
	for i := range reference.NumField() {
		name := reference.Type().Field(i).Name
		comment := documented[name]
		if !strings.HasPrefix(comment, name+" ") || !strings.Contains(comment, "Section") {
			t.Errorf("comment of %s is %q, must begin with the name and name a section", name, comment)
		}
		text := func(v reflect.Value) string {
			b, _ := json.Marshal(v.Interface())
			return strings.ReplaceAll(string(b), ",", ", ")
		}
		was, is := text(reference.Field(i)), text(hardened.Field(i))
		want := was + "."
		if was != is {
			want = was + "; Hardened " + is + "."
		}
		if name == "Curve" {
			want = "[-1.038e-7, 6.214e-5, -0.0129, -0.0118]."
		}
		if !strings.Contains(comment, " "+want) {
			t.Errorf("comment of %s does not say %q: %s", name, want, comment)
		}
	}
}

func TestParseRules(t *testing.T) {
	r, err := ParseRules([]byte(`{"base":"hardened","batch_size":3,"ties":"first","curve":[0,0,0,1]}`))
	want := Hardened()
	want.BatchSize, want.Ties, want.Curve = 3, TiesFirst, [4]float64{0, 0, 0, 1}
	if err != nil || r != want {
		t.Errorf("%+v, %v", r, err)
	}
	for name, text := range map[string]string{
		"nothing":      ``,
		"no object":    `[1]`,
		"no base":      `{"batch_size":3}`,
		"unknown base": `{"base":"soft"}`,
		"base number":  `{"base":1}`,
		"unknown key":  `{"base":"reference","batchsize":3}`,
		"wrong type":   `{"base":"reference","batch_size":"3"}`,
		"fraction":     `{"base":"reference","batch_size":3.5}`,
		"text after":   `{"base":"reference"} {}`,
		"bad value":    `{"base":"reference","batch_size":0}`,
		"overflow":     `{"base":"reference","min_stake":1e999}`,
		"long":         `{"base":"` + strings.Repeat("x", maxRulesBytes) + `"}`,
	} {
		if _, err := ParseRules([]byte(text)); !errors.Is(err, ErrRules) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestValidate breaks each field in turn: every number must be refused when it is not finite or absurdly far out, and named.
func TestValidate(t *testing.T) {
	good := reflect.ValueOf(Hardened())
	for i := range good.NumField() {
		var hostile []any
		switch good.Field(i).Interface().(type) {
		case float64:
			hostile = []any{math.NaN(), math.Inf(1), math.Inf(-1), -1e18, 1e18}
		case int:
			hostile = []any{math.MinInt64, math.MaxInt64}
		case int64:
			hostile = []any{int64(math.MinInt64), int64(math.MaxInt64), int64(0)}
		case Grading:
			hostile = []any{Grading("")}
		case Ties:
			hostile = []any{Ties("seeded")}
		case [4]float64:
			hostile = []any{[4]float64{math.NaN()}, [4]float64{0, 0, 0, math.Inf(1)}}
		case bool:
			continue
		default:
			t.Fatalf("field %s has a type that this test does not know", good.Type().Field(i).Name)
		}
		key := good.Type().Field(i).Tag.Get("json")
		for _, bad := range hostile {
			r := Hardened()
			reflect.ValueOf(&r).Elem().Field(i).Set(reflect.ValueOf(bad))
			if err := r.Validate(); !errors.Is(err, ErrRules) || !strings.Contains(err.Error(), key) {
				t.Errorf("%s = %v: %v", key, bad, err)
			}
		}
	}
	var r Rules
	if err := r.Validate(); !errors.Is(err, ErrRules) || strings.Count(err.Error(), "\n") < 10 {
		t.Errorf("zero rules: %v", err)
	}
}

func TestDigest(t *testing.T) {
	seen := map[[32]byte]bool{}
	base := reflect.ValueOf(Reference())
	for i := range base.NumField() {
		r := Reference()
		switch f := reflect.ValueOf(&r).Elem().Field(i); f.Kind() {
		case reflect.Bool:
			f.SetBool(!f.Bool())
		case reflect.String:
			f.SetString("x")
		case reflect.Array:
			f.Index(0).SetFloat(7)
		case reflect.Float64:
			f.SetFloat(f.Float() + 1)
		default:
			f.SetInt(f.Int() + 1)
		}
		seen[r.Digest()] = true
	}
	seen[Reference().Digest()] = true
	if len(seen) != base.NumField()+1 {
		t.Errorf("%d digests of %d rules", len(seen), base.NumField()+1)
	}
	r := Reference()
	r.MinStake = math.NaN()
	if seen[r.Digest()] {
		t.Error("rules that cannot be written share a digest with valid ones")
	}
}

func TestRuleKeys(t *testing.T) {
	keys := ruleKeys()
	if !slices.IsSorted(keys) || len(keys) != reflect.TypeFor[Rules]().NumField() {
		t.Errorf("%v", keys)
	}
	var m map[string]any
	text, _ := json.Marshal(Hardened())
	_ = json.Unmarshal(text, &m)
	if got := slices.Sorted(maps.Keys(m)); !slices.Equal(got, keys) {
		t.Errorf("%v, want %v", got, keys)
	}
}
