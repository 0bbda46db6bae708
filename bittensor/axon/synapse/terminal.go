package synapse

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/nanteos/nanteos/internal/cpython"
)

// ErrMessage is the sentinel of headers or a body that are no synapse of the class: unreadable numbers, values of the wrong kind, missing
// required fields.
var ErrMessage = errors.New("not a valid synapse")

// Terminal describes one end of a connection (TerminalInfo of the SDK). Each of its values may be None. Nothing in it is true because it
// arrived: only the hotkey and the nonce of a verified caller are covered by a signature.
type Terminal struct {
	StatusCode    Integer // as in HTTP; 200 is success
	StatusMessage Text
	ProcessTime   Float // seconds
	IP            Text
	Port          Integer
	Version       Integer // of the SDK; see Version
	Nonce         Integer // nanoseconds since 1970
	UUID          Text
	Hotkey        Text // ss58
	Signature     Text // 0x and 128 hex digits
}

// terminalKeys are the ten values in the order of the wire.
var terminalKeys = [...]string{"status_code", "status_message", "process_time", "ip", "port", "version", "nonce", "uuid", "hotkey", "signature"}

// set gives the value of one key; unknown keys are ignored, as on both sides of the SDK.
func (t *Terminal) set(key string, v cpython.Value) error {
	var err error
	switch key {
	case "status_code":
		t.StatusCode, err = integerOf(v)
	case "status_message":
		t.StatusMessage, err = optionalText(v)
	case "process_time":
		t.ProcessTime, err = floatOf(v)
	case "ip":
		t.IP, err = optionalText(v)
	case "port":
		t.Port, err = integerOf(v)
	case "version":
		t.Version, err = integerOf(v)
	case "nonce":
		t.Nonce, err = integerOf(v)
	case "uuid":
		t.UUID, err = optionalText(v)
	case "hotkey":
		t.Hotkey, err = optionalText(v)
	case "signature":
		t.Signature, err = optionalText(v)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}

// values returns the ten values in the order of the wire.
func (t *Terminal) values() [len(terminalKeys)]cpython.Value {
	return [...]cpython.Value{
		t.StatusCode.python(), textValue(t.StatusMessage), floatValue(t.ProcessTime), textValue(t.IP), t.Port.python(),
		t.Version.python(), t.Nonce.python(), textValue(t.UUID), textValue(t.Hotkey), textValue(t.Signature),
	}
}

// object returns the terminal as a JSON object, null for nil.
func (t *Terminal) object() cpython.Value {
	if t == nil {
		return cpython.Value{}
	}
	values := t.values()
	members := make([]cpython.Member, len(values))
	for i, v := range values {
		members[i] = cpython.Member{Key: terminalKeys[i], Value: v}
	}
	return cpython.ObjectValue(members)
}

// parseTerminal reads a JSON object or null.
func parseTerminal(v cpython.Value) (*Terminal, error) {
	switch v.Kind() {
	case cpython.Null:
		return nil, nil
	case cpython.Object:
	default:
		return nil, fmt.Errorf("a %s instead of a dict", v.Kind())
	}
	t := new(Terminal)
	for _, m := range v.Members() {
		if err := t.set(m.Key, m.Value); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func optionalText(v cpython.Value) (Text, error) {
	switch v.Kind() {
	case cpython.Null:
		return Text{}, nil
	case cpython.String:
		s := textOf(v)
		if !utf8.ValidString(s) {
			return Text{}, errors.New("a lone surrogate")
		}
		return Some(s), nil
	}
	return Text{}, fmt.Errorf("a %s instead of a str", v.Kind())
}
