package operator_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nanteos/nanteos/bittensor/sr25519"
	"github.com/nanteos/nanteos/bittensor/wallet"
	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/internal/bucket"
	"github.com/nanteos/nanteos/internal/chain"
	"github.com/nanteos/nanteos/internal/config"
	"github.com/nanteos/nanteos/internal/devnet"
	"github.com/nanteos/nanteos/internal/node"
	"github.com/nanteos/nanteos/internal/node/miner"
	"github.com/nanteos/nanteos/internal/node/network"
	"github.com/nanteos/nanteos/internal/node/validator"
	"github.com/nanteos/nanteos/internal/operator"
	"github.com/nanteos/nanteos/internal/status"
)

// guest is what somebody has who was let into a network: nothing but the files of the lobby.
type guest struct {
	cfg    operator.Config
	remote *chain.Remote
	events *status.Subscription
}

func enter(t *testing.T, lobby, role string) *guest {
	t.Helper()
	n, err := network.Read(filepath.Join(lobby, "network.json"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(lobby, role, ".env"))
	if err != nil {
		t.Fatal(err)
	}
	env, err := config.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	w, err := wallet.New(env["BT_WALLET_PATH"], env["BT_WALLET_COLD"], env["BT_WALLET_HOT"])
	if err != nil {
		t.Fatal(err)
	}
	key, err := w.OpenHotkey(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := key.Keypair()
	if err != nil {
		t.Fatal(err)
	}
	g := &guest{}
	g.remote, err = chain.Dial(t.Context(), chain.RemoteConfig{Endpoints: n.Chain.Endpoints, Genesis: n.Chain.Genesis, NetUID: n.Chain.NetUID})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.remote.Close() })
	registry := status.New(status.Options{})
	g.events = registry.Subscribe(1 << 16)
	g.cfg = operator.Config{
		Network: n, Chain: g.remote, Hotkey: pair, Store: bucket.ReadSettings(func(name string) string { return env[name] }),
		Dir: filepath.Join(t.TempDir(), role), Models: filepath.Join(t.TempDir(), "models"), Name: role, Status: registry,
	}
	return g
}

// await returns the first event that fits.
func (g *guest) await(t *testing.T, what string, fits func(status.Event) bool) status.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	var trouble []string
	for {
		all, _, ok := g.events.Next(ctx)
		if !ok {
			t.Fatalf("no %s; what went wrong: %s", what, strings.Join(trouble, "; "))
		}
		for _, e := range all {
			if fits(e) {
				return e
			}
			if e.Kind == status.Fault || e.Kind == status.Stop {
				trouble = append(trouble, e.Reason)
			}
		}
	}
}

func expose(t *testing.T) *devnet.Network {
	t.Helper()
	s := devnet.DefaultSettings()
	s.BlockTime, s.Miners, s.Cheaters = 200*time.Millisecond, 1, nil
	n, err := devnet.Open(t.Context(), devnet.Config{Settings: s, Expose: true, ChainAddress: "127.0.0.1:0", Data: filepath.Join(t.TempDir(), "net")}, status.New(status.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		_, err := n.Run(ctx)
		ended <- err
	}()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-ended, n.Close()); err != nil {
			t.Errorf("the network ended badly: %v", err)
		}
	})
	return n
}

// TestGuests lets a miner and a validator take part in a network with nothing but what the network tells others: the miner's file is accepted by
// the network's validator, and the guest's weights stand on the chain.
func TestGuests(t *testing.T) {
	if testing.Short() {
		t.Skip("a network of several windows takes half a minute")
	}
	n := expose(t)
	m, v := enter(t, n.Lobby(), "miner"), enter(t, n.Lobby(), "validator")
	ctx, cancel := context.WithCancel(t.Context())
	ask := make(chan struct{})
	mined, judged := make(chan error, 1), make(chan error, 1)
	go func() { mined <- operator.Mine(context.WithoutCancel(ctx), m.cfg, miner.Plan{MaxGroups: 2}, ask) }()
	go func() { judged <- operator.Validate(ctx, v.cfg, validator.Plan{}) }()

	up := m.await(t, "upload", func(e status.Event) bool { return e.Kind == status.Upload })
	address := wallet.FromKeypair(m.cfg.Hotkey).Address()
	verdict := v.await(t, "verdict on the guest", func(e status.Event) bool {
		return e.Kind == status.Verdict && e.Hotkey == address && e.Check != "no_file"
	})
	if verdict.Accepted == nil || !*verdict.Accepted || verdict.Window < up.Window {
		t.Errorf("the guest's file of window %d got %+v", up.Window, verdict)
	}
	weights := v.await(t, "weights", func(e status.Event) bool { return e.Kind == status.Weights })
	set, err := v.remote.Weights(t.Context(), wallet.FromKeypair(v.cfg.Hotkey).Address())
	if err != nil || len(set.Weights) == 0 || len(weights.Weights) == 0 {
		t.Errorf("weights %v are on the chain as %+v, %v", weights.Weights, set, err)
	}
	known, err := v.remote.Commitments(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c, err := bucket.ParseCommitment(known[address])
	if err != nil || c.AccessKeyID != m.cfg.Store.Read.AccessKeyID || c.SecretAccessKey == string(m.cfg.Store.Write.SecretAccessKey) {
		t.Errorf("the chain has other credentials than the read pair: %v", err)
	}
	close(ask)
	cancel()
	for name, ended := range map[string]chan error{"miner": mined, "validator": judged} {
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		case <-time.After(20 * time.Second):
			t.Errorf("%s doesn't end", name)
		}
	}
}

// TestRefused ends the start of a role that can't take part, before anything else is done.
func TestRefused(t *testing.T) {
	n := expose(t)
	good := enter(t, n.Lobby(), "miner").cfg
	busy := t.TempDir()
	lock, err := node.Lock(filepath.Join(busy, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	elsewhere, err := chain.Dial(t.Context(), chain.RemoteConfig{Endpoints: good.Network.Chain.Endpoints, NetUID: 9})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = elsewhere.Close() })
	for _, c := range []struct {
		name   string
		change func(*operator.Config)
		want   error
	}{
		{"folder in use", func(c *operator.Config) { c.Dir = busy }, node.ErrInUse},
		{"stranger", func(c *operator.Config) { c.Hotkey = sr25519.Generate() }, node.ErrNotRegistered},
		{"no read keys", func(c *operator.Config) { c.Store.Read = bucket.Keys{} }, bucket.ErrPublishWrite},
		{"write keys as read keys", func(c *operator.Config) { c.Store.Read = c.Store.Write }, bucket.ErrPublishWrite},
		{"no account", func(c *operator.Config) { c.Store.AccountID = "" }, bucket.ErrSettings},
		{"other subnet", func(c *operator.Config) { c.Chain = elsewhere }, chain.ErrNoSubnet},
		{"without the beacon", func(c *operator.Config) { c.NoBeacon = true }, operator.ErrNeedsBeacon},
		{"other beacon", func(c *operator.Config) { c.Network.Rules.BeaconChain = strings.Repeat("0", 64) }, node.ErrBeaconChain},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := good
			c.change(&cfg)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			if err := operator.Mine(ctx, cfg, miner.Plan{}, nil); !errors.Is(err, c.want) {
				t.Errorf("error is %v, want %v", err, c.want)
			}
		})
	}
	if grail.Reference().BindBeacon {
		t.Error("the public network binds the beacon: --no-drand would never work")
	}
}
