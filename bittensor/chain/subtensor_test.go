package chain_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"github.com/nanteos/nanteos/bittensor/chain"
	"github.com/nanteos/nanteos/bittensor/sr25519"
	"github.com/nanteos/nanteos/bittensor/ss58"
	"github.com/nanteos/nanteos/internal/subtensor"
)

// These tests run the client against internal/subtensor, a local chain with a codec of its own: a mistake of ours doesn't cancel out.

const tao = 1_000_000_000

func key(n byte) sr25519.Keypair { return sr25519.NewKeypair(sha256.Sum256([]byte{n})) }

func address(n byte) string { return ss58.EncodeBittensor(key(n).Public()) }

// localChain starts a chain with subnet 1: the hotkeys 0 to 4, of which 0 and 1 have stake and permits; 100 is everybody's coldkey.
func localChain(t testing.TB, change func(*subtensor.Config, *subtensor.Hyperparameters)) (*subtensor.Node, string) {
	t.Helper()
	p := subtensor.DefaultHyperparameters()
	p.Tempo, p.WeightsRateLimit, p.ServingRateLimit = 10, 2, 2
	cfg := subtensor.Config{BlockTime: 100 * time.Millisecond, Log: slog.New(slog.DiscardHandler)}
	cfg.Genesis = subtensor.Genesis{Name: t.Name(), Balances: map[string]uint64{address(100): 1000 * tao}}
	if change != nil {
		change(&cfg, &p)
	}
	s := subtensor.Subnet{NetUID: 1, Name: "nanteos", Params: p, Owner: address(100)}
	for i := range byte(5) {
		n := subtensor.Neuron{Hotkey: address(i), Coldkey: address(100)}
		if i < 2 {
			n.Stake, n.Permit = uint64(i+1)*100*tao, true
		}
		s.Neurons = append(s.Neurons, n)
	}
	cfg.Genesis.Subnets = []subtensor.Subnet{s}
	n, err := subtensor.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	addr, err := n.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return n, "ws://" + addr.String()
}

func dial(t testing.TB, cfg chain.Config) (*chain.Client, context.Context) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	t.Cleanup(cancel)
	c, err := chain.Dial(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c, ctx
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestReadLocalChain(t *testing.T) {
	node, url := localChain(t, nil)
	c, ctx := dial(t, chain.Config{Network: url})
	if c.Genesis().String() != node.GenesisHash() {
		t.Fatalf("genesis %s, want %s", c.Genesis(), node.GenesisHash())
	}
	v := must(c.Best(ctx))(t)
	m := must(v.Metagraph(ctx, 1))(t)
	if len(m.Neurons) != 5 || m.Name != "nanteos" || m.Tempo != 10 || m.Neurons[1].Hotkey != key(1).Public() || !m.Neurons[1].ValidatorPermit || m.Neurons[1].Stake < m.Neurons[0].Stake {
		t.Fatalf("metagraph %+v", m)
	}
	if uid := must(v.UID(ctx, 1, key(3).Public()))(t); uid != 3 {
		t.Fatalf("uid %d", uid)
	}
	if _, err := v.UID(ctx, 1, key(50).Public()); !errors.Is(err, chain.ErrNotRegistered) {
		t.Fatal(err)
	}
	if _, err := v.Metagraph(ctx, 99); !errors.Is(err, chain.ErrNoSubnet) {
		t.Fatal(err)
	}
	h := must(v.Hyperparameters(ctx, 1))(t)
	if h.Tempo != 10 || h.WeightsRateLimit != 2 || h.Burn != 100_000_000 || !h.RegistrationAllowed || h.CommitReveal || h.Neurons != 5 {
		t.Fatalf("hyperparameters %+v", h)
	}
	if b := must(v.Balance(ctx, key(100).Public()))(t); b.Free != 1000*tao {
		t.Fatalf("balance %+v", b)
	}
	if ts := must(v.Timestamp(ctx))(t); time.Since(ts).Abs() > time.Minute {
		t.Fatalf("timestamp %s", ts)
	}
	if _, err := v.Commitment(ctx, 1, key(0).Public()); !errors.Is(err, chain.ErrNoCommitment) {
		t.Fatal(err)
	}
	if all := must(v.Commitments(ctx, 1))(t); len(all) != 0 {
		t.Fatalf("commitments %v", all)
	}
	_ = must(v.Epochs(ctx, 1))(t)
	_ = must(c.Finalized(ctx))(t)
	_ = must(c.WaitBlock(ctx, v.Header.Number+3))(t)
	if _, err := c.AtNumber(ctx, v.Header.Number+1000); !errors.Is(err, chain.ErrNoBlock) {
		t.Fatal(err)
	}
}

func TestWriteLocalChain(t *testing.T) {
	_, url := localChain(t, nil)
	c, ctx := dial(t, chain.Config{Network: url})

	uid, out, err := c.Register(ctx, key(100), 1, key(7).Public(), 2*tao)
	if err != nil || uid != 5 || out.Number == 0 {
		t.Fatalf("uid %d, %+v, %v", uid, out, err)
	}
	if _, _, err := c.Register(ctx, key(100), 1, key(7).Public(), 0); !errors.Is(err, chain.ErrAlreadyRegistered) {
		t.Fatal(err)
	}
	if _, _, err := c.Register(ctx, key(100), 1, key(8).Public(), 5); !errors.Is(err, chain.ErrPrice) {
		t.Fatal(err)
	}
	if _, _, err := c.Register(ctx, key(3), 1, key(8).Public(), 0); !errors.Is(err, chain.ErrBalance) {
		t.Fatal(err)
	}

	data := make([]byte, 128)
	copy(data, "account and keys of a bucket")
	out = must(c.CommitBytes(ctx, key(7), 1, data))(t)
	if out.Event("Commitments", "Commitment") == nil || out.Fee != 0 {
		t.Fatalf("outcome %+v", out)
	}
	v := must(c.At(ctx, out.Block))(t)
	com := must(v.Commitment(ctx, 1, key(7).Public()))(t)
	if raw, ok := com.Raw(); !ok || string(raw) != string(data) || com.Block != out.Number {
		t.Fatalf("commitment %+v", com)
	}
	if all := must(v.Commitments(ctx, 1))(t); len(all) != 1 || len(all[key(7).Public()].Fields) != 1 {
		t.Fatalf("commitments %+v", all)
	}
	if _, err := c.CommitBytes(ctx, key(9), 1, data); !errors.Is(err, chain.ErrNotRegistered) {
		t.Fatal(err)
	}
	if _, err := c.CommitBytes(ctx, key(7), 1, make([]byte, 600)); !errors.Is(err, chain.ErrTooLong) {
		t.Fatal(err)
	}

	axon := chain.Axon{Version: 9_012_001, Address: netip.MustParseAddrPort("10.1.2.3:8091")}
	out = must(c.Serve(ctx, key(7), 1, axon))(t)
	v = must(c.At(ctx, out.Block))(t)
	if a := must(v.Axon(ctx, 1, key(7).Public()))(t); a.Address != axon.Address || a.Version != axon.Version || a.Protocol != 4 || !a.Serving() {
		t.Fatalf("axon %+v", a)
	}
	if out := must(c.Serve(ctx, key(7), 1, axon))(t); out != nil {
		t.Fatal("the same axon was sent twice")
	}
	if _, err := c.Serve(ctx, key(7), 1, chain.Axon{Address: netip.MustParseAddrPort("127.0.0.1:80")}); !errors.Is(err, chain.ErrAddress) {
		t.Fatal(err)
	}

	w := must(c.SetWeights(ctx, key(1), chain.Weights{Netuid: 1, UIDs: []uint16{0, 2, 5}, Scores: []float64{0.5, 0.25, 0}}))(t)
	if w.Method != chain.SetDirectly || w.Event("SubtensorModule", "WeightsSet") == nil {
		t.Fatalf("outcome %+v", w)
	}
	v = must(c.At(ctx, w.Block))(t)
	if got := must(v.WeightsOf(ctx, 1, 0, 1))(t); len(got) != 2 || got[0] != (chain.Weight{UID: 0, Value: 65535}) || got[1].Value != 32768 {
		t.Fatalf("weights %v", got)
	}
	if _, err := c.SetWeights(ctx, key(1), chain.Weights{Netuid: 1, UIDs: []uint16{0}, Values: []uint16{1}}); !errors.Is(err, chain.ErrRateLimited) {
		t.Fatal(err)
	}
	if _, err := c.SetWeights(ctx, key(4), chain.Weights{Netuid: 1, UIDs: []uint16{0}, Values: []uint16{1}}); !errors.Is(err, chain.ErrNoPermit) {
		t.Fatal(err)
	}
	if _, err := c.SetWeights(ctx, key(0), chain.Weights{Netuid: 1, UIDs: []uint16{77}, Values: []uint16{1}}); !errors.Is(err, chain.ErrWeights) {
		t.Fatal(err)
	}
	if _, err := c.RevealWeights(ctx, key(0), *must(&weightsCommitment, nil)(t)); !errors.Is(err, chain.ErrCommitRevealDisabled) && !errors.Is(err, chain.ErrReveal) {
		t.Fatal(err)
	}
}
