package synapse

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"testing"
)

type inner struct {
	Name  string `synapse:"name"`
	Count int8   `synapse:"count,required"`
}

// everything has each kind of field.
type everything struct {
	Text    string            `synapse:"text,hash"`
	Flag    bool              `synapse:"flag"`
	Small   int8              `synapse:"small" default:"-3"`
	Large   uint64            `synapse:"large"`
	Real    float32           `synapse:"real"`
	List    []string          `synapse:"list,hash" default:"[\"a\"]"`
	Table   map[string]inner  `synapse:"table"`
	Nested  inner             `synapse:"nested" default:"{\"count\": 1}"`
	Pointer *inner            `synapse:"pointer"`
	Any     any               `synapse:"any"`
	Value   Value             `synapse:"value"`
	Number  Integer           `synapse:"number"`
	Maybe   Optional[float64] `synapse:"maybe"`
	Big     *Integer          `synapse:",answer"`
	Hidden  string
}

func TestEveryKind(t *testing.T) {
	typ := MustTypeOf[everything]()
	if typ.Name() != "everything" || !typ.HasAnswers() || typ.IntegerTimeout() || len(typ.Fields()) != 14 {
		t.Errorf("%s %v", typ.Name(), typ.Fields())
	}
	if got := typ.HashFields(); !slices.Equal(got, []string{"text", "list"}) {
		t.Errorf("hashed %v", got)
	}
	const body = `{"name": "everything", "timeout": 12.0, "total_size": 0, "header_size": 0, "dendrite": null, "axon": null, "computed_body_hash": "", ` +
		`"text": "\u00e9", "flag": true, "small": -128, "large": 18446744073709551615, "real": 0.5, "list": ["x"], "table": {"k": {"name": "n", "count": 2}}, ` +
		`"nested": {"name": "", "count": 5}, "pointer": {"name": "p", "count": 1}, "any": [1, 2.5, {"a": null}, 123456789012345678901234567890], ` +
		`"value": {"b": 1, "a": 1.0}, "number": 99999999999999999999, "maybe": 1e+16, "Big": 7}`
	v := typ.New().(*everything)
	if v.Small != -3 || !slices.Equal(v.List, []string{"a"}) || v.Nested.Count != 1 {
		t.Errorf("defaults %+v", v)
	}
	e, fields, err := typ.ParseJSON([]byte(body), v)
	if err != nil {
		t.Fatal(err)
	}
	if len(fields) != 14 || v.Large != math.MaxUint64 || *v.Pointer != (inner{"p", 1}) || v.Number.Big().String() != "99999999999999999999" {
		t.Errorf("%v %+v", fields, v)
	}
	list, ok := v.Any.([]any)
	if !ok || list[0] != int64(1) || list[1] != 2.5 || list[3].(*big.Int).BitLen() < 64 {
		t.Errorf("any %v", v.Any)
	}
	again, err := typ.AppendJSON(nil, &e, v, Spaced)
	if err != nil || string(again) != body {
		t.Errorf("%v\n got %s\nwant %s", err, again, body)
	}
	compact, err := typ.AppendJSON(nil, &e, v, Compact)
	if err != nil || strings.Contains(string(compact), ": ") {
		t.Errorf("%v %s", err, compact)
	}
	// What a body lacks gets its default, also where the variable had something else.
	if _, fields, err = typ.ParseJSON([]byte(`{"flag": false}`), v); err != nil || len(fields) != 1 {
		t.Fatal(err, fields)
	}
	if v.Text != "" || v.Small != -3 || v.Pointer != nil || v.Any != nil || v.Table != nil || v.Number.IsSet() || v.Maybe.IsSet() || v.Nested.Count != 1 {
		t.Errorf("defaults %+v", v)
	}
}

func TestParseRefuses(t *testing.T) {
	typ := MustTypeOf[everything]()
	for body, want := range map[string]error{
		`{"text": 1}`: ErrMessage, `{"text": null}`: ErrMessage, `{"text": "\ud800"}`: ErrMessage, `{"flag": 1}`: ErrMessage, `{"flag": "true"}`: ErrMessage,
		`{"small": 128}`: ErrMessage, `{"small": 1.5}`: ErrMessage, `{"small": true}`: ErrMessage, `{"small": null}`: ErrMessage, `{"small": "x"}`: ErrMessage,
		`{"large": -1}`: ErrMessage, `{"large": 1e300}`: ErrMessage, `{"real": "x"}`: ErrMessage, `{"real": []}`: ErrMessage, `{"list": {}}`: ErrMessage, `{"list": [1]}`: ErrMessage,
		`{"table": []}`: ErrMessage, `{"table": {"k": {}}}`: ErrMessage, `{"nested": {}}`: ErrMessage, `{"nested": null}`: ErrMessage,
		`{"axon": 1}`: ErrMessage, `{"axon": {"port": "x"}}`: ErrMessage, `{"dendrite": {"hotkey": 5}}`: ErrMessage, `{"dendrite": {"ip": "\ud800"}}`: ErrMessage,
		`{"timeout": "x"}`: ErrMessage, `{"total_size": "x"}`: ErrMessage, `{"computed_body_hash": 5}`: ErrMessage,
		`[]`: ErrMessage, `1`: ErrMessage, `null`: ErrMessage, `"x"`: ErrMessage,
		``: ErrJSON, `{`: ErrJSON, `{"a": 1} x`: ErrJSON, "{\"a\": \"\xff\"}": ErrJSON, `{"a": 01}`: ErrJSON,
		`{"any": ` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`: ErrMessage,
	} {
		if _, _, err := typ.ParseJSON([]byte(body), typ.New()); !errors.Is(err, want) {
			t.Errorf("%.60s: %v, want %v", body, err, want)
		}
	}
	for _, body := range []string{`{"small": "7"}`, `{"small": 7.0}`, `{"real": 3}`, `{"real": "0.5"}`, `{"timeout": "5"}`, `{"timeout": null}`, `{"other": 1}`,
		`{"dendrite": {"port": "80", "version": 9.7, "zzz": []}}`} {
		if _, _, err := typ.ParseJSON([]byte(body), typ.New()); err != nil {
			t.Errorf("%s: %v", body, err)
		}
	}
	if _, _, err := typ.ParseJSON([]byte(`{}`), new(inner)); !errors.Is(err, errType) {
		t.Errorf("another type: %v", err)
	}
	if _, err := typ.AppendJSON(nil, new(Envelope), everything{}, Spaced); !errors.Is(err, errType) {
		t.Errorf("no pointer: %v", err)
	}
}

type (
	badOption struct {
		A int `synapse:"a,secret"`
	}
	badTwice struct {
		A, B int `synapse:"a"`
	}
	badBase struct {
		A int `synapse:"axon"`
	}
	badName struct {
		A int `synapse:"a-b"`
	}
	badKind struct {
		A chan int `synapse:"a"`
	}
	badBytes struct {
		A []byte `synapse:"a"`
	}
	badKey struct {
		A map[int]int `synapse:"a"`
	}
	badDefault struct {
		A int `synapse:"a" default:"\"x\""`
	}
	badBoth struct {
		A int `synapse:"a,required" default:"1"`
	}
	badTimeout struct {
		A string `synapse:"timeout"`
	}
	badLoop struct {
		A *badLoop `synapse:"a"`
	}
	badPrivate struct {
		a int `synapse:"a"`
	}
	badInside struct {
		A []badKey `synapse:"a"`
	}
	badHash struct {
		A int `synapse:"a"`
	}
	badMaybe struct {
		A Optional[chan int] `synapse:"a"`
	}
)

func (badHash) HashFields() []string { return []string{"b"} }

func TestDefinitionsRefused(t *testing.T) {
	check := func(name string, err error) {
		t.Helper()
		if !errors.Is(err, ErrDefinition) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := TypeOf[badOption]()
	check("option", err)
	_, err = TypeOf[badTwice]()
	check("twice", err)
	_, err = TypeOf[badBase]()
	check("base", err)
	_, err = TypeOf[badName]()
	check("name", err)
	_, err = TypeOf[badKind]()
	check("kind", err)
	_, err = TypeOf[badBytes]()
	check("bytes", err)
	_, err = TypeOf[badKey]()
	check("key", err)
	_, err = TypeOf[badDefault]()
	check("default", err)
	_, err = TypeOf[badBoth]()
	check("required with a default", err)
	_, err = TypeOf[badTimeout]()
	check("timeout", err)
	_, err = TypeOf[badLoop]()
	check("loop", err)
	_ = badPrivate{}.a
	_, err = TypeOf[badPrivate]()
	check("private", err)
	_, err = TypeOf[badInside]()
	check("inside", err)
	_, err = TypeOf[badHash]()
	check("hash", err)
	_, err = TypeOf[badMaybe]()
	check("maybe", err)
	_, err = TypeOf[int]()
	check("int", err)
	_, err = TypeOf[struct{}]()
	check("nameless", err)
	defer func() {
		if recover() == nil {
			t.Error("MustTypeOf does not panic")
		}
	}()
	MustTypeOf[int]()
}

func TestTimeouts(t *testing.T) {
	logic, info := classes["LogicSynapse"], classes["Information"]
	for _, c := range []struct {
		typ     *Type
		seconds float64
		text    string
	}{{logic, 64, "64"}, {logic, 1.2, "2"}, {info, 60, "60.0"}, {info, 0.1, "0.1"}, {info, 1e16, "1e+16"}} {
		e, v := NewEnvelope(), c.typ.New()
		if err := c.typ.SetTimeout(&e, v, c.seconds); err != nil {
			t.Error(err)
		}
		if got := c.typ.TimeoutText(&e); got != c.text {
			t.Errorf("%g s: %s, want %s", c.seconds, got, c.text)
		}
		if l, ok := v.(*LogicSynapse); ok && fmt.Sprint(l.Timeout) != c.text {
			t.Errorf("field %d", l.Timeout)
		}
	}
	e := NewEnvelope()
	if err := logic.SetTimeout(&e, logic.New(), math.Inf(1)); err == nil {
		t.Error("an integer timeout without end")
	}
	e, _, err := logic.ParseJSON([]byte(`{}`), logic.New())
	if s, _ := e.Timeout.Get(); err != nil || s != 64 {
		t.Errorf("default timeout %v, %v", e.Timeout, err)
	}
}

func TestAmbiguousHeaders(t *testing.T) {
	for name, h := range map[string]http.Header{
		"twice":       {"Bt_header_dendrite_hotkey": {"a", "b"}},
		"alias":       {"Bt_header_dendrite_hotkey": {"a"}, "X-Bt_header_dendrite_hotkey": {"b"}},
		"hash":        {"Computed_body_hash": {"a", "b"}},
		"letter case": {"bt_header_axon_ip": {"a"}, "BT_HEADER_AXON_IP": {"b"}},
	} {
		if _, err := SplitHeaders(h); !errors.Is(err, ErrAmbiguous) || !errors.Is(err, ErrMessage) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := classes["Synapse"].ParseHeaders(h, new(ping)); !errors.Is(err, ErrAmbiguous) {
			t.Errorf("%s: %v", name, err)
		}
	}
	same := http.Header{"Bt_header_dendrite_hotkey": {"a", "a"}, "Timeout": {"1"}, "Accept": {"x", "y"}, "Empty": nil}
	if _, err := SplitHeaders(same); err != nil {
		t.Error(err)
	}
}

func TestCopyAnswers(t *testing.T) {
	typ := MustTypeOf[everything]()
	seven := Int(7)
	to, from := &everything{Text: "mine"}, &everything{Text: "theirs", Big: &seven}
	if n, err := typ.CopyAnswers(to, from, Fields{"text"}); n != 0 || err != nil || to.Text != "mine" || to.Big != nil {
		t.Errorf("%d %v %+v", n, err, to)
	}
	if n, err := typ.CopyAnswers(to, from, Fields{"text", "Big"}); n != 1 || err != nil || to.Text != "mine" || to.Big == nil {
		t.Errorf("%d %v %+v", n, err, to)
	}
	info := classes["Information"]
	a, b := new(Information), new(Information)
	b.Request, _ = ValueOf(map[string]any{"x": 1})
	if n, err := info.CopyAnswers(a, b, Fields{"request_dict"}); n != 1 || err != nil || a.Request.String() != `{"x": 1}` {
		t.Errorf("%d %v %+v", n, err, a)
	}
	if _, err := info.CopyAnswers(a, new(inner), nil); !errors.Is(err, errType) {
		t.Error(err)
	}
	if _, err := info.CopyAnswers(new(inner), b, nil); !errors.Is(err, errType) {
		t.Error(err)
	}
}

func TestPythonString(t *testing.T) {
	for _, c := range []struct {
		value any
		want  string
	}{
		{nil, "None"}, {true, "True"}, {[]any{false, nil}, "[False, None]"}, {1, "1"}, {uint64(math.MaxUint64), "18446744073709551615"}, {1.0, "1.0"},
		{math.NaN(), "nan"}, {math.Inf(-1), "-inf"}, {math.Inf(1), "inf"}, {"it's", "it's"}, {[]string{"it's", `"`, `'"`, "\\"}, `["it's", '"', '\'"', '\\']`},
		{[]string{"\n\r\t\x00\x7f\u00a0\u00ad\u200b\U000e0001é"}, `['\n\r\t\x00\x7f\xa0\xad\u200b\U000e0001é']`},
		{[]string{"\xed\xa0\x80"}, `['\ud800']`}, {map[string]any{"b": 1, "a": map[string]int{}}, "{'a': {}, 'b': 1}"}, {[]float32{0.5}, "[0.5]"},
		{&inner{"n", 1}, "{'name': 'n', 'count': 1}"}, {big.NewInt(5), "5"}, {[]*big.Int{big.NewInt(6)}, "[6]"}, {Int(5), "5"}, {[]Integer{""}, "[None]"}, {Some("x"), "x"}, {Text{}, "None"},
		{[2]int{1, 2}, "[1, 2]"}, {(*inner)(nil), "None"},
	} {
		if got, err := PythonString(c.value); err != nil || got != c.want {
			t.Errorf("%v: %s, want %s (%v)", c.value, got, c.want, err)
		}
	}
	for _, bad := range []any{make(chan int), map[int]int{1: 1}, []any{func() {}}, complex(1, 2)} {
		if _, err := PythonString(bad); err == nil {
			t.Errorf("%T has a Python form", bad)
		}
	}
	type ring struct {
		Next any `synapse:"next"`
	}
	r := new(ring)
	r.Next = r
	if _, err := PythonString(r); err == nil {
		t.Error("a ring has a Python form")
	}
	if _, err := BodyHash("\xed\xa0\x80"); !errors.Is(err, errSurrogate) {
		t.Errorf("hash of a lone surrogate: %v", err)
	}
}

func TestOptionalAndInteger(t *testing.T) {
	if v, ok := Some(5).Get(); v != 5 || !ok {
		t.Error("Some")
	}
	if (Optional[string]{}).Or("x") != "x" || Some("").Or("x") != "" || !Some("").IsSet() {
		t.Error("Or")
	}
	huge := Integer("99999999999999999999")
	if _, ok := huge.Get(); ok || huge.Or(3) != 3 || !huge.IsSet() || huge.String() != string(huge) || huge.Big().BitLen() != 67 {
		t.Error("huge")
	}
	if n, ok := Int(-5).Get(); n != -5 || !ok || !Int(-5).Is(-5) || Int(-5).Is(5) || Int(-5).Or(1) != -5 {
		t.Error("Int")
	}
	if Integer("").String() != "None" || Integer("").IsSet() || Integer("").Big() != nil {
		t.Error("None")
	}
}

func TestValue(t *testing.T) {
	v, err := ParseValue([]byte(`{"b": 1, "a": [1.0, "x"]}`))
	if err != nil {
		t.Fatal(err)
	}
	if a, ok := v.Get("a"); !ok || a.String() != `[1.0, "x"]` || v.IsNull() {
		t.Errorf("%s", a)
	}
	if _, ok := v.Get("c"); ok {
		t.Error("c is there")
	}
	out, err := json.Marshal(map[string]Value{"v": v})
	if err != nil || string(out) != `{"v":{"b":1,"a":[1.0,"x"]}}` {
		t.Errorf("%s %v", out, err)
	}
	var back map[string]Value
	if err := json.Unmarshal(out, &back); err != nil || back["v"].String() != v.String() {
		t.Errorf("%v %v", back, err)
	}
	nan, _ := ValueOf(math.NaN())
	if _, err := json.Marshal(nan); err == nil {
		t.Error("NaN is JSON")
	}
	if _, err := ParseValue([]byte("{")); err == nil {
		t.Error("half an object is a value")
	}
	if _, err := ValueOf(make(chan int)); err == nil {
		t.Error("a channel is a value")
	}
	if err := v.Decode(inner{}); err == nil {
		t.Error("decoded into no pointer")
	}
	var wrong int
	if err := v.Decode(&wrong); err == nil {
		t.Error("an object is an int")
	}
}

func TestVersionRefuses(t *testing.T) {
	for _, text := range []string{"", "9", "9.0", "9.0.0.1", "9.0.0rc1", "a.b.c", "-1.0.0", "9.0.70000"} {
		if n, err := Version(text); err == nil {
			t.Errorf("%q is %d", text, n)
		}
	}
}

func TestParseSignatureRefuses(t *testing.T) {
	good := FormatSignature([64]byte{1, 2})
	for _, text := range []string{"", "0x", good[2:], good + "0", good[:129], "0X" + good[2:], good[:128] + "zz"} {
		if _, err := ParseSignature(text); !errors.Is(err, ErrSignatureForm) {
			t.Errorf("%.20q: %v", text, err)
		}
	}
}

func FuzzParseJSON(f *testing.F) {
	typ := MustTypeOf[everything]()
	f.Add([]byte(`{"text": "a", "axon": {"port": 1}, "any": [1, {}], "small": 5}`))
	f.Add([]byte(`{"timeout": 1e999, "list": ["\ud800"], "number": "1_0"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		v := typ.New()
		e, _, err := typ.ParseJSON(body, v)
		if err != nil {
			if !errors.Is(err, ErrJSON) && !errors.Is(err, ErrMessage) {
				t.Error(err)
			}
			return
		}
		again, err := typ.AppendJSON(nil, &e, v, Compact)
		if err != nil {
			t.Fatal(err)
		}
		back := typ.New()
		e2, _, err := typ.ParseJSON(again, back)
		if err != nil {
			t.Fatalf("what was written cannot be read: %s: %v", again, err)
		}
		third, err := typ.AppendJSON(nil, &e2, back, Compact)
		if err != nil || string(third) != string(again) {
			t.Errorf("%s became %s (%v)", again, third, err)
		}
		if _, err := typ.BodyHash(&e, v); err != nil {
			t.Error(err)
		}
	})
}

func FuzzParseHeaders(f *testing.F) {
	typ := classes["NeedsFields"]
	f.Add("bt_header_axon_port", "80", "bt_header_input_obj_query", "IiI=")
	f.Add("x-bt_header_dendrite_nonce", " 1_0 ", "timeout", "nan")
	f.Fuzz(func(t *testing.T, name, value, name2, value2 string) {
		h := http.Header{name: {value}, name2: {value2, value}}
		if _, err := SplitHeaders(h); err != nil && !errors.Is(err, ErrMessage) {
			t.Error(err)
		}
		for _, c := range []*Type{typ, classes["LogicSynapse"], classes["Synapse"]} {
			v := c.New()
			e, err := c.ParseHeaders(h, v)
			if err != nil {
				if !errors.Is(err, ErrMessage) {
					t.Error(err)
				}
				continue
			}
			if _, err := c.Headers(&e, v, 0); err != nil {
				t.Error(err)
			}
		}
	})
}

func FuzzPythonString(f *testing.F) {
	f.Add([]byte(`["it's", 1e5, {"a": null}]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		v, err := ParseValue(text)
		if err != nil {
			return
		}
		if s, err := PythonString(v); err != nil || len(s) > 12*len(text)+64 {
			t.Errorf("%d bytes of %d: %v", len(s), len(text), err)
		}
	})
}
