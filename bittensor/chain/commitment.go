package chain

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/nanteos/nanteos/bittensor/metadata"
)

const commitmentsPallet = "Commitments"

// Field is one item of a commitment.
type Field struct {
	// Kind is Raw for plain bytes, otherwise the runtime's name: None, BlakeTwo256, Sha256, TimelockEncrypted, ResetBondsFlag, ...
	Kind string
	// Data are the bytes, for TimelockEncrypted the ciphertext.
	Data []byte
	// Round is the drand round of TimelockEncrypted.
	Round uint64
}

// Commitment is what a hotkey has committed on chain.
type Commitment struct {
	Hotkey  Account
	Block   uint64
	Deposit uint64
	Fields  []Field
	// Err is set by Commitments where the value can't be read; the others are unharmed.
	Err error
}

// Raw returns the bytes of the first field if these are plain, as Grail's miners commit them.
func (c *Commitment) Raw() ([]byte, bool) {
	if len(c.Fields) == 0 || c.Fields[0].Kind != "Raw" {
		return nil, false
	}
	return c.Fields[0].Data, true
}

// registration is the chain's form. Fields is left to the runtime: its variants differ.
type registration struct {
	Deposit uint64
	Block   uint64
	Info    struct{ Fields []any }
}

func (r registration) commitment(hotkey Account) (Commitment, error) {
	c := Commitment{Hotkey: hotkey, Block: r.Block, Deposit: r.Deposit}
	for i, f := range r.Info.Fields {
		v, ok := f.(metadata.Variant)
		if !ok {
			return c, fmt.Errorf("%w: field %d of a commitment is %T", ErrAnswer, i, f)
		}
		c.Fields = append(c.Fields, fieldOf(v))
	}
	return c, nil
}

func fieldOf(v metadata.Variant) Field {
	f := Field{Kind: v.Name}
	if strings.HasPrefix(v.Name, "Raw") || v.Name == "BigRaw" {
		f.Kind = "Raw"
	}
	for _, part := range v.Fields {
		switch x := part.Value.(type) {
		case []byte:
			f.Data = x
		case [32]byte:
			f.Data = append([]byte{}, x[:]...)
		case uint64:
			f.Round = x
		}
	}
	if f.Data == nil && f.Kind == "Raw" {
		f.Data = []byte{}
	}
	return f
}

// Commitment reads what a hotkey has committed. Errors: ErrNoCommitment.
func (v *View) Commitment(ctx context.Context, netuid uint16, hotkey Account) (*Commitment, error) {
	var r registration
	if err := v.Storage(ctx, &r, commitmentsPallet, "CommitmentOf", netuid, hotkey); err != nil {
		if errors.Is(err, metadata.ErrAbsent) {
			err = v.failed("read commitment", fmt.Errorf("netuid %d: %w", netuid, ErrNoCommitment))
		}
		return nil, err
	}
	c, err := r.commitment(hotkey)
	return &c, err
}

// Commitments reads what all hotkeys of a subnet have committed. One that can't be read has its Err set.
func (v *View) Commitments(ctx context.Context, netuid uint16) (map[Account]Commitment, error) {
	ctx, cancel := v.c.deadline(ctx, v.c.cfg.Timeout)
	defer cancel()
	prefix, err := v.Runtime.StorageKey(commitmentsPallet, "CommitmentOf", netuid)
	if err != nil {
		return nil, err
	}
	keys, err := v.Keys(ctx, prefix)
	if err != nil {
		return nil, err
	}
	values, err := v.Values(ctx, keys)
	if err != nil {
		return nil, err
	}
	out := make(map[Account]Commitment, len(keys))
	for i, k := range keys {
		var hotkey Account
		if err := v.Runtime.UnmarshalStorageKey(commitmentsPallet, "CommitmentOf", k, nil, &hotkey); err != nil {
			return nil, v.failed("read commitments", err)
		}
		var r registration
		c := Commitment{Hotkey: hotkey}
		if err := v.Runtime.UnmarshalStorage(commitmentsPallet, "CommitmentOf", values[i], &r); err != nil {
			c.Err = err
		} else if c, err = r.commitment(hotkey); err != nil {
			c.Err = err
		}
		out[hotkey] = c
	}
	return out, nil
}

// Revealed is a timelocked commitment that the chain has opened.
type Revealed struct {
	Data  []byte
	Block uint64
}

// RevealedCommitments returns the timelocked commitments of a hotkey that the chain has opened, oldest first; it keeps the last ten.
// The Python SDK encrypts a SCALE text: timelock.ParseText takes it off.
func (v *View) RevealedCommitments(ctx context.Context, netuid uint16, hotkey Account) ([]Revealed, error) {
	var list []Revealed
	err := v.Storage(ctx, &list, commitmentsPallet, "RevealedCommitments", netuid, hotkey)
	if absent(err) {
		return nil, nil
	}
	return list, err
}

// encodeField puts a field into the runtime's form.
func encodeField(f Field) (metadata.Variant, error) {
	one := func(name string) metadata.Variant {
		return metadata.Variant{Name: name, Fields: metadata.Struct{{Value: f.Data}}}
	}
	switch {
	case f.Kind == "Raw" && len(f.Data) <= 128:
		return one("Raw" + strconv.Itoa(len(f.Data))), nil
	case f.Kind == "Raw" && len(f.Data) <= 512:
		return one("BigRaw"), nil
	case f.Kind == "Raw":
		return metadata.Variant{}, fmt.Errorf("%w: %d bytes in one field", ErrTooLong, len(f.Data))
	case f.Kind == "TimelockEncrypted":
		return metadata.Variant{Name: f.Kind, Fields: metadata.Struct{{Name: "encrypted", Value: f.Data}, {Name: "reveal_round", Value: f.Round}}}, nil
	case f.Data == nil:
		return metadata.Variant{Name: f.Kind}, nil
	default:
		return one(f.Kind), nil
	}
}
