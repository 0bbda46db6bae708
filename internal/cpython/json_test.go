package cpython

import (
	"bytes"
	"errors"
	"math"
	"math/big"
	"strings"
	"testing"
)

func mustParse(t *testing.T, text string) Value {
	t.Helper()
	v, err := ParseJSON([]byte(text), Limits{})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

func TestJSONLayouts(t *testing.T) {
	huge := "1" + strings.Repeat("0", 100)
	for _, test := range []struct{ name, in, sorted, compact, standard string }{
		{"scalars", ` [null , true,false,"x"] `, `[null,true,false,"x"]`, `[null,true,false,"x"]`, `[null, true, false, "x"]`},
		{"empty", "[ [ ] , { } ]", "[[],{}]", "[[],{}]", "[[], {}]"},
		{"keys", `{"b":{"d":1,"c":2},"a":3}`, `{"a":3,"b":{"c":2,"d":1}}`, `{"b":{"d":1,"c":2},"a":3}`, `{"b": {"d": 1, "c": 2}, "a": 3}`},
		{"last duplicate wins, first place", `{"a":1,"b":2,"a":3}`, `{"a":3,"b":2}`, `{"a":3,"b":2}`, `{"a": 3, "b": 2}`},
		{"integers", "[0,-0,-7," + huge + ",-9223372036854775808,9223372036854775808]",
			"[0,0,-7," + huge + ",-9223372036854775808,9223372036854775808]",
			"[0,0,-7," + huge + ",-9223372036854775808,9223372036854775808]",
			"[0, 0, -7, " + huge + ", -9223372036854775808, 9223372036854775808]"},
		{"floats", "[1.0,-0.0,1e3,1E-7,-0e0]", "[1.0,-0.0,1000.0,1e-07,-0.0]", "[1.0,-0.0,1000.0,1e-07,-0.0]", "[1.0, -0.0, 1000.0, 1e-07, -0.0]"},
		{"odd floats", "[NaN,Infinity,-Infinity,1e999,-1e999,1e-999]", "[NaN,Infinity,-Infinity,Infinity,-Infinity,0.0]",
			"[NaN,Infinity,-Infinity,Infinity,-Infinity,0.0]", "[NaN, Infinity, -Infinity, Infinity, -Infinity, 0.0]"},
		{"escapes", `"\"\\\/\b\f\n\r\t\u0041\u00e9\ud83d\uDE00é😀"`, `"\"\\/\b\f\n\r\tA\u00e9\ud83d\ude00\u00e9\ud83d\ude00"`,
			`"\"\\/\b\f\n\r\tA\u00e9\ud83d\ude00\u00e9\ud83d\ude00"`, `"\"\\/\b\f\n\r\tA\u00e9\ud83d\ude00\u00e9\ud83d\ude00"`},
		{"lone surrogates", `["\ud800","\udc00x","\ud800\ud801\udc01","\ud800\u0041"]`, `["\ud800","\udc00x","\ud800\ud801\udc01","\ud800A"]`,
			`["\ud800","\udc00x","\ud800\ud801\udc01","\ud800A"]`, `["\ud800", "\udc00x", "\ud800\ud801\udc01", "\ud800A"]`},
		{"keys by code point", `{"\ue000":1,"\ud83d\ude00":2,"\ud800":3,"z":4}`, `{"z":4,"\ud800":3,"\ue000":1,"\ud83d\ude00":2}`,
			`{"\ue000":1,"\ud83d\ude00":2,"\ud800":3,"z":4}`, `{"\ue000": 1, "\ud83d\ude00": 2, "\ud800": 3, "z": 4}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := mustParse(t, test.in)
			for what, pair := range map[string][2]string{
				"sorted":  {string(v.AppendCompactSorted(nil)), test.sorted},
				"compact": {string(v.AppendCompact([]byte{})), test.compact},
				"default": {v.String(), test.standard},
			} {
				if pair[0] != pair[1] {
					t.Errorf("%s: got %s, want %s", what, pair[0], pair[1])
				}
			}
		})
	}
}

func TestJSONErrors(t *testing.T) {
	for _, text := range []string{
		"", " ", "nul", "True", "[", "[1", "[1,", "[1,]", "[,]", "[1 2]", "]", "{", "{1:2}", `{"a"}`, `{"a":}`, `{"a":1,}`, `{"a":1`, `{"a" 1}`, `{'a':1}`,
		"01", "-", "-01", "+1", "1.", ".5", "1e", "1e+", "1.e3", "0x10", "-NaN", "nan", "Inf", "--1", "1 1", "[1]]", "\ufeff1",
		`"`, `"a`, "\"\n\"", "\"\x00\"", `"\x"`, `"\u12"`, `"\u12g4"`, `"\ud800\u12"`, `"\`, "\"\xff\"", "\"\xed\xa0\x80\"", "1\x00", "\x0b1",
		strings.Repeat("9", MaxIntDigits+1),
	} {
		if v, err := ParseJSON([]byte(text), Limits{}); !errors.Is(err, ErrJSON) {
			t.Errorf("%.40q: got %v, %v", text, v, err)
		}
	}
	if _, err := ParseJSON([]byte("-"+strings.Repeat("9", MaxIntDigits)), Limits{}); err != nil {
		t.Errorf("an integer of %d digits: %v", MaxIntDigits, err)
	}
}

func TestJSONLimits(t *testing.T) {
	for _, test := range []struct {
		name, text string
		limits     Limits
		fails      bool
	}{
		{"bytes", "[1, 2]", Limits{MaxBytes: 5}, true},
		{"bytes fit", "[1, 2]", Limits{MaxBytes: 6}, false},
		{"depth", `[{"a":[]}]`, Limits{MaxDepth: 2}, true},
		{"depth fits", `[{"a":[]}]`, Limits{MaxDepth: 3}, false},
		{"values", "[1,2,3]", Limits{MaxValues: 3}, true},
		{"values fit", "[1,2,3]", Limits{MaxValues: 4}, false},
		{"default depth", strings.Repeat("[", 100000), Limits{}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := ParseJSON([]byte(test.text), test.limits); errors.Is(err, ErrJSONLimit) != test.fails || !test.fails && err != nil {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestJSONManyKeys reads an object that is large enough for its index, with every key twice.
func TestJSONManyKeys(t *testing.T) {
	var b bytes.Buffer
	b.WriteString("{")
	const n = 500
	for i := range 2 * n {
		if i > 0 {
			b.WriteString(",")
		}
		b.Write(AppendString(nil, big.NewInt(int64(i%n)).String()))
		b.WriteString(":")
		b.WriteString(big.NewInt(int64(i)).String())
	}
	b.WriteString("}")
	v := mustParse(t, b.String())
	if v.Len() != n {
		t.Fatalf("got %d members, want %d", v.Len(), n)
	}
	for i, m := range v.Members() {
		if got, _ := m.Value.Int64(); m.Key != big.NewInt(int64(i)).String() || got != int64(n+i) {
			t.Errorf("member %d: got %s = %d", i, m.Key, got)
		}
	}
}

func TestValueAccess(t *testing.T) {
	v := mustParse(t, `{"i":5,"big":99999999999999999999,"f":1.5,"s":"é\ud800","b":true,"n":null,"a":[1,2]}`)
	get := func(key string) Value {
		x, ok := v.Get(key)
		if !ok {
			t.Fatalf("no %s", key)
		}
		return x
	}
	if n, ok := get("i").Int64(); !ok || n != 5 {
		t.Errorf("i: %d, %v", n, ok)
	}
	if n, ok := get("i").BigInt(); !ok || n.Int64() != 5 {
		t.Errorf("i: %v, %v", n, ok)
	}
	if _, ok := get("big").Int64(); ok {
		t.Error("big fits int64")
	}
	if n, ok := get("big").BigInt(); !ok || n.String() != "99999999999999999999" {
		t.Errorf("big: %v, %v", n, ok)
	}
	if _, ok := get("f").Int64(); ok {
		t.Error("a float is an int")
	}
	if f, ok := get("f").Float(); !ok || f != 1.5 {
		t.Errorf("f: %v, %v", f, ok)
	}
	if _, ok := get("i").Float(); ok {
		t.Error("an int is a float")
	}
	if s, ok := get("s").Text(); !ok || s != "é\xed\xa0\x80" || get("s").Len() != 2 {
		t.Errorf("s: %q, %v, length %d", s, ok, get("s").Len())
	}
	if b, ok := get("b").Bool(); !ok || !b {
		t.Errorf("b: %v, %v", b, ok)
	}
	if _, ok := get("b").Int64(); ok {
		t.Error("a bool is an int")
	}
	if _, ok := get("n").Text(); ok || get("n").Kind() != Null {
		t.Error("null is a text")
	}
	if _, ok := v.Get("missing"); ok {
		t.Error("a missing key is there")
	}
	if _, ok := get("a").Get("i"); ok || len(get("a").Elements()) != 2 || get("a").Members() != nil || v.Elements() != nil {
		t.Error("a list is a dict")
	}
	if _, ok := get("s").BigInt(); ok {
		t.Error("a text is an int")
	}
}

func TestTruth(t *testing.T) {
	for text, want := range map[string]bool{
		"null": false, "true": true, "false": false, "0": false, "-0": false, "3": true, "99999999999999999999": true, "0.0": false, "-0.0": false, "0.1": true, "NaN": true,
		`""`: false, `"0"`: true, "[]": false, "[0]": true, "{}": false, `{"a":0}`: true,
	} {
		if got := mustParse(t, text).Truth(); got != want {
			t.Errorf("%s: got %v", text, got)
		}
	}
}

func TestConstructors(t *testing.T) {
	v := ObjectValue([]Member{
		{"b", ArrayValue([]Value{BoolValue(true), BoolValue(false), {}, IntValue(-3), FloatValue(2), StringValue("x")})},
		{"a", BigValue(new(big.Int).Lsh(big.NewInt(1), 64))},
		{"c", BigValue(big.NewInt(7))},
		{"d", BigValue(nil)},
	})
	const want = `{"a":18446744073709551616,"b":[true,false,null,-3,2.0,"x"],"c":7,"d":0}`
	if got := string(v.AppendCompactSorted(nil)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if v.Members()[0].Key != "b" {
		t.Error("writing has sorted the value itself")
	}
	for k, want := range map[Kind]string{Null: "NoneType", Float: "float", Object: "dict", Kind(99): "invalid"} {
		if k.String() != want {
			t.Errorf("got %s, want %s", k, want)
		}
	}
}

func TestAppendStringReplacesBrokenBytes(t *testing.T) {
	if got := string(AppendString([]byte("x"), "a\xff\xc3\xed\xa0\x7f")); got != `x"a\ufffd\ufffd\ufffd\ufffd\u007f"` {
		t.Errorf("got %s", got)
	}
}

func FuzzParseJSON(f *testing.F) {
	for _, seed := range []string{`{"a":[1,2.5,-0,"\ud800\udc00\ud800"],"a":NaN}`, "[1e999,-Infinity]", `"\u00e9` + "é\"", "[[[[]]]]", strings.Repeat("9", 30)} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := ParseJSON(b, Limits{MaxDepth: 50, MaxValues: 10000, MaxBytes: 1 << 16})
		if err != nil {
			if !errors.Is(err, ErrJSON) && !errors.Is(err, ErrJSONLimit) {
				t.Fatalf("error without a sentinel: %v", err)
			}
			return
		}
		for _, write := range []func(Value, []byte) []byte{Value.AppendDefault, Value.AppendCompact, Value.AppendCompactSorted} {
			text := write(v, nil)
			back, err := ParseJSON(text, Limits{})
			if err != nil {
				t.Fatalf("couldn't read %s back: %v", text, err)
			}
			if again := write(back, nil); !bytes.Equal(again, text) {
				t.Fatalf("%s becomes %s", text, again)
			}
		}
		_, _ = v.ToInt()
		if x, err := v.ToFloat(); err == nil && v.Kind() == Float {
			if y, _ := v.Float(); !sameFloat(x, y) {
				t.Fatalf("ToFloat changes %x to %x", y, x)
			}
		}
	})
}

func BenchmarkParseCommitments(b *testing.B) {
	var text []byte
	text = append(text, '[')
	for i := range 2048 {
		if i > 0 {
			text = append(text, ", "...)
		}
		text = append(text, `{"sketch": `...)
		text = append(text, big.NewInt(int64(i)*1048573).String()...)
		text = append(text, '}')
	}
	text = append(text, ']')
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	var buf []byte
	for b.Loop() {
		v, err := ParseJSON(text, Limits{})
		if err != nil {
			b.Fatal(err)
		}
		buf = v.AppendCompactSorted(buf[:0])
	}
}

func TestFloatTextRoundTrips(t *testing.T) {
	r := NewRandFromUint64(1)
	for range 20000 {
		f := math.Float64frombits(r.GetRandBits(64))
		text := AppendFloat(nil, f)
		v, err := ParseJSON(text, Limits{})
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if back, ok := v.Float(); !ok || !sameFloat(back, f) {
			t.Fatalf("%x is written as %s and read as %x", f, text, back)
		}
	}
}
