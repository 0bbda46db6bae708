package metadata_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/bittensor/metadata"
	"github.com/nanteos/nanteos/internal/vectortest"
)

// fresh parses a blob anew, for tests that change the Runtime.
func fresh(t testing.TB, name string) *metadata.Runtime {
	t.Helper()
	rt, err := metadata.Parse(vectortest.Open(t, "chain/metadata/"+name+".scale"))
	if err != nil {
		t.Fatal(err)
	}
	return rt
}

// TestKnownAPIs holds the signatures for version 14 against what version 15 of the same runtime says.
func TestKnownAPIs(t *testing.T) {
	old, rt := fresh(t, v14), runtime(t, v15)
	if len(old.APIs) != 0 {
		t.Fatalf("version 14 lists %d APIs", len(old.APIs))
	}
	if _, _, err := old.APICall("AccountNonceApi", "account_nonce", [32]byte{}); !errors.Is(err, metadata.ErrUnknown) {
		t.Errorf("a method of version 14: %v", err)
	}
	if err := old.DescribeKnownAPIs(); err != nil {
		t.Fatal(err)
	}
	methods := 0
	for _, a := range old.APIs {
		for _, m := range a.Methods {
			methods++
			want, err := rt.APIFingerprint(a.Name, m.Name)
			if err != nil {
				t.Errorf("%v", err)
				continue
			}
			if got, err := old.APIFingerprint(a.Name, m.Name); err != nil || got != want {
				real, _ := rt.Method(a.Name, m.Name)
				t.Errorf("%s.%s: %s (%v), version 15 has %s", a.Name, m.Name, old.Describe(m.Output, 9), err, rt.Describe(real.Output, 9))
			}
		}
	}
	if methods < 8 {
		t.Errorf("only %d methods", methods)
	}
	function, args, err := old.APICall("SubnetInfoRuntimeApi", "get_selective_mechagraph", 1, 0, []uint16{52, 53})
	if err != nil || function != "SubnetInfoRuntimeApi_get_selective_mechagraph" || string(args) != "\x01\x00\x00\x08\x34\x00\x35\x00" {
		t.Errorf("call %s %x: %v", function, args, err)
	}
	if err := rt.CanSign(); err != nil {
		t.Error(err)
	}
}

// TestNotation: every type of every runtime, described, read again and described once more, is the same.
func TestNotation(t *testing.T) {
	for _, blob := range []string{v15, v16} {
		rt, other := runtime(t, blob), fresh(t, blob)
		n := 0
		for _, a := range rt.APIs {
			for _, m := range a.Methods {
				text := rt.Describe(m.Output, 32)
				if strings.Contains(text, "...") || strings.Contains(text, "RuntimeCall") || len(text) > 20000 {
					continue
				}
				if err := other.DescribeAPI("Test", m.Name, "() -> "+text); err != nil {
					if strings.Contains(text, "?") {
						continue
					}
					t.Errorf("%s.%s: %v", a.Name, m.Name, err)
					continue
				}
				again, err := other.Method("Test", m.Name)
				if err != nil {
					t.Fatal(err)
				}
				want, err1 := rt.Fingerprint(m.Output)
				got, err2 := other.Fingerprint(again.Output)
				if want != got || err1 != nil || err2 != nil {
					t.Errorf("%s.%s: %s is read as %s (%v, %v)", a.Name, m.Name, text, other.Describe(again.Output, 32), err1, err2)
				}
				n++
			}
		}
		if n < 50 {
			t.Errorf("%s: only %d types compared", blob, n)
		}
	}
}

func TestDescribeAPIErrors(t *testing.T) {
	rt := fresh(t, v14)
	for _, s := range []string{
		"", "u8", "() u8", "() -> ", "() -> u8 u8", "() -> Vec<u8", "() -> [u8; x]", "() -> [u8; 99999999999]", "() -> {a: u8, u8}",
		"() -> enum{A = 256}", "() -> enum{= 1}", "(u8) -> u8", "() -> Nothing", "() -> Compact<bool>", "() -> " + strings.Repeat("Vec<", 100),
		"() -> enum", "() -> Vec u8", "() -> [u8]", "() -> (u8 u8)",
	} {
		if err := rt.DescribeAPI("A", "m", s); !errors.Is(err, metadata.ErrType) && !errors.Is(err, metadata.ErrLimit) {
			t.Errorf("%q: %v", s, err)
		}
	}
	if rt.HasAPI("A", "m") {
		t.Error("a wrong signature left a method behind")
	}
	if err := rt.DescribeAPI("A", "m", "() -> u8"); err != nil {
		t.Fatal(err)
	}
	if err := rt.DescribeAPI("A", "m", "() -> enum{No, Yes = 7(u8), Also{at: BitVec<u8>}}"); err != nil {
		t.Fatal(err)
	}
	m, err := rt.Method("A", "m")
	if err != nil {
		t.Fatal(err)
	}
	if got := rt.Describe(m.Output, 9); got != "enum{No, Yes = 7(u8), Also{at: BitVec<u8>}}" {
		t.Errorf("described as %s", got)
	}
	v, err := rt.DecodeAPI("A", "m", []byte{8, 0x28, 0xff, 0x03})
	if err != nil {
		t.Fatal(err)
	}
	if b, ok := v.(metadata.Variant).Get("at").(metadata.Bits); !ok || b.Len != 10 || len(b.Data) != 2 {
		t.Errorf("decoded as %v", v)
	}
}

// TestFingerprints: the same runtime in two versions of the metadata has the same shapes; another runtime has some other ones.
func TestFingerprints(t *testing.T) {
	old, rt, next := runtime(t, v14), runtime(t, v15), runtime(t, v16)
	same, changed := 0, 0
	for i := range rt.Pallets {
		p := &rt.Pallets[i]
		for _, c := range p.Calls() {
			want, err := rt.CallFingerprint(p.Name, c.Name)
			if err != nil {
				t.Errorf("%s.%s: %v", p.Name, c.Name, err)
				continue
			}
			if got, err := old.CallFingerprint(p.Name, c.Name); err != nil || got != want {
				t.Errorf("%s.%s differs between versions 14 and 15: %v", p.Name, c.Name, err)
			}
			if got, err := next.CallFingerprint(p.Name, c.Name); err == nil && got == want {
				same++
			} else {
				changed++
			}
		}
		for _, s := range p.Storage {
			want, err := rt.StorageFingerprint(p.Name, s.Name)
			if err != nil {
				t.Errorf("%s.%s: %v", p.Name, s.Name, err)
				continue
			}
			if got, err := old.StorageFingerprint(p.Name, s.Name); err != nil || got != want {
				t.Errorf("%s.%s differs between versions 14 and 15: %v", p.Name, s.Name, err)
			}
		}
	}
	if same < 100 || changed == 0 {
		t.Errorf("calls from spec 343 to 393: %d the same, %d changed", same, changed)
	}
	a, _ := rt.CallFingerprint("SubtensorModule", "set_weights")
	b, _ := next.CallFingerprint("SubtensorModule", "set_weights")
	c, _ := next.CallFingerprint("SubtensorModule", "reveal_weights")
	if a != b || a == c {
		t.Errorf("set_weights %x and %x, reveal_weights %x", a, b, c)
	}
	if _, err := rt.CallFingerprint("SubtensorModule", "nothing"); !errors.Is(err, metadata.ErrUnknown) {
		t.Error(err)
	}
	if _, err := rt.Fingerprint(1 << 30); !errors.Is(err, metadata.ErrUnknown) {
		t.Error(err)
	}
}
