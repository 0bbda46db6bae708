package logicnet

import (
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/nanteos/nanteos/bittensor/axon/synapse"
	"github.com/nanteos/nanteos/bittensor/ss58"
)

// Category is the only category of the network. Miners name it in their Information, validators in their questions. Section 5.2.
const Category = "Logic"

// DefaultTimeout is how many seconds a miner has for an answer. Section 2.1.
const DefaultTimeout = 64

// ErrAnswer is the sentinel of an answer that is no text.
var ErrAnswer = errors.New("answer is not a text")

// LogicSynapse carries a question to a miner and its answer back. Its route is /LogicSynapse. None of its fields is covered by the
// caller's signature. Section 2.1.
type LogicSynapse struct {
	// Timeout is how many seconds the validator waits. The miner sees it but nobody vouches for it.
	Timeout int64 `synapse:"timeout" default:"64"`
	// Question is what the miner is to answer, in the words of a persona.
	Question string `synapse:"logic_question"`
	// Answer is the miner's short final answer. The protocol allows any JSON value; see AnswerText.
	Answer synapse.Value `synapse:"logic_answer,answer" default:"\"\""`
	// Reasoning is how the miner got there, step by step.
	Reasoning string `synapse:"logic_reasoning,answer"`
	// RawQuestion is the question before it was rephrased. It never leaves the validator: see Outgoing.
	RawQuestion string `synapse:"raw_logic_question"`
	// Truth is the right answer. It never leaves the validator either.
	Truth synapse.Value `synapse:"ground_truth_answer" default:"\"\""`
	// Category is "Logic".
	Category string `synapse:"category"`
	// TaskUID names the task in logs: see TaskUID.
	TaskUID string `synapse:"task_uid"`
}

// NewQuestion returns a synapse that asks a miner, as Outgoing would.
func NewQuestion(question, taskUID string, timeout int64) LogicSynapse {
	return LogicSynapse{Timeout: timeout, Question: question, TaskUID: taskUID}.Outgoing()
}

// Outgoing returns the synapse as it is sent to a miner: in the network's category, with blank answer fields, and without the raw question
// and the truth (null, as the reference sends it).
func (s LogicSynapse) Outgoing() LogicSynapse {
	s.SetAnswer("", "")
	s.RawQuestion = ""
	s.Truth = synapse.Value{}
	s.Category = Category
	return s
}

// AnswerText returns the answer when it is a text. The reference lets a number, a list or null destroy the scoring of the whole batch;
// here it is an error that wraps ErrAnswer and concerns this answer only. Section 7.1.
func (s LogicSynapse) AnswerText() (string, error) {
	text, ok := s.Answer.Text()
	if !ok {
		return "", fmt.Errorf("%w but %s", ErrAnswer, shorten(s.Answer.String()))
	}
	return text, nil
}

// SetAnswer fills in what the miner answers.
func (s *LogicSynapse) SetAnswer(answer, reasoning string) {
	s.Answer, _ = synapse.ValueOf(answer) // a string always has a Value
	s.Reasoning = reasoning
}

// Information asks a miner what it serves. Its route is /Information. Section 2.2.
type Information struct {
	Request  map[string]synapse.Value `synapse:"request_dict"`
	Response map[string]synapse.Value `synapse:"response_dict,answer"`
}

// InformationReply returns the response of a miner that takes volume requests in an epoch.
func InformationReply(volume int64) map[string]synapse.Value {
	v, _ := synapse.ValueOf(volume)
	c, _ := synapse.ValueOf(Category)
	return map[string]synapse.Value{"epoch_volume": v, "category": c}
}

// LogicRequest is the body in which users of a validator's proxy put a question: the synapse without what is secret or internal.
// Section 2.3.
type LogicRequest struct {
	Question  string `json:"logic_question"`
	Answer    string `json:"logic_answer"`
	Reasoning string `json:"logic_reasoning"`
	Category  string `json:"category"`
	Timeout   int64  `json:"timeout"` // seconds, 64 where none is named
}

// TaskUID returns a new name of a task: 8 hex digits. Section 2.1.
func TaskUID(rng Rand) string {
	var b [4]byte
	for i := range b {
		b[i] = byte(rng.Below(256))
	}
	return hex.EncodeToString(b[:])
}

// Hotkey is the public key of a neuron. Text forms (JSON among them) are ss58 addresses.
type Hotkey [32]byte

// String returns the ss58 address.
func (h Hotkey) String() string { return ss58.EncodeBittensor(h) }

// MarshalText implements encoding.TextMarshaler.
func (h Hotkey) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *Hotkey) UnmarshalText(text []byte) error {
	key, _, err := ss58.Decode(string(text))
	if err != nil {
		return fmt.Errorf("couldn't read hotkey %q: %w", shorten(string(text)), err)
	}
	*h = key
	return nil
}

// shorten cuts foreign text for an error message.
func shorten(s string) string {
	const most = 64
	runes := 0
	for i := range s {
		if runes == most {
			return s[:i] + "…"
		}
		runes++
	}
	return s
}
