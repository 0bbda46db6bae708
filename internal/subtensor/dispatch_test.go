package subtensor

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/nanteos/nanteos/bittensor/timelock"
)

// outcome puts one transaction into a block and returns the error with which its call failed, "" for none.
func outcome(t testing.TB, n *Node, actor byte, call []byte) string {
	t.Helper()
	must[string](t, n, "author_submitExtrinsic", hexText(tx(t, n, actor, call)))
	produce(t, n, 1)
	return failureIn(t, n)
}

// failureIn reads the failure of the block's first transaction out of its events.
func failureIn(t testing.TB, n *Node) string {
	t.Helper()
	events := value(t, n, sysEvents.at())
	if bytes.Contains(events, []byte{0, 1, 0, 0, 0, 0, 0}) { // ApplyExtrinsic(1), System.ExtrinsicSuccess
		return ""
	}
	_, after, ok := bytes.Cut(events, []byte{0, 1, 0, 0, 0, 0, 1}) // System.ExtrinsicFailed
	if !ok {
		t.Fatalf("the transaction is not in the block: events %x", events)
	}
	if after[0] != 3 {
		return fmt.Sprintf("%x", after[:2])
	}
	ls, err := unpacked()
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range ls[1].pallets {
		if p.index == after[1] {
			for _, v := range ls[1].types[p.fails] {
				if v.index == after[2] {
					return name + "." + v.name
				}
			}
		}
	}
	t.Fatalf("error %x has no name", after[:6])
	return ""
}

// count is how often an event of the last block has these indices.
func count(t testing.TB, n *Node, pallet, name string) int {
	t.Helper()
	rt, err := n.runtimeOf(stateOf(n).root)
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, phase := range [][]byte{{2}, {0, 0, 0, 0, 0}, {0, 1, 0, 0, 0}, {0, 2, 0, 0, 0}} {
		total += bytes.Count(value(t, n, sysEvents.at()), append(slices.Clone(phase), rt.event(pallet, name)...))
	}
	return total
}

func TestSetWeightsRules(t *testing.T) {
	p := DefaultHyperparameters()
	p.Tempo, p.WeightsRateLimit, p.WeightsVersion, p.MinAllowedWeights, p.MaxWeightsLimit = 100, 5, 9, 2, 40000
	cfg := testConfig()
	cfg.Genesis.Subnets[0].Params = p
	cfg.Genesis.Subnets[0].Neurons[2].Stake = tao // over the threshold, but only two permits
	cfg.Genesis.Subnets[0].Params.MaxValidators = 2
	for _, c := range []struct {
		name          string
		actor         byte
		netuid        uint16
		dests, values []uint16
		version       uint64
		want          string
	}{
		{"good", 1, 1, []uint16{2, 3}, []uint16{1, 1}, 9, ""},
		{"root", 1, 0, []uint16{2, 3}, []uint16{1, 1}, 9, "CanNotSetRootNetworkWeights"},
		{"lengths", 1, 1, []uint16{2, 3}, []uint16{1}, 9, "WeightVecNotEqualSize"},
		{"no subnet", 1, 7, []uint16{2, 3}, []uint16{1, 1}, 9, "CommitRevealEnabled"}, // the default of the flag
		{"too many", 1, 1, []uint16{0, 1, 2, 3, 4, 5}, []uint16{1, 1, 1, 1, 1, 1}, 9, "UidsLengthExceedUidsInSubNet"},
		{"stranger", 90, 1, []uint16{2, 3}, []uint16{1, 1}, 9, "HotKeyNotRegisteredInSubNet"},
		{"poor", 4, 1, []uint16{2, 3}, []uint16{1, 1}, 9, "NotEnoughStakeToSetWeights"},
		{"old key", 1, 1, []uint16{2, 3}, []uint16{1, 1}, 8, "IncorrectWeightVersionKey"},
		{"no permit", 2, 1, []uint16{0, 3}, []uint16{1, 1}, 9, "NeuronNoValidatorPermit"},
		{"self without permit", 2, 1, []uint16{2}, []uint16{7}, 9, ""},
		{"twice", 1, 1, []uint16{2, 2}, []uint16{1, 1}, 9, "DuplicateUids"},
		{"unknown", 1, 1, []uint16{2, 5}, []uint16{1, 1}, 9, "UidVecContainInvalidOne"},
		{"too few", 1, 1, []uint16{2}, []uint16{1}, 9, "WeightVecLengthIsLow"},
		{"too large", 1, 1, []uint16{2, 3}, []uint16{5, 1}, 9, "MaxWeightExceeded"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := open(t, cfg)
			want := c.want
			if want != "" {
				want = "SubtensorModule." + want
			}
			if got := outcome(t, n, c.actor, weightsCall(c.netuid, c.dests, c.values, c.version)); got != want {
				t.Errorf("%q, expected %q", got, want)
			}
			if got := count(t, n, "SubtensorModule", "WeightsSet"); got != 1 && c.want == "" {
				t.Errorf("%d events WeightsSet", got)
			}
		})
	}
	t.Run("rate", func(t *testing.T) {
		n := open(t, cfg)
		call := weightsCall(1, []uint16{2, 3}, []uint16{1, 1}, 9)
		for block, want := range map[int]string{1: ""} {
			if got := outcome(t, n, 1, call); got != want {
				t.Errorf("block %d: %q", block, got)
			}
		}
		if got := outcome(t, n, 1, call); got != "SubtensorModule.SettingWeightsTooFast" {
			t.Errorf("%q", got)
		}
		produce(t, n, 3)
		if got := outcome(t, n, 1, call); got != "" {
			t.Errorf("five blocks later: %q", got)
		}
	})
}

func axonCall(netuid uint16, ip [16]byte, port uint16, kind byte) []byte {
	return body(7, 4, func(w *writer) {
		w.u16(netuid)
		w.u32(9012001)
		w.raw(ip[:])
		w.u16(port)
		w.u8(kind)
		w.raw([]byte{4, 0, 0})
	})
}

func TestServeAxonRules(t *testing.T) {
	n := open(t, testConfig())
	v4 := func(a, b, c, d byte) [16]byte { return [16]byte{d, c, b, a} }
	ones := [16]byte(bytes.Repeat([]byte{255}, 16))
	actor := byte(0)
	for _, c := range []struct {
		name string
		ip   [16]byte
		port uint16
		kind byte
		want string
	}{
		{"private", v4(10, 0, 0, 1), 8091, 4, ""},
		{"loopback", v4(127, 0, 0, 1), 8091, 4, "InvalidIpAddress"},
		{"broadcast", v4(255, 255, 255, 255), 8091, 4, "InvalidIpAddress"},
		{"beyond", ones, 8091, 4, "InvalidIpAddress"},
		{"not serving", v4(0, 0, 0, 0), 8091, 4, ""},
		{"no port", v4(1, 2, 3, 4), 0, 4, "InvalidPort"},
		{"kind", v4(1, 2, 3, 4), 1, 5, "InvalidIpType"},
		{"v6", [16]byte{9, 9, 15: 32}, 1, 6, ""},
		{"v6 loopback", [16]byte{1}, 1, 6, "InvalidIpAddress"},
		{"v6 all ones", ones, 1, 6, "InvalidIpAddress"},
	} {
		produce(t, n, 3) // the rate limit
		want := c.want
		if want != "" {
			want = "SubtensorModule." + want
		}
		if got := outcome(t, n, actor, axonCall(1, c.ip, c.port, c.kind)); got != want {
			t.Errorf("%s: %q, expected %q", c.name, got, want)
		}
	}
	produce(t, n, 3)
	if got := outcome(t, n, actor, axonCall(1, v4(1, 2, 3, 4), 5, 4)); got != "" || count(t, n, "SubtensorModule", "AxonServed") != 1 {
		t.Errorf("%q", got)
	}
	if got := outcome(t, n, actor, axonCall(1, v4(1, 2, 3, 4), 5, 4)); got != "SubtensorModule.ServingRateLimitExceeded" {
		t.Errorf("at once again: %q", got)
	}
	if got := outcome(t, n, 90, axonCall(1, v4(1, 2, 3, 4), 5, 4)); got != "SubtensorModule.HotKeyNotRegisteredInNetwork" {
		t.Errorf("stranger: %q", got)
	}
}

func registerCall(netuid uint16, hotkey account) []byte {
	return body(7, 7, func(w *writer) { w.u16(netuid); w.account(hotkey) })
}

func TestRegister(t *testing.T) {
	cfg := testConfig()
	cfg.Genesis.Subnets[0].Params.MaxUIDs = 6
	cfg.Genesis.Balances[address(101)] = 100_000
	n := open(t, cfg)
	before := stateOf(n).accountInfo(key(100).Public()).free
	if got := outcome(t, n, 100, registerCall(1, key(50).Public())); got != "" || count(t, n, "SubtensorModule", "NeuronRegistered") != 1 {
		t.Fatalf("%q", got)
	}
	if paid := before - stateOf(n).accountInfo(key(100).Public()).free; paid != 100_000_000 {
		t.Errorf("paid %d", paid)
	}
	if uid, ok := stateOf(n).uid(1, key(50).Public()); !ok || uid != 5 {
		t.Errorf("uid %d %v", uid, ok)
	}
	for _, c := range []struct {
		name  string
		actor byte
		call  []byte
		want  string
	}{
		{"again", 100, registerCall(1, key(50).Public()), "HotKeyAlreadyRegisteredInSubNet"},
		{"root", 100, registerCall(0, key(51).Public()), "RegistrationNotPermittedOnRootSubnet"},
		{"no subnet", 100, registerCall(9, key(51).Public()), "SubnetNotExists"},
		{"poor", 101, registerCall(1, key(51).Public()), "NotEnoughBalanceToStake"},
	} {
		if got := outcome(t, n, c.actor, c.call); got != "SubtensorModule."+c.want {
			t.Errorf("%s: %q", c.name, got)
		}
	}
	// full: the neuron with the least incentive that is not immune goes, first UID 2 that registered first
	old := key(2).Public()
	outcome(t, n, 2, commitmentCall(1, "soon gone"))
	produce(t, n, 5)
	if got := outcome(t, n, 100, registerCall(1, key(51).Public())); got != "" {
		t.Fatal(got)
	}
	s := stateOf(n)
	if uid, ok := s.uid(1, key(51).Public()); !ok || uid != 2 || s.has(uids.netKey(1, old)) || s.has(commitmentOf.note(1, old)) || s.has(isMember.keyNet(old, 1)) {
		t.Errorf("uid %d %v", uid, ok)
	}
	t.Run("two in a block", func(t *testing.T) {
		for i := range uint64(2) {
			raw := tx(t, n, 100, registerCall(1, key(60+byte(i)).Public()))
			must[string](t, n, "author_submitExtrinsic", hexText(raw))
		}
		produce(t, n, 1)
		if got := count(t, n, "SubtensorModule", "NeuronRegistered"); got != 1 {
			t.Errorf("%d were registered", got)
		}
	})
	t.Run("closed", func(t *testing.T) {
		p := cfg.Genesis.Subnets[0].Params
		p.NoRegistration = true
		if err := n.SetHyperparameters(1, p); err != nil {
			t.Fatal(err)
		}
		if got := outcome(t, n, 100, registerCall(1, key(70).Public())); got != "SubtensorModule.SubNetRegistrationDisabled" {
			t.Errorf("%q", got)
		}
	})
}

func TestCommitments(t *testing.T) {
	n := open(t, testConfig())
	if got := outcome(t, n, 90, commitmentCall(1, "stranger")); got != "Commitments.AccountNotAllowedCommit" {
		t.Errorf("%q", got)
	}
	long := string(bytes.Repeat([]byte{'x'}, 128))
	if got := outcome(t, n, 3, commitmentCall(1, long)); got != "" || count(t, n, "Commitments", "Commitment") != 1 {
		t.Errorf("%q", got)
	}
	if v := value(t, n, commitmentOf.note(1, key(3).Public())); string(v[14:]) != long || v[13] != 0x81 {
		t.Errorf("%x", v)
	}
	// 3100 bytes an epoch: with tempo 10 fill one and go on in the next
	for stateOf(n).epochIndex(1) == 0 {
		produce(t, n, 1)
	}
	batch := func(count int) {
		for i := range count {
			must[string](t, n, "author_submitExtrinsic", hexText(tx(t, n, 3, commitmentCall(1, fmt.Sprint(i)))))
		}
		produce(t, n, 1)
	}
	batch(32)
	if v := value(t, n, commitmentOf.note(1, key(3).Public())); string(v[14:]) != "30" {
		t.Errorf("the last of 32 is %q", v[14:])
	}
	if got := outcome(t, n, 3, commitmentCall(1, "over")); got != "Commitments.SpaceLimitExceeded" {
		t.Errorf("%q", got)
	}
	produce(t, n, 11)
	if got := outcome(t, n, 3, commitmentCall(1, "next")); got != "" {
		t.Errorf("in the next epoch: %q", got)
	}
}

// clock is a clock that tests move.
type clock struct{ now time.Time }

func (c *clock) read() time.Time { return c.now }

// timed is the test chain with a clock at a time that drand has rounds for, 12 s a block.
func timed(t testing.TB, change func(*Config)) (*Node, func(blocks int)) {
	t.Helper()
	c := &clock{now: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}
	cfg := testConfig()
	cfg.Now = c.read
	change(&cfg)
	n := open(t, cfg)
	return n, func(blocks int) {
		for range blocks {
			c.now = c.now.Add(12 * time.Second)
			produce(t, n, 1)
		}
	}
}

func lock(t testing.TB, n *Node, plain []byte, round uint64) []byte {
	t.Helper()
	c, err := timelock.Encrypt(rand.Reader, plain, round, n.cfg.Drand.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTimelockedCommitment(t *testing.T) {
	n, pass := timed(t, func(*Config) {})
	pass(1)
	round := stateOf(n).u64(lastRound.at(), 0)
	if round == 0 {
		t.Fatal("no pulse is stored")
	}
	call := func(round uint64, text string) []byte {
		return body(18, 0, func(w *writer) {
			w.u16(1)
			w.compact(1)
			w.u8(134)
			w.bytes(lock(t, n, []byte(text), round))
			w.u64(round)
		})
	}
	who := key(2).Public()
	must[string](t, n, "author_submitExtrinsic", hexText(tx(t, n, 2, call(round+6, "secret"))))
	pass(1)
	if failureIn(t, n) != "" || value(t, n, revealedOf.note(1, who)) != nil || count(t, n, "Commitments", "TimelockCommitment") != 1 {
		t.Fatal("revealed too early")
	}
	pass(1)
	got := value(t, n, revealedOf.note(1, who))
	if !bytes.HasPrefix(got, []byte("\x04\x18secret")) || value(t, n, commitmentOf.note(1, who)) != nil || count(t, n, "Commitments", "CommitmentRevealed") != 1 {
		t.Errorf("revealed %x", got)
	}
	if v := value(t, n, timelockedIndex.at()); !bytes.Equal(v, []byte{0}) {
		t.Errorf("the index is %x", v)
	}
}

func u16s(w *writer, lists ...[]uint16) {
	for _, l := range lists {
		w.compact(uint64(len(l)))
		for _, v := range l {
			w.u16(v)
		}
	}
}

func commitReveals(stateful bool) func(*Config) {
	return func(c *Config) {
		c.Genesis.StatefulEpochs = stateful
		c.Genesis.Subnets[0].Params.CommitReveal = true
		c.Genesis.Subnets[0].Params.WeightsRateLimit = 0
	}
}

func TestHashCommit(t *testing.T) {
	for _, stateful := range []bool{false, true} {
		t.Run(fmt.Sprint("stateful ", stateful), func(t *testing.T) {
			n, pass := timed(t, commitReveals(stateful))
			who := key(1).Public()
			dests, values, salt := []uint16{2, 4}, []uint16{3, 1}, []uint16{1, 2, 3, 4, 5, 6, 7, 8}
			w := &writer{}
			w.account(who)
			w.u16(1)
			u16s(w, dests, values, salt)
			w.u64(0)
			h := blake256(w.b)
			commit := body(7, 96, func(w *writer) { w.u16(1); w.raw(h[:]) })
			reveal := func(salt []uint16) []byte {
				return body(7, 97, func(w *writer) { w.u16(1); u16s(w, dests, values, salt); w.u64(0) })
			}
			must[string](t, n, "author_submitExtrinsic", hexText(tx(t, n, 1, reveal(salt))))
			pass(1)
			if got := failureIn(t, n); got != "SubtensorModule.NoWeightsCommitFound" {
				t.Errorf("reveal before commit: %q", got)
			}
			try := func(call []byte) string {
				must[string](t, n, "author_submitExtrinsic", hexText(tx(t, n, 1, call)))
				pass(1)
				return failureIn(t, n)
			}
			if got := try(weightsCall(1, dests, values, 0)); got != "SubtensorModule.CommitRevealEnabled" {
				t.Errorf("set_weights: %q", got)
			}
			if got := try(commit); got != "" || count(t, n, "SubtensorModule", "WeightsCommitted") != 1 {
				t.Fatal(got)
			}
			if got := try(reveal(salt)); got != "SubtensorModule.RevealTooEarly" {
				t.Errorf("in the same epoch: %q", got)
			}
			for e := stateOf(n).epochIndex(1); stateOf(n).epochIndex(1) == e; {
				pass(1)
			}
			if got := try(reveal(salt[1:])); got != "SubtensorModule.InvalidRevealCommitHashNotMatch" {
				t.Errorf("another salt: %q", got)
			}
			if got := try(reveal(salt)); got != "" || count(t, n, "SubtensorModule", "WeightsRevealed") != 1 {
				t.Errorf("reveal: %q", got)
			}
			if got := stateOf(n).row(weights.netUID(1, 1)); !slices.Equal(got, []weight{{2, 65535}, {4, 21845}}) {
				t.Errorf("weights %v", got)
			}
			if got := try(commit); got != "" {
				t.Fatal(got)
			}
			pass(24)
			if got := try(reveal(salt)); got != "SubtensorModule.ExpiredWeightCommit" {
				t.Errorf("two epochs later: %q", got)
			}
		})
	}
}

func TestTimelockedWeights(t *testing.T) {
	for _, stateful := range []bool{false, true} {
		for _, withHotkey := range []bool{false, true} {
			t.Run(fmt.Sprint("stateful ", stateful, " hotkey ", withHotkey), func(t *testing.T) {
				n, pass := timed(t, commitReveals(stateful))
				who := key(1).Public()
				pass(2)
				plain := &writer{}
				if withHotkey {
					plain.bytes(who[:])
				}
				u16s(plain, []uint16{3, 2}, []uint16{65535, 100})
				plain.u64(0)
				round := stateOf(n).u64(lastRound.at(), 0) + 4*11
				commit := func(version uint16) []byte {
					return body(7, 113, func(w *writer) {
						w.u16(1)
						w.bytes(lock(t, n, plain.b, round))
						w.u64(round)
						w.u16(version)
					})
				}
				try := func(call []byte) string {
					must[string](t, n, "author_submitExtrinsic", hexText(tx(t, n, 1, call)))
					pass(1)
					return failureIn(t, n)
				}
				if got := try(commit(3)); got != "SubtensorModule.IncorrectCommitRevealVersion" {
					t.Errorf("version 3: %q", got)
				}
				if got := try(commit(4)); got != "" || count(t, n, "SubtensorModule", "TimelockedWeightsCommitted") != 1 {
					t.Fatal(got)
				}
				epoch := stateOf(n).epochIndex(1)
				for n.Head().Number < 40 && count(t, n, "SubtensorModule", "TimelockedWeightsRevealed") == 0 {
					if stateOf(n).has(weights.netUID(1, 1)) {
						t.Fatal("weights without event")
					}
					pass(1)
				}
				if got := stateOf(n).epochIndex(1); got != epoch+1 {
					t.Errorf("revealed in epoch %d, committed in %d", got, epoch)
				}
				if got := stateOf(n).row(weights.netUID(1, 1)); !slices.Equal(got, []weight{{3, 65535}, {2, 100}}) {
					t.Errorf("weights %v", got)
				}
				pass(12)
				if got := stateOf(n).vector(incentive, 2, 1, 0); got[3] < 60000 {
					t.Errorf("incentives %v", got)
				}
			})
		}
	}
}

// busy is a chain on which everything has happened once.
func busy(t testing.TB) *Node {
	n, pass := timed(t, func(c *Config) { c.Genesis.Subnets[0].Params.Emission = tao })
	send := func(actor byte, call []byte) {
		must[string](t, n, "author_submitExtrinsic", hexText(tx(t, n, actor, call)))
	}
	pass(1)
	send(1, weightsCall(1, []uint16{2, 3}, []uint16{100, 50}, 0))
	send(0, weightsCall(1, []uint16{2, 4}, []uint16{100, 50}, 0))
	send(2, commitmentCall(1, "busy"))
	send(3, axonCall(1, [16]byte{1, 2, 3, 4}, 80, 4))
	send(100, registerCall(1, key(50).Public()))
	send(100, body(5, 3, func(w *writer) { w.u8(0); w.account(key(77).Public()); w.compact(12345) }))
	send(100, body(7, 2, func(w *writer) { w.account(key(3).Public()); w.u16(1); w.u64(5 * tao) }))
	send(4, body(7, 5, func(w *writer) { w.u16(1); w.u32(1); w.u128(77, 0); w.u16(80); w.u8(4) }))
	pass(1)
	p := n.cfg.Genesis.Subnets[0].Params
	p.CommitReveal = true
	if err := n.SetHyperparameters(1, p); err != nil {
		t.Fatal(err)
	}
	pass(13)
	send(1, body(7, 96, func(w *writer) { w.u16(1); w.account(account{1}) }))
	send(0, body(7, 113, func(w *writer) { w.u16(1); w.bytes([]byte("not a ciphertext")); w.u64(1 << 40); w.u16(4) }))
	send(3, body(18, 0, func(w *writer) { w.u16(1); w.compact(1); w.u8(134); w.bytes([]byte("x")); w.u64(1 << 40) }))
	pass(1)
	if failureIn(t, n) != "" {
		t.Fatal(failureIn(t, n))
	}
	return n
}

func TestStakeAndTransfer(t *testing.T) {
	n := busy(t)
	s := stateOf(n)
	if got := s.accountInfo(key(77).Public()).free; got != 12345 {
		t.Errorf("transferred %d", got)
	}
	if got := s.stakeOf(1, key(3).Public()).total; got < 5*tao {
		t.Errorf("stake %d", got)
	}
	if got := outcome(t, n, 100, body(7, 3, func(w *writer) { w.account(key(3).Public()); w.u16(1); w.u64(2 * tao) })); got != "" {
		t.Error(got)
	}
	if got := outcome(t, n, 100, body(7, 3, func(w *writer) { w.account(key(3).Public()); w.u16(1); w.u64(2000 * tao) })); got != "SubtensorModule.NotEnoughStakeToWithdraw" {
		t.Error(got)
	}
	if got := outcome(t, n, 100, body(5, 3, func(w *writer) { w.u8(0); w.account(key(78).Public()); w.compact(100) })); got != "0702" {
		t.Errorf("below the existential deposit: %q", got)
	}
	if got := outcome(t, n, 100, body(7, 59, func(w *writer) { w.account(key(3).Public()) })); got != "System.CallFiltered" {
		t.Errorf("register_network: %q", got)
	}
}
