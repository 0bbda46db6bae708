package weights_test

import (
	"fmt"
	"time"

	"github.com/nanteos/nanteos/bittensor/weights"
)

// Scores become the 16-bit numbers of a weight transaction.
func ExampleNormalize() {
	uids, values, err := weights.Normalize([]uint16{4, 7, 12, 20}, []float64{0.31, 0, 0.62, 1e-9}, weights.SDK10)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(uids, values)
	// Output: [4 12] [32768 65535]
}

// A subnet that limits shares: SDK 11 clips before it normalises, and Limits says whether the chain will agree.
func ExampleLimits_Check() {
	limits := weights.Limits{Neurons: 64, MinAllowed: 2, MaxWeight: weights.Max / 2, Own: 3}
	scores := []float64{8, 1, 1}
	uids, values, _ := weights.Normalize([]uint16{0, 1, 2}, scores, weights.SDK11)
	fmt.Println(limits.Check(uids, values))
	uids, values, _ = weights.Normalize([]uint16{0, 1, 2}, scores, weights.SDK11.WithLimit(limits.MaxWeight))
	fmt.Println(values, limits.Check(uids, values))
	// Output:
	// chain would refuse the weights: largest share is 0.80000, the limit 0.49999 (MaxWeightExceeded)
	// [65535 32769 32769] <nil>
}

// LogicNet and other subnets of older SDKs process weights before they normalise them.
func ExampleRules_Process() {
	rules := weights.Rules{Neurons: 4, MinAllowed: 1, MaxWeight: 0.4}
	uids, shares, err := rules.Process([]uint16{0, 1, 2, 3}, []float64{0, 5, 1, 4})
	if err != nil {
		fmt.Println(err)
		return
	}
	for i, u := range uids {
		fmt.Printf("uid %d: %.3f\n", u, shares[i])
	}
	// Output:
	// uid 1: 0.400
	// uid 2: 0.200
	// uid 3: 0.400
}

// When the chain reveals a timelocked commit that is made now, and the drand round to encrypt it to.
func ExampleRevealRound() {
	state := weights.Epochs{ // all read at block 1020
		Head: 1020, Tempo: 360, RevealPeriod: 1,
		Stateful: true, LastEpoch: 1000, Index: 7, SinceStep: 20,
	}
	round, block, err := weights.RevealRound(state, time.Unix(1_795_300_000, 0), 12*time.Second)
	fmt.Println(round, block, err)
	// Output: 34166916 1360 <nil>
}
