package subtensor

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/nanteos/nanteos/bittensor/ss58"
)

func TestStakeRules(t *testing.T) {
	n := open(t, testConfig())
	stake := func(index byte, hotkey account, netuid uint16, amount uint64) []byte {
		return body(7, index, func(w *writer) { w.account(hotkey); w.u16(netuid); w.u64(amount) })
	}
	known, stranger := key(3).Public(), key(99).Public()
	for _, c := range []struct {
		name string
		call []byte
		want string
	}{
		{"no subnet", stake(2, known, 9, tao), "SubnetNotExists"},
		{"no hotkey", stake(2, stranger, 1, tao), "HotKeyAccountNotExists"},
		{"little", stake(2, known, 1, 5), "AmountTooLow"},
		{"more than there is", stake(2, known, 1, 5000*tao), "NotEnoughBalanceToStake"},
		{"good", stake(2, known, 1, 7*tao), ""},
		{"out of no subnet", stake(3, known, 9, tao), "SubnetNotExists"},
		{"out of no hotkey", stake(3, stranger, 1, tao), "HotKeyAccountNotExists"},
		{"too much out", stake(3, known, 1, 8*tao), "NotEnoughStakeToWithdraw"},
		{"nothing out", stake(3, known, 1, 0), "AmountTooLow"},
		{"some out", stake(3, known, 1, 2*tao), ""},
		{"root", body(7, 62, func(w *writer) { w.account(known) }), "StakeTooLowForRoot"},
	} {
		want := c.want
		if want != "" {
			want = "SubtensorModule." + want
		}
		if got := outcome(t, n, 100, c.call); got != want {
			t.Errorf("%s: %q, expected %q", c.name, got, want)
		}
	}
	coldkey := key(100).Public()
	args := append(append([]byte{}, known[:]...), coldkey[:]...)
	one := &reader{b: runtimeCall(t, n, "StakeInfoRuntimeApi_get_stake_info_for_hotkey_coldkey_netuid", append(args, 1, 0))}
	one.u8()
	if one.account() != known || one.account() != coldkey || one.compact() != 1 || one.compact() != 5*tao {
		t.Errorf("%x", one.b)
	}
	all := &reader{b: runtimeCall(t, n, "StakeInfoRuntimeApi_get_stake_info_for_coldkey", coldkey[:])}
	if got := all.count(1); got != 3 {
		t.Errorf("%d stakes", got)
	}
	list := append([]byte{8}, args...)
	if raw := runtimeCall(t, n, "StakeInfoRuntimeApi_get_stake_info_for_coldkeys", list); raw[0] != 8 {
		t.Errorf("%x", raw)
	}
	if raw := runtimeCall(t, n, "SwapRuntimeApi_sim_swap_tao_for_alpha", append([]byte{1, 0}, le64(77)...)); !bytes.Equal(raw[:16], append(le64(77), le64(77)...)) {
		t.Errorf("%x", raw)
	}
	// what stands under TAO on the root network counts by TaoWeight
	n.SetStorage(map[string][]byte{hotkeyAlpha.keyNet(known, 0): le64(1000 * tao)})
	produce(t, n, 1)
	if s := stateOf(n).stakeOf(1, known); s.alpha != 5*tao || s.tao != 1000*tao || s.total < 57*tao || s.total > 58*tao {
		t.Errorf("%+v", s)
	}
}

func TestSmallCalls(t *testing.T) {
	n := open(t, testConfig())
	if got := outcome(t, n, 100, body(0, 7, func(w *writer) { w.bytes([]byte("hello")) })); got != "" || count(t, n, "System", "Remarked") != 1 {
		t.Errorf("remark_with_event: %q", got)
	}
	if got := outcome(t, n, 100, body(2, 0, func(w *writer) { w.compact(5) })); !strings.HasPrefix(got, "02") {
		t.Errorf("a signed Timestamp.set: %q", got)
	}
	tls := body(7, 40, func(w *writer) {
		w.u16(1)
		w.raw(axonCall(1, [16]byte{1, 2, 3, 4}, 9, 4)[4:])
		w.bytes([]byte{1, 0xaa, 0xbb})
	})
	if got := outcome(t, n, 2, tls); got != "" || !bytes.Equal(value(t, n, certificates.netKey(1, key(2).Public())), []byte{8, 0xaa, 0xbb, 1}) {
		t.Errorf("serve_axon_tls: %q", got)
	}
	prom := func(port uint16, low uint64) []byte {
		return body(7, 5, func(w *writer) { w.u16(1); w.u32(1); w.u128(low, 0); w.u16(port); w.u8(4) })
	}
	for _, c := range []struct {
		actor byte
		call  []byte
		want  string
	}{
		{90, prom(1, 1), "HotKeyNotRegisteredInNetwork"}, {2, prom(1, 0), "InvalidIpAddress"}, {2, prom(0, 1), "InvalidPort"}, {2, prom(1, 1), ""},
		{2, prom(1, 1), "ServingRateLimitExceeded"},
	} {
		want := c.want
		if want != "" {
			want = "SubtensorModule." + want
		}
		if got := outcome(t, n, c.actor, c.call); got != want {
			t.Errorf("serve_prometheus: %q, expected %q", got, want)
		}
	}
	if err := n.SetBalance(address(55), 9*tao); err != nil {
		t.Fatal(err)
	}
	produce(t, n, 1)
	if got := stateOf(n).accountInfo(key(55).Public()); got.free != 9*tao || got.providers != 1 {
		t.Errorf("%+v", got)
	}
	if n.SetBalance("nobody", 1) == nil {
		t.Error("nobody has a balance")
	}
	if got := outcome(t, n, 55, body(5, 3, func(w *writer) { w.u8(0); w.account(key(1).Public()); w.compact(9*tao - 1000) })); got != "0700" {
		t.Errorf("more than the fee leaves: %q", got)
	}
	if got := must[map[string]map[string]string](t, n, "payment_queryFeeDetails", hexText(tx(t, n, 1, commitmentCall(1, "x")))); got["inclusionFee"]["lenFee"] != "0x0" {
		t.Errorf("%v", got)
	}
	raw := runtimeCall(t, n, "TransactionPaymentApi_query_fee_details", append(tx(t, n, 55, body(0, 0, func(w *writer) { w.bytes(nil) })), 1, 0, 0, 0))
	if len(raw) != 33 || raw[0] != 1 {
		t.Errorf("%x", raw)
	}
}

// TestManyTimelocked lets several neurons wait for pulses, and one reveal more often than is kept.
func TestManyTimelocked(t *testing.T) {
	n, pass := timed(t, func(c *Config) {
		c.Genesis.Subnets[0].Params.Tempo = 1000
		c.Genesis.Subnets[0].Params.CommitmentSpace = 100_000
	})
	pass(1)
	commit := func(actor byte, text string, round uint64, extra string) {
		must[string](t, n, "author_submitExtrinsic", hexText(tx(t, n, actor, body(18, 0, func(w *writer) {
			w.u16(1)
			w.compact(2)
			w.u8(134)
			w.bytes(lock(t, n, []byte(text), round))
			w.u64(round)
			w.u8(byte(len(extra) + 1))
			w.raw([]byte(extra))
		}))))
	}
	for _, actor := range []byte{4, 0, 2, 3, 1} {
		commit(actor, fmt.Sprint("of ", actor), stateOf(n).u64(lastRound.at(), 0)+5, "plain")
	}
	pass(1)
	r := &reader{b: value(t, n, timelockedIndex.at())}
	last := []byte{}
	for i := range r.count(34) {
		e := r.take(34)
		if i > 0 && !lessEntry(last, e) {
			t.Error("the index is not in order")
		}
		last = e
	}
	pass(1)
	for actor := range byte(5) {
		if got := value(t, n, revealedOf.note(1, key(actor).Public())); !bytes.Contains(got, fmt.Append(nil, "of ", actor)) {
			t.Errorf("%d revealed %q", actor, got)
		}
		if got := value(t, n, commitmentOf.note(1, key(actor).Public())); !bytes.HasSuffix(got, []byte("\x04\x06plain")) {
			t.Errorf("%d keeps %q", actor, got)
		}
	}
	for i := range 12 {
		commit(2, fmt.Sprint("number ", i), stateOf(n).u64(lastRound.at(), 0), "p")
		pass(2)
	}
	got := value(t, n, revealedOf.note(1, key(2).Public()))
	if got[0] != 10<<2 || !bytes.Contains(got, []byte("number 11")) || bytes.Contains(got, []byte("number 1\x00")) || bytes.Contains(got, []byte("of 2")) {
		t.Errorf("%d are kept: %q", got[0]>>2, got)
	}
}

// TestPulsesAreBounded runs long enough for old pulses to be forgotten, and over a gap.
func TestPulsesAreBounded(t *testing.T) {
	c := &clock{now: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}
	cfg := testConfig()
	cfg.Now = c.read
	cfg.Drand.Pulse = func(uint64) ([]byte, bool) { return []byte{1}, true }
	n := open(t, cfg)
	for range keptPulses/pulsesPerBlock + 20 {
		c.now = c.now.Add(pulsesPerBlock * 3 * time.Second)
		produce(t, n, 1)
	}
	stored := func() (count int) {
		stateOf(n).root.scan(string(pulses), "", func(string, []byte) bool { count++; return true })
		return count
	}
	if got := stored(); got > keptPulses+1 || got < keptPulses-1 {
		t.Errorf("%d pulses are kept", got)
	}
	c.now = c.now.Add(365 * 24 * time.Hour)
	produce(t, n, 1)
	if got := stored(); got > keptPulses+pulsesPerBlock {
		t.Errorf("%d pulses after a year", got)
	}
	if last := stateOf(n).u64(lastRound.at(), 0); !stateOf(n).has(pulseKey(last)) || stateOf(n).has(pulseKey(last-pulsesPerBlock)) {
		t.Error("after a gap the newest rounds are stored and no others")
	}
}

// TestCrowd lets many sockets submit and read while blocks come and the chain is reorganised and upgraded.
func TestCrowd(t *testing.T) {
	cfg := testConfig()
	cfg.BlockTime = 5 * time.Millisecond
	n := open(t, cfg)
	addr, err := n.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for actor := range byte(5) {
		all.Go(func() {
			ws, _, err := websocket.Dial(t.Context(), "ws://"+addr.String(), nil)
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = ws.CloseNow() }()
			ws.SetReadLimit(1 << 24)
			c := &client{t: t, ws: ws}
			c.send("chain_subscribeNewHeads")
			for i := range 20 {
				c.send("author_submitAndWatchExtrinsic", hexText(tx(t, n, actor, commitmentCall(1, fmt.Sprint(i)))))
				id := c.send("state_call", "SubnetInfoRuntimeApi_get_metagraph", "0x0100")
				for {
					m := c.read()
					if m.ID != nil && *m.ID == id {
						break
					}
				}
			}
		})
	}
	all.Go(func() {
		for range 10 {
			time.Sleep(7 * time.Millisecond)
			if _, err := n.Reorg(t.Context(), 1); err != nil && !errors.Is(err, ErrFinal) {
				t.Error(err)
			}
			n.SetStorage(map[string][]byte{"x": []byte(time.Now().String())})
		}
	})
	all.Wait()
}

// large is a subnet of n neurons.
func large(n int) Config {
	p := DefaultHyperparameters()
	p.MaxUIDs, p.WeightsRateLimit = uint16(n), 0
	s := Subnet{NetUID: 1, Params: p}
	for i := range n {
		s.Neurons = append(s.Neurons, Neuron{Hotkey: ss58.EncodeBittensor(account(blake256(fmt.Append(nil, i)))), Coldkey: address(100), Stake: uint64(i) * tao})
	}
	return Config{Genesis: Genesis{Name: "large", Subnets: []Subnet{s}}}
}

func BenchmarkMetagraph1024(b *testing.B) {
	n := open(b, large(1024))
	args := []byte{1, 0, 0, 74 << 2 & 0xff, 74 << 2 >> 8}
	w := writer{b: args[:3]}
	w.compact(74)
	for i := range uint16(74) {
		w.u16(i)
	}
	frame, err := json.Marshal(map[string]any{"id": 1, "method": "state_call", "params": []any{"SubnetInfoRuntimeApi_get_selective_mechagraph", hexText(w.b)}})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if a := n.serve(nil, frame); len(a[0].text) < 100_000 {
			b.Fatalf("%s", a[0].text)
		}
	}
}

func BenchmarkBlock(b *testing.B) {
	n := open(b, large(256))
	for b.Loop() {
		produce(b, n, 1)
	}
}

func BenchmarkBlockOnDisk(b *testing.B) {
	cfg := large(256)
	cfg.Path = filepath.Join(b.TempDir(), "chain.db")
	n := open(b, cfg)
	for b.Loop() {
		produce(b, n, 1)
	}
}

func BenchmarkSubmit(b *testing.B) {
	cfg := testConfig()
	cfg.PoolLimit = 1 << 30
	n := open(b, cfg)
	raws := make([][]byte, 200)
	for i := range raws {
		raws[i] = tx(b, n, 100, body(0, 0, func(w *writer) { w.bytes(le64(uint64(i))) }), func(p *txParts) { p.nonce = uint64(i) })
	}
	i := 0
	for b.Loop() {
		if _, e := n.submit(raws[i%200], nil); e != nil {
			b.Fatal(e)
		}
		if i++; i%200 == 0 {
			n.pool = newPool(1 << 30)
		}
	}
}
