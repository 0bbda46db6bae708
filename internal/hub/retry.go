package hub

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// errUnknownQuestion says that the endpoint doesn't know the question.
var errUnknownQuestion = errors.New("the endpoint does not know the question")

// passing is a failure that another attempt may not meet.
type passing struct {
	error
	// after is how long the server asks to wait.
	after time.Duration
}

func (p passing) Unwrap() error { return p.error }

// retryTell hears of a failure that is tried again after a pause.
type retryTell func(err error, wait time.Duration)

// Pauses between attempts: from firstPause, doubled each time up to longestPause, each a random part between a half and the whole of that.
const (
	firstPause   = 500 * time.Millisecond
	longestPause = 30 * time.Second
)

// pause is how long to wait after the n-th failure in a row (1, 2, …), for u in [0, 1).
func pause(n int, u float64) time.Duration {
	d := longestPause
	if n < 8 {
		d = min(firstPause<<(n-1), longestPause)
	}
	return d/2 + time.Duration(u*float64(d/2))
}

// attempt runs f until it succeeds, fails for good, or has failed Options.Attempts times in a row without gaining anything. Before each try
// it waits as long as the endpoint has asked anybody to. tell, if not nil, hears of each failure that is tried again.
func (c *Client) attempt(ctx context.Context, tell retryTell, f func(ctx context.Context) (gained bool, err error)) error {
	for failures := 0; ; {
		for d := c.gate.left(); d > 0; d = c.gate.left() {
			if err := sleep(ctx, d); err != nil {
				return err
			}
		}
		gained, err := f(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		p := passing{}
		if !errors.As(err, &p) {
			return err
		}
		if gained {
			failures = 0
		}
		if failures++; failures >= c.opt.Attempts {
			return hinted{fmt.Errorf("%w (after %d attempts)", err, failures), c.offlineHint(err)}
		}
		wait := c.pause(failures)
		if p.after > c.opt.Patience {
			return hinted{fmt.Errorf("%w: the endpoint asks to wait %s", ErrThrottled, p.after.Round(time.Second)), "run the same command again then; what has arrived is kept, and with HF_TOKEN the limits are higher"}
		}
		if p.after > 0 {
			// A tenth more at random, so that all workers don't come back in the same moment.
			wait = p.after + time.Duration(rand.Float64()*float64(p.after)/10)
			c.gate.close(wait)
		}
		if tell != nil {
			tell(err, wait)
		}
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// offlineHint tells what to do when attempts are used up.
func (c *Client) offlineHint(err error) string {
	if errors.Is(err, ErrThrottled) {
		return "wait some minutes and run the same command again; with HF_TOKEN the limits are higher"
	}
	return "check the connection, or set HF_ENDPOINT to a mirror; the same command goes on where this one stopped"
}

// sleep waits for d or the end of ctx.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// statusError makes an error of an answer that is none. home says whether the endpoint itself gave it.
func statusError(resp *http.Response, host string, home bool) error {
	code, reason := resp.StatusCode, resp.Header.Get("X-Error-Code")
	text := fmt.Sprintf("%s answers %d %s", host, code, http.StatusText(code))
	switch {
	case code == http.StatusTooManyRequests:
		return passing{fmt.Errorf("%w: %s", ErrThrottled, text), retryAfter(resp.Header.Get("Retry-After"))}
	case code == http.StatusNotImplemented:
		return fmt.Errorf("%w: %w: %s", ErrProtocol, errUnknownQuestion, text)
	case code >= 500 || code == http.StatusRequestTimeout || code == http.StatusTooEarly:
		return passing{fmt.Errorf("%w: %s", ErrOffline, text), retryAfter(resp.Header.Get("Retry-After"))}
	case code == http.StatusRequestedRangeNotSatisfiable:
		return errChanged
	case !home && code >= 400:
		return passing{error: fmt.Errorf("%w: %s", ErrProtocol, text)} // a signed address that has run out: the endpoint gives another
	case reason == "RevisionNotFound":
		return hinted{fmt.Errorf("%w: the model has no such revision", ErrNotFound), "check the spelling after the @; main is the usual branch"}
	case reason == "GatedRepo":
		return hinted{fmt.Errorf("%w: the model is gated: %s", ErrDenied, text), "accept the licence on the model's page, and set HF_TOKEN to a token of that account"}
	case code == http.StatusNotFound, code == http.StatusGone, reason == "RepoNotFound":
		return hinted{fmt.Errorf("%w: %s", ErrNotFound, text), "check the spelling of ORG/NAME and of the revision; a private model needs HF_TOKEN"}
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		return hinted{fmt.Errorf("%w: %s", ErrDenied, text), "set HF_TOKEN to a token that may read this model, and accept the licence on the model's page if it has one; the spelling may be wrong too"}
	}
	return fmt.Errorf("%w: %s", ErrProtocol, text)
}

// retryAfter reads a number of seconds or a date; 0 for anything else or in the past.
func retryAfter(s string) time.Duration {
	s = strings.TrimSpace(s)
	if n, err := strconv.ParseUint(s, 10, 32); err == nil {
		return time.Duration(n) * time.Second
	}
	if t, err := http.ParseTime(s); err == nil {
		return max(time.Until(t), 0)
	}
	return 0
}
