package chain

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nanteos/nanteos/bittensor/metadata"
	"github.com/nanteos/nanteos/bittensor/scale"
	"github.com/nanteos/nanteos/bittensor/sr25519"
	"github.com/nanteos/nanteos/bittensor/ss58"
	"github.com/nanteos/nanteos/internal/vectortest"
)

// recorded are the bytes that all sides work on.
type recorded struct {
	blob, graph []byte
	api, method string
	runtime     *metadata.Runtime

	numbers      []uint64
	rawNumbers   []byte
	rawPairs     []byte
	accounts     [][32]byte
	addresses    []string
	uids, values []uint16
}

func load(tb testing.TB) *recorded {
	tb.Helper()
	var set struct {
		API    string `json:"api"`
		Blob   string `json:"metadata"`
		Result string `json:"result_file"`
	}
	if err := json.Unmarshal(vectortest.Open(tb, "chain/metagraph_finney343.json"), &set); err != nil {
		tb.Fatal(err)
	}
	r := &recorded{blob: vectortest.Open(tb, "chain/"+set.Blob), graph: vectortest.Open(tb, "chain/"+set.Result)}
	r.api, r.method, _ = strings.Cut(set.API, "_")
	rt, err := metadata.Parse(r.blob)
	if err != nil {
		tb.Fatal(err)
	}
	for method, signature := range map[string]string{"numbers": "() -> Vec<u64>", "pairs": "() -> Vec<(u16, u16)>"} {
		if err := rt.DescribeAPI("Bench", method, signature); err != nil {
			tb.Fatal(err)
		}
	}
	r.runtime = rt
	var numbers, pairs scale.Writer
	numbers.Compact(4096)
	pairs.Compact(4096)
	for i := range 4096 {
		r.numbers = append(r.numbers, uint64(i)*1_000_003)
		numbers.U64(r.numbers[i])
		pairs.U16(uint16(i))
		pairs.U16(uint16(65535 - i))
	}
	r.rawNumbers, r.rawPairs = numbers, pairs
	for i := range 256 {
		r.accounts = append(r.accounts, sha256.Sum256(binary.LittleEndian.AppendUint32(nil, uint32(i))))
		r.addresses = append(r.addresses, ss58.EncodeBittensor(r.accounts[i]))
		r.uids, r.values = append(r.uids, uint16(i)), append(r.values, uint16(65535-i))
	}
	return r
}

// columns are all columns of a metagraph that have an item for each neuron, and the numbers of the subnet.
type columns struct {
	Netuid                                                     uint16
	Name, Symbol                                               string
	Identity                                                   any
	NetworkRegisteredAt                                        uint64
	OwnerHotkey, OwnerColdkey                                  [32]byte
	Block                                                      uint64
	Tempo                                                      uint16
	LastStep, BlocksSinceLastStep                              uint64
	SubnetEmission, AlphaIn, AlphaOut, TaoIn                   uint64
	AlphaOutEmission, AlphaInEmission, TaoInEmission           uint64
	PendingAlphaEmission, PendingRootEmission                  uint64
	SubnetVolume                                               *big.Int
	MovingPrice                                                any
	Rho, Kappa, MinAllowedWeights, MaxWeightsLimit             uint16
	WeightsVersion, WeightsRateLimit                           uint64
	ActivityCutoff, MaxValidators, NumUids, MaxUids            uint16
	Burn, Difficulty                                           uint64
	RegistrationAllowed, PowRegistrationAllowed                bool
	ImmunityPeriod                                             uint16
	MinDifficulty, MaxDifficulty, MinBurn, MaxBurn             uint64
	AdjustmentAlpha                                            uint64
	AdjustmentInterval, TargetRegsPerInterval, MaxRegsPerBlock uint16
	ServingRateLimit                                           uint64
	CommitRevealWeightsEnabled                                 bool
	CommitRevealPeriod                                         uint64
	LiquidAlphaEnabled                                         bool
	AlphaHigh, AlphaLow                                        uint16
	BondsMovingAvg                                             uint64
	Hotkeys, Coldkeys                                          [][32]byte
	Identities                                                 []any
	Axons                                                      []axon
	Active, ValidatorPermit                                    []bool
	PruningScore                                               []uint16
	LastUpdate, Emission                                       []uint64
	Dividends, Incentives, Consensus, Trust, Rank              []uint16
	BlockAtRegistration, AlphaStake, TaoStake, TotalStake      []uint64
	TaoDividendsPerHotkey, AlphaDividendsPerHotkey             []dividend
	Validators                                                 []uint16 `scale:"validators,optional"`
	Commitments                                                any      `scale:"commitments,optional"`
	HotkeyAddresses, ColdkeyAddresses                          []string `scale:"-"`
}

type axon struct {
	Block                      uint64
	Version                    uint32
	IP                         *big.Int
	Port                       uint16
	IPType, Protocol           uint8
	Placeholder1, Placeholder2 uint8
}

type dividend struct {
	Hotkey [32]byte
	Amount uint64
}

func digest(parts ...any) string {
	text := make([]string, len(parts))
	for i, p := range parts {
		text[i] = fmt.Sprint(p)
	}
	h := sha256.Sum256([]byte(strings.Join(text, "\n")))
	return hex.EncodeToString(h[:8])
}

// compare has ours and all peers measure in turn and reports the best of each. f does the given number of operations; check is what came
// out.
func compare(b *testing.B, what string, sides []*peer, operations int, f func(), check func() string) {
	b.Helper()
	best := map[string]float64{"": math.Inf(1)}
	for b.Loop() {
		best[""] = min(best[""], measure(operations, f))
		for _, p := range sides {
			r := p.ask(b, what)
			if r.Seconds == 0 {
				continue
			}
			if _, ok := best[p.name]; !ok {
				best[p.name] = math.Inf(1)
			}
			best[p.name] = min(best[p.name], r.Seconds)
			if want := check(); r.Check != "" && r.Check != want {
				b.Fatalf("%s comes to %s, we to %s", p.name, r.Check, want)
			}
		}
	}
	b.ReportMetric(0, "ns/op") // of all sides together: means nothing
	b.ReportMetric(best[""]*1e6, "µs")
	line := fmt.Sprintf("%s, best of %d: nanteos %s", what, b.N, duration(best[""]))
	for _, p := range sides {
		if t, ok := best[p.name]; ok {
			b.ReportMetric(t/best[""], "x-"+p.name)
			line += fmt.Sprintf(", %s %s (x%.1f)", p.name, duration(t), t/best[""])
		}
	}
	b.Log(line)
}

// measure returns seconds per operation over at least a tenth of a second.
func measure(operations int, f func()) float64 {
	n, start := 0, time.Now()
	for time.Since(start) < 100*time.Millisecond {
		for range 16 {
			f()
			n += operations
			if time.Since(start) > time.Second {
				break
			}
		}
	}
	return time.Since(start).Seconds() / float64(n)
}

func duration(seconds float64) string {
	switch {
	case seconds < 1e-6:
		return fmt.Sprintf("%.0f ns", seconds*1e9)
	case seconds < 1e-3:
		return fmt.Sprintf("%.1f µs", seconds*1e6)
	}
	return fmt.Sprintf("%.2f ms", seconds*1e3)
}

func must(tb testing.TB, err error) {
	if err != nil {
		tb.Helper()
		tb.Fatal(err)
	}
}

// BenchmarkSDK compares everything that a miner or validator does with the chain's bytes.
func BenchmarkSDK(b *testing.B) {
	r := load(b)
	rt := r.runtime
	sides := peers(b)

	b.Run("metadata", func(b *testing.B) {
		var got *metadata.Runtime
		compare(b, "metadata", sides, 1, func() {
			var err error
			got, err = metadata.Parse(r.blob)
			must(b, err)
		}, func() string { return digest(len(got.Pallets)) })
	})

	var graph columns
	decode := func() {
		graph = columns{}
		must(b, rt.UnmarshalAPI(r.api, r.method, r.graph, &graph))
		graph.HotkeyAddresses, graph.ColdkeyAddresses = addresses(graph.Hotkeys), addresses(graph.Coldkeys)
	}
	b.Run("metagraph", func(b *testing.B) {
		compare(b, "metagraph", sides, 1, decode, func() string {
			var stake uint64
			for _, s := range graph.TotalStake {
				stake += s
			}
			n := len(graph.ColdkeyAddresses)
			return digest(graph.HotkeyAddresses[0], graph.ColdkeyAddresses[n-1], stake, len(graph.Axons), graph.Axons[7].IP)
		})
	})
	b.Run("metagraph-object", func(b *testing.B) {
		compare(b, "metagraph-object", sides, 1, decode, func() string {
			return digest(graph.HotkeyAddresses[0], graph.ColdkeyAddresses[len(graph.ColdkeyAddresses)-1], len(graph.Axons))
		})
	})

	b.Run("extrinsic", func(b *testing.B) {
		alice, err := sr25519.FromURI([]byte("//Alice"))
		must(b, err)
		genesis := [32]byte(unhex(b, "2f0555cc76fc2840a25a6ea3b9637146806f1f44b090c175ffde2a7e5ab36c03"))
		var signed []byte
		compare(b, "extrinsic", sides, 1, func() {
			call, err := rt.Call("SubtensorModule", "set_weights", uint16(1), r.uids, r.values, uint64(10005000))
			must(b, err)
			signed, err = rt.SignedExtrinsic(metadata.Transaction{
				Call: call, Era: metadata.MortalEra(128, 1000), EraBlockHash: genesis, Nonce: 7,
				SpecVersion: 343, TransactionVersion: 1, Genesis: genesis,
			}, alice)
			must(b, err)
		}, func() string {
			x := slices.Clone(signed)
			clear(x[37:101]) // signatures are randomised
			return digest(hex.EncodeToString(x))
		})
	})

	b.Run("decode-numbers", func(b *testing.B) {
		var got []uint64
		compare(b, "decode-numbers", sides, 1, func() {
			got = nil
			must(b, rt.UnmarshalAPI("Bench", "numbers", r.rawNumbers, &got))
		}, func() string {
			var sum uint64
			for _, v := range got {
				sum += v
			}
			return digest(len(got), sum)
		})
	})
	b.Run("decode-pairs", func(b *testing.B) {
		var got []struct{ UID, Value uint16 }
		compare(b, "decode-pairs", sides, 1, func() {
			got = nil
			must(b, rt.UnmarshalAPI("Bench", "pairs", r.rawPairs, &got))
		}, func() string {
			var sum uint64
			for _, p := range got {
				sum += uint64(p.UID) * uint64(p.Value)
			}
			return digest(len(got), sum)
		})
	})
	b.Run("encode-numbers", func(b *testing.B) {
		m, err := rt.Method("Bench", "numbers")
		must(b, err)
		var got []byte
		compare(b, "encode-numbers", sides, 1, func() {
			got, err = rt.Encode(m.Output, r.numbers)
			must(b, err)
		}, func() string { return digest(hex.EncodeToString(got)) })
	})

	b.Run("ss58-encode", func(b *testing.B) {
		got := make([]any, len(r.accounts))
		compare(b, "ss58-encode", sides, len(r.accounts), func() {
			for i, a := range r.accounts {
				got[i] = ss58.EncodeBittensor(a)
			}
		}, func() string { return digest(got...) })
	})
	b.Run("ss58-decode", func(b *testing.B) {
		got := make([][32]byte, len(r.addresses))
		compare(b, "ss58-decode", sides, len(r.addresses), func() {
			for i, a := range r.addresses {
				account, prefix, err := ss58.Decode(a)
				if err != nil || prefix != ss58.Bittensor {
					b.Fatal(prefix, err)
				}
				got[i] = account
			}
		}, func() string {
			var parts []any
			for _, a := range got {
				parts = append(parts, hex.EncodeToString(a[:]))
			}
			return digest(parts...)
		})
	})
}

func addresses(accounts [][32]byte) []string {
	out := make([]string, len(accounts))
	for i, a := range accounts {
		out[i] = ss58.EncodeBittensor(a)
	}
	return out
}

func unhex(tb testing.TB, s string) []byte {
	tb.Helper()
	b, err := hex.DecodeString(s)
	must(tb, err)
	return b
}
