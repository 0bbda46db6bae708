package subtensor

import (
	"fmt"
	"slices"
	"testing"
)

// voting runs one epoch over stakes and weights, all set in block 5, and returns the state after it.
func voting(stakes []uint64, rows map[uint16][]weight, change func(p *Hyperparameters)) *state {
	p := DefaultHyperparameters()
	p.StakeThreshold, p.Emission = 1, 131070
	if change != nil {
		change(&p)
	}
	g := Subnet{NetUID: 1, Name: "vote", Symbol: "v", Params: p}
	for i, stake := range stakes {
		g.Neurons = append(g.Neurons, Neuron{Hotkey: address(byte(i)), Stake: stake})
	}
	s := newState(nil, &runtime{l: &layout{}})
	if err := g.write(s); err != nil {
		panic(err)
	}
	s.putU64(stakeThreshold.at(), p.StakeThreshold)
	s.grantPermits(1)
	s.number = 5
	for uid, row := range rows {
		s.putRow(weights.netUID(1, uid), row)
		s.setVector(lastUpdate, 8, 1, 0, uid, 5)
	}
	s.number = 10
	s.epoch(1)
	return s
}

func TestConsensus(t *testing.T) {
	const half = 32767
	for _, c := range []struct {
		name                                   string
		stakes                                 []uint64
		rows                                   map[uint16][]weight
		change                                 func(*Hyperparameters)
		incentive, dividends, consensus, trust []uint64
	}{
		{
			name: "one validator", stakes: []uint64{100, 0, 0},
			rows:      map[uint16][]weight{0: {{1, 65535}, {2, 65535}}},
			incentive: []uint64{0, half, half}, dividends: []uint64{65535, 0, 0}, consensus: []uint64{0, half, half}, trust: []uint64{0, 65535, 65535},
		},
		{
			name: "weights on oneself do not count", stakes: []uint64{100, 0, 0},
			rows:      map[uint16][]weight{0: {{0, 65535}, {1, 1}}},
			incentive: []uint64{0, 65535, 0}, dividends: []uint64{65535, 0, 0}, consensus: []uint64{0, 65535, 0}, trust: []uint64{0, 65535, 0},
		},
		{
			name: "the minority is clipped", stakes: []uint64{60, 40, 0, 0},
			rows:      map[uint16][]weight{0: {{2, 65535}}, 1: {{3, 65535}}},
			incentive: []uint64{0, 0, 65535, 0}, dividends: []uint64{65535, 0, 0, 0}, consensus: []uint64{0, 0, 65535, 0}, trust: []uint64{0, 0, 65535, 0},
		},
		{
			name: "kappa of a third lets it count", stakes: []uint64{60, 40, 0, 0},
			rows:      map[uint16][]weight{0: {{2, 65535}}, 1: {{3, 65535}}},
			change:    func(p *Hyperparameters) { p.Kappa = 21845 },
			incentive: []uint64{0, 0, 39321, 26214}, dividends: []uint64{39321, 26214, 0, 0}, consensus: []uint64{0, 0, 65535, 65535}, trust: []uint64{0, 0, 65535, 65535},
		},
		{
			name: "without permit no vote", stakes: []uint64{60, 40, 0, 0},
			rows:      map[uint16][]weight{0: {{2, 65535}}, 1: {{3, 65535}}},
			change:    func(p *Hyperparameters) { p.MaxValidators, p.Kappa = 1, 1 },
			incentive: []uint64{0, 0, 65535, 0}, dividends: []uint64{65535, 0, 0, 0}, consensus: []uint64{0, 0, 65535, 0}, trust: []uint64{0, 0, 65535, 0},
		},
		{
			name: "old weights do not count", stakes: []uint64{60, 0},
			rows:      map[uint16][]weight{0: {{1, 65535}}},
			change:    func(p *Hyperparameters) { p.ActivityCutoff = 4 },
			incentive: []uint64{0, 0}, dividends: []uint64{0, 0}, consensus: []uint64{0, 0}, trust: []uint64{0, 0},
		},
		{name: "nobody", stakes: []uint64{0, 0}, incentive: []uint64{0, 0}, dividends: []uint64{0, 0}, consensus: []uint64{0, 0}, trust: []uint64{0, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := voting(c.stakes, c.rows, c.change)
			for what, check := range map[string]struct {
				it   item
				want []uint64
			}{"incentive": {incentive, c.incentive}, "dividends": {dividends, c.dividends}, "consensus": {consensus, c.consensus}, "trust": {trust, c.trust}} {
				got := s.vector(check.it, 2, 1, 0)
				for i := range got { // floating point may lose the last 65535th
					if d := int64(got[i]) - int64(check.want[i]); d < -1 || d > 1 {
						t.Errorf("%s is %v, expected %v", what, got, check.want)
						break
					}
				}
			}
			for i, before := range c.stakes {
				want := before + s.vector(incentive, 2, 1, 0)[i] + s.vector(dividends, 2, 1, 0)[i]
				if got := s.stakeOf(1, key(byte(i)).Public()).alpha; got != want {
					t.Errorf("stake of %d is %d, expected %d", i, got, want)
				}
			}
		})
	}
}

func TestPermitsFollowStake(t *testing.T) {
	s := voting([]uint64{5, 50, 20, 0, 20}, nil, func(p *Hyperparameters) { p.MaxValidators, p.StakeThreshold = 2, 10 })
	if got := s.vector(validatorPermit, 1, 1, 0); !slices.Equal(got, []uint64{0, 1, 1, 0, 0}) {
		t.Errorf("permits %v", got)
	}
	s.addStake(1, key(4).Public(), key(4).Public(), 5)
	if s.grantPermits(1); !slices.Equal(s.vector(validatorPermit, 1, 1, 0), []uint64{0, 1, 0, 0, 1}) {
		t.Error("more stake gives no permit")
	}
}

func TestForcedPermit(t *testing.T) {
	cfg := testConfig()
	cfg.Genesis.Subnets[0].Neurons[4].Permit = true
	n := open(t, cfg)
	if got := stateOf(n).vector(validatorPermit, 1, 1, 0); !slices.Equal(got, []uint64{1, 1, 0, 0, 1}) {
		t.Errorf("permits %v", got)
	}
	produce(t, n, 9)
	if got := stateOf(n).vector(validatorPermit, 1, 1, 0); !slices.Equal(got, []uint64{1, 1, 0, 0, 0}) {
		t.Errorf("after the epoch %v", got)
	}
}

// TestEpochBlocks counts the epochs' blocks by both rules.
func TestEpochBlocks(t *testing.T) {
	for stateful, want := range map[bool][]uint64{false: {8, 19, 30}, true: {10, 20, 30}} {
		cfg := testConfig()
		cfg.Genesis.StatefulEpochs = stateful
		n := open(t, cfg)
		var got []uint64
		for range 30 {
			produce(t, n, 1)
			if s := stateOf(n); s.u64(lastStep.net(1), 0) == s.number {
				got = append(got, s.number)
				if s.u64(sinceLastStep.net(1), 7) != 0 {
					t.Errorf("blocks since the last step: %d", s.u64(sinceLastStep.net(1), 7))
				}
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("stateful %v: epochs in blocks %v, expected %v", stateful, got, want)
		}
		index := stateOf(n).u64(epochNumber.net(1), 0)
		if stateful && index != 3 || !stateful && index != 0 {
			t.Errorf("stateful %v: epoch number %d", stateful, index)
		}
	}
	t.Run("pending", func(t *testing.T) {
		cfg := testConfig()
		cfg.Genesis.StatefulEpochs = true
		n := open(t, cfg)
		n.SetStorage(map[string][]byte{pendingEpoch.net(1): le64(4)})
		produce(t, n, 4)
		s := stateOf(n)
		if s.u64(lastEpoch.net(1), 0) != 4 || s.u64(pendingEpoch.net(1), 9) != 0 || s.u64(epochNumber.net(1), 0) != 1 {
			t.Error("a pending epoch was not run")
		}
	})
}

func TestShare(t *testing.T) {
	for _, c := range [][3]uint64{{65535, 65535, 65535}, {1 << 63, 65535, 1 << 63}, {100, 32767, 49}, {0, 5, 0}, {1<<64 - 1, 65536, 1<<64 - 1}} {
		if got := share(c[0], c[1]); got != c[2] {
			t.Errorf("share(%d, %d) = %d, expected %d", c[0], c[1], got, c[2])
		}
	}
}

func TestMechanisms(t *testing.T) {
	n := open(t, testConfig())
	call := func(mechanism byte) []byte {
		return body(7, 119, func(w *writer) {
			w.u16(1)
			w.u8(mechanism)
			u16s(w, []uint16{2, 3}, []uint16{1, 2})
			w.u64(0)
		})
	}
	if got := outcome(t, n, 1, call(1)); got != "SubtensorModule.MechanismDoesNotExist" {
		t.Errorf("%q", got)
	}
	n.SetStorage(map[string][]byte{mechanismCount.twox(1): {2}})
	for m := range byte(2) {
		if got := outcome(t, n, 1, call(m)); got != "" {
			t.Errorf("mechanism %d: %q", m, got)
		}
		if got := stateOf(n).row(weights.netUID(uint16(m)*4096+1, 1)); len(got) != 2 {
			t.Errorf("mechanism %d: weights %v", m, got)
		}
	}
	if got := stateOf(n).vector(lastUpdate, 8, 1, 1); got[1] != n.Head().Number {
		t.Errorf("last update of mechanism 1: %v", got)
	}
	if raw := runtimeCall(t, n, "SubnetInfoRuntimeApi_get_mechagraph", []byte{1, 0, 1}); raw[0] != 1 {
		t.Error("mechanism 1 has no metagraph")
	}
	if raw := runtimeCall(t, n, "SubnetInfoRuntimeApi_get_mechagraph", []byte{1, 0, 2}); len(raw) != 1 || raw[0] != 0 {
		t.Error("mechanism 2 has a metagraph")
	}
	if got := outcome(t, n, 100, registerCall(1, key(50).Public())); got != "" {
		t.Error(got)
	}
	if got := len(stateOf(n).vector(lastUpdate, 8, 1, 1)); got != 6 {
		t.Errorf("%d neurons in mechanism 1", got)
	}
}

func TestCommitRules(t *testing.T) {
	cfg := testConfig()
	n := open(t, cfg)
	commit := body(7, 96, func(w *writer) { w.u16(1); w.account(account{1}) })
	if got := outcome(t, n, 1, commit); got != "SubtensorModule.CommitRevealDisabled" {
		t.Errorf("%q", got)
	}
	if got := outcome(t, n, 1, body(7, 97, func(w *writer) { w.u16(1); u16s(w, nil, nil, nil); w.u64(0) })); got != "SubtensorModule.CommitRevealDisabled" {
		t.Errorf("%q", got)
	}
	p := cfg.Genesis.Subnets[0].Params
	p.CommitReveal = true
	if err := n.SetHyperparameters(1, p); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		actor byte
		call  []byte
		want  string
	}{
		{90, commit, "HotKeyNotRegisteredInSubNet"},
		{4, commit, "NotEnoughStakeToSetWeights"},
		{1, body(7, 115, func(w *writer) { w.u16(1); w.u8(3); w.account(account{1}) }), "MechanismDoesNotExist"},
		{1, commit, ""},
		{1, commit, "CommittingWeightsTooFast"},
	} {
		want := c.want
		if want != "" {
			want = "SubtensorModule." + want
		}
		if got := outcome(t, n, c.actor, c.call); got != want {
			t.Errorf("%q, expected %q", got, want)
		}
	}
	p.WeightsRateLimit, p.Tempo = 0, 1000
	if err := n.SetHyperparameters(1, p); err != nil {
		t.Fatal(err)
	}
	produce(t, n, 1)
	for _, call := range [][]byte{commit, body(7, 118, func(w *writer) { w.u16(1); w.u8(0); w.bytes([]byte{1}); w.u64(1 << 50); w.u16(4) })} {
		for i := range maxUnrevealed + 1 {
			got := outcome(t, n, 0, call)
			if i < maxUnrevealed && got != "" || i == maxUnrevealed && got != "SubtensorModule.TooManyUnrevealedCommits" {
				t.Errorf("commit %d: %q", i, got)
			}
		}
	}
}

func TestHyperparametersAreValidated(t *testing.T) {
	for name, change := range map[string]func(*Hyperparameters){
		"tempo":         func(p *Hyperparameters) { p.Tempo = 0 },
		"no uids":       func(p *Hyperparameters) { p.MaxUIDs = 0 },
		"too many uids": func(p *Hyperparameters) { p.MaxUIDs = 5000 },
		"limit":         func(p *Hyperparameters) { p.MaxWeightsLimit = 0 },
		"space":         func(p *Hyperparameters) { p.CommitmentSpace = 99 },
		"no period":     func(p *Hyperparameters) { p.RevealPeriod = 0 },
	} {
		p := DefaultHyperparameters()
		change(&p)
		if p.Validate() == nil {
			t.Errorf("%s is accepted", name)
		}
		cfg := testConfig()
		cfg.Genesis.Subnets[0].Params = p
		if n, err := Open(t.Context(), cfg); err == nil {
			_ = n.Close()
			t.Errorf("%s opens", name)
		}
	}
	for name, change := range map[string]func(*Config){
		"block time":    func(c *Config) { c.BlockTime = 1 },
		"root":          func(c *Config) { c.Genesis.Subnets[0].NetUID = 0 },
		"twice":         func(c *Config) { c.Genesis.Subnets = append(c.Genesis.Subnets, c.Genesis.Subnets[0]) },
		"hotkey twice":  func(c *Config) { c.Genesis.Subnets[0].Neurons[1].Hotkey = address(0) },
		"no address":    func(c *Config) { c.Genesis.Subnets[0].Neurons[1].Hotkey = "5Nobody" },
		"no owner":      func(c *Config) { c.Genesis.Subnets[0].Owner = "x" },
		"no coldkey":    func(c *Config) { c.Genesis.Subnets[0].Neurons[1].Coldkey = "x" },
		"no account":    func(c *Config) { c.Genesis.Balances["x"] = 1 },
		"no folder":     func(c *Config) { c.Path = "/nowhere/at/all/chain.db" },
		"too many":      func(c *Config) { c.Genesis.Subnets[0].Params.MaxUIDs = 2 },
		"other network": func(c *Config) { c.Genesis.Subnets[0].Owner = "1exaAg2VJRQbyUBAeXcktChCAqjVP9TUxF3zo23R2T6EGdE" },
	} {
		cfg := testConfig()
		change(&cfg)
		if n, err := Open(t.Context(), cfg); err == nil {
			_ = n.Close()
			t.Errorf("%s opens", name)
		}
	}
}

// TestRuntimesAreConsistent looks at several upgrades: indices stay unique, both forms of the metadata agree, constants are patched.
func TestRuntimesAreConsistent(t *testing.T) {
	rs, err := newRuntimes(250e6, true)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for spec := uint32(baseSpec); spec < baseSpec+4; spec++ {
		rt, err := rs.at(spec)
		if err != nil {
			t.Fatal(err)
		}
		l14, err := parseLayout(rt.v14)
		if err != nil {
			t.Fatal(err)
		}
		for name, p := range rt.l.pallets {
			if q := l14.pallets[name]; q == nil || p.index != q.index {
				t.Errorf("pallet %s differs", name)
			}
		}
		indices := map[[2]byte]bool{}
		for i := range rt.calls {
			indices[i] = true
			if rt.calls[i] == "SubtensorModule.set_weights" {
				if key := fmt.Sprint(i); seen[key] {
					t.Errorf("spec %d: set_weights has an old index %s", spec, key)
				} else {
					seen[key] = true
				}
			}
		}
		if len(indices) < 200 {
			t.Errorf("%d calls", len(indices))
		}
		for _, l := range []*layout{rt.l, l14} {
			at := l.constants["Aura.SlotDuration"]
			if r := (&reader{b: l.blob[at.from:at.to]}); r.u64() != 250 {
				t.Error("the slot duration is not the block time")
			}
			at = l.constants["System.Version"]
			if string(l.blob[at.from:at.to]) != string(rt.version) {
				t.Error("the versions differ")
			}
			if len(l.pallets["SubtensorModule"].items["SubnetEpochIndex"].hashers) != 1 {
				t.Error("the epoch schedule is not in the metadata")
			}
		}
	}
	if _, err := rs.at(baseSpec - 1); err == nil {
		t.Error("an older runtime was made")
	}
}
