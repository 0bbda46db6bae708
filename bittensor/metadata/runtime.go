package metadata

import (
	"fmt"
	"sync"
)

// Runtime is a runtime's description of itself. It doesn't change after Parse, DescribeAPI aside.
type Runtime struct {
	// Version is the metadata version: 14, 15 or 16.
	Version uint8
	// Pallets in the order of the metadata.
	Pallets []Pallet
	// APIs are the runtime APIs; none in version 14, see Runtime.DescribeAPI.
	APIs []API
	// Extrinsic says how transactions look.
	Extrinsic Extrinsic

	types   []Type
	pallets map[string]*Pallet
	byIndex [256]*Pallet

	plans     sync.Map // planKey -> *plan
	signing   sync.Once
	signPlan  *signPlan
	signError error
}

// Pallet is a module of the runtime.
type Pallet struct {
	Name  string
	Index uint8
	// Prefix is the name under which the storage lies; mostly Name.
	Prefix    string
	Storage   []StorageItem
	Constants []Constant
	// ViewFunctions are of version 16 only.
	ViewFunctions []Method

	calls, events, errors TypeID
	items                 map[string]int
	rt                    *Runtime
}

// Modifier says what it means when a storage item has no value under a key.
type Modifier uint8

const (
	// Optional: there is none.
	Optional Modifier = iota
	// Default: it is StorageItem.Default.
	Default
)

// StorageItem describes a value or a map that a pallet keeps.
type StorageItem struct {
	Name     string
	Modifier Modifier
	// Hashers has one entry for each key; a plain value has none.
	Hashers []Hasher
	// Keys are the types of the keys, as many as Hashers.
	Keys []TypeID
	// Value is the type of what is stored.
	Value TypeID
	// Default is the encoded value that an item with modifier Default has where nothing is stored.
	Default []byte
	docs    docs
}

// Docs returns the documentation.
func (s *StorageItem) Docs() string { return s.docs.String() }

// Constant is a value fixed in the runtime.
type Constant struct {
	Name  string
	Type  TypeID
	Value []byte
	docs  docs
}

// Docs returns the documentation.
func (c *Constant) Docs() string { return c.docs.String() }

// API is a runtime API: methods that a node runs on a block's state (state_call).
type API struct {
	Name    string
	Methods []Method
	docs    docs
}

// Docs returns the documentation.
func (a *API) Docs() string { return a.docs.String() }

// Method is a method of a runtime API, or a view function of a pallet.
type Method struct {
	Name   string
	Inputs []Member
	Output TypeID
	docs   docs
}

// Docs returns the documentation.
func (m *Method) Docs() string { return m.docs.String() }

// Extrinsic says how transactions are encoded.
type Extrinsic struct {
	// Versions of the format, such as 4 and 5.
	Versions []uint8
	// Extensions of the signed format 4, in order. Extra is sent with the transaction, Implicit is signed only.
	Extensions []Extension

	address, signature TypeID
	// noSet says that the metadata has sets of extensions, but not the one of format 4. The chain can be read and not be written to.
	noSet bool
}

// Extension adds to what is signed (and maybe sent) with a call: nonce, era, tip, versions.
type Extension struct {
	Name            string
	Extra, Implicit TypeID
}

// Pallet returns the pallet with a name. Errors: ErrUnknown.
func (rt *Runtime) Pallet(name string) (*Pallet, error) {
	if p := rt.pallets[name]; p != nil {
		return p, nil
	}
	return nil, fmt.Errorf("couldn't find pallet %s: %w", name, ErrUnknown)
}

// PalletAt returns the pallet with an index, nil if there is none.
func (rt *Runtime) PalletAt(index uint8) *Pallet { return rt.byIndex[index] }

// Item returns a storage item. Errors: ErrUnknown.
func (p *Pallet) Item(name string) (*StorageItem, error) {
	if i, ok := p.items[name]; ok {
		return &p.Storage[i], nil
	}
	return nil, fmt.Errorf("couldn't find storage item %s.%s: %w", p.Name, name, ErrUnknown)
}

// Has reports whether the runtime has a storage item: how to tell runtimes apart without knowing their versions.
func (rt *Runtime) Has(pallet, item string) bool {
	_, err := rt.Item(pallet, item)
	return err == nil
}

// HasCall reports whether the runtime has a call.
func (rt *Runtime) HasCall(pallet, call string) bool {
	p := rt.pallets[pallet]
	return p != nil && p.call(call) != nil
}

// Item returns a storage item of a pallet. Errors: ErrUnknown.
func (rt *Runtime) Item(pallet, item string) (*StorageItem, error) {
	p, err := rt.Pallet(pallet)
	if err != nil {
		return nil, err
	}
	return p.Item(item)
}

func (p *Pallet) variants(id TypeID) []VariantDef {
	if t := p.rt.Type(id); t != nil {
		return t.Variants
	}
	return nil
}

// Calls returns the pallet's calls.
func (p *Pallet) Calls() []VariantDef { return p.variants(p.calls) }

// Events returns the pallet's events.
func (p *Pallet) Events() []VariantDef { return p.variants(p.events) }

// Errors returns the errors with which calls of the pallet fail.
func (p *Pallet) Errors() []VariantDef { return p.variants(p.errors) }

func (p *Pallet) call(name string) *VariantDef {
	if t := p.rt.Type(p.calls); t != nil {
		return t.VariantNamed(name)
	}
	return nil
}

// Constant decodes a constant of a pallet. Errors: ErrUnknown.
func (rt *Runtime) Constant(pallet, name string) (any, error) {
	c, err := rt.constant(pallet, name)
	if err != nil {
		return nil, err
	}
	return rt.Decode(c.Type, c.Value)
}

// UnmarshalConstant decodes a constant of a pallet into what out points to. Errors: ErrUnknown, ErrType.
func (rt *Runtime) UnmarshalConstant(pallet, name string, out any) error {
	c, err := rt.constant(pallet, name)
	if err != nil {
		return err
	}
	return rt.Unmarshal(c.Type, c.Value, out)
}

func (rt *Runtime) constant(pallet, name string) (*Constant, error) {
	p, err := rt.Pallet(pallet)
	if err != nil {
		return nil, err
	}
	for i := range p.Constants {
		if p.Constants[i].Name == name {
			return &p.Constants[i], nil
		}
	}
	return nil, fmt.Errorf("couldn't find constant %s.%s: %w", pallet, name, ErrUnknown)
}
