package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/grail/verify"
	"github.com/nanteos/nanteos/grail/windowfile"
	"github.com/nanteos/nanteos/internal/devnet"
	"github.com/nanteos/nanteos/internal/node/inspect"
)

const explainLong = `explain shows one row of a window file in full: every check with what was measured, its limit and the margin,
the positions that deviate most, prompt and completion, and the parts of the reward. Where the validator of the
window judged this very file, it also says what the validator said: a copier's file, for one, is fine by itself.

Without ROW it takes the first row that fails, else the row that is closest to failing. Rows count from 0.
` + inspectionLong

func newExplain(t terminal) *cobra.Command {
	var s inspection
	cmd := &cobra.Command{
		Use:     "explain FILE [ROW]",
		Short:   "show one row of a window file with every check",
		Long:    explainLong,
		Example: "  nanteos explain window-30/zero-sketch.parquet\n  nanteos explain window-30/miner-1.parquet 5 --json",
		Args:    arguments("FILE", 1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			s.file = args[0]
			row := int64(-1)
			if len(args) == 2 {
				n, err := strconv.ParseInt(args[1], 10, 64)
				if err != nil || n < 0 {
					return usageError{fmt.Errorf("couldn't read ROW: %q is no number from 0", args[1]), cmd.CommandPath()}
				}
				row = n
			}
			g, err := s.ground(cmd)
			if err != nil {
				return err
			}
			return s.explain(cmd.Context(), t, g, row)
		},
	}
	s.flags(cmd)
	return cmd
}

// explain judges a row, row -1 for the one that is worth a look, and tells all about it.
func (s *inspection) explain(ctx context.Context, t terminal, g grounds, row int64) error {
	i, end, err := g.open(ctx, t)
	if err != nil {
		return err
	}
	defer end()
	why := ""
	if row < 0 {
		whole, err := i.Judge(ctx, s.file, g.known, inspect.Scope{})
		if err != nil {
			return err
		}
		if whole.Report.Rows == 0 {
			return s.noRow(t, g, whole)
		}
		row, why = worthALook(whole.Report)
	}
	r, err := i.Judge(ctx, s.file, g.known, inspect.Scope{Row: &row})
	if errors.Is(err, inspect.ErrRow) {
		return devnet.WithHint(err, "rows count from 0; leave ROW out for the one that is worth a look")
	}
	if err != nil {
		return err
	}
	if len(r.Report.Reports) == 0 {
		return s.noRow(t, g, r)
	}
	res := s.result("explain", &g, r)
	res.Row = &row
	if res.Claim, err = s.claim(ctx, g.rules, row); err != nil {
		return err
	}
	res.Verdict = verdictAccepted
	if v := firstFailure(&r.Report.Reports[0]); v != nil {
		res.Verdict, res.Check, res.Reason, res.Hint = verdictRefused, strings.TrimPrefix(v.Check, rowPrefix), v.Reason, v.Remedy
		if v.Unjudged {
			res.Verdict = verdictUnjudged
		}
	}
	if s.json {
		return res.print(t.out)
	}
	if _, err := fmt.Fprint(t.out, explainText(devnet.Palette{On: t.colour}, res, g, why)); err != nil {
		return fmt.Errorf("couldn't write: %w", err)
	}
	return nil
}

// noRow tells of a file that shows no rows.
func (s *inspection) noRow(t terminal, g grounds, r *inspect.Result) error {
	res := s.result("explain", &g, r)
	res.Verdict, res.Check, res.Reason, res.Hint = verdictOf(r), checkOf(r.Report.Reason), r.Report.Cause, r.Report.Remedy
	var err error
	if s.json {
		err = res.print(t.out)
	} else {
		_, err = fmt.Fprintln(t.out, verdictLine(devnet.Palette{On: t.colour}, res))
	}
	if err != nil {
		return err
	}
	if err := refusal(res, t.program); err != nil {
		return err
	}
	return devnet.WithHint(fmt.Errorf("couldn't explain %s: it has no rows", s.file), "a miner that has nothing to show hands in no file")
}

// worthALook chooses a row of a file that was judged up to its first failure, and says why.
func worthALook(rep *verify.FileReport) (row int64, why string) {
	closest, least := int64(0), math.Inf(1)
	for i := range rep.Reports {
		r := &rep.Reports[i]
		if r.Skipped || firstFailure(r) != nil {
			return r.Row, "the first row that fails"
		}
		if v := r.Smallest(); v != nil {
			if share := math.Abs(v.Margin / v.Limit); share < least {
				closest, least = r.Row, share
			}
		}
	}
	for _, group := range rep.Groups {
		for i := range rep.Reports {
			if r := &rep.Reports[i]; !group.OK && r.Group == group.Group {
				return r.Row, "the first row of the group that fails: " + group.Cause
			}
		}
	}
	if rep.Reason != "" {
		return 0, "the file as a whole is refused: " + rep.Cause
	}
	return closest, "no row fails, this one is closest to it"
}

// claim reads what the row says of itself.
func (s *inspection) claim(ctx context.Context, rules grail.Rules, row int64) (*claim, error) {
	f, err := os.Open(s.file)
	if err != nil {
		return nil, fmt.Errorf("couldn't open window file: %w", err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("couldn't look at window file: %w", err)
	}
	file, err := windowfile.Open(f, st.Size(), windowfile.Limits{FileBytes: rules.MaxFileBytes, Rows: rules.MaxFileRows})
	if err != nil {
		return nil, fmt.Errorf("couldn't read %s: %w", s.file, err)
	}
	rows, err := file.Rows(ctx, row, row+1)
	if err != nil {
		return nil, fmt.Errorf("couldn't read row %d of %s: %w", row, s.file, err)
	}
	if len(rows) != 1 || rows[0].Null.Has(grail.NullCommit) {
		return nil, nil
	}
	return claimOf(&rows[0]), nil
}
