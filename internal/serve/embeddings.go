package serve

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"math"
	"net/http"
	"time"
)

// maxInputs is the most texts of a request for embeddings.
const maxInputs = 2048

// embeddings serves /v1/embeddings. Requests are embedded one after the other; as
// many as sequences may wait, wait.
func (s *Server) embeddings(w http.ResponseWriter, r *http.Request) {
	n := s.open.Add(1)
	defer s.open.Add(-1)
	b, p := s.body(w, r)
	if p != nil {
		p.write(w)
		return
	}
	name, texts, floats, p := readEmbedding(b)
	switch {
	case p != nil:
	case s.cfg.Embedder == nil:
		p = invalid("model", "the model makes completions, not embeddings")
	case name != "" && name != s.cfg.Name:
		p = s.noModel()
	case len(texts) > maxInputs:
		p = invalid("input", "there are %d texts, want up to %d", len(texts), maxInputs)
	case n > int64(s.cfg.Queue)+1:
		p = busy(5 * time.Second)
	}
	if p != nil {
		p.write(w)
		return
	}
	ctx, cancel := context.WithTimeoutCause(r.Context(), s.cfg.Timeout, errTimeout)
	defer cancel()
	queue, cancel := context.WithTimeoutCause(ctx, s.cfg.QueueTimeout, busy(5*time.Second))
	defer cancel()
	select {
	case s.embedding <- struct{}{}:
		defer func() { <-s.embedding }()
	case <-queue.Done():
		if errors.As(context.Cause(queue), &p) {
			p.write(w)
		}
		return
	}
	vectors, err := s.cfg.Embedder.Embed(ctx, texts)
	switch {
	case ctx.Err() != nil:
		if errors.As(context.Cause(ctx), &p) {
			p.write(w)
		}
		return
	case err != nil:
		invalid("input", "%v", err).write(w)
		return
	}
	data := make([]object, len(vectors))
	for i, v := range vectors {
		data[i] = object{"object": "embedding", "index": i, "embedding": any(v)}
		if !floats {
			raw := make([]byte, 0, 4*len(v))
			for _, x := range v {
				raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
			}
			data[i]["embedding"] = base64.StdEncoding.EncodeToString(raw)
		}
	}
	used := 0
	if c, ok := s.cfg.Embedder.(interface{ Tokens(text string) []int32 }); ok {
		for _, t := range texts {
			used += len(c.Tokens(t))
		}
	}
	s.writeJSON(w, object{"object": "list", "model": s.cfg.Name, "data": data, "usage": object{"prompt_tokens": used, "total_tokens": used}})
}
