package timelock_test

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/nanteos/nanteos/bittensor/timelock"
)

// A chain of one's own signs any round at once, so that the whole way can be gone without waiting.
func Example() {
	secret, err := timelock.NewSecret([]byte("only for tests"))
	if err != nil {
		fmt.Println(err)
		return
	}
	ciphertext, err := timelock.Encrypt(rand.Reader, []byte("open me later"), 100, secret.Public())
	if err != nil {
		fmt.Println(err)
		return
	}

	early, _ := secret.Pulse(99)
	_, err = timelock.Decrypt(ciphertext, early.Signature)
	fmt.Println(err)

	due, _ := secret.Pulse(100)
	message, err := timelock.Decrypt(ciphertext, due.Signature)
	fmt.Println(string(message), err)
	// Output:
	// signature does not open the timelock ciphertext: U does not follow from the key inside
	// open me later <nil>
}

// Lock a message until ten minutes from now, on quicknet.
func ExampleEncrypt() {
	round := timelock.Round(time.Now().Add(10*time.Minute)) + 1
	ciphertext, err := timelock.Encrypt(rand.Reader, []byte("hello"), round, timelock.Quicknet())
	fmt.Println(len(ciphertext), err)
	// Output: 249 <nil>
}

// A relay of drand is not trusted: its answer is verified.
func ExampleVerifier_Verify() {
	verifier, err := timelock.NewVerifier(timelock.QuicknetChain())
	if err != nil {
		fmt.Println(err)
		return
	}
	pulse, err := timelock.ParsePulse([]byte(`{"round":1000,
		"randomness":"fe290beca10872ef2fb164d2aa4442de4566183ec51c56ff3cd603d930e54fdd",
		"signature":"b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39"}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(verifier.Verify(pulse), hex.EncodeToString(pulse.Randomness[:4]), timelock.Time(pulse.Round))
	pulse.Round++
	fmt.Println(verifier.Verify(pulse))
	// Output:
	// <nil> fe290bec 2023-08-23 15:59:24 +0000 UTC
	// drand pulse does not verify: signature of round 1001 is not by the key of chain 52db9ba7
}
