package metadata

import (
	"fmt"

	"github.com/nanteos/nanteos/bittensor/scale"
)

// DecodedExtrinsic is an extrinsic taken apart.
type DecodedExtrinsic struct {
	// Signed is false for what the block's author put in (the time, say). The fields up to Extra are empty then.
	Signed bool
	// Signer is the account, zero where Address is another variant than Id.
	Signer  [32]byte
	Address any
	// Scheme is the variant of the signature: Sr25519, Ed25519, Ecdsa. Signature is the 64 bytes of the former two.
	Scheme    string
	Signature [64]byte
	Era       Era
	Nonce     uint64
	Tip       uint64
	// Extra has all extensions that are sent along, by name.
	Extra Struct
	// CallBytes are the encoded call, a part of the input.
	CallBytes []byte
	Call      Call
	// Hash is the one by which nodes know the extrinsic.
	Hash [32]byte
}

// DecodeExtrinsic takes an extrinsic apart as it stands in a block, with its length in front: signed of format 4, or bare of formats 4 and
// 5. Other formats are ErrVersion.
func (rt *Runtime) DecodeExtrinsic(raw []byte) (*DecodedExtrinsic, error) {
	d := rt.decoder(raw)
	d.r.Canonical = true
	n := d.r.Count(1)
	d.r.Canonical = false
	if n != d.r.Len() && d.r.Err() == nil {
		return nil, fmt.Errorf("couldn't decode extrinsic: it says it has %d bytes and has %d: %w", n, d.r.Len(), scale.ErrTrailing)
	}
	x := &DecodedExtrinsic{Hash: ExtrinsicHash(raw)}
	switch format := d.r.U8(); format {
	case 0x84:
		x.Signed = true
		d.signature(x)
		d.extra(x)
	case 0x04, 0x05:
	default:
		if d.r.Err() == nil {
			return nil, fmt.Errorf("couldn't decode extrinsic of format 0x%02x: %w", format, ErrVersion)
		}
	}
	start := d.r.Offset()
	x.Call = d.call()
	if err := d.r.End(); err != nil {
		return nil, fmt.Errorf("couldn't decode extrinsic: %w", err)
	}
	x.CallBytes = raw[start:len(raw):len(raw)]
	return x, nil
}

func (d *decoder) signature(x *DecodedExtrinsic) {
	e := &d.rt.Extrinsic
	if d.rt.Type(e.address) == nil || d.rt.Type(e.signature) == nil || e.noSet {
		d.r.Fail(fmt.Errorf("couldn't decode signature: the metadata doesn't say how it looks: %w", ErrUnknown))
		return
	}
	x.Address = d.value(e.address)
	switch a := x.Address.(type) {
	case [32]byte:
		x.Signer = a
	case Variant:
		if id, ok := a.Value().([32]byte); ok && a.Name == "Id" {
			x.Signer = id
		}
	}
	switch s := d.value(e.signature).(type) {
	case Variant:
		x.Scheme = s.Name
		if b, ok := s.Value().([]byte); ok && len(b) == len(x.Signature) {
			x.Signature = [64]byte(b)
		}
	case []byte:
		copy(x.Signature[:], s)
	}
}

func (d *decoder) extra(x *DecodedExtrinsic) {
	for _, ext := range d.rt.Extrinsic.Extensions {
		if d.rt.isEra(ext.Extra) {
			b := d.r.Take(1)
			if len(b) == 1 && b[0] != 0 {
				b = append(b, d.r.U8())
			}
			if d.r.Err() != nil {
				return
			}
			era, err := DecodeEra(b)
			if err != nil {
				d.r.Fail(err)
				return
			}
			x.Era = era
			x.Extra = append(x.Extra, Field{ext.Name, era})
			continue
		}
		v := d.value(ext.Extra)
		if d.r.Err() != nil {
			return
		}
		if d.rt.isEmpty(ext.Extra) {
			continue
		}
		x.Extra = append(x.Extra, Field{ext.Name, v})
		n, _ := v.(uint64)
		switch ext.Name {
		case "CheckNonce":
			x.Nonce = n
		case "ChargeTransactionPayment":
			x.Tip = n
		}
	}
}
