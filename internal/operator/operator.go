// Package operator runs one role as a process of its own: a miner or a validator that takes part in somebody's network, with a hotkey, a chain
// and a bucket of its own. A devnet runs the same roles together; here is what a role alone needs besides: finding out whether it can take part at
// all, saying so before anything else is done, and telling the chain where its files are to be read.
package operator

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/nanteos/nanteos/bittensor/sr25519"
	"github.com/nanteos/nanteos/bittensor/ss58"
	"github.com/nanteos/nanteos/internal/beacon"
	"github.com/nanteos/nanteos/internal/bucket"
	"github.com/nanteos/nanteos/internal/chain"
	"github.com/nanteos/nanteos/internal/checkpoint"
	"github.com/nanteos/nanteos/internal/engine"
	"github.com/nanteos/nanteos/internal/node"
	"github.com/nanteos/nanteos/internal/node/checkpoints"
	"github.com/nanteos/nanteos/internal/node/miner"
	"github.com/nanteos/nanteos/internal/node/network"
	"github.com/nanteos/nanteos/internal/node/validator"
	"github.com/nanteos/nanteos/internal/status"
)

// ErrNeedsBeacon says that the network's rules bind a beacon that the operator wants to do without.
var ErrNeedsBeacon = errors.New("the network's rules need its beacon")

// Config is what a role consists of.
type Config struct {
	// Network is what the role takes part in.
	Network network.Network
	// Chain reaches it.
	Chain chain.Chain
	// Hotkey signs.
	Hotkey sr25519.Keypair
	// Store is the role's bucket. Its endpoint, where it is empty, is the network's.
	Store bucket.Settings
	// NoBeacon does without public randomness, where the rules allow that.
	NoBeacon bool
	// Dir is the role's data folder, Models the folder where checkpoints are kept.
	Dir, Models string
	// Environments opens the environments that checkpoints ask for; nil: those that need no tools.
	Environments *node.Environments
	// Mirrors are copies of the trainer's bucket, from which checkpoints are got as well. They are trusted with nothing.
	Mirrors []node.Bucket
	// Name is the role's name in events.
	Name string
	// Status gets events.
	Status *status.Registry
	// Client makes the beacon's requests, a client of its own when nil.
	Client *http.Client
}

// versionKey goes with weights: the reference's SDK, 9.12.1, as an integer (chain specification, 8).
const versionKey = 9_012_001

// role is what both roles consist of.
type role struct {
	cfg    Config
	sink   status.Sink
	beacon node.Beacon
	store  *checkpoints.Store
	uid    int
}

// Mine runs a miner until ctx ends or ask is closed; then it uploads what is complete first. Errors wrap node.ErrNotRegistered,
// bucket.ErrSettings, bucket.ErrPublishWrite, node.ErrInUse (another process mines with the folder) or ErrNeedsBeacon where the operator is to mend
// something.
func Mine(ctx context.Context, cfg Config, plan miner.Plan, ask <-chan struct{}) error {
	if _, err := cfg.Store.Published(); err != nil {
		return err
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return fmt.Errorf("couldn't make data folder: %w", err)
	}
	lock, err := node.Lock(filepath.Join(cfg.Dir, "lock"))
	if err != nil {
		return err
	}
	defer lock.Close()
	r, err := open(ctx, &cfg, "miner")
	if err != nil {
		return err
	}
	own, err := r.announce(ctx)
	if err != nil {
		return err
	}
	defer own.Close()
	plan.Name, plan.UID = cfg.Name, &r.uid
	m, err := miner.New(miner.Config{
		Rules: cfg.Network.Rules, Hotkey: cfg.Hotkey, Plan: plan, Dir: cfg.Dir, Heads: cfg.Chain, Beacon: r.beacon,
		Checkpoints: r.store, Bucket: own, Status: r.sink,
	})
	if err != nil {
		return err
	}
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		select {
		case <-ask:
			m.Stop()
		case <-ended:
		}
	}()
	return clean(ctx, m.Run(ctx))
}

// Validate runs a validator until ctx ends. A bucket of its own is for trust lists; without one none are published.
func Validate(ctx context.Context, cfg Config, plan validator.Plan) error {
	r, err := open(ctx, &cfg, "validator")
	if err != nil {
		return err
	}
	plan.Name = cfg.Name
	vc := validator.Config{
		Plan: plan, Rules: cfg.Network.Rules, Dir: cfg.Dir, Chain: cfg.Chain, Signer: chain.KeySigner(cfg.Hotkey), Beacon: r.beacon,
		Checkpoints: r.store, OpenBucket: node.OpenPeer(cfg.Store), VersionKey: versionKey, Sink: r.sink,
	}
	if cfg.Store.AccountID != "" {
		own, err := r.announce(ctx)
		if err != nil {
			return err
		}
		defer own.Close()
		vc.Own = own
	}
	v, err := validator.New(vc)
	if err != nil {
		return err
	}
	return clean(ctx, v.Run(ctx))
}

// clean is nil for a run that ended because it was told to.
func clean(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// open checks what can be checked before anything runs.
func open(ctx context.Context, cfg *Config, name string) (*role, error) {
	if s := cfg.Network.Store; s != nil && cfg.Store.Endpoint == "" {
		cfg.Store.Endpoint, cfg.Store.PathStyle = s.Endpoint, s.PathStyle
		if cfg.Store.Region == "" {
			cfg.Store.Region = s.Region
		}
	}
	address := ss58.EncodeBittensor(cfg.Hotkey.Public())
	r := &role{cfg: *cfg, sink: cfg.Status.Named(cfg.Name, name, address)}
	var err error
	if r.beacon, err = openBeacon(*cfg); err != nil {
		return nil, err
	}
	for _, dir := range []string{cfg.Dir, cfg.Models} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("couldn't make data folder: %w", err)
		}
	}
	cache, err := checkpoint.OpenCache(filepath.Join(cfg.Models, "checkpoints"), checkpoint.Limits{})
	if err != nil {
		return nil, err
	}
	if r.uid, err = node.UID(ctx, cfg.Chain, address, r.fault); err != nil {
		return nil, err
	}
	peers := node.NewPeers(cfg.Chain, node.OpenPeer(cfg.Store))
	r.store = &checkpoints.Store{
		Rules: cfg.Network.Rules, Buckets: peers, Cache: cache, Library: engine.NewLibrary(engine.Config{}), Environments: cfg.Environments,
		Mirrors: cfg.Mirrors, Dropped: r.dropped,
	}
	return r, nil
}

// openBeacon reaches the network's beacon.
func openBeacon(cfg Config) (node.Beacon, error) {
	if cfg.NoBeacon || cfg.Network.Beacon == nil {
		if cfg.Network.Rules.BindBeacon {
			return nil, fmt.Errorf("couldn't do without the beacon: %w", ErrNeedsBeacon)
		}
		return nil, nil
	}
	info, err := cfg.Network.Beacon.Info()
	if err != nil {
		return nil, err
	}
	if err := node.CheckBeacon(cfg.Network.Rules, info); err != nil {
		return nil, err
	}
	b, err := beacon.NewHTTP(beacon.HTTPConfig{Info: info, Relays: cfg.Network.Beacon.Relays, Client: cfg.Client})
	if err != nil {
		return nil, err
	}
	return b, nil
}

// announce opens the own bucket and commits its read credentials on the chain unless they are there.
func (r *role) announce(ctx context.Context) (*bucket.S3, error) {
	credentials, err := r.cfg.Store.Published()
	if err != nil {
		return nil, err
	}
	text, err := credentials.EncodeCommitment()
	if err != nil {
		return nil, err
	}
	own, err := bucket.NewS3(r.cfg.Store.Own())
	if err != nil {
		return nil, err
	}
	if err := node.Announce(ctx, r.cfg.Chain, chain.KeySigner(r.cfg.Hotkey), text, r.fault); err != nil {
		return nil, errors.Join(err, own.Close())
	}
	return own, nil
}

// dropped tells of a bucket that was given up while a checkpoint was fetched.
func (r *role) dropped(label int64, d checkpoint.Dropped) {
	r.sink.Emit(status.Event{Time: time.Now(), Kind: status.Fault, Window: label, Reason: fmt.Sprintf("bucket %s is not asked any more for checkpoint %d: %v", d.Bucket, label, d.Err),
		Hint: "the checkpoint is fetched from the others; copy the trainer's bucket again, or leave this mirror out"})
}

func (r *role) fault(err error) {
	uid := r.uid
	e := status.Event{Time: time.Now(), Kind: status.Fault, Reason: err.Error(), Hint: "it is tried again"}
	if uid > 0 {
		e.UID = &uid
	}
	r.sink.Emit(e)
}
