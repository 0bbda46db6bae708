package dendrite

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/nanteos/nanteos/bittensor/axon/synapse"
	"github.com/nanteos/nanteos/bittensor/ss58"
)

// ErrConfig is the sentinel of a configuration that cannot work.
var ErrConfig = errors.New("dendrite is not configured right")

// Config says how a client behaves. Only Hotkey is required; a zero field stands for its default.
type Config struct {
	// Hotkey signs the requests.
	Hotkey synapse.Signer
	// ExternalIP is the client's own public address, which requests name. An axon at this address is reached over loopback.
	ExternalIP netip.Addr
	// Version is the SDK version that requests name; default synapse.Version1020. Axons refuse versions before 7.2.
	Version int64
	// Concurrency is how many requests are under way at a time; further ones wait, and waiting counts against their timeout. Default 100.
	Concurrency int
	// MaxBodyBytes and MaxHeaderBytes bound an answer; default 1 MiB and 32 KiB.
	MaxBodyBytes   int64
	MaxHeaderBytes int64
	// AllowPrivate lets requests go to loopback, private and link-local addresses.
	AllowPrivate bool
	// DialTimeout bounds how long connecting takes, within the request's own timeout. Default 5 s.
	DialTimeout time.Duration
	// Dial replaces how connections are made, for tests.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Axon is where a server listens and who it is, as the chain says.
type Axon struct {
	Address netip.AddrPort
	Hotkey  string // ss58
}

// Dendrite sends requests. It is safe for use by several goroutines; its requests share the uuid under which axons hold their nonces.
type Dendrite struct {
	config    Config
	me        string
	uuid      string
	transport *http.Transport
	slots     chan struct{}
	lastNonce atomic.Int64
}

// New makes a client. Errors wrap ErrConfig.
func New(config Config) (*Dendrite, error) {
	if config.Hotkey == nil {
		return nil, fmt.Errorf("couldn't make dendrite: %w: Hotkey is missing", ErrConfig)
	}
	if config.Version == 0 {
		config.Version = synapse.Version1020
	}
	if config.Concurrency <= 0 {
		config.Concurrency = 100
	}
	if config.MaxBodyBytes <= 0 {
		config.MaxBodyBytes = 1 << 20
	}
	if config.MaxHeaderBytes <= 0 {
		config.MaxHeaderBytes = 32 << 10
	}
	if config.DialTimeout <= 0 {
		config.DialTimeout = 5 * time.Second
	}
	if config.Dial == nil {
		config.Dial = (&net.Dialer{Timeout: config.DialTimeout}).DialContext
	}
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	return &Dendrite{
		config: config, me: ss58.EncodeBittensor(config.Hotkey.Public()), uuid: timeUUID(time.Now()),
		transport: &http.Transport{
			DialContext:            config.Dial,
			DisableCompression:     true,
			MaxIdleConns:           config.Concurrency,
			MaxIdleConnsPerHost:    8,
			IdleConnTimeout:        30 * time.Second,
			MaxResponseHeaderBytes: config.MaxHeaderBytes,
			Protocols:              &protocols,
		},
		slots: make(chan struct{}, config.Concurrency),
	}, nil
}

// Close closes idle connections. Requests under way are not affected.
func (d *Dendrite) Close() { d.transport.CloseIdleConnections() }

// Address returns the address of the client's hotkey.
func (d *Dendrite) Address() string { return d.me }

// nonce returns the time in nanoseconds, or one more than the last nonce where the clock does not advance: axons want every nonce larger
// than the one before.
func (d *Dendrite) nonce() int64 {
	for {
		last := d.lastNonce.Load()
		next := max(time.Now().UnixNano(), last+1)
		if d.lastNonce.CompareAndSwap(last, next) {
			return next
		}
	}
}

// errTarget says that an axon has no address to connect to.
var errTarget = errors.New("the address is not one to connect to")

// host returns where to connect for an axon.
func (d *Dendrite) host(target Axon) (netip.AddrPort, error) {
	address, port := target.Address.Addr().Unmap(), target.Address.Port()
	if !address.IsValid() || port == 0 {
		return netip.AddrPort{}, errTarget
	}
	if d.config.ExternalIP.IsValid() && address == d.config.ExternalIP.Unmap() {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port), nil
	}
	if address.IsUnspecified() || address.IsMulticast() || address.Zone() != "" {
		return netip.AddrPort{}, errTarget
	}
	if !d.config.AllowPrivate && !isPublic(address) {
		return netip.AddrPort{}, errTarget
	}
	return netip.AddrPortFrom(address, port), nil
}

// special are blocks that are neither private nor loopback in the sense of netip and yet no public servers.
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2002::/16"),
}

func isPublic(a netip.Addr) bool {
	if !a.IsGlobalUnicast() || a.IsPrivate() {
		return false
	}
	for _, block := range special {
		if block.Contains(a) {
			return false
		}
	}
	return true
}

// timeUUID makes a version 1 uuid with a random node, as the SDK's clients identify themselves.
func timeUUID(now time.Time) string {
	ticks := uint64(now.UnixNano()/100) + 0x01b21dd213814000 // 100 ns since 1582
	var tail [8]byte
	_, _ = rand.Read(tail[:]) // never fails
	tail[0] = tail[0]&0x3f | 0x80
	tail[2] |= 1 // a node that is no network card
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", uint32(ticks), uint16(ticks>>32), uint16(ticks>>48)&0x0fff|0x1000, tail[:2], tail[2:])
}
