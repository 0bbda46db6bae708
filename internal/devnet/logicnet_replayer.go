package devnet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/nanteos/nanteos/bittensor/axon"
	"github.com/nanteos/nanteos/internal/status"
	"github.com/nanteos/nanteos/logicnet"
)

// replayer is a miner without a solver. Each signed request that it gets goes on to the exact miner as it is, in the hope that this one answers; and a
// second time, in the hope that it counts the validator's quota down. Then it gives the last answer of the exact miner that it has seen.
type replayer struct {
	*crew
	server *axon.Server
	victim string // URL of the exact miner's route
	client *http.Client
}

// The replayer's bounds.
const (
	relayBytes   = 64 << 10
	relayTimeout = 500 * time.Millisecond
)

func (c *crew) replayer(m Member, at net.Listener) (func(context.Context) error, error) {
	r := &replayer{crew: c, client: &http.Client{Timeout: relayTimeout}}
	for _, other := range c.members {
		if other.Kind == LogicExact {
			r.victim = fmt.Sprintf("http://127.0.0.1:%d/LogicSynapse", c.ports[other.Address()])
		}
	}
	var err error
	if r.server, err = axon.New(axon.Config{Hotkey: m.Hotkey}); err != nil {
		return nil, err
	}
	err = errors.Join(
		axon.Handle(r.server, axon.Route[logicnet.LogicSynapse]{Forward: r.answer}),
		axon.Handle(r.server, axon.Route[logicnet.Information]{Forward: func(_ context.Context, _ *axon.Call, i *logicnet.Information) error {
			i.Response = logicnet.InformationReply(logicVolume)
			return nil
		}}),
	)
	if err != nil {
		return nil, err
	}
	h := &http.Server{Handler: r, ReadHeaderTimeout: 5 * time.Second}
	return func(ctx context.Context) error {
		defer r.client.CloseIdleConnections()
		defer context.AfterFunc(ctx, func() { _ = h.Close() })()
		sink := c.sink(m)
		sink.Emit(status.Event{Kind: status.Start})
		defer sink.Emit(status.Event{Kind: status.Stop})
		if err := c.announce(ctx, m, c.ports[m.Address()]); err != nil {
			return err
		}
		if err := h.Serve(at); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("couldn't serve axon: %w", err)
		}
		return nil
	}, nil
}

// loot is the key of what was stolen for a request, in its context.
type loot struct{}

// ServeHTTP replays a question, and then answers it.
func (r *replayer) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	if q.URL.Path == "/LogicSynapse" {
		body, err := io.ReadAll(io.LimitReader(q.Body, relayBytes))
		if err != nil {
			return
		}
		q.Body = io.NopCloser(bytes.NewReader(body))
		for range 2 {
			if stolen := r.replay(q, body); stolen != nil {
				q = q.WithContext(context.WithValue(q.Context(), loot{}, stolen))
			}
		}
	}
	r.server.ServeHTTP(w, q)
}

// stolen is an answer to somebody else.
type stolen struct {
	Answer    string `json:"logic_answer"`
	Reasoning string `json:"logic_reasoning"`
}

// replay sends a signed request to the exact miner and returns its answer; nil when it refuses.
func (r *replayer) replay(q *http.Request, body []byte) *stolen {
	request, err := http.NewRequestWithContext(q.Context(), http.MethodPost, r.victim, bytes.NewReader(body))
	if err != nil {
		return nil
	}
	request.Header = q.Header.Clone()
	reply, err := r.client.Do(request)
	if err != nil {
		return nil
	}
	defer reply.Body.Close()
	var s stolen
	took := reply.StatusCode == http.StatusOK && json.NewDecoder(io.LimitReader(reply.Body, relayBytes)).Decode(&s) == nil
	r.tally.replayed(!took)
	if !took {
		return nil
	}
	return &s
}

// answer gives what was stolen, or what the exact miner said to another question.
func (r *replayer) answer(ctx context.Context, _ *axon.Call, s *logicnet.LogicSynapse) error {
	if got, ok := ctx.Value(loot{}).(*stolen); ok {
		s.SetAnswer(got.Answer, got.Reasoning)
		return nil
	}
	s.SetAnswer(r.tap.get())
	return nil
}
