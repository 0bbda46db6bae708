package chain

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nanteos/nanteos/bittensor/metadata"
)

// Header is a block's header. Its hash is computed, not believed.
type Header struct {
	Number                            uint64
	Hash                              Hash
	Parent, StateRoot, ExtrinsicsRoot Hash
	// Logs are the digest's items, encoded.
	Logs [][]byte
}

// UnmarshalJSON reads a header as nodes send it and computes its hash (section 5).
func (h *Header) UnmarshalJSON(b []byte) error {
	var j struct {
		Parent     Hash        `json:"parentHash"`
		Number     blockNumber `json:"number"`
		State      Hash        `json:"stateRoot"`
		Extrinsics Hash        `json:"extrinsicsRoot"`
		Digest     struct {
			Logs []string `json:"logs"`
		} `json:"digest"`
	}
	if err := json.Unmarshal(b, &j); err != nil {
		return fmt.Errorf("%w: header: %v", ErrAnswer, err)
	}
	if j.Parent.IsZero() && j.Number != 0 || j.State.IsZero() {
		return fmt.Errorf("%w: header without parent or state", ErrAnswer)
	}
	*h = Header{Number: uint64(j.Number), Parent: j.Parent, StateRoot: j.State, ExtrinsicsRoot: j.Extrinsics}
	for _, l := range j.Digest.Logs {
		d, err := hex.DecodeString(strings.TrimPrefix(l, "0x"))
		if err != nil {
			return fmt.Errorf("%w: digest: %v", ErrAnswer, err)
		}
		h.Logs = append(h.Logs, d)
	}
	m := metadata.Header{Parent: h.Parent, Number: h.Number, StateRoot: h.StateRoot, ExtrinsicsRoot: h.ExtrinsicsRoot, Logs: h.Logs}
	h.Hash = m.Hash()
	return nil
}

func parseHeader(raw json.RawMessage) (Header, error) {
	var h Header
	if string(raw) == "null" {
		return h, ErrNoBlock
	}
	err := json.Unmarshal(raw, &h)
	return h, err
}

// Header returns the header of a block; of the best block if hash is zero. Errors: ErrNoBlock.
func (c *Client) Header(ctx context.Context, hash Hash) (Header, error) {
	var h Header
	accept := func(raw json.RawMessage) (err error) {
		if h, err = parseHeader(raw); err == nil && !hash.IsZero() && h.Hash != hash {
			err = fmt.Errorf("%w: the header sent for %s is that of %s", ErrAnswer, hash, h.Hash)
		}
		return err
	}
	params := []any{}
	if !hash.IsZero() {
		params = append(params, hash)
	}
	_, err := c.ask(ctx, accept, "chain_getHeader", params...)
	return h, err
}

// BlockHash returns the hash of the block with a number on the best chain. Errors: ErrNoBlock for a number still to come.
func (c *Client) BlockHash(ctx context.Context, number uint64) (Hash, error) {
	var h Hash
	accept := func(raw json.RawMessage) (err error) {
		if h, err = hashFrom(raw); err == nil && h.IsZero() {
			err = fmt.Errorf("block %d: %w", number, ErrNoBlock)
		}
		return err
	}
	_, err := c.ask(ctx, accept, "chain_getBlockHash", number)
	return h, err
}

// FinalizedHash returns the hash of the newest block that can't be replaced any more. It trails the best one by two or three blocks.
func (c *Client) FinalizedHash(ctx context.Context) (Hash, error) {
	var h Hash
	accept := func(raw json.RawMessage) (err error) {
		if h, err = hashFrom(raw); err == nil && h.IsZero() {
			err = ErrNoBlock
		}
		return err
	}
	_, err := c.ask(ctx, accept, "chain_getFinalizedHead")
	return h, err
}

// Block is a block with its transactions as they are encoded, each with its length in front.
type Block struct {
	Header
	Extrinsics [][]byte
}

// Block returns a block by its hash. Errors: ErrNoBlock.
func (c *Client) Block(ctx context.Context, hash Hash) (*Block, error) {
	var b *Block
	accept := func(raw json.RawMessage) error {
		if string(raw) == "null" {
			return ErrNoBlock
		}
		var j struct {
			Block struct {
				Header     Header   `json:"header"`
				Extrinsics []string `json:"extrinsics"`
			} `json:"block"`
		}
		if err := json.Unmarshal(raw, &j); err != nil {
			return fmt.Errorf("%w: block: %v", ErrAnswer, err)
		}
		if j.Block.Header.Hash != hash {
			return fmt.Errorf("%w: the block sent for %s is %s", ErrAnswer, hash, j.Block.Header.Hash)
		}
		b = &Block{Header: j.Block.Header}
		for _, x := range j.Block.Extrinsics {
			d, err := hex.DecodeString(strings.TrimPrefix(x, "0x"))
			if err != nil {
				return fmt.Errorf("%w: extrinsic: %v", ErrAnswer, err)
			}
			b.Extrinsics = append(b.Extrinsics, d)
		}
		return nil
	}
	_, err := c.ask(ctx, accept, "chain_getBlock", hash)
	return b, err
}

// Timestamp returns the time that the view's block carries, to the millisecond.
func (v *View) Timestamp(ctx context.Context) (time.Time, error) {
	var ms uint64
	if err := v.Storage(ctx, &ms, "Timestamp", "Now"); err != nil {
		return time.Time{}, err
	}
	return unixMilli(ms), nil
}

// Timestamp returns the time that a block carries. Where the block's state is no longer kept it is taken from the block itself, whose author
// puts it there (section 5).
func (c *Client) Timestamp(ctx context.Context, hash Hash) (time.Time, error) {
	ctx, cancel := c.deadline(ctx, c.cfg.Timeout)
	defer cancel()
	v, err := c.At(ctx, hash)
	if err == nil {
		var t time.Time
		if t, err = v.Timestamp(ctx); err == nil {
			return t, nil
		}
	}
	if !errors.Is(err, ErrPruned) {
		return time.Time{}, err
	}
	b, berr := c.Block(ctx, hash)
	if berr != nil {
		return time.Time{}, errors.Join(berr, err)
	}
	now, berr := c.Best(ctx) // the inherent has looked the same in all runtimes
	if berr != nil {
		return time.Time{}, errors.Join(berr, err)
	}
	for _, raw := range b.Extrinsics {
		x, err := now.Runtime.DecodeExtrinsic(raw)
		if err != nil || x.Signed || x.Call.Pallet != "Timestamp" || x.Call.Name != "set" {
			continue
		}
		if ms, ok := x.Call.Args.Get("now").(uint64); ok {
			return unixMilli(ms), nil
		}
	}
	return time.Time{}, err
}

// unixMilli takes a chain's milliseconds; those beyond the year 287396 are nonsense and cut there.
func unixMilli(ms uint64) time.Time { return time.UnixMilli(int64(min(ms, 1<<53))) }
