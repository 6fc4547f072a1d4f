package config

import (
	"fmt"
	"log/slog"

	"omsinit/internal/finding"
)

// Masked is what a person sees in the place of a secret.
const Masked = finding.Masked

// Secret is a text that must not be shown. Printing, logging or marshalling it
// in any way writes Masked, whether it is empty or not; Reveal returns the text.
//
// Keep Secrets in exported struct fields: package fmt cannot call the methods
// of an unexported field, and would print the text when it prints that struct.
type Secret string

// Reveal returns the text, for the one place that really needs it.
func (s Secret) Reveal() string { return string(s) }

// String implements fmt.Stringer.
func (Secret) String() string { return Masked }

// GoString implements fmt.GoStringer.
func (Secret) GoString() string { return Masked }

// Format implements fmt.Formatter, so that no verb shows the text: %x would.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(Masked)) }

// MarshalJSON implements json.Marshaler.
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + Masked + `"`), nil }

// MarshalYAML implements yaml.Marshaler.
func (Secret) MarshalYAML() (any, error) { return Masked, nil }

// MarshalText implements encoding.TextMarshaler, for XML and the like. JSON does
// not ask it for the keys of maps: a Secret must not be one.
func (Secret) MarshalText() ([]byte, error) { return []byte(Masked), nil }

// LogValue implements slog.LogValuer.
func (Secret) LogValue() slog.Value { return slog.StringValue(Masked) }
