package metadata_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/bittensor/metadata"
	"github.com/nanteos/nanteos/bittensor/scale"
	"github.com/nanteos/nanteos/bittensor/sr25519"
)

// failed builds the events of a block in which extrinsic 1 failed with a DispatchError.
func failed(dispatchError ...byte) []byte {
	w := scale.Writer{8}
	w.Raw(0, 0, 0, 0, 0, 0, 0, 4, 4, 0, 0, 0) // extrinsic 0: System.ExtrinsicSuccess, weight 1, 1, class, pays, no topics
	w.Raw(0, 1, 0, 0, 0, 0, 1)
	w.Raw(dispatchError...)
	w.Raw(4, 4, 0, 0)
	w.Compact(1)
	w.Raw(make([]byte, 32)...)
	return w
}

func TestDispatchErrors(t *testing.T) {
	rt := runtime(t, v16)
	p, err := rt.Pallet("SubtensorModule")
	if err != nil {
		t.Fatal(err)
	}
	var notRegistered byte
	for _, e := range p.Errors() {
		if e.Name == "HotKeyNotRegisteredInSubNet" {
			notRegistered = e.Index
		}
	}
	for _, c := range []struct {
		raw          []byte
		pallet, name string
		docs         bool
	}{
		{[]byte{3, p.Index, notRegistered, 0, 0, 0}, "SubtensorModule", "HotKeyNotRegisteredInSubNet", true},
		{[]byte{3, p.Index, 255, 0, 0, 0}, "SubtensorModule", "Error255", false},
		{[]byte{3, 250, 1, 2, 3, 4}, "Pallet250", "Error1", false},
		{[]byte{2}, "", "BadOrigin", false},
		{[]byte{7, 0}, "", "Token.FundsUnavailable", false},
	} {
		events, err := rt.DecodeEvents(failed(c.raw...))
		if err != nil {
			t.Fatal(err)
		}
		if found, err := rt.Outcome(events, 0); !found || err != nil {
			t.Errorf("the first one: %v, %v", found, err)
		}
		if found, err := rt.Outcome(events, 2); found || err != nil {
			t.Errorf("one that isn't there: %v, %v", found, err)
		}
		found, err := rt.Outcome(events, 1)
		var d *metadata.DispatchError
		if !found || !errors.As(err, &d) {
			t.Fatalf("%x: %v, %v", c.raw, found, err)
		}
		if d.Pallet != c.pallet || d.Name != c.name || (d.Docs != "") != c.docs {
			t.Errorf("%x: %+v", c.raw, d)
		}
		if !strings.Contains(d.Error(), c.name) || c.docs && !strings.Contains(d.Error(), d.Docs) {
			t.Errorf("written as %s", d)
		}
	}
	events, err := rt.DecodeEvents(failed(2))
	if err != nil || len(events) != 2 || !events[1].Is("System", "ExtrinsicFailed") || len(events[1].Topics) != 1 {
		t.Errorf("%v: %v", events, err)
	}
	// What comes before an event that isn't known is returned with the error.
	raw := failed(2)
	raw[18] = 99
	if events, err := rt.DecodeEvents(raw); len(events) != 1 || !errors.Is(err, metadata.ErrUnknown) {
		t.Errorf("%d events: %v", len(events), err)
	}
	for _, v := range []any{nil, 7, metadata.Variant{Name: "Module"}, metadata.Variant{Name: "Module", Fields: metadata.Struct{{Value: 3}}}} {
		if _, err := rt.DispatchError(v); !errors.Is(err, metadata.ErrType) {
			t.Errorf("%v: %v", v, err)
		}
	}
	old := metadata.Variant{Name: "Module", Fields: metadata.Struct{{Name: "index", Value: uint64(p.Index)}, {Name: "error", Value: uint64(notRegistered)}}}
	if d, err := rt.DispatchError(old); err != nil || d.Name != "HotKeyNotRegisteredInSubNet" {
		t.Errorf("the older form: %v, %v", d, err)
	}
}

func TestStoredValues(t *testing.T) {
	rt := runtime(t, v16)
	if v, err := rt.DecodeStorage("SubtensorModule", "CommitRevealWeightsEnabled", nil); err != nil || v != true {
		t.Errorf("the default of CommitRevealWeightsEnabled: %v, %v", v, err)
	}
	if v, err := rt.DecodeStorage("SubtensorModule", "Uids", nil); !errors.Is(err, metadata.ErrAbsent) {
		t.Errorf("an absent uid: %v, %v", v, err)
	}
	var uid uint16
	if err := rt.UnmarshalStorage("SubtensorModule", "Uids", nil, &uid); !errors.Is(err, metadata.ErrAbsent) {
		t.Errorf("an absent uid: %v", err)
	}
	if err := rt.UnmarshalStorage("SubtensorModule", "Uids", []byte{7, 1}, &uid); err != nil || uid != 0x107 {
		t.Errorf("uid %d: %v", uid, err)
	}
	for _, raw := range [][]byte{{}, {1}, {1, 2, 3}} {
		if err := rt.UnmarshalStorage("SubtensorModule", "Uids", raw, &uid); !errors.Is(err, scale.ErrShort) && !errors.Is(err, scale.ErrTrailing) {
			t.Errorf("%x: %v", raw, err)
		}
	}
	var account struct {
		Nonce uint32
		Data  struct{ Free uint64 }
	}
	if err := rt.UnmarshalStorage("System", "Account", nil, &account); err != nil || account.Nonce != 0 {
		t.Errorf("%+v: %v", account, err)
	}
	for _, name := range [][2]string{{"Nothing", "Uids"}, {"SubtensorModule", "Nothing"}} {
		if _, err := rt.DecodeStorage(name[0], name[1], nil); !errors.Is(err, metadata.ErrUnknown) || !strings.Contains(err.Error(), "Nothing") {
			t.Errorf("%v: %v", name, err)
		}
		if _, err := rt.StorageKey(name[0], name[1]); !errors.Is(err, metadata.ErrUnknown) {
			t.Errorf("%v: %v", name, err)
		}
		if rt.Has(name[0], name[1]) {
			t.Errorf("%v is there", name)
		}
	}
	if v, err := rt.Constant("System", "SS58Prefix"); err != nil || v != uint64(42) {
		t.Errorf("SS58Prefix is %v: %v", v, err)
	}
	var existential uint64
	if err := rt.UnmarshalConstant("Balances", "ExistentialDeposit", &existential); err != nil || existential != 500 {
		t.Errorf("ExistentialDeposit is %d: %v", existential, err)
	}
	if _, err := rt.Constant("System", "Nothing"); !errors.Is(err, metadata.ErrUnknown) {
		t.Error(err)
	}
}

// TestShortRegistration: the runtime adds zeros to a commitment that ends too early, and so do we; to other values never.
func TestShortRegistration(t *testing.T) {
	rt := runtime(t, v16)
	whole := unhex(t, "000000000000000008000000041268656c6c6f20636f6d6d69746d656e7473")
	v, err := rt.DecodeStorage("Commitments", "CommitmentOf", whole)
	if err != nil {
		t.Fatal(err)
	}
	field := v.(metadata.Struct).Get("info").(metadata.Struct).Get("fields").([]any)[0].(metadata.Variant)
	if field.Name != "Raw17" || string(field.Value().([]byte)) != "hello commitments" {
		t.Errorf("committed %v", field)
	}
	if v, err := rt.DecodeStorage("Commitments", "CommitmentOf", whole[:8]); err != nil || v.(metadata.Struct).Get("block") != uint64(0) {
		t.Errorf("the deposit alone: %v (%v)", v, err)
	}
	if v, err := rt.DecodeStorage("Commitments", "CommitmentOf", whole[:20]); err != nil {
		t.Errorf("cut short: %v (%v)", v, err)
	}
	if _, err := rt.DecodeStorage("Commitments", "CommitmentOf", append(bytes.Clone(whole), 0)); !errors.Is(err, scale.ErrTrailing) {
		t.Errorf("a byte too many: %v", err)
	}
	var reg struct {
		Block uint32
		Info  struct{ Fields []metadata.Variant }
	}
	if err := rt.UnmarshalStorage("Commitments", "CommitmentOf", whole, &reg); err != nil || reg.Block != 8 || reg.Info.Fields[0].Name != "Raw17" {
		t.Errorf("%+v: %v", reg, err)
	}
}

func TestStorageKeyTails(t *testing.T) {
	rt := runtime(t, v16)
	hotkey := [32]byte(bytes.Repeat([]byte{3}, 32))
	key, err := rt.StorageKey("Commitments", "CommitmentOf", uint16(7), hotkey)
	if err != nil {
		t.Fatal(err)
	}
	prefix, err := rt.StorageKey("Commitments", "CommitmentOf", uint16(7))
	if err != nil || !bytes.HasPrefix(key, prefix) || len(key)-len(prefix) != 8+32 {
		t.Errorf("prefix %x (%v) of %x", prefix, err, key)
	}
	var netuid uint16
	var who [32]byte
	if err := rt.UnmarshalStorageKey("Commitments", "CommitmentOf", key, &netuid, &who); err != nil || netuid != 7 || who != hotkey {
		t.Errorf("netuid %d, hotkey %x: %v", netuid, who, err)
	}
	who = [32]byte{}
	if err := rt.UnmarshalStorageKey("Commitments", "CommitmentOf", key, nil, &who); err != nil || who != hotkey {
		t.Errorf("hotkey %x: %v", who, err)
	}
	broken := bytes.Clone(key)
	broken[len(prefix)] ^= 1
	for name, err := range map[string]error{
		"a hash that isn't the key's": rt.UnmarshalStorageKey("Commitments", "CommitmentOf", broken, nil, &who),
		"a key of another item":       rt.UnmarshalStorageKey("SubtensorModule", "Uids", key, nil, nil),
		"too few places":              rt.UnmarshalStorageKey("Commitments", "CommitmentOf", key, &netuid),
		"a place of another type":     rt.UnmarshalStorageKey("Commitments", "CommitmentOf", key, &netuid, new(uint64)),
	} {
		if !errors.Is(err, metadata.ErrType) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i := len(prefix); i < len(key); i++ {
		if _, err := rt.DecodeStorageKey("Commitments", "CommitmentOf", key[:i]); !errors.Is(err, scale.ErrShort) {
			t.Errorf("%d bytes of %d: %v", i, len(key), err)
		}
	}
	if _, err := rt.DecodeStorageKey("Commitments", "CommitmentOf", append(bytes.Clone(key), 0)); !errors.Is(err, scale.ErrTrailing) {
		t.Errorf("a byte too many: %v", err)
	}
	if _, err := rt.StorageKey("Commitments", "CommitmentOf", 7, hotkey, 1); !errors.Is(err, metadata.ErrType) {
		t.Errorf("a key too many: %v", err)
	}
	if _, err := rt.StorageKey("Commitments", "CommitmentOf", 1<<16); !errors.Is(err, metadata.ErrType) {
		t.Errorf("netuid 65536: %v", err)
	}
}

// TestHashers against values of @polkadot/util-crypto for the key "abc".
func TestHashers(t *testing.T) {
	for h, want := range map[metadata.Hasher]string{
		metadata.Blake2_128:       "cf4ab791c62b8d2b2109c90275287816",
		metadata.Blake2_256:       "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319",
		metadata.Blake2_128Concat: "cf4ab791c62b8d2b2109c90275287816616263",
		metadata.Twox128:          "990977adf52cbc440889329981caa9be",
		metadata.Twox256:          "990977adf52cbc440889329981caa9bef7da5770b2b8a05303b75d95360dd62b",
		metadata.Twox64Concat:     "990977adf52cbc44616263",
		metadata.Identity:         "616263",
	} {
		if got := h.Append([]byte{9}, []byte("abc")); !bytes.Equal(got, append([]byte{9}, unhex(t, want)...)) {
			t.Errorf("%s: %x, want %s", h, got, want)
		}
		if h.Reversible() != strings.HasSuffix(want, "616263") {
			t.Errorf("%s: reversible %v", h, h.Reversible())
		}
	}
	if metadata.Hasher(9).String() != "Hasher(9)" {
		t.Error(metadata.Hasher(9))
	}
}

func TestCalls(t *testing.T) {
	rt := runtime(t, v16)
	for name, err := range map[string]error{
		"no pallet":      second(rt.Call("Nothing", "x")),
		"no call":        second(rt.Call("System", "nothing")),
		"pallet of none": second(rt.Call("RandomnessCollectiveFlip", "x")),
		"named, unknown": second(rt.CallNamed("System", "nothing", nil)),
		"named, nowhere": second(rt.CallNamed("Nothing", "x", nil)),
	} {
		if !errors.Is(err, metadata.ErrUnknown) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, err := range map[string]error{
		"too few":      second(rt.Call("SubtensorModule", "set_weights", 1)),
		"wrong type":   second(rt.Call("SubtensorModule", "set_weights", 1, "a", []uint16{}, 0)),
		"name missing": second(rt.CallNamed("System", "remark", map[string]any{})),
		"other name":   second(rt.CallNamed("System", "remark", map[string]any{"remarks": "x"})),
		"name extra":   second(rt.CallNamed("System", "remark", map[string]any{"remark": "x", "more": 1})),
	} {
		if !errors.Is(err, metadata.ErrType) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := rt.Call("SubtensorModule", "set_weights", 1); !strings.Contains(err.Error(), "netuid, dests, weights, version_key") {
		t.Errorf("the arguments aren't named: %v", err)
	}
	if !rt.HasCall("SubtensorModule", "commit_timelocked_weights") || rt.HasCall("SubtensorModule", "commit_crv3_weights") {
		t.Error("calls that are there and that aren't")
	}
	remark, err := rt.Call("System", "remark", "hello")
	if err != nil {
		t.Fatal(err)
	}
	batch, err := rt.Call("Utility", "batch_all", []metadata.Raw{remark, remark})
	if err != nil {
		t.Fatal(err)
	}
	c, err := rt.DecodeCall(batch)
	if err != nil || len(c.Args.Get("calls").([]any)) != 2 {
		t.Errorf("%v: %v", c, err)
	}
	if _, err := rt.Call("Utility", "batch_all", []metadata.Raw{remark[:3]}); !errors.Is(err, metadata.ErrType) {
		t.Errorf("half a call: %v", err)
	}
	if _, err := rt.DecodeCall([]byte{0}); !errors.Is(err, scale.ErrShort) {
		t.Error(err)
	}
	if _, err := rt.DecodeCall(append(remark, 0)); !errors.Is(err, scale.ErrTrailing) {
		t.Error(err)
	}
}

func second(_ []byte, err error) error { return err }

// failingSigner is a key that is out of reach.
type failingSigner struct{ sr25519.Keypair }

var errNoKey = errors.New("no key")

func (failingSigner) Sign([]byte) ([64]byte, error) { return [64]byte{}, errNoKey }

func TestSignedExtrinsic(t *testing.T) {
	rt := runtime(t, v16)
	key := sr25519.NewKeypair([32]byte{1})
	call, err := rt.Call("System", "remark", bytes.Repeat([]byte{7}, 20000))
	if err != nil {
		t.Fatal(err)
	}
	tx := metadata.Transaction{Call: call, Era: metadata.MortalEra(64, 1000), EraBlockHash: [32]byte{1}, Nonce: 1<<32 - 1, Tip: 1<<64 - 1,
		SpecVersion: 393, TransactionVersion: 1, Genesis: [32]byte{2}}
	raw, err := rt.SignedExtrinsic(tx, key)
	if err != nil {
		t.Fatal(err)
	}
	x, err := rt.DecodeExtrinsic(raw)
	if err != nil || x.Signer != key.PublicKey() || x.Era != tx.Era || x.Nonce != tx.Nonce || x.Tip != tx.Tip {
		t.Fatalf("%+v: %v", x, err)
	}
	payload, err := rt.Payload(tx)
	if err != nil || !sr25519.Verify(key.PublicKey(), metadata.SignedMessage(payload), x.Signature) {
		t.Errorf("the signature doesn't hold: %v", err)
	}
	if _, err := rt.SignedExtrinsic(tx, failingSigner{key}); !errors.Is(err, errNoKey) {
		t.Errorf("a signer that fails: %v", err)
	}
	body, err := metadata.ExtrinsicBody(raw)
	if err != nil || body[0] != 0x84 || len(body) >= len(raw) {
		t.Errorf("body of %d bytes of %d: %v", len(body), len(raw), err)
	}
	if _, _, err := rt.APICall("TransactionPaymentApi", "query_info", body, len(body)); err != nil {
		t.Error(err)
	}
	if _, err := metadata.ExtrinsicBody(raw[:9]); !errors.Is(err, scale.ErrShort) {
		t.Error(err)
	}
	for name, c := range map[string]struct {
		raw  []byte
		want error
	}{
		"nothing":      {nil, scale.ErrShort},
		"empty":        {[]byte{0}, scale.ErrShort},
		"cut":          {raw[:100], scale.ErrShort},
		"more":         {append(bytes.Clone(raw), 1), scale.ErrTrailing},
		"format 5":     {append([]byte{0x10, 0x45}, 0, 0, 0), metadata.ErrVersion},
		"long length":  {append([]byte{0x2a, 0, 0, 0}, 5, 2, 0, 0x0b, 6, 0x9f, 0xf4, 0x8e, 0x9f, 1), scale.ErrCanonical},
		"unknown call": {[]byte{0x0c, 4, 99, 0}, metadata.ErrUnknown},
		"no such era":  {append([]byte{0x95, 1, 0x84}, append(make([]byte, 33), append([]byte{1}, append(make([]byte, 64), 0x10, 0)...)...)...), metadata.ErrType},
	} {
		if _, err := rt.DecodeExtrinsic(c.raw); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestEras(t *testing.T) {
	for period := uint64(4); period <= 1<<16; period *= 2 {
		for current := range uint64(300) {
			current *= 977
			e := metadata.MortalEra(period, current)
			back, err := metadata.DecodeEra(e.Append(nil))
			if err != nil || back != e {
				t.Fatalf("period %d at %d: %v, then %v (%v)", period, current, e, back, err)
			}
			birth := e.Birth(current)
			if birth > current || current-birth >= max(period, 16) || e.Death(current) != birth+period || e.Birth(birth+period-1) != birth {
				t.Fatalf("period %d at %d: from %d to %d", period, current, birth, e.Death(current))
			}
		}
	}
	if metadata.MortalEra(0, 5).Period != 4 || metadata.MortalEra(100, 5).Period != 128 || metadata.MortalEra(1<<40, 5).Period != 1<<16 {
		t.Error("periods aren't rounded")
	}
	immortal := metadata.Era{}
	if immortal.Birth(99) != 0 || immortal.Death(99) != 1<<64-1 {
		t.Error("an immortal era begins or ends")
	}
	for _, raw := range [][]byte{nil, {1}, {0, 0}, {0, 1}, {1, 0, 0}, {0xf1, 0xff}} {
		if e, err := metadata.DecodeEra(raw); !errors.Is(err, metadata.ErrType) {
			t.Errorf("%x: %v (%v)", raw, e, err)
		}
	}
}

func TestRegistry(t *testing.T) {
	rt := runtime(t, v16)
	id, err := rt.FindType("AccountInfo")
	if err != nil || rt.Type(id).Name() != "AccountInfo" {
		t.Errorf("type %d: %v", id, err)
	}
	for _, path := range [][]string{{"NothingOfTheKind"}, {}, {"elsewhere", "AccountInfo"}} {
		if _, err := rt.FindType(path...); !errors.Is(err, metadata.ErrUnknown) {
			t.Errorf("%v: %v", path, err)
		}
	}
	if rt.Type(1<<31) != nil || rt.PalletAt(255) != nil || rt.PalletAt(0).Name != "System" {
		t.Error("what isn't there")
	}
	s, err := rt.Item("SubtensorModule", "Uids")
	if err != nil || s.Docs() == "" || len(s.Keys) != 2 {
		t.Errorf("%+v: %v", s, err)
	}
	p, _ := rt.Pallet("SubtensorModule")
	documented := 0
	for _, c := range p.Calls() {
		if c.Docs() != "" {
			documented++
		}
	}
	if documented < 50 || len(p.Events()) < 50 || len(p.Errors()) < 50 {
		t.Errorf("%d calls with docs, %d events, %d errors", documented, len(p.Events()), len(p.Errors()))
	}
	m, err := rt.Method("SubnetInfoRuntimeApi", "get_metagraph")
	if err != nil || len(m.Inputs) != 1 {
		t.Errorf("%+v: %v", m, err)
	}
	if _, err := rt.DecodeAPI("SubnetInfoRuntimeApi", "nothing", nil); !errors.Is(err, metadata.ErrUnknown) {
		t.Error(err)
	}
	if err := rt.UnmarshalAPI("Nothing", "nothing", nil, new(any)); !errors.Is(err, metadata.ErrUnknown) {
		t.Error(err)
	}
	if _, _, err := rt.APICall("AccountNonceApi", "account_nonce"); !errors.Is(err, metadata.ErrType) {
		t.Error(err)
	}
	if _, _, err := rt.APICall("AccountNonceApi", "account_nonce", 1); !errors.Is(err, metadata.ErrType) {
		t.Error(err)
	}
	if _, err := rt.DecodeAPI("AccountNonceApi", "account_nonce", []byte{1}); !errors.Is(err, scale.ErrShort) {
		t.Error(err)
	}
}
