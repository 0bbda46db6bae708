package main

import (
	"fmt"
	"strings"

	"github.com/nanteos/nanteos/grail/verify"
	"github.com/nanteos/nanteos/internal/devnet"
)

// columns are the checks in their order under short names.
var columns = []struct{ check, title string }{
	{"", "row checks"},
	{verify.CheckSchema, "schema"}, {verify.CheckTokens, "tokens"}, {verify.CheckPrompt, "prompt"}, {verify.CheckProof, "proof"},
	{verify.CheckTermination, "end"}, {verify.CheckEvaluation, "eval"}, {verify.CheckReward, "reward"}, {verify.CheckLogProbs, "logprobs"},
	{verify.CheckDistribution, "distrib"},
}

// rowPrefix begins the names of checks before the nine.
const rowPrefix = "row:"

// preflightText is the result for people.
func preflightText(p devnet.Palette, res inspectionResult, g grounds, program string) string {
	var b strings.Builder
	rep := res.Report
	b.WriteString(verdictLine(p, res) + "\n")
	if w := res.Validator; w != nil {
		b.WriteString(validatorLine(p, w) + "\n")
	}
	if len(rep.Reports) > 0 {
		b.WriteString("\n" + rowTable(p, rep.Reports))
	}
	b.WriteString(failures(p, rep))
	b.WriteString("\n" + groupLines(p, rep))
	b.WriteString(softLine(rep))
	b.WriteString(groundLines(p, res, g))
	return b.String()
}

// verdictLine is the first line: what a validator would say.
func verdictLine(p devnet.Palette, res inspectionResult) string {
	rep := res.Report
	switch res.Verdict {
	case verdictAccepted:
		return p.Green("would be accepted") + fmt.Sprintf(": %s, %s judged", plural(rep.Rows, "row"), plural(int64(len(rep.Reports)), "row"))
	case verdictIgnored:
		return p.Red("would count as not there") + ", without score or penalty: " + escape(res.Reason)
	case verdictUnjudged:
		return p.Yellow("could not be judged") + ": " + escape(res.Reason)
	}
	return p.Red("would be refused by "+escape(res.Check)) + ": " + escape(res.Reason)
}

// validatorLine is what the validator said.
func validatorLine(p devnet.Palette, w *validatorWord) string {
	if w.Check == "" {
		return fmt.Sprintf("the window's validator: %s", escape(orElse(w.Outcome+reasonAfter(w.Reason), w.Outcome)))
	}
	return fmt.Sprintf("the window's validator: %s by %s%s", escape(w.Outcome), p.Red(escape(w.Check)), escape(reasonAfter(w.Reason)))
}

func reasonAfter(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}

// rowTable has a line for every row that was judged.
func rowTable(p devnet.Palette, rows []verify.RowReport) string {
	var b strings.Builder
	head := fmt.Sprintf("%5s %5s", "row", "group")
	for _, c := range columns {
		head += "  " + c.title
	}
	b.WriteString(p.Dim(head+"  tightest margin") + "\n")
	for i := range rows {
		r := &rows[i]
		fmt.Fprintf(&b, "%5d %5d", r.Row, r.Group)
		for _, c := range columns {
			mark := markOf(r, c.check)
			text := fmt.Sprintf("%-*s", len(c.title), mark)
			if mark == "FAIL" {
				text = p.Red(text)
			}
			b.WriteString("  " + text)
		}
		b.WriteString("  " + tightest(r) + "\n")
	}
	return b.String()
}

// markOf is ok, FAIL, or - for a check that didn't run; check is empty for those before the nine.
func markOf(r *verify.RowReport, check string) string {
	if check == "" {
		for _, v := range r.Verdicts {
			if strings.HasPrefix(v.Check, rowPrefix) && !v.OK {
				return "FAIL"
			}
		}
		if r.Skipped {
			return "-"
		}
		return "ok"
	}
	mark := "-"
	for _, v := range r.Verdicts {
		switch {
		case v.Check != check:
		case v.Unjudged:
			return "?"
		case !v.OK:
			return "FAIL"
		default:
			mark = "ok"
		}
	}
	return mark
}

// tightest is the figure of the first failure, else of the check that was closest to failing.
func tightest(r *verify.RowReport) string {
	v := firstFailure(r)
	if v == nil {
		v = r.Smallest()
	}
	switch {
	case r.Skipped:
		return "the row can't be read"
	case v == nil:
		return "-"
	case v.Unit == "":
		return strings.TrimPrefix(v.Check, rowPrefix)
	}
	return fmt.Sprintf("%s %+.4g (limit %.4g)", v.Check, v.Margin, v.Limit)
}

// firstFailure is the first hard failure, else the first soft one, nil for a row without.
func firstFailure(r *verify.RowReport) *verify.Verdict {
	if v := r.First(); v != nil {
		return v
	}
	for i := range r.Verdicts {
		if v := &r.Verdicts[i]; !v.OK {
			return v
		}
	}
	return nil
}

// failures lists what fails, once per check: how often, the first cause, and what to do about it.
func failures(p devnet.Palette, rep *verify.FileReport) string {
	type failure struct {
		check, cause, remedy string
		soft                 bool
		rows                 []int64
	}
	var list []*failure
	byName := map[string]*failure{}
	add := func(check, cause, remedy string, soft bool, row int64) {
		f := byName[check]
		if f == nil {
			f = &failure{check: check, cause: cause, remedy: remedy, soft: soft}
			byName[check] = f
			list = append(list, f)
		}
		if row >= 0 {
			f.rows = append(f.rows, row)
		}
	}
	if stage, name, _ := strings.Cut(rep.Reason, ":"); verify.Stage(stage) == verify.StageFile {
		add(name, rep.Cause, rep.Remedy, false, -1)
	}
	for i := range rep.Reports {
		r := &rep.Reports[i]
		if r.Skipped {
			add("unreadable row", "the commit is null", "write all columns", false, r.Row)
		}
		for _, v := range r.Verdicts {
			if !v.OK {
				add(v.Check, v.Reason, v.Remedy, v.Severity == verify.Soft, r.Row)
			}
		}
	}
	var b strings.Builder
	for _, f := range list {
		where := "the whole file"
		if len(f.rows) > 0 {
			where = plural(int64(len(f.rows)), "row") + ": " + ranges(f.rows)
		}
		if f.soft {
			where += fmt.Sprintf(" (soft: refused at %s)", plural(int64(rep.SoftCutoffs[f.check]), "row"))
		}
		fmt.Fprintf(&b, "\n%s fails, %s\n  cause   %s\n", p.Red(escape(f.check)), where, escape(f.cause))
		if f.remedy != "" {
			fmt.Fprintf(&b, "  remedy  %s\n", escape(f.remedy))
		}
	}
	return b.String()
}

// groupLines is what came of the group rules.
func groupLines(p devnet.Palette, rep *verify.FileReport) string {
	if len(rep.Groups) == 0 {
		return "groups      not judged\n"
	}
	bad := ""
	ok := 0
	for _, g := range rep.Groups {
		if g.OK {
			ok++
			continue
		}
		bad += fmt.Sprintf("  %s %s\n", p.Red(escape(g.Name)), escape(g.Cause))
	}
	return fmt.Sprintf("groups      %d of %d in order\n", ok, len(rep.Groups)) + bad
}

// softLine counts the failures that are tolerated up to a number.
func softLine(rep *verify.FileReport) string {
	var parts []string
	for _, c := range verify.Checks() {
		if limit, ok := rep.SoftCutoffs[c.Name]; ok {
			parts = append(parts, fmt.Sprintf("%s failed %d times, refused at %d", c.Name, rep.SoftFailures[c.Name], limit))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "soft checks " + strings.Join(parts, "; ") + "\n"
}

// groundLines say by what was judged, and what was taken from the file's own word.
func groundLines(p devnet.Palette, res inspectionResult, g grounds) string {
	var b strings.Builder
	from := map[string]string{"evidence": "of the evidence", "flag": "as you said", "default": "since none were named"}[res.RulesFrom]
	fmt.Fprintf(&b, "rules       %s, %s\n", res.Rules, from)
	fmt.Fprintf(&b, "checkpoint  %d, %s, in %s\n", res.Checkpoint, escape(res.Model), res.CheckpointFolder)
	switch {
	case res.Report.Dataset != "":
		fmt.Fprintf(&b, "dataset     %s\n", p.Yellow(escape(res.Report.Dataset)))
	case res.Dataset != "":
		fmt.Fprintf(&b, "dataset     %.16s…\n", res.Dataset)
	}
	if rep := res.Report; rep.Miner != "" {
		fmt.Fprintf(&b, "miner       %s, window %d\n", escape(rep.Miner), rep.WindowStart)
	}
	if g.evidence != "" && res.Validator == nil {
		fmt.Fprintf(&b, "evidence    the validator of this window didn't judge this file\n")
	}
	for _, a := range res.Assumed {
		fmt.Fprintf(&b, "%s     %s\n", p.Yellow("assumed"), escape(a))
	}
	return b.String()
}

// plural counts things.
func plural(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// ranges writes ascending numbers as 0-3, 7, at most a few.
func ranges(rows []int64) string {
	var parts []string
	for i := 0; i < len(rows); {
		j := i
		for j+1 < len(rows) && rows[j+1] == rows[j]+1 {
			j++
		}
		if len(parts) == 8 {
			return strings.Join(parts, ", ") + ", ..."
		}
		if i == j {
			parts = append(parts, fmt.Sprint(rows[i]))
		} else {
			parts = append(parts, fmt.Sprintf("%d-%d", rows[i], rows[j]))
		}
		i = j + 1
	}
	return strings.Join(parts, ", ")
}
