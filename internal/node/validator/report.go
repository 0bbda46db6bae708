package validator

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/nanteos/nanteos/grail/score"
	"github.com/nanteos/nanteos/grail/verify"
	"github.com/nanteos/nanteos/internal/status"
)

// maxRowReports bounds the rows that a miner's report shows in full.
const maxRowReports = 16

// WindowReport is what a validator found in a window, for people and for the command explain. It lies in the folder reports of the data
// folder as window-N.json.
type WindowReport struct {
	Window int64  `json:"window"`
	Hash   string `json:"hash"`
	// Challenge is the randomness of the sample, Beacon the one that rows must carry, empty where the rules don't bind it.
	Challenge string    `json:"challenge"`
	Beacon    string    `json:"beacon,omitempty"`
	Deadline  time.Time `json:"deadline"`
	// Checkpoint is the label of the window's checkpoint, Model its identity text.
	Checkpoint int64  `json:"checkpoint"`
	Model      string `json:"model,omitempty"`
	// Validator judged at Time and took Seconds.
	Validator string    `json:"validator"`
	Time      time.Time `json:"time"`
	Seconds   float64   `json:"seconds"`
	// Active, Eligible and Checked count miners.
	Active   int `json:"active"`
	Eligible int `json:"eligible"`
	Checked  int `json:"checked"`
	// Miners are all that have a bucket, in the order of UIDs.
	Miners []MinerReport `json:"miners"`
	// Violations are all overlaps of two miners beyond a threshold.
	Violations []verify.Violation `json:"violations,omitempty"`
	// Scores explain the weights, where they were due.
	Scores []score.Score `json:"scores,omitempty"`
}

// MinerReport is what became of one miner.
type MinerReport struct {
	UID     int     `json:"uid"`
	Hotkey  string  `json:"hotkey"`
	Outcome Outcome `json:"outcome"`
	// Check is the first thing that is wrong, such as "proof_valid", "copycat" or "file:duplicate_nonce"; Reason says it in plain words, Hint
	// what to do about it. Row, Measured and Limit are set where they apply.
	Check    string   `json:"check,omitempty"`
	Reason   string   `json:"reason,omitempty"`
	Hint     string   `json:"hint,omitempty"`
	Row      *int64   `json:"row,omitempty"`
	Measured *float64 `json:"measured,omitempty"`
	Limit    *float64 `json:"limit,omitempty"`
	File     *Object  `json:"file,omitempty"`
	// Rows is the number of rows in the file, Reward the mean of the graded ones.
	Rows    int64          `json:"rows,omitempty"`
	Reward  *float64       `json:"reward,omitempty"`
	Metrics verify.Metrics `json:"metrics"`
	// Fetched is how many bytes were read of the file, Seconds how long it took.
	Fetched int64   `json:"fetched,omitempty"`
	Seconds float64 `json:"seconds,omitempty"`
	// Detail is the verify.FileReport as JSON, with the rows that are worth a look.
	Detail json.RawMessage `json:"detail,omitempty"`
}

// windowReport collects what is known of a window that is being closed.
func (m *machine) windowReport(w *Work, metrics map[string]verify.Metrics, copied map[string]verify.Violation, violations []verify.Violation) *WindowReport {
	rep := &WindowReport{
		Window: w.Window, Hash: w.Inputs.Hash, Challenge: w.Closing.Challenge, Beacon: w.Inputs.ExpectedBeacon(), Deadline: w.Closing.Deadline,
		Checkpoint: w.Checkpoint, Model: w.Model, Validator: m.s.Plan.Hotkey, Time: m.now, Seconds: m.now.Sub(w.Began).Seconds(),
		Active: len(w.Active), Eligible: len(m.s.Ledger.Score.Eligible(w.Active)), Checked: len(w.Selected), Violations: violations,
	}
	failures := m.s.Ledger.Score.Failed.Counts()
	for _, c := range w.Found {
		r := MinerReport{UID: c.UID, Hotkey: c.Hotkey, Outcome: c.Outcome, Reason: c.Reason, File: c.File}
		j, judged := w.Results[c.Hotkey]
		switch {
		case judged:
			r.judge(j)
		case c.Outcome == "" && failures[c.Hotkey] > 0:
			r.Outcome, r.Reason = Excluded, fmt.Sprintf("failed in one of the last %d windows", m.rules.FailureLookbackWindows)
		case c.Outcome == "":
			r.Outcome, r.Reason = Unchosen, "not drawn in this window"
		case c.Outcome == NoBucket, c.Outcome == NoFile && m.silent(w, c):
			continue
		}
		r.upload(c, w.Closing.Deadline)
		if v, ok := copied[c.Hotkey]; ok && r.Outcome != Failed {
			ratio, limit := v.Ratio, v.Threshold
			r.Outcome, r.Check, r.Reason, r.Row = Failed, "copycat", v.String(), nil
			r.Measured, r.Limit, r.Hint = &ratio, &limit, "hand in completions of your own; nobody may see them before the deadline"
		}
		if got, ok := metrics[c.Hotkey]; ok {
			r.Metrics = got
		}
		rep.Miners = append(rep.Miners, r)
	}
	return rep
}

// silent says that a neuron without a file need not be mentioned: the validator itself, the trainer, and those that validate.
func (m *machine) silent(w *Work, c Candidate) bool {
	if c.Hotkey == m.s.Plan.Hotkey || c.UID == m.rules.TrainerUID {
		return true
	}
	for _, n := range w.Neurons {
		if n.Hotkey == c.Hotkey {
			return n.Permit
		}
	}
	return true
}

// upload fills in what is wrong with an upload that doesn't count.
func (r *MinerReport) upload(c Candidate, deadline time.Time) {
	switch r.Outcome {
	case NoFile:
		r.Check = string(NoFile)
		r.Hint = orText(r.Hint, "upload the window file before the deadline, under the key of hotkey and window")
	case Late:
		r.Check = "upload_deadline"
		r.Hint = orText(r.Hint, "begin the upload earlier, and don't replace a file after the deadline")
		if o := r.File; o != nil && !deadline.IsZero() {
			at, limit := float64(o.Modified.UnixMilli())/1000, float64(deadline.UnixMilli())/1000
			r.Measured, r.Limit = &at, &limit
		}
	case BadSize:
		r.Check = "file_size"
		r.Hint = orText(r.Hint, "keep the file within the network's size limits")
		if o := r.File; o != nil {
			size := float64(o.Size)
			r.Measured = &size
		}
	case Unjudged:
		r.Check = string(Unjudged)
	}
}

func orText(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// judge fills in a judgement.
func (r *MinerReport) judge(j Judgement) {
	r.Outcome, r.Reason, r.Hint = j.Outcome, j.Reason, j.Hint
	r.Fetched, r.Seconds = j.Fetched, j.Took.Seconds()
	if j.File != nil {
		r.File = j.File
	}
	rep := j.Report
	if rep == nil {
		return
	}
	r.Rows, r.Metrics = rep.Rows, rep.Metrics
	sum, graded := 0.0, 0
	for i := range rep.Reports {
		if g := rep.Reports[i].Grade; g != nil && !math.IsNaN(g.Reward) && !math.IsInf(g.Reward, 0) {
			sum += g.Reward
			graded++
		}
	}
	if graded > 0 {
		mean := sum / float64(graded)
		r.Reward = &mean
	}
	if j.Outcome == Failed {
		r.Check, r.Reason, r.Hint = checkName(rep.Reason), orText(rep.Cause, rep.Reason), rep.Remedy
		r.figures(rep)
	}
	short := *rep
	short.Reports = worthALook(rep.Reports)
	if b, err := json.Marshal(short); err == nil {
		r.Detail = b
	}
}

// checkName is the protocol's name of a check where the reason is one of the nine, else the whole reason.
func checkName(reason string) string {
	switch stage, name, _ := strings.Cut(reason, ":"); verify.Stage(stage) {
	case verify.StageHard, verify.StageSoft:
		return name
	}
	return reason
}

// figures finds row and figures of the verdict that failed the file.
func (r *MinerReport) figures(rep *verify.FileReport) {
	stage, name, _ := strings.Cut(rep.Reason, ":")
	for i := len(rep.Reports) - 1; i >= 0; i-- {
		row := &rep.Reports[i]
		for k := range row.Verdicts {
			v := &row.Verdicts[k]
			if v.OK || v.Check != name && v.Check != stage+":"+name {
				continue
			}
			at := row.Row
			r.Row = &at
			if v.Unit != "" {
				r.Measured, r.Limit = finite(v.Measured), finite(v.Limit)
			}
			return
		}
	}
}

func finite(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return &x
}

// worthALook picks the rows that a report shows: those with a failed verdict, and the first one as a sample of the good ones.
func worthALook(rows []verify.RowReport) []verify.RowReport {
	var out []verify.RowReport
	for i, row := range rows {
		bad := row.Skipped
		for _, v := range row.Verdicts {
			bad = bad || !v.OK
		}
		if (bad || i == 0) && len(out) < maxRowReports {
			out = append(out, row)
		}
	}
	return out
}

// event is the verdict as it is told; ok is false for miners that were not looked at.
func (r *MinerReport) event(window int64) (e status.Event, ok bool) {
	if r.Outcome == Excluded || r.Outcome == Unchosen {
		return e, false
	}
	uid := r.UID
	e = status.Event{
		Kind: status.Verdict, Hotkey: r.Hotkey, UID: &uid, Window: window, Rollouts: int(r.Rows), Checked: int(r.Metrics.Checked), Valid: int(r.Metrics.Valid),
		Unique: int(r.Metrics.EstimatedUnique), Check: r.Check, Reason: r.Reason, Hint: r.Hint, Measured: r.Measured, Limit: r.Limit, Reward: r.Reward,
		Seconds: r.Seconds,
	}
	if r.File != nil {
		e.File, e.Bytes = r.File.Key, r.File.Size
	}
	if r.Row != nil {
		row := int(*r.Row)
		e.Row = &row
	}
	if r.Outcome != Unjudged {
		accepted := r.Outcome == Accepted
		e.Accepted = &accepted
	}
	return e, true
}
