package pack

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"omsinit/internal/config"
	"omsinit/internal/msg"
)

// valueError is a value that cannot be written. The value itself is not in it:
// it may be a secret.
type valueError struct {
	keys string // the keys of the action
	why  msg.Message
}

func (e *valueError) Error() string { return fmt.Sprintf("%s: %s", e.keys, e.why) }

// text makes the text of one value.
func text(value any) (string, error) {
	switch v := value.(type) {
	case string:
		return v, nil
	case config.Secret:
		return v.Reveal(), nil
	case int:
		return strconv.Itoa(v), nil
	case bool:
		return strconv.FormatBool(v), nil
	}
	return "", fmt.Errorf("it is a %T", value)
}

// escaper is the function that is appended to every action of a template.
type escaper func(keys string, value any) (string, error)

func newEscaper(escape func(string) (string, error)) escaper {
	return func(keys string, value any) (string, error) {
		s, err := text(value)
		if err != nil {
			return "", &valueError{keys, msg.M(
				"only text, numbers and booleans can be written; use {{range}} for a list")}
		}
		if !utf8.ValidString(s) {
			return "", &valueError{keys, msg.M("the value is not valid UTF-8")}
		}
		if strings.ContainsAny(s, "\n\r\x00") {
			return "", &valueError{keys, msg.M("the value holds a line break or a NUL character")}
		}
		s, err = escape(s)
		if err != nil {
			return "", &valueError{keys, msg.M("%v", err)}
		}
		return s, nil
	}
}

// escapers are the rules of each format. nginx is chosen per template, see
// escapeNginx.
var escapers = map[Format]func(string) (string, error){
	Properties: escapeProperties,
	JSON:       escapeJSON,
	Nginx:      escapeNginx(false),
	INI:        escapeINI,
	SSHD:       escapeQuoted,
	Plain:      unescaped,
	SQL:        escapeSQL,
}

func unescaped(s string) (string, error) { return s, nil }

// spelledEscaper is the rule of a format in one of its spellings.
func spelledEscaper(format Format, spelling Spelling) (escape func(string) (string, error), ok bool) {
	escape, ok = escapers[format]
	switch {
	case spelling == Standard:
		return escape, ok
	case spelling == Raw && format != SQL:
		return unescaped, ok
	case spelling == UTF8 && format == Properties:
		return escapePropertiesUTF8, true
	case spelling == Store && format == Properties:
		return escapePropertiesStore, true
	case spelling == ASCII && format == JSON:
		return escapeJSONASCII, true
	}
	return nil, false
}

// Spellings returns the ways in which a format can be written, Standard first
// and Raw last.
func Spellings(format Format) []Spelling {
	var out []Spelling
	for _, s := range []Spelling{Standard, UTF8, Store, ASCII, Raw} {
		if _, ok := spelledEscaper(format, s); ok && !(format == Plain && s == Raw) {
			out = append(out, s)
		}
	}
	return out
}

// Escape returns a text as a value of a format is written; ok is false for a text
// that the format cannot hold.
func Escape(format Format, text string) (escaped string, ok bool) {
	return EscapeAs(format, Standard, text)
}

// EscapeAs is Escape in one of the format's spellings.
func EscapeAs(format Format, spelling Spelling, text string) (escaped string, ok bool) {
	escape, ok := spelledEscaper(format, spelling)
	if !ok {
		return "", false
	}
	escaped, err := escape(text)
	return escaped, err == nil
}

// escapeProperties escapes the value of a Java property. Everything beyond
// ASCII is written \uXXXX, so that it does not matter whether a program reads
// the file as Latin-1 or as UTF-8. The characters = : # ! mean something only
// at the start; elsewhere they stay as they are, because people and documented
// shell recipes read URLs out of these files (oms-facts §5).
func escapeProperties(s string) (string, error) { return escapeProperty(s, `\u%04x`), nil }

func escapeProperty(s, unitForm string) string {
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == '\\', i == 0 && strings.ContainsRune(" =:#!", r):
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\f':
			b.WriteString(`\f`)
		case r < ' ' || r > '~':
			for _, unit := range utf16.Encode([]rune{r}) {
				fmt.Fprintf(&b, unitForm, unit)
			}
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// escapePropertiesUTF8 leaves what is beyond ASCII as it is, for programs that
// read the file as UTF-8.
func escapePropertiesUTF8(s string) (string, error) {
	var b strings.Builder
	for i, r := range s {
		text := string(r)
		if r < utf8.RuneSelf {
			text, _ = escapeProperties(text)
			if i > 0 && strings.ContainsRune(" =:#!", r) {
				text = string(r)
			}
		}
		b.WriteString(text)
	}
	return b.String(), nil
}

// escapePropertiesStore writes as java.util.Properties.store does: = : # and !
// with a backslash wherever they stand.
func escapePropertiesStore(s string) (string, error) {
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\f':
			b.WriteString(`\f`)
		case r < ' ' || r > '~':
			for _, unit := range utf16.Encode([]rune{r}) {
				fmt.Fprintf(&b, `\u%04X`, unit)
			}
		case r == '\\', strings.ContainsRune("=:#!", r), r == ' ' && i == 0:
			b.WriteByte('\\')
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String(), nil
}

// escapeJSON escapes what stands inside the quotes of a JSON string. Numbers
// and booleans come through as they are.
func escapeJSON(s string) (string, error) {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		return "", err
	}
	quoted := strings.TrimSuffix(b.String(), "\n")
	return quoted[1 : len(quoted)-1], nil
}

// escapeJSONASCII writes as Python's json module does unless it is told
// otherwise.
func escapeJSONASCII(s string) (string, error) {
	s, err := escapeJSON(s)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, r := range s {
		if r < 0x7f {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&b, `\u%04x`, unit)
		}
	}
	return b.String(), nil
}

// escapeSQL escapes what stands inside the single quotes of an SQL string.
func escapeSQL(s string) (string, error) {
	return strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(s), nil
}

// escapeQuoted escapes what stands inside double quotes, where only the quote
// and the backslash mean something (OpenSSH argv_split, shlex).
func escapeQuoted(s string) (string, error) {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s), nil
}

// escapeNginx escapes what stands inside the double quotes of an nginx
// parameter. nginx has no escape for the dollar of a variable; the usual way
// out is a variable that holds one: a template that defines
// `geo $dollar { default "$"; }` can hold such values in every directive that
// takes variables.
func escapeNginx(hasDollar bool) func(string) (string, error) {
	return func(s string) (string, error) {
		s, _ = escapeQuoted(s)
		if !strings.Contains(s, "$") {
			return s, nil
		}
		if !hasDollar {
			return "", msg.Errorf("the value holds a $, which nginx would take for a variable; define `geo $dollar { default \"$\"; }` in the template")
		}
		return strings.ReplaceAll(s, "$", "${dollar}"), nil
	}
}

// escapeINI escapes a value of a program file. Supervisor expands %(name)s, so
// a percent sign is doubled; a semicolon or a hash after white space starts a
// comment and white space at the ends is dropped, and nothing can escape that.
func escapeINI(s string) (string, error) {
	if strings.TrimFunc(s, unicode.IsSpace) != s {
		return "", msg.Errorf("white space at the start or the end of the value cannot be kept in a program file")
	}
	for _, mark := range []string{" ;", " #", "\t;", "\t#"} {
		if strings.Contains(s, mark) {
			return "", msg.Errorf("%q in the value would start a comment in a program file", mark)
		}
	}
	return strings.ReplaceAll(s, "%", "%%"), nil
}
