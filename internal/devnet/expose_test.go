package devnet

import (
	"context"
	"errors"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/nanteos/nanteos/internal/node/network"
	"github.com/nanteos/nanteos/internal/status"
)

// TestPlacesStay holds that a network that starts anew is found where it was, so that members that run meanwhile need not be told; and that it
// starts elsewhere when somebody has taken its place, or nobody knows it any more.
func TestPlacesStay(t *testing.T) {
	cfg := fast(filepath.Join(t.TempDir(), "net"), 1)
	cfg.Expose, cfg.ChainAddress = true, "127.0.0.1:0"
	open := func() network.Network {
		t.Helper()
		n, err := Open(t.Context(), cfg, status.New(status.Options{}))
		if err != nil {
			t.Fatal(err)
		}
		d, err := network.Read(filepath.Join(n.Lobby(), "network.json"))
		if err = errors.Join(err, n.Close()); err != nil {
			t.Fatal(err)
		}
		return d
	}
	first, again := open(), open()
	if again.Store.Endpoint != first.Store.Endpoint || again.Beacon.Relays[0] != first.Beacon.Relays[0] {
		t.Errorf("store and beacon moved from %s, %s to %s, %s", first.Store.Endpoint, first.Beacon.Relays[0], again.Store.Endpoint, again.Beacon.Relays[0])
	}
	for _, taken := range []string{first.Store.Endpoint, first.Beacon.Relays[0]} {
		u, err := url.Parse(taken)
		if err != nil {
			t.Fatal(err)
		}
		l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", u.Host)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
	}
	moved := open()
	if moved.Store.Endpoint == first.Store.Endpoint || moved.Beacon.Relays[0] == first.Beacon.Relays[0] {
		t.Error("store or beacon are where somebody else listens")
	}
	if err := os.WriteFile(filepath.Join(cfg.Data, "join", "network.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	open()
}

func TestLocalAddress(t *testing.T) {
	for text, want := range map[string]string{
		"http://127.0.0.1:4000": "127.0.0.1:4000", "http://127.0.0.1": "", "https://127.0.0.1:4000": "", "http://10.0.0.1:80": "", "http://[::1]:80": "",
		"ws://127.0.0.1:1": "", "": "", "%": "",
	} {
		if got := localAddress(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}
