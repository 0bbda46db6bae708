package metadata

import (
	"fmt"
	"slices"

	"github.com/nanteos/nanteos/bittensor/scale"
)

// signPlan is how transactions of one runtime are put together, worked out from its metadata once.
type signPlan struct {
	extra, implicit []func(w *scale.Writer, tx *Transaction)
	// beforeKey and beforeSignature are the variants of address and signature: Id and Sr25519.
	beforeKey, beforeSignature []byte
	// metadataHash says that there is a place for it.
	metadataHash bool
}

// part is what an extension adds to extra or implicit: how its type must look, and how it is written.
type part struct {
	fits  func(rt *Runtime, id TypeID) bool
	write func(w *scale.Writer, tx *Transaction)
}

var nothing = part{fits: (*Runtime).isEmpty}

// known are the extensions that this package can serve. Others are fine as long as they are empty.
var known = map[string]struct{ extra, implicit part }{
	"CheckSpecVersion":         {nothing, part{(*Runtime).isU32, func(w *scale.Writer, tx *Transaction) { w.U32(tx.SpecVersion) }}},
	"CheckTxVersion":           {nothing, part{(*Runtime).isU32, func(w *scale.Writer, tx *Transaction) { w.U32(tx.TransactionVersion) }}},
	"CheckGenesis":             {nothing, part{(*Runtime).isHash, func(w *scale.Writer, tx *Transaction) { w.Raw(tx.Genesis[:]...) }}},
	"CheckMortality":           {part{(*Runtime).isEra, writeEra}, part{(*Runtime).isHash, writeEraHash}},
	"CheckEra":                 {part{(*Runtime).isEra, writeEra}, part{(*Runtime).isHash, writeEraHash}},
	"CheckNonce":               {part{(*Runtime).isCompact, func(w *scale.Writer, tx *Transaction) { w.Compact(tx.Nonce) }}, nothing},
	"ChargeTransactionPayment": {part{(*Runtime).isCompact, func(w *scale.Writer, tx *Transaction) { w.Compact(tx.Tip) }}, nothing},
	"CheckMetadataHash": {part{(*Runtime).isMode, func(w *scale.Writer, tx *Transaction) { w.Bool(tx.MetadataHash != nil) }},
		part{(*Runtime).isOptionalHash, func(w *scale.Writer, tx *Transaction) {
			w.Option(tx.MetadataHash != nil)
			if tx.MetadataHash != nil {
				w.Raw(tx.MetadataHash[:]...)
			}
		}}},
}

func writeEra(w *scale.Writer, tx *Transaction) { *w = tx.Era.Append(*w) }

func writeEraHash(w *scale.Writer, tx *Transaction) {
	if tx.Era.Period == 0 && tx.EraBlockHash == [32]byte{} {
		w.Raw(tx.Genesis[:]...)
		return
	}
	w.Raw(tx.EraBlockHash[:]...)
}

// CanSign reports whether transactions of this runtime can be signed: nil, or ErrUnknownExtension with the name of what isn't known.
func (rt *Runtime) CanSign() error {
	_, err := rt.signer()
	return err
}

func (rt *Runtime) signer() (*signPlan, error) {
	rt.signing.Do(func() { rt.signPlan, rt.signError = rt.planSigning() })
	return rt.signPlan, rt.signError
}

// planFor returns the plan, after a look at whether the transaction's values have their places in it.
func (rt *Runtime) planFor(tx *Transaction) (*signPlan, error) {
	s, err := rt.signer()
	switch {
	case err != nil:
		return nil, err
	case tx.Nonce > 1<<32-1:
		return nil, fmt.Errorf("couldn't sign with nonce %d: it must fit 32 bits: %w", tx.Nonce, ErrType)
	case tx.MetadataHash != nil && !s.metadataHash:
		return nil, fmt.Errorf("couldn't sign with a metadata hash: the runtime has no extension CheckMetadataHash: %w", ErrType)
	}
	return s, nil
}

func (rt *Runtime) planSigning() (*signPlan, error) {
	s := &signPlan{}
	if !slices.Contains(rt.Extrinsic.Versions, 4) || rt.Extrinsic.noSet {
		return nil, fmt.Errorf("couldn't sign transactions of format 4, the runtime takes %v with other extensions: %w", rt.Extrinsic.Versions, ErrUnknownExtension)
	}
	for _, x := range rt.Extrinsic.Extensions {
		k, ok := known[x.Name]
		if !ok {
			k.extra, k.implicit = nothing, nothing
		}
		if !k.extra.fits(rt, x.Extra) || !k.implicit.fits(rt, x.Implicit) {
			return nil, fmt.Errorf("couldn't sign transactions: the runtime's extension %s needs %s and %s: %w",
				x.Name, rt.describe(x.Extra, 2), rt.describe(x.Implicit, 2), ErrUnknownExtension)
		}
		s.metadataHash = s.metadataHash || x.Name == "CheckMetadataHash"
		if k.extra.write != nil {
			s.extra = append(s.extra, k.extra.write)
		}
		if k.implicit.write != nil {
			s.implicit = append(s.implicit, k.implicit.write)
		}
	}
	var err error
	if s.beforeKey, err = rt.before(rt.Extrinsic.address, "Id", 32); err != nil {
		return nil, fmt.Errorf("couldn't write addresses: %w", err)
	}
	if s.beforeSignature, err = rt.before(rt.Extrinsic.signature, "Sr25519", 64); err != nil {
		return nil, fmt.Errorf("couldn't write signatures: %w", err)
	}
	return s, nil
}

// before returns the bytes before an address or a signature of the given size: the index of the variant, nothing where the type is the bytes
// themselves.
func (rt *Runtime) before(id TypeID, variant string, size int) ([]byte, error) {
	_, t := rt.core(id)
	if t != nil && t.Kind == Array && int(t.fixed) == size {
		return nil, nil
	}
	if t != nil && t.Kind == Enum {
		if v := t.VariantNamed(variant); v != nil && len(v.Members) == 1 && int(rt.types[v.Members[0].Type].fixed) == size {
			return []byte{v.Index}, nil
		}
	}
	return nil, fmt.Errorf("couldn't find variant %s of %d bytes in %s: %w", variant, size, rt.label(id), ErrUnknownExtension)
}

func (rt *Runtime) isEmpty(id TypeID) bool {
	t := rt.Type(id)
	return t != nil && t.fixed == 0
}

func (rt *Runtime) isU32(id TypeID) bool {
	_, t := rt.core(id)
	return t != nil && t.Kind == Primitive && t.Prim == U32
}

func (rt *Runtime) isHash(id TypeID) bool {
	_, t := rt.core(id)
	return t != nil && t.Kind == Array && t.Len == 32 && t.fixed == 32
}

func (rt *Runtime) isCompact(id TypeID) bool {
	_, t := rt.core(id)
	return t != nil && t.Kind == Compact && rt.width(t.Elem) >= 4
}

// isEra: 256 variants, Immortal and Mortal1 to Mortal255 of one byte.
func (rt *Runtime) isEra(id TypeID) bool {
	_, t := rt.core(id)
	if t == nil || t.Kind != Enum || len(t.Variants) != 256 {
		return false
	}
	for i := range 256 {
		v := t.Variant(uint8(i))
		switch {
		case v == nil || i == 0 && (v.Name != "Immortal" || len(v.Members) > 0):
			return false
		case i > 0 && (len(v.Members) != 1 || rt.types[v.Members[0].Type].fixed != 1):
			return false
		}
	}
	return true
}

// isMode: two variants without fields, Disabled and Enabled.
func (rt *Runtime) isMode(id TypeID) bool {
	t := rt.Type(id)
	if t != nil && t.Kind == Composite && len(t.Members) == 1 { // CheckMetadataHash{mode}
		t = rt.Type(t.Members[0].Type)
	}
	return t != nil && t.Kind == Enum && t.fixed == 1 && len(t.Variants) == 2 && t.Variant(0) != nil && t.Variant(1) != nil
}

func (rt *Runtime) isOptionalHash(id TypeID) bool {
	_, t := rt.core(id)
	return t != nil && t.isOption && rt.isHash(t.option)
}
