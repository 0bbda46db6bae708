package grade

import (
	"context"
	"encoding/json"
)

// Role says who wrote a message.
type Role string

// The roles.
const (
	// System is the validator's instruction.
	System Role = "system"
	// User is data, or in the reference the instruction with the data pasted in.
	User Role = "user"
)

// Message is one message to a model.
type Message struct {
	Role    Role
	Content string
}

// Purpose is what a call is for; logs and metrics count by it.
type Purpose string

// The purposes.
const (
	// Detect asks whether an answer manipulates; reference rules.
	Detect Purpose = "trick"
	// Extract asks for the short answer in a long one; reference rules.
	Extract Purpose = "extract"
	// Rate asks for a number; reference rules.
	Rate Purpose = "correctness"
	// Vote asks for a verdict; hardened rules.
	Vote Purpose = "vote"
	// Control asks for a verdict that is known beforehand; hardened rules.
	Control Purpose = "control"
)

// Request is one call to a model.
type Request struct {
	// Purpose is for logs and metrics.
	Purpose Purpose
	// Messages are the conversation, oldest first.
	Messages []Message
	// MaxTokens bounds the reply.
	MaxTokens int
	// Temperature is 0 for every request of this package.
	Temperature float64
	// Schema is the JSON schema of the reply, for endpoints that can hold a model to one (response_format json_schema, strict); nil for
	// free text. The reply is checked in any case.
	Schema json.RawMessage
}

// Completer is a model bound to an endpoint. Complete returns the text of the first choice. It returns an error when there is none (a
// null content included), and when ctx ends; deadlines, and how often an endpoint is tried, are the Completer's matter. It bounds what
// it reads; the package reads no more than 64 kB of a reply.
type Completer interface {
	Complete(ctx context.Context, r Request) (string, error)
}

// CompleterFunc is a function that is a Completer.
type CompleterFunc func(ctx context.Context, r Request) (string, error)

// Complete calls the function.
func (f CompleterFunc) Complete(ctx context.Context, r Request) (string, error) { return f(ctx, r) }

// maxReply is how many bytes of a reply are read.
const maxReply = 64 << 10
