package llm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Message is one turn of a conversation.
type Message struct {
	// Role is system, user or assistant.
	Role    string `json:"role"`
	Content string `json:"content"`
}

// Request is what a model is asked.
type Request struct {
	Messages []Message
	// MaxTokens bounds the answer; 0 leaves it to the server.
	MaxTokens   int
	Temperature float64
	// Schema is the JSON schema that the answer has to follow, for servers that can do that; nil for free text. Check the answer all the same.
	Schema json.RawMessage
}

// Answer is what a model said.
type Answer struct {
	// Text is the first choice, not empty.
	Text string
	// Model and Host say who answered. Model is the name that was asked for.
	Model, Host string
	// Cut says that the answer ended at MaxTokens.
	Cut bool
	// PromptTokens and Tokens are what the server counted, 0 where it doesn't.
	PromptTokens, Tokens int
	// Took is the time of the request that was answered.
	Took time.Duration
}

// Complete asks the endpoints in turn until one answers. While others are left an endpoint gets six tenths of the time that remains. Errors wrap
// ErrRefused where every endpoint refuses, ErrUnavailable or ErrAnswer; the context's error too where that ended the call.
func (c *Client) Complete(ctx context.Context, r Request) (Answer, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.cfg.Timeout)
		defer cancel()
	}
	a, err := c.complete(ctx, r)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stats.Calls++
	if err != nil {
		c.stats.Failed++
		return Answer{}, fmt.Errorf("couldn't complete: %w", err)
	}
	c.took.add(a.Took)
	return a, nil
}

func (c *Client) complete(ctx context.Context, r Request) (Answer, error) {
	var last error
	refused := make([]bool, len(c.urls))
	for round := range c.cfg.Rounds {
		pause := time.Duration(0)
		open := 0
		for i := range c.urls {
			if refused[i] {
				continue
			}
			open++
			more := i+1 < len(c.urls) || round+1 < c.cfg.Rounds
			a, after, err := c.try(ctx, i, r, more)
			if err == nil {
				if i > 0 {
					c.mu.Lock()
					c.stats.Fallbacks++
					c.mu.Unlock()
				}
				return a, nil
			}
			last, pause = err, max(pause, after)
			refused[i] = errors.Is(err, ErrRefused)
			if ctx.Err() != nil {
				return Answer{}, fmt.Errorf("%w: %w (%w)", ErrUnavailable, last, ctx.Err())
			}
		}
		if open == 0 {
			break
		}
		if round+1 == c.cfg.Rounds {
			break
		}
		wait := max(pause, time.Duration(float64(c.cfg.Pause<<round)*(0.5+rand.Float64())))
		if d, ok := ctx.Deadline(); ok && time.Until(d) <= wait {
			break
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
	if errors.Is(last, ErrRefused) || errors.Is(last, ErrAnswer) {
		return Answer{}, last
	}
	return Answer{}, fmt.Errorf("%w: %w", ErrUnavailable, last)
}

// try asks one endpoint once. after is how long the endpoint wants to be left alone.
func (c *Client) try(ctx context.Context, i int, r Request, more bool) (a Answer, after time.Duration, err error) {
	if d, ok := ctx.Deadline(); ok && more {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, max(time.Until(d)*6/10, time.Millisecond))
		defer cancel()
	}
	c.mu.Lock()
	c.stats.Tries++
	c.mu.Unlock()
	e := c.cfg.Endpoints[i]
	body, err := json.Marshal(wireRequest(e, r))
	if err != nil {
		return a, 0, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.urls[i], bytes.NewReader(body))
	if err != nil {
		return a, 0, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	if e.Key != "" {
		req.Header.Set("Authorization", "Bearer "+string(e.Key))
	}
	began := time.Now()
	res, err := c.http.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // without the address, which stands in front already
		}
		return a, 0, fmt.Errorf("%s: %w", req.URL.Host, err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, c.cfg.MaxAnswer+1))
	if err != nil {
		return a, 0, fmt.Errorf("%s: couldn't read answer: %w", req.URL.Host, err)
	}
	if int64(len(text)) > c.cfg.MaxAnswer {
		return a, 0, fmt.Errorf("%s: %w: it is larger than %d bytes", req.URL.Host, ErrAnswer, c.cfg.MaxAnswer)
	}
	if res.StatusCode != http.StatusOK {
		return a, retryAfter(res), fmt.Errorf("%s: %w", req.URL.Host, statusError(res.StatusCode, text, e.Key))
	}
	if a, err = parseAnswer(text); err != nil {
		return a, 0, fmt.Errorf("%s: %w", req.URL.Host, err)
	}
	a.Model, a.Host, a.Took = e.Model, req.URL.Host, time.Since(began)
	return a, 0, nil
}

// wireRequest is the body of a request.
func wireRequest(e Endpoint, r Request) map[string]any {
	body := map[string]any{"model": e.Model, "messages": r.Messages, "temperature": r.Temperature}
	if r.MaxTokens > 0 {
		body["max_tokens"] = r.MaxTokens
	}
	if r.Schema != nil {
		body["response_format"] = map[string]any{"type": "json_schema", "json_schema": map[string]any{"name": "answer", "strict": true, "schema": r.Schema}}
	}
	return body
}

// parseAnswer reads a completion.
func parseAnswer(text []byte) (Answer, error) {
	var body struct {
		Choices []struct {
			Message struct {
				Content *string `json:"content"`
			} `json:"message"`
			FinishReason string `json:"finish_reason"`
		} `json:"choices"`
		Usage struct {
			PromptTokens     int `json:"prompt_tokens"`
			CompletionTokens int `json:"completion_tokens"`
		} `json:"usage"`
	}
	if err := json.Unmarshal(text, &body); err != nil {
		return Answer{}, fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	if len(body.Choices) == 0 || body.Choices[0].Message.Content == nil || strings.TrimSpace(*body.Choices[0].Message.Content) == "" {
		return Answer{}, fmt.Errorf("%w: it holds no text", ErrAnswer)
	}
	c := body.Choices[0]
	return Answer{
		Text: strings.ToValidUTF8(*c.Message.Content, "\uFFFD"), Cut: c.FinishReason == "length",
		PromptTokens: max(0, body.Usage.PromptTokens), Tokens: max(0, body.Usage.CompletionTokens),
	}, nil
}

// statusError says what a status means. Servers repeat parts of requests in their messages: the key is cut out of them.
func statusError(status int, text []byte, key Key) error {
	var body struct {
		Error json.RawMessage `json:"error"`
	}
	message := ""
	if json.Unmarshal(text, &body) == nil && len(body.Error) > 0 {
		var detail struct {
			Message string `json:"message"`
		}
		if json.Unmarshal(body.Error, &detail) == nil && detail.Message != "" {
			message = detail.Message
		} else {
			_ = json.Unmarshal(body.Error, &message)
		}
	}
	if key != "" {
		message = strings.ReplaceAll(message, string(key), redacted)
	}
	message = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			return ' '
		}
		return r
	}, message)
	if len(message) > 200 {
		message = strings.ToValidUTF8(message[:200], "") + "…"
	}
	err := fmt.Errorf("status %d", status)
	if message != "" {
		err = fmt.Errorf("status %d: %s", status, message)
	}
	switch {
	case status == http.StatusRequestTimeout, status == http.StatusTooManyRequests, status >= 500:
		return err
	}
	return fmt.Errorf("%w: %w", ErrRefused, err)
}

// retryAfter is how long a busy endpoint wants to be left alone, at most half a minute.
func retryAfter(res *http.Response) time.Duration {
	if res.StatusCode != http.StatusTooManyRequests && res.StatusCode != http.StatusServiceUnavailable {
		return 0
	}
	n, err := strconv.ParseFloat(res.Header.Get("Retry-After"), 64)
	if err != nil || !(n > 0) {
		return 0
	}
	return time.Duration(min(n, 30) * float64(time.Second))
}
