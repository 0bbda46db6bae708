package axon_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/nanteos/nanteos/bittensor/axon"
	"github.com/nanteos/nanteos/bittensor/axon/dendrite"
	"github.com/nanteos/nanteos/bittensor/axon/nonce"
	"github.com/nanteos/nanteos/bittensor/sr25519"
)

// Sum is a class of synapse. Its route is /Sum; the caller's signature covers the terms.
type Sum struct {
	Terms  []int64 `synapse:"terms,required,hash"`
	Result int64   `synapse:"result,answer"`
}

// A miner that adds numbers up for the validators of its subnet, and a validator that asks it.
func Example() {
	miner, validator := sr25519.NewKeypair([32]byte{1}), sr25519.NewKeypair([32]byte{2})
	folder, err := os.MkdirTemp("", "axon")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(folder)
	nonces, err := nonce.Open(filepath.Join(folder, "nonces"), nonce.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer nonces.Close()

	server, err := axon.New(axon.Config{
		Hotkey:  miner,
		Nonces:  nonces,
		Members: func(hotkey [32]byte) bool { return hotkey == validator.Public() }, // of the metagraph, usually
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	err = axon.Handle(server, axon.Route[Sum]{
		Forward: func(_ context.Context, _ *axon.Call, s *Sum) error {
			for _, t := range s.Terms {
				s.Result += t
			}
			return nil
		},
		Blacklist: func(*axon.Call) (bool, string) { return false, "" },
		Priority:  func(*axon.Call) float64 { return 1 }, // the caller's stake, usually
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go func() { _ = server.Serve(ctx, listener) }()

	client, err := dendrite.New(dendrite.Config{Hotkey: validator, AllowPrivate: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	target := dendrite.Axon{Address: netip.MustParseAddrPort(listener.Addr().String()), Hotkey: server.Address()}
	reply := dendrite.Query(ctx, client, target, Sum{Terms: []int64{20, 22}}, 12*time.Second)
	fmt.Println(reply.Dendrite.StatusCode, reply.Dendrite.StatusMessage.Or(""), reply.Synapse.Result)
	// Output: 200 Success 42
}
