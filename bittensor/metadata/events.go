package metadata

import (
	"fmt"

	"github.com/nanteos/nanteos/bittensor/scale"
)

// Phase says when in a block an event happened.
type Phase uint8

const (
	// ApplyExtrinsic: while an extrinsic ran.
	ApplyExtrinsic Phase = iota
	// Finalization: at the end of the block.
	Finalization
	// Initialization: before the first extrinsic.
	Initialization
)

// Event is what a pallet reports to have happened.
type Event struct {
	Phase Phase
	// Extrinsic is the index within the block of the extrinsic that ran, in phase ApplyExtrinsic.
	Extrinsic    uint32
	Pallet, Name string
	Fields       Struct
	Topics       [][32]byte
}

// Is reports whether the event is of a pallet and a name.
func (e *Event) Is(pallet, name string) bool { return e.Pallet == pallet && e.Name == name }

// DecodeEvents reads all events of a block: the value of System.Events. An event can't be skipped without knowing its shape, so all after one
// that can't be decoded are lost: those before it are returned with the error.
func (rt *Runtime) DecodeEvents(raw []byte) ([]Event, error) {
	d := rt.decoder(raw)
	n := d.r.Count(4)
	var events []Event
	if d.charge(n) {
		events = make([]Event, 0, n)
	}
	for i := range n {
		e := d.event()
		if err := d.r.Err(); err != nil {
			return events, fmt.Errorf("couldn't decode event %d of %d: %w", i, n, err)
		}
		events = append(events, e)
	}
	if err := d.r.End(); err != nil {
		return events, fmt.Errorf("couldn't decode events: %w", err)
	}
	return events, nil
}

func (d *decoder) event() (e Event) {
	switch phase := d.r.U8(); phase {
	case 0:
		e.Extrinsic = d.r.U32()
	case 1, 2:
		e.Phase = Phase(phase)
	default:
		d.r.Fail(fmt.Errorf("couldn't read phase %d: %w", phase, scale.ErrInvalid))
	}
	p, v := d.outer(func(p *Pallet) TypeID { return p.events }, "event")
	if v == nil {
		return e
	}
	e.Pallet, e.Name = p.Name, v.Name
	e.Fields = d.fields(v.Members)
	e.Topics = d.r.Hashes()
	return e
}

// DispatchError says why a call failed. Match it with errors.As, or its Name.
type DispatchError struct {
	// Pallet and Name, such as SubtensorModule and NotEnoughStakeToSetWeights. Failures that are not of a pallet have no Pallet and the
	// name of the kind: BadOrigin, CannotLookup, or Token.FundsUnavailable.
	Pallet, Name string
	// Docs is what the runtime says about the error; may be empty.
	Docs string
	// Raw are the four bytes of a pallet's error. The first is its index.
	Raw [4]byte
}

// Error names the error with its docs.
func (e *DispatchError) Error() string {
	text := e.Name
	if e.Pallet != "" {
		text = e.Pallet + "." + e.Name
	}
	if e.Docs != "" {
		text += ": " + e.Docs
	}
	return text
}

// ModuleError returns the error with an index of the pallet with an index. One that the runtime doesn't list is named by its numbers.
func (rt *Runtime) ModuleError(pallet uint8, raw [4]byte) *DispatchError {
	e := &DispatchError{Pallet: fmt.Sprintf("Pallet%d", pallet), Name: fmt.Sprintf("Error%d", raw[0]), Raw: raw}
	p := rt.byIndex[pallet]
	if p == nil {
		return e
	}
	e.Pallet = p.Name
	if t := rt.Type(p.errors); t != nil {
		if v := t.Variant(raw[0]); v != nil {
			e.Name, e.Docs = v.Name, v.Docs()
		}
	}
	return e
}

// DispatchError names the failure in a decoded value of the runtime's type DispatchError. Errors: ErrType if it is none.
func (rt *Runtime) DispatchError(value any) (*DispatchError, error) {
	v, ok := value.(Variant)
	if !ok {
		return nil, fmt.Errorf("couldn't read dispatch error of %T: %w", value, ErrType)
	}
	if v.Name == "Module" {
		s, _ := v.Value().(Struct)
		index, ok := s.Get("index").(uint64)
		if !ok && len(v.Fields) == 2 { // older form: the fields stand in the variant itself
			s = v.Fields
			index, ok = s.Get("index").(uint64)
		}
		var raw [4]byte
		switch e := s.Get("error").(type) {
		case []byte:
			ok = ok && copy(raw[:], e) > 0
		case uint64:
			raw[0] = byte(e)
		default:
			ok = false
		}
		if !ok {
			return nil, fmt.Errorf("couldn't read module error %s: %w", v, ErrType)
		}
		return rt.ModuleError(uint8(index), raw), nil
	}
	e := &DispatchError{Name: v.Name}
	if inner, ok := v.Value().(Variant); ok {
		e.Name += "." + inner.Name
	}
	return e, nil
}

// Outcome tells how the extrinsic at an index of a block went: nil, or the *DispatchError. found is false where the events say nothing of it.
func (rt *Runtime) Outcome(events []Event, extrinsic uint32) (found bool, err error) {
	for i := range events {
		e := &events[i]
		if e.Phase != ApplyExtrinsic || e.Extrinsic != extrinsic || e.Pallet != "System" {
			continue
		}
		switch e.Name {
		case "ExtrinsicSuccess":
			return true, nil
		case "ExtrinsicFailed":
			if len(e.Fields) == 0 {
				return true, fmt.Errorf("couldn't read why extrinsic %d failed: %w", extrinsic, ErrType)
			}
			d, err := rt.DispatchError(e.Fields[0].Value)
			if err != nil {
				return true, fmt.Errorf("couldn't read why extrinsic %d failed: %w", extrinsic, err)
			}
			return true, d
		}
	}
	return false, nil
}
