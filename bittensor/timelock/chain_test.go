package timelock

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	kilic "github.com/kilic/bls12-381"
)

const quicknetInfo = `{"public_key":"83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d1064510d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a","period":3,"genesis_time":1692803367,"hash":"52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971","groupHash":"f477d5c89f21a17c863a7f937c6a6d15859414d2be09cd448d4279af331c5d3e","schemeID":"bls-unchained-g1-rfc9380","metadata":{"beaconID":"quicknet"}}`

const defaultInfo = `{"public_key":"868f005eb8e6e4ca0a47c8a77ceaa5309a47978a7c71bc5cce96366b5d7a569937c529eeda66c7293784a9402801af31","period":30,"genesis_time":1595431050,"hash":"8990e7a9aaed2ffed73dbd7092123d6f289930540d7651336225dc172e51b2ce","groupHash":"176f93498eac9ca337150b46d21dd58673ea4e3581185f869672e59fa4cb390a","schemeID":"pedersen-bls-chained","metadata":{"beaconID":"default"}}`

func TestParseChain(t *testing.T) {
	for text, want := range map[string]Chain{quicknetInfo: QuicknetChain(), defaultInfo: DefaultChain()} {
		got, err := ParseChain([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if got.Hash != want.Hash || got.Scheme != want.Scheme || !bytes.Equal(got.PublicKey, want.PublicKey) || !got.Genesis.Equal(want.Genesis) || got.Period != want.Period {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	if c, _ := ParseChain([]byte(defaultInfo)); !bytes.Equal(c.Seed, DefaultChain().Seed) {
		t.Errorf("seed %x", c.Seed)
	}
}

func TestParseChainRefuses(t *testing.T) {
	for name, edit := range map[string][2]string{
		"another period":  {`"period":3`, `"period":4`},
		"no period":       {`"period":3`, `"period":0`},
		"huge period":     {`"period":3`, `"period":99999999999`},
		"another genesis": {`1692803367`, `1692803368`},
		"another key":     {`83cf0f28`, `93cf0f28`},
		"short key":       {`83cf0f28`, ``},
		"odd key":         {`83cf0f28`, `83cf0f2`},
		"another name":    {`quicknet"}`, `quickest"}`},
		"another seed":    {`f477d5c8`, `f477d5c9`},
		"odd seed":        {`f477d5c8`, `f477d5c`},
		"short hash":      {`52db9ba7`, `52db9b`},
		"another hash":    {`52db9ba7`, `52db9ba8`},
		"unknown scheme":  {`bls-unchained-g1-rfc9380`, `bls-unchained-on-g1`},
		"other scheme":    {`bls-unchained-g1-rfc9380`, `pedersen-bls-chained`},
		"no JSON":         {`{"public`, `"public`},
		"too long":        {`{`, `{` + strings.Repeat(" ", maxInfo)},
	} {
		if !strings.Contains(quicknetInfo, edit[0]) {
			t.Fatalf("%s: nothing to edit", name)
		}
		if c, err := ParseChain([]byte(strings.Replace(quicknetInfo, edit[0], edit[1], 1))); !errors.Is(err, ErrChain) {
			t.Errorf("%s: %+v %v", name, c, err)
		}
	}
}

func TestRoundsAndTimes(t *testing.T) {
	genesis := time.Unix(quicknetGenesis, 0)
	for _, c := range []struct {
		at   time.Time
		want uint64
	}{
		{genesis.Add(-time.Nanosecond), 0},
		{time.Time{}, 0},
		{genesis, 1},
		{genesis.Add(3*time.Second - 1), 1},
		{genesis.Add(3 * time.Second), 2},
		{genesis.Add(2997 * time.Second), 1000},
		{time.Unix(quicknetGenesis+300_000_000_000, 999), 100_000_000_001}, // further than a Duration reaches
	} {
		if got := Round(c.at); got != c.want {
			t.Errorf("round at %s is %d, want %d", c.at, got, c.want)
		}
		if c.want > 0 {
			if from, to := Time(c.want), Time(c.want+1); c.at.Before(from) || !c.at.Before(to) {
				t.Errorf("%s is not within round %d, from %s to %s", c.at, c.want, from, to)
			}
		}
	}
	if !Time(0).Equal(genesis) || !Time(1).Equal(genesis) {
		t.Error("rounds 0 and 1 are not at genesis")
	}
	if far := Time(1 << 63); far.Year() < 30000 {
		t.Errorf("far round at %s", far)
	}

	odd := Chain{Genesis: genesis.Add(300 * time.Millisecond), Period: 250 * time.Millisecond}
	for n := uint64(1); n < 50; n++ {
		if at := odd.Time(n); odd.Round(at) != n || odd.Round(at.Add(-1)) != n-1 || odd.Round(at.Add(249*time.Millisecond)) != n {
			t.Errorf("round %d at %s is %d", n, at, odd.Round(at))
		}
	}
	whole := Chain{Genesis: genesis.Add(300 * time.Millisecond), Period: time.Second}
	if got := whole.Round(genesis.Add(1200 * time.Millisecond)); got != 1 {
		t.Errorf("genesis within a second: round %d", got)
	}
	if far := odd.Time(1 << 62); far.Year() < 30000 {
		t.Errorf("far round at %s", far)
	}
	if (Chain{}).Round(genesis) != 0 || !(Chain{}).Time(9).Equal(time.Time{}) {
		t.Error("a chain without a period has rounds")
	}
}

func TestKey(t *testing.T) {
	if k, err := QuicknetChain().Key(); err != nil || k != Quicknet() {
		t.Errorf("%x %v", k, err)
	}
	for name, edit := range map[string]func(*Chain){
		"chained":    func(c *Chain) { *c = DefaultChain() },
		"no scheme":  func(c *Chain) { c.Scheme = "" },
		"no period":  func(c *Chain) { c.Period = 0 },
		"short key":  func(c *Chain) { c.PublicKey = c.PublicKey[:95] },
		"infinity":   func(c *Chain) { c.PublicKey = append([]byte{0xc0}, make([]byte, 95)...) },
		"no point":   func(c *Chain) { c.PublicKey = bytes.Repeat([]byte{0xff}, 96) },
		"subgroup":   func(c *Chain) { c.PublicKey = offSubgroup(t) },
		"long seed":  func(c *Chain) { c.Seed = make([]byte, 97) },
		"wrong size": func(c *Chain) { c.PublicKey = DefaultChain().PublicKey },
	} {
		c := QuicknetChain()
		edit(&c)
		if _, err := c.Key(); !errors.Is(err, ErrChain) {
			t.Errorf("%s: %v", name, err)
		}
		if name == "chained" {
			continue
		}
		if _, err := NewVerifier(c); !errors.Is(err, ErrChain) {
			t.Errorf("%s: verifier: %v", name, err)
		}
	}
	bad := DefaultChain()
	bad.PublicKey = append([]byte{0xc0}, make([]byte, 47)...)
	if _, err := NewVerifier(bad); !errors.Is(err, ErrChain) {
		t.Errorf("chained with the key at infinity: %v", err)
	}
}

func TestSecret(t *testing.T) {
	s, c := GenerateSecret(), Chain{}
	c = s.Chain(time.Unix(1000, 0), 0)
	if c.Period != 3*time.Second || c.Round(time.Unix(1009, 0)) != 4 {
		t.Errorf("%+v", c)
	}
	v, err := NewVerifier(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []uint64{1, 2, 1 << 40} {
		p, err := s.Pulse(n)
		if err != nil {
			t.Fatal(err)
		}
		if err := v.Verify(p); err != nil {
			t.Error(err)
		}
		if !secondOpinion(t, s.Public(), p) {
			t.Errorf("kilic refuses round %d", n)
		}
		for name, edit := range map[string]func(*Pulse){
			"number":     func(p *Pulse) { p.Round++ },
			"round 0":    func(p *Pulse) { p.Round = 0 },
			"randomness": func(p *Pulse) { p.Randomness[3] ^= 1 },
			"negated":    func(p *Pulse) { b := bytes.Clone(p.Signature); b[0] ^= 0x20; *p = NewPulse(p.Round, b) },
			"empty":      func(p *Pulse) { *p = NewPulse(p.Round, nil) },
			"long":       func(p *Pulse) { *p = NewPulse(p.Round, append(bytes.Clone(p.Signature), 0)) },
		} {
			q := p
			edit(&q)
			if err := v.Verify(q); !errors.Is(err, ErrPulse) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if _, err := s.Pulse(0); err == nil {
		t.Error("signed round 0")
	}
	if _, err := NewSecret(nil); err == nil {
		t.Error("made a key of no seed")
	}
	a, _ := NewSecret([]byte("a"))
	b, _ := NewSecret([]byte("b"))
	again, _ := NewSecret([]byte("a"))
	if a.Public() == b.Public() || a.Public() != again.Public() || a.Chain(time.Time{}, 1).Hash == b.Chain(time.Time{}, 1).Hash {
		t.Error("keys do not follow from their seeds")
	}
	for _, text := range []string{fmt.Sprint(a), fmt.Sprintf("%#v", a), fmt.Sprintf("%+v", struct{ S *Secret }{a})} {
		if strings.Contains(text, a.scalar.String()) || strings.Contains(text, a.scalar.Text(16)) {
			t.Errorf("secret printed: %s", text)
		}
	}
}

// TestVerifyMany reuses one verifier: gnark changes precomputed lines in place.
func TestVerifyMany(t *testing.T) {
	s, err := NewSecret([]byte("many"))
	if err != nil {
		t.Fatal(err)
	}
	v, err := NewVerifier(s.Chain(time.Time{}, 0))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	for k := range 4 {
		go func() {
			for n := range uint64(10) {
				p, err := s.Pulse(uint64(k)*10 + n + 1)
				if err == nil {
					err = v.Verify(p)
				}
				if err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range 4 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if c := v.Chain(); c.PublicKey[0] != s.Public()[0] {
		t.Errorf("%+v", c)
	} else {
		c.PublicKey[0] ^= 1
		if v.Chain().PublicKey[0] == c.PublicKey[0] {
			t.Error("a verifier's key can be changed from outside")
		}
	}
}

// TestChainedPrevious: what a chained pulse must follow.
func TestChainedPrevious(t *testing.T) {
	v, err := NewVerifier(DefaultChain())
	if err != nil {
		t.Fatal(err)
	}
	var good Pulse
	for _, p := range load(t).DefaultPulses {
		if p.Valid && p.Round == 1 {
			good = NewPulse(p.Round, p.Signature)
			good.Previous = p.Previous
		}
	}
	if good.Round == 0 {
		t.Skip("vectors hold no first round of the default chain")
	}
	if err := v.Verify(good); err != nil {
		t.Error(err)
	}
	for name, edit := range map[string]func(*Pulse){
		"none":       func(p *Pulse) { p.Previous = nil },
		"another":    func(p *Pulse) { p.Previous = make([]byte, 32) },
		"too long":   func(p *Pulse) { p.Previous = make([]byte, 97) },
		"next round": func(p *Pulse) { p.Round = 2 },
		"second":     func(p *Pulse) { p.Round, p.Previous = 2, p.Signature },
		"in G1":      func(p *Pulse) { q := NewPulse(1, make([]byte, 48)); q.Previous = p.Previous; *p = q },
		"infinity": func(p *Pulse) {
			q := NewPulse(1, append([]byte{0xc0}, make([]byte, 95)...))
			q.Previous = p.Previous
			*p = q
		},
	} {
		p := good
		edit(&p)
		if err := v.Verify(p); !errors.Is(err, ErrPulse) {
			t.Errorf("%s: %v", name, err)
		}
	}
	loose := DefaultChain()
	loose.Seed = nil
	w, err := NewVerifier(loose)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Verify(good); err != nil {
		t.Errorf("without a seed: %v", err)
	}
	good.Previous = make([]byte, 97)
	if err := w.Verify(good); !errors.Is(err, ErrPulse) {
		t.Errorf("without a seed, too long: %v", err)
	}
}

func TestParsePulse(t *testing.T) {
	s, _ := NewSecret([]byte("pulse"))
	p, err := s.Pulse(9)
	if err != nil {
		t.Fatal(err)
	}
	sig, random := hex.EncodeToString(p.Signature), hex.EncodeToString(p.Randomness[:])
	for _, text := range []string{
		`{"round":9,"randomness":"` + random + `","signature":"` + sig + `"}`,
		`{"round":9,"signature":"` + sig + `","more":1}`,
	} {
		got, err := ParsePulse([]byte(text))
		if err != nil || got.Round != 9 || !bytes.Equal(got.Signature, p.Signature) || got.Randomness != p.Randomness || got.Previous != nil {
			t.Errorf("%s: %+v %v", text, got, err)
		}
	}
	chained := `{"round":2,"signature":"` + sig + sig + `","previous_signature":"` + sig + `"}`
	if got, err := ParsePulse([]byte(chained)); err != nil || len(got.Signature) != 96 || len(got.Previous) != 48 {
		t.Errorf("%+v %v", got, err)
	}
	for name, text := range map[string]string{
		"nothing":            ``,
		"no object":          `[]`,
		"no round":           `{"signature":"` + sig + `"}`,
		"negative round":     `{"round":-1,"signature":"` + sig + `"}`,
		"fraction":           `{"round":1.5,"signature":"` + sig + `"}`,
		"round too large":    `{"round":18446744073709551616,"signature":"` + sig + `"}`,
		"no signature":       `{"round":1}`,
		"short signature":    `{"round":1,"signature":"` + sig[2:] + `"}`,
		"odd signature":      `{"round":1,"signature":"` + sig[1:] + `"}`,
		"no hex":             `{"round":1,"signature":"` + strings.Repeat("g", 96) + `"}`,
		"short randomness":   `{"round":1,"randomness":"00","signature":"` + sig + `"}`,
		"empty randomness":   `{"round":1,"randomness":"","signature":"` + sig + `"}`,
		"long previous":      `{"round":1,"signature":"` + sig + `","previous_signature":"` + sig + sig + `00"}`,
		"odd previous":       `{"round":1,"signature":"` + sig + `","previous_signature":"0"}`,
		"much too long":      `{"round":1,"signature":"` + sig + `"` + strings.Repeat(" ", maxInfo) + `}`,
		"two at once":        `{"round":1,"signature":"` + sig + `"}{}`,
		"signature a number": `{"round":1,"signature":5}`,
	} {
		if got, err := ParsePulse([]byte(text)); !errors.Is(err, ErrPulse) {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
}

func TestStoredPulse(t *testing.T) {
	s, _ := NewSecret([]byte("pulse"))
	p, err := s.Pulse(1 << 33)
	if err != nil {
		t.Fatal(err)
	}
	b := p.AppendSCALE(nil)
	if len(b) != 8+1+32+1+48 {
		t.Errorf("%d bytes", len(b))
	}
	got, err := DecodePulse(b)
	if err != nil || got.Round != p.Round || got.Randomness != p.Randomness || !bytes.Equal(got.Signature, p.Signature) {
		t.Errorf("%+v %v", got, err)
	}
	for i := range b {
		if _, err := DecodePulse(b[:i]); !errors.Is(err, ErrPulse) {
			t.Errorf("%d bytes: %v", i, err)
		}
	}
	for _, bad := range [][]byte{append(bytes.Clone(b), 0), Pulse{Round: 1, Signature: make([]byte, 96)}.AppendSCALE(nil)} {
		if _, err := DecodePulse(bad); !errors.Is(err, ErrPulse) {
			t.Errorf("%x: %v", bad, err)
		}
	}
}

// secondOpinion verifies with another implementation of the curve.
func secondOpinion(t *testing.T, key PublicKey, p Pulse) bool {
	t.Helper()
	g1, g2 := kilic.NewG1(), kilic.NewG2()
	pub, err := g2.FromCompressed(key[:])
	if err != nil {
		t.Fatal(err)
	}
	sig, err := g1.FromCompressed(p.Signature)
	if err != nil || g1.IsZero(sig) || !g1.InCorrectSubgroup(sig) {
		return false
	}
	msg := sha256.Sum256(binary.BigEndian.AppendUint64(nil, p.Round))
	h, err := g1.HashToCurve(msg[:], []byte(dstG1))
	if err != nil {
		t.Fatal(err)
	}
	e := kilic.NewEngine()
	e.AddPair(h, pub)
	e.AddPairInv(sig, g2.One())
	return e.Check()
}

func FuzzPulse(f *testing.F) {
	s, _ := NewSecret([]byte("pulse"))
	p, err := s.Pulse(9)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(`{"round":9,"signature":"` + hex.EncodeToString(p.Signature) + `","previous_signature":""}`))
	f.Add(p.AppendSCALE(nil))
	f.Add([]byte(quicknetInfo))
	v, err := NewVerifier(s.Chain(time.Time{}, 0))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := ParsePulse(b); err == nil {
			if err := v.Verify(p); err != nil && !errors.Is(err, ErrPulse) {
				t.Fatal(err)
			}
		} else if !errors.Is(err, ErrPulse) {
			t.Fatal(err)
		}
		if p, err := DecodePulse(b); err == nil && !bytes.Equal(p.AppendSCALE(nil), b) {
			t.Fatalf("%x becomes %x", b, p.AppendSCALE(nil))
		}
		if c, err := ParseChain(b); err == nil {
			if _, err := NewVerifier(c); err != nil && !errors.Is(err, ErrChain) {
				t.Fatal(err)
			}
		} else if !errors.Is(err, ErrChain) {
			t.Fatal(err)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	s, _ := NewSecret([]byte("bench"))
	p, err := s.Pulse(1)
	if err != nil {
		b.Fatal(err)
	}
	v, err := NewVerifier(s.Chain(time.Time{}, 0))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := v.Verify(p); err != nil {
			b.Fatal(err)
		}
	}
}
