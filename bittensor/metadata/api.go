package metadata

import (
	"fmt"
)

// Method returns a method of a runtime API. Errors: ErrUnknown, always in version 14 unless DescribeAPI told of it.
func (rt *Runtime) Method(api, method string) (*Method, error) {
	for i := range rt.APIs {
		if rt.APIs[i].Name != api {
			continue
		}
		for j := range rt.APIs[i].Methods {
			if m := &rt.APIs[i].Methods[j]; m.Name == method {
				return m, nil
			}
		}
	}
	return nil, fmt.Errorf("couldn't find runtime API %s.%s: %w", api, method, ErrUnknown)
}

// HasAPI reports whether the runtime describes a method of a runtime API.
func (rt *Runtime) HasAPI(api, method string) bool {
	_, err := rt.Method(api, method)
	return err == nil
}

// APICall returns the two parameters of the node's method state_call: the function's name and the encoded arguments. Errors: ErrUnknown,
// ErrType.
func (rt *Runtime) APICall(api, method string, args ...any) (function string, raw []byte, err error) {
	m, err := rt.Method(api, method)
	if err != nil {
		return "", nil, err
	}
	if len(args) != len(m.Inputs) {
		return "", nil, fmt.Errorf("couldn't encode arguments of %s.%s: it takes %d (%s), not %d: %w",
			api, method, len(m.Inputs), names(m.Inputs), len(args), ErrType)
	}
	raw = []byte{}
	for i, in := range m.Inputs {
		if raw, err = rt.AppendEncode(raw, in.Type, args[i]); err != nil {
			return "", nil, fmt.Errorf("couldn't encode argument %s of %s.%s: %w", in.Name, api, method, err)
		}
	}
	return api + "_" + method, raw, nil
}

// DecodeAPI reads the answer of a runtime API's method.
func (rt *Runtime) DecodeAPI(api, method string, raw []byte) (any, error) {
	m, err := rt.Method(api, method)
	if err != nil {
		return nil, err
	}
	v, err := rt.Decode(m.Output, raw)
	if err != nil {
		return nil, fmt.Errorf("couldn't decode answer of %s.%s: %w", api, method, err)
	}
	return v, nil
}

// UnmarshalAPI is DecodeAPI into what out points to (see Unmarshal).
func (rt *Runtime) UnmarshalAPI(api, method string, raw []byte, out any) error {
	m, err := rt.Method(api, method)
	if err != nil {
		return err
	}
	if err := rt.Unmarshal(m.Output, raw, out); err != nil {
		return fmt.Errorf("couldn't decode answer of %s.%s: %w", api, method, err)
	}
	return nil
}
