package devnet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nanteos/nanteos/bittensor/wallet"
	"github.com/nanteos/nanteos/internal/beacon"
	"github.com/nanteos/nanteos/internal/node/network"
	"github.com/nanteos/nanteos/internal/status"
)

// chainAddress is where the chain of a network that lets others in listens: the address that every client knows as the local network's.
const chainAddress = "127.0.0.1:9944"

// guestWallet is the name of the wallet that owns the guests.
const guestWallet = "guest"

// expose lets others in: it writes down where everything is, and for the two guests their keys and settings.
func (n *Network) expose() error {
	if !n.cfg.Expose {
		return nil
	}
	_, former := n.formerPlaces()
	l, err := net.Listen("tcp", cmp.Or(former, freePort))
	if err != nil && former != "" { // somebody else listens there now
		l, err = net.Listen("tcp", freePort)
	}
	if err != nil {
		return fmt.Errorf("couldn't serve beacon: %w", err)
	}
	n.doors = &http.Server{Handler: beacon.Handler(n.beacon), ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = n.doors.Serve(l) }()
	d := network.Network{
		Name:   fmt.Sprintf("devnet-%d", n.folder.made.Seed),
		Chain:  network.Chain{Endpoints: []string{n.endpoint}, Genesis: n.node.GenesisHash(), NetUID: netUID},
		Rules:  n.rules,
		Beacon: network.NewBeacon(n.beacon.Info(), []string{"http://" + l.Addr().String()}),
		Store:  &network.Store{Endpoint: n.store.Endpoint(), PathStyle: true},
	}
	if err := d.Validate(); err != nil {
		return fmt.Errorf("couldn't describe network: %w", err)
	}
	text, err := d.Marshal()
	if err != nil {
		return err
	}
	dir := n.folder.join()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("couldn't invite others: %w", err)
	}
	if err := writeFile(filepath.Join(dir, "network.json"), text); err != nil {
		return fmt.Errorf("couldn't invite others: %w", err)
	}
	if err := n.inviteGuests(dir); err != nil {
		return fmt.Errorf("couldn't invite others: %w", err)
	}
	n.lobby = dir
	n.registry.Emit(status.Event{Kind: status.Exposed, Node: "devnet", File: filepath.Join(dir, "network.json"), Text: d.Chain.Endpoints[0]})
	return nil
}

// freePort is an address with any port that is free.
const freePort = "127.0.0.1:0"

// formerPlaces is where store and beacon listened when this network was last exposed. Members that run while the network starts anew look for
// them there, and know no other place. Both are empty in a network that was never exposed, or where its description is damaged.
func (n *Network) formerPlaces() (store, relay string) {
	if !n.cfg.Expose || n.folder.fresh {
		return "", ""
	}
	d, err := network.Read(filepath.Join(n.folder.join(), "network.json"))
	if err != nil || d.Store == nil || d.Beacon == nil || len(d.Beacon.Relays) != 1 {
		return "", ""
	}
	return localAddress(d.Store.Endpoint), localAddress(d.Beacon.Relays[0])
}

// localAddress is host and port of an http address of this machine, and empty for any other.
func localAddress(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" || u.Hostname() != "127.0.0.1" || u.Port() == "" {
		return ""
	}
	return u.Host
}

// inviteGuests writes a folder for each guest, in which its role runs without further ado, and the wallet with their keys. The keys follow from
// the network's seed and protect nothing.
func (n *Network) inviteGuests(dir string) error {
	wallets := filepath.Join(dir, "wallets")
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, m := range n.members {
		if m.Kind != Guest {
			continue
		}
		w, err := wallet.New(wallets, guestWallet, string(m.Role))
		if err != nil {
			return err
		}
		cold := n.folder.made.Settings.guestColdkey()
		if err := w.SaveColdkey(ctx, wallet.FromKeypair(cold.Hotkey), wallet.Secret{}, true); err != nil {
			return err
		}
		if err := w.SaveHotkey(ctx, wallet.FromKeypair(m.Hotkey), wallet.Secret{}, true); err != nil {
			return err
		}
		place := filepath.Join(dir, string(m.Role))
		if err := os.MkdirAll(place, 0o700); err != nil {
			return err
		}
		var b strings.Builder
		fmt.Fprintf(&b, "# Run `nanteos %s` in this folder.\n", map[Role]string{Miner: "mine", Validator: "validate"}[m.Role])
		for _, v := range [][2]string{
			{"NANTEOS_NETWORK", filepath.Join(dir, "network.json")},
			{"BT_WALLET_PATH", wallets}, {"BT_WALLET_COLD", guestWallet}, {"BT_WALLET_HOT", string(m.Role)},
			{"R2_ACCOUNT_ID", m.Account}, {"R2_BUCKET_ID", m.Account},
			{"R2_WRITE_ACCESS_KEY_ID", m.Keys.Write.AccessKeyID}, {"R2_WRITE_SECRET_ACCESS_KEY", string(m.Keys.Write.SecretAccessKey)},
			{"R2_READ_ACCESS_KEY_ID", m.Keys.Read.AccessKeyID}, {"R2_READ_SECRET_ACCESS_KEY", string(m.Keys.Read.SecretAccessKey)},
			{"GRAIL_CACHE_DIR", filepath.Join(place, "cache")},
		} {
			if strings.ContainsAny(v[1], "'\n") {
				return errors.New("the data folder's name has a quote or a line break in it")
			}
			fmt.Fprintf(&b, "%s='%s'\n", v[0], v[1])
		}
		if err := writeFile(filepath.Join(place, ".env"), []byte(b.String())); err != nil {
			return err
		}
	}
	return nil
}

// Lobby is the folder with what others need to take part: network.json, wallets, and a folder with the settings of each guest. It is empty unless
// the network is exposed.
func (n *Network) Lobby() string { return n.lobby }

// invitation says how others take part.
func (n *Network) invitation() string {
	if n.lobby == "" {
		return ""
	}
	return fmt.Sprintf("\ndevnet: others may take part: chain %s, subnet %d; %s has the rest"+
		"\ndevnet: a miner and a validator are registered for you: run `nanteos mine` in %s, `nanteos validate` in %s",
		n.endpoint, netUID, filepath.Join(n.lobby, "network.json"), filepath.Join(n.lobby, string(Miner)), filepath.Join(n.lobby, string(Validator)))
}
