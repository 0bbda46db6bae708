package grail

import (
	"math"
	"math/big"
	"strconv"
	"testing"
	"time"

	"github.com/nanteos/nanteos/internal/cpython"
	"github.com/nanteos/nanteos/internal/vectortest"
)

// rawValue keeps a field of a vector as the JSON value it is.
type rawValue struct{ v cpython.Value }

func (r *rawValue) UnmarshalJSON(b []byte) (err error) {
	r.v, err = cpython.ParseJSON(b, cpython.Limits{})
	return err
}

func TestWindowVectors(t *testing.T) {
	rules := Reference()
	for i, c := range decode[struct {
		Block              int64
		WindowStart        int64 `json:"window_start"`
		ValidationTarget   int64 `json:"validation_target"`
		DeadlineBlock      int64 `json:"deadline_block"`
		ChallengeHashBlock int64 `json:"challenge_hash_block"`
	}](t, "grail/windows.json") {
		target := rules.ValidationTarget(c.Block)
		compare(t, i, "start", rules.WindowStart(c.Block), c.WindowStart)
		compare(t, i, "target", target, c.ValidationTarget)
		compare(t, i, "deadline", rules.WindowEnd(target), c.DeadlineBlock)
		compare(t, i, "challenge", rules.WindowEnd(target), c.ChallengeHashBlock)
	}
	if got := rules.WindowStart(-1); got != -30 {
		t.Errorf("block -1 is in window %d", got)
	}
}

func TestRandomnessVectors(t *testing.T) {
	for i, c := range decode[struct {
		BlockHash       string  `json:"block_hash"`
		UseDrand        bool    `json:"use_drand"`
		DrandRandomness *string `json:"drand_randomness"`
		DrandFailed     bool    `json:"drand_failed"`
		Miner           struct {
			WindowBlockHash string `json:"window_block_hash"`
			Randomness      string
		}
		Validator string
		Note      string
	}](t, "grail/window_randomness.json") {
		have := c.UseDrand && !c.DrandFailed
		beacon := ""
		if c.DrandRandomness != nil {
			beacon = *c.DrandRandomness
		}
		compare(t, i, "block hash", c.BlockHash, c.Miner.WindowBlockHash)
		compare(t, i, "miner", MinerRandomness(c.BlockHash, beacon, have), c.Miner.Randomness)
		compare(t, i, "validator", ChallengeRandomness(c.BlockHash, beacon, have), c.Validator)
	}
}

func TestMinerFallback(t *testing.T) {
	for in, want := range map[string]string{"0xab": "ab", "0Xab": "ab", "ab": "ab", "": "", "0": "0"} {
		if got := MinerFallback(in); got != want {
			t.Errorf("MinerFallback(%q) = %q", in, got)
		}
	}
	hash := "0x" + r0
	if isHexText(MinerRandomness(hash, "", false)) || !isHexText(MinerFallback(hash)) {
		t.Error("the schema takes the raw hash or refuses the fallback")
	}
}

func TestBoundRandomness(t *testing.T) {
	hash := "0x" + r0
	if BoundRandomness(hash, "ff", 7) != MixRandomness(hash, "ff") || BoundRandomness(hash, "ff", 0) != MixRandomness(hash, "") {
		t.Error("BoundRandomness does not follow its rule")
	}
	rules := Reference()
	at := time.Unix(Quicknet.Genesis, 0)
	for _, c := range []struct {
		after time.Duration
		round int64
	}{{-time.Millisecond, 0}, {0, 1}, {2999 * time.Millisecond, 1}, {3 * time.Second, 2}, {time.Hour, 1201}} {
		if got := rules.BeaconRound(at.Add(c.after)); got != c.round {
			t.Errorf("%v after genesis: round %d, want %d", c.after, got, c.round)
		}
	}
	for round := range int64(10) {
		when := rules.BeaconTime(round)
		if rules.BeaconRound(when) != round || rules.BeaconRound(when.Add(-time.Millisecond)) != round-1 {
			t.Errorf("round %d at %v", round, when)
		}
		if !when.Equal(Quicknet.Time(round)) || Quicknet.Round(when.Unix()) != round {
			t.Errorf("round %d: rules say %v, chain says %v", round, when, Quicknet.Time(round))
		}
	}
}

func TestDrandRoundVectors(t *testing.T) {
	chains := map[string]DrandChain{Quicknet.Name: Quicknet, Mainnet.Name: Mainnet}
	for i, c := range decode[struct {
		Chain            string
		Timestamp, Round int64
	}](t, "grail/drand_round.json") {
		chain, ok := chains[c.Chain]
		if !ok {
			t.Fatalf("case %d: chain %q is not covered", i, c.Chain)
		}
		compare(t, i, c.Chain, chain.Round(c.Timestamp), c.Round)
	}
}

func TestEnvSeedVectors(t *testing.T) {
	for i, c := range decode[struct {
		Wallet       string
		WindowHash   string   `json:"window_hash"`
		ProblemIndex rawValue `json:"problem_index"`
		Seed         uint32
		Note         string
	}](t, "grail/env_seed.json") {
		index, err := c.ProblemIndex.v.ToInt()
		if err != nil {
			index = new(big.Int) // what cannot be an integer counts as 0
		}
		compare(t, i, c.Note, envSeed(c.Wallet, c.WindowHash, index.String()), c.Seed)
		if index.IsInt64() {
			compare(t, i, c.Note, EnvSeed(c.Wallet, c.WindowHash, index.Int64()), c.Seed)
		}
	}
}

func TestEnvironmentSeedVectors(t *testing.T) {
	const file = "environments/env_seed.json"
	var v struct {
		Meta  map[string]string
		Cases []struct {
			Hotkey     string
			WindowHash string `json:"window_hash"`
			Index      rawValue
			Seed       uint32
		}
	}
	vectortest.Decode(t, file, &v)
	for i, c := range v.Cases {
		index, err := c.Index.v.ToInt()
		if err != nil {
			index = new(big.Int)
		}
		compare(t, i, "", envSeed(c.Hotkey, c.WindowHash, index.String()), c.Seed)
	}
	vectortest.Count(t, file, len(v.Cases))
}

func TestAdvantageVectors(t *testing.T) {
	for i, c := range decode[struct {
		Rewards    []real
		Advantages []real
		Plain      []real `json:"advantages_plain_summation"`
		Note       string
	}](t, "grail/advantages.json") {
		checkAdvantages(t, i, reals(c.Rewards), reals(c.Advantages))
	}
}

func checkAdvantages(t *testing.T, i int, rewards, want []float64) {
	t.Helper()
	got := Advantages(rewards)
	if len(got) != len(want) {
		t.Errorf("case %d: %d advantages, want %d", i, len(got), len(want))
		return
	}
	for k := range got {
		if !sameFloat(got[k], want[k]) {
			t.Errorf("case %d: advantage %d is %v, want %v", i, k, got[k], want[k])
			return
		}
	}
}

func TestEnvironmentAdvantageVectors(t *testing.T) {
	const file = "environments/advantages.json"
	var v struct {
		Meta  map[string]string
		Cases []struct {
			Rewards    []real
			Advantages []real
			Hex        []string `json:"advantages_hex"`
		}
		Sums []struct {
			Values []real
			SumHex string `json:"sum_hex"`
		} `json:"compensated_sums"`
	}
	vectortest.Decode(t, file, &v)
	for i, c := range v.Cases {
		want := make([]float64, len(c.Hex))
		for k, text := range c.Hex {
			want[k] = hexFloat(t, text)
		}
		checkAdvantages(t, i, reals(c.Rewards), want)
		checkAdvantages(t, i, reals(c.Rewards), reals(c.Advantages))
	}
	for i, c := range v.Sums {
		if got, want := cpython.Sum(reals(c.Values)), hexFloat(t, c.SumHex); !sameFloat(got, want) {
			t.Errorf("sum %d: %v, want %v", i, got, want)
		}
	}
	vectortest.Count(t, file, len(v.Cases)+len(v.Sums))
}

// hexFloat reads what Python's float.hex writes.
func hexFloat(t *testing.T, text string) float64 {
	t.Helper()
	switch text {
	case "nan":
		return math.NaN()
	case "inf", "-inf":
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatalf("float %q: %v", text, err)
	}
	return f
}

func TestAdvantagesOfOddRewards(t *testing.T) {
	if got := Advantages(nil); len(got) != 0 {
		t.Errorf("no rewards: %v", got)
	}
	for _, a := range Advantages([]float64{1, math.NaN()}) {
		if !math.IsNaN(a) {
			t.Errorf("NaN reward gives %v", a)
		}
	}
	equal := make([]float64, 16)
	for i := range equal {
		equal[i] = 0.7
	}
	for _, a := range Advantages(equal) {
		if a != 0 {
			t.Errorf("sixteen rewards of 0.7 give %v", a)
		}
	}
}
