package chain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nanteos/nanteos/bittensor/chain/rpc"
)

// samples is how many latencies an endpoint's percentiles are made of.
const samples = 64

// endpoint is a node, its connection and what is known of its health.
type endpoint struct {
	*rpc.Client
	archive bool

	mu        sync.Mutex
	latencies [samples]time.Duration
	taken     int // latencies ever taken
	failures  int // in a row
	lastErr   error
	head      uint64
	headAt    time.Time
}

// Health is what an endpoint has shown of itself so far.
type Health struct {
	Endpoint string
	Archive  bool
	// Median and P95 are latencies of the last 64 answers, 0 before the first.
	Median, P95 time.Duration
	// Head is the newest block that the endpoint announced, Lag how many blocks that is behind the newest of any.
	Head, Lag uint64
	HeadAt    time.Time
	// Failures counts calls in a row that failed (a node's refusal is no failure).
	Failures  int
	LastError error
	Socket    rpc.Stats
}

func (c *Client) newEndpoint(url string, archive bool) (*endpoint, error) {
	o := c.cfg.Socket
	o.URL = url
	o.CallTimeout = c.cfg.Timeout
	o.Handshake = func(ctx context.Context, call rpc.Call) error {
		raw, err := call(ctx, "chain_getBlockHash", 0)
		if err != nil {
			return err
		}
		h, err := hashFrom(raw)
		if err != nil {
			return err
		}
		return c.checkGenesis(h)
	}
	r, err := rpc.New(o)
	if err != nil {
		return nil, err
	}
	return &endpoint{Client: r, archive: archive}, nil
}

// checkGenesis compares an endpoint's genesis with the chain's, or takes it for the chain's if none is known yet.
func (c *Client) checkGenesis(h Hash) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case h.IsZero():
		return fmt.Errorf("%w: no block 0", ErrAnswer)
	case c.genesis.IsZero():
		c.genesis = h
	case c.genesis != h:
		return rpc.Refusal(fmt.Errorf("%w: the endpoint's block 0 is %s, the chain's %s", ErrGenesis, h, c.genesis))
	}
	return nil
}

// call asks the endpoint and keeps score.
func (e *endpoint) call(ctx context.Context, method string, params ...any) (json.RawMessage, error) {
	start := time.Now()
	raw, err := e.Call(ctx, method, params...)
	e.score(time.Since(start), err)
	return raw, err
}

func (e *endpoint) score(took time.Duration, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var own *rpc.Error
	switch {
	case err == nil || errors.As(err, &own):
		e.latencies[e.taken%samples] = took
		e.taken++
		e.failures = 0
	case errors.Is(err, context.Canceled):
		// another endpoint was quicker
	default:
		e.failures++
		e.lastErr = err
	}
}

// percentile returns the latency below which a share of the answers came, 0 if there are none.
func (e *endpoint) percentile(share float64) time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := min(e.taken, samples)
	if n == 0 {
		return 0
	}
	var sorted [samples]time.Duration
	copy(sorted[:], e.latencies[:n])
	slices.Sort(sorted[:n])
	return sorted[min(int(share*float64(n)), n-1)]
}

// sawHead notes an announced block.
func (e *endpoint) sawHead(n uint64) {
	e.mu.Lock()
	e.head, e.headAt = n, time.Now()
	e.mu.Unlock()
}

func (e *endpoint) health() Health {
	st := e.Stats()
	h := Health{Endpoint: e.Name(), Archive: e.archive, Median: e.percentile(0.5), P95: e.percentile(0.95), Socket: st}
	e.mu.Lock()
	defer e.mu.Unlock()
	h.Head, h.HeadAt, h.Failures, h.LastError = e.head, e.headAt, e.failures, e.lastErr
	if st.LastErrorAt.After(time.Time{}) && (h.LastError == nil || !st.Connected) {
		h.LastError = st.LastError
	}
	return h
}

// Health returns how the endpoints do, in the order in which the next read would ask them.
func (c *Client) Health() []Health {
	var out []Health
	var top uint64
	list := append(c.order(), c.archives(false)...)
	for _, e := range c.endpoints {
		if !slices.Contains(list, e) {
			list = append(list, e)
		}
	}
	for _, e := range list {
		h := e.health()
		top = max(top, h.Head)
		out = append(out, h)
	}
	for i := range out {
		if out[i].Head > 0 {
			out[i].Lag = top - out[i].Head
		}
	}
	return out
}

// lagging is the number of blocks behind the newest head from which an endpoint is asked last.
const lagging = 5

// refused is the rank of endpoints of another chain, which are asked only if there is no other.
const refused = 1000

// order returns the endpoints, the one to ask first in front: connected before not, then those that keep up with the chain and don't fail, then the
// quicker, then as configured. Those of another chain aren't among them unless there is no other.
func (c *Client) order() []*endpoint {
	type ranked struct {
		e     *endpoint
		class int
		speed time.Duration
	}
	list := make([]ranked, len(c.endpoints))
	var top uint64
	for _, e := range c.endpoints {
		e.mu.Lock()
		top = max(top, e.head)
		e.mu.Unlock()
	}
	for i, e := range c.endpoints {
		st := e.Stats()
		e.mu.Lock()
		class := min(e.failures, 8)
		if top > e.head+lagging {
			class += 10
		}
		e.mu.Unlock()
		if !st.Connected {
			class += 100
			if errors.Is(st.LastError, rpc.ErrRefused) {
				class += refused
			}
		}
		// Differences below 50 ms don't matter: they would only make the order restless.
		list[i] = ranked{e, class, e.percentile(0.5).Round(50 * time.Millisecond)}
	}
	slices.SortStableFunc(list, func(a, b ranked) int {
		if a.class != b.class {
			return a.class - b.class
		}
		return int(a.speed - b.speed)
	})
	var out []*endpoint
	for _, r := range list {
		if r.class < refused || len(out) == 0 {
			out = append(out, r.e)
		}
	}
	return out
}
