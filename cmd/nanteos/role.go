package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/nanteos/nanteos/bittensor/wallet"
	"github.com/nanteos/nanteos/internal/bucket"
	"github.com/nanteos/nanteos/internal/chain"
	"github.com/nanteos/nanteos/internal/devnet"
	"github.com/nanteos/nanteos/internal/node"
	"github.com/nanteos/nanteos/internal/node/network"
	"github.com/nanteos/nanteos/internal/operator"
	"github.com/nanteos/nanteos/internal/status"
)

const roleLong = `
Who and where it is comes from the environment or a file .env in this folder, under the names that miners have
already: BT_WALLET_COLD and BT_WALLET_HOT for the wallet, BT_NETWORK, BT_CHAIN_ENDPOINT and NETUID for the
chain, R2_... for the bucket, GRAIL_CACHE_DIR for models; .env.example lists all. NANTEOS_NETWORK or --network
names the file of a network of your own; without it the public Grail network is meant.`

// role is what the commands mine and validate have in common.
type role struct {
	t       terminal
	command string // mine, validate or train

	wallet keyPlace
	chain  chainPlace

	data, metrics string
	mirrors       []string
	verbose       int
}

// chainPlace is which network is meant; empty text stands for what the environment says.
type chainPlace struct{ file, netuid, name, endpoint string }

func (c *chainPlace) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&c.file, "network", "", "file that describes the network (default NANTEOS_NETWORK, else the public Grail network)")
	f.StringVar(&c.netuid, "netuid", "", "subnet (default BT_NETUID or NETUID, else the network's)")
	f.StringVar(&c.name, "subtensor.network", "", "chain of the public network: finney, test or local, or a ws:// address (default BT_NETWORK)")
	f.StringVar(&c.endpoint, "subtensor.chain_endpoint", "", "address of the chain, instead of the network's own (default BT_CHAIN_ENDPOINT)")
}

// network finds out which network is meant.
func (c chainPlace) network(t terminal) (network.Network, error) {
	n, err := c.base(t)
	if err != nil {
		return n, err
	}
	if e := orElse(c.endpoint, t.env.ChainEndpoint); e != "" {
		n.Chain.Endpoints, n.Chain.Archive = []string{e}, nil
	}
	if text := orElse(c.netuid, t.env.NetUID); text != "" {
		uid, err := strconv.ParseUint(strings.TrimSpace(text), 10, 16)
		if err != nil {
			return n, devnet.WithHint(fmt.Errorf("couldn't use subnet %.20q: it is not a whole number from 0 to 65535", text), "set NETUID or --netuid, 81 for Grail on finney")
		}
		n.Chain.NetUID = uint16(uid)
	}
	if err := n.Validate(); err != nil {
		return n, devnet.WithHint(fmt.Errorf("couldn't use network: %w", err), "check BT_CHAIN_ENDPOINT; an address looks like ws://127.0.0.1:9944")
	}
	return n, nil
}

// base is the network before variables and flags have their say about its chain.
func (c chainPlace) base(t terminal) (network.Network, error) {
	if file := orElse(c.file, t.env.Network); file != "" {
		n, err := network.Read(file)
		if err != nil {
			return n, devnet.WithHint(err, "whoever runs the network gives the file to its members; a devnet with --expose writes one")
		}
		return n, nil
	}
	name := orElse(c.name, orElse(t.env.ChainNetwork, "finney"))
	if strings.Contains(name, "://") {
		return network.Grail(network.Chain{Endpoints: []string{name}, NetUID: network.NetUID}), nil
	}
	if place, ok := network.Public(name, network.NetUID); ok {
		if orElse(c.endpoint, t.env.ChainEndpoint) != "" && t.env.ChainNetwork == "" && c.name == "" {
			place.Genesis = "" // an address alone may be of any chain
		}
		return network.Grail(place), nil
	}
	if name == "custom" && orElse(c.endpoint, t.env.ChainEndpoint) != "" {
		return network.Grail(network.Chain{NetUID: network.NetUID}), nil
	}
	return network.Network{}, devnet.WithHint(fmt.Errorf("couldn't use network %.40q: there is no such network", name),
		"set BT_NETWORK to finney, test or local, or BT_CHAIN_ENDPOINT to the address of a chain")
}

func (r *role) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.SortFlags = false
	r.chain.flags(cmd)
	r.wallet.flags(cmd, true)
	f.StringVar(&r.data, "data", "", "folder to keep the role's state in (default ~/.nanteos, a folder for each network and hotkey)")
	f.StringArrayVar(&r.mirrors, "mirror", nil, "folder with a copy of the trainer's bucket, to get checkpoints from as well; may be given several times")
	f.StringVar(&r.metrics, "metrics", "", "serve /metrics and /health on this address, such as 127.0.0.1:9100")
	f.CountVarP(&r.verbose, "verbose", "v", "tell phases and groups (-v), or every event (-vv)")
}

// run opens what the role needs, from the nearest to the farthest, and runs it until ctx ends.
func (r *role) run(ctx context.Context, noBeacon bool, do func(context.Context, operator.Config) error) (err error) {
	mirrors, err := r.openMirrors()
	if err != nil {
		return err
	}
	place, err := r.wallet.wallet()
	if err != nil {
		return err
	}
	n, err := r.chain.network(r.t)
	if err != nil {
		return err
	}
	key, err := place.OpenHotkey(ctx, nil)
	if err != nil {
		return devnet.WithHint(fmt.Errorf("couldn't open hotkey: %w", err), r.mendHotkey(place, err))
	}
	defer key.Wipe()
	pair, err := key.Keypair()
	if err != nil {
		return err
	}
	cfg := operator.Config{
		Network: n, Hotkey: pair, Store: r.store(), NoBeacon: noBeacon, Dir: r.data, Name: place.HotkeyName(), Status: status.New(status.Options{}),
		Mirrors: mirrors,
	}
	k := kit(r.t, false)
	defer func() { err = errors.Join(err, k.Close()) }()
	cfg.Environments = &node.Environments{Tools: k.Tools}
	remote, err := dialChain(ctx, r.t, n)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	defer remote.Close()
	cfg.Chain = remote
	if err := r.folders(&cfg, key.Address(), remote.Client().Genesis().String()); err != nil {
		return err
	}
	if !r.wallet.json {
		fmt.Fprintf(r.t.out, "%s: %s on %s, subnet %d, %s\n", r.command, key.Address(), n.Name, n.Chain.NetUID, strings.Join(n.Chain.Endpoints, ", "))
	}
	return r.mend(r.show(ctx, cfg, do), place, n)
}

// openMirrors opens the copies of the trainer's bucket.
func (r *role) openMirrors() (out []node.Bucket, err error) {
	for _, dir := range r.mirrors {
		info, err := os.Stat(dir)
		if err == nil && !info.IsDir() {
			err = errors.New("it is no folder")
		}
		if err != nil {
			return nil, devnet.WithHint(fmt.Errorf("couldn't use mirror %s: %w", dir, err), "a mirror is a folder with a copy of the trainer's bucket, as rclone makes it")
		}
		b, err := bucket.OpenDir(bucket.DirConfig{Root: dir})
		if err != nil {
			return nil, err
		}
		out = append(out, b)
	}
	return out, nil
}

// store is the bucket that the environment names.
func (r *role) store() bucket.Settings {
	s := r.t.env.Store
	values := map[string]string{
		"R2_ACCOUNT_ID": s.AccountID, "R2_BUCKET_ID": s.BucketID, "R2_WRITE_ACCESS_KEY_ID": string(s.WriteKeyID),
		"R2_WRITE_SECRET_ACCESS_KEY": string(s.WriteSecret), "R2_READ_ACCESS_KEY_ID": string(s.ReadKeyID), "R2_READ_SECRET_ACCESS_KEY": string(s.ReadSecret),
		"R2_ENDPOINT_URL": s.EndpointURL, "R2_REGION": s.Region, "R2_FORCE_PATH_STYLE": s.ForcePathStyle,
	}
	return bucket.ReadSettings(func(name string) string { return values[name] })
}

// folders says where state and models are kept. What is known of one chain is of no use on another, so each has a folder of its own.
func (r *role) folders(cfg *operator.Config, address, genesis string) error {
	home, err := os.UserHomeDir()
	if err != nil {
		return devnet.WithHint(fmt.Errorf("couldn't find a place for data: %w", err), "name one with --data and GRAIL_CACHE_DIR")
	}
	if cfg.Dir == "" {
		cfg.Dir = filepath.Join(home, ".nanteos", fmt.Sprintf("%s-%d-%s", slug(cfg.Network.Name), cfg.Network.Chain.NetUID, strings.TrimPrefix(genesis, "0x")[:8]), r.command+"-"+address[:12])
	}
	cfg.Models = r.t.env.CacheDir
	if rest, ok := strings.CutPrefix(cfg.Models, "~"); ok {
		cfg.Models = filepath.Join(home, rest)
	}
	if cfg.Models == "" {
		cfg.Models = filepath.Join(home, ".cache", "grail")
	}
	return nil
}

// slug makes a folder's name of a network's.
func slug(name string) string {
	return strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' {
			return c
		}
		return '-'
	}, name)
}

// show runs the role and shows what it does.
func (r *role) show(ctx context.Context, cfg operator.Config, do func(context.Context, operator.Config) error) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	events := cfg.Status.Subscribe(1 << 14)
	if r.metrics != "" {
		stop, err := serveMetrics(r.metrics, cfg.Status)
		if err != nil {
			return err
		}
		defer stop()
	}
	shown := make(chan error, 1)
	go func() { shown <- r.tell(events, end) }()
	err := do(ctx, cfg)
	events.Close()
	if view := <-shown; !errors.Is(view, syscall.EPIPE) {
		err = errors.Join(err, view)
	}
	return err
}

// tell prints events until there are no more.
func (r *role) tell(events *status.Subscription, end func()) error {
	verbosity := devnet.Verbosity(r.verbose)
	if r.wallet.json {
		return each(events, r.t.out, end, func(w io.Writer, all []status.Event) error { return devnet.WriteJSON(w, all, verbosity) })
	}
	scribe, told := devnet.NewScribe(nil, time.Now(), devnet.Palette{On: r.t.colour}), echo{}
	return each(events, r.t.out, end, func(w io.Writer, all []status.Event) error {
		b := bufio.NewWriter(w)
		for _, e := range all {
			if verbosity.Shows(e, 0) && (verbosity >= 2 || !told.again(e)) {
				fmt.Fprintln(b, scribe.Line(e))
			}
		}
		if err := b.Flush(); err != nil {
			return fmt.Errorf("couldn't write: %w", err)
		}
		return nil
	})
}

// echo is the last fault that was told, and when. What is tried every second fails every second in the same words.
type echo struct {
	node, reason string
	time         time.Time
}

// echoTime is how long the same words aren't told again.
const echoTime = 30 * time.Second

// again says whether e tells a fault that was told a moment ago, with nothing but silence since.
func (o *echo) again(e status.Event) bool {
	if e.Kind != status.Fault {
		*o = echo{}
		return false
	}
	if e.Node == o.node && e.Reason == o.reason && e.Time.Sub(o.time) < echoTime {
		return true
	}
	*o = echo{e.Node, e.Reason, e.Time}
	return false
}

// serveMetrics serves metrics and health until stop is called.
func serveMetrics(address string, registry *status.Registry) (stop func(), err error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, devnet.WithHint(fmt.Errorf("couldn't serve metrics: %w", err), "name a free address, such as 127.0.0.1:9100")
	}
	s := &http.Server{Handler: registry.Handler(), ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = s.Serve(l) }()
	return func() { _ = s.Close() }, nil
}

// mendHotkey is the command that mends a hotkey that can't be opened.
func (r *role) mendHotkey(w wallet.Wallet, err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, coldErr := w.Coldkeypub(); errors.Is(coldErr, fs.ErrNotExist) {
			return fmt.Sprintf("%s wallet new-coldkey %s && %s wallet new-hotkey %s", r.t.program, strings.TrimSpace(r.wallet.keyFlags(w, coldkey)), r.t.program, strings.TrimSpace(r.wallet.keyFlags(w, hotkey)))
		}
		return fmt.Sprintf("%s wallet new-hotkey %s", r.t.program, strings.TrimSpace(r.wallet.keyFlags(w, hotkey)))
	case errors.Is(err, wallet.ErrExposed):
		return "chmod 600 " + shellQuote(w.HotkeyFile())
	case errors.Is(err, wallet.ErrEncrypted):
		return "a role starts without anybody typing a password; keep its hotkey unencrypted, as btcli does, on a machine of its own"
	}
	return hintOf(r.wallet.mend(err, w, hotkey))
}

// mend adds the command that mends what keeps a role from taking part.
func (r *role) mend(err error, w wallet.Wallet, n network.Network) error {
	switch {
	case errors.Is(err, node.ErrNotRegistered):
		hint := fmt.Sprintf("%s subnet register --netuid %d %s", r.t.program, n.Chain.NetUID, strings.TrimSpace(r.wallet.keyFlags(w, hotkey)))
		if file := orElse(r.chain.file, r.t.env.Network); file != "" {
			hint += " --network " + shellQuote(file)
		} else if len(n.Chain.Endpoints) > 0 {
			hint += " --subtensor.chain_endpoint " + shellQuote(n.Chain.Endpoints[0])
		}
		return devnet.WithHint(err, hint)
	case errors.Is(err, bucket.ErrPublishWrite), errors.Is(err, bucket.ErrSettings):
		return devnet.WithHint(err, "set the R2_ variables in .env; .env.example lists them")
	case errors.Is(err, chain.ErrNoSubnet):
		return devnet.WithHint(err, "set NETUID or --netuid, 81 for Grail on finney")
	case errors.Is(err, node.ErrInUse):
		return devnet.WithHint(err, "another process runs this role with the same hotkey; end it, or name another folder with --data")
	case errors.Is(err, operator.ErrNeedsBeacon):
		return devnet.WithHint(err, "leave --no-drand out")
	}
	return err
}
