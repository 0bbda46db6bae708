package metadata

import (
	"fmt"
	"slices"
)

// deprecated skips what version 16 says about an item's deprecation.
func (p *parser) deprecated() {
	if p.rt.Version < 16 {
		return
	}
	switch b := p.r.U8(); b {
	case 0, 1:
	case 2:
		p.note()
	default:
		p.r.Fail(fmt.Errorf("couldn't read deprecation of kind %d", b))
	}
}

func (p *parser) note() {
	p.name()
	p.optionalName()
}

// outer reads the optional enum of a pallet's calls, events or errors, which in version 16 brings the deprecation of its variants.
func (p *parser) outer() TypeID {
	id := p.optionalRef()
	if p.rt.Version < 16 || id == noType {
		return id
	}
	for range p.r.Count(2) {
		p.r.U8()
		switch b := p.r.U8(); b {
		case 0, 1:
		case 2:
			p.note()
		default:
			p.r.Fail(fmt.Errorf("couldn't read deprecation of kind %d", b))
			return noType
		}
	}
	return id
}

func (p *parser) pallets() {
	v16 := p.rt.Version >= 16
	pallets := make([]Pallet, p.r.Count(7))
	for i := range pallets {
		if p.r.Err() != nil {
			return
		}
		m := &pallets[i]
		m.rt = p.rt
		m.Name = p.name()
		m.Prefix = m.Name
		if p.r.Option() {
			p.storage(m)
		}
		m.calls = p.outer()
		m.events = p.outer()
		m.Constants = make([]Constant, p.r.Count(4))
		for j := range m.Constants {
			m.Constants[j] = Constant{Name: p.name(), Type: p.ref(), Value: p.raw(), docs: p.docs()}
			p.deprecated()
		}
		m.errors = p.outer()
		if v16 {
			for range p.r.Count(3) { // associated types
				p.name()
				p.ref()
				p.docs()
			}
			views := p.r.Count(37)
			for range views {
				p.r.Hash()
				m.ViewFunctions = append(m.ViewFunctions, p.method())
			}
		}
		m.Index = p.r.U8()
		if p.rt.Version >= 15 {
			p.docs()
			p.deprecated()
		}
	}
	if p.r.Err() != nil {
		return
	}
	p.rt.Pallets = pallets
	for i := range pallets {
		m := &pallets[i]
		if p.rt.pallets[m.Name] != nil || p.rt.byIndex[m.Index] != nil {
			p.r.Fail(fmt.Errorf("couldn't place pallet %s: its name or its index %d is taken", m.Name, m.Index))
			return
		}
		p.rt.pallets[m.Name] = m
		p.rt.byIndex[m.Index] = m
	}
}

func (p *parser) storage(m *Pallet) {
	m.Prefix = p.name()
	m.Storage = make([]StorageItem, p.r.Count(5))
	m.items = make(map[string]int, len(m.Storage))
	for i := range m.Storage {
		s := &m.Storage[i]
		s.Name = p.name()
		modifier := p.r.U8()
		if modifier > 1 {
			p.r.Fail(fmt.Errorf("couldn't read storage modifier %d of %s.%s", modifier, m.Name, s.Name))
		}
		s.Modifier = Modifier(modifier)
		switch kind := p.r.U8(); kind {
		case 0:
			s.Value = p.ref()
		case 1:
			s.Hashers = make([]Hasher, p.r.Count(1))
			for j := range s.Hashers {
				s.Hashers[j] = Hasher(p.r.U8())
				if s.Hashers[j] > Identity {
					p.r.Fail(fmt.Errorf("couldn't read hasher %d of %s.%s", s.Hashers[j], m.Name, s.Name))
				}
			}
			s.Keys = p.keys(p.ref(), len(s.Hashers), m.Name, s.Name)
			s.Value = p.ref()
		default:
			p.r.Fail(fmt.Errorf("couldn't read storage kind %d of %s.%s", kind, m.Name, s.Name))
		}
		s.Default = p.raw()
		s.docs = p.docs()
		p.deprecated()
		if p.r.Err() != nil {
			return
		}
		m.items[s.Name] = i
	}
}

// keys splits the type of a map's key into one type for each hasher: with several hashers it is a tuple of as many.
func (p *parser) keys(id TypeID, hashers int, pallet, item string) []TypeID {
	if hashers == 1 {
		return []TypeID{id}
	}
	t := p.rt.Type(id)
	if t == nil || t.Kind != Tuple || len(t.Members) != hashers {
		p.r.Fail(fmt.Errorf("couldn't share %d hashers out to the keys of %s.%s", hashers, pallet, item))
		return nil
	}
	ids := make([]TypeID, hashers)
	for i := range ids {
		ids[i] = t.Members[i].Type
	}
	return ids
}

func (p *parser) method() (m Method) {
	m.Name = p.name()
	m.Inputs = slab(&p.members, p.r.Count(2), 512)
	for i := range m.Inputs {
		m.Inputs[i] = Member{Name: p.name(), Type: p.ref()}
	}
	m.Output = p.ref()
	m.docs = p.docs()
	p.deprecated()
	return m
}

func (p *parser) apis() {
	apis := make([]API, p.r.Count(3))
	for i := range apis {
		a := &apis[i]
		a.Name = p.name()
		n := p.r.Count(4)
		a.Methods = make([]Method, n)
		for j := range a.Methods {
			a.Methods[j] = p.method()
		}
		a.docs = p.docs()
		if p.rt.Version >= 16 {
			p.r.Compact() // the API's version
			p.deprecated()
		}
		if p.r.Err() != nil {
			return
		}
	}
	p.rt.APIs = apis
}

func (p *parser) extrinsic() {
	x := &p.rt.Extrinsic
	x.address, x.signature = noType, noType
	switch p.rt.Version {
	case 14:
		whole := p.ref()
		x.Versions = []uint8{p.r.U8()}
		x.Extensions = p.extensions()
		if t := p.rt.Type(whole); t != nil {
			for _, param := range t.Params {
				switch {
				case !param.Given:
				case param.Name == "Address":
					x.address = param.Type
				case param.Name == "Signature":
					x.signature = param.Type
				}
			}
		}
	case 15:
		x.Versions = []uint8{p.r.U8()}
		x.address = p.ref()
		p.ref() // call
		x.signature = p.ref()
		p.ref() // all extra together
		x.Extensions = p.extensions()
	default:
		x.Versions = slices.Clone(p.r.Bytes())
		x.address = p.ref()
		p.ref() // call
		x.signature = p.ref()
		// Which extensions each version of the extension set has. Format 4 uses the first set, numbered 0.
		var order []uint64
		sets := p.r.Count(2)
		found := false
		for range sets {
			set := p.r.U8()
			ids := make([]uint64, p.r.Count(1))
			for i := range ids {
				ids[i] = p.r.Compact()
			}
			if set == 0 {
				order, found = ids, true
			}
		}
		all := p.extensions()
		if p.r.Err() != nil {
			return
		}
		if sets == 0 {
			x.Extensions = all
			return
		}
		x.noSet = !found
		for _, i := range order {
			if i >= uint64(len(all)) {
				p.r.Fail(fmt.Errorf("couldn't find transaction extension %d of %d", i, len(all)))
				return
			}
			x.Extensions = append(x.Extensions, all[i])
		}
	}
}

func (p *parser) extensions() []Extension {
	list := make([]Extension, p.r.Count(3))
	for i := range list {
		list[i] = Extension{Name: p.name(), Extra: p.ref(), Implicit: p.ref()}
	}
	return list
}

// custom skips the values that a runtime adds under names of its own.
func (p *parser) custom() {
	for range p.r.Count(3) {
		p.name()
		p.ref()
		p.r.Bytes()
		if p.r.Err() != nil {
			return
		}
	}
}

// check holds what was read against the registry, once it is whole.
func (p *parser) check() error {
	rt := p.rt
	if p.high >= TypeID(len(rt.types)) {
		return fmt.Errorf("couldn't find type %d of %d", p.high, len(rt.types))
	}
	for i := range rt.Pallets {
		m := &rt.Pallets[i]
		for _, id := range []TypeID{m.calls, m.events, m.errors} {
			if id != noType && rt.types[id].Kind != Enum {
				return fmt.Errorf("couldn't read calls, events or errors of pallet %s: type %d is no enum", m.Name, id)
			}
		}
	}
	rt.measure()
	return nil
}
