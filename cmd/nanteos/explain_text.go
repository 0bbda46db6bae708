package main

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/nanteos/nanteos/grail/verify"
	"github.com/nanteos/nanteos/internal/devnet"
)

// explainText is a row for people. why says why this one was chosen, empty where the user named it.
func explainText(p devnet.Palette, res inspectionResult, g grounds, why string) string {
	var b strings.Builder
	row := &res.Report.Reports[0]
	switch {
	case row.Skipped:
		fmt.Fprintf(&b, "row %d %s\n", row.Row, p.Red("can't be looked at"))
	case res.Check == "":
		fmt.Fprintf(&b, "row %d %s\n", row.Row, p.Green("passes every check"))
	default:
		soft := ""
		if v := firstFailure(row); v != nil && v.Severity == verify.Soft {
			soft = ", a soft check, of which a file may fail some"
		}
		fmt.Fprintf(&b, "row %d %s%s: %s\n", row.Row, p.Red("fails "+escape(res.Check)), soft, escape(res.Reason))
	}
	if res.Validator != nil {
		b.WriteString(validatorLine(p, res.Validator) + "\n")
		if w := res.Validator; w.Check != "" && res.Check == "" && w.Row == nil {
			fmt.Fprintf(&b, "  %s\n", p.Dim("which a single row doesn't show"))
		}
	}
	if why != "" {
		fmt.Fprintf(&b, "shown because  %s\n", escape(why))
	}
	fmt.Fprintf(&b, "place          group %d, nonce %d", row.Group, row.Nonce)
	if c := res.Claim; c != nil {
		fmt.Fprintf(&b, ", %d prompt and %d completion tokens", c.PromptLength, c.CompletionLength)
	}
	b.WriteString("\n\n")
	for _, v := range row.Verdicts {
		b.WriteString(verdictLines(p, v))
	}
	for _, c := range columns[1:] {
		if markOf(row, c.check) == "-" {
			fmt.Fprintf(&b, "%s  %s\n", p.Dim("-   "), c.check+" didn't run")
		}
	}
	b.WriteString("\n" + rewardLines(res.Claim, row.Grade))
	if res.Prompt != "" || res.Completion != "" {
		b.WriteString("\nprompt\n" + block(res.Prompt) + "completion\n" + block(res.Completion))
	}
	b.WriteString("\n" + groundLines(p, res, g))
	return b.String()
}

// verdictLines are one check: its outcome, its figures, and for a failure the remedy and where it deviates most.
func verdictLines(p devnet.Palette, v verify.Verdict) string {
	var b strings.Builder
	mark := p.Green("ok  ")
	switch {
	case v.Unjudged:
		mark = p.Yellow("?   ")
	case !v.OK:
		mark = p.Red("FAIL")
	}
	name := escape(v.Check)
	if v.Severity == verify.Soft {
		name += " (soft)"
	}
	fmt.Fprintf(&b, "%s  %s: %s\n", mark, p.Bold(name), escape(v.Reason))
	if v.Unit != "" {
		fmt.Fprintf(&b, "      measured %s, limit %s, margin %s  (%s)\n", figure(v.Measured), figure(v.Limit), figure(v.Margin), escape(v.Unit))
	}
	if v.Remedy != "" && !v.OK {
		fmt.Fprintf(&b, "      remedy   %s\n", escape(v.Remedy))
	}
	b.WriteString(positionTable(p, v))
	return b.String()
}

// positionTable lists the positions that deviate most, nothing where none does.
func positionTable(p devnet.Palette, v verify.Verdict) string {
	if !slices.ContainsFunc(v.Positions, func(at verify.Position) bool { return !(at.Deviation == 0) }) {
		return ""
	}
	var b strings.Builder
	b.WriteString(p.Dim(fmt.Sprintf("      %8s  %14s  %14s  %12s  %10s", "position", "own", "claimed", "deviation", "limit")) + "\n")
	for _, at := range v.Positions {
		fmt.Fprintf(&b, "      %8d  %14s  %14s  %12s  %10s\n", at.Index, figure(at.Own), figure(at.Claimed), figure(at.Deviation), figure(at.Limit))
	}
	return b.String()
}

// figure writes a number: whole ones in full, others with six digits.
func figure(x float64) string {
	if x == math.Trunc(x) && math.Abs(x) < 1<<53 {
		return fmt.Sprintf("%.0f", x)
	}
	return fmt.Sprintf("%.6g", x)
}

// rewardLines compare what the miner claims with what the environment gives.
func rewardLines(c *claim, g *verify.Grade) string {
	var b strings.Builder
	word := map[bool]string{true: "success", false: "no success"}
	if c != nil {
		fmt.Fprintf(&b, "claimed        reward %s, %s, advantage %s\n", figure(float64(c.Reward)), word[c.Success], figure(float64(c.Advantage)))
	}
	if g == nil {
		return b.String() + "graded         not graded\n"
	}
	fmt.Fprintf(&b, "graded         reward %s, %s\n", figure(g.Reward), word[g.Success])
	if len(g.Components) > 0 {
		var parts []string
		for _, name := range slices.Sorted(maps.Keys(g.Components)) {
			parts = append(parts, escape(name)+" "+figure(g.Components[name]))
		}
		fmt.Fprintf(&b, "made of        %s\n", strings.Join(parts, ", "))
	}
	return b.String()
}
