package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nanteos/nanteos/internal/devnet"
	"github.com/nanteos/nanteos/internal/environments"
	"github.com/nanteos/nanteos/task"
	"github.com/nanteos/nanteos/task/dataset"
)

// errNotReady says that something is missing. What it is, the report has told.
var errNotReady = errors.New("this machine lacks what environments need")

func newDoctor(t terminal) *cobra.Command {
	env, asJSON := "", false
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "tell what environments need and this machine lacks",
		Long: `doctor tries what environments need: the sandbox in which foreign programs run, layer by layer, the Python that they are
run with, sympy, GPUs, and the datasets, with their digests and licences. For all that is missing it says what to do.

Exit status: 0 where everything is there that --env needs, without --env that any environment needs; 1 otherwise.`,
		Example: "  nanteos doctor\n  nanteos doctor --env mbpp",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			k := kit(t, false)
			defer func() { err = errors.Join(err, k.Close()) }()
			r, err := k.Examine(cmd.Context(), env)
			if errors.Is(err, task.ErrUnknownEnvironment) {
				return devnet.WithHint(err, "nanteos task list shows them")
			}
			if err != nil {
				return err
			}
			if asJSON {
				err = printJSON(t, r)
			} else if _, err = fmt.Fprint(t.out, doctorText(devnet.Palette{On: t.colour}, r)); err != nil {
				err = fmt.Errorf("couldn't write: %w", err)
			}
			if err != nil || r.Ready {
				return err
			}
			return devnet.WithHint(fmt.Errorf("couldn't find everything: %w: %s", errNotReady, unready(r)), missingHint(r))
		},
	}
	cmd.Flags().StringVar(&env, "env", "", "environment that has to be ready (default all)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}

// asked are the environments that were asked about.
func asked(r environments.Report) []environments.Readiness {
	if r.Env == "" {
		return r.Environments
	}
	i := slices.IndexFunc(r.Environments, func(e environments.Readiness) bool { return e.ID == r.Env })
	return r.Environments[i : i+1]
}

// unready names the environments that lack something.
func unready(r environments.Report) string {
	var names []string
	for _, e := range asked(r) {
		if !e.Ready {
			names = append(names, e.ID)
		}
	}
	return strings.Join(names, ", ")
}

// missingHint is what to do first.
func missingHint(r environments.Report) string {
	if r.Env == "" {
		return "do what the arrows say, or ask for one environment with --env; task and devnet do with the program's own small datasets"
	}
	for _, e := range asked(r) {
		if e.Ready {
			continue
		}
		for _, what := range e.Missing {
			switch what {
			case "dataset":
				return "nanteos data pull " + e.ID
			case "python":
				return orElse(r.Python.Hint, r.Python.Note)
			}
		}
		for _, l := range r.Sandbox.Layers {
			if !l.OK && l.Hint != "" {
				return l.Hint
			}
		}
		return orElse(r.Sandbox.Namespaces, r.Sandbox.Bubblewrap)
	}
	return ""
}

// doctorText shows the report to people: of what was asked about.
func doctorText(p devnet.Palette, r environments.Report) string {
	var b strings.Builder
	line := func(ok bool, name, text, hint string) {
		mark := p.Green("ok  ")
		if !ok {
			mark = p.Yellow("no  ")
		}
		b.WriteString(strings.TrimRight(fmt.Sprintf("  %s%-16s %s", mark, escape(name), escape(text)), " ") + "\n")
		if !ok && hint != "" {
			fmt.Fprintf(&b, "      %-16s -> %s\n", "", escape(hint))
		}
	}
	var needs environments.Needs
	for _, e := range asked(r) {
		n := e.Needs
		needs.Dataset, needs.Python, needs.Sympy, needs.GPU = needs.Dataset || n.Dataset, needs.Python || n.Python, needs.Sympy || n.Sympy, needs.GPU || n.GPU
	}
	if needs.Python || needs.Sympy {
		doctorPrograms(&b, line, r, needs)
	}
	if needs.Dataset {
		b.WriteString("datasets\n")
	}
	for _, d := range r.Datasets {
		if r.Env != "" && (!needs.Dataset || d.Env != dataset.Canonical(r.Env)) {
			continue
		}
		text := d.Note
		if d.OK {
			text = fmt.Sprintf("%d rows, %s, %.16s…, licence %s", d.Rows, d.Source, d.Digest, d.Licence)
			if len(d.Deviations) > 0 {
				text += "; not as its publisher has it: " + strings.Join(d.Deviations, "; ")
			}
		}
		line(d.OK, d.Env, text, d.Hint)
	}
	b.WriteString("environments\n")
	for _, e := range asked(r) {
		line(e.Ready, e.ID, remarks(e), "")
	}
	return b.String()
}

// doctorPrograms shows what foreign programs are run by.
func doctorPrograms(b *strings.Builder, line func(ok bool, name, text, hint string), r environments.Report, needs environments.Needs) {
	b.WriteString("sandbox\n")
	s := r.Sandbox
	switch {
	case s.OK:
		line(true, "backend", s.Backend, "")
	default:
		line(false, "backend", "none works: no foreign program is run", "")
	}
	if s.Namespaces != "" {
		line(false, "namespaces", s.Namespaces, "")
	}
	if s.Bubblewrap != "" && !s.OK {
		line(false, "bubblewrap", s.Bubblewrap, "")
	}
	for _, l := range s.Layers {
		line(l.OK, l.Name, l.Note, l.Hint)
	}
	b.WriteString("programs\n")
	for _, c := range []struct {
		needed bool
		name   string
		part   environments.Part
	}{{true, "python", r.Python}, {needs.Sympy, "sympy", r.Sympy}, {needs.GPU, "kernels on GPUs", r.Kernels}} {
		if !c.needed {
			continue
		}
		text := strings.Join(notEmpty(c.part.Version, c.part.Path, c.part.Note), ", ")
		line(c.part.OK, c.name, text, c.part.Hint)
		if c.part.OK && c.part.Hint != "" {
			fmt.Fprintf(b, "      %-16s -> %s\n", "", escape(c.part.Hint))
		}
	}
}

// notEmpty leaves empty texts out.
func notEmpty(texts ...string) []string {
	var out []string
	for _, t := range texts {
		if t != "" {
			out = append(out, t)
		}
	}
	return out
}
