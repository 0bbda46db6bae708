package miner

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/nanteos/nanteos/bittensor/sr25519"
	"github.com/nanteos/nanteos/grail"
)

// TestMain makes the decompressor that all readers of window files share before any test begins: its channel must not belong to the bubble of
// simulated time of one test.
func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		os.Exit(child(dir))
	}
	synchronous = "OFF" // what these tests kill is never the kernel, so nothing needs to reach a disk
	if memory, err := os.MkdirTemp("/dev/shm", "nanteos-miner-"); err == nil {
		os.Setenv("TMPDIR", memory)
		defer os.RemoveAll(memory)
	}
	if err := warmUp(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	m.Run() // the test binary's main exits with its result
}

func warmUp() error {
	body, err := encodeGroup(testRules(), "miner", Window{}, someRows(testRules(), 1))
	if err != nil {
		return err
	}
	_, err = decodeGroup(context.Background(), body)
	return err
}

// someRows makes the rows of groups 0 to n-1 without any sense in them.
func someRows(rules grail.Rules, n int) []grail.Row {
	var rows []grail.Row
	for g := range n {
		for i := range rules.GroupSize {
			row := grail.Row{
				BlockHash: "0xab", Randomness: "cd", RolloutGroup: int64(g), RolloutIndex: int32(i), TotalInGroup: int32(rules.GroupSize), Nonce: grail.Nonce(int64(g), rules.GroupSize, int32(i)),
				Commit: grail.Commit{
					Tokens: []int32{1, 2, 3, int32(i)}, Commitments: grail.NewCommitments([]int64{5, 6, 7, 8}), ProofVersion: "v5", Model: grail.ModelRef{Name: "m", LayerIndex: -1},
					Beacon:  grail.BeaconRef{Randomness: "cd"},
					Rollout: grail.Outcome{PromptLength: 2, CompletionLength: 2, TokenLogprobs: []float64{0, 0, -0.5, -0.25}, Advantage: float64(i), TotalReward: 0.7},
				},
			}
			if err := Sign([]grail.Row{row}, sr25519.NewKeypair([32]byte{7})); err != nil {
				panic(err)
			}
			rows = append(rows, row)
		}
	}
	return rows
}
