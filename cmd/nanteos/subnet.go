package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	bittensor "github.com/nanteos/nanteos/bittensor/chain"
	"github.com/nanteos/nanteos/bittensor/ss58"
	"github.com/nanteos/nanteos/internal/chain"
	"github.com/nanteos/nanteos/internal/devnet"
	"github.com/nanteos/nanteos/internal/node/network"
)

const subnetLong = `subnet shows who takes part in a subnet, and registers a hotkey in it.`

func newSubnet(t terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "subnet",
		Short: "register in a subnet, and show its members",
		Long:  subnetLong,
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newSubnetRegister(t), newSubnetMetagraph(t))
	return cmd
}

// dialPatience is how long an endpoint may take to answer at the start.
const dialPatience = 15 * time.Second

// dialChain reaches the network's chain, and says so when that takes longer than a moment.
func dialChain(ctx context.Context, t terminal, n network.Network) (*chain.Remote, error) {
	say := time.AfterFunc(2*time.Second, func() { fmt.Fprintf(t.err, "waiting for %s\n", strings.Join(n.Chain.Endpoints, ", ")) })
	defer say.Stop()
	ctx, cancel := context.WithTimeout(ctx, dialPatience)
	defer cancel()
	remote, err := chain.Dial(ctx, chain.RemoteConfig{Endpoints: n.Chain.Endpoints, Archive: n.Chain.Archive, Genesis: n.Chain.Genesis, NetUID: n.Chain.NetUID})
	switch {
	case errors.Is(err, bittensor.ErrGenesis):
		return nil, devnet.WithHint(err, "another chain answers there than the network's: ask whoever runs the network for its file of today, or correct the address")
	case err != nil:
		return nil, devnet.WithHint(err, "check the address and that it can be reached from here; BT_CHAIN_ENDPOINT names another one")
	}
	return remote, nil
}

// noSubnet says what to do where the chain has no such subnet.
func noSubnet(err error) error {
	if errors.Is(err, bittensor.ErrNoSubnet) {
		return devnet.WithHint(err, "set NETUID or --netuid, 81 for Grail on finney")
	}
	return err
}

const registerLong = `register gives a hotkey a number in the subnet. The price changes all the time and is burned; the wallet's coldkey
pays it. The coldkey is needed for this command only: miners and validators never open it.`

func newSubnetRegister(t terminal) *cobra.Command {
	keys, place := keyPlace{t: t}, chainPlace{}
	limit := 0.0
	cmd := &cobra.Command{
		Use:     "register",
		Short:   "register a hotkey in a subnet",
		Long:    registerLong,
		Example: "  nanteos subnet register --netuid 81 --wallet.name me --wallet.hotkey miner --max-price 0.5",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limit < 0 || math.IsNaN(limit) || limit > 21e6 {
				return usageError{fmt.Errorf("couldn't read --max-price: %g is out of range", limit), cmd.CommandPath()}
			}
			return register(cmd.Context(), keys, place, uint64(limit*1e9))
		},
	}
	cmd.Flags().SortFlags = false
	place.flags(cmd)
	keys.flags(cmd, true)
	cmd.Flags().Float64Var(&limit, "max-price", 0, "most TAO to pay; 0 for any price")
	return cmd
}

// registration is what register prints as JSON.
type registration struct {
	Hotkey string `json:"hotkey"`
	NetUID uint16 `json:"netuid"`
	UID    uint16 `json:"uid"`
	Block  uint64 `json:"block,omitempty"`
	// Paid is false where the hotkey was registered before.
	Paid bool `json:"paid"`
}

func register(ctx context.Context, keys keyPlace, place chainPlace, limit uint64) error {
	w, err := keys.wallet()
	if err != nil {
		return err
	}
	hot, err := w.HotkeyPublic(ctx)
	if err != nil {
		return keys.mend(err, w, hotkey)
	}
	n, err := place.network(keys.t)
	if err != nil {
		return err
	}
	remote, err := dialChain(ctx, keys.t, n)
	if err != nil {
		return err
	}
	defer remote.Close()
	client := remote.Client()
	now, err := client.Best(ctx)
	if err != nil {
		return err
	}
	r := registration{Hotkey: hot.Address(), NetUID: n.Chain.NetUID}
	switch uid, err := now.UID(ctx, n.Chain.NetUID, hot.PublicKey()); {
	case err == nil:
		r.UID = uid
		return keys.tellRegistration(r)
	case !errors.Is(err, bittensor.ErrNotRegistered):
		return err
	}
	params, err := now.Hyperparameters(ctx, n.Chain.NetUID)
	if err != nil {
		return noSubnet(fmt.Errorf("couldn't register: %w", err))
	}
	price := params.Burn
	if !keys.json {
		fmt.Fprintf(keys.t.err, "registration in subnet %d costs %s TAO now\n", n.Chain.NetUID, tao(price))
	}
	if limit > 0 && price > limit {
		return devnet.WithHint(fmt.Errorf("couldn't register: %w: it costs %s TAO, at most %s are allowed", bittensor.ErrPrice, tao(price), tao(limit)), "raise --max-price, or wait until the price falls")
	}
	cold, err := w.OpenColdkey(ctx, (&asker{t: keys.t}).password)
	if err != nil {
		return keys.mend(err, w, coldkey)
	}
	defer cold.Wipe()
	uid, out, err := client.Register(ctx, cold, n.Chain.NetUID, hot.PublicKey(), limit)
	if err != nil {
		if errors.Is(err, bittensor.ErrBalance) {
			return devnet.WithHint(err, fmt.Sprintf("send at least %s TAO to %s", tao(price), cold.Address()))
		}
		return err
	}
	r.UID, r.Block, r.Paid = uid, out.Number, true
	return keys.tellRegistration(r)
}

func (p keyPlace) tellRegistration(r registration) error {
	var err error
	switch {
	case p.json:
		err = json.NewEncoder(p.t.out).Encode(r)
	case r.Paid:
		_, err = fmt.Fprintf(p.t.out, "%s is registered in subnet %d with UID %d, block %d\n", r.Hotkey, r.NetUID, r.UID, r.Block)
	default:
		_, err = fmt.Fprintf(p.t.out, "%s is registered in subnet %d already, with UID %d\n", r.Hotkey, r.NetUID, r.UID)
	}
	if err != nil {
		return fmt.Errorf("couldn't write: %w", err)
	}
	return nil
}

// tao writes rao as TAO, without superfluous zeros.
func tao(rao uint64) string {
	text := fmt.Sprintf("%d.%09d", rao/1e9, rao%1e9)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

func newSubnetMetagraph(t terminal) *cobra.Command {
	place, asJSON := chainPlace{}, false
	cmd := &cobra.Command{
		Use:     "metagraph",
		Short:   "show the members of a subnet",
		Example: "  nanteos subnet metagraph --netuid 81\n  nanteos subnet metagraph --network network.json --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			n, err := place.network(t)
			if err != nil {
				return err
			}
			remote, err := dialChain(cmd.Context(), t, n)
			if err != nil {
				return err
			}
			defer remote.Close()
			now, err := remote.Client().Best(cmd.Context())
			if err != nil {
				return err
			}
			g, err := now.Metagraph(cmd.Context(), n.Chain.NetUID)
			if err != nil {
				return noSubnet(err)
			}
			return showMetagraph(t, g, asJSON)
		},
	}
	cmd.Flags().SortFlags = false
	place.flags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}

// neuron is a line of the metagraph in JSON. Shares are of 1, stakes in rao.
type neuron struct {
	UID             uint16  `json:"uid"`
	Hotkey          string  `json:"hotkey"`
	Coldkey         string  `json:"coldkey"`
	Stake           uint64  `json:"stake"`
	ValidatorPermit bool    `json:"validator_permit"`
	Incentive       float64 `json:"incentive"`
	Dividends       float64 `json:"dividends"`
	Emission        uint64  `json:"emission"`
	LastUpdate      uint64  `json:"last_update"`
	RegisteredAt    uint64  `json:"registered_at"`
	Axon            string  `json:"axon,omitempty"`
}

func showMetagraph(t terminal, g *bittensor.Metagraph, asJSON bool) error {
	all := make([]neuron, len(g.Neurons))
	for i, n := range g.Neurons {
		all[i] = neuron{
			UID: n.UID, Hotkey: ss58.EncodeBittensor(n.Hotkey), Coldkey: ss58.EncodeBittensor(n.Coldkey), Stake: n.Stake, ValidatorPermit: n.ValidatorPermit,
			Incentive: float64(n.Incentive) / 65535, Dividends: float64(n.Dividends) / 65535, Emission: n.Emission, LastUpdate: n.LastUpdate, RegisteredAt: n.RegisteredAt,
		}
		if n.Axon.Serving() {
			all[i].Axon = n.Axon.Address.String()
		}
	}
	var err error
	if asJSON {
		e := json.NewEncoder(t.out)
		err = e.Encode(map[string]any{"netuid": g.Netuid, "name": g.Name, "block": g.Block, "tempo": g.Tempo, "neurons": all})
	} else {
		fmt.Fprintf(t.out, "subnet %d %s, block %d, %d neurons\n", g.Netuid, escape(g.Name), g.Block, len(all))
		w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintln(w, "UID\tstake\tpermit\tincentive\tdividends\tupdated\taxon\thotkey\t")
		for _, n := range all {
			permit := ""
			if n.ValidatorPermit {
				permit = "yes"
			}
			fmt.Fprintf(w, "%d\t%.1f\t%s\t%.4f\t%.4f\t%d\t%s\t%s\t\n", n.UID, float64(n.Stake)/1e9, permit, n.Incentive, n.Dividends, n.LastUpdate, n.Axon, n.Hotkey)
		}
		err = w.Flush()
	}
	if err != nil {
		return fmt.Errorf("couldn't write: %w", err)
	}
	return nil
}
