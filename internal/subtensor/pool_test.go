package subtensor

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// mortal is an era of 8 blocks whose birth is the block before it was made, with that block's hash.
func mortal(t testing.TB, n *Node) txOption {
	t.Helper()
	head := n.Head()
	phase := head.Number % 8
	birth := hash(mustHex(t, head.Hash))
	return func(p *txParts) {
		p.era = le16(uint16(2 + phase<<4)) // log2(8) - 1
		p.birth = birth
	}
}

func TestTransactionsAreValidated(t *testing.T) {
	n := open(t, testConfig())
	produce(t, n, 20)
	call := commitmentCall(1, "x")
	old := mortal(t, n)
	produce(t, n, 9)
	for _, c := range []struct {
		name   string
		actor  byte
		call   []byte
		option txOption
		code   int
		data   string
	}{
		{"good", 2, call, func(*txParts) {}, 0, ""},
		{"mortal", 3, call, mortal(t, n), 0, ""},
		{"dead era", 1, call, old, codeInvalid, badProof}, // its phase names another block now
		{"spec", 1, call, func(p *txParts) { p.spec++ }, codeInvalid, badProof},
		{"genesis", 1, call, func(p *txParts) { p.genesis[0]++ }, codeInvalid, badProof},
		{"birth", 1, call, func(p *txParts) { mortal(t, n)(p); p.birth[0]++ }, codeInvalid, badProof},
		{"stale", 2, call, func(p *txParts) { p.nonce = 0 }, codeInvalid, stale},
		{"too far ahead", 1, call, func(p *txParts) { p.nonce = maxAhead + 2 }, codeDropped, futureWords},
		{"metadata hash", 1, call, func(p *txParts) { p.mode = 1 }, codeUnknown, cannotLookup},
		{"poor", 90, body(5, 3, func(w *writer) { w.u8(0); w.account(key(1).Public()); w.compact(1) }), func(*txParts) {}, codeInvalid, noPayment},
		{"tip of nobody", 1, call, func(p *txParts) { p.tip = 5 }, codeInvalid, noPayment},
		{"no call", 1, []byte{7, 251}, func(*txParts) {}, codeMalformed, `RuntimeApi("Execution failed")`},
		{"cut call", 1, call[:len(call)-1], func(*txParts) {}, codeMalformed, `RuntimeApi("Execution failed")`},
	} {
		_, e := ask(t, n, "author_submitExtrinsic", hexText(tx(t, n, c.actor, c.call, c.option)))
		if c.code == 0 {
			if e != nil {
				t.Errorf("%s: %v", c.name, e)
			}
			if produce(t, n, 1); c.name == "good" && failureIn(t, n) != "" {
				t.Errorf("%s: %s", c.name, failureIn(t, n))
			}
			continue
		}
		if e == nil || e.Code != c.code || e.Data != c.data {
			t.Errorf("%s: %v", c.name, e)
		}
	}
	t.Run("signature", func(t *testing.T) {
		raw := tx(t, n, 1, call)
		for _, at := range []int{40, 100, len(raw) - 1} {
			wrong := bytes.Clone(raw)
			wrong[at] ^= 1
			if _, e := ask(t, n, "author_submitExtrinsic", hexText(wrong)); e == nil || e.Code != codeInvalid || e.Data != badProof {
				t.Errorf("byte %d: %v", at, e)
			}
		}
	})
	t.Run("unsigned", func(t *testing.T) {
		if _, e := ask(t, n, "author_submitExtrinsic", hexText(inherent(stateOf(n).rt, 5))); e == nil || e.Data != notExpected {
			t.Errorf("%v", e)
		}
	})
	t.Run("ancient", func(t *testing.T) {
		n.SetStorage(map[string][]byte{sysBlockHash.at(twox64Concat(le32(uint32(n.Head().Number)))): nil})
		option := mortal(t, n)
		produce(t, n, 2)
		if _, e := ask(t, n, "author_submitExtrinsic", hexText(tx(t, n, 1, call, option))); e != nil && e.Data != ancientBirth {
			t.Errorf("%v", e)
		}
	})
}

// watchPool submits with a watcher that collects statuses.
func watchPool(t testing.TB, n *Node, raw []byte) *[]string {
	t.Helper()
	var seen []string
	if _, e := n.submit(raw, func(status any) {
		text, err := json.Marshal(status)
		if err != nil {
			t.Error(err)
		}
		seen = append(seen, string(text))
	}); e != nil {
		t.Fatal(e)
	}
	return &seen
}

func TestPoolOrder(t *testing.T) {
	cfg := testConfig()
	cfg.PoolLimit = 4
	n := open(t, cfg)
	at := func(nonce, tip uint64) txOption { return func(p *txParts) { p.nonce, p.tip = nonce, tip } }
	remarkOf := func(text string) []byte { return body(0, 0, func(w *writer) { w.bytes([]byte(text)) }) }
	second := watchPool(t, n, tx(t, n, 100, remarkOf("second"), at(1, 0)))
	if got := must[int](t, n, "account_nextIndex", address(100)); got != 0 {
		t.Errorf("next index %d with a gap", got)
	}
	produce(t, n, 1)
	first := watchPool(t, n, tx(t, n, 100, remarkOf("first"), at(0, 3)))
	if got := must[int](t, n, "system_accountNextIndex", address(100)); got != 2 {
		t.Errorf("next index %d", got)
	}
	_, e := n.submit(tx(t, n, 100, remarkOf("same nonce"), at(0, 3)), nil)
	if e == nil || e.Code != codeLow {
		t.Errorf("%v", e)
	}
	raw := tx(t, n, 100, remarkOf("better"), at(0, 4))
	better := watchPool(t, n, raw)
	if _, e := n.submit(raw, nil); e == nil || e.Code != codeImported {
		t.Errorf("%v", e)
	}
	if got := must[[]string](t, n, "author_pendingExtrinsics"); len(got) != 2 {
		t.Errorf("%d are pending", len(got))
	}
	for i := range uint64(2) {
		watchPool(t, n, tx(t, n, 100, remarkOf("more"), at(2+i, 0)))
	}
	if _, e := n.submit(tx(t, n, 100, remarkOf("full"), at(4, 0)), nil); e == nil || e.Code != codeDropped {
		t.Errorf("%v", e)
	}
	b := produce(t, n, 1)
	produce(t, n, 2)
	in, final := fmt.Sprintf(`{"inBlock":%q}`, b.Hash), fmt.Sprintf(`{"finalized":%q}`, b.Hash)
	if want := []string{`"ready"`, fmt.Sprintf(`{"usurped":%q}`, blake256(raw))}; !slices.Equal(*first, want) {
		t.Errorf("first: %v", *first)
	}
	if want := []string{`"ready"`, in, final}; !slices.Equal(*better, want) {
		t.Errorf("better: %v", *better)
	}
	if want := []string{`"future"`, `"ready"`, in, final}; !slices.Equal(*second, want) {
		t.Errorf("second: %v", *second)
	}
}

func TestExpiredTransactionIsInvalid(t *testing.T) {
	n := open(t, testConfig())
	produce(t, n, 3)
	ahead := func(p *txParts) { mortal(t, n)(p); p.nonce = 5 }
	seen := watchPool(t, n, tx(t, n, 2, commitmentCall(1, "never"), ahead))
	produce(t, n, 10)
	if want := []string{`"future"`, `"invalid"`}; !slices.Equal(*seen, want) {
		t.Errorf("%v", *seen)
	}
	if got := must[[]string](t, n, "author_pendingExtrinsics"); len(got) != 0 {
		t.Errorf("%d are pending", len(got))
	}
}

func TestReorg(t *testing.T) {
	for _, path := range []string{"", filepath.Join(t.TempDir(), "chain.db")} {
		cfg := testConfig()
		cfg.Path = path
		n := open(t, cfg)
		produce(t, n, 5)
		seen := watchPool(t, n, tx(t, n, 2, commitmentCall(1, "survives")))
		lost := produce(t, n, 1)
		if _, err := n.Reorg(context.Background(), 3); err == nil {
			t.Error("a final block was taken back")
		}
		head, err := n.Reorg(context.Background(), 1)
		if err != nil {
			t.Fatal(err)
		}
		if head.Number != lost.Number+1 || must[string](t, n, "chain_getBlockHash", lost.Number) == lost.Hash {
			t.Errorf("head is %+v, lost %+v", head, lost)
		}
		produce(t, n, 2)
		if len(*seen) != 5 || (*seen)[2] != fmt.Sprintf(`{"retracted":%q}`, lost.Hash) {
			t.Errorf("%v", *seen)
		}
		if must[any](t, n, "chain_getHeader", lost.Hash) == nil {
			t.Error("the lost block is forgotten")
		}
		if v := value(t, n, commitmentOf.note(1, key(2).Public())); !bytes.HasSuffix(v, []byte("survives")) {
			t.Errorf("commitment %q", v)
		}
		var sum digest
		stateOf(n).root.scan("", "", func(k string, v []byte) bool {
			sum.apply([]change{{key: k, new: nonNil(v)}})
			return true
		})
		if sum.root() != n.best.stateRoot {
			t.Error("the state root is not that of the state")
		}
	}
}

func TestUpgrade(t *testing.T) {
	n := open(t, testConfig())
	before := n.Head().Hash
	old := commitmentCall(1, "old")
	seen := watchPool(t, n, tx(t, n, 2, old, func(p *txParts) { p.nonce = 1 }))
	n.Upgrade()
	produce(t, n, 1)
	type version struct{ SpecVersion, TransactionVersion uint32 }
	if v := must[version](t, n, "state_getRuntimeVersion"); v.SpecVersion != baseSpec+1 || v.TransactionVersion != 1 {
		t.Errorf("%+v", v)
	}
	if v := must[version](t, n, "state_getRuntimeVersion", before); v.SpecVersion != baseSpec {
		t.Errorf("at the genesis %+v", v)
	}
	if must[string](t, n, "state_getMetadata") == must[string](t, n, "state_getMetadata", before) {
		t.Error("the metadata have not changed")
	}
	rt, err := n.runtimeOf(stateOf(n).root)
	if err != nil {
		t.Fatal(err)
	}
	index := rt.call("Commitments", "set_commitment")
	if bytes.Equal(index, old[:2]) {
		t.Error("the index has not changed")
	}
	spec := func(p *txParts) { p.spec++ }
	call := append(bytes.Clone(index), old[2:]...)
	must[string](t, n, "author_submitExtrinsic", hexText(tx(t, n, 2, call, spec, func(p *txParts) { p.nonce = 0 })))
	produce(t, n, 1)
	if v := value(t, n, commitmentOf.note(1, key(2).Public())); !bytes.HasSuffix(v, []byte("old")) {
		t.Errorf("commitment %q", v)
	}
	if events := value(t, n, sysEvents.at()); !bytes.Contains(events, append([]byte{0, 1, 0, 0, 0}, rt.event("Commitments", "Commitment")...)) {
		t.Errorf("events %x", events)
	}
	if !slices.Contains(*seen, `"invalid"`) {
		t.Errorf("a transaction signed for the old runtime: %v", *seen)
	}
}

func TestStatesAreDiscarded(t *testing.T) {
	cfg := testConfig()
	cfg.StateBlocks = 5
	n := open(t, cfg)
	first := n.Head().Hash
	b := produce(t, n, 4)
	if _, e := ask(t, n, "state_getStorage", "0x00", first); e != nil {
		t.Error(e)
	}
	produce(t, n, 1)
	_, e := ask(t, n, "state_getStorage", "0x00", first)
	if e == nil || e.Code != 4003 || e.Message != "Client error: UnknownBlock: State already discarded for "+first {
		t.Errorf("%v", e)
	}
	if must[any](t, n, "chain_getHeader", first) == nil {
		t.Error("the header went with the state")
	}
	n.Faults().DiscardStates(1)
	if _, e := ask(t, n, "state_call", "Core_version", "0x", b.Hash); e == nil {
		t.Error("a discarded state answers")
	}
	produce(t, n, 1)
}

func TestFaultyTransactions(t *testing.T) {
	n := open(t, testConfig())
	for _, end := range []string{"dropped", "invalid", "usurped"} {
		n.Faults().Transactions(Tx{End: end})
		seen := watchPool(t, n, tx(t, n, 2, commitmentCall(1, "x")))
		produce(t, n, 1)
		if len(*seen) != 2 || !bytes.Contains([]byte((*seen)[1]), []byte(end)) {
			t.Errorf("%s: %v", end, *seen)
		}
	}
	n.Faults().Transactions(Tx{Pallet: "SubtensorModule", Error: "SettingWeightsTooFast"})
	if got := outcome(t, n, 2, commitmentCall(1, "x")); got != "SubtensorModule.SettingWeightsTooFast" {
		t.Errorf("%q", got)
	}
	if got := outcome(t, n, 2, commitmentCall(1, "x")); got != "" {
		t.Errorf("afterwards: %q", got)
	}
}

func TestDryRunAndFees(t *testing.T) {
	n := open(t, testConfig())
	run := func(raw []byte) string { return must[string](t, n, "system_dryRun", hexText(raw)) }
	if got := run(tx(t, n, 1, weightsCall(1, []uint16{2, 3}, []uint16{1, 1}, 0))); got != "0x0000" {
		t.Error(got)
	}
	if got := run(tx(t, n, 4, weightsCall(1, []uint16{2, 3}, []uint16{1, 1}, 0))); got != "0x000103070a000000" {
		t.Error(got)
	}
	if got := run(tx(t, n, 1, weightsCall(1, nil, nil, 0), func(p *txParts) { p.spec++ })); got != "0x010004" {
		t.Error(got)
	}
	if value(t, n, weights.netUID(1, 1)) != nil {
		t.Error("a dry run has changed the state")
	}
	type info struct{ PartialFee, Class string }
	if got := must[info](t, n, "payment_queryInfo", hexText(tx(t, n, 1, commitmentCall(1, "x")))); got.PartialFee != "0" || got.Class != "normal" {
		t.Errorf("%+v", got)
	}
	paying := tx(t, n, 100, body(5, 3, func(w *writer) { w.u8(0); w.account(key(1).Public()); w.compact(tao) }))
	got := must[info](t, n, "payment_queryInfo", hexText(paying))
	before := stateOf(n).accountInfo(key(100).Public()).free
	must[string](t, n, "author_submitExtrinsic", hexText(paying))
	produce(t, n, 1)
	if paid := before - stateOf(n).accountInfo(key(100).Public()).free - tao; fmt.Sprint(paid) != got.PartialFee {
		t.Errorf("paid %d, quoted %s", paid, got.PartialFee)
	}
	w := writer{}
	w.raw(paying)
	w.u32(uint32(len(paying)))
	if raw := runtimeCall(t, n, "TransactionPaymentApi_query_info", w.b); fmt.Sprint((&reader{b: raw[len(raw)-8:]}).u64()) != got.PartialFee {
		t.Errorf("%x", raw)
	}
}

// TestSimulationsRepeat runs the same chain twice, with signatures that differ, in simulated time.
func TestSimulationsRepeat(t *testing.T) {
	run := func() (heads []string) {
		synctest.Test(t, func(t *testing.T) {
			cfg := testConfig()
			cfg.BlockTime = 12 * time.Second
			n, err := Open(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			for i := range 30 {
				actors := []byte{1, 2, 3}
				if i%2 == 1 {
					slices.Reverse(actors)
				}
				for _, a := range actors {
					must[string](t, n, "author_submitExtrinsic", hexText(tx(t, n, a, commitmentCall(1, fmt.Sprint(i)))))
				}
				time.Sleep(12 * time.Second)
				synctest.Wait()
				heads = append(heads, n.Head().Hash)
			}
			if got := n.Head(); got.Number != 30 || got.Time.Second()%12 != 0 {
				t.Errorf("head is %+v", got)
			}
			if err := n.Close(); err != nil {
				t.Error(err)
			}
			if _, err := n.Produce(t.Context()); err == nil {
				t.Error("a closed node produces")
			}
		})
		return heads
	}
	if a, b := run(), run(); !slices.Equal(a, b) {
		t.Error("the hashes differ")
	}
}
