package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/internal/node/inspect"
)

// inspectionResult is what preflight and explain print with --json. Its fields are a contract, written down in docs/verify-a-window-file.md:
// fields are added, never changed.
type inspectionResult struct {
	Command string `json:"command"`
	File    string `json:"file"`
	// Verdict is accepted, refused, ignored (the file counts as not there) or unjudged; explain's is that of the row.
	Verdict string `json:"verdict"`
	// Check is the first thing that fails, without its stage: proof_valid, duplicate_nonce. Reason and Hint say it in plain words.
	Check  string `json:"check,omitempty"`
	Reason string `json:"reason,omitempty"`
	Hint   string `json:"hint,omitempty"`
	// RulesFrom is evidence, flag or default; CheckpointFolder and Evidence are paths.
	RulesFrom        string `json:"rules_from"`
	CheckpointFolder string `json:"checkpoint_folder"`
	Evidence         string `json:"evidence,omitempty"`
	*inspect.Result
	// Row is the row that is explained, Claim what it says of itself.
	Row   *int64 `json:"row,omitempty"`
	Claim *claim `json:"claim,omitempty"`
	// Validator is what the validator of the window said of this very file.
	Validator *validatorWord `json:"validator,omitempty"`
}

// claim is what a row says of itself.
type claim struct {
	PromptLength     int32  `json:"prompt_length"`
	CompletionLength int32  `json:"completion_length"`
	Success          bool   `json:"success"`
	Reward           number `json:"reward"`
	Advantage        number `json:"advantage"`
}

func claimOf(row *grail.Row) *claim {
	o := row.Commit.Rollout
	return &claim{o.PromptLength, o.CompletionLength, o.Success, number(o.TotalReward), number(o.Advantage)}
}

// validatorWord is a validator's verdict on the file.
type validatorWord struct {
	Hotkey  string `json:"hotkey"`
	Miner   string `json:"miner"`
	UID     int    `json:"uid"`
	Outcome string `json:"outcome"`
	Check   string `json:"check,omitempty"`
	Reason  string `json:"reason,omitempty"`
	Hint    string `json:"hint,omitempty"`
	Row     *int64 `json:"row,omitempty"`
	// Measured and Limit are the failed check's figures.
	Measured *float64 `json:"measured,omitempty"`
	Limit    *float64 `json:"limit,omitempty"`
}

// word is what the validator said, nil where it said nothing of this file.
func (g *grounds) word() *validatorWord {
	m := g.validatorSaid
	if m == nil {
		return nil
	}
	return &validatorWord{
		Hotkey: g.report.Validator, Miner: m.Hotkey, UID: m.UID, Outcome: string(m.Outcome), Check: m.Check, Reason: m.Reason, Hint: m.Hint,
		Row: m.Row, Measured: m.Measured, Limit: m.Limit,
	}
}

// result starts the result of a command.
func (s *inspection) result(command string, g *grounds, r *inspect.Result) inspectionResult {
	return inspectionResult{
		Command: command, File: s.file, RulesFrom: g.rulesFrom, CheckpointFolder: g.checkpoint, Evidence: g.evidence, Result: r, Validator: g.word(),
	}
}

// print writes the result as one JSON object.
func (r inspectionResult) print(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(r); err != nil {
		return fmt.Errorf("couldn't write result: %w", err)
	}
	return nil
}

// number is a number in JSON, or the text NaN, Infinity or -Infinity.
type number float64

func (n number) MarshalJSON() ([]byte, error) {
	switch x := float64(n); {
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
