package chain_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"github.com/nanteos/nanteos/bittensor/chain"
	"github.com/nanteos/nanteos/bittensor/metadata"
	"github.com/nanteos/nanteos/bittensor/sr25519"
	"github.com/nanteos/nanteos/bittensor/ss58"
	"github.com/nanteos/nanteos/bittensor/timelock"
	"github.com/nanteos/nanteos/internal/subtensor"
)

// TestMetagraphOfOlderRuntimes takes the newer APIs away one after the other, and then metadata 15: what remains says the same.
func TestMetagraphOfOlderRuntimes(t *testing.T) {
	_, url := localChain(t, nil)
	c, ctx := dial(t, chain.Config{Network: url})
	_ = must(c.Serve(ctx, key(1), 1, chain.Axon{Version: 7, Address: netip.MustParseAddrPort("[2001:db8::1]:9000")}))(t)
	v := must(c.Best(ctx))(t)
	want := must(v.Metagraph(ctx, 1))(t)
	if a := want.Neurons[1].Axon; a.Address != netip.MustParseAddrPort("[2001:db8::1]:9000") || !a.Serving() || want.Neurons[0].Axon.Serving() {
		t.Errorf("axon %+v", a)
	}
	old, _ := dial(t, chain.Config{Network: url, MetadataVersions: []uint32{14}}) // not to be had that way: state_getMetadata gives it
	o := must(old.At(ctx, v.Header.Hash))(t)
	if o.Runtime.Version != 14 {
		t.Fatalf("metadata version %d", o.Runtime.Version)
	}
	check := func(source string, got *chain.Metagraph, stake bool) {
		t.Helper()
		if got.Source != source || len(got.Neurons) != len(want.Neurons) || got.Tempo != want.Tempo || got.BlockHash != want.BlockHash {
			t.Errorf("%s: %+v", source, got)
			return
		}
		for i, n := range got.Neurons {
			w := want.Neurons[i]
			if !stake { // what older sources don't know
				n.Stake, n.AlphaStake, n.TaoStake, n.RegisteredAt, n.Rank, n.Trust, n.Consensus = w.Stake, w.AlphaStake, w.TaoStake, w.RegisteredAt, w.Rank, w.Trust, w.Consensus
			}
			if n != w {
				t.Errorf("%s, neuron %d: got %+v, want %+v", source, i, n, w)
			}
		}
	}
	for _, source := range []string{"get_selective_mechagraph", "get_selective_metagraph", "get_metagraph", "get_neurons_lite"} {
		if !v.Runtime.HasAPI("SubnetInfoRuntimeApi", source) && source != "get_neurons_lite" {
			continue
		}
		check(source, must(v.Metagraph(ctx, 1))(t), source != "get_neurons_lite")
		forget(v.Runtime.Runtime, source)
	}
	check("storage", must(o.Metagraph(ctx, 1))(t), false)
	for _, view := range []*chain.View{v, o} {
		if _, err := view.Metagraph(ctx, 77); !errors.Is(err, chain.ErrNoSubnet) {
			t.Error(err)
		}
		if _, err := view.MechanismMetagraph(ctx, 1, 1); !errors.Is(err, chain.ErrUnsupported) {
			t.Error(err)
		}
	}
}

// forget takes a method out of a runtime's description.
func forget(rt *metadata.Runtime, method string) {
	for i := range rt.APIs {
		var kept []metadata.Method
		for _, m := range rt.APIs[i].Methods {
			if m.Name != method {
				kept = append(kept, m)
			}
		}
		rt.APIs[i].Methods = kept
	}
}

func TestReadsOfOneSubnet(t *testing.T) {
	_, url := localChain(t, nil)
	c, ctx := dial(t, chain.Config{Network: url, MetadataVersions: []uint32{16, 15}})
	_ = must(c.WaitBlock(ctx, 1))(t)
	v := must(c.Best(ctx))(t)
	if n := must(v.RegistrationCost(ctx, 1))(t); n != 100_000_000 {
		t.Errorf("registration costs %d", n)
	}
	if p := must(v.ValidatorPermits(ctx, 1))(t); len(p) != 5 || !p[0] || !p[1] || p[2] {
		t.Errorf("permits %v", p)
	}
	if l := must(v.LastUpdates(ctx, 1, 0))(t); len(l) != 5 {
		t.Errorf("last updates %v", l)
	}
	if a := must(v.Alpha(ctx, key(1).Public(), 1))(t); a != 200*tao {
		t.Errorf("alpha %d", a)
	}
	if a := must(v.Axon(ctx, 1, key(0).Public()))(t); a.Serving() {
		t.Errorf("axon %+v", a)
	}
	if r := must(v.RevealedCommitments(ctx, 1, key(0).Public()))(t); len(r) != 0 {
		t.Errorf("revealed %v", r)
	}
	if _, err := v.Hyperparameters(ctx, 88); !errors.Is(err, chain.ErrNoSubnet) {
		t.Error(err)
	}
	if b := must(c.Block(ctx, v.Header.Hash))(t); len(b.Extrinsics) == 0 || b.Hash != v.Header.Hash {
		t.Errorf("block %+v", b)
	}
	if e := must(c.Events(ctx, v.Header.Hash))(t); len(e) == 0 && v.Header.Number > 0 {
		t.Error("no events")
	}
	var number uint32
	if err := v.Storage(ctx, &number, "System", "Number"); err != nil || uint64(number) != v.Header.Number {
		t.Errorf("System.Number %d, %v", number, err)
	}
	if err := v.Storage(ctx, &number, "System", "NoSuchItem"); !errors.Is(err, metadata.ErrUnknown) {
		t.Error(err)
	}
	var wrong []bool
	if err := v.Storage(ctx, &wrong, "System", "Number"); !errors.Is(err, metadata.ErrType) {
		t.Error(err)
	}
	var nonce uint32
	if err := v.API(ctx, &nonce, "AccountNonceApi", "account_nonce", key(0).Public()); err != nil || nonce != 0 {
		t.Errorf("nonce %d, %v", nonce, err)
	}
}

func TestFinalizedHeadsAreAChain(t *testing.T) {
	_, url := localChain(t, nil)
	c, ctx := dial(t, chain.Config{Network: url})
	s := c.FinalizedHeads(ctx)
	prev := <-s.C
	for range 10 {
		h := <-s.C
		if h.Parent != prev.Hash || h.Reorg != 0 || h.Skipped != 0 {
			t.Errorf("head %d after %d", h.Number, prev.Number)
		}
		prev = h
	}
	_ = c.Close()
	for range s.C {
	}
	if !errors.Is(s.Err(), chain.ErrClosed) {
		t.Error(s.Err())
	}
}

func TestTimelockedCommitment(t *testing.T) {
	_, url := localChain(t, nil)
	c, ctx := dial(t, chain.Config{Network: url})
	secret := must(subtensor.TestSecret(t.Name()))(t)
	round := timelock.Round(time.Now()) + 1
	sealed := must(timelock.Encrypt(rand.Reader, timelock.Text("later"), round, secret.Public()))(t)
	out := must(c.Commit(ctx, key(2), 1, chain.Field{Kind: "TimelockEncrypted", Data: sealed, Round: round}))(t)
	com := must(must(c.At(ctx, out.Block))(t).Commitment(ctx, 1, key(2).Public()))(t)
	if len(com.Fields) != 1 || com.Fields[0].Kind != "TimelockEncrypted" || com.Fields[0].Round != round || string(com.Fields[0].Data) != string(sealed) {
		t.Fatalf("commitment %+v", com)
	}
	if _, ok := com.Raw(); ok {
		t.Error("a ciphertext is taken for plain bytes")
	}
	for h := range c.Heads(ctx).C {
		list := must(must(c.At(ctx, h.Hash))(t).RevealedCommitments(ctx, 1, key(2).Public()))(t)
		if len(list) == 1 {
			if s, ok := timelock.ParseText(list[0].Data); !ok || s != "later" {
				t.Errorf("revealed %q", list[0].Data)
			}
			return
		}
		if h.Number > out.Number+100 {
			t.Fatal("the chain did not reveal the commitment")
		}
	}
}

// A miner registers and commits where its files are; a validator finds it.
func ExampleClient_CommitBytes() {
	coldkey, hotkey := sr25519.Generate(), sr25519.Generate()
	url, stop := exampleChain(coldkey)
	defer stop()

	ctx, cancel := exampleContext()
	defer cancel()
	client, err := chain.Dial(ctx, chain.Config{Network: url}) // or "finney"
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = client.Close() }()

	uid, _, err := client.Register(ctx, coldkey, 1, hotkey.Public(), 1_000_000_000) // for at most 1 TAO
	fmt.Println("uid", uid, err)
	out, err := client.CommitBytes(ctx, hotkey, 1, []byte("hello commitments"))
	if err != nil {
		fmt.Println(err)
		return
	}
	then, err := client.At(ctx, out.Block)
	if err != nil {
		fmt.Println(err)
		return
	}
	all, err := then.Commitments(ctx, 1)
	for _, c := range all {
		raw, _ := c.Raw()
		fmt.Printf("%q %v\n", raw, err)
	}
	// Output:
	// uid 0 <nil>
	// "hello commitments" <nil>
}

// exampleChain starts a local chain with an empty subnet 1, in which one account has 10 TAO.
func exampleChain(rich sr25519.Keypair) (url string, stop func()) {
	ctx, cancel := exampleContext()
	defer cancel()
	n, err := subtensor.Open(ctx, subtensor.Config{BlockTime: 50 * time.Millisecond, Log: slog.New(slog.DiscardHandler), Genesis: subtensor.Genesis{Name: "example",
		Subnets: []subtensor.Subnet{{NetUID: 1}}, Balances: map[string]uint64{ss58.EncodeBittensor(rich.Public()): 10_000_000_000}}})
	if err != nil {
		panic(err)
	}
	addr, err := n.Listen("127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	return "ws://" + addr.String(), func() { _ = n.Close() }
}
