package bucket

import (
	"fmt"
	"log/slog"
)

// Secret is text that is never printed, logged or encoded. Convert it to string where it is used.
type Secret string

const redacted = "[secret]"

// String, Format, LogValue and MarshalText hide the text from every way of printing it.
func (Secret) String() string { return redacted }

// Format hides the text.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// LogValue hides the text.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText hides the text.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
