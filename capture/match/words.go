package match

import (
	"slices"
	"strings"

	"omsinit/internal/pattern"
)

// Words are the words of a text, in lower case, with camelCase taken apart.
func Words(text string) []string {
	words := wordPattern().FindAllString(text, -1)
	for i := range words {
		words[i] = strings.ToLower(words[i])
	}
	return words
}

// wordPattern begins a new word at an upper-case letter that follows another character.
var wordPattern = pattern.New(`\p{Lu}*[\p{Ll}\p{Lt}\p{Lm}\p{Lo}\p{Nd}]+|\p{Lu}+`)

// alike are the words by which files speak of what a part of a key's name means.
var alike = map[string][]string{
	"meta":       {"metadb", "jdbc", "datasource", "database", "mysql", "db"},
	"rm":         {"ghana", "console", "datasource"},
	"heartbeat":  {"hb", "beat", "heart"},
	"tsdb":       {"influx", "influxdb", "metrics", "metric"},
	"nginx":      {"listen", "tengine", "web"},
	"ghana":      {"console", "proxy_pass", "backend", "upstream"},
	"supervisor": {"agent"},
	"sshd":       {"ssh"},
	"password":   {"passwd", "pwd", "pass", "secret"},
	"user":       {"username", "account", "uname"},
	"username":   {"user", "account", "uname"},
	"host":       {"ip", "addr", "address", "server"},
	"ip":         {"host", "addr", "address", "server"},
	"url":        {"addr", "address", "uri", "endpoint"},
	"location":   {"loc", "code"},
	"nodes":      {"node", "hosts", "servers", "peers"},
	"enabled":    {"enable", "on", "switch"},
	"enable":     {"enabled", "on", "switch"},
	"cn":         {"zh", "chinese", "name"},
	"release":    {"version"},
}

// Similarity returns how much a file speaks of a key around a value: for each part of the key's name 4 when the file
// has that very word, 3 when it has one that means the same. A word counts once.
func Similarity(v *Value, around []string) int {
	best := 0
	for _, key := range v.Keys {
		n := 0
		used := map[string]bool{}
		for _, part := range strings.Split(key, "_") {
			if slices.Contains([]string{"oms", "drc", "server", "is"}, part) {
				continue
			}
			for i, w := range append([]string{part}, alike[part]...) {
				if slices.Contains(around, w) && !used[w] {
					n += 4 - min(i, 1)
					used[w] = true
					break
				}
			}
		}
		best = max(best, n)
	}
	return best
}

// NamedLike reports whether a file's key says the same as the key of a value, and nothing else: metrics.enable and
// tsdb_enabled, but not enableStorageMetrics.
func NamedLike(v *Value, fileKey string) bool {
	parts := strings.Split(v.Keys[0], "_")
	words := Words(fileKey)
	found := 0
	for _, part := range parts {
		if slices.ContainsFunc(words, func(w string) bool { return means(part, w) }) {
			found++
		}
	}
	return found >= min(2, len(parts)) && !slices.ContainsFunc(words, func(w string) bool {
		return !slices.Contains(fillers, w) &&
			!slices.ContainsFunc(parts, func(part string) bool { return means(part, w) })
	})
}

func means(part, word string) bool { return part == word || slices.Contains(alike[part], word) }

// fillers are words of keys that say nothing about the value.
var fillers = []string{"oms", "drc", "cfg", "config", "conf", "spring", "server", "service", "the", "of"}
