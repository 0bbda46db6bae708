package serve

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/nanteos/nanteos/model"
	"github.com/nanteos/nanteos/model/chat"
)

// form is how answers look.
type form interface {
	// whole is the answer to a request that isn't streamed.
	whole(c *call, choices []piece) any
	// first, next and last are the events of a stream; last may be none.
	first(c *call) []any
	next(c *call, p piece) any
	last(c *call) []any
}

// call is one request for completions being answered.
type call struct {
	*generation
	s        *Server
	id       string // random
	created  time.Time
	prompts  [][]int32 // their tokens
	made     []int     // tokens of each choice so far
	sofar    []string  // SGLang's streams repeat what was said: text and ids of each choice
	sofarIDs [][]int32
}

// prompt is the tokens that choice i continues.
func (c *call) prompt(i int) []int32 { return c.prompts[i/c.n] }

// used counts the tokens of all prompts and completions.
func (c *call) used() (prompt, completion int) {
	for _, p := range c.prompts {
		prompt += len(p)
	}
	for _, n := range c.made {
		completion += n
	}
	return prompt, completion
}

// generate is the handler of a form.
func (s *Server) generate(read func([]byte) (*generation, *problem), f form) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.open.Add(1)
		defer s.open.Add(-1)
		start := time.Now()
		b, p := s.body(w, r)
		if p != nil {
			p.write(w)
			return
		}
		g, p := read(b)
		if p != nil {
			p.write(w)
			return
		}
		b = nil //nolint:ineffassign // the body's memory isn't needed while tokens are made
		c, j, p := s.begin(g)
		if p == nil {
			p = s.scheduler.submit(j)
		}
		if p != nil {
			p.write(w)
			return
		}
		defer s.scheduler.leave(j)
		ctx, cancel := context.WithDeadlineCause(r.Context(), start.Add(s.cfg.Timeout), errTimeout)
		defer cancel()
		s.answer(ctx, w, c, j, f)
		s.metrics.seconds.Observe(time.Since(start).Seconds())
	}
}

// begin makes the job of a request.
func (s *Server) begin(g *generation) (*call, *job, *problem) {
	switch {
	case s.scheduler == nil:
		return nil, nil, invalid("model", "the model makes embeddings, not completions")
	case g.model != "" && g.model != s.cfg.Name:
		return nil, nil, s.noModel()
	case len(g.prompts)*g.n > maxChoices:
		return nil, nil, invalid("n", "the request asks for %d completions, want up to %d", len(g.prompts)*g.n, maxChoices)
	}
	c := &call{generation: g, s: s, created: time.Now()}
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails
	c.id = fmt.Sprintf("%x", random[:12])
	seed := binary.LittleEndian.Uint64(random[8:])
	if g.seed != nil {
		seed = *g.seed
	}
	stop := slices.Clone(s.stop)
	if g.ignoreEOS {
		stop = []int32{}
	}
	g.sampling.Stop = append(stop, g.stopTokens...)
	if g.sampling.Stop == nil {
		g.sampling.Stop = []int32{}
	}
	var sequences []*sequence
	for i, p := range g.prompts {
		ids, problem := s.tokens(g, p)
		if problem != nil {
			return nil, nil, problem
		}
		c.prompts = append(c.prompts, ids)
		sampling := g.sampling
		if sampling.MaxTokens = g.maxTokens; g.maxTokens < 0 {
			sampling.MaxTokens = max(1, s.Context()-len(ids))
		}
		if n := s.Context(); len(ids)+sampling.MaxTokens > n {
			problem := invalid("", "prompt %d has %d tokens and %d more are asked for, but there is room for %d in all", i, len(ids), sampling.MaxTokens, n)
			problem.code = "context_length_exceeded"
			return nil, nil, problem
		}
		for k := range g.n {
			r := model.BatchRequest{Request: model.Request{Prompt: ids, Seed: seed + uint64(k)}, Sampling: sampling, LogProbs: g.logProbs, Top: min(g.top, s.cfg.Model.Config().VocabSize)}
			if err := s.batch.Check(r); err != nil {
				return nil, nil, invalid("", "prompt %d: %v", i, err)
			}
			text := &textStream{tokens: s.cfg.Tokenizer, stops: g.stops, keepStop: g.keepStop, keepSpecial: g.keepSpecial}
			sequences = append(sequences, &sequence{index: len(sequences), request: r, text: text})
		}
	}
	c.made = make([]int, len(sequences))
	return c, newJob(sequences), nil
}

// tokens turns a prompt into token ids.
func (s *Server) tokens(g *generation, p prompt) ([]int32, *problem) {
	if p.ids != nil {
		return p.ids, nil
	}
	text := p.text
	if p.messages != nil {
		if s.template == nil {
			return nil, invalid("messages", "the model has no chat template; use /v1/completions")
		}
		names := s.cfg.Tokenizer.Names()
		var err error
		if text, err = s.template.Render(p.messages, chat.Options{AddGenerationPrompt: true, BOS: names.BOS, EOS: names.EOS, EnableThinking: g.thinking}); err != nil {
			return nil, invalid("messages", "couldn't render the conversation: %v", err)
		}
	}
	ids := s.cfg.Tokenizer.Encode(text, g.special)
	if len(ids) == 0 {
		return nil, invalid("", "a prompt is empty")
	}
	return ids, nil
}

// answer waits for what the scheduler makes and sends it.
func (s *Server) answer(ctx context.Context, w http.ResponseWriter, c *call, j *job, f form) {
	waiting, cancel := context.WithTimeoutCause(ctx, s.cfg.QueueTimeout, busy(5*time.Second))
	defer cancel()
	out := &events{w: w, control: http.NewResponseController(w), timeout: s.cfg.Write}
	choices := make([]piece, len(j.sequences))
	for i := range choices {
		choices[i].index = i
	}
	for done := false; !done; {
		var pieces []piece
		var err error
		if pieces, done, err = j.take(waiting); err != nil {
			s.refuse(w, out, err)
			return
		}
		if len(pieces) > 0 && waiting != ctx {
			s.metrics.first.Observe(time.Since(c.created).Seconds())
			waiting = ctx
		}
		for _, p := range pieces {
			c.made[p.index] += len(p.ids)
			if !c.stream {
				choices[p.index].join(p)
				continue
			}
			if !out.begun {
				out.begin()
				out.send(f.first(c)...)
			}
			out.send(f.next(c, p))
		}
		if c.stream && out.flush() != nil {
			return // the client is gone, or doesn't read
		}
	}
	if !c.stream {
		s.writeJSON(w, f.whole(c, choices))
		return
	}
	out.send(f.last(c)...)
	out.end()
}

// refuse sends an error: as the whole answer, or in a stream that has begun as its last event.
func (s *Server) refuse(w http.ResponseWriter, out *events, err error) {
	var p *problem
	if !errors.As(err, &p) {
		return // the client is gone
	}
	if !out.begun {
		p.write(w)
		return
	}
	out.raw(p.body())
	_ = out.flush()
}

// events is a stream of server-sent events.
type events struct {
	w       http.ResponseWriter
	control *http.ResponseController
	timeout time.Duration
	begun   bool
	buffer  bytes.Buffer
	err     error
}

func (e *events) begin() {
	h := e.w.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("Cache-Control", "no-cache")
	h.Set("X-Accel-Buffering", "no")
	e.begun = true
}

// send adds events; they go out with flush.
func (e *events) send(values ...any) {
	for _, v := range values {
		b, err := encode(v)
		if err != nil {
			e.err = err
			return
		}
		e.raw(b)
	}
}

func (e *events) raw(data []byte) {
	e.buffer.WriteString("data: ")
	e.buffer.Write(data)
	e.buffer.WriteString("\n\n")
}

// flush writes what was added, within the time that a client has to read it.
func (e *events) flush() error {
	if e.err == nil && e.buffer.Len() > 0 {
		_ = e.control.SetWriteDeadline(time.Now().Add(e.timeout)) // not every writer has deadlines
		if _, e.err = e.w.Write(e.buffer.Bytes()); e.err == nil {
			e.err = e.control.Flush()
		}
		e.buffer.Reset()
	}
	return e.err
}

// end closes the stream as OpenAI does.
func (e *events) end() {
	e.raw([]byte("[DONE]"))
	_ = e.flush() // the client is gone
}
