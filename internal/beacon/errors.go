package beacon

import (
	"fmt"
	"strings"
	"time"
)

// Attempt is what one relay did with one request.
type Attempt struct {
	Relay string
	URL   string
	Took  time.Duration
	Err   error
}

// RelayError says that no relay gave a valid round, and what each of them did. It is ErrUnavailable; where every relay gave something
// that does not verify it is ErrInvalid as well, through the attempts' errors.
type RelayError struct {
	// Round is the round asked for, 0 for the latest.
	Round    uint64
	Attempts []Attempt
	cause    error
}

func (e *RelayError) because(err error) *RelayError {
	e.cause = err
	return e
}

// Error lists the attempts, one a clause.
func (e *RelayError) Error() string {
	var b strings.Builder
	if e.Round == 0 {
		b.WriteString("couldn't get latest beacon round")
	} else {
		fmt.Fprintf(&b, "couldn't get beacon round %d", e.Round)
	}
	if e.cause != nil {
		fmt.Fprintf(&b, ": %v", e.cause)
	}
	fmt.Fprintf(&b, ": %d attempts failed", len(e.Attempts))
	for _, a := range e.Attempts {
		fmt.Fprintf(&b, "; %s after %s: %v", a.Relay, a.Took.Round(time.Millisecond), a.Err)
	}
	return b.String()
}

// Unwrap lets errors.Is find ErrUnavailable, the context's error and the errors of the attempts.
func (e *RelayError) Unwrap() []error {
	errs := []error{ErrUnavailable}
	if e.cause != nil {
		errs = append(errs, e.cause)
	}
	for _, a := range e.Attempts {
		errs = append(errs, a.Err)
	}
	return errs
}
