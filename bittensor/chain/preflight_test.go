package chain_test

import (
	"errors"
	"testing"

	"github.com/nanteos/nanteos/bittensor/chain"
	"github.com/nanteos/nanteos/bittensor/weights"
	"github.com/nanteos/nanteos/internal/subtensor"
)

// TestWeightsAreCheckedBeforeTheyAreSent: what can be read beforehand costs no transaction, and the chain would have said the same.
func TestWeightsAreCheckedBeforeTheyAreSent(t *testing.T) {
	node, url := localChain(t, func(_ *subtensor.Config, p *subtensor.Hyperparameters) {
		p.WeightsVersion, p.MinAllowedWeights, p.MaxWeightsLimit = 500, 2, 40000
	})
	c, ctx := dial(t, chain.Config{Network: url})
	some := func(n ...uint16) []uint16 { return n }
	tests := []struct {
		name string
		key  byte
		w    chain.Weights
		want error
	}{
		{"no such subnet", 0, chain.Weights{Netuid: 9, UIDs: some(1), Values: some(1), VersionKey: 500}, chain.ErrNoSubnet},
		{"no such mechanism", 0, chain.Weights{Netuid: 1, Mechanism: 3, UIDs: some(1), Values: some(1), VersionKey: 500}, chain.ErrNoSubnet},
		{"not registered", 60, chain.Weights{Netuid: 1, UIDs: some(1, 2), Values: some(1, 1), VersionKey: 500}, chain.ErrNotRegistered},
		{"version key", 0, chain.Weights{Netuid: 1, UIDs: some(1, 2), Values: some(1, 1), VersionKey: 499}, chain.ErrVersionKey},
		{"none", 0, chain.Weights{Netuid: 1, VersionKey: 500}, chain.ErrWeights},
		{"all zero", 0, chain.Weights{Netuid: 1, UIDs: some(1, 2), Scores: []float64{0, 0}, VersionKey: 500}, chain.ErrWeights},
		{"unequal lengths", 0, chain.Weights{Netuid: 1, UIDs: some(1, 2), Values: some(1), VersionKey: 500}, chain.ErrWeights},
		{"negative", 0, chain.Weights{Netuid: 1, UIDs: some(1, 2), Scores: []float64{1, -1}, VersionKey: 500}, chain.ErrWeights},
		{"twice", 0, chain.Weights{Netuid: 1, UIDs: some(1, 1), Values: some(1, 1), VersionKey: 500}, chain.ErrWeights},
		{"too few", 0, chain.Weights{Netuid: 1, UIDs: some(1), Values: some(1), VersionKey: 500}, chain.ErrWeights},
		{"too concentrated", 0, chain.Weights{Netuid: 1, UIDs: some(1, 2), Values: some(65535, 1), VersionKey: 500}, chain.ErrWeights},
		{"unknown uid", 0, chain.Weights{Netuid: 1, UIDs: some(1, 7), Values: some(1, 1), VersionKey: 500}, chain.ErrWeights},
		{"no permit", 3, chain.Weights{Netuid: 1, UIDs: some(1, 2), Values: some(1, 1), VersionKey: 500}, chain.ErrNoPermit},
	}
	for _, test := range tests {
		out, err := c.SetWeights(ctx, key(test.key), test.w)
		if !errors.Is(err, test.want) || out != nil {
			t.Errorf("%s: %+v, %v, want %v", test.name, out, err, test.want)
		}
	}
	for i := range byte(4) {
		if b := must(must(c.Best(ctx))(t).Balance(ctx, key(i).Public()))(t); b.Nonce != 0 {
			t.Errorf("account %d sent %d transactions", i, b.Nonce)
		}
	}
	if _, err := c.CommitWeights(ctx, key(0), chain.Weights{Netuid: 1, UIDs: some(1, 2), Values: some(1, 1), VersionKey: 500}); !errors.Is(err, chain.ErrCommitRevealDisabled) {
		t.Error(err)
	}
	// Scores are clipped to the limit by SDK 11's rule, and taken.
	w := must(c.SetWeights(ctx, key(0), chain.Weights{Netuid: 1, UIDs: some(1, 2), Scores: []float64{0.7, 0.3}, Scheme: weights.SDK11, VersionKey: 500}))(t)
	if len(w.Values) != 2 || w.Values[0] != 65535 {
		t.Errorf("%+v", w)
	}
	_ = node
}

// TestFlagChangesUnderTheValidator: the scheme is read anew for each transaction.
func TestFlagChangesUnderTheValidator(t *testing.T) {
	node, url := localChain(t, nil)
	c, ctx := dial(t, chain.Config{Network: url})
	w := chain.Weights{Netuid: 1, UIDs: []uint16{1, 2}, Values: []uint16{1, 1}}
	if out := must(c.SetWeights(ctx, key(0), w))(t); out.Method != chain.SetDirectly {
		t.Errorf("%+v", out)
	}
	p := subtensor.DefaultHyperparameters()
	p.Tempo, p.WeightsRateLimit, p.CommitReveal = 10, 1, true
	if err := node.SetHyperparameters(1, p); err != nil {
		t.Fatal(err)
	}
	_ = must(c.WaitBlock(ctx, must(c.Best(ctx))(t).Header.Number+5))(t)
	out := must(c.SetWeights(ctx, key(0), w))(t)
	if out.Method != chain.CommitTimelock || out.RevealBlock <= out.Number {
		t.Errorf("%+v", out)
	}
}

func TestRegistrationIsCheckedBeforeItIsPaid(t *testing.T) {
	_, url := localChain(t, func(_ *subtensor.Config, p *subtensor.Hyperparameters) { p.NoRegistration = true })
	c, ctx := dial(t, chain.Config{Network: url})
	if _, _, err := c.Register(ctx, key(100), 1, key(70).Public(), 0); !errors.Is(err, chain.ErrRegistrationClosed) {
		t.Error(err)
	}
	if _, _, err := c.Register(ctx, key(100), 5, key(70).Public(), 0); !errors.Is(err, chain.ErrNoSubnet) {
		t.Error(err)
	}
	if b := must(must(c.Best(ctx))(t).Balance(ctx, key(100).Public()))(t); b.Nonce != 0 || b.Free != 1000*tao {
		t.Errorf("%+v", b)
	}
}
