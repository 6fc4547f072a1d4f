// Package msg holds what a person reads in two languages.
//
// The English text is the key: zh.po holds the Chinese of every text, in the
// format of gettext, and a text that is missing there stays English. The tests
// of this package hold the catalogue against the source of the whole module.
//
// Errors made with Errorf are ordinary wrapped errors whose Error is English;
// Text renders the same chain in another language where it is printed.
//
// golang.org/x/text/message is not used: its %d groups digits, so that a port
// would be printed as 8,089.
package msg

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
)

// Lang is a language a person can choose.
type Lang string

// The languages there are.
const (
	English Lang = "en"
	Chinese Lang = "zh"
)

// Parse reads what a person wrote in --lang or OMS_LANG: en, zh, or a locale
// name such as zh_CN.UTF-8.
func Parse(s string) (Lang, bool) {
	base, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(s)), ".")
	base, _, _ = strings.Cut(strings.ReplaceAll(base, "-", "_"), "_")
	switch base {
	case "zh", "cn", "chinese":
		return Chinese, true
	case "en", "english", "c", "posix":
		return English, true
	}
	return English, false
}

// FromEnv picks the language from OMS_LANG and then the locale (LC_ALL,
// LC_MESSAGES, LANG), English if none of them says Chinese.
func FromEnv(getenv func(string) string) Lang {
	if getenv == nil {
		getenv = os.Getenv
	}
	if l, ok := Parse(getenv("OMS_LANG")); ok {
		return l
	}
	for _, key := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := getenv(key); v != "" {
			l, _ := Parse(v)
			return l
		}
	}
	return English
}

// Sprintf formats in the language. Arguments that are errors, or
// have a method In(Lang) string, are rendered in it as well.
func (l Lang) Sprintf(format string, args ...any) string {
	return fmt.Sprintf(withoutWrapping(l.lookup(format)), l.render(args)...)
}

var wrapVerb = regexp.MustCompile(`%(?:%|[-+# 0-9.*\[\]]*w)`)

// withoutWrapping writes %v for each %w, which only fmt.Errorf knows.
func withoutWrapping(format string) string {
	return wrapVerb.ReplaceAllStringFunc(format, func(verb string) string {
		if flags, ok := strings.CutSuffix(verb, "w"); ok {
			return flags + "v"
		}
		return verb
	})
}

func (l Lang) lookup(format string) string {
	if l == Chinese {
		if zh, ok := chinese()[format]; ok {
			return zh
		}
	}
	return format
}

func (l Lang) render(args []any) []any {
	out := make([]any, len(args))
	for i, a := range args {
		switch v := a.(type) {
		case error:
			out[i] = l.Text(v)
		case interface{ In(Lang) string }:
			out[i] = v.In(l)
		default:
			out[i] = a
		}
	}
	return out
}

// Text renders an error in the language. Errors that were not made here keep
// their own words: a server's or the system's answer is quoted as it is.
func (l Lang) Text(err error) string {
	if err == nil {
		return ""
	}
	if e, ok := err.(localized); ok {
		return e.In(l)
	}
	var e localized
	if !errors.As(err, &e) {
		return err.Error()
	}
	// Something wrapped ours: keep its words around the translated part.
	return strings.Replace(err.Error(), e.Error(), e.In(l), 1)
}

// localized is an error that knows its words in both languages.
type localized interface {
	error
	In(Lang) string
}

// Message is a text that is rendered where it is printed.
type Message struct {
	Format string
	Args   []any
}

// M makes a Message.
func M(format string, args ...any) Message { return Message{Format: format, Args: args} }

// In renders the message in a language.
func (m Message) In(l Lang) string { return l.Sprintf(m.Format, m.Args...) }

// String renders the message in English.
func (m Message) String() string { return m.In(English) }

// MarshalText returns the English words: the form that a message has in JSON
// for scripts. Where a person reads the JSON later, in a language of their own,
// it holds a Text.
func (m Message) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// IsZero reports whether there is no message.
func (m Message) IsZero() bool { return m.Format == "" }

// Error is an error whose words exist in both languages.
type Error struct {
	Message
	wrapped error
}

// Errorf is fmt.Errorf for people: each %w wraps its error as there, and the
// format has its Chinese in the catalogue.
func Errorf(format string, args ...any) error {
	e := &Error{Message: M(format, args...)}
	switch w := fmt.Errorf(format, args...).(type) {
	case interface{ Unwrap() error }:
		e.wrapped = w.Unwrap()
	case interface {
		error
		Unwrap() []error
	}:
		e.wrapped = w // several: errors.Is and errors.As look into all of them
	}
	return e
}

// Error returns the English words.
func (e *Error) Error() string { return e.In(English) }

// Unwrap returns the error at %w, nil without one. Behind several %w it is one
// error that wraps them all.
func (e *Error) Unwrap() error { return e.wrapped }
