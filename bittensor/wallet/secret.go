package wallet

import (
	"fmt"
	"io"
	"log/slog"
)

// Secret holds a password or phrase. It is never printed or encoded. Copies share the bytes, and Wipe clears them for all.
// The zero value is empty.
type Secret struct {
	held *guarded
}

// guarded is behind two pointers: printing a struct with a Secret inside follows one of them where the verb does not fit, never two.
type guarded struct {
	text *[]byte
}

// NewSecret takes over the bytes: the caller must not use them any more.
func NewSecret(text []byte) Secret { return Secret{&guarded{&text}} }

// Reveal returns the bytes themselves, not a copy.
func (s Secret) Reveal() []byte {
	if s.held == nil {
		return nil
	}
	return *s.held.text
}

// Empty reports whether there is nothing in it.
func (s Secret) Empty() bool { return len(s.Reveal()) == 0 }

// Wipe overwrites the bytes. What the runtime copied before, for instance while growing a stack, is out of reach.
func (s Secret) Wipe() {
	if s.held == nil {
		return
	}
	clear(*s.held.text)
	*s.held.text = nil
}

const redacted = "[secret]"

// String returns [secret].
func (Secret) String() string { return redacted }

// Format prints [secret] for every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText gives [secret], and so do JSON and all encoders that build on it.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue gives [secret] to log/slog.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

func (guarded) Format(f fmt.State, _ rune)   { _, _ = io.WriteString(f, redacted) }
func (guarded) MarshalText() ([]byte, error) { return []byte(redacted), nil }
