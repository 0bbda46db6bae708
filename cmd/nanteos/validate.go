package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/nanteos/nanteos/internal/node/validator"
	"github.com/nanteos/nanteos/internal/operator"
)

const validateLong = `validate takes part in a Grail network as a validator: after each window it draws miners, re-computes a sample of
their rollouts with the network's model, tells with each verdict the check and the margin, and sets weights.
Reports of the last windows lie in the data folder. A bucket (R2_...) is needed only to publish trust lists.
` + roleLong

func newValidate(t terminal) *cobra.Command {
	r := role{t: t, command: "validate", wallet: keyPlace{t: t}}
	var plan validator.Plan
	cmd := &cobra.Command{
		Use:     "validate",
		Short:   "validate on a Grail network",
		Long:    validateLong,
		Example: "  nanteos validate\n  nanteos validate --network network.json --wallet.name me --wallet.hotkey validator",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return r.run(cmd.Context(), false, func(ctx context.Context, cfg operator.Config) error {
				return operator.Validate(ctx, cfg, plan)
			})
		},
	}
	r.flags(cmd)
	cmd.Flags().BoolVar(&plan.TestMode, "test-mode", false, "judge the own hotkey's file only")
	return cmd
}

// endLater ends what was asked to end and does not.
func endLater(cancel func()) { time.AfterFunc(3*time.Second, cancel) }
