package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/nanteos/nanteos/model/base"
)

// hinted is an error that knows what to do about it.
type hinted struct {
	error
	hint string
}

func (h hinted) Unwrap() error { return h.error }
func (h hinted) Hint() string  { return h.hint }

const trainBaseLong = `train-base trains the base model that this program carries inside, from nothing, on the CPU: 15 million
tokens, a quarter of an hour on two idle cores. Seed 1 gives the embedded model again, to the byte.

With --checkpoints the run is saved every two minutes and when it is interrupted; the same command goes on
from there and ends in the same bytes.`

// newModelTrainBaseCmd is `nanteos model train-base`.
func newModelTrainBaseCmd() *cobra.Command {
	var seed uint64
	var out string
	opt := base.Options{}
	cmd := &cobra.Command{
		Use:     "train-base",
		Short:   "train the base model anew",
		Long:    trainBaseLong,
		Example: "  nanteos model train-base --out base\n  nanteos model train-base --seed 2 --out other --checkpoints ./run",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if out == "" {
				return usageError{errors.New("couldn't train a model: --out doesn't say where to write it"), cmd.CommandPath()}
			}
			opt.Log = cmd.OutOrStdout()
			err := base.TrainTo(cmd.Context(), seed, out, opt)
			if errors.Is(err, base.ErrOtherPlan) {
				return hinted{err, "give another --checkpoints folder, or the --seed that this one was started with"}
			}
			if err == nil {
				fmt.Fprintf(cmd.OutOrStdout(), "the model is in %s\n", out)
			}
			return err
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.Uint64Var(&seed, "seed", 1, "seed of weights and examples")
	flags.StringVar(&out, "out", "", "folder for the finished model")
	flags.StringVar(&opt.Folder, "checkpoints", "", "folder to save the run in and to continue from")
	flags.IntVar(&opt.Threads, "threads", 2, "threads; no effect on the result")
	flags.IntVar(&opt.Problems, "problems", 64, "held-out problems of the evaluation after each phase; 0: none")
	return cmd
}
