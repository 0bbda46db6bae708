package chain

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/nanteos/nanteos/bittensor/metadata"
)

// Register gives a hotkey a uid in a subnet, paid by the coldkey that signs: at most limit rao, 0 for any price. Where the runtime knows a price
// limit it is enforced there, otherwise the price is read before. It returns the uid. Errors: ErrPrice, ErrAlreadyRegistered,
// ErrRegistrationClosed, ErrBalance, ErrRateLimited (too many registrations), ErrNoSubnet.
func (c *Client) Register(ctx context.Context, coldkey Signer, netuid uint16, hotkey Account, limit uint64) (uint16, *Outcome, error) {
	ctx, cancel := c.deadline(ctx, c.cfg.SubmitTimeout)
	defer cancel()
	build := func(ctx context.Context, v *View) ([]byte, error) {
		h, err := v.Hyperparameters(ctx, netuid)
		if err != nil {
			return nil, err
		}
		if _, err := v.UID(ctx, netuid, hotkey); err == nil {
			return nil, ErrAlreadyRegistered
		} else if !errors.Is(err, ErrNotRegistered) {
			return nil, err
		}
		b, err := v.Balance(ctx, coldkey.PublicKey())
		switch {
		case err != nil:
			return nil, err
		case !h.RegistrationAllowed && v.Runtime.Has(subtensor, "NetworkRegistrationAllowed"):
			return nil, fmt.Errorf("netuid %d: %w", netuid, ErrRegistrationClosed)
		case limit > 0 && h.Burn > limit:
			return nil, fmt.Errorf("%w: %d rao, limit %d", ErrPrice, h.Burn, limit)
		case b.Free < h.Burn:
			return nil, fmt.Errorf("%w: registration costs %d rao, the coldkey has %d", ErrBalance, h.Burn, b.Free)
		}
		if limit > 0 && v.Runtime.HasCall(subtensor, "register_limit") {
			return Call{subtensor, "register_limit", []any{netuid, hotkey, limit}}.Encode(v.Runtime)
		}
		return Call{subtensor, "burned_register", []any{netuid, hotkey}}.Encode(v.Runtime)
	}
	out, err := c.submit(ctx, coldkey, "registration", SubmitOptions{}, build)
	if err != nil {
		return 0, out, err
	}
	if e := out.Event(subtensor, "NeuronRegistered"); e != nil && len(e.Fields) >= 2 {
		if uid, ok := e.Fields[1].Value.(uint64); ok && uid <= 0xffff {
			return uint16(uid), out, nil
		}
	}
	v, err := c.At(ctx, out.Block)
	if err != nil {
		return 0, out, err
	}
	uid, err := v.UID(ctx, netuid, hotkey)
	return uid, out, err
}

// Serve announces where the signing hotkey's axon is; the zero address and port 0 say that it doesn't serve any more, which newer runtimes take
// with a port other than 0 only. What is announced already is not sent again: the outcome is nil then. Errors: ErrNotRegistered, ErrAddress,
// ErrRateLimited.
func (c *Client) Serve(ctx context.Context, hotkey Signer, netuid uint16, a Axon) (*Outcome, error) {
	ctx, cancel := c.deadline(ctx, c.cfg.SubmitTimeout)
	defer cancel()
	if err := checkAddress(a.Address); err != nil {
		return nil, fmt.Errorf("couldn't serve axon: %w", err)
	}
	if a.Protocol == 0 {
		a.Protocol = 4
	}
	v, err := c.Best(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := v.UID(ctx, netuid, hotkey.PublicKey()); err != nil {
		return nil, fmt.Errorf("couldn't serve axon: %w", err)
	}
	now, err := v.Axon(ctx, netuid, hotkey.PublicKey())
	if err != nil {
		return nil, err
	}
	a.Block = now.Block
	if now == a {
		return nil, nil
	}
	var limit uint64
	if err := v.Storage(ctx, &limit, subtensor, "ServingRateLimit", netuid); err != nil {
		return nil, err
	}
	if next := now.Block + limit; now.Block > 0 && limit > 0 && v.Header.Number+1 < next {
		return nil, fmt.Errorf("couldn't serve axon: %w: next change at block %d, now %d", ErrRateLimited, next, v.Header.Number)
	}
	ip, kind := a.Address.Addr().Unmap().AsSlice(), uint8(6)
	if len(ip) == 4 {
		kind = 4
	}
	var full [16]byte
	copy(full[16-len(ip):], ip)
	return c.Submit(ctx, hotkey, Call{subtensor, "serve_axon",
		[]any{netuid, a.Version, bigEndian(full), a.Address.Port(), kind, a.Protocol, a.Placeholder1, a.Placeholder2}}, SubmitOptions{})
}

// checkAddress refuses what the chain would (section 8).
func checkAddress(a netip.AddrPort) error {
	ip := a.Addr().Unmap()
	switch {
	case !ip.IsValid():
		return fmt.Errorf("%w: none given", ErrAddress)
	case a.Port() == 0:
		return fmt.Errorf("%w: port 0", ErrAddress)
	case ip == netip.MustParseAddr("127.0.0.1"), ip == netip.IPv6Loopback(),
		ip == netip.MustParseAddr("255.255.255.255"), ip == netip.MustParseAddr("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"):
		return fmt.Errorf("%w: %s can't be reached from elsewhere", ErrAddress, ip)
	}
	return nil
}

// Commit puts fields on chain for the signing hotkey, in place of what it has committed before. Most use one: CommitBytes. Errors: ErrTooLong,
// ErrNotRegistered, ErrSpaceLimit (about 31 a subnet epoch), ErrRateLimited on older runtimes.
func (c *Client) Commit(ctx context.Context, hotkey Signer, netuid uint16, fields ...Field) (*Outcome, error) {
	list := make([]any, len(fields))
	for i, f := range fields {
		v, err := encodeField(f)
		if err != nil {
			return nil, fmt.Errorf("couldn't commit: %w", err)
		}
		list[i] = v
	}
	build := func(ctx context.Context, v *View) ([]byte, error) {
		var most uint32
		if err := v.Runtime.UnmarshalConstant(commitmentsPallet, "MaxFields", &most); err == nil && len(fields) > int(most) {
			return nil, fmt.Errorf("%w: %d fields, the chain takes %d", ErrTooLong, len(fields), most)
		}
		b, err := Call{commitmentsPallet, "set_commitment", []any{netuid, metadata.Struct{{Name: "fields", Value: list}}}}.Encode(v.Runtime)
		if errors.Is(err, metadata.ErrType) || errors.Is(err, metadata.ErrUnknown) {
			err = fmt.Errorf("%w: this runtime has no such field: %w", ErrTooLong, err)
		}
		if err != nil {
			return nil, err
		}
		if _, err := v.UID(ctx, netuid, hotkey.PublicKey()); err != nil {
			return nil, err
		}
		return b, nil
	}
	return c.submit(ctx, hotkey, "commitment", SubmitOptions{}, build)
}

// CommitBytes commits one field of plain bytes, at most 128 (512 where the runtime has BigRaw).
func (c *Client) CommitBytes(ctx context.Context, hotkey Signer, netuid uint16, data []byte) (*Outcome, error) {
	return c.Commit(ctx, hotkey, netuid, Field{Kind: "Raw", Data: data})
}
