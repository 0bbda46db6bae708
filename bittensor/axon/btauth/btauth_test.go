package btauth

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nanteos/nanteos/bittensor/sr25519"
	"github.com/nanteos/nanteos/bittensor/ss58"
	"github.com/nanteos/nanteos/internal/vectortest"
)

func TestVectors(t *testing.T) {
	const file = "logicnet/btauth.json"
	var v struct {
		About    string
		Defaults struct {
			MaxAge float64 `json:"max_age_s"`
			Skew   float64 `json:"allowed_skew_s"`
		} `json:"window_defaults"`
		Window []struct {
			Age    int64 `json:"age_ns"`
			Accept bool
		}
		Cases []struct {
			Seed, Method, Path string
			BodyHex            string `json:"body_hex"`
			Nonce              int64  `json:"nonce_ns"`
			Sender             string
			Receiver           *string
			Payload            string
			Headers            map[string]string
		}
	}
	vectortest.Decode(t, file, &v)
	if v.Defaults.MaxAge != MaxAge.Seconds() || v.Defaults.Skew != Skew.Seconds() {
		t.Errorf("window defaults %+v", v.Defaults)
	}
	now := time.Unix(1754000000, 123)
	for _, w := range v.Window {
		if got := Fresh(now, now.UnixNano()-w.Age); got != w.Accept {
			t.Errorf("age %d: %v", w.Age, got)
		}
	}
	for i, c := range v.Cases {
		body, err := hex.DecodeString(c.BodyHex)
		if err != nil {
			t.Fatal(err)
		}
		receiver := ""
		if c.Receiver != nil {
			receiver = *c.Receiver
		}
		if got := Payload(c.Method, c.Path, body, c.Nonce, c.Sender, receiver); string(got) != c.Payload {
			t.Errorf("case %d: payload %q, want %q", i, got, c.Payload)
		}
		h := make(http.Header)
		for k, x := range c.Headers {
			h.Set(k, x)
		}
		r, err := Parse(h)
		if err != nil {
			t.Fatalf("case %d: %v", i, err)
		}
		at := time.Unix(0, c.Nonce).Add(3 * time.Second)
		if err := r.Verify(at, receiver, c.Method, c.Path, body); err != nil {
			t.Errorf("case %d: %v", i, err)
		}
		if err := r.Verify(at, receiver, c.Method, c.Path, append(body, 1)); !errors.Is(err, ErrSignature) {
			t.Errorf("case %d with another body: %v", i, err)
		}
		seed, err := hex.DecodeString(strings.TrimPrefix(c.Seed, "0x"))
		if err != nil {
			t.Fatal(err)
		}
		ours := make(http.Header)
		if err := Sign(ours, sr25519.NewKeypair([32]byte(seed)), time.Unix(0, c.Nonce), c.Method, c.Path, body, receiver); err != nil {
			t.Fatal(err)
		}
		ours.Set(HeaderSignature, c.Headers[HeaderSignature]) // randomised
		if fmt.Sprint(ours) != fmt.Sprint(h) {
			t.Errorf("case %d: headers %v, want %v", i, ours, h)
		}
	}
	vectortest.Count(t, file, len(v.Cases)+len(v.Window))
}

var (
	sender = sr25519.NewKeypair([32]byte{1})
	me     = ss58.EncodeBittensor(sr25519.NewKeypair([32]byte{2}).Public())
)

func signed(t testing.TB, now time.Time) http.Header {
	t.Helper()
	h := make(http.Header)
	if err := Sign(h, sender, now, "POST", "/a?b=c", []byte("body"), me); err != nil {
		t.Fatal(err)
	}
	return h
}

func TestVerifyCoversEverything(t *testing.T) {
	now := time.Now()
	for name, c := range map[string]struct {
		change       func(h http.Header)
		method, path string
		want         error
	}{
		"good":           {want: nil},
		"method in case": {method: "post"},
		"method":         {method: "PUT", want: ErrSignature},
		"query":          {path: "/a?b=d", want: ErrSignature},
		"receiver":       {change: func(h http.Header) { h.Set(HeaderReceiver, ss58.EncodeBittensor(sender.Public())) }, want: ErrReceiver},
		"no receiver":    {change: func(h http.Header) { h.Del(HeaderReceiver) }, want: ErrReceiver},
		"sender":         {change: func(h http.Header) { h.Set(HeaderHotkey, me) }, want: ErrSignature},
		"sender's form": {change: func(h http.Header) {
			other, _ := ss58.Encode(sender.Public(), 0)
			h.Set(HeaderHotkey, other)
		}, want: ErrSignature},
		"nonce": {change: func(h http.Header) { h.Set(HeaderNonce, fmt.Sprint(now.UnixNano()+1)) }, want: ErrSignature},
		"old":   {change: func(h http.Header) { h.Set(HeaderNonce, fmt.Sprint(now.Add(-11*time.Second).UnixNano())) }, want: ErrWindow},
		"ahead": {change: func(h http.Header) { h.Set(HeaderNonce, fmt.Sprint(now.Add(3*time.Second).UnixNano())) }, want: ErrWindow},
		"wrapped": {change: func(h http.Header) {
			n := now.UnixNano()
			s, _ := sender.Sign(sr25519.Wrap(Payload("POST", "/a?b=c", []byte("body"), n, ss58.EncodeBittensor(sender.Public()), me)))
			h.Set(HeaderSignature, "0x"+hex.EncodeToString(s[:]))
		}, want: ErrSignature},
	} {
		t.Run(name, func(t *testing.T) {
			h := signed(t, now)
			if c.change != nil {
				c.change(h)
			}
			r, err := Parse(h)
			if err != nil {
				t.Fatal(err)
			}
			method, path := "POST", "/a?b=c"
			if c.method != "" {
				method = c.method
			}
			if c.path != "" {
				path = c.path
			}
			if err := r.Verify(now, me, method, path, []byte("body")); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for name, change := range map[string]func(h http.Header){
		"no version":       func(h http.Header) { h.Del(HeaderVersion) },
		"version 2":        func(h http.Header) { h.Set(HeaderVersion, "2") },
		"no hotkey":        func(h http.Header) { h.Del(HeaderHotkey) },
		"two hotkeys":      func(h http.Header) { h.Add(HeaderHotkey, me) },
		"hotkey":           func(h http.Header) { h.Set(HeaderHotkey, "nobody") },
		"no nonce":         func(h http.Header) { h.Del(HeaderNonce) },
		"nonce sign":       func(h http.Header) { h.Set(HeaderNonce, "+5") },
		"nonce zeros":      func(h http.Header) { h.Set(HeaderNonce, "05") },
		"nonce hex":        func(h http.Header) { h.Set(HeaderNonce, "0x5") },
		"nonce empty":      func(h http.Header) { h.Set(HeaderNonce, "") },
		"nonce too large":  func(h http.Header) { h.Set(HeaderNonce, "9999999999999999999") },
		"no signature":     func(h http.Header) { h.Del(HeaderSignature) },
		"signature bare":   func(h http.Header) { h.Set(HeaderSignature, h.Get(HeaderSignature)[2:]) },
		"signature short":  func(h http.Header) { h.Set(HeaderSignature, "0x12") },
		"scheme":           func(h http.Header) { h.Set(HeaderCrypto, "ed25519") },
		"scheme twice":     func(h http.Header) { h[HeaderCrypto] = []string{Scheme, Scheme} },
		"receiver twice":   func(h http.Header) { h.Add(HeaderReceiver, me) },
		"receiver is none": func(h http.Header) { h.Set(HeaderReceiver, "") },
	} {
		h := signed(t, time.Now())
		change(h)
		if r, err := Parse(h); !errors.Is(err, ErrHeaders) || r != (Request{}) {
			t.Errorf("%s: %v", name, err)
		}
	}
	h := signed(t, time.Now())
	h.Set(HeaderCrypto, Scheme)
	if _, err := Parse(h); err != nil {
		t.Errorf("scheme named: %v", err)
	}
	if !Present(h) || Present(http.Header{}) {
		t.Error("Present")
	}
}

func TestFreshExtremes(t *testing.T) {
	now := time.Now()
	for _, n := range []int64{-1 << 63, 1<<63 - 1, 0, -1} {
		if Fresh(now, n) {
			t.Errorf("nonce %d is fresh", n)
		}
	}
}

func FuzzParse(f *testing.F) {
	h := signed(f, time.Unix(1754000000, 0))
	f.Add(h.Get(HeaderVersion), h.Get(HeaderHotkey), h.Get(HeaderReceiver), h.Get(HeaderNonce), h.Get(HeaderSignature), "sr25519")
	f.Fuzz(func(t *testing.T, version, hotkey, receiver, nonce, signature, scheme string) {
		h := http.Header{HeaderVersion: {version}, HeaderHotkey: {hotkey}, HeaderReceiver: {receiver}, HeaderNonce: {nonce}, HeaderSignature: {signature}, HeaderCrypto: {scheme}}
		r, err := Parse(h)
		if err != nil {
			if !errors.Is(err, ErrHeaders) {
				t.Error(err)
			}
			return
		}
		if fmt.Sprint(r.Nonce) != nonce || r.Sender != hotkey || r.Receiver != receiver {
			t.Errorf("%+v", r)
		}
		_ = r.Verify(time.Unix(0, r.Nonce), receiver, "POST", "/", nil)
	})
}

func ExampleSign() {
	key := sr25519.NewKeypair([32]byte{1})
	receiver := ss58.EncodeBittensor(sr25519.NewKeypair([32]byte{2}).Public())
	body := []byte(`{"prompt": "hello"}`)
	now := time.Unix(1754000000, 0)

	request, _ := http.NewRequest(http.MethodPost, "http://203.0.113.7:8091/generate", nil)
	if err := Sign(request.Header, key, now, request.Method, request.URL.RequestURI(), body, receiver); err != nil {
		fmt.Println(err)
	}

	// The receiver's side.
	claimed, err := Parse(request.Header)
	if err == nil {
		err = claimed.Verify(now, receiver, request.Method, request.URL.RequestURI(), body)
	}
	fmt.Println(claimed.Sender == ss58.EncodeBittensor(key.Public()), err)
	// Output: true <nil>
}
