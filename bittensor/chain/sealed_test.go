package chain_test

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nanteos/nanteos/bittensor/chain"
	"github.com/nanteos/nanteos/bittensor/chain/rpc"
	"github.com/nanteos/nanteos/bittensor/scale"
	"github.com/nanteos/nanteos/bittensor/timelock"
	"github.com/nanteos/nanteos/bittensor/weights"
)

// subnet gives the world's subnet 1 eight neurons, all with permits, under commit-reveal, which is these runtimes' default.
func (w *world) subnet(t *testing.T) {
	rt := w.runtimes[0]
	set := func(value []byte, item string, keys ...any) {
		k, err := rt.StorageKey("SubtensorModule", item, keys...)
		if err != nil {
			t.Fatal(err)
		}
		w.extra[string(k)] = value
	}
	w.extra = map[string][]byte{}
	u16 := func(v uint16) []byte { return binary.LittleEndian.AppendUint16(nil, v) }
	set([]byte{1}, "NetworksAdded", uint16(1))
	set(u16(8), "SubnetworkN", uint16(1))
	set(u16(99), "Tempo", uint16(1))
	set(u16(1), "MinAllowedWeights", uint16(1))
	permits := scale.AppendCompact(nil, 8)
	for range 8 {
		permits = append(permits, 1)
	}
	set(permits, "ValidatorPermit", uint16(1))
}

// TestSealedWeightsOpenToWhatWasMeant runs SetWeights on recorded metadata of finney and opens what it sent with the beacon's key.
func TestSealedWeightsOpenToWhatWasMeant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 9)
		w.subnet(t)
		n := w.node("a")
		for range 20 {
			w.step(0)
		}
		time.Sleep(24 * 365 * 24 * time.Hour) // a bubble begins in 2000, before drand
		go func() {
			for range 20 {
				time.Sleep(12 * time.Second)
				w.step(0)
			}
		}()
		time.Sleep(13 * time.Second)
		secret := timelock.GenerateSecret()
		drand := secret.Chain(time.Unix(1692803367, 0), 3*time.Second)
		c, err := chain.Dial(t.Context(), chain.Config{Network: n.url(), Drand: &drand, Socket: rpc.Options{Dial: w.dialer()}})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close(); time.Sleep(10 * time.Minute) }()
		uids, values := []uint16{0, 5}, []uint16{65535, 300}
		out, err := c.SetWeights(t.Context(), key(0), chain.Weights{Netuid: 1, UIDs: uids, Values: values, VersionKey: 77})
		if err != nil || out.Method != chain.CommitTimelock {
			t.Fatalf("%+v, %v", out, err)
		}
		b, err := c.Block(t.Context(), out.Block)
		if err != nil {
			t.Fatal(err)
		}
		x, err := w.runtimes[0].DecodeExtrinsic(b.Extrinsics[out.Index])
		if err != nil || x.Call.Name != "commit_timelocked_mechanism_weights" || x.Call.Args.Get("reveal_round") != out.RevealRound || x.Call.Args.Get("commit_reveal_version") != uint64(4) {
			t.Fatalf("%+v, %v", x, err)
		}
		pulse, err := secret.Pulse(out.RevealRound)
		if err != nil {
			t.Fatal(err)
		}
		sealed, _ := x.Call.Args.Get("commit").([]byte)
		plain, err := timelock.Decrypt(sealed, pulse.Signature)
		if err != nil || string(plain) != string(weights.Payload(key(0).Public(), uids, values, 77)) {
			t.Errorf("%x, %v", plain, err)
		}
		// The old rule of epochs: (block+netuid+1)/(tempo+1), one epoch later.
		head := out.Number - 1
		if want := ((head+2)/100+1)*100 - 2; out.RevealBlock != want {
			t.Errorf("reveal block %d, want %d", out.RevealBlock, want)
		}
		at, err := c.Timestamp(t.Context(), out.Block)
		if due := drand.Time(out.RevealRound); err != nil || due.Before(at) || due.After(at.Add(45*time.Minute)) {
			t.Errorf("round due %s, sealed at %s, %v", due, at, err)
		}
	})
}

// TestBeaconOfTheChain: without a word in the configuration the chain's own beacon counts; recorded metadata has quicknet for a default.
func TestBeaconOfTheChain(t *testing.T) {
	alone(t, func(t *testing.T, w *world, n *simnode, c *chain.Client) {
		v, err := c.Best(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var b struct {
			PublicKey []byte `scale:"public_key"`
			Period    uint32
		}
		if err := v.Storage(t.Context(), &b, "Drand", "BeaconConfig"); err != nil || string(b.PublicKey) != string(timelock.QuicknetChain().PublicKey) || b.Period != 3 {
			t.Errorf("%x, %d, %v", b.PublicKey, b.Period, err)
		}
	})
}

// TestEstimatesWithoutTheNodesHelp: public nodes forbid dry runs, and some know no fee query: runtime functions answer instead.
func TestEstimatesWithoutTheNodesHelp(t *testing.T) {
	alone(t, func(t *testing.T, w *world, n *simnode, c *chain.Client) {
		answers := map[string]string{}
		n.mu.Lock()
		n.hook = func(method string, params []json.RawMessage) (any, *simerror, bool) {
			var function string
			if method == "state_call" {
				_ = json.Unmarshal(params[0], &function)
			}
			if a, ok := answers[function]; ok {
				return a, nil, true
			}
			if function != "" && function != "Metadata_metadata_at_version" {
				return nil, &simerror{4003, "Client error: Execution failed: Exported method " + function + " is not found", nil}, true
			}
			return nil, nil, false
		}
		n.mu.Unlock()
		v, err := c.Best(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ctx := t.Context()
		if _, err := v.DryRun(ctx, key(0), remark("x")); !errors.Is(err, chain.ErrUnsupported) {
			t.Error(err)
		}
		if _, err := v.Fee(ctx, key(0).Public(), remark("x")); err == nil {
			t.Error("a fee out of nothing")
		}
		const validate, apply, info = "TaggedTransactionQueue_validate_transaction", "BlockBuilder_apply_extrinsic", "TransactionPaymentApi_query_info"
		answers[validate] = "0x00" + "0000000000000000" + "00" + "00" + "4000000000000000" + "01"
		if applied, err := v.DryRun(ctx, key(0), remark("x")); err != nil || applied {
			t.Error(applied, err)
		}
		answers[apply] = "0x0000"
		if applied, err := v.DryRun(ctx, key(0), remark("x")); err != nil || !applied {
			t.Error(applied, err)
		}
		// DispatchError::Module of SubtensorModule, with the number that this runtime gives SettingWeightsTooFast.
		p, err := v.Runtime.Pallet("SubtensorModule")
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range p.Errors() {
			if e.Name == "SettingWeightsTooFast" {
				answers[apply] = "0x0001" + "03" + hex.EncodeToString([]byte{p.Index, e.Index, 0, 0, 0})
			}
		}
		var d *chain.DispatchError
		if applied, err := v.DryRun(ctx, key(0), remark("x")); !applied || !errors.As(err, &d) || !errors.Is(err, chain.ErrRateLimited) {
			t.Error(applied, err)
		}
		var pe *chain.PoolError
		for raw, kind := range map[string]string{"0x010001": "Payment", "0x01000706": "Custom", "0x010100": "Unknown"} {
			answers[validate] = raw
			if applied, err := v.DryRun(ctx, key(0), remark("x")); applied || !errors.As(err, &pe) || pe.Kind != kind {
				t.Errorf("%s: %v, %v", raw, applied, err)
			}
		}
		answers[info] = "0x" + "04" + "08" + "00" + "3930000000000000"
		if f, err := v.Fee(ctx, key(0).Public(), remark("x")); err != nil || f != (chain.Fee{Rao: 12345, Class: "Normal", RefTime: 1, ProofSize: 2}) {
			t.Errorf("%+v, %v", f, err)
		}
		answers[info] = "0x04"
		if _, err := v.Fee(ctx, key(0).Public(), remark("x")); err == nil {
			t.Error("half a fee")
		}
	})
}
