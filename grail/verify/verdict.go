package verify

import (
	"encoding/json"
	"errors"
	"math"
)

// ErrUnjudged is the sentinel of "cannot tell": something of the validator's own failed, and nothing is known about the miner.
// Evaluators and replayers wrap it around failures of their infrastructure.
var ErrUnjudged = errors.New("couldn't judge")

// Severity says what a failed check means.
type Severity string

// Severities. A Hard failure fails the miner at once; Soft ones are counted.
const (
	Hard Severity = "hard"
	Soft Severity = "soft"
)

// The names of the checks, as they appear in reasons.
const (
	CheckSchema       = "schema_valid"
	CheckTokens       = "tokens_valid"
	CheckPrompt       = "env_prompt_valid"
	CheckProof        = "proof_valid"
	CheckTermination  = "termination_valid"
	CheckEvaluation   = "env_eval_valid"
	CheckReward       = "reward_valid"
	CheckLogProbs     = "logprobs_valid"
	CheckDistribution = "token_distribution_valid"
)

// Check is an entry of the table of checks.
type Check struct {
	Name     string
	Severity Severity
}

// Checks is the table of the nine checks in the order in which they run (section 7.4).
func Checks() []Check {
	return []Check{
		{CheckSchema, Hard}, {CheckTokens, Hard}, {CheckPrompt, Hard}, {CheckProof, Hard}, {CheckTermination, Hard},
		{CheckEvaluation, Hard}, {CheckReward, Soft}, {CheckLogProbs, Hard}, {CheckDistribution, Soft},
	}
}

// Verdict is the outcome of one check of one row.
type Verdict struct {
	// Check is the name of the check, for checks before the nine one of the row reasons such as "row_signature".
	Check string
	// Severity says what failing means.
	Severity Severity
	// OK tells whether the check passed.
	OK bool
	// Reason says in plain words what was found; for a failure, its cause.
	Reason string
	// Remedy says what a miner can do about a failure.
	Remedy string
	// Measured and Limit are the figures compared, in the unit of Unit. Both are NaN where the check compares nothing.
	Measured, Limit float64
	// Margin is how far Measured is on the good side of Limit, negative for a failure, in the same unit.
	Margin float64
	// Unit names what is measured.
	Unit string
	// Positions are the places with the largest deviations, largest first.
	Positions []Position
	// Unjudged tells that the validator's side failed, so that OK says nothing about the miner.
	Unjudged bool
	// Err is the error behind a failure, if there is one.
	Err error
}

// Position is one token position that a check compared.
type Position struct {
	// Index is the position in the sequence, prompt included.
	Index int
	// Own and Claimed are the validator's and the miner's value.
	Own, Claimed float64
	// Deviation is what was compared with Limit.
	Deviation, Limit float64
	// OK tells whether it passed on its own.
	OK bool
}

// pass makes a verdict that compares nothing.
func pass(check string, s Severity, reason string) Verdict {
	nan := math.NaN()
	return Verdict{Check: check, Severity: s, OK: true, Reason: reason, Measured: nan, Limit: nan, Margin: nan}
}

// refuse makes a failed verdict that compares nothing.
func refuse(check string, s Severity, reason, remedy string) Verdict {
	v := pass(check, s, reason)
	v.OK, v.Remedy = false, remedy
	return v
}

// atMost gives v its figures for a check that wants measured <= limit.
func (v Verdict) atMost(measured, limit float64, unit string) Verdict {
	v.Measured, v.Limit, v.Margin, v.Unit = measured, limit, limit-measured, unit
	return v
}

// atLeast gives v its figures for a check that wants measured >= limit.
func (v Verdict) atLeast(measured, limit float64, unit string) Verdict {
	v.Measured, v.Limit, v.Margin, v.Unit = measured, limit, measured-limit, unit
	return v
}

// figure is a number in JSON: finite ones as such, others as the texts NaN, Infinity and -Infinity.
type figure float64

func (f figure) MarshalJSON() ([]byte, error) {
	switch x := float64(f); {
	case math.IsNaN(x):
		return []byte(`"NaN"`), nil
	case math.IsInf(x, 1):
		return []byte(`"Infinity"`), nil
	case math.IsInf(x, -1):
		return []byte(`"-Infinity"`), nil
	default:
		return json.Marshal(x)
	}
}

// MarshalJSON writes the verdict with figures only where the check has them.
func (v Verdict) MarshalJSON() ([]byte, error) {
	out := struct {
		Check     string     `json:"check"`
		Severity  Severity   `json:"severity"`
		OK        bool       `json:"ok"`
		Reason    string     `json:"reason,omitempty"`
		Remedy    string     `json:"remedy,omitempty"`
		Measured  *figure    `json:"measured,omitempty"`
		Limit     *figure    `json:"limit,omitempty"`
		Margin    *figure    `json:"margin,omitempty"`
		Unit      string     `json:"unit,omitempty"`
		Positions []Position `json:"positions,omitempty"`
		Unjudged  bool       `json:"unjudged,omitempty"`
	}{Check: v.Check, Severity: v.Severity, OK: v.OK, Reason: v.Reason, Remedy: v.Remedy, Unit: v.Unit, Positions: v.Positions, Unjudged: v.Unjudged}
	if v.Unit != "" {
		m, l, g := figure(v.Measured), figure(v.Limit), figure(v.Margin)
		out.Measured, out.Limit, out.Margin = &m, &l, &g
	}
	return json.Marshal(out)
}

// MarshalJSON writes the position.
func (p Position) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Index     int    `json:"index"`
		Own       figure `json:"own"`
		Claimed   figure `json:"claimed"`
		Deviation figure `json:"deviation"`
		Limit     figure `json:"limit"`
		OK        bool   `json:"ok"`
	}{p.Index, figure(p.Own), figure(p.Claimed), figure(p.Deviation), figure(p.Limit), p.OK})
}
