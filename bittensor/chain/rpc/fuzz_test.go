package rpc

import (
	"encoding/json"
	"testing"
)

// FuzzFrame: no frame of a node makes parse panic, and what it takes for an answer or a notification is whole.
func FuzzFrame(f *testing.F) {
	for _, s := range []string{
		`{"jsonrpc":"2.0","id":1,"result":null}`, `{"id":"2","error":{"code":1010,"message":"m","data":{"a":1}}}`,
		`{"method":"chain_newHead","params":{"subscription":"x","result":{"number":"0x1"}}}`, `{"id":3,"result":"0x`,
		`{"method":"x","params":{"subscription":9,"error":{}}}`, `[{"id":1}]`, `{"id":18446744073709551616}`, `{"id":null,"id":4`, `{"params":[]}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m := parse(b)
		if m.err == nil {
			if !m.hasID && m.sub == "" {
				t.Fatal("neither answer nor notification, and no error")
			}
			if !json.Valid(m.result) {
				t.Fatalf("result isn't JSON: %q", m.result)
			}
		} else {
			_ = m.err.Error()
		}
		if m.sub != "" && !json.Valid([]byte(m.sub)) {
			t.Fatalf("subscription id isn't JSON: %q", m.sub)
		}
	})
}
