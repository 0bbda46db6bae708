package metadata_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/bittensor/metadata"
	"github.com/nanteos/nanteos/bittensor/sr25519"
	"github.com/nanteos/nanteos/bittensor/ss58"
	"github.com/nanteos/nanteos/internal/vectortest"
)

const localnetFile = "chain/localnet_spec438.json"

// localnetSet is what was recorded from a node of spec version 438. Our newest metadata is that of 393, with which all of it still decodes.
type localnetSet struct {
	Source  string `json:"source"`
	Licence string `json:"licence"`
	Network struct {
		GenesisHash        string `json:"genesis_hash"`
		SpecVersion        uint32 `json:"spec_version"`
		TransactionVersion uint32 `json:"transaction_version"`
		SS58Format         uint16 `json:"ss58_format"`
	} `json:"network"`
	SignedExtensions []string `json:"signed_extensions"`
	StorageKeys      []struct {
		Pallet string `json:"pallet"`
		Item   string `json:"item"`
		Params []any  `json:"params"`
		Key    string `json:"key"`
	} `json:"storage_keys"`
	Calls []struct {
		Call string         `json:"call"`
		Args map[string]any `json:"args"`
		Hex  string         `json:"hex"`
	} `json:"calls"`
	SignaturePayloads []struct {
		Call    string `json:"call"`
		Era     string `json:"era"`
		Nonce   uint64 `json:"nonce"`
		Tip     uint64 `json:"tip"`
		Payload string `json:"payload"`
	} `json:"signature_payloads"`
	Extrinsics []struct {
		Note      string `json:"note"`
		Call      string `json:"call"`
		Era       string `json:"era"`
		Nonce     uint64 `json:"nonce"`
		Tip       uint64 `json:"tip"`
		PublicKey string `json:"public_key"`
		Signature string `json:"signature"`
		Extrinsic string `json:"extrinsic"`
		Hash      string `json:"hash"`
	} `json:"extrinsics"`
	Events struct {
		Raw     string           `json:"raw"`
		Note    string           `json:"note"`
		Decoded []map[string]any `json:"decoded"`
	} `json:"events"`
	StorageValues []struct {
		Item    string  `json:"item"`
		Params  []any   `json:"params"`
		Raw     *string `json:"raw"`
		Decoded any     `json:"decoded"`
		Note    string  `json:"note"`
	} `json:"storage_values"`
	RuntimeCalls []struct {
		API     string `json:"api"`
		Args    string `json:"args"`
		Raw     string `json:"raw"`
		Decoded any    `json:"decoded"`
	} `json:"runtime_calls"`
	Block struct {
		Number uint64 `json:"number"`
		Hash   string `json:"hash"`
		Header struct {
			ParentHash     string `json:"parentHash"`
			Number         string `json:"number"`
			StateRoot      string `json:"stateRoot"`
			ExtrinsicsRoot string `json:"extrinsicsRoot"`
			Digest         struct {
				Logs []string `json:"logs"`
			} `json:"digest"`
		} `json:"header"`
		TimestampExtrinsic struct {
			Hex   string `json:"hex"`
			NowMS uint64 `json:"now_ms"`
		} `json:"timestamp_extrinsic"`
		HeaderSCALE string `json:"header_scale"`
	} `json:"block"`
}

func localnet(t testing.TB) (set localnetSet) {
	t.Helper()
	decodeJSON(t, localnetFile, &set)
	return set
}

// plain turns addresses, hex and numbers of JSON into what Encode takes.
func plain(t testing.TB, v any) any {
	t.Helper()
	switch x := v.(type) {
	case json.Number:
		return number(t, string(x))
	case string:
		if strings.HasPrefix(x, "0x") {
			return unhex(t, x)
		}
		account, err := ss58.DecodeBittensor(x)
		if err != nil {
			t.Fatal(err)
		}
		return account
	case []any:
		out := make([]any, len(x))
		for i := range x {
			out[i] = plain(t, x[i])
		}
		return out
	}
	return v
}

// text writes a decoded value as the vectors do.
func text(v any) string {
	switch x := v.(type) {
	case [32]byte:
		return ss58.EncodeBittensor(x)
	case []byte:
		return "0x" + hex.EncodeToString(x)
	case metadata.Variant:
		return x.Name
	}
	return fmt.Sprint(v)
}

// contains checks the named fields of a decoded struct, looking into structs within it.
func contains(t *testing.T, what string, got metadata.Struct, want map[string]any) {
	t.Helper()
	for name, w := range want {
		v, ok := find(got, name)
		if !ok {
			t.Errorf("%s: no field %s in %v", what, name, got)
		} else if text(v) != fmt.Sprint(w) {
			t.Errorf("%s: %s is %s, want %v", what, name, text(v), w)
		}
	}
}

func find(s metadata.Struct, name string) (any, bool) {
	if v, ok := s.Lookup(name); ok {
		return v, true
	}
	for _, f := range s {
		if inner, ok := f.Value.(metadata.Struct); ok {
			if v, ok := find(inner, name); ok {
				return v, true
			}
		}
	}
	return nil, false
}

func TestLocalnetVectors(t *testing.T) {
	set := localnet(t)
	// The note of the events names the metadata that fits.
	var rt *metadata.Runtime
	for name, r := range allRuntimes(t) {
		if strings.Contains(set.Events.Note, name) {
			rt = r
		}
	}
	if rt == nil {
		t.Fatalf("no metadata for: %s", set.Events.Note)
	}
	var extensions []string
	for _, x := range rt.Extrinsic.Extensions {
		extensions = append(extensions, x.Name)
	}
	if !slices.Equal(extensions, set.SignedExtensions) {
		t.Errorf("extensions %v, want %v", extensions, set.SignedExtensions)
	}
	n := len(extensions)
	for _, c := range set.StorageKeys {
		n++
		if got, err := rt.StorageKey(c.Pallet, c.Item, plain(t, c.Params).([]any)...); err != nil || !bytes.Equal(got, unhex(t, c.Key)) {
			t.Errorf("key of %s.%s: %x (%v), want %s", c.Pallet, c.Item, got, err, c.Key)
		}
	}
	for _, c := range set.Calls {
		n++
		want := unhex(t, c.Hex)
		pallet, name, _ := strings.Cut(c.Call, ".")
		if pallet == "Sudo" { // the call within is described in words
			call, err := rt.DecodeCall(want)
			if err != nil {
				t.Fatal(err)
			}
			inner := call.Args.Get("call").(metadata.Variant)
			got, err := rt.Call("Sudo", "sudo", metadata.Raw(want[2:]))
			if err != nil || !bytes.Equal(got, want) || inner.Name != "System" || text(inner.Value().(metadata.Variant).Value()) != "0xdeadbeef" {
				t.Errorf("%s: %x (%v), want %s, decoded as %v", c.Call, got, err, c.Hex, call)
			}
			continue
		}
		args := map[string]any{}
		for k, v := range c.Args {
			args[k] = plain(t, v)
		}
		if got, err := rt.CallNamed(pallet, name, args); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %x (%v), want %s", c.Call, got, err, c.Hex)
		}
	}
	n += localnetExtrinsics(t, set, rt)
	n += localnetEvents(t, set, rt)
	n += localnetValues(t, set, rt)
	n += localnetBlock(t, set, rt)
	vectortest.Count(t, localnetFile, n)
}

func localnetExtrinsics(t *testing.T, set localnetSet, rt *metadata.Runtime) (n int) {
	transaction := func(call, era string, nonce, tip uint64) metadata.Transaction {
		e, err := metadata.DecodeEra(unhex(t, era))
		if err != nil {
			t.Fatal(err)
		}
		genesis := hash(t, set.Network.GenesisHash)
		return metadata.Transaction{Call: unhex(t, call), Era: e, EraBlockHash: genesis, Nonce: nonce, Tip: tip, Genesis: genesis,
			SpecVersion: set.Network.SpecVersion, TransactionVersion: set.Network.TransactionVersion}
	}
	for _, c := range set.SignaturePayloads {
		n++
		if got, err := rt.Payload(transaction(c.Call, c.Era, c.Nonce, c.Tip)); err != nil || !bytes.Equal(got, unhex(t, c.Payload)) {
			t.Errorf("payload %x (%v), want %s", got, err, c.Payload)
		}
	}
	for _, c := range set.Extrinsics {
		n++
		tx := transaction(c.Call, c.Era, c.Nonce, c.Tip)
		public, signature := hash(t, c.PublicKey), [64]byte(unhex(t, c.Signature))
		got, err := rt.Assemble(tx, public, signature)
		if err != nil || !bytes.Equal(got, unhex(t, c.Extrinsic)) || metadata.ExtrinsicHash(got) != hash(t, c.Hash) {
			t.Errorf("extrinsic %x (%v), want %s", got, err, c.Extrinsic)
		}
		payload, err := rt.Payload(tx)
		if err != nil {
			t.Fatal(err)
		}
		if fake := strings.Contains(c.Note, "fake"); sr25519.Verify(public, metadata.SignedMessage(payload), signature) == fake {
			t.Errorf("%s: the signature verifies: %v", c.Note, !fake)
		}
		if x, err := rt.DecodeExtrinsic(got); err != nil || x.Signer != public || x.Hash != hash(t, c.Hash) {
			t.Errorf("decoded as %+v: %v", x, err)
		}
	}
	return n
}

func localnetEvents(t *testing.T, set localnetSet, rt *metadata.Runtime) (n int) {
	events, err := rt.DecodeEvents(unhex(t, set.Events.Raw))
	if err != nil {
		t.Fatal(err)
	}
	if len(events) != len(set.Events.Decoded) {
		t.Fatalf("%d events, want %d", len(events), len(set.Events.Decoded))
	}
	for i, want := range set.Events.Decoded {
		e := events[i]
		phase := fmt.Sprint(e.Extrinsic)
		if e.Phase != metadata.ApplyExtrinsic {
			phase = map[metadata.Phase]string{metadata.Initialization: "Initialization", metadata.Finalization: "Finalization"}[e.Phase]
		}
		if e.Pallet+"."+e.Name != want["event"] || phase != fmt.Sprint(want["phase"]) {
			t.Errorf("event %d is %s.%s in phase %s, want %v", i, e.Pallet, e.Name, phase, want)
		}
		delete(want, "event")
		delete(want, "phase")
		contains(t, fmt.Sprintf("event %d", i), e.Fields, want)
		if e.Phase == metadata.ApplyExtrinsic {
			if found, err := rt.Outcome(events, e.Extrinsic); !found || err != nil {
				t.Errorf("extrinsic %d: found %v, %v", e.Extrinsic, found, err)
			}
		}
	}
	return len(events)
}

func localnetValues(t *testing.T, set localnetSet, rt *metadata.Runtime) (n int) {
	for _, c := range set.StorageValues {
		n++
		pallet, item, _ := strings.Cut(c.Item, ".")
		var raw []byte
		if c.Raw != nil {
			raw = unhex(t, *c.Raw)
		}
		v, err := rt.DecodeStorage(pallet, item, raw)
		if err != nil {
			t.Errorf("%s: %v", c.Item, err)
			continue
		}
		if fields, ok := c.Decoded.(map[string]any); ok {
			contains(t, c.Item, v.(metadata.Struct), fields)
		} else if text(v) != fmt.Sprint(c.Decoded) {
			t.Errorf("%s is %v, want %v", c.Item, v, c.Decoded)
		}
	}
	for _, c := range set.RuntimeCalls {
		n++
		api, method := apiName(t, c.API)
		v, err := rt.DecodeAPI(api, method, unhex(t, c.Raw))
		if err != nil {
			t.Errorf("%s: %v", c.API, err)
			continue
		}
		if fields, ok := c.Decoded.(map[string]any); ok {
			contains(t, c.API, v.(metadata.Struct), fields)
		} else if text(v) != fmt.Sprint(c.Decoded) {
			t.Errorf("%s is %v, want %v", c.API, v, c.Decoded)
		}
		m, err := rt.Method(api, method)
		if err != nil {
			t.Fatal(err)
		}
		var args []any
		rest := unhex(t, c.Args)
		for _, in := range m.Inputs {
			if rt.Describe(in.Type, 3) == "u16" {
				args = append(args, uint16(rest[0])|uint16(rest[1])<<8)
				rest = rest[2:]
			} else {
				args = append(args, [32]byte(rest[:32]))
				rest = rest[32:]
			}
		}
		if function, raw, err := rt.APICall(api, method, args...); err != nil || function != c.API || !bytes.Equal(raw, unhex(t, c.Args)) {
			t.Errorf("%s: called %s with %x (%v)", c.API, function, raw, err)
		}
	}
	return n
}

func localnetBlock(t *testing.T, set localnetSet, rt *metadata.Runtime) int {
	b := &set.Block
	h := metadata.Header{Parent: hash(t, b.Header.ParentHash), Number: b.Number, StateRoot: hash(t, b.Header.StateRoot),
		ExtrinsicsRoot: hash(t, b.Header.ExtrinsicsRoot)}
	for _, log := range b.Header.Digest.Logs {
		h.Logs = append(h.Logs, unhex(t, log))
	}
	if got := h.Encode(); !bytes.Equal(got, unhex(t, b.HeaderSCALE)) {
		t.Errorf("header %x, want %s", got, b.HeaderSCALE)
	}
	if got := h.Hash(); got != hash(t, b.Hash) {
		t.Errorf("block hash %x, want %s", got, b.Hash)
	}
	x, err := rt.DecodeExtrinsic(unhex(t, b.TimestampExtrinsic.Hex))
	if err != nil {
		t.Fatal(err)
	}
	if x.Signed || x.Call.Pallet != "Timestamp" || x.Call.Name != "set" || x.Call.Args.Get("now") != b.TimestampExtrinsic.NowMS {
		t.Errorf("the time is set by %+v", x)
	}
	call, err := rt.Call("Timestamp", "set", b.TimestampExtrinsic.NowMS)
	if err != nil || !bytes.Equal(call, x.CallBytes) {
		t.Errorf("call %x (%v), want %x", call, err, x.CallBytes)
	}
	if bare := metadata.BareExtrinsic(call); len(bare) != len(unhex(t, b.TimestampExtrinsic.Hex)) || bare[1] != 4 {
		t.Errorf("bare extrinsic %x", bare)
	}
	return 3
}
