package chain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/nanteos/nanteos/bittensor/chain/rpc"
	"github.com/nanteos/nanteos/bittensor/metadata"
)

// rounds is how often all endpoints are asked before a read gives up, with time left.
const rounds = 3

// Call sends a JSON-RPC request that changes nothing, as the client's own reads do: with hedging, other endpoints after a failure, and
// archives for pruned state. It is the way to methods that the client doesn't wrap.
func (c *Client) Call(ctx context.Context, method string, params ...any) (json.RawMessage, error) {
	return c.ask(ctx, nil, method, params...)
}

// ask is Call with a look at the answer: one that accept refuses is asked of the next endpoint.
func (c *Client) ask(ctx context.Context, accept func(json.RawMessage) error, method string, params ...any) (json.RawMessage, error) {
	ctx, cancel := c.deadline(ctx, c.cfg.Timeout)
	defer cancel()
	r := reading{c: c, accept: accept, method: method, params: params, queue: c.order(), results: make(chan result), patience: c.cfg.Timeout / 2}
	if end, ok := ctx.Deadline(); ok {
		r.patience = min(max(r.patience, time.Until(end)/rounds), c.cfg.Timeout)
	}
	raw, err := r.run(ctx)
	if err != nil {
		return nil, fmt.Errorf("couldn't read %s: %w", method, err)
	}
	return raw, nil
}

func (c *Client) deadline(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, d)
}

// reading is one read on its way through the endpoints.
type reading struct {
	c       *Client
	accept  func(json.RawMessage) error
	method  string
	params  []any
	queue   []*endpoint // still to be asked in this round
	results chan result
	flying  int
	errs    []error
	pruned  bool
	archive bool // the archives had their turn
	// patience is how long one endpoint may take: an answer that got lost must not cost the whole deadline.
	patience time.Duration
}

type result struct {
	from *endpoint
	raw  json.RawMessage
	took time.Duration
	err  error
}

func (r *reading) run(ctx context.Context) (json.RawMessage, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer func() {
		cancel()
		for ; r.flying > 0; r.flying-- { // calls end at once when cancelled
			<-r.results
		}
	}()
	for round := 1; ; round++ {
		raw, err, again := r.round(ctx)
		if !again || round == rounds || ctx.Err() != nil {
			return raw, err
		}
		select { // all failed: they may be about to reconnect
		case <-time.After(100*time.Millisecond + rand.N(time.Duration(round)*time.Second)):
		case <-ctx.Done():
			return raw, err
		}
		r.queue = r.c.order()
		if r.archive {
			r.queue = append(r.c.archives(true), r.queue...)
		}
	}
}

// round asks one endpoint after the other, the next when one failed or is slow, until one answers.
func (r *reading) round(ctx context.Context) (raw json.RawMessage, err error, again bool) {
	hedge := time.NewTimer(r.next(ctx))
	defer hedge.Stop()
	for r.flying > 0 {
		select {
		case <-hedge.C:
			if len(r.queue) > 0 {
				hedge.Reset(r.next(ctx))
			}
		case a := <-r.results:
			r.flying--
			if a.err == nil && r.accept != nil {
				if err := r.accept(a.raw); err != nil {
					a.err = &EndpointError{Endpoint: a.from.Name(), Method: r.method, After: a.took, Err: err}
				}
			}
			if a.err == nil {
				return a.raw, nil, false
			}
			r.note(a.err)
			kind := classify(a.err)
			if kind == final {
				return nil, a.err, false
			}
			r.pruned = r.pruned || kind >= unknown
			again = again || kind == broken
			// Discarded state is in an archive and nowhere else; a block that one doesn't know another may.
			if !r.archive && (kind == discarded || kind == unknown && r.flying == 0 && len(r.queue) == 0) {
				r.archive = true
				r.queue = append(r.c.archives(true), r.queue...)
			}
			if len(r.queue) > 0 && ctx.Err() == nil {
				hedge.Reset(r.next(ctx))
			}
		}
	}
	err = errors.Join(r.errs...)
	if len(r.errs) == 1 {
		err = r.errs[0]
	}
	if r.pruned {
		err = fmt.Errorf("%w: %w", ErrPruned, err)
	}
	return nil, err, again
}

// note keeps one error of each endpoint: that of its longest try.
func (r *reading) note(err error) {
	var e, old *EndpointError
	if errors.As(err, &e) {
		for i := range r.errs {
			if errors.As(r.errs[i], &old) && old.Endpoint == e.Endpoint {
				if e.After > old.After {
					r.errs[i] = err
				}
				return
			}
		}
	}
	r.errs = append(r.errs, err)
}

// next asks the first endpoint in the queue and returns how long to wait before the one after it is asked too.
func (r *reading) next(ctx context.Context) time.Duration {
	if len(r.queue) == 0 {
		return time.Hour
	}
	e := r.queue[0]
	r.queue = r.queue[1:]
	r.flying++
	go func() {
		ectx, cancel := context.WithTimeout(ctx, r.patience)
		defer cancel()
		start := time.Now()
		raw, err := e.call(ectx, r.method, r.params...)
		r.results <- result{e, raw, time.Since(start), err}
	}()
	wait := e.percentile(0.95)
	if wait == 0 {
		wait = time.Second
	}
	return min(max(wait, r.c.cfg.HedgeMin), r.c.cfg.HedgeMax)
}

// kind says what an error of one endpoint means for the others.
type kind int

const (
	final     kind = iota // any endpoint would say the same
	elsewhere             // another one may know better
	broken                // the connection, not the node's word
	unknown               // the block isn't there: too new for a node that lags, or too old
	discarded             // the block's state is gone here
)

func classify(err error) kind {
	var own *rpc.Error
	switch {
	case errors.Is(err, metadata.ErrType), errors.Is(err, metadata.ErrUnknown):
		return final
	case errors.Is(err, ErrNoBlock), errors.Is(err, rpc.ErrRefused):
		return elsewhere
	case !errors.As(err, &own):
		return broken
	}
	text := strings.ToLower(own.Message + " " + own.DataText())
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(text, w) {
				return true
			}
		}
		return false
	}
	switch {
	case has("state already discarded"):
		return discarded
	case has("unknownblock", "unknown block", "header was not found", "header not found", "not found in the database"):
		return unknown
	case has("rate limit", "limit exceeded", "too many", "overloaded", "busy"):
		return broken
	case own.Code == -32601 || own.Code == -32603:
		return elsewhere
	}
	return final
}

// archives returns the archive endpoints, opened at their first use.
func (c *Client) archives(open bool) []*endpoint {
	c.mu.Lock()
	defer c.mu.Unlock()
	if open && c.archived == nil && !c.closed {
		for _, u := range c.cfg.Archive {
			if e, err := c.newEndpoint(u, true); err == nil {
				c.archived = append(c.archived, e)
			}
		}
	}
	return append([]*endpoint{}, c.archived...)
}
