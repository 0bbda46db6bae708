package grail

import "errors"

// ErrGenerationParams is the sentinel of a checkpoint's generation parameters that break the protocol: the window is skipped.
var ErrGenerationParams = errors.New("invalid generation parameters")

// GenerationParams is the sampling policy of a checkpoint. Miners generate with it, and validators check termination and the
// distribution of the chosen tokens against it.
type GenerationParams struct {
	// MaxTokens is the largest number of completion tokens, already capped by the rules.
	MaxTokens int `json:"max_tokens"`
	// Temperature divides the logits, 0.01..2.
	Temperature float64 `json:"temperature"`
	// TopP is the nucleus, 0..1.
	TopP float64 `json:"top_p"`
	// TopK keeps the k most probable tokens, 0..1000; 0 keeps all.
	TopK int `json:"top_k"`
	// RepetitionPenalty weakens tokens that occurred before, 1..2; 1 is off.
	RepetitionPenalty float64 `json:"repetition_penalty"`
}

// TrainerGenerationParams returns the policy that the reference's trainer publishes when it is not told otherwise.
func TrainerGenerationParams() GenerationParams {
	return GenerationParams{MaxTokens: 2048, Temperature: 0.7, TopP: 0.9, TopK: 50, RepetitionPenalty: 1}
}
