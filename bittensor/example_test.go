package bittensor_test

import (
	"compress/gzip"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/nanteos/nanteos/bittensor/chain"
	"github.com/nanteos/nanteos/bittensor/metadata"
	"github.com/nanteos/nanteos/bittensor/sr25519"
	"github.com/nanteos/nanteos/bittensor/ss58"
	"github.com/nanteos/nanteos/bittensor/timelock"
	"github.com/nanteos/nanteos/bittensor/wallet"
	"github.com/nanteos/nanteos/bittensor/weights"
	"github.com/nanteos/nanteos/internal/subtensor"
)

// The functions below are the samples of docs/bittensor.md.

// members prints who may set weights on a subnet, and what they hold.
func members(ctx context.Context, network string, netuid uint16) error {
	client, err := chain.Dial(ctx, chain.Config{Network: network}) // "finney", "test", "local" or a URL
	if err != nil {
		return err
	}
	defer client.Close()

	now, err := client.Best(ctx) // the state after the newest block: all reads through it fit together
	if err != nil {
		return err
	}
	graph, err := now.Metagraph(ctx, netuid)
	if err != nil {
		return err
	}
	for _, n := range graph.Neurons {
		if n.ValidatorPermit {
			fmt.Println(n.UID, ss58.EncodeBittensor(n.Hotkey), n.Stake/1e9)
		}
	}
	return nil
}

// vote gives three neurons their scores. Whether weights are set openly or committed is the subnet's choice, which the client follows.
func vote(ctx context.Context, client *chain.Client, hotkey chain.Signer) error {
	out, err := client.SetWeights(ctx, hotkey, chain.Weights{
		Netuid: 1,
		UIDs:   []uint16{0, 1, 2},
		Scores: []float64{0, 0.9, 0.3},
	})
	switch {
	case errors.Is(err, chain.ErrRateLimited):
		fmt.Println("too early, try again later")
		return nil
	case errors.Is(err, chain.ErrPending):
		return fmt.Errorf("look for it on chain before doing it twice: %w", err)
	case err != nil:
		return err
	}
	fmt.Println(out.Method, out.UIDs, out.Values)
	return nil
}

// publish commits a few bytes that everybody can read, and reads what all have committed.
func publish(ctx context.Context, client *chain.Client, hotkey chain.Signer, netuid uint16) error {
	out, err := client.CommitBytes(ctx, hotkey, netuid, []byte("bucket=eu-1"))
	if err != nil {
		return err
	}
	then, err := client.At(ctx, out.Block)
	if err != nil {
		return err
	}
	all, err := then.Commitments(ctx, netuid)
	if err != nil {
		return err
	}
	for account, c := range all {
		if data, ok := c.Raw(); ok {
			fmt.Printf("%s: %s\n", ss58.EncodeBittensor(account), data)
		}
	}
	return nil
}

// openHotkey reads the hotkey of a wallet that btcli made. A miner or validator needs no other secret.
func openHotkey(ctx context.Context, path, name, hotkey string) (*wallet.Key, error) {
	w, err := wallet.New(path, name, hotkey) // empty text for ~/.bittensor/wallets, default, default
	if err != nil {
		return nil, err
	}
	return w.OpenHotkey(ctx, nil)
}

// anything reads what has no method of its own, and sends a call by its name. Types come from the runtime's metadata.
func anything(ctx context.Context, client *chain.Client, hotkey chain.Signer) error {
	now, err := client.Best(ctx)
	if err != nil {
		return err
	}
	var tempo uint16
	if err := now.Storage(ctx, &tempo, "SubtensorModule", "Tempo", uint16(1)); err != nil {
		return err
	}
	call := chain.Call{Pallet: "SubtensorModule", Name: "serve_axon", Args: []any{
		uint16(1), uint32(10005000), uint64(0x5db8d822), uint16(8091), uint8(4), uint8(4), uint8(0), uint8(0),
	}}
	out, err := client.Submit(ctx, hotkey, call, chain.SubmitOptions{})
	var refused *metadata.DispatchError
	switch {
	case errors.As(err, &refused):
		return fmt.Errorf("the chain says %s: %s", refused.Name, refused.Docs)
	case err != nil:
		return err
	}
	fmt.Println("tempo", tempo, "served:", out.Event("SubtensorModule", "AxonServed") != nil)
	return nil
}

// seal encrypts a message so that nobody can read it before a time, and everybody afterwards.
func seal(message []byte, until time.Time) (ciphertext []byte, round uint64, err error) {
	round = timelock.Round(until) + 1
	ciphertext, err = timelock.Encrypt(rand.Reader, message, round, timelock.Quicknet())
	return ciphertext, round, err
}

// unseal opens it with what a drand relay says of its round. The relay need not be trusted.
func unseal(ciphertext []byte, relay json.RawMessage) ([]byte, error) {
	pulse, err := timelock.ParsePulse(relay)
	if err != nil {
		return nil, err
	}
	return timelock.Decrypt(ciphertext, pulse.Signature)
}

// quantise does by hand what SetWeights does with scores: it processes them as SDK 9 and 10 do, normalises them and asks what the
// chain would say.
func quantise(scores []float64) (uids, values []uint16, err error) {
	all := make([]uint16, len(scores))
	for i := range all {
		all[i] = uint16(i)
	}
	rules := weights.Rules{Neurons: len(scores), MinAllowed: 2, MaxWeight: 0.45}
	uids, shares, err := rules.Process(all, scores)
	if err != nil {
		return nil, nil, err
	}
	uids, values, err = weights.Normalize(uids, shares, weights.SDK10)
	if err != nil {
		return nil, nil, err
	}
	limits := weights.Limits{Neurons: uint16(len(scores)), MinAllowed: 2, MaxWeight: weights.Max / 2}
	return uids, values, limits.Check(uids, values)
}

// offline signs a transaction on a machine without a network: metadata, versions, nonce and block hash were brought there.
func offline(blob []byte, tx metadata.Transaction, hotkey metadata.Signer) ([]byte, error) {
	runtime, err := metadata.Parse(blob)
	if err != nil {
		return nil, err
	}
	tx.Call, err = runtime.Call("SubtensorModule", "set_weights", uint16(1), []uint16{1, 2}, []uint16{65535, 21845}, uint64(0))
	if err != nil {
		return nil, err
	}
	return runtime.SignedExtrinsic(tx, hotkey)
}

// Everything that a neuron does with the chain, on a local one.
func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	url, stop, err := localChain(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stop()
	client, err := chain.Dial(ctx, chain.Config{Network: url})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	folder, err := newWallet(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(folder)
	hotkey, err := openHotkey(ctx, folder, "validator", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer hotkey.Wipe()

	for _, err := range []error{
		members(ctx, url, 1),
		vote(ctx, client, hotkey),
		publish(ctx, client, hotkey, 1),
		anything(ctx, client, hotkey),
	} {
		if err != nil {
			fmt.Println(err)
		}
	}
	// Output:
	// 0 5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY 100
	// set_weights [1 2] [65535 21845]
	// 5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY: bucket=eu-1
	// tempo 360 served: true
}

// Weights by hand.
func Example_weights() {
	fmt.Println(quantise([]float64{0, 3, 0.5, 1, 0.5}))
	// Output: [1 2 3 4] [65535 20025 40049 20025] <nil>
}

// A message to the past, whose round is out already.
func Example_timelock() {
	ciphertext, round, err := seal([]byte("hello"), timelock.Time(999))
	if err != nil {
		fmt.Println(err)
		return
	}
	message, err := unseal(ciphertext, json.RawMessage(`{"round":1000,
		"signature":"b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39"}`))
	fmt.Println(round, string(message), err)
	// Output: 1000 hello <nil>
}

// A transaction signed by a machine without a network.
func Example_offline() {
	blob, err := finney()
	if err != nil {
		fmt.Println(err)
		return
	}
	raw, err := offline(blob, metadata.Transaction{
		Era: metadata.MortalEra(128, 1000), EraBlockHash: [32]byte{1}, Nonce: 7,
		SpecVersion: 343, TransactionVersion: 1, Genesis: [32]byte{2},
	}, sr25519.NewKeypair([32]byte{9}))
	fmt.Println(len(raw), err)
	// Output: 128 <nil>
}

// finney is recorded metadata of the main network, as the node's answer to state_getMetadata gives it.
func finney() ([]byte, error) {
	f, err := os.Open("../testdata/vectors/chain/metadata/finney-spec343-v14.scale.gz")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

// newWallet makes a wallet whose hotkey is the well-known //Alice.
func newWallet(ctx context.Context) (folder string, err error) {
	if folder, err = os.MkdirTemp("", "wallets"); err != nil {
		return "", err
	}
	w, err := wallet.New(folder, "validator", "")
	if err != nil {
		return "", err
	}
	alice, err := sr25519.FromURI([]byte("//Alice"))
	if err != nil {
		return "", err
	}
	return folder, w.SaveHotkey(ctx, wallet.FromKeypair(alice), wallet.Secret{}, false)
}

// localChain starts a chain with a subnet of three neurons, of which //Alice may set weights.
func localChain(ctx context.Context) (url string, stop func(), err error) {
	subnet := subtensor.Subnet{NetUID: 1, Name: "sample", Params: subtensor.DefaultHyperparameters()}
	subnet.Params.Tempo = 360
	for i, uri := range []string{"//Alice", "//Bob", "//Charlie"} {
		k, err := sr25519.FromURI([]byte(uri))
		if err != nil {
			return "", nil, err
		}
		n := subtensor.Neuron{Hotkey: ss58.EncodeBittensor(k.Public())}
		if i == 0 {
			n.Stake, n.Permit = 100e9, true
		}
		subnet.Neurons = append(subnet.Neurons, n)
	}
	node, err := subtensor.Open(ctx, subtensor.Config{
		BlockTime: 50 * time.Millisecond, Log: slog.New(slog.DiscardHandler),
		Genesis: subtensor.Genesis{Name: "sample", Subnets: []subtensor.Subnet{subnet}},
	})
	if err != nil {
		return "", nil, err
	}
	addr, err := node.Listen("127.0.0.1:0")
	if err != nil {
		return "", nil, errors.Join(err, node.Close())
	}
	return "ws://" + addr.String(), func() { _ = node.Close() }, nil
}
