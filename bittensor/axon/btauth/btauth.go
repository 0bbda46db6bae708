// Package btauth signs and verifies HTTP requests by btauth/1, the authentication of Bittensor's SDK 11.
//
// Five headers carry it, and unlike that of the older protocol its signature covers the whole request: method, target with query, body,
// time, sender and receiver.
//
//	X-Bittensor-Version    1
//	X-Bittensor-Hotkey     the sender's address
//	X-Bittensor-Receiver   the address for which the request is meant
//	X-Bittensor-Nonce      the time in nanoseconds, decimal
//	X-Bittensor-Signature  0x and hex digits
//	X-Bittensor-Crypto     only where the scheme is not sr25519; here that is an error
//
// What is signed are the lines of [Payload]. A request is accepted once, and only while it is between 2 seconds from the future and 10 seconds old;
// [Verify] checks everything but that it comes once, for which the sender's key and nonce must be remembered for 12 seconds (package nonce).
//
// Specification: bittensor-axon-dendrite section 8.
package btauth

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/nanteos/nanteos/bittensor/axon/synapse"
	"github.com/nanteos/nanteos/bittensor/sr25519"
	"github.com/nanteos/nanteos/bittensor/ss58"
)

// Names of the headers, in the form in which net/http keeps them.
const (
	HeaderVersion   = "X-Bittensor-Version"
	HeaderHotkey    = "X-Bittensor-Hotkey"
	HeaderReceiver  = "X-Bittensor-Receiver"
	HeaderNonce     = "X-Bittensor-Nonce"
	HeaderSignature = "X-Bittensor-Signature"
	HeaderCrypto    = "X-Bittensor-Crypto"
)

// Scheme is the only signature scheme that is spoken here.
const Scheme = "sr25519"

// The window in which a request is accepted, and how long its nonce must be remembered at least.
const (
	MaxAge = 10 * time.Second
	Skew   = 2 * time.Second
	Keep   = MaxAge + Skew
)

var (
	// ErrHeaders is the sentinel of headers that are missing, twice there or malformed.
	ErrHeaders = errors.New("malformed btauth headers")
	// ErrWindow is the sentinel of a request that is too old or from the future.
	ErrWindow = errors.New("request is outside the accepted time window")
	// ErrReceiver is the sentinel of a request that is meant for somebody else, or for nobody in particular.
	ErrReceiver = errors.New("request is meant for another receiver")
	// ErrSignature is the sentinel of a signature that does not verify.
	ErrSignature = errors.New("signature does not verify")
)

// Request is what the headers say.
type Request struct {
	Sender    string   // as it stands in the header, which is how it is signed
	Key       [32]byte // the sender's key
	Receiver  string   // "" when the request names none
	Nonce     int64    // nanoseconds since 1970
	Signature [64]byte
}

// Present reports whether a request claims to be signed by btauth.
func Present(h http.Header) bool { return len(h[HeaderVersion]) > 0 }

// Parse reads the headers. Errors wrap ErrHeaders.
func Parse(h http.Header) (Request, error) {
	r, err := parse(h)
	if err != nil {
		return Request{}, fmt.Errorf("couldn't read btauth headers: %w: %w", ErrHeaders, err)
	}
	return r, nil
}

func parse(h http.Header) (r Request, err error) {
	one := func(name string) string {
		switch v := h[name]; {
		case err != nil:
		case len(v) != 1:
			err = fmt.Errorf("%s stands there %d times", name, len(v))
		default:
			return v[0]
		}
		return ""
	}
	version, nonce, signature := one(HeaderVersion), one(HeaderNonce), one(HeaderSignature)
	r.Sender = one(HeaderHotkey)
	if err != nil {
		return r, err
	}
	if version != "1" {
		return r, fmt.Errorf("version %.10q is not 1", version)
	}
	if len(h[HeaderReceiver]) > 0 {
		if r.Receiver = one(HeaderReceiver); err == nil && r.Receiver == "" {
			err = fmt.Errorf("%s is empty", HeaderReceiver)
		}
	}
	if len(h[HeaderCrypto]) > 0 {
		if scheme := one(HeaderCrypto); err == nil && scheme != Scheme {
			err = fmt.Errorf("scheme %.20q is not %s", scheme, Scheme)
		}
	}
	if err != nil {
		return r, err
	}
	if strings.Trim(nonce, "0123456789") != "" || len(nonce) > 19 {
		return r, fmt.Errorf("%s is no decimal number of nanoseconds", HeaderNonce)
	}
	if r.Nonce, err = strconv.ParseInt(nonce, 10, 64); err != nil || strconv.FormatInt(r.Nonce, 10) != nonce {
		return r, fmt.Errorf("%s is no decimal number of nanoseconds", HeaderNonce)
	}
	if r.Signature, err = synapse.ParseSignature(signature); err != nil {
		return r, err
	}
	if r.Key, _, err = ss58.Decode(r.Sender); err != nil {
		return r, err
	}
	return r, nil
}

// Payload returns the bytes that are signed: lines with protocol, scheme, method in upper case, target with query, SHA-256 of the body, nonce,
// sender, and receiver or a dash.
func Payload(method, target string, body []byte, nonce int64, sender, receiver string) []byte {
	sum := sha256.Sum256(body)
	if receiver == "" {
		receiver = "-"
	}
	return []byte(strings.Join([]string{"btauth/1", Scheme, strings.ToUpper(method), target, hex.EncodeToString(sum[:]),
		strconv.FormatInt(nonce, 10), sender, receiver}, "\n"))
}

// Fresh reports whether a request with that nonce is accepted at that time: neither older than MaxAge nor more than Skew ahead.
func Fresh(now time.Time, nonce int64) bool {
	age := now.UnixNano() - nonce
	// Subtraction wraps where nonce is far off; such an age has the wrong sign.
	if (nonce > now.UnixNano()) != (age < 0) {
		return false
	}
	return age >= -int64(Skew) && age <= int64(MaxAge)
}

// Check does what costs nothing: it verifies the time and that the request is meant for me. Errors wrap ErrWindow or ErrReceiver.
func (r Request) Check(now time.Time, me string) error {
	if !Fresh(now, r.Nonce) {
		return fmt.Errorf("couldn't verify request: %w", ErrWindow)
	}
	if r.Receiver != me {
		return fmt.Errorf("couldn't verify request: %w", ErrReceiver)
	}
	return nil
}

// Verify checks time, receiver and signature of a request to me. Only a signature over the payload itself counts, none over a wrapped one.
// Errors wrap ErrWindow, ErrReceiver or ErrSignature.
func (r Request) Verify(now time.Time, me, method, target string, body []byte) error {
	if err := r.Check(now, me); err != nil {
		return err
	}
	if !sr25519.Verify(r.Key, Payload(method, target, body, r.Nonce, r.Sender, r.Receiver), r.Signature) {
		return fmt.Errorf("couldn't verify request: %w", ErrSignature)
	}
	return nil
}

// Sign sets the headers of a request. The target is what stands in the request line, query included; a receiver of "" signs for nobody
// in particular, which servers refuse by default.
func Sign(h http.Header, signer synapse.Signer, now time.Time, method, target string, body []byte, receiver string) error {
	sender, nonce := ss58.EncodeBittensor(signer.Public()), now.UnixNano()
	signature, err := signer.Sign(Payload(method, target, body, nonce, sender, receiver))
	if err != nil {
		return fmt.Errorf("couldn't sign request: %w", err)
	}
	h.Set(HeaderVersion, "1")
	h.Set(HeaderHotkey, sender)
	h.Set(HeaderNonce, strconv.FormatInt(nonce, 10))
	h.Set(HeaderSignature, synapse.FormatSignature(signature))
	h.Del(HeaderReceiver)
	if receiver != "" {
		h.Set(HeaderReceiver, receiver)
	}
	h.Del(HeaderCrypto)
	return nil
}
