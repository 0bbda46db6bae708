package dendrite_test

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/nanteos/nanteos/bittensor/axon/dendrite"
	"github.com/nanteos/nanteos/bittensor/sr25519"
)

type Question struct {
	Text   string `synapse:"text,hash"`
	Answer string `synapse:"answer,answer"`
}

func ExampleQueryAll() {
	d, err := dendrite.New(dendrite.Config{Hotkey: sr25519.NewKeypair([32]byte{1})})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer d.Close()
	axons := []dendrite.Axon{ // from the metagraph, usually
		{Address: netip.MustParseAddrPort("0.0.0.0:0"), Hotkey: "5EPhNcXHDT3BjwZXUXB7Tkrc4XrDiKCXi4t5gTkM3i2gH2AY"},     // serves nothing
		{Address: netip.MustParseAddrPort("10.0.0.8:8091"), Hotkey: "5HVrDvS6oNShGdKGWJb2NgrVKhmWN9P2U23ZDpZqi11cjHh2"}, // no public address
	}
	for _, r := range dendrite.QueryAll(context.Background(), d, axons, Question{Text: "What is 2+2?"}, time.Second) {
		fmt.Println(r.Success(), r.Dendrite.StatusCode, r.Dendrite.StatusMessage.Or(""))
	}
	// Output:
	// false 503 Service unavailable at 0.0.0.0:0/Question
	// false 503 Service unavailable at 10.0.0.8:8091/Question
}
