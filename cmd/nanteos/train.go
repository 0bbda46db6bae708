package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/nanteos/nanteos/internal/checkpoint"
	"github.com/nanteos/nanteos/internal/devnet"
	"github.com/nanteos/nanteos/internal/engine"
	"github.com/nanteos/nanteos/internal/node/trainer"
	"github.com/nanteos/nanteos/internal/operator"
)

const trainLong = `train is the trainer of a Grail network: after each window it learns from the rollouts that validators vouch for,
and publishes the next checkpoint, as a patch or whole. Only the hotkey whose checkpoints the network uses (UID 0
of Grail) can do it. What is learnt, and how, the GRAIL_TRAINER_ and GRAIL_GRPO_ variables of the Python
implementation say; .env.example lists all. Ctrl-C ends it; the same command goes on where it stopped, to the bit.
` + roleLong

// trainFlags are those of train alone.
type trainFlags struct {
	model, engine, python string
	processes             int
}

func newTrain(t terminal) *cobra.Command {
	r := role{t: t, command: "train", wallet: keyPlace{t: t}}
	var f trainFlags
	cmd := &cobra.Command{
		Use:   "train",
		Short: "train a Grail network's model",
		Long:  trainLong,
		Example: "  nanteos train --network network.json --model nanteos-base\n" +
			"  nanteos train --engine torch --processes 8 --python /opt/torch/bin/python3 --model Qwen3-4B",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			plan, err := trainPlan(t, f)
			if err != nil {
				return err
			}
			return r.run(cmd.Context(), false, func(ctx context.Context, cfg operator.Config) error {
				if !r.wallet.json {
					fmt.Fprintf(t.out, "train: %s\n", plan.Options)
				}
				return mendTrain(operator.Train(ctx, cfg, plan))
			})
		},
	}
	r.flags(cmd)
	cmd.Flags().StringVar(&f.model, "model", "", "folder of the model that a new training begins with (default the newest checkpoint in the trainer's bucket)")
	cmd.Flags().StringVar(&f.engine, "engine", "native", "what trains: native, or torch for PyTorch on GPUs or processors")
	cmd.Flags().IntVar(&f.processes, "processes", 0, "processes of the torch engine, one a GPU (default GRAIL_DIST_NPROC, else 1)")
	cmd.Flags().StringVar(&f.python, "python", "", "interpreter of the torch engine, one with torch and transformers (default python3)")
	return cmd
}

// trainPlan is what the operator chooses.
func trainPlan(t terminal, f trainFlags) (operator.Training, error) {
	plan := operator.Training{Model: f.model, Build: version()}
	values := t.env.Training.Values()
	if v := t.env.Environments.GPUEval; v != "" {
		values[checkpoint.VarGPUEval] = v
	}
	var err error
	if plan.Options, err = trainer.ReadOptions(values); err != nil {
		return plan, devnet.WithHint(err, ".env.example lists the variables of a trainer with their defaults")
	}
	if f.processes < 0 || f.processes > 1024 {
		return plan, devnet.WithHint(fmt.Errorf("couldn't start %d processes: the number is not from 1 to 1024", f.processes), "one a GPU is usual")
	}
	if f.processes == 0 {
		f.processes = plan.Options.Processes
	}
	switch f.engine {
	case "native":
		if f.python != "" {
			return plan, devnet.WithHint(errors.New("couldn't use --python: the native engine needs no Python"), "add --engine torch")
		}
	case "torch":
		plan.Open = func(ctx context.Context, dir string) (engine.Trainer, error) {
			torch, err := engine.OpenTorch(ctx, dir, engine.TorchOptions{
				Python: f.python, Processes: f.processes, Threads: t.env.Threads, WeightDecay: plan.Options.WeightDecay, KeepActivations: plan.Options.KeepActivations,
			})
			if err != nil {
				return nil, err
			}
			return torch, nil
		}
	default:
		return plan, devnet.WithHint(fmt.Errorf("couldn't use engine %.40q: there is no such engine", f.engine), "name native or torch")
	}
	return plan, nil
}

// mendTrain adds what to do about what keeps a trainer from its work.
func mendTrain(err error) error {
	switch {
	case errors.Is(err, operator.ErrNotTrainer):
		return devnet.WithHint(err, "use the trainer's wallet; other hotkeys mine or validate")
	case errors.Is(err, operator.ErrNoModel):
		return devnet.WithHint(err, "name the folder of a model with --model; nanteos model pull gets one")
	case errors.Is(err, operator.ErrOtherModel):
		return devnet.WithHint(err, "leave --model out to go on with it, or name another folder with --data to begin anew")
	case errors.Is(err, trainer.ErrState):
		return devnet.WithHint(err, "name another folder with --data: without --model it begins with the newest published checkpoint")
	case errors.Is(err, engine.ErrTorchMissing):
		return devnet.WithHint(err, "pip install torch transformers, and name that interpreter with --python")
	}
	return err
}
