package program

import (
	"regexp"
	"slices"
	"strings"

	"omsinit/internal/msg"
	"omsinit/internal/pattern"
)

// Environ returns base, pairs KEY=value of different keys, and those of all maps, sorted; those of later maps win.
func Environ(base []string, maps ...map[string]string) []string {
	own := map[string]string{}
	for _, m := range maps {
		for key, value := range m {
			own[key] = value
		}
	}
	env := make([]string, 0, len(base)+len(own))
	for _, pair := range base {
		key, _, _ := strings.Cut(pair, "=")
		if _, replaced := own[key]; !replaced {
			env = append(env, pair)
		}
	}
	for key, value := range own {
		env = append(env, key+"="+value)
	}
	slices.Sort(env)
	return env
}

// ParseEnviron returns KEY=value pairs as a map; later pairs win.
func ParseEnviron(pairs []string) map[string]string {
	m := make(map[string]string, len(pairs))
	for _, pair := range pairs {
		if key, value, ok := strings.Cut(pair, "="); ok {
			m[key] = value
		}
	}
	return m
}

// environmentToken is a part of an environment option as Supervisor's reader (Python's shlex) sees it: a quoted text, a
// word, or a single character. A reference to a variable is part of a word: what it brings in is no comma and no quote.
var environmentToken = func() *regexp.Regexp {
	const word = `(?:[\w./+():-]|%\([^()]*\)[-#0 +0-9.]*[a-zA-Z])`
	return regexp.MustCompile(`^(?:"[^"]*"|'[^']*'|` + word + `(?:` + word + `|['"])*|[^\s"'])`)
}()

// splitEnvironment reads KEY=value,KEY="va,lue",KEY='value' as Supervisor does: every fourth part separates, whatever
// it is, and a # begins a comment. What Supervisor refuses for a character that only quotes may hold, such as @, is
// read up to the next comma, and plain is false. Values are expanded one by one.
func splitEnvironment(text string, v variables) (env map[string]string, plain bool, err error) {
	var tokens []string
	for rest := strings.TrimSpace(text); rest != ""; rest = strings.TrimSpace(rest) {
		if rest[0] == '#' {
			_, rest, _ = strings.Cut(rest, "\n")
			continue
		}
		token := environmentToken.FindString(rest)
		if token == "" { // a quote that is not closed
			env, err = splitAtCommas(text, v)
			return env, false, err
		}
		tokens = append(tokens, token)
		rest = rest[len(token):]
	}
	env = map[string]string{}
	for i := 0; i < len(tokens); i += 4 {
		if i+2 >= len(tokens) || tokens[i+1] != "=" {
			env, err = splitAtCommas(text, v)
			return env, false, err
		}
		value, err := expand(strings.Trim(tokens[i+2], `'"`), v)
		if err != nil {
			return nil, true, err
		}
		env[tokens[i]] = value
	}
	return env, true, nil
}

var environmentEntry = pattern.New(
	`^\s*["']?([^\s,="']+)["']?\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s,"'](?:[^,]*[^\s,])?))\s*(?:,\s*|$)`)

// splitAtCommas reads what splitEnvironment cannot. The error does not quote a value, which may be secret.
func splitAtCommas(text string, v variables) (map[string]string, error) {
	env := map[string]string{}
	for rest := text; rest != ""; {
		m := environmentEntry().FindStringSubmatch(rest)
		if m == nil {
			return nil, msg.Errorf("entry %d is not KEY=value or KEY=\"value\", with a comma before the next",
				len(env)+1)
		}
		value, err := expand(m[2]+m[3]+m[4], v)
		if err != nil {
			return nil, err
		}
		env[m[1]], rest = value, rest[len(m[0]):]
	}
	return env, nil
}
