package hub

import (
	"fmt"
	"log/slog"
)

// Token is an access token. It is never printed, logged or encoded; only the request to the endpoint holds its text.
type Token string

const redacted = "[secret]"

// String hides the text.
func (Token) String() string { return redacted }

// Format hides the text from every verb.
func (Token) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// LogValue hides the text.
func (Token) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText hides the text.
func (Token) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// maxToken is far above the length of any token, in bytes.
const maxToken = 4096

// valid reports whether the token can stand in a header.
func (t Token) valid() bool {
	for i := range len(t) {
		if t[i] <= ' ' || t[i] > '~' {
			return false
		}
	}
	return len(t) <= maxToken
}
