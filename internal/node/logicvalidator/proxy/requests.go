package proxy

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/nanteos/nanteos/logicnet"
)

// answer serves /v1/answer.
func (s *Server) answer(w http.ResponseWriter, r *http.Request) {
	key, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !s.admit(w, key) {
		return
	}
	body := struct {
		Question string   `json:"question"`
		Miners   *int     `json:"miners"`
		Timeout  *float64 `json:"timeout"`
	}{}
	if !s.read(w, r, &body, true) {
		return
	}
	q := Question{Text: body.Question, Miners: 3, Timeout: s.cfg.Timeout}
	if body.Miners != nil {
		if q.Miners = *body.Miners; q.Miners < 1 || q.Miners > maxMiners {
			fail(w, http.StatusBadRequest, "invalid", "miners has to be from 1 to "+strconv.Itoa(maxMiners))
			return
		}
	}
	if body.Timeout != nil {
		most := s.cfg.Timeout.Seconds()
		if !(*body.Timeout >= 1 && *body.Timeout <= most) {
			fail(w, http.StatusBadRequest, "invalid", fmt.Sprintf("timeout has to be from 1 to %g seconds", most))
			return
		}
		q.Timeout = time.Duration(*body.Timeout * float64(time.Second))
	}
	if a, ok := s.forward(w, r, q); ok {
		write(w, http.StatusOK, a)
	}
}

// reference serves /validator_proxy in the form of the reference, with a key where that has a public key.
func (s *Server) reference(w http.ResponseWriter, r *http.Request) {
	body := struct {
		Authorization string `json:"authorization"`
		Request       struct {
			logicnet.LogicRequest
			Timeout json.Number `json:"timeout"` // its clients write 64 and 64.0
		} `json:"synapse_request"`
	}{}
	if !s.read(w, r, &body, false) || !s.admit(w, body.Authorization) {
		return
	}
	q := Question{Text: body.Request.Question, Miners: 1, Timeout: s.cfg.Timeout}
	if body.Request.Category != "" && body.Request.Category != logicnet.Category {
		fail(w, http.StatusBadRequest, "invalid", "category has to be "+logicnet.Category)
		return
	}
	if t, err := body.Request.Timeout.Float64(); err == nil && t >= 1 && t < s.cfg.Timeout.Seconds() {
		q.Timeout = time.Duration(t * float64(time.Second))
	}
	if a, ok := s.forward(w, r, q); ok {
		write(w, http.StatusOK, map[string]string{"logic_answer": a.Answer, "logic_reasoning": a.Reasoning})
	}
}

// admit finds the user of a key and counts the question against its rate.
func (s *Server) admit(w http.ResponseWriter, key string) bool {
	sum := sha256.Sum256([]byte(key))
	var found *user
	for i := range s.users { // all of them, so that time tells nothing
		if subtle.ConstantTimeCompare(sum[:], s.users[i].sum[:]) == 1 {
			found = &s.users[i]
		}
	}
	if found == nil {
		w.Header().Set("WWW-Authenticate", "Bearer")
		fail(w, http.StatusUnauthorized, "unauthorized", "send a key that this validator gave out, as Authorization: Bearer KEY")
		return false
	}
	if wait := found.rate.take(time.Now()); wait > 0 {
		later(w, wait)
		fail(w, http.StatusTooManyRequests, "rate_limited", "this key asks too often")
		return false
	}
	return true
}

// read reads a body. Unknown fields are refused where strict says so.
func (s *Server) read(w http.ResponseWriter, r *http.Request, to any, strict bool) bool {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.cfg.MaxBody))
	if err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			fail(w, http.StatusRequestEntityTooLarge, "too_large", fmt.Sprintf("a body has at most %d bytes", s.cfg.MaxBody))
		} else {
			fail(w, http.StatusBadRequest, "invalid", "the body didn't arrive")
		}
		return false
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if strict {
		d.DisallowUnknownFields()
	}
	err = d.Decode(to)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("something follows the object")
		}
	}
	if err != nil || !utf8.Valid(text) {
		fail(w, http.StatusBadRequest, "invalid", "the body is no JSON object of the form that /openapi.json describes")
		return false
	}
	return true
}

// forward puts a question to miners.
func (s *Server) forward(w http.ResponseWriter, r *http.Request, q Question) (Answer, bool) {
	switch n := utf8.RuneCountInString(q.Text); {
	case strings.TrimSpace(q.Text) == "":
		fail(w, http.StatusBadRequest, "invalid", "there is no question")
		return Answer{}, false
	case n > s.cfg.MaxQuestion:
		fail(w, http.StatusBadRequest, "invalid", fmt.Sprintf("a question has at most %d characters", s.cfg.MaxQuestion))
		return Answer{}, false
	}
	select {
	case s.open <- struct{}{}:
		defer func() { <-s.open }()
	default:
		later(w, 5*time.Second)
		fail(w, http.StatusServiceUnavailable, "busy", "too many questions are in progress")
		return Answer{}, false
	}
	ctx, cancel := context.WithTimeout(r.Context(), q.Timeout+s.cfg.Timeout)
	defer cancel()
	a, err := s.ask(ctx, q)
	switch {
	case err == nil:
		return a, true
	case errors.Is(err, ErrNobody):
		later(w, 30*time.Second)
		fail(w, http.StatusServiceUnavailable, "no_miners", "no miner can be asked now")
	case errors.Is(err, ErrNoAnswer), errors.Is(err, context.DeadlineExceeded):
		fail(w, http.StatusBadGateway, "no_answer", "no miner gave an answer that can be used")
	default:
		fail(w, http.StatusInternalServerError, "internal", "something went wrong here")
	}
	return Answer{}, false
}

func later(w http.ResponseWriter, d time.Duration) {
	w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(d.Seconds()))))
}

func fail(w http.ResponseWriter, status int, code, message string) {
	write(w, status, map[string]any{"error": map[string]string{"code": code, "message": message}})
}

func write(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(body)
}
