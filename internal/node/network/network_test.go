package network

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/internal/beacon"
)

// private is a network with everything in it.
func private(t testing.TB) Network {
	t.Helper()
	genesis := time.UnixMilli(1_700_000_000_500).UTC()
	b, err := beacon.NewLocal(beacon.LocalConfig{Seed: make([]byte, 32), Genesis: genesis, Period: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	r := grail.Hardened()
	r.BeaconChain, r.BeaconGenesisMillis, r.BeaconPeriodMillis = b.Info().Hash, genesis.UnixMilli(), 1000
	return Network{
		Name:  "ours",
		Chain: Chain{Endpoints: []string{"ws://127.0.0.1:9944"}, Archive: []string{"wss://old.example:443"}, Genesis: FinneyGenesis, NetUID: 7},
		Rules: r, Beacon: NewBeacon(b.Info(), []string{"http://127.0.0.1:8080"}), Store: &Store{Endpoint: "http://127.0.0.1:9000", Region: "x", PathStyle: true},
	}
}

func TestFileKeepsEverything(t *testing.T) {
	n := private(t)
	text, err := n.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "network.json")
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := Read(name)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(n, got); d != "" {
		t.Errorf("(-written +read)\n%s", d)
	}
	if got.Rules.Digest() != n.Rules.Digest() {
		t.Error("the rules changed")
	}
	info, err := got.Beacon.Info()
	if err != nil {
		t.Fatal(err)
	}
	if want, _ := n.Beacon.Info(); !cmp.Equal(info, want) || info.Period != time.Second {
		t.Errorf("beacon is %+v, want %+v", info, want)
	}
}

func TestPublicNetworksAreValid(t *testing.T) {
	for _, name := range []string{"finney", "test", "local"} {
		c, ok := Public(name, NetUID)
		if !ok {
			t.Fatalf("no network %s", name)
		}
		n := Grail(c)
		if err := n.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if n.Rules.Digest() != grail.Reference().Digest() {
			t.Errorf("%s: the rules are not the reference's", name)
		}
		text, err := n.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, ok := Public("mainnet", 1); ok {
		t.Error("an unknown name is a network")
	}
}

func TestParseRefuses(t *testing.T) {
	text, err := private(t).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, path, value, says string }{
		{"no name", "name", `""`, "name has to be"},
		{"control character in the name", "name", `"a\u001b[2J"`, "name has to be"},
		{"no endpoint", "chain.endpoints", `[]`, "chain.endpoints is empty"},
		{"endpoint of another scheme", "chain.endpoints", `["http://x"]`, "chain.endpoints"},
		{"endpoint without host", "chain.endpoints", `["ws://"]`, "chain.endpoints"},
		{"endpoint with a password", "chain.endpoints", `["ws://a:b@host"]`, "chain.endpoints"},
		{"many endpoints", "chain.archive", `["ws://a","ws://a","ws://a","ws://a","ws://a","ws://a","ws://a","ws://a","ws://a","ws://a","ws://a","ws://a","ws://a","ws://a","ws://a","ws://a","ws://a"]`, "more than 16"},
		{"short genesis", "chain.genesis", `"0x12"`, "chain.genesis"},
		{"upper-case genesis", "chain.genesis", `"0x` + strings.Repeat("AB", 32) + `"`, "chain.genesis"},
		{"netuid out of range", "chain.netuid", `65536`, "netuid"},
		{"unknown field", "chain.net_uid", `1`, "net_uid"},
		{"store without scheme", "store.endpoint", `"127.0.0.1:9000"`, "store.endpoint"},
		{"other key", "beacon.public_key", `"00"`, "public_key"},
		{"key off the curve", "beacon.public_key", `"` + strings.Repeat("ab", 96) + `"`, "beacon"},
		{"no period", "beacon.period_millis", `0`, "period_millis"},
		{"other beacon than the rules'", "beacon.chain", `"` + strings.Repeat("0", 64) + `"`, "the rules name"},
		{"no relay", "beacon.relays", `[]`, "beacon.relays is empty"},
		{"no rules", "rules", `{}`, "rules"},
		{"no beacon", "beacon", `null`, "names none"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse(with(t, text, c.path, c.value))
			if !errors.Is(err, ErrFile) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error is %v, want ErrFile with %q", err, c.says)
			}
		})
	}
	for _, text := range []string{"", "[]", string(text) + "x", "{"} {
		if _, err := Parse([]byte(text)); !errors.Is(err, ErrFile) {
			t.Errorf("%.20q: error is %v", text, err)
		}
	}
}

// with replaces one value of a JSON text.
func with(t *testing.T, text []byte, path, value string) []byte {
	t.Helper()
	var tree map[string]any
	if err := json.Unmarshal(text, &tree); err != nil {
		t.Fatal(err)
	}
	m := tree
	parts := strings.Split(path, ".")
	for _, p := range parts[:len(parts)-1] {
		m = m[p].(map[string]any)
	}
	m[parts[len(parts)-1]] = json.RawMessage(value)
	out, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func FuzzParse(f *testing.F) {
	text, err := private(f).Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"name":"x"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		n, err := Parse(text)
		if err != nil {
			if !errors.Is(err, ErrFile) {
				t.Fatalf("error %v doesn't wrap ErrFile", err)
			}
			return
		}
		again, err := n.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(again); err != nil {
			t.Fatalf("what was accepted is refused when written again: %v", err)
		}
	})
}
