package chain

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nanteos/nanteos/bittensor/chain/rpc"
	"github.com/nanteos/nanteos/bittensor/metadata"
)

// Account is a public key.
type Account = [32]byte

// View is the chain's state after one block, and the runtime to read it with. All that is read through a View fits together. Views are cheap:
// take a new one for each piece of work.
type View struct {
	Header  Header
	Runtime *Runtime

	c *Client
}

// Best returns a view of the newest block. It may still be replaced by another; Finalized can't be.
func (c *Client) Best(ctx context.Context) (*View, error) {
	ctx, cancel := c.deadline(ctx, c.cfg.Timeout)
	defer cancel()
	h, at, _ := c.heads.now()
	if at.IsZero() || time.Since(at) > max(2*c.blockTime(), time.Second) {
		var err error
		if h, err = c.Header(ctx, Hash{}); err != nil {
			return nil, fmt.Errorf("couldn't view best block: %w", err)
		}
		c.heads.saw(h)
	}
	return c.view(ctx, h)
}

// Finalized returns a view of the newest block that can't be replaced any more, two or three blocks behind the best.
func (c *Client) Finalized(ctx context.Context) (*View, error) {
	ctx, cancel := c.deadline(ctx, c.cfg.Timeout)
	defer cancel()
	hash, err := c.FinalizedHash(ctx)
	if err != nil {
		return nil, fmt.Errorf("couldn't view finalized block: %w", err)
	}
	return c.At(ctx, hash)
}

// At returns a view of a block by its hash. Errors: ErrNoBlock. A read through it gives ErrPruned where no endpoint keeps the state.
func (c *Client) At(ctx context.Context, hash Hash) (*View, error) {
	ctx, cancel := c.deadline(ctx, c.cfg.Timeout)
	defer cancel()
	h, err := c.Header(ctx, hash)
	if err != nil {
		return nil, fmt.Errorf("couldn't view block %s: %w", hash, err)
	}
	return c.view(ctx, h)
}

// AtNumber returns a view of the best chain's block with a number. Errors: ErrNoBlock.
func (c *Client) AtNumber(ctx context.Context, number uint64) (*View, error) {
	ctx, cancel := c.deadline(ctx, c.cfg.Timeout)
	defer cancel()
	hash, err := c.BlockHash(ctx, number)
	if err != nil {
		return nil, fmt.Errorf("couldn't view block %d: %w", number, err)
	}
	return c.At(ctx, hash)
}

func (c *Client) view(ctx context.Context, h Header) (*View, error) {
	if closing(c.ctx) {
		return nil, ErrClosed
	}
	rt, err := c.runtimes.at(ctx, h.Hash)
	if err != nil {
		return nil, fmt.Errorf("couldn't view block %d: %w", h.Number, err)
	}
	return &View{Header: h, Runtime: rt, c: c}, nil
}

// Storage reads one value into what out points to (see metadata.Runtime.Unmarshal). Items with a default give it where nothing is stored.
// Errors: metadata.ErrAbsent for an optional item without a value, metadata.ErrUnknown for one that this runtime doesn't have.
func (v *View) Storage(ctx context.Context, out any, pallet, item string, keys ...any) error {
	key, err := v.Runtime.StorageKey(pallet, item, keys...)
	if err != nil {
		return err
	}
	accept := func(raw json.RawMessage) error {
		b, ok, err := fromHex(raw)
		if err != nil {
			return err
		}
		if !ok {
			b = nil
		}
		if err = v.Runtime.UnmarshalStorage(pallet, item, b, out); err != nil && ok {
			err = fmt.Errorf("%w: %w", ErrAnswer, err)
		} else if errors.Is(err, metadata.ErrAbsent) {
			return nil
		}
		return err
	}
	raw, err := v.c.ask(ctx, accept, "state_getStorage", hexText(key), v.Header.Hash)
	if err != nil {
		return v.failed(fmt.Sprintf("read %s.%s", pallet, item), err)
	}
	if string(raw) == "null" {
		return v.Runtime.UnmarshalStorage(pallet, item, nil, out)
	}
	return nil
}

func (v *View) failed(what string, err error) error {
	return fmt.Errorf("couldn't %s at block %d: %w", what, v.Header.Number, err)
}

// Item is a storage value to be read with others in one go.
type Item struct {
	Out          any // pointer, as for View.Storage
	Pallet, Name string
	Keys         []any
	// Optional leaves Out alone where the runtime doesn't have the item or nothing is stored.
	Optional bool
}

// Read reads several values in as few requests as possible.
func (v *View) Read(ctx context.Context, items ...Item) error {
	keys := make([][]byte, 0, len(items))
	kept := make([]Item, 0, len(items))
	for _, it := range items {
		key, err := v.Runtime.StorageKey(it.Pallet, it.Name, it.Keys...)
		if it.Optional && errors.Is(err, metadata.ErrUnknown) {
			continue
		}
		if err != nil {
			return err
		}
		keys, kept = append(keys, key), append(kept, it)
	}
	values, err := v.Values(ctx, keys)
	if err != nil {
		return err
	}
	for i, it := range kept {
		err := v.Runtime.UnmarshalStorage(it.Pallet, it.Name, values[i], it.Out)
		if err != nil && !(it.Optional && errors.Is(err, metadata.ErrAbsent)) {
			return v.failed("read "+it.Pallet+"."+it.Name, err)
		}
	}
	return nil
}

// batch is how many values are asked for in one request.
const batch = 256

// Values reads what lies under storage keys, nil where nothing does.
func (v *View) Values(ctx context.Context, keys [][]byte) ([][]byte, error) {
	ctx, cancel := v.c.deadline(ctx, v.c.cfg.Timeout)
	defer cancel()
	out := make([][]byte, 0, len(keys))
	for len(keys) > 0 {
		n := min(len(keys), batch)
		got, err := v.batch(ctx, keys[:n])
		if err != nil {
			return nil, v.failed(fmt.Sprintf("read %d values", n), err)
		}
		out, keys = append(out, got...), keys[n:]
	}
	return out, nil
}

func (v *View) batch(ctx context.Context, keys [][]byte) ([][]byte, error) {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = hexText(k)
	}
	out := make([][]byte, len(keys))
	accept := func(raw json.RawMessage) error {
		var sets []struct {
			Changes [][2]json.RawMessage `json:"changes"`
		}
		if err := json.Unmarshal(raw, &sets); err != nil {
			return fmt.Errorf("%w: %v", ErrAnswer, err)
		}
		found := map[string]json.RawMessage{}
		for _, s := range sets {
			for _, c := range s.Changes {
				var name string
				if err := json.Unmarshal(c[0], &name); err != nil {
					return fmt.Errorf("%w: %v", ErrAnswer, err)
				}
				found[name] = c[1]
			}
		}
		for i, name := range names {
			raw, ok := found[name]
			if !ok {
				return fmt.Errorf("%w: no word of key %s", ErrAnswer, name)
			}
			b, ok, err := fromHex(raw)
			if err != nil {
				return err
			}
			if ok {
				out[i] = b
			} else {
				out[i] = nil
			}
		}
		return nil
	}
	_, err := v.c.ask(ctx, accept, "state_queryStorageAt", names, v.Header.Hash)
	if own := (*rpc.Error)(nil); errors.As(err, &own) && own.Code == -32601 {
		return v.each(ctx, names)
	}
	return out, err
}

// each reads values one request each, for nodes that know no batches, a few at a time.
func (v *View) each(ctx context.Context, names []string) ([][]byte, error) {
	out := make([][]byte, len(names))
	errs := make([]error, len(names))
	slots := make(chan struct{}, 16)
	var wg sync.WaitGroup
	for i, name := range names {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			_, errs[i] = v.c.ask(ctx, func(raw json.RawMessage) error {
				b, ok, err := fromHex(raw)
				if err == nil && ok {
					out[i] = b
				}
				return err
			}, "state_getStorage", name, v.Header.Hash)
		})
	}
	wg.Wait()
	return out, errors.Join(errs...)
}

// Bounds of what one map may give: a subnet has at most 4,096 neurons.
const (
	pageSize = 1000
	maxKeys  = 1 << 16
)

// Keys returns all storage keys that begin with prefix, in order. More than 65,536 are an error.
func (v *View) Keys(ctx context.Context, prefix []byte) ([][]byte, error) {
	ctx, cancel := v.c.deadline(ctx, v.c.cfg.Timeout)
	defer cancel()
	var keys [][]byte
	var after any
	for {
		var page [][]byte
		accept := func(raw json.RawMessage) (err error) {
			page, err = readPage(raw, prefix, keys)
			return err
		}
		if _, err := v.c.ask(ctx, accept, "state_getKeysPaged", hexText(prefix), pageSize, after, v.Header.Hash); err != nil {
			return nil, v.failed("list keys", err)
		}
		keys = append(keys, page...)
		if len(keys) > maxKeys {
			return nil, v.failed("list keys", fmt.Errorf("%w: more than %d keys", ErrAnswer, maxKeys))
		}
		if len(page) < pageSize {
			return keys, nil
		}
		after = hexText(page[len(page)-1])
	}
}

// readPage reads a page of keys: all with the prefix, in order, after those that are known.
func readPage(raw json.RawMessage, prefix []byte, known [][]byte) ([][]byte, error) {
	var names []json.RawMessage
	if err := json.Unmarshal(raw, &names); err != nil || len(names) > pageSize {
		return nil, fmt.Errorf("%w: page of keys", ErrAnswer)
	}
	page := make([][]byte, 0, len(names))
	var last []byte
	if len(known) > 0 {
		last = known[len(known)-1]
	}
	for _, name := range names {
		k, ok, err := fromHex(name)
		switch {
		case err != nil:
			return nil, err
		case !ok || !bytes.HasPrefix(k, prefix):
			return nil, fmt.Errorf("%w: key %.200s outside the prefix", ErrAnswer, name)
		case last != nil && bytes.Compare(k, last) <= 0:
			return nil, fmt.Errorf("%w: keys out of order", ErrAnswer)
		}
		page, last = append(page, k), k
	}
	return page, nil
}

// API runs a method of a runtime API on the view's state and reads its answer into what out points to. Errors: metadata.ErrUnknown where the
// runtime doesn't have it.
func (v *View) API(ctx context.Context, out any, api, method string, args ...any) error {
	function, raw, err := v.Runtime.APICall(api, method, args...)
	if err != nil {
		return err
	}
	accept := func(answer json.RawMessage) error {
		b, ok, err := fromHex(answer)
		if err == nil && !ok {
			err = fmt.Errorf("%w: null", ErrAnswer)
		}
		if err != nil {
			return err
		}
		return v.Runtime.UnmarshalAPI(api, method, b, out)
	}
	if _, err := v.c.ask(ctx, accept, "state_call", function, hexText(raw), v.Header.Hash); err != nil {
		return v.failed("call "+function, err)
	}
	return nil
}
