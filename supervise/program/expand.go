package program

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"omsinit/internal/msg"
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

// expand replaces %(name)s and %(name)02d, and %% by a percent sign, in one
// pass: what a variable brings in is not expanded again.
func expand(s string, v variables) (string, error) {
	var out strings.Builder
	for {
		at := strings.IndexByte(s, '%')
		if at < 0 {
			out.WriteString(s)
			return out.String(), nil
		}
		out.WriteString(s[:at])
		s = s[at+1:]
		if strings.HasPrefix(s, "%") {
			out.WriteByte('%')
			s = s[1:]
			continue
		}
		name, rest, ok := strings.Cut(s, ")")
		if !ok || !strings.HasPrefix(name, "(") {
			return "", msg.Errorf("a lone %% before %q; write %%%% for a percent sign", s)
		}
		name = name[1:]
		verb := strings.IndexAny(rest, "sd")
		if verb < 0 || strings.Trim(rest[:verb], "0123456789-") != "" {
			return "", msg.Errorf("%%(%s) must end in s or d, as in %%(%s)s", name, name)
		}
		value, known := v[name]
		if !known {
			return "", msg.Errorf("%%(%s)s is not known; an environment variable X is written %%(ENV_X)s and must be set", name)
		}
		if rest[verb] == 'd' {
			n, err := strconv.Atoi(value)
			if err != nil {
				return "", msg.Errorf("%%(%s)d is %q, not a number", name, value)
			}
			fmt.Fprintf(&out, "%"+rest[:verb+1], n)
		} else {
			fmt.Fprintf(&out, "%"+rest[:verb+1], value)
		}
		s = rest[verb+1:]
	}
}

// splitCommand splits a command line into words as a shell would: quotes and
// backslashes, but no variables, patterns or pipes.
func splitCommand(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	inWord := false
	var quote byte
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case quote == '\'':
			if c == '\'' {
				quote = 0
			} else {
				word.WriteByte(c)
			}
		case quote == '"':
			switch {
			case c == '"':
				quote = 0
			case c == '\\' && i+1 < len(line) && strings.IndexByte(`"\`, line[i+1]) >= 0:
				i++
				word.WriteByte(line[i])
			default:
				word.WriteByte(c)
			}
		case c == '\'' || c == '"':
			quote, inWord = c, true
		case c == '\\':
			if i+1 == len(line) {
				return nil, msg.Errorf("it ends in a backslash")
			}
			i++
			word.WriteByte(line[i])
			inWord = true
		case c == ' ' || c == '\t' || c == '\n':
			if inWord {
				words = append(words, word.String())
				word.Reset()
				inWord = false
			}
		default:
			word.WriteByte(c)
			inWord = true
		}
	}
	if quote != 0 {
		return nil, msg.Errorf("a %s quote is not closed", string(quote))
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}

// splitEnvironment reads KEY=value,KEY="va,lue",KEY='value'. Values are
// expanded one by one, so that a variable cannot bring in a comma or a quote.
func splitEnvironment(text string, v variables) (map[string]string, error) {
	out := map[string]string{}
	rest := strings.TrimSpace(text)
	for rest != "" {
		key, after, ok := strings.Cut(rest, "=")
		key = strings.TrimSpace(key)
		if !ok || key == "" || strings.ContainsAny(key, ", \t\n\"'") {
			return nil, msg.Errorf("%q is not KEY=value,KEY=\"value\"", rest)
		}
		after = strings.TrimLeft(after, " \t")
		var value string
		if after != "" && (after[0] == '"' || after[0] == '\'') {
			value, rest, ok = strings.Cut(after[1:], after[:1])
			if !ok {
				return nil, msg.Errorf("the quote of %s is not closed", key)
			}
			rest = strings.TrimSpace(rest)
			if rest != "" && rest[0] != ',' {
				return nil, msg.Errorf("a comma is missing before %q", rest)
			}
			rest = strings.TrimPrefix(rest, ",")
		} else {
			value, rest, _ = strings.Cut(after, ",")
			value = strings.TrimSpace(value)
			if value == "" {
				return nil, msg.Errorf("%s has no value; write %s=\"\" for an empty one", key, key)
			}
		}
		expanded, err := expand(value, v)
		if err != nil {
			return nil, err
		}
		out[key] = expanded
		rest = strings.TrimSpace(rest)
	}
	return out, nil
}
