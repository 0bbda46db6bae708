package rpc

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
)

// Error is the node's own refusal: a JSON-RPC error object. Codes 1010 to 1016 are the transaction pool's.
type Error struct {
	Code    int             `json:"code"`
	Message string          `json:"message"`
	Data    json.RawMessage `json:"data,omitempty"`
}

func (e *Error) Error() string {
	const most = 300 // a node may send a megabyte here
	text := e.Message
	if len(e.Data) > 0 && !bytes.Equal(e.Data, []byte("null")) {
		text += " (" + e.DataText() + ")"
	}
	if len(text) > most {
		text = text[:most] + "..."
	}
	return fmt.Sprintf("node error %d: %s", e.Code, text)
}

// DataText returns the error's data as text: the text itself if data is a JSON string, else the JSON.
func (e *Error) DataText() string {
	var s string
	if json.Unmarshal(e.Data, &s) == nil {
		return s
	}
	return string(e.Data)
}

// request is what goes over the wire.
type request struct {
	Version string `json:"jsonrpc"`
	ID      uint64 `json:"id"`
	Method  string `json:"method"`
	Params  []any  `json:"params"`
}

func encode(id uint64, method string, params []any) ([]byte, error) {
	if params == nil {
		params = []any{}
	}
	b, err := json.Marshal(request{"2.0", id, method, params})
	if err != nil {
		return nil, fmt.Errorf("couldn't encode request: %w", err)
	}
	return b, nil
}

// frame is one message of the node, taken apart. Exactly one of the three forms: an answer (hasID), a notification (sub != ""), or neither,
// which is to be counted and ignored.
type frame struct {
	id     uint64
	hasID  bool
	result json.RawMessage // of an answer or a notification
	err    error           // *Error, or ErrMalformed
	sub    string          // subscription id as JSON text
	size   int
}

// parse takes a frame apart. It accepts anything and never fails: what it can't read has neither id nor subscription.
func parse(b []byte) frame {
	f := frame{size: len(b)}
	var m struct {
		ID     json.RawMessage `json:"id"`
		Result json.RawMessage `json:"result"`
		Error  *Error          `json:"error"`
		Method string          `json:"method"`
		Params *struct {
			Subscription json.RawMessage `json:"subscription"`
			Result       json.RawMessage `json:"result"`
			Error        *Error          `json:"error"`
		} `json:"params"`
	}
	if err := json.Unmarshal(b, &m); err != nil {
		f.id, f.hasID = salvage(b)
		f.err = fmt.Errorf("%w: %v", ErrMalformed, err)
		return f
	}
	switch id, ok := number(m.ID); {
	case ok:
		f.id, f.hasID = id, true
		switch {
		case m.Error != nil:
			f.err = m.Error
		case m.Result != nil:
			f.result = m.Result
		default:
			f.err = fmt.Errorf("%w: neither result nor error", ErrMalformed)
		}
	case m.Params != nil && subscriptionID(m.Params.Subscription):
		f.sub = string(m.Params.Subscription)
		f.result = m.Params.Result
		if m.Params.Error != nil {
			f.err = m.Params.Error
		} else if f.result == nil {
			f.err = fmt.Errorf("%w: notification without result", ErrMalformed)
		}
	default:
		f.err = fmt.Errorf("%w: neither answer nor notification", ErrMalformed)
	}
	return f
}

// salvage finds the id of an answer that isn't whole JSON, so that its call can fail now and not at its deadline.
func salvage(b []byte) (uint64, bool) {
	d := json.NewDecoder(bytes.NewReader(b))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return 0, false
	}
	for {
		key, err := d.Token()
		if err != nil {
			return 0, false
		}
		var v json.RawMessage
		if d.Decode(&v) != nil {
			return 0, false
		}
		if key == "id" {
			return number(v)
		}
	}
}

// number reads an id. Some nodes return it as text.
func number(raw json.RawMessage) (uint64, bool) {
	s := string(raw)
	if len(s) > 2 && s[0] == '"' {
		s = s[1 : len(s)-1]
	}
	id, err := strconv.ParseUint(s, 10, 64)
	return id, err == nil
}

// subscriptionID says whether raw is a subscription id: text or a number, of sensible length.
func subscriptionID(raw json.RawMessage) bool {
	if len(raw) == 0 || len(raw) > 256 {
		return false
	}
	return raw[0] == '"' || raw[0] >= '0' && raw[0] <= '9'
}
