package challenge

import (
	"errors"
	"fmt"
	"slices"
)

// The names of the reference's model pool and of what models are selected for. Section 6.3.
const (
	OpenAI = "openai"
	VLLM   = "vllm"

	// CreateTask rewrites problems and reasons on them.
	CreateTask = "create_task"
	// ScoreTask judges answers.
	ScoreTask = "score_task"
)

// ErrNoModel says that the pool has no model for a task.
var ErrNoModel = errors.New("no model for the task")

// Select returns the model of a pool for a task: for CreateTask that of VLLM when there is one, for everything else that of OpenAI. What
// a model is (an endpoint with its key, a Completer) is the caller's matter. The error wraps ErrNoModel. Section 6.3.
func Select[M any](pool map[string]M, task string) (M, error) {
	if m, ok := pool[VLLM]; ok && task == CreateTask {
		return m, nil
	}
	m, ok := pool[OpenAI]
	if !ok {
		return m, fmt.Errorf("couldn't select a model for %s: %w: the pool has no %s", task, ErrNoModel, OpenAI)
	}
	return m, nil
}

// Unwanted says whether the reference refuses to work with a model. (It crashes when it finds one in its pool.) Section 6.3.
func Unwanted(model string) bool {
	return slices.Contains([]string{
		"meta-llama/Llama-2-7b-chat-hf", "meta-llama/Llama-2-13b-chat-hf", "mistralai/Mistral-7B-Instruct-v0.2", "mistralai/Mistral-7B-Instruct",
	}, model)
}
