package chain

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/nanteos/nanteos/bittensor/chain/rpc"
	"github.com/nanteos/nanteos/bittensor/scale"
)

// What nodes send, in the words of several of them.
func TestPoolErrors(t *testing.T) {
	tests := []struct {
		code    int
		message string
		data    string
		kind    string
		want    error
	}{
		{1010, "Invalid Transaction", `"Transaction is outdated"`, "Stale", ErrNonce},
		{1010, "Invalid Transaction", `"Transaction has a bad signature"`, "BadProof", ErrSignature},
		{1010, "Invalid Transaction", `"Transaction has an ancient birth block"`, "AncientBirthBlock", ErrOutdated},
		{1010, "Invalid Transaction", `"Inability to pay some fees (e.g. account balance too low)"`, "Payment", ErrBalance},
		{1010, "Invalid Transaction", `"Custom error: 6"`, "Custom", ErrRateLimited},
		{1010, `{"invalid":{"custom":10}}`, ``, "Custom", ErrNotRegistered},
		{1010, `{"invalid":{"stale":null}}`, ``, "Stale", ErrNonce},
		{1010, `{"invalid":{"badProof":null}}`, ``, "BadProof", ErrSignature},
		{1010, `{"invalid":{"custom":255}}`, ``, "Custom", nil},
		{1012, "Transaction is temporarily banned", ``, "Banned", ErrLost},
		{1013, "Transaction is already imported", ``, "Imported", nil},
		{1014, "Priority is too low: (10 vs 10)", ``, "Priority", ErrNonce},
		{1016, "Immediately Dropped", ``, "Dropped", ErrLost},
	}
	for _, test := range tests {
		p, ok := poolError(&rpc.EndpointError{Err: &rpc.Error{Code: test.code, Message: test.message, Data: json.RawMessage(test.data)}})
		if !ok || p.Kind != test.kind || test.want != nil && !errors.Is(p, test.want) {
			t.Errorf("%d %s %s: %+v", test.code, test.message, test.data, p)
		}
	}
	if _, ok := poolError(&rpc.Error{Code: -32601, Message: "Method not found"}); ok {
		t.Error("an unknown method is taken for the pool's word")
	}
	if _, ok := poolError(errors.New("reset")); ok {
		t.Error("a broken socket is taken for the pool's word")
	}
}

func TestValidity(t *testing.T) {
	for raw, kind := range map[string]string{"\x00\x03": "Stale", "\x00\x01": "Payment", "\x00\x04": "BadProof", "\x00\x07\x06": "Custom", "\x01\x00": "Unknown", "\x00\x63": "Unknown"} {
		var p *PoolError
		if err := validity(scale.NewReader([]byte(raw))); !errors.As(err, &p) || p.Kind != kind {
			t.Errorf("%x: %v, want %s", raw, err, kind)
		}
	}
	if err := validity(scale.NewReader(nil)); !errors.Is(err, ErrAnswer) {
		t.Error(err)
	}
}

func TestClassify(t *testing.T) {
	for message, want := range map[string]kind{
		"State already discarded for 0x1234":                                             discarded,
		"Client error: UnknownBlock: State already discarded for 0x12":                   discarded,
		"Client error: UnknownBlock: Header was not found in the database: 0x12":         unknown,
		"Client error: Api called for an unknown Block: Header was not found":            unknown,
		"Client error: Execution failed: Exported method Foo_bar is not found":           final,
		"Your app has exceeded its compute units per second capacity: too many requests": broken,
	} {
		if got := classify(&rpc.Error{Code: 4003, Message: message}); got != want {
			t.Errorf("%s: %d, want %d", message, got, want)
		}
	}
}

func TestHash(t *testing.T) {
	h := Hash{1, 2, 255}
	var back Hash
	if err := back.UnmarshalText([]byte(h.String())); err != nil || back != h {
		t.Error(back, err)
	}
	for _, s := range []string{"", "0x", "0x12", h.String() + "00", "0xzz" + h.String()[4:]} {
		if _, err := ParseHash(s); err == nil {
			t.Errorf("%q accepted", s)
		}
	}
}

// FuzzAnswers: nothing that a node says makes the readers of answers panic.
func FuzzAnswers(f *testing.F) {
	for _, s := range []string{
		`{"parentHash":"0x` + zeros(64) + `","number":"0x1","stateRoot":"0x11` + zeros(62) + `","extrinsicsRoot":"0x` + zeros(64) + `","digest":{"logs":["0x00"]}}`,
		`"0x00"`, `"0x"`, `null`, `"ready"`, `{"inBlock":"0x` + zeros(63) + `1"}`, `{"usurped":3}`, `[]`, `{"a":1,"b":2}`, `"0xg0"`, `7`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if !json.Valid(raw) {
			return // such answers don't get here
		}
		if h, err := parseHeader(raw); err == nil && h.Hash.IsZero() {
			t.Error("header without hash")
		}
		if b, ok, err := fromHex(raw); err == nil && !ok && b != nil {
			t.Error("bytes of null")
		}
		_, _ = hashFrom(raw)
		_, _ = parseStatus(raw)
		p, _ := poolError(&rpc.Error{Code: 1010, Message: string(raw), Data: raw})
		_ = p.Error()
		_ = validity(scale.NewReader(raw))
	})
}

func zeros(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = '0'
	}
	return string(b)
}
