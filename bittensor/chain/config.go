package chain

import (
	"fmt"
	"strings"
	"time"

	"github.com/nanteos/nanteos/bittensor/chain/rpc"
	"github.com/nanteos/nanteos/bittensor/timelock"
)

// Config says which chain to talk to, and how. Only Network or Endpoints is needed.
type Config struct {
	// Network is finney, test, local or archive, or the URL of an endpoint. Default finney, unless Endpoints are given.
	Network string
	// Endpoints are further ws:// or wss:// URLs of the same chain, asked before those of the network.
	Endpoints []string
	// Archive are endpoints with the state of all blocks, asked only for blocks that others have pruned.
	Archive []string
	// Genesis is the hash of block 0: an endpoint with another one is refused. Known for finney, test and archive; otherwise that of the first
	// endpoint that answers holds for all.
	Genesis Hash
	// Timeout ends reads whose context has no deadline. Default 30 s.
	Timeout time.Duration
	// SubmitTimeout is the same for transactions. Default 5 min.
	SubmitTimeout time.Duration
	// HedgeMin and HedgeMax bound the wait before a second endpoint is asked, in between it is the first one's 95th percentile.
	// Defaults 250 ms and 5 s.
	HedgeMin, HedgeMax time.Duration
	// EraPeriod is the life of a transaction in blocks, a power of two from 4 to 65536. Default 64.
	EraPeriod uint64
	// Resubmit bounds how often a transaction is signed and sent again. Default 5.
	Resubmit int
	// MetadataVersions to ask for, in order, before the old call (which gives 14). Default 15.
	MetadataVersions []uint32
	// Drand is the drand chain whose pulses the chain stores, to which weights are sealed. Default: quicknet on finney and test; elsewhere what
	// the chain's Drand.BeaconConfig says, which is quicknet unless it is a chain for tests.
	Drand *timelock.Chain
	// Socket has the limits and times of each connection; URL and Handshake are set by the client.
	Socket rpc.Options
}

// network is what a name stands for.
type network struct {
	endpoints, archive []string
	genesis            string
}

const finneyGenesis = "0x2f0555cc76fc2840a25a6ea3b9637146806f1f44b090c175ffde2a7e5ab36c03"

// networks by name (section 1).
var networks = map[string]network{
	"finney": {
		endpoints: []string{"wss://entrypoint-finney.opentensor.ai:443", "wss://lite.chain.opentensor.ai:443", "wss://lite.sub.latent.to:443"},
		archive:   []string{"wss://archive.chain.opentensor.ai:443", "wss://archive.sub.latent.to:443"},
		genesis:   finneyGenesis,
	},
	"test": {
		endpoints: []string{"wss://test.finney.opentensor.ai:443"},
		genesis:   "0x8f9cf856bf558a14440e75569c9e58594757048d7b3a84b5d25f6bd978263105",
	},
	"local": {endpoints: []string{"ws://127.0.0.1:9944"}},
	"archive": {
		endpoints: []string{"wss://archive.chain.opentensor.ai:443", "wss://archive.sub.latent.to:443"},
		genesis:   finneyGenesis,
	},
}

// fill completes a Config and resolves its network.
func (c *Config) fill() error {
	if c.Network == "" && len(c.Endpoints) == 0 {
		c.Network = "finney"
	}
	if n, ok := networks[c.Network]; ok {
		c.Endpoints = append(append([]string{}, c.Endpoints...), n.endpoints...)
		c.Archive = append(append([]string{}, c.Archive...), n.archive...)
		if c.Genesis.IsZero() && n.genesis != "" {
			h, err := ParseHash(n.genesis)
			if err != nil {
				return err
			}
			c.Genesis = h
		}
	} else if strings.HasPrefix(c.Network, "ws://") || strings.HasPrefix(c.Network, "wss://") {
		c.Endpoints = append([]string{c.Network}, c.Endpoints...)
	} else if c.Network != "" {
		return fmt.Errorf("couldn't use network %q: want finney, test, local, archive or a ws:// or wss:// URL", c.Network)
	}
	c.Endpoints, c.Archive = distinct(c.Endpoints), distinct(c.Archive)
	if c.EraPeriod == 0 {
		c.EraPeriod = 64
	}
	if c.EraPeriod < 4 || c.EraPeriod > 65536 || c.EraPeriod&(c.EraPeriod-1) != 0 {
		return fmt.Errorf("couldn't use era period %d: want a power of two from 4 to 65536", c.EraPeriod)
	}
	def(&c.Timeout, 30*time.Second)
	def(&c.SubmitTimeout, 5*time.Minute)
	def(&c.HedgeMin, 250*time.Millisecond)
	def(&c.HedgeMax, 5*time.Second)
	def(&c.Resubmit, 5)
	if len(c.MetadataVersions) == 0 {
		c.MetadataVersions = []uint32{15}
	}
	return nil
}

func def[T int | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}

func distinct(urls []string) []string {
	seen := map[string]bool{}
	var out []string
	for _, u := range urls {
		if !seen[u] {
			seen[u] = true
			out = append(out, u)
		}
	}
	return out
}
