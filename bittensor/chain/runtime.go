package chain

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nanteos/nanteos/bittensor/chain/rpc"
	"github.com/nanteos/nanteos/bittensor/metadata"
	"github.com/nanteos/nanteos/bittensor/scale"
)

// Runtime is the chain's program as of some block, described by its metadata.
type Runtime struct {
	*metadata.Runtime
	Spec        uint32
	Transaction uint32
	// BlockTime is the time between two blocks.
	BlockTime time.Duration
}

// version is what state_getRuntimeVersion says.
type version struct {
	Spec        uint32 `json:"specVersion"`
	Transaction uint32 `json:"transactionVersion"`
}

const (
	keptRuntimes = 2   // parsed ones are megabytes
	keptVersions = 512 // blocks whose version is remembered
)

// runtimes keeps the runtimes in use, by version, so that an upgrade of the chain in mid-run is followed by whoever reads a later block.
type runtimes struct {
	c *Client

	mu       sync.Mutex
	parsed   []*Runtime // last used first
	versions map[Hash]version
	order    []Hash
	loading  map[version]*load
}

type load struct {
	done chan struct{}
	rt   *Runtime
	err  error
}

func newRuntimes(c *Client) *runtimes {
	return &runtimes{c: c, versions: map[Hash]version{}, loading: map[version]*load{}}
}

// at returns the runtime with which a block's state is to be read.
func (r *runtimes) at(ctx context.Context, h Hash) (*Runtime, error) {
	v, err := r.version(ctx, h)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	for i, rt := range r.parsed {
		if rt.Spec == v.Spec && rt.Transaction == v.Transaction {
			copy(r.parsed[1:i+1], r.parsed[:i])
			r.parsed[0] = rt
			r.mu.Unlock()
			return rt, nil
		}
	}
	l := r.loading[v]
	if l == nil {
		l = &load{done: make(chan struct{})}
		r.loading[v] = l
		r.c.mu.Lock()
		if !r.c.closed {
			r.c.wg.Go(func() { r.load(l, v, h) })
		} else {
			l.err = ErrClosed
			close(l.done)
		}
		r.c.mu.Unlock()
	}
	r.mu.Unlock()
	select {
	case <-l.done:
		return l.rt, l.err
	case <-ctx.Done():
		return nil, fmt.Errorf("couldn't wait for metadata of spec %d (endpoints: %s): %w", v.Spec, r.c.summary(), context.Cause(ctx))
	}
}

// version returns a block's runtime version. It never changes, so it is asked once.
func (r *runtimes) version(ctx context.Context, h Hash) (version, error) {
	r.mu.Lock()
	v, ok := r.versions[h]
	r.mu.Unlock()
	if ok {
		return v, nil
	}
	accept := func(raw json.RawMessage) error {
		if err := json.Unmarshal(raw, &v); err != nil || v.Spec == 0 {
			return fmt.Errorf("%w: runtime version %.200s", ErrAnswer, raw)
		}
		return nil
	}
	if _, err := r.c.ask(ctx, accept, "state_getRuntimeVersion", h); err != nil {
		return v, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.versions[h]; !ok {
		r.versions[h] = v
		if r.order = append(r.order, h); len(r.order) > keptVersions {
			delete(r.versions, r.order[0])
			r.order = append(r.order[:0], r.order[1:]...)
		}
	}
	return v, nil
}

// load fetches and parses metadata for everybody who waits for it.
func (r *runtimes) load(l *load, v version, h Hash) {
	ctx, cancel := context.WithTimeout(r.c.ctx, 2*r.c.cfg.Timeout)
	defer cancel()
	l.rt, l.err = r.c.fetchRuntime(ctx, v, h)
	r.mu.Lock()
	delete(r.loading, v)
	if l.err == nil {
		r.parsed = append([]*Runtime{l.rt}, r.parsed[:min(len(r.parsed), keptRuntimes-1)]...)
	}
	r.mu.Unlock()
	close(l.done)
}

// fetchRuntime asks for metadata in the versions wanted, and in the oldest form at last (section 3).
func (c *Client) fetchRuntime(ctx context.Context, v version, h Hash) (*Runtime, error) {
	var errs []error
	for _, mv := range c.cfg.MetadataVersions {
		rt, err := c.fetchMetadata(ctx, func(raw []byte) ([]byte, error) {
			r := scale.NewReader(raw)
			if !r.Option() {
				return nil, fmt.Errorf("metadata version %d: %w", mv, errors.Join(r.Err(), ErrUnsupported))
			}
			blob := r.Bytes()
			return blob, r.End()
		}, "state_call", "Metadata_metadata_at_version", hexText(binary.LittleEndian.AppendUint32(nil, mv)), h)
		if err == nil {
			return c.newRuntime(rt, v), nil
		}
		if ctx.Err() != nil || transport(err) {
			return nil, err
		}
		errs = append(errs, err)
	}
	rt, err := c.fetchMetadata(ctx, func(raw []byte) ([]byte, error) { return raw, nil }, "state_getMetadata", h)
	if err == nil {
		return c.newRuntime(rt, v), nil
	}
	return nil, fmt.Errorf("couldn't get metadata of spec %d: %w", v.Spec, errors.Join(append(errs, err)...))
}

// transport tells errors of the connection from what a node or its runtime said.
func transport(err error) bool {
	var own *rpc.Error
	return !errors.As(err, &own) && !errors.Is(err, ErrUnsupported) && !errors.Is(err, metadata.ErrMetadata) && !errors.Is(err, metadata.ErrVersion)
}

func (c *Client) fetchMetadata(ctx context.Context, unwrap func([]byte) ([]byte, error), method string, params ...any) (*metadata.Runtime, error) {
	var rt *metadata.Runtime
	var said error
	accept := func(raw json.RawMessage) error {
		b, ok, err := fromHex(raw)
		if err == nil && !ok {
			err = fmt.Errorf("%w: no metadata", ErrAnswer)
		}
		if err != nil {
			return err
		}
		blob, err := unwrap(b)
		if errors.Is(err, ErrUnsupported) {
			said = err // the runtime's word, which other endpoints would repeat
			return nil
		}
		if err != nil {
			return err
		}
		rt, err = metadata.Parse(blob)
		return err
	}
	if _, err := c.ask(ctx, accept, method, params...); err != nil {
		return nil, err
	}
	return rt, said
}

func (c *Client) newRuntime(m *metadata.Runtime, v version) *Runtime {
	rt := &Runtime{Runtime: m, Spec: v.Spec, Transaction: v.Transaction, BlockTime: defaultBlockTime}
	var slot uint64
	if m.UnmarshalConstant("Aura", "SlotDuration", &slot) == nil && slot > 0 && slot < 1<<32 {
		rt.BlockTime = time.Duration(slot) * time.Millisecond
	}
	return rt
}

const defaultBlockTime = 12 * time.Second

// blockTime is that of the runtime used last.
func (c *Client) blockTime() time.Duration {
	c.runtimes.mu.Lock()
	defer c.runtimes.mu.Unlock()
	if len(c.runtimes.parsed) > 0 {
		return c.runtimes.parsed[0].BlockTime
	}
	return defaultBlockTime
}
