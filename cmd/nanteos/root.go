package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"
)

// terminal is what the commands know of the world: where they read and write, and what the environment says about it.
type terminal struct {
	in       *os.File
	out, err io.Writer
	// live says that both in and out are a terminal that can be drawn on; colour that text may be coloured.
	live, colour bool
	// program is how the user calls this program, for commands that are proposed.
	program string
}

// standard is the process's own terminal. NO_COLOR and TERM=dumb are heeded (no-color.org).
func standard() terminal {
	tty := func(f *os.File) bool { return isatty.IsTerminal(f.Fd()) || isatty.IsCygwinTerminal(f.Fd()) }
	capable := os.Getenv("TERM") != "dumb"
	t := terminal{in: os.Stdin, out: os.Stdout, err: os.Stderr, program: "nanteos"}
	t.live = tty(os.Stdin) && tty(os.Stdout) && capable
	t.colour = tty(os.Stdout) && capable && os.Getenv("NO_COLOR") == ""
	if strings.Contains(filepath.ToSlash(os.Args[0]), "/go-build") {
		t.program = "go run ./cmd/nanteos"
	}
	return t
}

// newRoot makes the command tree.
func newRoot(t terminal) *cobra.Command {
	root := &cobra.Command{
		Use:   "nanteos",
		Short: "mine, validate and run Grail networks",
		Long:  "nanteos mines, validates and runs Grail networks.\nStart with a whole network on this machine: nanteos devnet",
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
	root.AddCommand(newDevnet(t))
	return root
}

// version is the module's version, or the revision it was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v, revision, dirty := info.Main.Version, "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = " with changes"
		}
	}
	if v == "" || v == "(devel)" {
		v = "development"
	}
	if revision != "" {
		v += " (" + revision + dirty + ")"
	}
	return v
}
