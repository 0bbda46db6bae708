package metadata_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/nanteos/nanteos/bittensor/metadata"
	"github.com/nanteos/nanteos/bittensor/sr25519"
	"github.com/nanteos/nanteos/internal/vectortest"
)

// blobs are the runtimes that the vectors name.
const (
	v14 = "finney-spec343-v14"
	v15 = "finney-spec343-v15"
	v16 = "finney-spec393-v16"
)

var runtimes sync.Map

// runtime parses a metadata blob once for all tests.
func runtime(t testing.TB, name string) *metadata.Runtime {
	t.Helper()
	if rt, ok := runtimes.Load(name); ok {
		return rt.(*metadata.Runtime)
	}
	rt, err := metadata.Parse(vectortest.Open(t, "chain/metadata/"+name+".scale"))
	if err != nil {
		t.Fatal(err)
	}
	runtimes.Store(name, rt)
	return rt
}

// allRuntimes parses every blob of the vectors.
func allRuntimes(t testing.TB) map[string]*metadata.Runtime {
	t.Helper()
	files, err := os.ReadDir(vectortest.Path(t, "chain/metadata"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]*metadata.Runtime{}
	for _, f := range files {
		if name, ok := strings.CutSuffix(strings.TrimSuffix(f.Name(), ".gz"), ".scale"); ok {
			out[name] = runtime(t, name)
		}
	}
	return out
}

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.TrimPrefix(text, "0x"))
	if err != nil {
		t.Fatalf("couldn't read hex %q: %v", text, err)
	}
	return b
}

func hash(t testing.TB, text string) [32]byte {
	t.Helper()
	b := unhex(t, text)
	if len(b) != 32 {
		t.Fatalf("hash of %d bytes: %s", len(b), text)
	}
	return [32]byte(b)
}

// fromJSON makes of a JSON value what Encode takes for a type: hex text is bytes or an account, digits are numbers, an object with one key
// is a variant where the type is an enum.
func fromJSON(t testing.TB, rt *metadata.Runtime, id metadata.TypeID, v any) any {
	t.Helper()
	typ := rt.Type(id)
	for len(typ.Members) == 1 && typ.Members[0].Name == "" {
		id = typ.Members[0].Type
		typ = rt.Type(id)
	}
	switch x := v.(type) {
	case json.Number:
		return number(t, string(x))
	case string:
		if !strings.HasPrefix(x, "0x") {
			return number(t, x)
		}
		b := unhex(t, x)
		if len(b) == 32 {
			return [32]byte(b)
		}
		return b
	case []any:
		out := make([]any, len(x))
		for i := range x {
			out[i] = fromJSON(t, rt, typ.Elem, x[i])
		}
		return out
	case map[string]any:
		if typ.Kind == metadata.Enum {
			for name, value := range x {
				def := typ.VariantNamed(name)
				if def == nil || len(x) != 1 {
					t.Fatalf("no variant %s", name)
				}
				if fields, ok := value.(map[string]any); ok {
					var s metadata.Struct
					for _, m := range def.Members {
						s = append(s, metadata.Field{Name: m.Name, Value: fromJSON(t, rt, m.Type, fields[m.Name])})
					}
					return metadata.Variant{Name: name, Fields: s}
				}
				return metadata.Variant{Name: name, Fields: metadata.Struct{{Value: fromJSON(t, rt, def.Members[0].Type, value)}}}
			}
		}
		out := map[string]any{}
		for _, m := range typ.Members {
			if y, ok := x[m.Name]; ok {
				out[m.Name] = fromJSON(t, rt, m.Type, y)
			}
		}
		if len(out) != len(x) {
			t.Fatalf("fields of %v that the type lacks", x)
		}
		return out
	}
	return v
}

func number(t testing.TB, text string) *big.Int {
	t.Helper()
	n, ok := new(big.Int).SetString(text, 10)
	if !ok {
		t.Fatalf("no number: %q", text)
	}
	return n
}

// decodeJSON is vectortest.Decode with numbers kept as text.
func decodeJSON(t testing.TB, file string, v any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(vectortest.Open(t, file)))
	d.DisallowUnknownFields()
	d.UseNumber()
	if err := d.Decode(v); err != nil {
		t.Fatalf("couldn't decode vectors %s: %v", file, err)
	}
}

func TestStorageKeyVectors(t *testing.T) {
	const file = "chain/storage_keys.json"
	var set struct {
		Source string `json:"source"`
		Items  []struct {
			Metadata string   `json:"metadata"`
			Pallet   string   `json:"pallet"`
			Item     string   `json:"item"`
			Hashers  []string `json:"hashers"`
			Args     []any    `json:"args"`
			Key      string   `json:"key"`
			Prefix   string   `json:"prefix"`
		} `json:"items"`
	}
	decodeJSON(t, file, &set)
	for _, c := range set.Items {
		rt := runtime(t, c.Metadata)
		name := c.Metadata + " " + c.Pallet + "." + c.Item
		s, err := rt.Item(c.Pallet, c.Item)
		if err != nil {
			t.Fatal(err)
		}
		if len(s.Hashers) != len(c.Hashers) {
			t.Fatalf("%s: %d hashers, want %d", name, len(s.Hashers), len(c.Hashers))
		}
		args := make([]any, len(c.Args))
		reversible := true
		for i, h := range s.Hashers {
			if h.String() != c.Hashers[i] {
				t.Errorf("%s: hasher %d is %s, want %s", name, i, h, c.Hashers[i])
			}
			reversible = reversible && h.Reversible()
			args[i] = fromJSON(t, rt, s.Keys[i], c.Args[i])
		}
		prefix, err := rt.StorageKey(c.Pallet, c.Item)
		if err != nil || !bytes.Equal(prefix, unhex(t, c.Prefix)) {
			t.Errorf("%s: prefix %x (%v), want %s", name, prefix, err, c.Prefix)
		}
		key, err := rt.StorageKey(c.Pallet, c.Item, args...)
		if err != nil || !bytes.Equal(key, unhex(t, c.Key)) {
			t.Errorf("%s: key %x (%v), want %s", name, key, err, c.Key)
			continue
		}
		if !reversible {
			continue
		}
		back, err := rt.DecodeStorageKey(c.Pallet, c.Item, key)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if again, err := rt.StorageKey(c.Pallet, c.Item, back...); err != nil || !bytes.Equal(again, key) {
			t.Errorf("%s: keys %v read back give %x (%v)", name, back, again, err)
		}
	}
	vectortest.Count(t, file, len(set.Items))
}

func TestCallVectors(t *testing.T) {
	const file = "chain/calls.json"
	var set struct {
		Source string `json:"source"`
		Items  []struct {
			Metadata string `json:"metadata"`
			Pallet   string `json:"pallet"`
			Function string `json:"function"`
			Args     []any  `json:"args"`
			Call     string `json:"call"`
		} `json:"items"`
	}
	decodeJSON(t, file, &set)
	for _, c := range set.Items {
		rt := runtime(t, c.Metadata)
		name := c.Metadata + " " + c.Pallet + "." + c.Function
		want := unhex(t, c.Call)
		decoded, err := rt.DecodeCall(want)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if decoded.Pallet != c.Pallet || decoded.Name != c.Function {
			t.Errorf("%s: decoded as %s.%s", name, decoded.Pallet, decoded.Name)
		}
		// What was decoded encodes to the same bytes.
		args := map[string]any{}
		list := make([]any, len(decoded.Args))
		for i, a := range decoded.Args {
			args[a.Name], list[i] = a.Value, a.Value
		}
		if got, err := rt.CallNamed(c.Pallet, c.Function, args); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: decoded and encoded again %x (%v), want %s", name, got, err, c.Call)
		}
		if got, err := rt.Call(c.Pallet, c.Function, list...); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: decoded and encoded again %x (%v), want %s", name, got, err, c.Call)
		}
		if c.Pallet == "Utility" {
			continue // the arguments are described in words
		}
		p, err := rt.Pallet(c.Pallet)
		if err != nil {
			t.Fatal(err)
		}
		for _, def := range p.Calls() {
			if def.Name != c.Function {
				continue
			}
			for i, m := range def.Members {
				list[i] = fromJSON(t, rt, m.Type, c.Args[i])
			}
		}
		if got, err := rt.Call(c.Pallet, c.Function, list...); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %x (%v), want %s", name, got, err, c.Call)
		}
	}
	vectortest.Count(t, file, len(set.Items))
}

// signedCase is an extrinsic of extrinsics.json and onchain_extrinsics.json.
type signedCase struct {
	Name               string      `json:"name"`
	Signer             string      `json:"signer"`
	PublicKey          string      `json:"public_key"`
	SpecVersion        uint32      `json:"spec_version"`
	TransactionVersion uint32      `json:"transaction_version"`
	GenesisHash        string      `json:"genesis_hash"`
	EraBlockHash       string      `json:"era_block_hash"`
	Era                string      `json:"era"`
	Nonce              uint64      `json:"nonce"`
	Tip                json.Number `json:"tip"`
	MetadataHashMode   int         `json:"metadata_hash_mode"`
	MetadataHash       *string     `json:"metadata_hash"`
	Call               string      `json:"call"`
	PayloadRaw         string      `json:"payload_raw"`
	PayloadLen         int         `json:"payload_len"`
	SignedMessage      string      `json:"signed_message"`
	Signature          string      `json:"signature"`
	Extrinsic          string      `json:"extrinsic"`
	ExtrinsicHash      string      `json:"extrinsic_hash"`
}

func (c *signedCase) transaction(t testing.TB) metadata.Transaction {
	t.Helper()
	era, err := metadata.DecodeEra(unhex(t, c.Era))
	if err != nil {
		t.Fatal(err)
	}
	tip, err := c.Tip.Int64()
	if err != nil {
		t.Fatal(err)
	}
	tx := metadata.Transaction{
		Call: unhex(t, c.Call), Era: era, EraBlockHash: hash(t, c.EraBlockHash), Nonce: c.Nonce, Tip: uint64(tip),
		SpecVersion: c.SpecVersion, TransactionVersion: c.TransactionVersion, Genesis: hash(t, c.GenesisHash),
	}
	if c.MetadataHashMode == 1 {
		h := hash(t, *c.MetadataHash)
		tx.MetadataHash = &h
	}
	return tx
}

func TestExtrinsicVectors(t *testing.T) {
	for _, file := range []string{"chain/extrinsics.json", "chain/onchain_extrinsics.json"} {
		var set struct {
			Source string       `json:"source"`
			Items  []signedCase `json:"items"`
		}
		decodeJSON(t, file, &set)
		for _, c := range set.Items {
			for _, rt := range allRuntimes(t) { // the extensions with bytes are the same in all of them
				checkExtrinsic(t, rt, c)
			}
		}
		vectortest.Count(t, file, len(set.Items))
	}
}

func checkExtrinsic(t *testing.T, rt *metadata.Runtime, c signedCase) {
	t.Helper()
	tx := c.transaction(t)
	payload, err := rt.Payload(tx)
	if err != nil {
		t.Fatalf("%s: %v", c.Name, err)
	}
	if len(payload) != c.PayloadLen || !bytes.Equal(payload, unhex(t, c.PayloadRaw)) {
		t.Errorf("%s: payload %x, want %s", c.Name, payload, c.PayloadRaw)
	}
	message := metadata.SignedMessage(payload)
	if !bytes.Equal(message, unhex(t, c.SignedMessage)) {
		t.Errorf("%s: message %x, want %s", c.Name, message, c.SignedMessage)
	}
	public, signature := hash(t, c.PublicKey), [64]byte(unhex(t, c.Signature))
	if !sr25519.Verify(public, message, signature) {
		t.Errorf("%s: signature doesn't verify", c.Name)
	}
	raw, err := rt.Assemble(tx, public, signature)
	if err != nil || !bytes.Equal(raw, unhex(t, c.Extrinsic)) {
		t.Errorf("%s: extrinsic %x (%v), want %s", c.Name, raw, err, c.Extrinsic)
	}
	if got := metadata.ExtrinsicHash(raw); got != hash(t, c.ExtrinsicHash) {
		t.Errorf("%s: hash %x, want %s", c.Name, got, c.ExtrinsicHash)
	}
	if tx.Era.Period == 0 {
		zero := tx
		zero.EraBlockHash = [32]byte{}
		if again, err := rt.Payload(zero); err != nil || !bytes.Equal(again, payload) {
			t.Errorf("%s: an immortal payload without block hash is %x (%v)", c.Name, again, err)
		}
	}
	x, err := rt.DecodeExtrinsic(unhex(t, c.Extrinsic))
	if err != nil {
		t.Fatalf("%s: %v", c.Name, err)
	}
	if !x.Signed || x.Signer != public || x.Signature != signature || x.Scheme != "Sr25519" || x.Era != tx.Era || x.Nonce != tx.Nonce ||
		x.Tip != tx.Tip || !bytes.Equal(x.CallBytes, tx.Call) || x.Hash != hash(t, c.ExtrinsicHash) {
		t.Errorf("%s: decoded as %+v", c.Name, x)
	}
}

func TestEraVectors(t *testing.T) {
	const file = "chain/eras.json"
	var set struct {
		Source   string `json:"source"`
		Immortal string `json:"immortal"`
		Mortal   []struct {
			Period  uint64 `json:"period"`
			Current uint64 `json:"current"`
			Hex     string `json:"hex"`
			Birth   uint64 `json:"birth"`
			Death   uint64 `json:"death"`
		} `json:"mortal"`
	}
	vectortest.Decode(t, file, &set)
	if got := (metadata.Era{}).Append(nil); !bytes.Equal(got, unhex(t, set.Immortal)) {
		t.Errorf("immortal era %x, want %s", got, set.Immortal)
	}
	for _, c := range set.Mortal {
		e := metadata.MortalEra(c.Period, c.Current)
		if got := e.Append(nil); !bytes.Equal(got, unhex(t, c.Hex)) {
			t.Errorf("era of %d at %d: %x, want %s", c.Period, c.Current, got, c.Hex)
		}
		if b, d := e.Birth(c.Current), e.Death(c.Current); b != c.Birth || d != c.Death {
			t.Errorf("era of %d at %d: from %d to %d, want %d to %d", c.Period, c.Current, b, d, c.Birth, c.Death)
		}
		if back, err := metadata.DecodeEra(unhex(t, c.Hex)); err != nil || back != e {
			t.Errorf("era %s decoded as %v (%v), want %v", c.Hex, back, err, e)
		}
	}
	vectortest.Count(t, file, len(set.Mortal)+1)
}
