package metadata_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"unicode"

	"github.com/nanteos/nanteos/bittensor/metadata"
	"github.com/nanteos/nanteos/bittensor/ss58"
	"github.com/nanteos/nanteos/internal/vectortest"
)

const metagraphFile = "chain/metagraph_finney343.json"

// axon is how a neuron can be reached.
type axon struct {
	Block                      uint64
	Version                    uint32
	IP                         *big.Int
	Port                       uint16
	IPType, Protocol           uint8
	Placeholder1, Placeholder2 uint8
}

// metagraph has the columns that a validator looks at; the rest is skipped.
type metagraph struct {
	Netuid           uint16
	Name, Symbol     string
	Block            uint64
	Tempo            uint16
	NumUids          uint16
	Burn             uint64
	SubnetVolume     *big.Int
	MaxWeightsLimit  uint16
	Hotkeys          [][32]byte
	Coldkeys         [][32]byte
	Axons            []axon
	Active           []bool
	ValidatorPermit  []bool
	PruningScore     []uint16
	LastUpdate       []uint64
	Emission         []uint64
	Dividends        []uint16
	Incentives       []uint16
	Consensus        []uint16
	Trust            []uint16
	Rank             []uint16
	RegisteredAt     []uint64 `scale:"block_at_registration"`
	AlphaStake       []uint64
	TaoStake         []uint64
	TotalStake       []uint64
	NoSuchColumnEver []uint64 `scale:",optional"`
}

// metagraphSet is the recorded answer and what @polkadot/types made of it.
type metagraphSet struct {
	Source       string `json:"source"`
	Licence      string `json:"licence"`
	API          string `json:"api"`
	ArgsHex      string `json:"args_hex"`
	BlockHash    string `json:"block_hash"`
	BlockNumber  uint64 `json:"block_number"`
	ResultFile   string `json:"result_file"`
	ResultSHA256 string `json:"result_sha256"`
	ResultLen    int    `json:"result_len"`
	Metadata     string `json:"metadata"`
	Note         string `json:"note"`
	Expected     struct {
		Hotkeys             []string         `json:"hotkeys"`
		Coldkeys            []string         `json:"coldkeys"`
		Active              []bool           `json:"active"`
		ValidatorPermit     []bool           `json:"validatorPermit"`
		PruningScore        []uint16         `json:"pruningScore"`
		LastUpdate          []uint64         `json:"lastUpdate"`
		Emission            []uint64         `json:"emission"`
		Dividends           []uint16         `json:"dividends"`
		Incentives          []uint16         `json:"incentives"`
		Consensus           []uint16         `json:"consensus"`
		Trust               []uint16         `json:"trust"`
		Rank                []uint16         `json:"rank"`
		BlockAtRegistration []uint64         `json:"blockAtRegistration"`
		AlphaStake          []uint64         `json:"alphaStake"`
		TaoStake            []uint64         `json:"taoStake"`
		TotalStake          []uint64         `json:"totalStake"`
		Axons               []map[string]any `json:"axons"`
		Scalars             map[string]any   `json:"scalars"`
		NameUTF8            string           `json:"name_utf8"`
		SymbolUTF8          string           `json:"symbol_utf8"`
		Identity            map[string]any   `json:"identity"`
	} `json:"expected"`
}

func openMetagraph(t testing.TB) (set metagraphSet, rt *metadata.Runtime, raw []byte) {
	t.Helper()
	decodeJSON(t, metagraphFile, &set)
	raw = vectortest.Open(t, "chain/"+set.ResultFile)
	rt = runtime(t, strings.TrimSuffix(strings.TrimPrefix(set.Metadata, "metadata/"), ".scale"))
	if sum := sha256.Sum256(raw); len(raw) != set.ResultLen || hex.EncodeToString(sum[:]) != set.ResultSHA256 {
		t.Fatalf("%s is not what the vectors were made from", set.ResultFile)
	}
	return set, rt, raw
}

func apiName(t testing.TB, function string) (api, method string) {
	t.Helper()
	api, method, ok := strings.Cut(function, "_")
	if !ok {
		t.Fatalf("no runtime call: %s", function)
	}
	return api, method
}

func TestMetagraphVectors(t *testing.T) {
	set, rt, raw := openMetagraph(t)
	api, method := apiName(t, set.API)
	var m metagraph
	if err := rt.UnmarshalAPI(api, method, raw, &m); err != nil {
		t.Fatal(err)
	}
	e := &set.Expected
	n := 0
	compare := func(name string, got, want any) {
		t.Helper()
		n++
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s differs", name)
		}
	}
	addresses := func(keys [][32]byte) []string {
		out := make([]string, len(keys))
		for i, k := range keys {
			out[i] = ss58.EncodeBittensor(k)
		}
		return out
	}
	compare("hotkeys", addresses(m.Hotkeys), e.Hotkeys)
	compare("coldkeys", addresses(m.Coldkeys), e.Coldkeys)
	compare("active", m.Active, e.Active)
	compare("validatorPermit", m.ValidatorPermit, e.ValidatorPermit)
	compare("pruningScore", m.PruningScore, e.PruningScore)
	compare("lastUpdate", m.LastUpdate, e.LastUpdate)
	compare("emission", m.Emission, e.Emission)
	compare("dividends", m.Dividends, e.Dividends)
	compare("incentives", m.Incentives, e.Incentives)
	compare("consensus", m.Consensus, e.Consensus)
	compare("trust", m.Trust, e.Trust)
	compare("rank", m.Rank, e.Rank)
	compare("blockAtRegistration", m.RegisteredAt, e.BlockAtRegistration)
	compare("alphaStake", m.AlphaStake, e.AlphaStake)
	compare("taoStake", m.TaoStake, e.TaoStake)
	compare("totalStake", m.TotalStake, e.TotalStake)
	compare("name", m.Name, e.NameUTF8)
	compare("symbol", m.Symbol, e.SymbolUTF8)

	// The dynamic form of the same bytes.
	v, err := rt.DecodeAPI(api, method, raw)
	if err != nil {
		t.Fatal(err)
	}
	s, ok := v.(metadata.Struct)
	if !ok {
		t.Fatalf("decoded as %T", v)
	}
	for i, want := range e.Axons {
		same(t, fmt.Sprintf("axon %d", i), s.Get("axons").([]any)[i], want)
		if i < len(m.Axons) && fmt.Sprint(m.Axons[i].IP) != fmt.Sprint(want["ip"]) {
			t.Errorf("axon %d: ip %v, want %v", i, m.Axons[i].IP, want["ip"])
		}
	}
	n += len(e.Axons)
	same(t, "scalars", s, e.Scalars)
	same(t, "identity", s.Get("identity").(metadata.Some).Value, e.Identity)
	n += len(e.Scalars) + len(e.Identity)
	if m.SubnetVolume.String() != fmt.Sprint(e.Scalars["subnetVolume"]) {
		t.Errorf("subnet volume %s, want %v", m.SubnetVolume, e.Scalars["subnetVolume"])
	}

	// Both forms encode to the answer again. Options within options come back whole.
	out, err := rt.Method(api, method)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := rt.Encode(out.Output, v); err != nil || sha256.Sum256(again) != sha256.Sum256(raw) {
		t.Errorf("encoded again to %d bytes of %d: %v", len(again), len(raw), err)
	}
	function, args, err := rt.APICall(api, method, 1, 0, indexes(73+1))
	if err != nil || function != set.API || "0x"+hex.EncodeToString(args) != set.ArgsHex {
		t.Errorf("called %s with %x (%v), want %s", function, args, err, set.ArgsHex)
	}
	vectortest.Count(t, metagraphFile, n)
}

func indexes(n int) []uint16 {
	out := make([]uint16, n)
	for i := range out {
		out[i] = uint16(i)
	}
	return out
}

// same compares a decoded struct with JSON in camel case. Accounts are ss58, bytes hex, large numbers hex.
func same(t *testing.T, what string, got any, want map[string]any) {
	t.Helper()
	s, ok := got.(metadata.Struct)
	if !ok {
		t.Fatalf("%s: decoded as %T", what, got)
	}
	for name, w := range want {
		v, ok := s.Lookup(snake(name))
		if !ok {
			t.Errorf("%s: no field %s", what, name)
			continue
		}
		var text string
		switch x := v.(type) {
		case [32]byte:
			text = ss58.EncodeBittensor(x)
		case []byte:
			text = "0x" + hex.EncodeToString(x)
		default:
			text = fmt.Sprint(x)
		}
		wt := fmt.Sprint(w)
		if _, isBytes := v.([]byte); !isBytes && strings.HasPrefix(wt, "0x") {
			b, _ := new(big.Int).SetString(wt[2:], 16)
			wt = b.String()
		}
		if j, ok := w.(json.Number); ok {
			wt = j.String()
		}
		if text != wt {
			t.Errorf("%s: %s is %s, want %s", what, name, text, wt)
		}
	}
}

func snake(name string) string {
	var b strings.Builder
	for _, r := range name {
		if unicode.IsUpper(r) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
