package challenge

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/nanteos/nanteos/bittensor/axon/synapse"
	"github.com/nanteos/nanteos/internal/cpython"
)

// ErrTask says that what a task pool sent is no task.
var ErrTask = errors.New("not a task")

// maxTask bounds the question and the answer of a pool's task in bytes.
const maxTask = 32 << 10

// ParseTask reads the reply of a task pool, {"question": "...", "answer": ...}; other members are passed over. Under reference rules the
// answer may be any JSON value and is what Python's str makes of it; otherwise question and answer must not be blank, and an answer is a
// text or a number. Errors wrap ErrTask. Section 6.1.
func ParseTask(body []byte, reference bool) (Task, error) {
	var m struct {
		Question *string         `json:"question"`
		Answer   json.RawMessage `json:"answer"`
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return Task{}, fmt.Errorf("couldn't read task: %w: %w", ErrTask, err)
	}
	if m.Question == nil || m.Answer == nil {
		return Task{}, fmt.Errorf("couldn't read task: %w: question and answer must be there", ErrTask)
	}
	answer, err := GroundTruth(m.Answer)
	if err != nil {
		return Task{}, fmt.Errorf("couldn't read task: %w", err)
	}
	t := Task{Question: *m.Question, Answer: answer}
	if reference {
		return t, nil
	}
	switch c := m.Answer[0]; {
	case c != '"' && c != '-' && (c < '0' || c > '9'):
		return Task{}, fmt.Errorf("couldn't read task: %w: the answer must be a text or a number", ErrTask)
	case cpython.Strip(t.Question) == "" || t.Answer == "":
		return Task{}, fmt.Errorf("couldn't read task: %w: question or answer is blank", ErrTask)
	case len(t.Question) > maxTask || len(t.Answer) > maxTask:
		return Task{}, fmt.Errorf("couldn't read task: %w: question or answer has more than %d bytes", ErrTask, maxTask)
	}
	return t, nil
}

// GroundTruth returns the truth that the reference makes of a pool's answer, which is JSON: Python's str of it without dollar signs,
// trimmed. Errors wrap ErrTask. Section 6.1.
func GroundTruth(answer json.RawMessage) (string, error) {
	v, err := synapse.ParseValue(answer)
	if err != nil {
		return "", fmt.Errorf("%w: answer: %w", ErrTask, err)
	}
	text, err := synapse.PythonString(v)
	if err != nil {
		return "", fmt.Errorf("%w: answer: %w", ErrTask, err)
	}
	return Clean(text), nil
}

// Clean removes dollar signs and the white space around.
func Clean(answer string) string { return cpython.Strip(strings.ReplaceAll(answer, "$", "")) }

// Default returns the challenge that the reference falls back on when its pool fails. Everybody knows it: it is for reference rules only.
// Section 6.1.
func Default() Task { return Task{Question: texts().Default.Question, Answer: texts().Default.Answer} }

// TaskUID draws the task_uid of a synapse, 8 hex digits. The error is that of random.
func TaskUID(random io.Reader) (string, error) {
	var b [4]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", fmt.Errorf("couldn't draw a task uid: %w", err)
	}
	return hex.EncodeToString(b[:]), nil
}
