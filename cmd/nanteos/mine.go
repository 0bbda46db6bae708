package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/nanteos/nanteos/internal/devnet"
	"github.com/nanteos/nanteos/internal/node/miner"
	"github.com/nanteos/nanteos/internal/operator"
)

const mineLong = `mine takes part in a Grail network: it makes groups of rollouts with the network's model on the problems that
public randomness draws, judges them as a validator would, and uploads one signed file a window. Ctrl-C ends
it in order; whatever happens, the same command goes on where it stopped.
` + roleLong

func newMine(t terminal) *cobra.Command {
	r := role{t: t, command: "mine", wallet: keyPlace{t: t}}
	var useBeacon, noBeacon bool
	var groups int
	cmd := &cobra.Command{
		Use:     "mine",
		Short:   "mine on a Grail network",
		Long:    mineLong,
		Example: "  nanteos mine\n  nanteos mine --network network.json --wallet.name me --wallet.hotkey miner -v",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("use-drand") && cmd.Flags().Changed("no-drand") && useBeacon == noBeacon {
				return usageError{errors.New("couldn't read flags: --use-drand and --no-drand contradict each other"), cmd.CommandPath()}
			}
			plan, err := minerPlan(t, groups)
			if err != nil {
				return err
			}
			return r.run(cmd.Context(), noBeacon || !useBeacon, func(ctx context.Context, cfg operator.Config) error {
				return mineUntil(ctx, cfg, plan)
			})
		},
	}
	r.flags(cmd)
	cmd.Flags().BoolVar(&useBeacon, "use-drand", true, "mix the beacon's randomness into the window's")
	cmd.Flags().BoolVar(&noBeacon, "no-drand", false, "use the block hash alone")
	cmd.Flags().IntVar(&groups, "max-groups", 0, "make so many groups a window at most; 0 for no limit")
	return cmd
}

// minerPlan is what the operator chooses.
func minerPlan(t terminal, groups int) (miner.Plan, error) {
	plan := miner.Plan{MaxGroups: groups}
	if groups < 0 {
		return plan, devnet.WithHint(fmt.Errorf("couldn't make %d groups: the number is negative", groups), "0 is no limit")
	}
	if text := t.env.SafetyBlocks; text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || n > 1000 {
			return plan, devnet.WithHint(fmt.Errorf("couldn't use variable GRAIL_MINER_SAFETY_BLOCKS: it is not a whole number from 0 to 1000"), "3 is usual")
		}
		if plan.SafetyBlocks = n; n == 0 {
			plan.SafetyBlocks = -1
		}
	}
	return plan, nil
}

// mineUntil asks the miner to end when ctx ends, and tells it to a little later.
func mineUntil(ctx context.Context, cfg operator.Config, plan miner.Plan) error {
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { endLater(cancel) })
	defer stop()
	return operator.Mine(own, cfg, plan, ctx.Done())
}
