package operator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/nanteos/nanteos/bittensor/ss58"
	"github.com/nanteos/nanteos/internal/bucket"
	"github.com/nanteos/nanteos/internal/checkpoint"
	"github.com/nanteos/nanteos/internal/engine"
	"github.com/nanteos/nanteos/internal/node"
	"github.com/nanteos/nanteos/internal/node/trainer"
	"github.com/nanteos/nanteos/model"
)

// What keeps a trainer from its work, where the operator is to mend something.
var (
	// ErrNotTrainer says that the hotkey is not the one whose checkpoints the network uses.
	ErrNotTrainer = errors.New("hotkey is not the network's trainer")
	// ErrNoModel says that there is nothing to begin with: no model was named, and the trainer's bucket has no checkpoint.
	ErrNoModel = errors.New("there is no model to begin with")
	// ErrOtherModel says that the data folder holds the training of another model than the one that was named.
	ErrOtherModel = errors.New("data folder holds the training of another model")
)

// Training is what a trainer's operator chooses.
type Training struct {
	// Model is the folder of the model that a new training begins with; empty: the newest checkpoint in the trainer's own bucket.
	Model string
	// Options are the settings.
	Options trainer.Options
	// Open begins the training of a model folder, nil for the built-in engine.
	Open func(ctx context.Context, dir string) (engine.Trainer, error)
	// Build names this program in the metadata of checkpoints.
	Build string
}

// modelName is the identity text of the reference's checkpoints.
const modelName = "async_trainer_snapshot"

// Train runs a trainer until ctx ends. Errors are those of Mine, and ErrNotTrainer, ErrNoModel, ErrOtherModel, trainer.ErrState.
func Train(ctx context.Context, cfg Config, plan Training) error {
	if _, err := cfg.Store.Published(); err != nil {
		return err
	}
	r, err := open(ctx, &cfg, "trainer")
	if err != nil {
		return err
	}
	if r.uid != cfg.Network.Rules.TrainerUID {
		return fmt.Errorf("couldn't train with %s: its UID is %d, and this network uses the checkpoints of UID %d: %w",
			ss58.EncodeBittensor(cfg.Hotkey.Public()), r.uid, cfg.Network.Rules.TrainerUID, ErrNotTrainer)
	}
	lock, err := node.Lock(filepath.Join(cfg.Dir, "lock"))
	if err != nil {
		return err
	}
	defer lock.Close()
	own, err := bucket.NewS3(cfg.Store.Own())
	if err != nil {
		return err
	}
	defer own.Close()
	first, from, err := r.firstModel(ctx, own, plan.Model)
	if err != nil {
		return err
	}
	announced, err := r.announce(ctx)
	if err != nil {
		return err
	}
	defer announced.Close()
	o := plan.Options
	interval := o.Interval
	if !o.Patches {
		interval = -1
	}
	publisher, err := checkpoint.NewPublisher(checkpoint.PublisherConfig{
		Bucket: own, Trainer: cfg.Hotkey, Dir: filepath.Join(cfg.Dir, "published"), WindowLength: cfg.Network.Rules.WindowLength, Interval: interval,
		Version: o.Format, Retention: o.Retention, Attempts: o.Attempts, Pause: o.Pause,
	})
	if err != nil {
		return err
	}
	tc := trainer.Config{
		Name: cfg.Name, Hotkey: ss58.EncodeBittensor(cfg.Hotkey.Public()), Rules: cfg.Network.Rules, Settings: o.Settings, Dir: filepath.Join(cfg.Dir, "training"),
		Initial: first, Adopted: from.Adopted, Latest: from.Latest,
		Metadata: checkpoint.Metadata{
			ModelName: modelName, GitCommit: plan.Build, TrainingConfig: o.TrainingConfig(), EnvID: o.Policy.EnvID, EnvParams: o.Policy.EnvParams,
			GenerationParams: o.Policy.GenerationParams, ThinkingMode: o.Policy.ThinkingMode,
		},
		Chain: cfg.Chain, Beacon: r.beacon, OpenBucket: node.OpenPeer(r.cfg.Store), Checkpoints: r.store, Publisher: publisher, Sink: r.sink,
		Open: plan.Open,
		Sing: func(ctx context.Context, dir string) ([]byte, error) {
			c, err := engine.MakeCanary(ctx, r.store.Library, dir)
			if err != nil {
				return nil, err
			}
			return c.JSON(), nil
		},
	}
	tc.Settings.Filters.GroupSize = cfg.Network.Rules.GroupSize
	if tc.Open == nil {
		tc.Open = func(ctx context.Context, dir string) (engine.Trainer, error) {
			return engine.OpenTrainer(ctx, dir, engine.TrainOptions{WeightDecay: o.WeightDecay, Library: r.store.Library})
		}
	}
	if o.Settings.GRPO.KL > 0 {
		held, err := engine.Load(ctx, first, engine.Options{Library: r.store.Library})
		if err != nil {
			return fmt.Errorf("couldn't load the model to stay near: %w", err)
		}
		defer held.Close()
		tc.Reference = engine.Held{Engine: held}
	}
	t, err := trainer.New(tc)
	if err != nil {
		return err
	}
	return clean(ctx, t.Run(ctx))
}

// The first model lies in the folder initial of the data folder, so that a training can go on whatever becomes of the folder that it came from; beside it
// stands where it is from.
const (
	initialDir  = "initial"
	initialFile = "initial.json"
)

// origin says where the first model is from: a folder, or a checkpoint of the own bucket. Latest is the newest label in the bucket by then, nil for none.
type origin struct {
	Model   string `json:"model,omitempty"`
	Adopted *int64 `json:"adopted,omitempty"`
	Latest  *int64 `json:"latest,omitempty"`
}

// firstModel returns the folder of the first model and where it is from. The first time, it makes the folder.
func (r *role) firstModel(ctx context.Context, own node.Bucket, named string) (dir string, from origin, err error) {
	fail := func(err error) (string, origin, error) {
		return "", origin{}, fmt.Errorf("couldn't take a first model: %w", err)
	}
	dir, file := filepath.Join(r.cfg.Dir, initialDir), filepath.Join(r.cfg.Dir, initialFile)
	if named != "" {
		if named, err = filepath.Abs(named); err != nil {
			return fail(err)
		}
	}
	if _, err := os.Stat(dir); err == nil {
		text, err := os.ReadFile(file)
		if err == nil {
			err = json.Unmarshal(text, &from)
		}
		if err != nil {
			return fail(fmt.Errorf("%w: %w", trainer.ErrState, err))
		}
		if named != "" && named != from.Model {
			return fail(fmt.Errorf("%s began with %s: %w", r.cfg.Dir, from, ErrOtherModel))
		}
		return dir, from, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fail(err)
	}
	from.Model = named
	latest, err := checkpoint.Latest(ctx, own, 1<<62)
	switch {
	case err == nil:
		from.Latest = &latest.Window
	case !errors.Is(err, checkpoint.ErrNone):
		return fail(err)
	case named == "":
		return fail(fmt.Errorf("%w: the bucket has no checkpoint yet", ErrNoModel))
	}
	place := named
	if named == "" {
		key := r.cfg.Hotkey.Public()
		c, err := r.store.Cache.Fetch(ctx, own, latest.Window, &key)
		if err != nil {
			return fail(err)
		}
		place = c.Dir
		switch _, err := own.Head(ctx, bucket.FullKey(latest.Window, checkpoint.Full)); {
		case err == nil:
			from.Adopted = &latest.Window
		case !errors.Is(err, bucket.ErrNotFound):
			return fail(err)
		} // what is there as a patch only begins no chain: it is published whole first
	}
	if _, err := model.ReadConfig(place); err != nil {
		return fail(err)
	}
	names, err := checkpoint.Files(place)
	if err != nil {
		return fail(err)
	}
	if err := copyFiles(ctx, place, dir+".partial", names); err != nil {
		return fail(err)
	}
	text, err := json.Marshal(from)
	if err != nil {
		return fail(err)
	}
	if err := errors.Join(os.WriteFile(file, append(text, '\n'), 0o600), os.Rename(dir+".partial", dir)); err != nil {
		return fail(err)
	}
	return dir, from, nil
}

func (o origin) String() string {
	if o.Adopted != nil {
		return fmt.Sprintf("checkpoint %d of its bucket", *o.Adopted)
	}
	return o.Model
}

// copyFiles copies files of a folder, to the disk.
func copyFiles(ctx context.Context, from, to string, names []string) error {
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return err
		}
		name = filepath.FromSlash(name)
		if err := os.MkdirAll(filepath.Dir(filepath.Join(to, name)), 0o700); err != nil {
			return err
		}
		if err := copyFile(filepath.Join(from, name), filepath.Join(to, name)); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}
