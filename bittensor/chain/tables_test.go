package chain

import (
	"errors"
	"fmt"
	"math/big"
	"net/netip"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/bittensor/metadata"
	"github.com/nanteos/nanteos/bittensor/timelock"
	"github.com/nanteos/nanteos/internal/vectortest"
)

func recorded(t *testing.T, file string) *Runtime {
	t.Helper()
	rt, err := metadata.Parse(vectortest.Open(t, "chain/metadata/"+file))
	if err != nil {
		t.Fatal(err)
	}
	return &Runtime{Runtime: rt, Spec: 1, Transaction: 1}
}

// TestSentinelsAreOfRealErrors: a name misspelt here would never match. Names that came or went are listed.
func TestSentinelsAreOfRealErrors(t *testing.T) {
	elsewhere := map[string]bool{ // in runtimes of which no metadata is recorded
		"RegistrationPriceLimitExceeded": true, "CommitmentSetRateLimitExceeded": true, "InvalidRevealRound": true,
	}
	found := map[string]bool{}
	for _, file := range []string{"finney-spec343-v15.scale", "finney-spec393-v16.scale"} {
		rt := recorded(t, file)
		for i := range rt.Pallets {
			for _, e := range rt.Pallets[i].Errors() {
				found[e.Name] = true
			}
		}
		id, err := rt.FindType("sp_runtime", "TokenError")
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range rt.Type(id).Variants {
			found["Token."+v.Name] = true
		}
	}
	for name := range sentinels {
		if !found[name] && !elsewhere[name] {
			t.Errorf("no runtime has an error %s", name)
		}
	}
}

func TestDispatchErrorsMatchTheirSentinel(t *testing.T) {
	for name, sentinel := range sentinels {
		err := fmt.Errorf("couldn't do it: %w", &DispatchError{metadata.DispatchError{Pallet: subtensor, Name: name, Docs: "Words."}})
		if !errors.Is(err, sentinel) || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "Words.") {
			t.Errorf("%s: %v", name, err)
		}
		if errors.Is(err, ErrPending) {
			t.Errorf("%s matches anything", name)
		}
	}
	if err := error(&DispatchError{metadata.DispatchError{Name: "Unheard"}}); errors.Is(err, ErrRateLimited) {
		t.Error("an unknown error matches")
	}
}

func TestCustomErrorsAreSaid(t *testing.T) {
	for n := range 256 {
		e := &PoolError{Code: 1010, Kind: "Custom", Custom: n}
		if !strings.Contains(e.Error(), fmt.Sprint(n)) {
			t.Errorf("%d: %v", n, e)
		}
		if s := customs[n].sentinel; s != nil && !errors.Is(e, s) {
			t.Errorf("%d doesn't match %v", n, s)
		}
	}
}

// TestCallsEncode: every call that this package makes fits the recorded runtimes that have it.
func TestCallsEncode(t *testing.T) {
	hotkey, hash := Account{1}, Hash{2}
	u16s := []uint16{1, 2}
	calls := []Call{
		{subtensor, "burned_register", []any{uint16(1), hotkey}},
		{subtensor, "serve_axon", []any{uint16(1), uint32(9), big.NewInt(77), uint16(8091), uint8(4), uint8(4), uint8(0), uint8(0)}},
		{subtensor, "set_weights", []any{uint16(1), u16s, u16s, uint64(0)}},
		{subtensor, "set_mechanism_weights", []any{uint16(1), uint8(1), u16s, u16s, uint64(0)}},
		{subtensor, "commit_weights", []any{uint16(1), [32]byte(hash)}},
		{subtensor, "commit_mechanism_weights", []any{uint16(1), uint8(1), [32]byte(hash)}},
		{subtensor, "reveal_weights", []any{uint16(1), u16s, u16s, u16s, uint64(0)}},
		{subtensor, "reveal_mechanism_weights", []any{uint16(1), uint8(1), u16s, u16s, u16s, uint64(0)}},
		{subtensor, "commit_timelocked_weights", []any{uint16(1), []byte{1, 2}, uint64(5), uint16(4)}},
		{subtensor, "commit_timelocked_mechanism_weights", []any{uint16(1), uint8(1), []byte{1, 2}, uint64(5), uint16(4)}},
		{subtensor, "commit_crv3_mechanism_weights", []any{uint16(1), uint8(1), []byte{1, 2}, uint64(5)}},
	}
	for _, file := range []string{"finney-spec343-v15.scale", "finney-spec343-v14.scale", "finney-spec393-v16.scale"} {
		rt := recorded(t, file)
		for _, c := range calls {
			raw, err := c.Encode(rt)
			if err != nil {
				t.Errorf("%s: %s: %v", file, c.Name, err)
				continue
			}
			back, err := rt.DecodeCall(raw)
			if err != nil || back.Pallet != c.Pallet || back.Name != c.Name || len(back.Args) != len(c.Args) {
				t.Errorf("%s: %s: %+v, %v", file, c.Name, back, err)
			}
		}
		if _, err := (Call{subtensor, "no_such_call", nil}).Encode(rt); !errors.Is(err, ErrUnsupported) {
			t.Error(err)
		}
		if _, err := (Call{subtensor, "set_weights", []any{"one"}}).Encode(rt); !errors.Is(err, metadata.ErrType) {
			t.Error(err)
		}
	}
}

// TestCommitmentFields: all kinds of fields go through the recorded runtimes and come back.
func TestCommitmentFields(t *testing.T) {
	var fields []Field
	for n := range 129 {
		fields = append(fields, Field{Kind: "Raw", Data: []byte(strings.Repeat("x", n))})
	}
	for _, kind := range []string{"BlakeTwo256", "Sha256", "Keccak256", "ShaThree256"} {
		fields = append(fields, Field{Kind: kind, Data: []byte(strings.Repeat("h", 32))})
	}
	fields = append(fields, Field{Kind: "TimelockEncrypted", Data: []byte("sealed"), Round: 12345}, Field{Kind: "None"}, Field{Kind: "ResetBondsFlag"})
	for _, file := range []string{"finney-spec343-v15.scale", "finney-spec393-v16.scale"} {
		rt := recorded(t, file)
		for _, f := range fields {
			v, err := encodeField(f)
			if err != nil {
				t.Fatal(err)
			}
			call, err := Call{commitmentsPallet, "set_commitment", []any{uint16(1), metadata.Struct{{Name: "fields", Value: []any{v}}}}}.Encode(rt)
			if err != nil {
				t.Errorf("%s: %s of %d bytes: %v", file, f.Kind, len(f.Data), err)
				continue
			}
			back, err := rt.DecodeCall(call)
			if err != nil {
				t.Fatal(err)
			}
			list := back.Args.Get("info").(metadata.Struct).Get("fields").([]any)
			got := fieldOf(list[0].(metadata.Variant))
			if got.Kind != f.Kind || string(got.Data) != string(f.Data) || got.Round != f.Round {
				t.Errorf("%s: %+v came back as %+v", file, f, got)
			}
		}
	}
	if _, err := encodeField(Field{Kind: "Raw", Data: make([]byte, 513)}); !errors.Is(err, ErrTooLong) {
		t.Error(err)
	}
}

func TestAddresses(t *testing.T) {
	for address, good := range map[string]bool{
		"1.2.3.4:80": true, "10.0.0.1:8091": true, "192.168.1.1:1": true, "0.0.0.0:5": true, "[2001:db8::1]:80": true, "[::ffff:1.2.3.4]:80": true,
		"127.0.0.2:80": true, // odd, and the chain takes it
		"127.0.0.1:80": false, "255.255.255.255:80": false, "[::1]:80": false, "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:80": false, "1.2.3.4:0": false,
		"[::ffff:127.0.0.1]:80": false,
	} {
		if err := checkAddress(netip.MustParseAddrPort(address)); (err == nil) != good || err != nil && !errors.Is(err, ErrAddress) {
			t.Errorf("%s: %v", address, err)
		}
	}
	if err := checkAddress(netip.AddrPort{}); !errors.Is(err, ErrAddress) {
		t.Error(err)
	}
}

func TestAxonForms(t *testing.T) {
	six, _ := new(big.Int).SetString("20010db8000000000000000000000001", 16)
	for _, test := range []struct {
		in   axonInfo
		want string
		up   bool
	}{
		{axonInfo{IP: big.NewInt(0x01020304), Port: 80, IPType: 4}, "1.2.3.4:80", true},
		{axonInfo{IP: six, Port: 80, IPType: 6}, "[2001:db8::1]:80", true},
		{axonInfo{IP: big.NewInt(0), Port: 0, IPType: 4}, "invalid AddrPort", false},
		{axonInfo{IP: big.NewInt(0), Port: 80, IPType: 4}, "0.0.0.0:80", false},
		{axonInfo{IP: nil}, "invalid AddrPort", false},
		{axonInfo{IP: big.NewInt(-1)}, "invalid AddrPort", false},
		{axonInfo{IP: new(big.Int).Lsh(big.NewInt(1), 128)}, "invalid AddrPort", false},
	} {
		a := test.in.axon()
		if a.Address.String() != test.want || a.Serving() != test.up {
			t.Errorf("%+v: %s, serving %v", test.in, a.Address, a.Serving())
		}
	}
}

func TestNetworks(t *testing.T) {
	for name, n := range networks {
		c := Config{Network: name}
		if err := c.fill(); err != nil || len(c.Endpoints) != len(n.endpoints) || c.EraPeriod != 64 || c.Timeout == 0 {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
		if public := name != "local"; public != !c.Genesis.IsZero() {
			t.Errorf("%s: genesis %s", name, c.Genesis)
		}
	}
	c := Config{}
	if err := c.fill(); err != nil || c.Genesis.String() != finneyGenesis {
		t.Errorf("%+v, %v", c, err)
	}
	c = Config{Network: "finney", Endpoints: []string{"ws://mine:9944", "ws://mine:9944"}}
	if err := c.fill(); err != nil || c.Endpoints[0] != "ws://mine:9944" || len(c.Endpoints) != 4 {
		t.Errorf("%+v, %v", c.Endpoints, err)
	}
}

// TestSealsForThePublicBeacon: on finney and test no endpoint can say to which key weights are sealed.
func TestSealsForThePublicBeacon(t *testing.T) {
	for name, n := range networks {
		if n.genesis == "" {
			continue
		}
		h, err := ParseHash(n.genesis)
		if err != nil {
			t.Fatal(err)
		}
		d, err := (&Client{genesis: h}).drand(t.Context(), nil)
		if err != nil || string(d.PublicKey) != string(timelock.QuicknetChain().PublicKey) {
			t.Errorf("%s: %+v, %v", name, d, err)
		}
	}
}

func TestPendingErrorSaysWhatIsKnown(t *testing.T) {
	e := &PendingError{Hash: Hash{7}, Nonce: 3, Until: 99, Err: errors.New("deadline")}
	if !errors.Is(e, ErrPending) || !strings.Contains(e.Error(), "block 99") || !strings.Contains(e.Error(), "nonce 3") {
		t.Error(e)
	}
	e.Outcome = &Outcome{Number: 42}
	if !strings.Contains(e.Error(), "block 42") {
		t.Error(e)
	}
}
