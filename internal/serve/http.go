package serve

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// routes is the table of what is served.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	add := func(pattern string, h http.HandlerFunc) { mux.Handle(pattern, s.measured(pattern, h)) }
	add("GET /health", s.health)
	add("GET /metrics", s.guarded(s.metrics.handler.ServeHTTP))
	add("GET /v1/models", s.guarded(s.models))
	add("GET /v1/models/{id...}", s.guarded(s.models))
	add("POST /v1/completions", s.guarded(s.generate(readCompletion, completionForm{})))
	add("POST /v1/chat/completions", s.guarded(s.generate(readChat, chatForm{})))
	add("POST /generate", s.guarded(s.generate(readSGLang, sglangForm{})))
	add("POST /v1/embeddings", s.guarded(s.embeddings))
	add("/", func(w http.ResponseWriter, r *http.Request) {
		p := invalid("", "there is no %s %s here", r.Method, r.URL.Path)
		p.status, p.code = http.StatusNotFound, "not_found"
		if _, pattern := mux.Handler(&http.Request{Method: "POST", URL: r.URL, Host: r.Host}); r.Method == "GET" && pattern != "/" {
			p.status, p.code = http.StatusMethodNotAllowed, "method_not_allowed"
			w.Header().Set("Allow", "POST")
		}
		p.write(w)
	})
	return mux
}

// measured counts the requests of a route and recovers from its panics.
func (s *Server) measured(pattern string, h http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := &recorder{ResponseWriter: w, status: http.StatusOK}
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.cfg.Timeout + s.cfg.Write)) // not every writer has deadlines
		defer func() {
			if p := recover(); p != nil {
				s.cfg.Log.Error("a handler panicked", "route", pattern, "panic", p)
				if !rec.begun {
					errInternal.write(rec)
				}
			}
			s.metrics.requests.WithLabelValues(pattern, strconv.Itoa(rec.status)).Inc()
		}()
		h(rec, r)
	})
}

// recorder remembers the status of an answer.
type recorder struct {
	http.ResponseWriter
	status int
	begun  bool
}

func (r *recorder) WriteHeader(status int) {
	if !r.begun {
		r.status, r.begun = status, true
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	r.begun = true
	return r.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// guarded lets a request through whose sender may use the server.
func (s *Server) guarded(h http.HandlerFunc) http.HandlerFunc {
	want := sha256.Sum256([]byte(s.cfg.Key))
	origin := http.NewCrossOriginProtection()
	return func(w http.ResponseWriter, r *http.Request) {
		if s.cfg.Key != "" {
			scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
			got := sha256.Sum256([]byte(strings.TrimSpace(key)))
			if subtle.ConstantTimeCompare(got[:], want[:]) != 1 || !strings.EqualFold(scheme, "Bearer") {
				(&problem{status: http.StatusUnauthorized, kind: "invalid_request_error", code: "invalid_api_key",
					message: "the API key is missing or wrong; send it as Authorization: Bearer KEY"}).write(w)
				return
			}
		} else if !isLocalHost(r.Host) {
			// A page whose name was pointed at this machine would come with its own name.
			(&problem{status: http.StatusForbidden, kind: "invalid_request_error", code: "foreign_host",
				message: "without an API key the server answers to the names of this machine only"}).write(w)
			return
		}
		if origin.Check(r) != nil {
			(&problem{status: http.StatusForbidden, kind: "invalid_request_error", code: "cross_origin", message: "requests of other origins are refused"}).write(w)
			return
		}
		h(w, r)
	}
}

// isLocalHost says whether a Host header names this machine.
func isLocalHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return isLoopback(strings.Trim(host, "[]"))
}

// body reads a request's JSON within bounds.
func (s *Server) body(w http.ResponseWriter, r *http.Request) ([]byte, *problem) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		p := invalid("", "the body must be of type application/json")
		p.status = http.StatusUnsupportedMediaType
		return nil, p
	}
	if n := s.open.Load(); n > int64(2*(s.cfg.Queue+s.cfg.Sequences)+16) { // bodies are memory too
		return nil, busy(time.Second)
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(s.cfg.Read)) // for the body only; not every reader has deadlines
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.cfg.Body))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		p := invalid("", "the body took longer than %v", s.cfg.Read)
		p.status = http.StatusRequestTimeout
		return nil, p
	}
	if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
		p := invalid("", "the body is larger than %d bytes", large.Limit)
		p.status = http.StatusRequestEntityTooLarge
		return nil, p
	}
	if err != nil {
		return nil, invalid("", "couldn't read the body: %v", err)
	}
	return b, nil
}

// encode is JSON that leaves < and > readable.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// writeJSON sends a value as the whole answer.
func (s *Server) writeJSON(w http.ResponseWriter, v any) {
	b, err := encode(v)
	if err != nil {
		s.cfg.Log.Error("couldn't write an answer", "error", err)
		errInternal.write(w)
		return
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.cfg.Write)) // not every writer has deadlines
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(b) // the client is gone
}

// health says whether the server takes requests.
func (s *Server) health(w http.ResponseWriter, _ *http.Request) {
	if s.scheduler != nil {
		_, _, failure, draining := s.scheduler.state()
		switch {
		case failure != nil:
			failure.write(w)
			return
		case draining:
			errEnding.write(w)
			return
		}
	}
	s.writeJSON(w, map[string]any{"status": "ok"})
}

// models lists the one model that there is, or describes it.
func (s *Server) models(w http.ResponseWriter, r *http.Request) {
	m := map[string]any{"id": s.cfg.Name, "object": "model", "created": s.created.Unix(), "owned_by": "nanteos"}
	if n := s.Context(); n > 0 {
		m["max_model_len"] = n
	}
	id := r.PathValue("id")
	switch {
	case id == "":
		s.writeJSON(w, map[string]any{"object": "list", "data": []any{m}})
	case id == s.cfg.Name:
		s.writeJSON(w, m)
	default:
		s.noModel().write(w)
	}
}

func (s *Server) noModel() *problem {
	return &problem{status: http.StatusNotFound, kind: "invalid_request_error", code: "model_not_found", param: "model",
		message: "there is no such model; GET /v1/models lists what there is"}
}
