package bucket

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
)

// Attempts of one request (storage specification, 10.3).
const (
	backoffBase, backoffCap           = 1.0, 32.0 // seconds
	throttledBase, throttledCap       = 2.0, 60.0
	backoffJitter, backoffLeast       = 0.25, 0.1
	maxAttempts                       = 3
	defaultWriteTimeout               = 90 * time.Second
	defaultReadTimeout                = 30 * time.Second
	defaultConnectTimeout             = 3 * time.Second
	maxPooled                         = 256
	abortTimeout, confirmationTimeout = 10 * time.Second, 30 * time.Second
)

// backoff returns the pause after attempt a (0, 1, …): base·2^a up to a cap, changed by up to a quarter with u in [0,1), at least a
// tenth of a second. A store that asks to slow down gets twice the time.
func backoff(attempt int, throttled bool, u float64) time.Duration {
	base, limit := backoffBase, backoffCap
	if throttled {
		base, limit = throttledBase, throttledCap
	}
	s := min(base*math.Pow(2, float64(attempt)), limit)
	s = max(backoffLeast, s+float64(s*backoffJitter)*(float64(2*u)-1))
	return time.Duration(math.Round(s * 1e9))
}

// isThrottle reports whether the store asks for less, by the words that stores use.
func isThrottle(text string) bool {
	text = strings.ToLower(text)
	for _, word := range []string{"slowdown", "429", "requestlimitexceeded", "throttl"} {
		if strings.Contains(text, word) {
			return true
		}
	}
	return false
}

// throttled reports whether an attempt failed because the store asks for less.
func throttled(err error) bool {
	var e minio.ErrorResponse
	if errors.As(err, &e) && (e.StatusCode == http.StatusTooManyRequests || isThrottle(e.Code)) {
		return true
	}
	return isThrottle(err.Error())
}

// attempt runs f up to maxAttempts times, each with its own timeout, until it succeeds, fails for good, or ctx ends. It returns how often
// it tried. A timeout of an attempt is a passing fault; the end of ctx is not.
func (s *S3) attempt(ctx context.Context, timeout time.Duration, f func(ctx context.Context, try int) error) (int, error) {
	for try := 0; ; try++ {
		bounded, cancel := context.WithTimeout(ctx, timeout)
		err := f(bounded, try)
		cancel()
		if err == nil {
			return try + 1, nil
		}
		if ctx.Err() != nil {
			if !errors.Is(err, ctx.Err()) {
				err = fmt.Errorf("%w: %w", ctx.Err(), err)
			}
			return try + 1, err
		}
		if err = translate(err); !passing(err) || try+1 >= maxAttempts {
			return try + 1, err
		}
		pause := backoff(try, throttled(err), s.random())
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < pause {
			return try + 1, err // the pause would outlast the call: say now why it failed
		}
		if err := s.sleep(ctx, pause); err != nil {
			return try + 1, err
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func random() float64 { return rand.Float64() }

// passing reports whether trying again can help. Everything can that is not an answer of the store which it would give again.
func passing(err error) bool {
	for _, final := range []error{ErrNotFound, ErrNoBucket, ErrAccessDenied, ErrChanged, ErrExists, ErrTooLarge, ErrRange, ErrKey} {
		if errors.Is(err, final) {
			return false
		}
	}
	var e minio.ErrorResponse
	if !errors.As(err, &e) || e.StatusCode == 0 {
		return true
	}
	return e.StatusCode >= 500 || e.StatusCode == http.StatusTooManyRequests || e.StatusCode == http.StatusRequestTimeout ||
		isThrottle(e.Code) || e.Code == "RequestTimeout" || e.Code == "IncompleteBody"
}

// translate adds the package's sentinel to an answer of the store.
func translate(err error) error {
	var e minio.ErrorResponse
	if !errors.As(err, &e) {
		return err
	}
	sentinel := func() error {
		switch e.Code {
		case "NoSuchBucket":
			return ErrNoBucket
		case "NoSuchKey", "NotFound", "NoSuchUpload":
			return ErrNotFound
		case "PreconditionFailed":
			return ErrChanged
		case "InvalidRange":
			return ErrRange
		case "EntityTooLarge", "EntityTooSmall":
			return ErrTooLarge
		case "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "RequestTimeTooSkewed", "AllAccessDisabled":
			return ErrAccessDenied
		case "XAmzContentSHA256Mismatch", "BadDigest":
			return ErrContent
		}
		switch e.StatusCode {
		case http.StatusNotFound:
			return ErrNotFound
		case http.StatusForbidden, http.StatusUnauthorized:
			return ErrAccessDenied
		case http.StatusPreconditionFailed:
			return ErrChanged
		case http.StatusRequestedRangeNotSatisfiable:
			return ErrRange
		case http.StatusRequestEntityTooLarge:
			return ErrTooLarge
		}
		return nil
	}()
	if sentinel == nil || errors.Is(err, sentinel) {
		return err
	}
	return &answer{sentinel: sentinel, cause: err, code: e.Code}
}

// answer is a refusal by the store in this package's words.
type answer struct {
	sentinel, cause error
	code            string
}

func (a *answer) Error() string   { return a.sentinel.Error() + ": store says " + a.code }
func (a *answer) Unwrap() []error { return []error{a.sentinel, a.cause} }

// hint says what to do about err.
func hint(err error) string {
	var e minio.ErrorResponse
	errors.As(err, &e)
	switch {
	case e.Code == "RequestTimeTooSkewed":
		return "set this machine's clock"
	case e.Code == "SignatureDoesNotMatch":
		return "the secret key is not the one of this access key, or the region is wrong"
	case e.Code == "InvalidAccessKeyId":
		return "the store does not know this access key; check the account and the key"
	case errors.Is(err, ErrAccessDenied):
		return "these keys may not do this; writing needs the write pair"
	case errors.Is(err, ErrNoBucket):
		return "create the bucket; its name must be the account id"
	case errors.Is(err, context.DeadlineExceeded):
		return "the store was too slow or out of reach"
	}
	return ""
}
