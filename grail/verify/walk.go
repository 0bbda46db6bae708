package verify

import (
	"context"
	"fmt"
	"math"

	"github.com/nanteos/nanteos/grail"
)

// rowResult is what the pipeline gives for one row.
type rowResult struct {
	verdicts []Verdict
	grade    *Grade
	skipped  string // why the row couldn't be looked at (section 7.3, last paragraph)
	grouped  bool   // the row was remembered under its group before that
}

// rowSource gives the result of planned row i; it is asked in order.
type rowSource interface {
	row(ctx context.Context, i int) (rowResult, error)
}

// walk goes over the planned rows in order and decides by the first hard failure, the soft cut-offs and the group rules.
type walk struct {
	rules grail.Rules
	rep   *FileReport
	rows  []grail.Row
	all   bool

	checked, valid, success, prompts int64
	unique                           map[[32]byte]bool
	groups                           map[int64]*advantages
	order                            []int64
}

type advantages struct{ rewards, advantages []float64 }

func newWalk(rules grail.Rules, rep *FileReport, rows []grail.Row, all bool) *walk {
	rep.SoftFailures = map[string]int{}
	rep.SoftCutoffs = map[string]int{
		CheckReward:       SoftCutoff(rules.RewardSoftThreshold, len(rows)),
		CheckDistribution: SoftCutoff(rules.DistributionSoftThreshold, len(rows)),
	}
	return &walk{rules: rules, rep: rep, rows: rows, all: all, unique: map[[32]byte]bool{}, groups: map[int64]*advantages{}}
}

// run walks the rows and fills the report's reason and metrics.
func (w *walk) run(ctx context.Context, src rowSource) error {
	for i := range w.rows {
		if err := ctx.Err(); err != nil {
			return err
		}
		res, err := src.row(ctx, i)
		if err != nil {
			return err
		}
		failed, err := w.one(i, res)
		if err != nil {
			return err
		}
		if failed && !w.all {
			break
		}
	}
	if w.rep.Reason == "" || w.all {
		w.checkGroups()
	}
	w.rep.Metrics = Metrics{Checked: w.checked, Total: w.rep.Rows, HadFailure: 1}
	if w.rep.Reason == "" {
		w.rep.Metrics = Estimate(w.rep.Rows, w.checked, w.valid, int64(len(w.unique)), w.success)
		w.rep.Metrics.PromptValid = w.prompts
	}
	return nil
}

// fail records the first failure.
func (w *walk) fail(stage Stage, name, cause, remedy string) {
	if w.rep.Reason == "" {
		w.rep.Reason, w.rep.Cause, w.rep.Remedy = string(stage)+":"+name, cause, remedy
	}
}

// one takes the result of row i; failed tells that the miner fails by it.
func (w *walk) one(i int, res rowResult) (failed bool, err error) {
	row := &w.rows[i]
	report := RowReport{Row: int64(i), Nonce: row.Nonce, Group: row.RolloutGroup, Verdicts: res.verdicts, Grade: res.grade}
	if i < len(w.rep.Planned) {
		report.Row = w.rep.Planned[i]
	}
	w.checked++
	defer func() { w.rep.Reports = append(w.rep.Reports, report) }()
	if res.grouped || res.skipped == "" {
		w.remember(row)
	}
	if res.skipped != "" {
		report.Skipped = true
		if !w.rules.FailSkippedRows {
			return false, nil
		}
		w.fail(StageRow, "unreadable", fmt.Sprintf("row %d: %s", report.Row, res.skipped), "write all columns of section 5.2")
		return true, nil
	}
	if v := firstUnjudged(res.verdicts); v != nil && !w.rules.BanOnInfrastructureFault && !w.all {
		return false, fmt.Errorf("row %d of %s: %w", report.Row, w.rep.Miner, v.Err)
	}
	if stage, name, v := hardFailure(res.verdicts); stage != "" {
		cause, remedy := "the check didn't run", ""
		if v != nil {
			cause, remedy = v.Reason, v.Remedy
			if v.Unjudged && !w.rules.BanOnInfrastructureFault {
				return false, nil // explaining goes on, and nothing is held against the miner
			}
		}
		w.fail(stage, name, fmt.Sprintf("row %d: %s", report.Row, cause), remedy)
		return true, nil
	}
	report.Valid = true
	for _, v := range res.verdicts {
		if v.Check == CheckPrompt && v.OK {
			w.prompts++
		}
		if v.OK || v.Severity != Soft {
			continue
		}
		w.rep.SoftFailures[v.Check]++
		if n := w.rep.SoftFailures[v.Check]; n >= w.rep.SoftCutoffs[v.Check] {
			w.fail(StageSoft, v.Check, fmt.Sprintf("%d of %d planned rows failed, which is the limit; row %d: %s", n, len(w.rows), report.Row, v.Reason), v.Remedy)
			failed = true
		}
	}
	if failed {
		return true, nil
	}
	w.valid++
	if row.Commit.Rollout.Success {
		w.success++
	}
	if d, ok := row.Commit.CompletionDigest(); ok {
		w.unique[d] = true
	}
	return false, nil
}

// remember keeps what the group rules need of a row.
func (w *walk) remember(row *grail.Row) {
	g := w.groups[row.RolloutGroup]
	if g == nil {
		g = &advantages{}
		w.groups[row.RolloutGroup] = g
		w.order = append(w.order, row.RolloutGroup)
	}
	g.rewards = append(g.rewards, row.Commit.Rollout.TotalReward)
	g.advantages = append(g.advantages, row.Commit.Rollout.Advantage)
}

func (w *walk) checkGroups() {
	if w.all && len(w.rows)%w.rules.GroupSize != 0 {
		return // single rows are explained, not groups
	}
	for _, g := range w.order {
		v := CheckGroup(w.rules, g, w.groups[g].rewards, w.groups[g].advantages)
		w.rep.Groups = append(w.rep.Groups, v)
		if !v.OK {
			w.fail(StageGroup, v.Name, v.Cause, "take advantages as reward less mean, divided by the population standard deviation of the group's 16 rewards")
			if !w.all {
				return
			}
		}
	}
}

// hardFailure returns the first hard check that failed, or is missing, in the order of the table.
func hardFailure(verdicts []Verdict) (stage Stage, name string, v *Verdict) {
	for i := range verdicts {
		if p := &verdicts[i]; !p.OK && isRowCheck(p.Check) {
			return StageRow, p.Check[len(rowPrefix):], p
		}
	}
	for _, c := range Checks() {
		if c.Severity != Hard {
			continue
		}
		found := false
		for i := range verdicts {
			if verdicts[i].Check != c.Name {
				continue
			}
			found = true
			if !verdicts[i].OK {
				return StageHard, c.Name, &verdicts[i]
			}
		}
		if !found {
			return StageHard, c.Name, nil
		}
	}
	return "", "", nil
}

func firstUnjudged(verdicts []Verdict) *Verdict {
	for i := range verdicts {
		if verdicts[i].Unjudged && !verdicts[i].OK {
			return &verdicts[i]
		}
	}
	return nil
}

const rowPrefix = "row:"

func isRowCheck(name string) bool {
	return len(name) > len(rowPrefix) && name[:len(rowPrefix)] == rowPrefix
}

// rowVerdict makes the failed verdict of a check before the nine.
func rowVerdict(name, reason, remedy string) Verdict {
	v := refuse(rowPrefix+name, Hard, reason, remedy)
	v.Measured, v.Limit, v.Margin = math.NaN(), math.NaN(), math.NaN()
	return v
}
