package operator_test

import (
	"context"
	"encoding/hex"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nanteos/nanteos/bittensor/sr25519"
	"github.com/nanteos/nanteos/bittensor/ss58"
	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/internal/bucket"
	"github.com/nanteos/nanteos/internal/chain"
	"github.com/nanteos/nanteos/internal/checkpoint"
	"github.com/nanteos/nanteos/internal/node/miner"
	"github.com/nanteos/nanteos/internal/node/network"
	"github.com/nanteos/nanteos/internal/node/trainer"
	"github.com/nanteos/nanteos/internal/node/validator"
	"github.com/nanteos/nanteos/internal/operator"
	"github.com/nanteos/nanteos/internal/status"
	"github.com/nanteos/nanteos/model/base"
)

// town is a chain, an object store and three neurons: trainer, validator, miner. Nothing runs in it by itself.
type town struct {
	t     *testing.T
	net   network.Network
	chain *chain.Local
	store *bucket.Server
	keys  [3]sr25519.Keypair
	pairs [3]bucket.BucketKeys
	root  string
}

func openTown(t *testing.T, blockTime time.Duration) *town {
	t.Helper()
	w := &town{t: t, root: t.TempDir()}
	rules := grail.Hardened()
	rules.BindBeacon, rules.WindowLength, rules.BlockSeconds, rules.DeadlineSlackSeconds, rules.CheckAllRows = false, 12, blockTime.Seconds(), 0, 100
	rules.MinerSampleRate, rules.WarmUpWindows = 1, 1
	params := chain.DefaultHyperparameters()
	params.CommitmentSpace = 1 << 20
	genesis := chain.Genesis{Name: "town", Params: params}
	for i := range w.keys {
		w.keys[i] = sr25519.NewKeypair([32]byte{byte(i + 1)})
		n := chain.GenesisNeuron{Hotkey: w.address(i), Coldkey: w.address(i)}
		if i == 1 {
			n.Stake = 1 << 50
		}
		genesis.Neurons = append(genesis.Neurons, n)
	}
	var err error
	if w.store, err = bucket.StartServer(t.Context(), bucket.ServerConfig{Dir: filepath.Join(w.root, "store")}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.store.Close() })
	for i := range w.pairs {
		w.pairs[i] = bucket.NewBucketKeys()
		if err := w.store.CreateBucket(t.Context(), w.account(i), w.pairs[i]); err != nil {
			t.Fatal(err)
		}
	}
	if w.chain, err = chain.OpenLocal(t.Context(), chain.LocalConfig{BlockTime: blockTime, Genesis: genesis}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.chain.Close() })
	w.net = network.Network{Name: "town", Rules: rules, Store: &network.Store{Endpoint: w.store.Endpoint(), PathStyle: true}}
	return w
}

func (w *town) address(i int) string { return ss58.EncodeBittensor(w.keys[i].Public()) }

func (w *town) account(i int) string {
	return strings.Repeat(hex.EncodeToString([]byte{byte(i + 16)}), 16)
}

// config is what the operator of a neuron has.
func (w *town) config(i int, dir string) (operator.Config, *guest) {
	registry := status.New(status.Options{})
	return operator.Config{
		Network: w.net, Chain: w.chain, Hotkey: w.keys[i], Dir: filepath.Join(w.root, dir), Models: filepath.Join(w.root, dir, "models"), Name: dir, Status: registry,
		Store: bucket.Settings{AccountID: w.account(i), Bucket: w.account(i), Write: w.pairs[i].Write, Read: w.pairs[i].Read},
	}, &guest{events: registry.Subscribe(1 << 16)}
}

func (w *town) base() string {
	w.t.Helper()
	dir := filepath.Join(w.root, "base")
	if err := base.WriteTo(dir); err != nil {
		w.t.Fatal(err)
	}
	return dir
}

func options(t *testing.T, more map[string]string) trainer.Options {
	t.Helper()
	values := map[string]string{
		"GRAIL_ENV_ID": "sat", "GRAIL_TRAINER_KL_COEF": "0", "GRAIL_TRAINER_LR": "2e-4", "GRAIL_TRAINER_TOTAL_WINDOWS": "20", "GRAIL_UPLOAD_RETRY_BACKOFF_BASE": "0.1",
		"GRAIL_GEN_MAX_TOKENS": "96",
	}
	maps.Copy(values, more)
	o, err := trainer.ReadOptions(values)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func ofKind(k status.Kind) func(status.Event) bool {
	return func(e status.Event) bool { return e.Kind == k }
}

// TestTrain lets three operators make a network: the trainer publishes a model, the miner's rollouts are accepted, and the trainer learns from them and publishes a
// patch, which the miner then works with. A trainer that is started again goes on.
func TestTrain(t *testing.T) {
	if testing.Short() {
		t.Skip("a network of several windows takes half a minute")
	}
	w := openTown(t, 500*time.Millisecond)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 3)
	plan := operator.Training{Model: w.base(), Options: options(t, nil)}
	train, taught := w.config(0, "trainer")
	life, kill := context.WithCancel(ctx)
	trained := make(chan error, 1)
	go func() { trained <- operator.Train(life, train, plan) }()
	if full := taught.await(t, "published model", ofKind(status.Published)); full.Text != checkpoint.Full {
		t.Errorf("published %+v", full)
	}
	judge, _ := w.config(1, "validator")
	go func() { ended <- operator.Validate(ctx, judge, validator.Plan{}) }()
	mine, mined := w.config(2, "miner")
	go func() { ended <- operator.Mine(ctx, mine, miner.Plan{MaxGroups: 4}, nil) }()
	learnt := taught.await(t, "trained window", ofKind(status.Trained))
	delta := taught.await(t, "patch", ofKind(status.Published))
	if r, ok := learnt.Report.(trainer.Report); !ok || r.Miners != 1 || r.Groups == 0 || r.Refused != 0 || delta.Text != checkpoint.Delta || delta.Measured == nil || *delta.Measured == 0 {
		t.Errorf("learnt %+v, published %+v", learnt, delta)
	}
	kill() // before the marker is written
	if err := <-trained; err != nil {
		t.Errorf("the trainer ended with %v", err)
	}
	train, taught = w.config(0, "trainer")
	other := plan
	other.Model = t.TempDir()
	if err := operator.Train(ctx, train, other); !errors.Is(err, operator.ErrOtherModel) {
		t.Errorf("with another model: %v", err)
	}
	plan.Model = ""
	life, kill = context.WithCancel(ctx)
	go func() { trained <- operator.Train(life, train, plan) }()
	again := taught.await(t, "next trained window", ofKind(status.Trained))
	if r, ok := again.Report.(trainer.Report); !ok || r.Epoch == 0 {
		t.Errorf("it begins anew: %+v", again)
	}
	mined.await(t, "miner with a patch", func(e status.Event) bool { return e.Kind == status.Checkpoint && e.Window >= delta.Window })
	kill()
	if err := <-trained; err != nil {
		t.Errorf("the trainer ended with %v", err)
	}
	// A trainer that has lost its folder goes on from what is published.
	lost, taught := w.config(0, "elsewhere")
	go func() { trained <- operator.Train(ctx, lost, plan) }()
	if next := taught.await(t, "checkpoint by a trainer that lost its folder", ofKind(status.Published)); next.Window <= delta.Window {
		t.Errorf("published %+v after %+v", next, delta)
	}
	if text, err := os.ReadFile(filepath.Join(lost.Dir, "initial.json")); err != nil || strings.Contains(string(text), "model") {
		t.Errorf("began with %s, %v", text, err)
	}
	cancel()
	for range 2 {
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	if err := <-trained; err != nil {
		t.Error(err)
	}
}

// TestTrainRefused ends the start of a trainer that can't be one.
func TestTrainRefused(t *testing.T) {
	w := openTown(t, 200*time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	mine, _ := w.config(2, "miner")
	if err := operator.Train(ctx, mine, operator.Training{Options: options(t, nil)}); !errors.Is(err, operator.ErrNotTrainer) || !strings.Contains(err.Error(), "UID is 2") {
		t.Errorf("with a miner's hotkey: %v", err)
	}
	train, _ := w.config(0, "trainer")
	if err := operator.Train(ctx, train, operator.Training{Options: options(t, nil)}); !errors.Is(err, operator.ErrNoModel) {
		t.Errorf("without a model: %v", err)
	}
	if err := operator.Train(ctx, train, operator.Training{Model: t.TempDir(), Options: options(t, nil)}); err == nil || !strings.Contains(err.Error(), "config.json") {
		t.Errorf("with an empty folder: %v", err)
	}
	if known, err := w.chain.Commitments(ctx); err != nil || len(known) != 0 {
		t.Errorf("announced %v, %v", known, err)
	}
	train.Store.Read = train.Store.Write
	if err := operator.Train(ctx, train, operator.Training{Model: w.base(), Options: options(t, nil)}); !errors.Is(err, bucket.ErrPublishWrite) {
		t.Errorf("with write keys for everybody: %v", err)
	}
}
