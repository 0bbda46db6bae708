package main

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	bittensor "github.com/nanteos/nanteos/bittensor/chain"
	"github.com/nanteos/nanteos/bittensor/sr25519"
	"github.com/nanteos/nanteos/bittensor/ss58"
	"github.com/nanteos/nanteos/bittensor/wallet"
	"github.com/nanteos/nanteos/internal/node/network"
	"github.com/nanteos/nanteos/internal/subtensor"
)

// TestRegister registers a hotkey on a local chain, and holds what the user reads when that can't be.
func TestRegister(t *testing.T) {
	rich, poor := sr25519.Generate(), sr25519.Generate()
	params := subtensor.DefaultHyperparameters()
	params.Burn = 100_000_000
	node, err := subtensor.Open(t.Context(), subtensor.Config{Path: filepath.Join(t.TempDir(), "chain.db"), BlockTime: 50 * time.Millisecond, Genesis: subtensor.Genesis{
		Name: "test", Time: time.Now(), Subnets: []subtensor.Subnet{{NetUID: 81, Name: "grail", Symbol: "g", Params: params}},
		Balances: map[string]uint64{ss58.EncodeBittensor(rich.Public()): 1_000_000_000},
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = node.Close() })
	at, err := node.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	path := t.TempDir()
	for name, cold := range map[string]sr25519.Keypair{"rich": rich, "poor": poor} {
		w, err := wallet.New(path, name, "default")
		if err == nil {
			err = errors.Join(w.SaveColdkey(t.Context(), wallet.FromKeypair(cold), wallet.Secret{}, false),
				w.SaveHotkey(t.Context(), wallet.FromKeypair(sr25519.Generate()), wallet.Secret{}, false))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	try := func(args ...string) (string, error) {
		var out bytes.Buffer
		root := newRoot(terminal{out: &out, err: &out, program: "nanteos"})
		root.SetArgs(append(args, "--subtensor.chain_endpoint", "ws://"+at.String()))
		err := root.ExecuteContext(t.Context())
		return out.String(), err
	}
	for _, c := range []struct {
		args       string
		said, hint string
		want       error
	}{
		{"register --netuid 5 --wallet.name rich", "", "81 for Grail on finney", bittensor.ErrNoSubnet},
		{"metagraph --netuid 5", "", "81 for Grail on finney", bittensor.ErrNoSubnet},
		{"metagraph --subtensor.network finney", "", "another chain answers there", bittensor.ErrGenesis},
		{"register --wallet.name poor", "costs 0.1 TAO now", "send at least 0.1 TAO to " + ss58.EncodeBittensor(poor.Public()), bittensor.ErrBalance},
		{"register --wallet.name rich --max-price 0.05", "costs 0.1 TAO now", "raise --max-price", bittensor.ErrPrice},
		{"register --wallet.name rich", "is registered in subnet 81 with UID 0, block ", "", nil},
		{"register --wallet.name rich", "is registered in subnet 81 already, with UID 0", "", nil},
		{"metagraph", "subnet 81 grail, block ", "", nil},
	} {
		args := append([]string{"subnet"}, strings.Fields(c.args)...)
		if args[1] == "register" {
			args = append(args, "--wallet.path", path)
		}
		out, err := try(args...)
		if !errors.Is(err, c.want) || !strings.Contains(out, c.said) || err != nil && !strings.Contains(hintOf(err), c.hint) {
			t.Errorf("%s: %v, hint %q, output %q", c.args, err, hintOf(err), out)
		}
		if c.said == "" && out != "" {
			t.Errorf("%s: says %q before it fails", c.args, out)
		}
	}
	if n, ok := network.Public("finney", 81); !ok || n.Genesis == "" {
		t.Error("the genesis of finney isn't known")
	}
}
