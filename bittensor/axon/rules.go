package axon

import (
	"errors"
	"math"
	"math/big"
	"strconv"
	"time"

	"github.com/nanteos/nanteos/bittensor/axon/nonce"
	"github.com/nanteos/nanteos/bittensor/axon/synapse"
	"github.com/nanteos/nanteos/bittensor/sr25519"
	"github.com/nanteos/nanteos/bittensor/ss58"
)

// ErrNotVerified is the sentinel of a request that is not verified, whatever the cause.
var ErrNotVerified = errors.New("request is not verified")

// delta is how much older than its timeout a request may be.
const delta = 4 * time.Second

// Rules say in which details requests are verified. Signatures are always required.
type Rules struct {
	// MinVersion is the oldest SDK version that is served; callers that name none are older than all. 0 serves them all, those before
	// synapse.Version720 without looking at their time.
	MinVersion int64
	// AlwaysFresh holds every nonce to the window. Otherwise only the first one of an endpoint is, as in the reference.
	AlwaysFresh bool
	// MaxTimeout caps how far the timeout that the caller names, which is not signed, widens the window. 0 is no cap.
	MaxTimeout time.Duration
	// MaxAhead is how far in the future a nonce may lie. 0 is no bound.
	MaxAhead time.Duration
}

// Hardened are the default rules: version 7.2 at least, always fresh, at most 10 minutes and 4 seconds old, at most 2 seconds ahead.
func Hardened() Rules {
	return Rules{MinVersion: synapse.Version720, AlwaysFresh: true, MaxTimeout: 10 * time.Minute, MaxAhead: 2 * time.Second}
}

// Reference are the rules of the SDK up to 9.2 and from 10.5, for comparison. They need a store that never forgets.
func Reference() Rules { return Rules{} }

// keep is how long a nonce must be remembered: as long as another timeout header could make it fresh again.
func (r Rules) keep() time.Duration {
	if r.MaxTimeout <= 0 || !r.AlwaysFresh {
		return math.MaxInt64
	}
	return delta + r.MaxTimeout + r.MaxAhead + time.Second
}

// timeoutOf returns the caller's timeout in seconds as the window counts it, and whether it is an integer of Python.
func (r Rules) timeoutOf(t synapse.Float, integer bool) (float64, bool) {
	s, ok := t.Get()
	if !ok {
		return 0, true
	}
	if limit := r.MaxTimeout.Seconds(); r.MaxTimeout > 0 && (s > limit || math.IsNaN(s)) {
		return limit, true
	}
	return s, integer
}

// tooOld reports whether nonce <= now - 4 s - timeout, with the arithmetic of the reference: exact for integers, in doubles (256 ns apart at
// today's time) for floats.
func tooOld(now, nonce int64, timeout float64, integer bool) bool {
	base := now - int64(delta)
	if integer {
		if math.Abs(timeout) < 1e9 {
			return nonce <= base-int64(timeout)*1e9
		}
		ns, _ := new(big.Float).SetFloat64(timeout).Int(nil)
		ns.Mul(ns, big.NewInt(1e9))
		return big.NewInt(nonce).Cmp(ns.Sub(big.NewInt(base), ns)) <= 0
	}
	threshold := math.Floor(float64(base) - float64(timeout*1e9))
	switch {
	case math.IsNaN(threshold), threshold < math.MinInt64:
		return false
	case threshold >= math.MaxInt64:
		return true
	}
	return nonce <= int64(threshold)
}

// ageError is the text of the reference for a nonce that is too old.
func ageError(now, nonce int64, timeout float64, integer bool) error {
	acceptable := (4e9 + float64(timeout*1e9)) / 1e9
	if integer {
		acceptable = 4 + timeout
	}
	age, _ := new(big.Rat).SetFrac64(now-nonce, 1e9).Float64()
	return said("Nonce is too old: acceptable delta is " + fixed(acceptable) + " seconds but request was " + fixed(age) + " seconds old")
}

func fixed(f float64) string { return strconv.FormatFloat(f, 'f', 2, 64) }

// said is an error in the words in which the caller is told, those of the SDK where it has some.
type said string

func (s said) Error() string { return string(s) }

const (
	errNoHotkey   said = "No SS58 formatted address or public key provided."
	errHotkey     said = "Invalid SS58 address"
	errNoNonce    said = "Missing Nonce"
	errOldNonce   said = "Nonce is too old, a newer one was last processed"
	errAhead      said = "Nonce is too far in the future, check the clock"
	errVersion    said = "Version is missing or too old, 7.2.0 is needed"
	errNoSig      said = "Missing signature"
	errSigForm    said = "Invalid signature format. Expected 0x and 128 hex digits."
	errMismatch   said = "Signature mismatch"
	errTooMany    said = "Too many endpoints of this hotkey, use one uuid"
	errNoncesLost said = "Nonces cannot be stored"
)

// callerOf reads who a request says it is from.
func callerOf(e *synapse.Envelope) (key [32]byte, err error) {
	hotkey, ok := e.Dendrite.Hotkey.Get()
	if !ok {
		return key, errNoHotkey
	}
	if key, _, err = ss58.Decode(hotkey); err != nil {
		return key, errHotkey
	}
	return key, nil
}

// Verify decides on the headers of a request to the axon with address me, and remembers its nonce when it is good. integerTimeout says
// that the class redeclares its timeout as an integer. Errors wrap ErrNotVerified; their text is for the caller.
func (r Rules) Verify(now time.Time, e *synapse.Envelope, integerTimeout bool, me string, nonces *nonce.Store) (key [32]byte, err error) {
	key, err = r.verify(now, e, integerTimeout, me, nonces)
	if err != nil {
		return key, &notVerified{err}
	}
	return key, nil
}

// notVerified has the caller's text as its own.
type notVerified struct{ reason error }

func (e *notVerified) Error() string   { return e.reason.Error() }
func (e *notVerified) Unwrap() []error { return []error{ErrNotVerified, e.reason} }

func (r Rules) verify(now time.Time, e *synapse.Envelope, integerTimeout bool, me string, nonces *nonce.Store) (key [32]byte, err error) {
	if key, err = callerOf(e); err != nil {
		return key, err
	}
	endpoint := e.Dendrite.UUID.Or("None")
	n, err := r.checkNonce(now.UnixNano(), e, integerTimeout, key, endpoint, nonces)
	if err != nil {
		return key, err
	}
	text, ok := e.Dendrite.Signature.Get()
	if !ok || text == "" {
		return key, errNoSig
	}
	signature, err := synapse.ParseSignature(text)
	if err != nil {
		return key, errSigForm
	}
	message := synapse.RequestMessage(e.Dendrite.Nonce, e.Dendrite.Hotkey.Or(""), me, e.Dendrite.UUID, e.BodyHash)
	if !sr25519.VerifyWrapped(key, message, signature) {
		return key, errMismatch
	}
	return key, remember(nonces.Accept(now, key, endpoint, n, r.keep()))
}

// remember says to the caller why its nonce was not taken.
func remember(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, nonce.ErrReplayed):
		return errOldNonce
	case errors.Is(err, nonce.ErrFull):
		return errTooMany
	}
	return errNoncesLost
}

// checkNonce does what needs no cryptography.
func (r Rules) checkNonce(now int64, e *synapse.Envelope, integerTimeout bool, key [32]byte, endpoint string, nonces *nonce.Store) (int64, error) {
	if !e.Dendrite.Nonce.IsSet() {
		return 0, errNoNonce
	}
	version := e.Dendrite.Version.Or(0)
	if version < r.MinVersion {
		return 0, errVersion
	}
	n, ok := e.Dendrite.Nonce.Get()
	if !ok { // more than 290 years from now
		return 0, errAhead
	}
	_, stored := nonces.Last(key, endpoint)
	timeout, integer := r.timeoutOf(e.Timeout, integerTimeout)
	if version >= synapse.Version720 && (r.AlwaysFresh || !stored) && tooOld(now, n, timeout, integer) {
		return 0, ageError(now, n, timeout, integer)
	}
	if r.MaxAhead > 0 && n > now+int64(r.MaxAhead) {
		return 0, errAhead
	}
	if nonces.Check(key, endpoint, n) != nil {
		return 0, errOldNonce
	}
	return n, nil
}
