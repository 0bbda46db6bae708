package nonce_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/nanteos/nanteos/bittensor/axon/nonce"
)

func ExampleStore_Accept() {
	folder, err := os.MkdirTemp("", "nonces")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(folder)
	caller, now := [32]byte{1}, time.Now()

	for range 2 { // the second time is after a restart
		store, err := nonce.Open(filepath.Join(folder, "nonces"), nonce.Options{})
		if err != nil {
			fmt.Println(err)
			return
		}
		err = store.Accept(now, caller, "endpoint", now.UnixNano(), time.Minute)
		fmt.Println(err == nil, errors.Is(err, nonce.ErrReplayed))
		_ = store.Close()
	}
	// Output:
	// true false
	// false true
}
