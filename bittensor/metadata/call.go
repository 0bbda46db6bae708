package metadata

import (
	"fmt"
	"strings"

	"github.com/nanteos/nanteos/bittensor/scale"
)

// Call encodes a call: the indices of pallet and call, then the arguments in order, each as the runtime's type asks (see Encode). Errors:
// ErrUnknown, ErrType.
func (rt *Runtime) Call(pallet, call string, args ...any) ([]byte, error) {
	p, err := rt.Pallet(pallet)
	if err != nil {
		return nil, err
	}
	v := p.call(call)
	if v == nil {
		return nil, fmt.Errorf("couldn't find call %s.%s: %w", pallet, call, ErrUnknown)
	}
	if len(args) != len(v.Members) {
		return nil, fmt.Errorf("couldn't encode call %s.%s: it takes %d arguments (%s), not %d: %w",
			pallet, call, len(v.Members), names(v.Members), len(args), ErrType)
	}
	b := append(make([]byte, 0, 64), p.Index, v.Index)
	for i, m := range v.Members {
		if b, err = rt.AppendEncode(b, m.Type, args[i]); err != nil {
			return nil, fmt.Errorf("couldn't encode call %s.%s: argument %s: %w", pallet, call, m.Name, err)
		}
	}
	return b, nil
}

// CallNamed is Call with the arguments by name. Every argument must be there, and no other.
func (rt *Runtime) CallNamed(pallet, call string, args map[string]any) ([]byte, error) {
	p, err := rt.Pallet(pallet)
	if err != nil {
		return nil, err
	}
	v := p.call(call)
	if v == nil {
		return nil, fmt.Errorf("couldn't find call %s.%s: %w", pallet, call, ErrUnknown)
	}
	list := make([]any, len(v.Members))
	for i, m := range v.Members {
		x, ok := args[m.Name]
		if !ok || len(args) != len(list) {
			return nil, fmt.Errorf("couldn't encode call %s.%s: it takes exactly the arguments %s: %w", pallet, call, names(v.Members), ErrType)
		}
		list[i] = x
	}
	return rt.Call(pallet, call, list...)
}

func names(members []Member) string {
	list := make([]string, len(members))
	for i, m := range members {
		list[i] = m.Name
	}
	return strings.Join(list, ", ")
}

// Call is a decoded call.
type Call struct {
	Pallet, Name string
	Args         Struct
}

// DecodeCall reads an encoded call back.
func (rt *Runtime) DecodeCall(raw []byte) (Call, error) {
	d := rt.decoder(raw)
	c := d.call()
	if err := d.r.End(); err != nil {
		return Call{}, fmt.Errorf("couldn't decode call: %w", err)
	}
	return c, nil
}

func (d *decoder) call() (c Call) {
	p, v := d.outer(func(p *Pallet) TypeID { return p.calls }, "call")
	if v == nil {
		return Call{}
	}
	return Call{Pallet: p.Name, Name: v.Name, Args: d.fields(v.Members)}
}

// outer reads the index of a pallet and of one of its calls, events or errors. v is nil after an error.
func (d *decoder) outer(which func(p *Pallet) TypeID, what string) (p *Pallet, v *VariantDef) {
	index, variant := d.r.U8(), d.r.U8()
	if d.r.Err() != nil {
		return nil, nil
	}
	if p = d.rt.byIndex[index]; p != nil {
		if t := d.rt.Type(which(p)); t != nil {
			v = t.Variant(variant)
		}
	}
	if v == nil {
		d.r.Fail(fmt.Errorf("couldn't find %s %d of pallet %d: %w: %w", what, variant, index, ErrUnknown, scale.ErrInvalid))
	}
	return p, v
}
