// Package network says in one file what a node must know to take part in a network: where the chain is and which subnet of it, the rules,
// the beacon that the rules bind, and where buckets lie. Whoever runs a network gives the file to its members; a devnet that lets others in
// writes one. The public Grail network is built in, because everybody knows it.
//
// The file holds no secret. It is as trustworthy as its giver: rules decide what is accepted, the genesis hash which chain is the right one,
// and the beacon's key whose randomness counts. Chain, relays and stores are believed nothing that these don't bear out.
package network

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/internal/beacon"
)

// ErrFile says that a network's file can't be used.
var ErrFile = errors.New("unusable network file")

// Network describes a network.
type Network struct {
	// Name is for people.
	Name string
	// Chain is where neurons are registered and weights set.
	Chain Chain
	// Rules are those of the network.
	Rules grail.Rules
	// Beacon is public randomness; nil for a network whose rules need none.
	Beacon *Beacon
	// Store is where members' buckets lie, where that is not Cloudflare R2; nil for R2.
	Store *Store
}

// Chain is a subnet of a chain.
type Chain struct {
	// Endpoints are ws:// or wss:// addresses, in the order of preference. Archive ones keep old state.
	Endpoints []string `json:"endpoints"`
	Archive   []string `json:"archive,omitempty"`
	// Genesis is the hash of block 0, 0x and 64 hex digits: an endpoint with another one is refused. Empty: not checked.
	Genesis string `json:"genesis,omitempty"`
	// NetUID is the number of the subnet.
	NetUID uint16 `json:"netuid"`
}

// Beacon pins a chain of drand's scheme.
type Beacon struct {
	// Chain names it, PublicKey verifies its rounds: 96 bytes in hex.
	Chain     string `json:"chain"`
	PublicKey string `json:"public_key"`
	// GenesisMillis is the time of round 1 in Unix milliseconds, PeriodMillis the time between rounds.
	GenesisMillis int64 `json:"genesis_millis"`
	PeriodMillis  int64 `json:"period_millis"`
	// Relays are http:// or https:// addresses.
	Relays []string `json:"relays"`
}

// Store is an S3 service.
type Store struct {
	Endpoint  string `json:"endpoint"`
	Region    string `json:"region,omitempty"`
	PathStyle bool   `json:"path_style,omitempty"`
}

// NetUID is the subnet of Grail on Bittensor's main network.
const NetUID = 81

// The genesis hashes of Bittensor's public chains (chain specification, 1).
const (
	FinneyGenesis = "0x2f0555cc76fc2840a25a6ea3b9637146806f1f44b090c175ffde2a7e5ab36c03"
	TestGenesis   = "0x8f9cf856bf558a14440e75569c9e58594757048d7b3a84b5d25f6bd978263105"
)

// Public returns a chain by the name that BT_NETWORK has for it: finney, test or local.
func Public(name string, netuid uint16) (Chain, bool) {
	switch name {
	case "finney":
		return Chain{
			Endpoints: []string{"wss://entrypoint-finney.opentensor.ai:443", "wss://lite.chain.opentensor.ai:443"},
			Archive:   []string{"wss://archive.chain.opentensor.ai:443"}, Genesis: FinneyGenesis, NetUID: netuid,
		}, true
	case "test":
		return Chain{Endpoints: []string{"wss://test.finney.opentensor.ai:443"}, Genesis: TestGenesis, NetUID: netuid}, true
	case "local":
		return Chain{Endpoints: []string{"ws://127.0.0.1:9944"}, NetUID: netuid}, true
	}
	return Chain{}, false
}

// Grail returns the public network on a chain: the reference's rules, drand's quicknet, buckets at Cloudflare.
func Grail(c Chain) Network {
	return Network{Name: "grail", Chain: c, Rules: grail.Reference(), Beacon: NewBeacon(beacon.Quicknet(), beacon.QuicknetRelays())}
}

// NewBeacon describes a beacon that is reached through relays.
func NewBeacon(info beacon.ChainInfo, relays []string) *Beacon {
	return &Beacon{
		Chain: info.Hash, PublicKey: hex.EncodeToString(info.PublicKey),
		GenesisMillis: info.GenesisTime.UnixMilli(), PeriodMillis: info.Period.Milliseconds(), Relays: relays,
	}
}

// Info is what the beacon's rounds are verified by.
func (b *Beacon) Info() (beacon.ChainInfo, error) {
	key, err := hex.DecodeString(b.PublicKey)
	if err != nil || len(key) != 96 {
		return beacon.ChainInfo{}, fmt.Errorf("%w: beacon.public_key is not 96 bytes in hex", ErrFile)
	}
	if b.PeriodMillis <= 0 || b.PeriodMillis > int64(24*time.Hour/time.Millisecond) {
		return beacon.ChainInfo{}, fmt.Errorf("%w: beacon.period_millis %d is out of range", ErrFile, b.PeriodMillis)
	}
	return beacon.ChainInfo{
		Hash: b.Chain, PublicKey: key, GenesisTime: time.UnixMilli(b.GenesisMillis).UTC(),
		Period: time.Duration(b.PeriodMillis) * time.Millisecond, Scheme: beacon.SchemeQuicknet,
	}, nil
}

// file is the form on disk.
type file struct {
	Name   string          `json:"name"`
	Chain  Chain           `json:"chain"`
	Beacon *Beacon         `json:"beacon,omitempty"`
	Store  *Store          `json:"store,omitempty"`
	Rules  json.RawMessage `json:"rules"`
}

// Marshal writes the network's file.
func (n Network) Marshal() ([]byte, error) {
	rules, err := json.Marshal(n.Rules)
	if err != nil {
		return nil, fmt.Errorf("couldn't write network: %w", err)
	}
	text, err := json.MarshalIndent(file{n.Name, n.Chain, n.Beacon, n.Store, rules}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("couldn't write network: %w", err)
	}
	return append(text, '\n'), nil
}

// maxFile bounds a network's file, in bytes.
const maxFile = 1 << 20

// Read reads a network's file from disk. Errors wrap ErrFile where it is read and not understood.
func Read(name string) (Network, error) {
	f, err := os.Open(name)
	if err != nil {
		return Network{}, fmt.Errorf("couldn't read network: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return Network{}, fmt.Errorf("couldn't read network: %w", err)
	}
	if len(text) > maxFile {
		return Network{}, fmt.Errorf("couldn't read network %s: %w: it is larger than %d bytes", name, ErrFile, maxFile)
	}
	n, err := Parse(text)
	if err != nil {
		return Network{}, fmt.Errorf("couldn't read network %s: %w", name, err)
	}
	return n, nil
}

// Parse reads a network's file. Fields that are unknown or make no sense are refused; errors wrap ErrFile.
func Parse(text []byte) (Network, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var f file
	if err := d.Decode(&f); err != nil {
		return Network{}, fmt.Errorf("%w: %w", ErrFile, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Network{}, fmt.Errorf("%w: something follows the network", ErrFile)
	}
	rules, err := grail.ParseRules(f.Rules)
	if err != nil {
		return Network{}, fmt.Errorf("%w: rules: %w", ErrFile, err)
	}
	n := Network{Name: f.Name, Chain: f.Chain, Rules: rules, Beacon: f.Beacon, Store: f.Store}
	return n, n.Validate()
}

// Validate says what is wrong with the network; the error wraps ErrFile.
func (n Network) Validate() error {
	if n.Name == "" || len(n.Name) > 100 || strings.ContainsFunc(n.Name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return fmt.Errorf("%w: name has to be 1 to 100 printable characters", ErrFile)
	}
	if len(n.Chain.Endpoints) == 0 {
		return fmt.Errorf("%w: chain.endpoints is empty", ErrFile)
	}
	for _, l := range []struct {
		field   string
		urls    []string
		schemes string
	}{{"chain.endpoints", n.Chain.Endpoints, "ws wss"}, {"chain.archive", n.Chain.Archive, "ws wss"}} {
		if err := checkURLs(l.field, l.urls, l.schemes); err != nil {
			return err
		}
	}
	if g := n.Chain.Genesis; g != "" {
		digits, ok := strings.CutPrefix(g, "0x")
		if b, err := hex.DecodeString(digits); !ok || err != nil || len(b) != 32 || digits != strings.ToLower(digits) {
			return fmt.Errorf("%w: chain.genesis is not 0x and 64 lower-case hex digits", ErrFile)
		}
	}
	if n.Store != nil {
		if err := checkURLs("store.endpoint", []string{n.Store.Endpoint}, "http https"); err != nil {
			return err
		}
	}
	if n.Beacon == nil {
		if n.Rules.BindBeacon {
			return fmt.Errorf("%w: the rules bind the beacon and the file names none", ErrFile)
		}
		return nil
	}
	info, err := n.Beacon.Info()
	if err != nil {
		return err
	}
	if len(n.Beacon.Relays) == 0 {
		return fmt.Errorf("%w: beacon.relays is empty", ErrFile)
	}
	if err := checkURLs("beacon.relays", n.Beacon.Relays, "http https"); err != nil {
		return err
	}
	if _, err := beacon.NewVerifier(info); err != nil {
		return fmt.Errorf("%w: beacon: %w", ErrFile, err)
	}
	if n.Rules.BeaconChain != "" && n.Rules.BeaconChain != info.Hash {
		return fmt.Errorf("%w: beacon.chain is %s, the rules name %s", ErrFile, info.Hash, n.Rules.BeaconChain)
	}
	return nil
}

// maxURLs bounds each list of addresses.
const maxURLs = 16

func checkURLs(field string, urls []string, schemes string) error {
	if len(urls) > maxURLs {
		return fmt.Errorf("%w: %s has more than %d addresses", ErrFile, field, maxURLs)
	}
	for _, text := range urls {
		u, err := url.Parse(text)
		if err != nil || u.Host == "" || u.User != nil || !strings.Contains(" "+schemes+" ", " "+u.Scheme+" ") || u.Scheme == "" {
			return fmt.Errorf("%w: %s: %.100q is no address of the form %s://host:port", ErrFile, field, text, strings.Fields(schemes)[0])
		}
	}
	return nil
}
