package main

import "github.com/spf13/cobra"

// newModel is the group of commands about models.
func newModel() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "model",
		Short: "make models",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newModelTrainBaseCmd())
	return cmd
}
