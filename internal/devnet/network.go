package devnet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/internal/beacon"
	"github.com/nanteos/nanteos/internal/bucket"
	"github.com/nanteos/nanteos/internal/chain"
	"github.com/nanteos/nanteos/internal/checkpoint"
	"github.com/nanteos/nanteos/internal/engine"
	"github.com/nanteos/nanteos/internal/node"
	"github.com/nanteos/nanteos/internal/status"
	"github.com/nanteos/nanteos/internal/subtensor"
)

// Network is an open devnet.
type Network struct {
	cfg      Config
	folder   *folder
	rules    grail.Rules
	members  []Member
	registry *status.Registry
	ledger   *Ledger

	node     *subtensor.Node // the chain
	endpoint string          // of the node
	chain    *chain.Remote   // the way there, for all roles: the one they would take to a public chain
	beacon   *beacon.Local
	store    *bucket.Server
	cache    *checkpoint.Cache
	library  *engine.Library
	// environments are shared by all members.
	environments *node.Environments
	first        int64     // the first window that can be mined
	began        time.Time // when Open was called

	logic *logicNet // nil where the network has none

	doors  *http.Server // the beacon for others; nil unless exposed
	lobby  string       // the folder with what others need to take part; empty unless exposed
	ending atomic.Bool  // roles are being stopped

	noisy    sync.Mutex
	borrowed []func() // gives back what cheats borrowed from the library; guarded by noisy

	clients sync.Mutex
	opened  []*bucket.S3 // guarded by clients
}

// Open makes or continues the network in the data folder and starts chain, beacon and store. Everything that happens is told to the
// registry. Close the network when done. Errors wrap ErrInUse, ErrOtherNetwork or ErrFolder where the folder is to blame.
func Open(ctx context.Context, cfg Config, registry *status.Registry) (_ *Network, err error) {
	began := time.Now()
	f, err := openFolder(cfg, began)
	if err != nil {
		return nil, err
	}
	n := &Network{cfg: cfg, folder: f, rules: f.rules, members: f.made.Members(), registry: registry, first: f.rules.WindowLength, began: began}
	n.ledger = NewLedger(n.members, n.rules, n.first)
	n.openCurve()
	n.environments = &node.Environments{Tools: cfg.Tools}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.Close())
		}
	}()
	dataset, err := n.tryEnvironment()
	if err != nil {
		return nil, err
	}
	if n.folder.made.Dataset != dataset {
		n.folder.made.Dataset = dataset
		if err := n.folder.keep(); err != nil {
			return nil, err
		}
	}
	if n.library, n.cache, err = n.openModels(); err != nil {
		return nil, err
	}
	if err := n.openBeacon(); err != nil {
		return nil, err
	}
	if err := n.openStore(ctx); err != nil {
		return nil, err
	}
	if err := n.openChain(ctx); err != nil {
		return nil, err
	}
	if err := n.openLogic(ctx); err != nil {
		return nil, err
	}
	if err := n.found(ctx); err != nil {
		return nil, err
	}
	return n, n.expose()
}

// Members lists who takes part, in the order of UIDs.
func (n *Network) Members() []Member { return n.members }

// Rules are the network's.
func (n *Network) Rules() grail.Rules { return n.rules }

// Settings are those the network was made with.
func (n *Network) Settings() Settings { return n.folder.made.Settings }

// Fresh says that the network was made now, not continued.
func (n *Network) Fresh() bool { return n.folder.fresh }

// Ledger is what is known of all members at any time.
func (n *Network) Ledger() *Ledger { return n.ledger }

func (n *Network) openModels() (*engine.Library, *checkpoint.Cache, error) {
	cache, err := checkpoint.OpenCache(n.folder.checkpoints(), checkpoint.Limits{FileBytes: 1 << 30, TotalBytes: 2 << 30})
	if err != nil {
		return nil, nil, err
	}
	return engine.NewLibrary(engine.Config{CacheBytes: 64 << 20}), cache, nil
}

func (n *Network) openBeacon() (err error) {
	seed := n.folder.made.derive("beacon", "key")
	n.beacon, err = beacon.NewLocal(beacon.LocalConfig{Seed: seed[:], Genesis: time.UnixMilli(n.rules.BeaconGenesisMillis), Period: beaconPeriod})
	if err != nil {
		return err
	}
	return node.CheckBeacon(n.rules, n.beacon.Info())
}

// openStore starts the S3 server and gives every member a bucket with keys of its own.
func (n *Network) openStore(ctx context.Context) (err error) {
	former, _ := n.formerPlaces()
	n.store, err = bucket.StartServer(ctx, bucket.ServerConfig{Dir: n.folder.store(), Address: former})
	if err != nil && former != "" && ctx.Err() == nil { // somebody else listens there now
		n.store, err = bucket.StartServer(ctx, bucket.ServerConfig{Dir: n.folder.store()})
	}
	if err != nil {
		return err
	}
	for _, m := range n.members {
		if err := n.store.CreateBucket(ctx, m.Account, m.Keys); err != nil {
			return err
		}
	}
	return nil
}

// netUID is the number of the network's subnet, which is Grail's on the public chain.
const netUID = 81

// openChain starts the chain's node, and connects to it as to any node.
func (n *Network) openChain(ctx context.Context) (err error) {
	params := subtensor.DefaultHyperparameters()
	params.Tempo = uint16(n.rules.WindowLength) // an epoch a window, so that incentives follow weights at once
	params.WeightsRateLimit = uint64(n.rules.WindowLength / 3)
	params.CommitmentSpace = 31_000
	params.Emission = rao
	params.ImmunityPeriod = 1 << 15 // a guest that registers replaces nobody
	params.Burn = rao / 10
	subnet := subtensor.Subnet{NetUID: netUID, Name: "grail", Symbol: "g", Params: params}
	for _, m := range n.members {
		subnet.Neurons = append(subnet.Neurons, subtensor.Neuron{Hotkey: m.Address(), Coldkey: m.coldkey(n.folder.made.Settings), Stake: m.Stake, Permit: m.Role == Validator})
	}
	subnets := []subtensor.Subnet{subnet}
	if n.folder.made.LogicNet {
		subnets = append(subnets, n.folder.made.logicSubnet(params))
	}
	genesis := subtensor.Genesis{
		Name: fmt.Sprintf("nanteos devnet %d", n.folder.made.Seed), Time: n.folder.made.Genesis, Subnets: subnets,
		StatefulEpochs: true, // as the chain has had since 2026; SDK 11 sets no weights without
		Balances:       map[string]uint64{n.folder.made.Settings.guestColdkey().Address(): 1000 * rao},
	}
	n.node, err = subtensor.Open(ctx, subtensor.Config{
		Path: n.folder.chain(), Genesis: genesis, BlockTime: n.folder.made.BlockTime, ChainName: "nanteos devnet",
		Log: slog.New(status.LogHandler(n.registry, "chain", slog.LevelWarn)),
	})
	switch {
	case errors.Is(err, subtensor.ErrOtherChain):
		return WithHint(err, "another version of nanteos made this folder: name another one for --data, or remove this one")
	case err != nil:
		return err
	}
	address := n.cfg.ChainAddress
	switch {
	case address != "":
	case n.cfg.Expose:
		address = chainAddress
	default:
		address = "127.0.0.1:0"
	}
	at, err := n.node.Listen(address)
	if err != nil {
		return WithHint(err, "another program listens there; end it, or run without --expose")
	}
	n.endpoint = "ws://" + at.String()
	n.chain, err = chain.Dial(ctx, chain.RemoteConfig{Endpoints: []string{n.endpoint}, Genesis: n.node.GenesisHash(), NetUID: netUID})
	return err
}

// found does what a network needs before its first window: a checkpoint, credentials on the chain, and a block that is late enough.
func (n *Network) found(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	published := make(chan error, 1)
	go func() { published <- n.publish(ctx) }()
	err := n.announce(ctx)
	if err = errors.Join(err, <-published); err != nil {
		return fmt.Errorf("couldn't found the network: %w", err)
	}
	return n.hurry(ctx)
}

// announce commits all read credentials. In a new network it makes the blocks for it, so that nobody waits.
func (n *Network) announce(ctx context.Context) error {
	errs := make(chan error, len(n.members))
	var ours []Member
	for _, m := range n.members {
		if m.Kind != Guest {
			ours = append(ours, m)
		}
	}
	for _, m := range ours {
		go func() { errs <- n.commit(ctx, m) }()
	}
	var all error
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for left := len(ours); left > 0; {
		select {
		case err := <-errs:
			all = errors.Join(all, err)
			left--
		case <-tick.C:
			if !n.folder.fresh {
				continue
			}
			if _, err := n.produce(ctx); err != nil {
				return err
			}
		}
	}
	return all
}

// produce makes a block when the clock has passed the newest one's time. A block that is made earlier is stamped a block time ahead of the clock,
// and a row of such ones would carry the chain into the future.
func (n *Network) produce(ctx context.Context) (subtensor.Block, error) {
	head := n.node.Head()
	select {
	case <-ctx.Done():
		return head, ctx.Err()
	case <-time.After(time.Until(head.Time.Add(2 * time.Millisecond))):
	}
	return n.node.Produce(ctx)
}

func (n *Network) commit(ctx context.Context, m Member) error {
	credentials, err := m.settings(n.store.Endpoint()).Published()
	if err != nil {
		return err
	}
	text, err := credentials.EncodeCommitment()
	if err != nil {
		return err
	}
	return node.Announce(ctx, n.chain, m.Signer(), text, nil)
}

// hurry brings a new network to the window after window 0. A checkpoint is used in windows after its READY number only, and that is at
// least 0; so nothing can be mined before.
func (n *Network) hurry(ctx context.Context) error {
	for {
		if int64(n.node.Head().Number) >= n.first {
			return nil
		}
		if _, err := n.produce(ctx); err != nil {
			return err
		}
	}
}

// own opens a member's bucket with the right to write.
func (n *Network) own(m Member) (*bucket.S3, error) {
	b, err := bucket.NewS3(m.settings(n.store.Endpoint()).Own())
	n.remember(b, err)
	return b, err
}

// peer opens buckets of others for a member, by what they committed.
func (n *Network) peer(m Member) func(commitment []byte) (node.Bucket, error) {
	open := node.OpenPeer(m.settings(n.store.Endpoint()))
	return func(commitment []byte) (node.Bucket, error) {
		b, err := open(commitment)
		if s3, ok := b.(*bucket.S3); ok {
			n.remember(s3, err)
		}
		return b, err
	}
}

// remember keeps a client, so that its idle connections can be closed: the store waits for them when it ends.
func (n *Network) remember(b *bucket.S3, err error) {
	if err != nil || b == nil {
		return
	}
	n.clients.Lock()
	defer n.clients.Unlock()
	n.opened = append(n.opened, b)
}

func (n *Network) dir(m Member) string { return n.folder.node(m.Name) }

func (n *Network) baseDir() string { return filepath.Join(n.folder.models(), "base") }

// Close ends chain and store and releases the data folder; a temporary one is removed.
func (n *Network) Close() error {
	var err error
	n.noisy.Lock()
	for _, giveBack := range n.borrowed {
		giveBack()
	}
	n.borrowed = nil
	n.noisy.Unlock()
	err = errors.Join(err, n.logic.close())
	if n.chain != nil {
		err = errors.Join(err, n.chain.Close())
	}
	if n.node != nil {
		err = errors.Join(err, n.node.Close())
	}
	if n.doors != nil {
		err = errors.Join(err, n.doors.Close())
	}
	n.clients.Lock()
	for _, b := range n.opened {
		err = errors.Join(err, b.Close())
	}
	n.clients.Unlock()
	if n.store != nil {
		err = errors.Join(err, n.closeStore())
	}
	return errors.Join(err, n.folder.close())
}

// closeStore ends the store. It answers nobody any more, so it is not waited for longer than a moment.
func (n *Network) closeStore() error {
	ended := make(chan error, 1)
	go func() { ended <- n.store.Close() }()
	select {
	case err := <-ended:
		return err
	case <-time.After(time.Second):
		return nil
	}
}

// First is the first window that can be mined.
func (n *Network) First() int64 { return n.first }

// Title says in a line what network it is.
func (n *Network) Title() string {
	s := n.folder.made.Settings
	verb := "new"
	if !n.folder.fresh {
		verb = "continued"
	}
	env, dataset := n.Environment()
	if dataset != "" {
		env += " of " + dataset
	}
	title := fmt.Sprintf("devnet: %s network of %s with %s, %s, %s; %s rules, seed %d, blocks every %s, %s",
		verb, env, count(s.Validators, "validator"), count(s.Miners, "honest miner"), count(len(s.Cheaters), "cheater"), s.RulesName, s.Seed, s.BlockTime, orTemporary(n.folder))
	if s.LogicNet {
		title += fmt.Sprintf("; LogicNet with %s", count(len(n.LogicMembers())-1, "miner"))
	}
	return title + n.invitation()
}
