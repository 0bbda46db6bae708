package challenge

import (
	"context"
	"errors"
)

// Role says who wrote a message.
type Role string

// The roles. In the request for a rewrite the problem stands there as the assistant's words.
const (
	System    Role = "system"
	Assistant Role = "assistant"
	User      Role = "user"
)

// Message is one turn of a conversation with a model.
type Message struct {
	Role    Role   `json:"role"`
	Content string `json:"content"`
}

// Purpose is what a request is for; logs and metrics count by it.
type Purpose string

// The purposes.
const (
	// Rephrase asks for a problem in other words.
	Rephrase Purpose = "rephrase"
	// Reason asks for the validator's own reasoning.
	Reason Purpose = "reasoning"
)

// Request is one call to a model.
type Request struct {
	// Purpose is for logs and metrics.
	Purpose Purpose
	// Messages are the conversation, oldest first.
	Messages []Message
	// MaxTokens bounds the reply.
	MaxTokens int
	// Temperature is that of the reference, 0.7.
	Temperature float64
}

var (
	// ErrPermanent marks an error of a Completer that will be the same the next time, such as a refused key: it is not tried again.
	// The reference tries again only what its client library calls an API error.
	ErrPermanent = errors.New("the model will not answer")
	// ErrNoContent marks a reply without text. The reference gives up on one at once; otherwise it is tried again.
	ErrNoContent = errors.New("the model answered without text")
)

// Completer is a model bound to an endpoint. Complete returns the text of the first choice; an error that wraps ErrNoContent when there
// is none, ErrPermanent when it makes no sense to ask again, the context's when that ended. It bounds what it reads.
type Completer interface {
	Complete(ctx context.Context, r Request) (string, error)
}

// CompleterFunc is a function that is a Completer.
type CompleterFunc func(ctx context.Context, r Request) (string, error)

// Complete calls the function.
func (f CompleterFunc) Complete(ctx context.Context, r Request) (string, error) { return f(ctx, r) }
