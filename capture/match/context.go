package match

import (
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"

	"omsinit/internal/pack"
)

// Span is one value of a line, as its format has values.
type Span struct {
	Key        string
	Start, End int
}

// Spans finds the values of a line: what follows the key of a property, the
// strings and numbers of JSON, the parameters of an nginx directive.
func Spans(format pack.Format, line string) []Span {
	line = strings.TrimRight(line, "\r\n")
	switch format {
	case pack.JSON:
		return jsonSpans(line)
	case pack.Nginx, pack.SSHD:
		return wordSpans(line)
	}
	trimmed := strings.TrimLeft(line, " \t")
	if format == pack.Plain && strings.HasPrefix(trimmed, "<") && strings.Contains(line, ">") {
		return xmlSpans(line)
	}
	if trimmed == "" || strings.HasPrefix(trimmed, "#") || strings.HasPrefix(trimmed, ";") ||
		strings.HasPrefix(trimmed, "!") {
		return nil
	}
	at := strings.IndexAny(line, "=:")
	if at < 0 {
		if format == pack.Plain {
			return wordSpans(line)
		}
		return nil
	}
	start := at + 1
	for start < len(line) && (line[start] == ' ' || line[start] == '\t') {
		start++
	}
	s := Span{Key: strings.TrimSpace(line[:at]), Start: start, End: len(line)}
	if format == pack.Plain && s.End-s.Start >= 2 && strings.ContainsRune(`"'`, rune(line[s.Start])) &&
		line[s.End-1] == line[s.Start] {
		s.Start, s.End = s.Start+1, s.End-1
	}
	return []Span{s}
}

// xmlPiece is an attribute, or an element with nothing but text in it.
var xmlPiece = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`([\w:.-]+)="([^"]*)"|<([\w:.-]+)(?:\s[^<>]*)?>([^<>]*)</`)
})

// xmlSpans finds attributes and the texts of elements.
func xmlSpans(line string) []Span {
	var out []Span
	for at := 0; at < len(line); {
		m := xmlPiece().FindStringSubmatchIndex(line[at:])
		if m == nil {
			break
		}
		next := m[1]
		if m[2] >= 0 {
			out = append(out, Span{line[at+m[2] : at+m[3]], at + m[4], at + m[5]})
		} else {
			out = append(out, Span{line[at+m[6] : at+m[7]], at + m[8], at + m[9]})
			// The attributes of the element are looked at by themselves.
			for _, a := range xmlAttribute().FindAllStringSubmatchIndex(line[at+m[0]:at+m[8]], -1) {
				out = append(out, Span{line[at+m[0]+a[2] : at+m[0]+a[3]], at + m[0] + a[4], at + m[0] + a[5]})
			}
		}
		at += next
	}
	return out
}

var xmlAttribute = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`([\w:.-]+)="([^"]*)"`) })

// jsonSpans finds the strings and literals of a line of JSON.
func jsonSpans(line string) []Span {
	var out []Span
	key := ""
	for at := 0; at < len(line); {
		switch c := line[at]; {
		case c == '"':
			end := at + 1
			for end < len(line) && line[end] != '"' {
				if line[end] == '\\' {
					end++
				}
				end++
			}
			end = min(end, len(line))
			rest := strings.TrimLeft(line[min(end+1, len(line)):], " \t")
			if strings.HasPrefix(rest, ":") {
				key = line[at+1 : end]
			} else {
				out = append(out, Span{key, at + 1, end})
			}
			at = end + 1
		case c == '-' || unicode.IsDigit(rune(c)) || unicode.IsLetter(rune(c)):
			end := at
			for end < len(line) && !strings.ContainsRune(",]} \t", rune(line[end])) {
				end++
			}
			out = append(out, Span{key, at, end})
			at = end
		default:
			at++
		}
	}
	return out
}

// wordSpans takes the first word for the key, and the others for its values.
func wordSpans(line string) []Span {
	var out []Span
	key := ""
	for at := 0; at < len(line); {
		if strings.ContainsRune(" \t;{}", rune(line[at])) {
			at++
			continue
		}
		if line[at] == '#' {
			break
		}
		end := at
		if quote := line[at]; quote == '"' || quote == '\'' {
			at++
			end = at
			for end < len(line) && line[end] != quote {
				if line[end] == '\\' {
					end++
				}
				end++
			}
			end = min(end, len(line))
		} else {
			for end < len(line) && !strings.ContainsRune(" \t;", rune(line[end])) {
				end++
			}
		}
		if key == "" {
			key = line[at:end]
		} else {
			out = append(out, Span{key, at, end})
		}
		at = end + 1
	}
	return out
}

// parents returns, for each line, the section or the key of the object that it is
// in, for telling the password of one thing from that of another.
func parents(format pack.Format, lines []string) []string {
	out := make([]string, len(lines))
	var stack []string
	section := ""
	for i, line := range lines {
		trimmed := strings.TrimSpace(line)
		out[i] = strings.Join(append(slices.Clone(stack), section), " ")
		switch {
		case format == pack.JSON || format == pack.Nginx:
			if strings.HasPrefix(trimmed, "}") || strings.HasPrefix(trimmed, "]") {
				stack = stack[:max(0, len(stack)-1)]
			}
			if strings.HasSuffix(trimmed, "{") || strings.HasSuffix(trimmed, "[") {
				stack = append(stack, trimmed)
			}
		case strings.HasPrefix(trimmed, "["):
			section = trimmed
		}
	}
	return out
}

// Words are the words of a text, in lower case, with camelCase taken apart.
func Words(text string) []string {
	var out []string
	start := -1
	runes := []rune(text)
	for i, r := range runes {
		letter := unicode.IsLetter(r) || unicode.IsDigit(r)
		upper := letter && start >= 0 && unicode.IsUpper(r) && !unicode.IsUpper(runes[i-1])
		if start >= 0 && (!letter || upper) {
			out = append(out, strings.ToLower(string(runes[start:i])))
			start = -1
		}
		if letter && start < 0 {
			start = i
		}
	}
	if start >= 0 {
		out = append(out, strings.ToLower(string(runes[start:])))
	}
	return out
}

// alike are the words by which files speak of what a part of a key's name means.
func alike(part string) []string {
	switch part {
	case "meta":
		return []string{"metadb", "jdbc", "datasource", "database", "mysql", "db"}
	case "rm":
		return []string{"ghana", "console", "datasource"}
	case "heartbeat":
		return []string{"hb", "beat", "heart"}
	case "tsdb":
		return []string{"influx", "influxdb", "metrics", "metric"}
	case "nginx":
		return []string{"listen", "tengine", "web"}
	case "ghana":
		return []string{"console", "proxy_pass", "backend", "upstream"}
	case "supervisor":
		return []string{"agent"}
	case "sshd":
		return []string{"ssh"}
	case "password":
		return []string{"passwd", "pwd", "pass", "secret"}
	case "user", "username":
		return []string{"user", "username", "account", "uname"}
	case "host", "ip":
		return []string{"host", "ip", "addr", "address", "server"}
	case "url":
		return []string{"addr", "address", "uri", "endpoint"}
	case "location":
		return []string{"loc", "code"}
	case "nodes":
		return []string{"node", "hosts", "servers", "peers"}
	case "enabled", "enable":
		return []string{"enable", "enabled", "on", "switch"}
	case "cn":
		return []string{"zh", "chinese", "name"}
	case "release":
		return []string{"version"}
	}
	return nil
}

// Similarity returns how much a file speaks of a key around a value: for each part
// of the key's name 4 when the file has that very word, 3 when it has one that
// means the same. A word counts once.
func Similarity(v *Value, around []string) int {
	best := 0
	for _, key := range v.Keys {
		n := 0
		used := map[string]bool{}
		for _, part := range strings.Split(key, "_") {
			if part == "oms" || part == "drc" || part == "server" || part == "is" {
				continue
			}
			if slices.Contains(around, part) && !used[part] {
				n += 4
				used[part] = true
				continue
			}
			for _, w := range alike(part) {
				if slices.Contains(around, w) && !used[w] {
					n += 3
					used[w] = true
					break
				}
			}
		}
		best = max(best, n)
	}
	return best
}

// NamedLike reports whether a file's key says the same as a key of config.yaml,
// and nothing else: metrics.enable and tsdb_enabled, but not enableStorageMetrics.
func NamedLike(v *Value, fileKey string) bool {
	said := Words(fileKey)
	for _, key := range v.Keys[:1] {
		parts := strings.Split(key, "_")
		found := 0
		for _, part := range parts {
			if slices.ContainsFunc(said, func(w string) bool { return means(part, w) }) {
				found++
			}
		}
		if found < min(2, len(parts)) {
			continue
		}
		if !slices.ContainsFunc(said, func(w string) bool {
			return !empty(w) && !slices.ContainsFunc(parts, func(part string) bool { return means(part, w) })
		}) {
			return true
		}
	}
	return false
}

func means(part, word string) bool { return part == word || slices.Contains(alike(part), word) }

// empty are words of keys that say nothing about the value.
func empty(word string) bool {
	return slices.Contains([]string{"oms", "drc", "cfg", "config", "conf", "spring", "server", "service", "the", "of"}, word)
}
