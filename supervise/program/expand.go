package program

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"omsinit/internal/msg"
	"omsinit/internal/pattern"
)

// variables are the names that %(name)s may use in a program file.
type variables map[string]string

// newVariables holds what every section knows: the folder of its file, the
// host name, and the environment as ENV_x.
func newVariables(here string, env map[string]string) variables {
	v := variables{"here": here}
	if host, err := os.Hostname(); err == nil {
		v["host_node_name"] = host
	}
	for key, value := range env {
		v["ENV_"+key] = value
	}
	return v
}

// with returns a copy that knows more names.
func (v variables) with(pairs ...string) variables {
	more := make(variables, len(v)+len(pairs)/2)
	for key, value := range v {
		more[key] = value
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		more[pairs[i]] = pairs[i+1]
	}
	return more
}

// reference is what follows a percent sign, as Python's % reads it: (name), flags, width, precision, and a letter.
var reference = pattern.New(`^\(([^()]*)\)([-#0 +]*[0-9]*(?:\.[0-9]+)?)[hlL]?([a-zA-Z%])`)

// expand replaces %(name)s and %(name)02d, and %% by a percent sign, in one pass: what a variable brings in is not
// expanded again. A bare %s stays; Supervisor puts a list of all variables there.
func expand(s string, v variables) (string, error) {
	var out strings.Builder
	for from := 0; ; {
		at := strings.IndexByte(s[from:], '%')
		if at < 0 {
			out.WriteString(s[from:])
			return out.String(), nil
		}
		out.WriteString(s[from : from+at])
		from += at + 1
		rest := s[from:]
		if rest != "" && strings.IndexByte("%sra", rest[0]) >= 0 {
			out.WriteByte('%')
			if rest[0] == '%' {
				from++
			}
			continue
		}
		m := reference().FindStringSubmatch(rest)
		switch {
		case m == nil && strings.HasPrefix(rest, "(") && strings.Contains(rest, ")"):
			return "", msg.Errorf("%%%s) must end in s or d, as in %%(here)s", rest[:strings.IndexByte(rest, ')')])
		case m == nil:
			return "", msg.Errorf("a lone %% at character %d; write %%%% for a percent sign", from)
		}
		value, ok := v[m[1]]
		if !ok {
			return "", msg.Errorf("%%(%s)s is not known; an environment variable X is written %%(ENV_X)s and must be set", m[1])
		}
		text, err := format(m[1], value, m[2], m[3])
		if err != nil {
			return "", err
		}
		out.WriteString(text)
		from += len(m[0])
	}
}

// format prints a variable as Python does. Only numbers of processes are numbers there, and only they may be printed
// as such.
func format(name, value, flags, letter string) (string, error) {
	switch letter {
	case "s", "r", "a":
		return fmt.Sprintf("%"+strings.TrimLeft(flags, "0")+"s", value), nil
	case "i", "u":
		letter = "d"
	case "d", "x", "X", "o":
	default:
		return "", msg.Errorf("%%(%s) must end in s or d, as in %%(%s)s", name, name)
	}
	n, err := strconv.Atoi(value)
	if err != nil {
		return "", msg.Errorf("%%(%s)d is %q, not a number", name, value)
	}
	return fmt.Sprintf("%"+flags+letter, n), nil
}

var (
	shellWord = pattern.New(`^(?s:[^ \t\r\n"'\\]|\\.|'[^']*'|"(?:[^"\\]|\\.)*")+`)
	shellPart = pattern.New(`(?s)\\.|'[^']*'|"(?:[^"\\]|\\.)*"`)
	escaped   = pattern.New(`\\(["\\])`)
)

// splitCommand splits a command line into words as a shell would: quotes and backslashes, but no variables, patterns
// or pipes.
func splitCommand(line string) (words []string, err error) {
	const blank = " \t\r\n"
	if !strings.ContainsAny(line, `"'\`) {
		isBlank := func(r rune) bool { return strings.ContainsRune(blank, r) }
		return append(words, strings.FieldsFunc(line, isBlank)...), nil
	}
	for rest := strings.TrimLeft(line, blank); rest != ""; rest = strings.TrimLeft(rest, blank) {
		word := shellWord().FindString(rest)
		switch {
		case word == "" && rest == `\`:
			return nil, msg.Errorf("it ends in a backslash")
		case word == "":
			return nil, msg.Errorf("a %s quote is not closed", rest[:1])
		}
		words = append(words, shellPart().ReplaceAllStringFunc(word, unquote))
		rest = rest[len(word):]
	}
	return words, nil
}

// unquote returns what a part of a word means.
func unquote(part string) string {
	switch part[0] {
	case '\\':
		return part[1:]
	case '"':
		return escaped().ReplaceAllString(part[1:len(part)-1], "$1")
	}
	return part[1 : len(part)-1]
}
