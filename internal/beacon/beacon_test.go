package beacon

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	kilic "github.com/kilic/bls12-381"

	"github.com/nanteos/nanteos/internal/vectortest"
)

func local(t testing.TB, seed string, period time.Duration, now func() time.Time) *Local {
	t.Helper()
	l, err := NewLocal(LocalConfig{Seed: []byte(seed), Genesis: time.Unix(1_000_000, 0), Period: period, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func at(sec float64) func() time.Time {
	return func() time.Time { return time.Unix(1_000_000, int64(sec*1e9)) }
}

func wantIs(t testing.TB, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Errorf("error is %v, not %v", err, target)
	}
}

func TestLocal(t *testing.T) {
	ctx := t.Context()
	l := local(t, "seed", 500*time.Millisecond, at(10.2))
	v, err := NewVerifier(l.Info())
	if err != nil {
		t.Fatal(err)
	}
	latest, err := l.Latest(ctx)
	if err != nil || latest.Number != 21 {
		t.Fatalf("%+v %v", latest, err)
	}
	seen := map[string]bool{}
	for n := uint64(1); n <= 21; n++ {
		r, err := l.Round(ctx, n)
		if err != nil || r.Number != n || len(r.Text()) != 64 || seen[r.Text()] {
			t.Fatalf("round %d: %+v %v", n, r, err)
		}
		seen[r.Text()] = true
		if err := v.Verify(r); err != nil {
			t.Error(err)
		}
		if again, _ := l.Round(ctx, n); !bytes.Equal(again.Signature, r.Signature) {
			t.Error("a round has two signatures")
		}
	}
	for _, n := range []uint64{0, 22, 1 << 63} {
		_, err := l.Round(ctx, n)
		wantIs(t, err, ErrNotDue)
	}
	same, other := local(t, "seed", 500*time.Millisecond, at(10.2)), local(t, "seed2", 500*time.Millisecond, at(10.2))
	a, _ := same.Latest(ctx)
	b, _ := other.Latest(ctx)
	if a.Text() != latest.Text() || b.Text() == latest.Text() || same.Info().Hash != l.Info().Hash || other.Info().Hash == l.Info().Hash {
		t.Error("the seed does not decide")
	}
	wantIs(t, v.Verify(b), ErrInvalid)
	_, err = local(t, "seed", time.Second, at(-1)).Latest(ctx)
	wantIs(t, err, ErrNotDue)
	for _, cfg := range []LocalConfig{{}, {Seed: []byte("x"), Period: time.Nanosecond}, {Seed: []byte("x"), Period: -1}} {
		if _, err := NewLocal(cfg); err == nil {
			t.Errorf("%+v was accepted", cfg)
		}
	}
}

func TestLocalKeepsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, err := NewLocal(LocalConfig{Seed: []byte("x"), Genesis: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		for n := uint64(1); n < 5; n++ {
			if r, err := l.Latest(t.Context()); err != nil || r.Number != n || !TimeOf(l.Info(), n).Equal(time.Now()) {
				t.Fatalf("%+v %v", r, err)
			}
			time.Sleep(3 * time.Second)
		}
	})
}

// TestVerifyRefuses changes every part of a valid round.
func TestVerifyRefuses(t *testing.T) {
	l := local(t, "seed", time.Second, at(100))
	v, err := NewVerifier(l.Info())
	if err != nil {
		t.Fatal(err)
	}
	good, err := l.Round(t.Context(), 7)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(what string, r Round) {
		t.Helper()
		if err := v.Verify(r); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
	r := good.clone()
	r.Number = 8
	refused("other number", r)
	r.Number = 0
	refused("round 0", r)
	r = good.clone()
	r.Randomness[0] ^= 1
	refused("other randomness", r)
	for bit := range len(good.Signature) * 8 {
		r := good.clone()
		r.Signature[bit/8] ^= 1 << (bit % 8)
		refused("flipped bit", newRound(7, r.Signature))
	}
	infinity := make([]byte, 48)
	infinity[0] = 0xc0
	refused("infinity", newRound(7, infinity))
	for _, n := range []int{0, 47, 49, 96} {
		refused("length", newRound(7, make([]byte, n)))
	}
	refused("empty", Round{Number: 7})
}

func TestNewVerifierRefuses(t *testing.T) {
	good := Quicknet()
	for name, change := range map[string]func(*ChainInfo){
		"scheme":   func(c *ChainInfo) { c.Scheme = "pedersen-bls-chained" },
		"period":   func(c *ChainInfo) { c.Period = 0 },
		"short":    func(c *ChainInfo) { c.PublicKey = c.PublicKey[:95] },
		"hash":     func(c *ChainInfo) { c.Hash = "../x" },
		"no point": func(c *ChainInfo) { c.PublicKey = bytes.Repeat([]byte{0xff}, 96) },
		"infinity": func(c *ChainInfo) { c.PublicKey = append([]byte{0xc0}, make([]byte, 95)...) },
	} {
		c := good
		c.PublicKey = bytes.Clone(good.PublicKey)
		change(&c)
		if _, err := NewVerifier(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

type pulse struct {
	Note       string `json:"note"`
	Previous   string `json:"previous_signature"`
	Randomness string `json:"randomness"`
	Round      uint64 `json:"round"`
	Signature  string `json:"signature"`
	Valid      bool   `json:"valid"`
}

type chainJSON struct {
	Hash      string `json:"chain_hash"`
	DST       string `json:"dst"`
	Genesis   int64  `json:"genesis_time"`
	Period    int    `json:"period_s"`
	PublicKey string `json:"public_key"`
	Scheme    string `json:"scheme"`
}

// pulses are drand's own rounds.
func pulses(t *testing.T) (chainJSON, []pulse) {
	t.Helper()
	var f struct {
		DefaultChain  any       `json:"default_chain"`
		DefaultPulses any       `json:"default_chain_pulses"`
		OnChain       any       `json:"onchain_commit_structure"`
		Quicknet      chainJSON `json:"quicknet"`
		Pulses        []pulse   `json:"quicknet_pulses"`
		Source        string    `json:"source"`
		TLE           any       `json:"tle"`
		Payload       any       `json:"weights_payload"`
	}
	vectortest.Decode(t, "chain/timelock.json", &f)
	return f.Quicknet, f.Pulses
}

func TestVectorsQuicknet(t *testing.T) {
	info, all := pulses(t)
	q := Quicknet()
	if info.Hash != q.Hash || info.DST != dst || info.Genesis != q.GenesisTime.Unix() || info.Period != int(q.Period.Seconds()) ||
		info.PublicKey != hex.EncodeToString(q.PublicKey) || info.Scheme != q.Scheme {
		t.Errorf("pinned %+v, vectors %+v", q, info)
	}
	v, err := NewVerifier(q)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		sig, err := hex.DecodeString(p.Signature)
		if err != nil {
			t.Fatal(err)
		}
		r := newRound(p.Round, sig)
		if err := v.Verify(r); (err == nil) != p.Valid {
			t.Errorf("round %d (%s): %v", p.Round, p.Note, err)
		}
		if got := secondOpinion(t, q, r); got != p.Valid {
			t.Errorf("round %d (%s): kilic says %v", p.Round, p.Note, got)
		}
		if p.Valid && r.Text() != p.Randomness {
			t.Errorf("round %d: randomness %s", p.Round, r.Text())
		}
	}
	vectortest.Count(t, "chain/timelock.json", len(all))
}

// secondOpinion verifies with another implementation of the curve.
func secondOpinion(t *testing.T, c ChainInfo, r Round) bool {
	t.Helper()
	g1, g2 := kilic.NewG1(), kilic.NewG2()
	pub, err := g2.FromCompressed(c.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Signature) != 48 {
		return false
	}
	sig, err := g1.FromCompressed(r.Signature)
	if err != nil || g1.IsZero(sig) || !g1.InCorrectSubgroup(sig) {
		return false
	}
	msg := sha256.Sum256(binary.BigEndian.AppendUint64(nil, r.Number))
	h, err := g1.HashToCurve(msg[:], []byte(dst))
	if err != nil {
		t.Fatal(err)
	}
	return kilic.NewEngine().AddPair(h, pub).AddPairInv(sig, g2.One()).Check()
}

func TestSecondOpinionOnLocal(t *testing.T) {
	l := local(t, "another seed", time.Second, at(50))
	for n := uint64(1); n < 10; n++ {
		r, err := l.Round(t.Context(), n)
		if err != nil || !secondOpinion(t, l.Info(), r) {
			t.Errorf("round %d: %v", n, err)
		}
		r.Number++
		if secondOpinion(t, l.Info(), r) {
			t.Error("kilic accepts anything")
		}
	}
}

func TestVectorsRound(t *testing.T) {
	const file = "grail/drand_round.json"
	var f struct {
		Primitive   string `json:"primitive"`
		Reference   string `json:"reference"`
		Description string `json:"description"`
		Count       int    `json:"count"`
		Cases       []struct {
			Chain     string  `json:"chain"`
			Timestamp float64 `json:"timestamp"`
			Round     int64   `json:"round"`
		} `json:"cases"`
	}
	vectortest.Decode(t, file, &f)
	mainnet := ChainInfo{GenesisTime: time.Unix(1595431050, 0), Period: 30 * time.Second}
	for _, c := range f.Cases {
		info := Quicknet()
		if c.Chain == "mainnet" {
			info = mainnet
		}
		sec := int64(c.Timestamp)
		when := time.Unix(sec, int64((c.Timestamp-float64(sec))*1e9))
		if got := RoundAt(info, when); got != c.Round {
			t.Errorf("%+v: %d", c, got)
		}
	}
	vectortest.Count(t, file, len(f.Cases))
}

func TestRoundAtAndTimeOfAgree(t *testing.T) {
	for _, period := range []time.Duration{3 * time.Second, 30 * time.Second, time.Second, 500 * time.Millisecond, 250 * time.Millisecond, 1500 * time.Millisecond} {
		info := ChainInfo{GenesisTime: time.Unix(1692803367, 123456789), Period: period}
		for _, n := range []uint64{1, 2, 3, 1000, 59726233} {
			due := TimeOf(info, n)
			if RoundAt(info, due) != int64(n) || RoundAt(info, due.Add(-1)) != int64(n)-1 || RoundAt(info, due.Add(period-1)) != int64(n) {
				t.Errorf("period %s, round %d: %d %d %d", period, n, RoundAt(info, due.Add(-1)), RoundAt(info, due), RoundAt(info, due.Add(period-1)))
			}
		}
		if !TimeOf(info, 1<<64-1).After(time.Now()) {
			t.Error("the last round is not in the future")
		}
	}
}

func TestCacheIsBounded(t *testing.T) {
	c := newCache(3)
	for n := uint64(1); n < 10; n++ {
		c.put(Round{Number: n})
		c.put(Round{Number: n})
	}
	if len(c.rounds) != 3 {
		t.Errorf("%d rounds are kept", len(c.rounds))
	}
	for n := uint64(1); n < 10; n++ {
		if _, ok := c.get(n); ok != (n >= 7) {
			t.Errorf("round %d: %v", n, ok)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	l := local(b, "seed", time.Second, at(100))
	v, err := NewVerifier(l.Info())
	if err != nil {
		b.Fatal(err)
	}
	r, err := l.Round(b.Context(), 7)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := v.Verify(r); err != nil {
			b.Fatal(err)
		}
	}
}
