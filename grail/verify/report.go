package verify

import (
	"encoding/hex"
	"math"
	"strings"

	"github.com/nanteos/nanteos/grail"
)

// Metrics are the counts of one miner in one window (A10). They are what scores are made of.
type Metrics struct {
	Valid               int64 `json:"valid"`
	Checked             int64 `json:"checked"`
	Total               int64 `json:"total"`
	EstimatedValid      int64 `json:"estimated_valid"`
	Successful          int64 `json:"successful"`
	EstimatedSuccessful int64 `json:"estimated_successful"`
	Unique              int64 `json:"unique"`
	EstimatedUnique     int64 `json:"estimated_unique"`
	PromptValid         int64 `json:"prompt_valid"`
	PromptMismatch      int64 `json:"prompt_mismatch"` // the reference never counts here
	HadFailure          int64 `json:"had_failure"`     // 1 for a failed miner
}

// Estimate extrapolates the counts of the checked rows to all total rows: trunc(total·(count/checked)), 0 without checked rows.
func Estimate(total, checked, valid, unique, successful int64) Metrics {
	scale := func(n int64) int64 {
		if checked == 0 {
			return 0
		}
		return int64(float64(total) * (float64(n) / float64(checked)))
	}
	return Metrics{
		Valid: valid, Checked: checked, Total: total, EstimatedValid: scale(valid), Successful: successful,
		EstimatedSuccessful: scale(successful), Unique: unique, EstimatedUnique: scale(unique), PromptValid: checked,
	}
}

// Digests counts the completions of a file by their digests, as raw bytes in hex.
type Digests map[string]int

// Add counts the completion of a row; it needs the columns windowfile.Digests. A row without tokens has none.
func (d Digests) Add(row *grail.Row) {
	if digest, ok := row.Commit.CompletionDigest(); ok {
		d[hex.EncodeToString(digest[:])]++
	}
}

// Stage is where a file failed.
type Stage string

// The stages of a check, in their order.
const (
	StageFile  Stage = "file"  // the whole file (7.1)
	StageRow   Stage = "row"   // a row before the nine checks (7.3)
	StageHard  Stage = "hard"  // one of the nine checks
	StageSoft  Stage = "soft"  // too many failures of a soft check
	StageGroup Stage = "group" // the group rules (7.14)
)

// FileReport is the outcome of a file.
type FileReport struct {
	Miner       string `json:"miner"`
	WindowStart int64  `json:"window_start"`
	// Found is false for a file that counts as not there: unreadable under rules that don't fail such a file.
	Found bool `json:"found"`
	// OK tells that the file passed. A file that is not found or was not judged is neither OK nor failed.
	OK bool `json:"ok"`
	// Reason is the first thing that is wrong, "stage:name" such as "hard:proof_valid", "file:duplicate_nonce", "row:signature",
	// "group:advantage_sum"; empty for a good file.
	Reason string `json:"reason,omitempty"`
	// Cause says the same in plain words, with row and figures.
	Cause string `json:"cause,omitempty"`
	// Remedy says what the miner can do.
	Remedy string `json:"remedy,omitempty"`
	// Unjudged tells that the validator's own side failed.
	Unjudged bool `json:"unjudged,omitempty"`
	// Dataset says in plain words that the file's problems were drawn from another dataset than the validator's, empty where they agree or one of
	// them doesn't say. By itself it fails nobody: prompts and rewards that differ do.
	Dataset string `json:"dataset,omitempty"`
	// Rows is the number of rows in the file, Planned the rows chosen for checking, ascending.
	Rows    int64   `json:"rows"`
	Planned []int64 `json:"planned,omitempty"`
	// Reports has an entry for each row that was looked at, in order.
	Reports []RowReport `json:"reports,omitempty"`
	// Groups has the verdicts of the group rules.
	Groups []GroupVerdict `json:"groups,omitempty"`
	// SoftFailures and SoftCutoffs are the soft checks' counts and the counts at which the miner fails.
	SoftFailures map[string]int `json:"soft_failures,omitempty"`
	SoftCutoffs  map[string]int `json:"soft_cutoffs,omitempty"`
	// Metrics are what scores are made of.
	Metrics Metrics `json:"metrics"`
	// Digests counts the completions of all rows of a good file.
	Digests Digests `json:"-"`
}

// ReferenceReason is the reason as the reference records it: nothing for rows and groups.
func (r *FileReport) ReferenceReason() string {
	switch stage, _, _ := strings.Cut(r.Reason, ":"); Stage(stage) {
	case StageFile, StageHard, StageSoft:
		return r.Reason
	}
	return ""
}

// Failed tells that the miner fails.
func (r *FileReport) Failed() bool { return r.Found && !r.OK && !r.Unjudged }

// RowReport is the outcome of one row.
type RowReport struct {
	Row   int64 `json:"row"`
	Nonce int64 `json:"nonce"`
	Group int64 `json:"group"`
	// Valid tells that every hard check passed.
	Valid bool `json:"valid"`
	// Skipped tells that the row could not be looked at, which the rules don't count as a failure.
	Skipped bool `json:"skipped,omitempty"`
	// Verdicts are those of the checks that ran, in order. A failed check before the nine has a name that begins with "row:".
	Verdicts []Verdict `json:"verdicts"`
	// Grade is the environment's, if it came to that.
	Grade *Grade `json:"grade,omitempty"`
}

// First returns the first failed hard verdict, or nil.
func (r *RowReport) First() *Verdict {
	for i := range r.Verdicts {
		if v := &r.Verdicts[i]; !v.OK && v.Severity == Hard {
			return v
		}
	}
	return nil
}

// Smallest returns the passed verdict whose margin is the smallest share of its limit, or nil: where a row came closest to failing. The room
// that a row leaves in the context is no such margin: it says how long the row is, not how good.
func (r *RowReport) Smallest() *Verdict {
	var best *Verdict
	least := math.Inf(1)
	for i := range r.Verdicts {
		v := &r.Verdicts[i]
		if !v.OK || v.Unit == "" || math.IsNaN(v.Margin) || v.Limit == 0 || v.Check == CheckTokens {
			continue
		}
		if share := math.Abs(v.Margin / v.Limit); share < least {
			best, least = v, share
		}
	}
	return best
}
