package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nanteos/nanteos/internal/environments"
)

func newTaskList(t terminal) *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{
		Use:   "list",
		Short: "list environments and whether they are ready here",
		Long: `list shows the environments that this build has, what each needs, and whether it is here. An environment that lacks
a GPU or sympy works all the same, and is marked so; nanteos doctor tells more.

One that lacks a dataset only can be tried all the same: task, model eval and devnet do with a small dataset of the program.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			k := kit(t, true)
			defer func() { err = errors.Join(err, k.Close()) }()
			r, err := k.Examine(cmd.Context(), "")
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(t, r.Environments)
			}
			if _, err := fmt.Fprint(t.out, environmentTable(r)); err != nil {
				return fmt.Errorf("couldn't write: %w", err)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}

// environmentTable shows all environments.
func environmentTable(r environments.Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-14s  %-5s  %-28s  %s\n", "environment", "ready", "needs", "remarks")
	for _, e := range r.Environments {
		ready := "yes"
		if !e.Ready {
			ready = "no"
		}
		fmt.Fprintln(&b, strings.TrimRight(fmt.Sprintf("%-14s  %-5s  %-28s  %s", e.ID, ready, needsText(e.Needs), remarks(e)), " "))
	}
	if slices.ContainsFunc(r.Environments, func(e environments.Readiness) bool { return slices.Equal(e.Missing, []string{"dataset"}) }) {
		b.WriteString("\nWithout a dataset, task and devnet do with a small one of the program; nanteos data pull ENV gets the network's.\n")
	}
	return b.String()
}

func needsText(n environments.Needs) string {
	var parts []string
	for _, p := range []struct {
		needed bool
		name   string
	}{{n.Dataset, "dataset"}, {n.Python, "python"}, {n.Sympy, "(sympy)"}, {n.GPU, "(gpu)"}} {
		if p.needed {
			parts = append(parts, p.name)
		}
	}
	if parts == nil {
		return "nothing"
	}
	return strings.Join(parts, ", ")
}

// remarks say what an environment lacks, does without, or can't be used for.
func remarks(e environments.Readiness) string {
	var parts []string
	if len(e.Missing) > 0 {
		parts = append(parts, "no "+strings.Join(e.Missing, ", no "))
	}
	for _, l := range e.Limited {
		switch {
		case l == "gpu":
			parts = append(parts, "rewards up to 0.35 without a GPU")
		case l == "sympy":
			parts = append(parts, "the reference's rules need sympy")
		default:
			parts = append(parts, l+" instead of 3.12")
		}
	}
	if !e.Registered {
		parts = append(parts, "not for networks under the reference's rules")
	}
	return strings.Join(parts, "; ")
}
