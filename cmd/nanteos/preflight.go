package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nanteos/nanteos/internal/devnet"
	"github.com/nanteos/nanteos/internal/node/inspect"
)

const preflightLong = `preflight judges a window file as a validator would, with the same code: the file's structure, the nine checks
of every row, and the rules of groups. It says what a validator would say, and for each failure its cause and
what to do about it.
` + inspectionLong + `

Exit status: 0 for a file that would be accepted, 1 for any other, 2 for a command that can't be understood.`

func newPreflight(t terminal) *cobra.Command {
	var s inspection
	sample := false
	cmd := &cobra.Command{
		Use:     "preflight FILE",
		Short:   "judge a window file as a validator would",
		Long:    preflightLong,
		Example: "  nanteos preflight window-30/miner-1.parquet\n  nanteos preflight mine.parquet --checkpoint ./model --rules reference --json",
		Args:    arguments("FILE", 1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s.file = args[0]
			g, err := s.ground(cmd)
			if err != nil {
				return err
			}
			return s.preflight(cmd.Context(), t, g, sample)
		},
	}
	s.flags(cmd)
	cmd.Flags().BoolVar(&sample, "sample", false, "judge only the rows that a validator would draw")
	return cmd
}

// preflight judges the file and tells the result.
func (s *inspection) preflight(ctx context.Context, t terminal, g grounds, sample bool) error {
	i, end, err := g.open(ctx, t)
	if err != nil {
		return err
	}
	defer end()
	r, err := i.Judge(ctx, s.file, g.known, inspect.Scope{Sample: sample, All: true})
	if err != nil {
		return err
	}
	res := s.result("preflight", &g, r)
	res.Verdict, res.Check, res.Reason, res.Hint = verdictOf(r), checkOf(r.Report.Reason), r.Report.Cause, r.Report.Remedy
	if s.json {
		err = res.print(t.out)
	} else {
		_, err = fmt.Fprint(t.out, preflightText(devnet.Palette{On: t.colour}, res, g, t.program))
	}
	if err != nil {
		return err
	}
	return refusal(res, t.program)
}

// refusal is the error of a file that would not be accepted.
func refusal(res inspectionResult, program string) error {
	hint := fmt.Sprintf("%s explain %s shows the row in full", program, shellQuote(res.File))
	if len(res.Report.Reports) == 0 {
		hint = orElse(escape(res.Hint), "hand in the file as the miner wrote it; is it complete?")
	}
	switch res.Verdict {
	case verdictRefused:
		return devnet.WithHint(fmt.Errorf("couldn't pass %s: it would be refused by %s", res.File, res.Check), hint)
	case verdictIgnored:
		return devnet.WithHint(fmt.Errorf("couldn't pass %s: it would count as not there: %s", res.File, escape(res.Reason)), "hand in the file as the miner wrote it")
	case verdictUnjudged:
		return devnet.WithHint(fmt.Errorf("couldn't judge %s: %s", res.File, escape(res.Reason)), "nothing is known about the file: the fault is on this side")
	}
	return nil
}

// checkOf is the name of the check without its stage: proof_valid for hard:proof_valid.
func checkOf(reason string) string {
	if _, name, ok := strings.Cut(reason, ":"); ok {
		return name
	}
	return reason
}

// arguments wants from least to most arguments.
func arguments(what string, least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return usageError{fmt.Errorf("couldn't run %s: %s is missing", cmd.Name(), what), cmd.CommandPath()}
		case len(args) > most:
			return usageError{fmt.Errorf("couldn't run %s: %q is one argument too many", cmd.Name(), args[most]), cmd.CommandPath()}
		}
		return nil
	}
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// shellQuote makes a path safe to paste into a shell.
func shellQuote(path string) string {
	if strings.ContainsAny(path, " '\"\\$`&|;()<>*?[]#~!{}\t\n") {
		return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
	return path
}
