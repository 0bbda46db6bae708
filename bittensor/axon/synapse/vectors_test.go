package synapse

import (
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/bittensor/sr25519"
	"github.com/nanteos/nanteos/bittensor/ss58"
	"github.com/nanteos/nanteos/internal/cpython"
	"github.com/nanteos/nanteos/internal/vectortest"
)

// The classes of the vectors: LogicNet's two, and one whose fields have no defaults.
type (
	LogicSynapse struct {
		Timeout     int64  `synapse:"timeout" default:"64"`
		Question    string `synapse:"logic_question"`
		Answer      Value  `synapse:"logic_answer" default:"\"\""`
		Reasoning   string `synapse:"logic_reasoning"`
		RawQuestion string `synapse:"raw_logic_question"`
		GroundTruth Value  `synapse:"ground_truth_answer" default:"\"\""`
		Category    string `synapse:"category"`
		TaskUID     string `synapse:"task_uid"`
	}
	Information struct {
		Request  Value `synapse:"request_dict" default:"{}"`
		Response Value `synapse:"response_dict" default:"{}"`
	}
	NeedsFields struct {
		Query string         `synapse:"query,required"`
		Count int            `synapse:"count,required"`
		Ratio float64        `synapse:"ratio,required"`
		Flag  bool           `synapse:"flag,required"`
		Items []any          `synapse:"items,required"`
		Table map[string]any `synapse:"table,required"`
	}
	ping struct{}
)

func (ping) SynapseName() string { return "Synapse" }

var classes = map[string]*Type{
	"LogicSynapse": MustTypeOf[LogicSynapse](),
	"Information":  MustTypeOf[Information](),
	"NeedsFields":  MustTypeOf[NeedsFields](),
	"Synapse":      MustTypeOf[ping](),
}

func class(t *testing.T, name string) *Type {
	t.Helper()
	c, ok := classes[name]
	if !ok {
		t.Fatalf("the vectors have a class %q that this test does not know", name)
	}
	return c
}

func terminalOf(t *testing.T, text json.RawMessage) *Terminal {
	t.Helper()
	v, err := ParseValue(text)
	if err != nil {
		t.Fatal(err)
	}
	term, err := parseTerminal(v.v)
	if err != nil {
		t.Fatal(err)
	}
	return term
}

func single(m map[string]string) http.Header {
	h := make(http.Header)
	for k, v := range m {
		h.Add(k, v) // in Go's canonical form, as a server gets them
	}
	return h
}

func TestHeaderVectors(t *testing.T) {
	const file = "logicnet/headers.json"
	type parsed struct {
		Axon, Dendrite    map[string]string
		Timeout, Name     string
		HeaderSize        string            `json:"header_size"`
		TotalSize         string            `json:"total_size"`
		ComputedBodyHash  string            `json:"computed_body_hash"`
		Query, Count      json.RawMessage   // what input_obj headers decode to
		Ratio, Flag       json.RawMessage   //
		Items, Table      json.RawMessage   //
		Request, Response map[string]string `json:"-"`
	}
	var v struct {
		About, SDK string
		Cases      []struct {
			Class             string
			Timeout           json.RawMessage
			Axon, Dendrite    json.RawMessage
			Headers           map[string]string
			HeaderOrder       []string        `json:"header_order"`
			ReferenceSizes    json.RawMessage `json:"reference_sizes"`
			Parsed            parsed
			RoundtripAxon     json.RawMessage `json:"roundtrip_axon"`
			RoundtripDendrite json.RawMessage `json:"roundtrip_dendrite"`
			RoundtripTimeout  json.RawMessage `json:"roundtrip_timeout"`
		}
	}
	vectortest.Decode(t, file, &v)
	for i, c := range v.Cases {
		typ := class(t, c.Class)
		value := typ.New()
		e := NewEnvelope()
		e.Axon, e.Dendrite = terminalOf(t, c.Axon), terminalOf(t, c.Dendrite)
		timeout, err := ParseValue(c.Timeout)
		if err != nil {
			t.Fatal(err)
		}
		if e.Timeout, err = floatOf(timeout.v); err != nil {
			t.Fatal(err)
		}
		headers, err := typ.Headers(&e, value, 0)
		if err != nil {
			t.Fatalf("case %d: %v", i, err)
		}
		var order []string
		received := make(map[string]string)
		for _, h := range headers {
			order = append(order, h.Name)
			received[h.Name] = h.Value
			if h.Name == "header_size" || h.Name == "total_size" {
				continue
			}
			if want, ok := c.Headers[h.Name]; !ok || want != h.Value {
				t.Errorf("case %d: header %s = %q, want %q", i, h.Name, h.Value, want)
			}
		}
		if !slices.Equal(order, c.HeaderOrder) {
			t.Errorf("case %d: order %v, want %v", i, order, c.HeaderOrder)
		}
		split, err := SplitHeaders(single(c.Headers))
		if err != nil {
			t.Fatalf("case %d: %v", i, err)
		}
		for what, pair := range map[string][2]map[string]string{"axon": {split.axon, c.Parsed.Axon}, "dendrite": {split.dendrite, c.Parsed.Dendrite}} {
			if !equalMaps(pair[0], pair[1]) {
				t.Errorf("case %d: %s parsed to %v, want %v", i, what, pair[0], pair[1])
			}
		}
		back, err := typ.ParseHeaders(single(received), typ.New())
		if err != nil {
			t.Fatalf("case %d: %v", i, err)
		}
		if *back.Axon != *terminalOf(t, c.RoundtripAxon) || *back.Dendrite != *terminalOf(t, c.RoundtripDendrite) {
			t.Errorf("case %d: terminals came back as %+v and %+v", i, back.Axon, back.Dendrite)
		}
		if got := typ.TimeoutText(&back); got != string(c.RoundtripTimeout) {
			t.Errorf("case %d: timeout came back as %s, want %s", i, got, c.RoundtripTimeout)
		}
	}
	vectortest.Count(t, file, len(v.Cases))
}

func equalMaps(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if b[k] != v {
			return false
		}
	}
	return true
}

func TestOddHeaderVectors(t *testing.T) {
	const file = "logicnet/headers_odd.json"
	// Cases are read as Values: the states hold integers of any size and NaN.
	all, err := ParseValue(vectortest.Open(t, file))
	if err != nil {
		t.Fatal(err)
	}
	cases, _ := all.Get("cases")
	for i, c := range cases.v.Elements() {
		c := Value{c}
		text := func(key string) string {
			x, _ := c.Get(key)
			s, _ := x.Text()
			return s
		}
		for _, m := range c.v.Members() {
			if !slices.Contains([]string{"class", "headers", "ok", "state", "error"}, m.Key) {
				t.Fatalf("case %d has the unknown key %s", i, m.Key)
			}
		}
		var headers map[string]string
		h, _ := c.Get("headers")
		if err := h.Decode(&headers); err != nil {
			t.Fatal(err)
		}
		typ := class(t, text("class"))
		value := typ.New()
		e, err := typ.ParseHeaders(single(headers), value)
		ok, _ := c.Get("ok")
		if want := ok.v.Truth(); (err == nil) != want {
			t.Errorf("case %d %v: error %v, the reference accepts: %v", i, headers, err, want)
			continue
		}
		if err != nil {
			continue
		}
		want, _ := c.Get("state")
		got, err := typ.AppendJSON(nil, &e, value, Spaced)
		if err != nil {
			t.Fatal(err)
		}
		// The recording wrote what JSON lacks as text.
		shown := strings.NewReplacer(": NaN,", `: "nan",`, ": Infinity,", `: "inf",`).Replace(string(got))
		if shown != want.String() {
			t.Errorf("case %d %v:\n got %s\nwant %s", i, headers, got, want)
		}
	}
	vectortest.Count(t, file, cases.v.Len())
}

func TestWireRequestVectors(t *testing.T) {
	const file = "logicnet/wire_requests.json"
	var v struct {
		About, SDK    string
		ValidatorSeed string `json:"validator_seed"`
		MinerHotkey   string `json:"miner_hotkey"`
		ExternalIP    string `json:"external_ip"`
		Cases         []struct {
			Kind          string
			LogicQuestion string `json:"logic_question"`
			TaskUID       string `json:"task_uid"`
			Timeout       json.Number
			Head, Body    string
			RequestDict   json.RawMessage `json:"request_dict"`
		}
	}
	vectortest.Decode(t, file, &v)
	for i, c := range v.Cases {
		typ := class(t, c.Kind)
		lines := strings.Split(c.Head, "\r\n")
		received := make(map[string]string)
		var names []string
		for _, line := range lines[1:] {
			name, value, _ := strings.Cut(line, ": ")
			received[name] = value
			names = append(names, name)
		}
		value := typ.New()
		e, fields, err := typ.ParseJSON([]byte(c.Body), value)
		if err != nil {
			t.Fatalf("case %d: %v", i, err)
		}
		if len(fields) != len(typ.Fields()) {
			t.Errorf("case %d: fields %v", i, fields)
		}
		body, err := typ.AppendJSON(nil, &e, value, Spaced)
		if err != nil || string(body) != c.Body {
			t.Errorf("case %d: %v\n got %s\nwant %s", i, err, body, c.Body)
		}
		headers, err := typ.Headers(&e, value, len(body))
		if err != nil {
			t.Fatal(err)
		}
		for k, h := range headers {
			if names[k+1] != h.Name { // Host comes first
				t.Errorf("case %d: header %d is %s, want %s", i, k, h.Name, names[k+1])
			}
			if h.Name != "header_size" && h.Name != "total_size" && received[h.Name] != h.Value {
				t.Errorf("case %d: %s: %q, want %q", i, h.Name, h.Value, received[h.Name])
			}
		}
		// The signature that went over the wire verifies over our message.
		signature, err := ParseSignature(received["bt_header_dendrite_signature"])
		if err != nil {
			t.Fatal(err)
		}
		caller, err := ss58.DecodeBittensor(e.Dendrite.Hotkey.Or(""))
		if err != nil {
			t.Fatal(err)
		}
		message := RequestMessage(e.Dendrite.Nonce, e.Dendrite.Hotkey.Or(""), v.MinerHotkey, e.Dendrite.UUID, Some(received["computed_body_hash"]))
		if !sr25519.Verify(caller, message, signature) {
			t.Errorf("case %d: the signature does not verify over %s", i, message)
		}
	}
	vectortest.Count(t, file, len(v.Cases))
}

func TestBodyHashVectors(t *testing.T) {
	const file = "logicnet/body_hash.json"
	all, err := ParseValue(vectortest.Open(t, file))
	if err != nil {
		t.Fatal(err)
	}
	cases, _ := all.Get("cases")
	for i, raw := range cases.v.Elements() {
		var c struct {
			Class     string   `synapse:"class"`
			Style     string   `synapse:"style"`
			Declared  []string `synapse:"declared_hash_fields"`
			Effective []string `synapse:"effective_order"`
			Fields    []struct {
				Name  string `synapse:"name"`
				Type  string `synapse:"type"`
				Value Value  `synapse:"json_value"`
				Str   string `synapse:"py_str"`
			} `synapse:"fields"`
			Extra  map[string]string `synapse:"extra_py_str"`
			Hashes []string          `synapse:"field_hashes"`
			Hash   string            `synapse:"body_hash"`
		}
		if err := (Value{raw}).Decode(&c); err != nil {
			t.Fatal(err)
		}
		if raw.Len() != 8 {
			t.Fatalf("case %d has %d keys", i, raw.Len())
		}
		texts := make(map[string]string)
		values := make(map[string]any)
		order := slices.Clone(baseNames)
		for _, f := range c.Fields {
			order = append(order, f.Name)
			text, err := PythonString(f.Value)
			if err != nil || text != f.Str {
				t.Errorf("case %d: str of %s = %q, want %q (%v)", i, f.Name, text, f.Str, err)
			}
			texts[f.Name], values[f.Name] = text, f.Value
		}
		for name, text := range c.Extra {
			texts[name], values[name] = text, text
		}
		// Old classes declare required_hash_fields as a field: the order is then that of the class.
		effective := slices.Clone(c.Declared)
		if c.Style == "field" {
			effective = slices.DeleteFunc(order, func(name string) bool { return !slices.Contains(c.Declared, name) })
		}
		if !slices.Equal(effective, c.Effective) {
			t.Errorf("case %d: order %v, want %v", i, effective, c.Effective)
		}
		var inOrder []any
		for k, name := range c.Effective {
			inOrder = append(inOrder, values[name])
			one, err := hashTexts([]string{texts[name]})
			if err != nil {
				t.Fatal(err)
			}
			again, _ := hashTexts([]string{texts[name]})
			if one != again || len(c.Hashes[k]) != 64 {
				t.Errorf("case %d: hash of field %d", i, k)
			}
		}
		if got, err := BodyHash(inOrder...); err != nil || got != c.Hash {
			t.Errorf("case %d: body hash %s, want %s (%v)", i, got, c.Hash, err)
		}
	}
	vectortest.Count(t, file, cases.v.Len())
}

func TestPythonStringVectors(t *testing.T) {
	const file = "logicnet/py_str.json"
	all, err := ParseValue(vectortest.Open(t, file))
	if err != nil {
		t.Fatal(err)
	}
	cases, _ := all.Get("cases")
	for i, c := range cases.v.Elements() {
		x, _ := c.Get("json_value")
		want, _ := c.Get("py_str")
		if float, ok := c.Get("is_float"); ok == (c.Len() != 3) || ok && float.Truth() != (x.Kind() == cpython.Float) {
			t.Fatalf("case %d has %d keys, or its number reads as a %s", i, c.Len(), x.Kind())
		}
		got, err := PythonString(Value{x})
		if wanted, _ := want.Text(); err != nil || got != wanted {
			t.Errorf("case %d: %q, want %q (%v)", i, got, wanted, err)
		}
	}
	vectortest.Count(t, file, cases.v.Len())
}

func TestVersionVectors(t *testing.T) {
	const file = "logicnet/version_int.json"
	var v struct {
		About string
		Cases []struct {
			Version string
			AsInt   int64 `json:"as_int"`
		}
	}
	vectortest.Decode(t, file, &v)
	for _, c := range v.Cases {
		if c.Version == "running" {
			continue // the SDK's own; c.AsInt says which one recorded the vectors
		}
		if got, err := Version(c.Version); err != nil || got != c.AsInt {
			t.Errorf("Version(%s) = %d, %v, want %d", c.Version, got, err, c.AsInt)
		}
	}
	vectortest.Count(t, file, len(v.Cases))
}

func TestSignatureVectors(t *testing.T) {
	const file = "logicnet/signatures.json"
	var v struct {
		About string
		Cases []struct {
			DendriteSeed       string `json:"dendrite_seed"`
			AxonSeed           string `json:"axon_seed"`
			DendriteHotkey     string `json:"dendrite_hotkey"`
			AxonHotkey         string `json:"axon_hotkey"`
			DendritePub        string `json:"dendrite_pub"`
			AxonPub            string `json:"axon_pub"`
			Nonce              int64
			UUID               string
			BodyHash           string `json:"body_hash"`
			DendriteMessage    string `json:"dendrite_message"`
			AxonMessage        string `json:"axon_message"`
			DendriteSignature  string `json:"dendrite_signature"`
			AxonSignature      string `json:"axon_signature"`
			WrappedSignature   string `json:"wrapped_signature"`
			CorruptedSignature string `json:"corrupted_signature"`
			CorruptedOK        bool   `json:"corrupted_ok"`
		}
	}
	vectortest.Decode(t, file, &v)
	for i, c := range v.Cases {
		keys := make(map[string][32]byte)
		for name, pair := range map[string][3]string{"dendrite": {c.DendriteSeed, c.DendritePub, c.DendriteHotkey}, "axon": {c.AxonSeed, c.AxonPub, c.AxonHotkey}} {
			key := sr25519.NewKeypair([32]byte(unhex(t, pair[0]))).Public()
			if hex.EncodeToString(key[:]) != strings.TrimPrefix(pair[1], "0x") || ss58.EncodeBittensor(key) != pair[2] {
				t.Errorf("case %d: the %s key is %x", i, name, key)
			}
			keys[name] = key
		}
		message := RequestMessage(Int(c.Nonce), c.DendriteHotkey, c.AxonHotkey, Some(c.UUID), Some(c.BodyHash))
		if string(message) != c.DendriteMessage {
			t.Errorf("case %d: request message %s", i, message)
		}
		reply := ReplyMessage(Int(c.Nonce), Some(c.DendriteHotkey), c.AxonHotkey, c.UUID)
		if string(reply) != c.AxonMessage {
			t.Errorf("case %d: reply message %s", i, reply)
		}
		for _, s := range []struct {
			text, name string
			key        [32]byte
			message    []byte
			want       bool
		}{
			{c.DendriteSignature, "good", keys["dendrite"], message, true},
			{c.WrappedSignature, "wrapped", keys["dendrite"], message, true},
			{c.CorruptedSignature, "corrupted", keys["dendrite"], message, c.CorruptedOK},
			{c.AxonSignature, "axon's", keys["axon"], reply, true},
			{c.DendriteSignature, "caller's on the reply", keys["axon"], reply, false},
		} {
			signature, err := ParseSignature(s.text)
			if err != nil {
				t.Fatal(err)
			}
			if FormatSignature(signature) != s.text {
				t.Errorf("case %d: %s came back as %s", i, s.text, FormatSignature(signature))
			}
			if got := sr25519.VerifyWrapped(s.key, s.message, signature); got != s.want {
				t.Errorf("case %d: %s signature verifies: %v", i, s.name, got)
			}
		}
	}
	vectortest.Count(t, file, len(v.Cases))
}

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.TrimPrefix(text, "0x"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestAddressVectors checks the hotkeys of the protocol's parties.
func TestAddressVectors(t *testing.T) {
	const file = "logicnet/ss58.json"
	var v struct {
		About string
		Cases []struct {
			Seed, SURI  string
			PublicKey   string `json:"public_key"`
			SS58        string
			Prefix0     string `json:"ss58_prefix0"`
			Prefix2     string `json:"ss58_prefix2"`
			Prefix13116 string `json:"ss58_prefix_13116"`
		}
		Invalid []string `json:"invalid_addresses"`
	}
	vectortest.Decode(t, file, &v)
	for i, c := range v.Cases {
		key := [32]byte(unhex(t, c.PublicKey))
		if c.Seed != "" {
			if got := sr25519.NewKeypair([32]byte(unhex(t, c.Seed))).Public(); got != key {
				t.Errorf("case %d: key %x", i, got)
			}
		}
		if c.SURI != "" {
			if pair, err := sr25519.FromURI([]byte(c.SURI)); err != nil || pair.Public() != key {
				t.Errorf("case %d: %s is %v (%v)", i, c.SURI, pair, err)
			}
		}
		for prefix, text := range map[uint16]string{ss58.Bittensor: c.SS58, 0: c.Prefix0, 2: c.Prefix2, 13116: c.Prefix13116} {
			if text == "" && c.Seed == "" {
				continue
			}
			got, p, err := ss58.Decode(text)
			if err != nil || got != key || p != prefix {
				t.Errorf("case %d: %s is %x of %d (%v)", i, text, got, p, err)
			}
		}
	}
	for _, text := range v.Invalid {
		if _, _, err := ss58.Decode(text); err == nil {
			t.Errorf("%q is an address", text)
		}
	}
	vectortest.Count(t, file, len(v.Cases)+len(v.Invalid))
}
