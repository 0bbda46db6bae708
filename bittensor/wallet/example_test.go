package wallet_test

import (
	"context"
	"fmt"
	"os"

	"github.com/nanteos/nanteos/bittensor/sr25519"
	"github.com/nanteos/nanteos/bittensor/wallet"
)

// What a miner does at its start: the hotkey to sign with, and the coldkey's address.
func Example() {
	dir, err := os.MkdirTemp("", "wallets")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	makeWallet(dir)

	w, err := wallet.New(dir, "miner", "default")
	if err != nil {
		fmt.Println(err)
		return
	}
	hotkey, err := w.OpenHotkey(context.Background(), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer hotkey.Wipe()
	owner, err := w.Coldkeypub()
	if err != nil {
		fmt.Println(err)
		return
	}
	signature, err := hotkey.Sign([]byte("hello"))
	fmt.Println(hotkey, "of", owner)
	fmt.Println(err, sr25519.Verify(hotkey.PublicKey(), []byte("hello"), signature))
	// Output:
	// 5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty of 5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY
	// <nil> true
}

func makeWallet(dir string) {
	w, err := wallet.New(dir, "miner", "default")
	if err != nil {
		panic(err)
	}
	cold, _ := wallet.ParseAddress("5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY")
	bob, _ := sr25519.FromURI([]byte("//Bob"))
	if err := w.SaveColdkeypub(cold, false); err != nil {
		panic(err)
	}
	if err := w.SaveHotkey(context.Background(), wallet.FromKeypair(bob), wallet.Secret{}, false); err != nil {
		panic(err)
	}
}
