package main

import "github.com/spf13/cobra"

// newModel is the group of commands about models.
func newModel(t terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "model",
		Short: "get, make, measure and serve models",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newModelPull(t), newModelInfo(t), newModelHash(t), newModelEval(t), newModelServe(t), newModelTrainBaseCmd())
	return cmd
}
