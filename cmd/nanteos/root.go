package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"github.com/nanteos/nanteos/internal/config"
)

// terminal is what the commands know of the world: where they read and write, and what the environment says about it.
type terminal struct {
	in       *os.File
	out, err io.Writer
	// live says that both in and out are a terminal that can be drawn on; colour that text may be coloured.
	live, colour bool
	// program is how the user calls this program, for commands that are proposed.
	program string
	// env is the environment, for commands that heed more of it.
	env config.Config
}

// standard is the process's own terminal. The environment may ask for less than it can do.
func standard(cfg config.Config) terminal {
	tty := func(f *os.File) bool { return isatty.IsTerminal(f.Fd()) || isatty.IsCygwinTerminal(f.Fd()) }
	t := terminal{in: os.Stdin, out: os.Stdout, err: os.Stderr, program: "nanteos", env: cfg}
	t.live = tty(os.Stdin) && tty(os.Stdout) && !cfg.Dumb
	t.colour = tty(os.Stdout) && !cfg.Dumb && !cfg.NoColor
	if strings.Contains(filepath.ToSlash(os.Args[0]), "/go-build") {
		t.program = "go run ./cmd/nanteos"
	}
	return t
}

// newRoot makes the command tree.
func newRoot(t terminal) *cobra.Command {
	root := &cobra.Command{
		Use:   "nanteos",
		Short: "mine, validate and run Grail and LogicNet",
		Long:  "nanteos mines, validates and runs two networks of Bittensor: Grail and LogicNet.\nStart with a whole network on this machine: nanteos devnet",
		Args:  cobra.NoArgs,
		// What went wrong is printed by main, once, in one form.
		SilenceErrors: true, SilenceUsage: true,
		Version: version(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	// No SetVersionTemplate or other template of cobra's: it would link text/template, whose reflection keeps every method of every
	// dependency alive: 68 MB instead of 49.
	root.SetIn(t.in)
	root.SetOut(t.out)
	root.SetErr(t.err)
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("couldn't read flags: %w", err), cmd.CommandPath()}
	})
	root.AddCommand(newDevnet(t), newMine(t), newValidate(t), newTrain(t), newPreflight(t), newExplain(t), newModel(t), newData(t), newTask(t), newDoctor(t), newWallet(t), newSubnet(t), newLogicnet(t), newVersion(t))
	return root
}
