package logicnet_test

import (
	"fmt"
	"time"

	"github.com/nanteos/nanteos/bittensor/axon/synapse"
	"github.com/nanteos/nanteos/bittensor/weights"
	"github.com/nanteos/nanteos/logicnet"
)

// A validator's round, without the network: who is there, who is asked, what answers earn, what goes to the chain.
func Example() {
	rules := logicnet.Hardened()
	table := logicnet.NewTable(rules)
	hotkeys := []logicnet.Hotkey{{1}, {2}, {3}, {4}}
	table.Sync(hotkeys)

	// Uid 0 is the validator itself. Uid 3 says nonsense, which is its own loss.
	stakes := []float64{20000, 0, 0, 0}
	nonsense, _ := synapse.ParseValue([]byte(`[1, 2]`))
	for _, err := range table.Refresh([]logicnet.InfoReply{
		{UID: 3, Hotkey: hotkeys[3], Success: true, Response: map[string]synapse.Value{"epoch_volume": nonsense}},
		{UID: 1, Hotkey: hotkeys[1], Success: true, Response: logicnet.InformationReply(512)},
		{UID: 2, Hotkey: hotkeys[2], Success: true, Response: logicnet.InformationReply(50)},
	}, stakes, 0) {
		fmt.Println(err)
	}

	queue := table.Queue()
	fmt.Println("active:", queue.Active(), "places:", queue.Len())
	batch := queue.Batch(logicnet.NewRand([32]byte{42}))[0]
	fmt.Println("asked:", len(batch))

	scored, _ := rules.RewardBatch([]logicnet.Response{
		{UID: 1, Success: true, Similarity: 0.9, Correctness: logicnet.Right, Seconds: 6.4},
		{UID: 2, Success: true, Similarity: 0.9, Correctness: logicnet.Wrong, Seconds: 1},
	}, table.RewardScale)
	for _, s := range scored {
		fmt.Printf("uid %d earns %.4f\n", s.UID, s.Scaled)
	}
	table.Record(rules.Incentives(scored))

	w, _ := rules.ChainWeights(rules.Scores(table.Miners()), weights.Rules{MinAllowed: 1, MaxWeight: 1})
	fmt.Println("weights:", w.UIDs, w.Values)
	// Output:
	// couldn't take information of uid 3: invalid information: epoch_volume is [1, 2], must be a number
	// active: 2 places: 102
	// asked: 2
	// uid 1 earns 0.9825
	// uid 2 earns 0.0000
	// weights: [1] [65535]
}

// A miner answers validators with stake, each up to its quota, and counts only what was signed.
func ExampleGate() {
	gate, err := logicnet.NewGate(logicnet.Hardened(), 4)
	if err != nil {
		fmt.Println(err)
		return
	}
	validator, small, stranger := logicnet.Hotkey{1}, logicnet.Hotkey{2}, logicnet.Hotkey{3}
	gate.Update([]logicnet.Neuron{{Hotkey: validator, Stake: 50000}, {Hotkey: small, Stake: 3}}, noon)
	for _, caller := range []logicnet.Hotkey{stranger, small, validator, validator, validator, validator, validator} {
		v := gate.Admit(caller, true, noon)
		fmt.Println(v.Refused, v.Reason)
	}
	// Output:
	// true Unrecognized hotkey
	// true Not enough stake
	// false All passed!
	// false All passed!
	// false All passed!
	// false All passed!
	// true Limit exceeded
}

var noon = time.Unix(1_800_000_000, 0)
