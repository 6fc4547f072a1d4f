package program

import (
	"slices"
	"strings"
)

// Environ is PID 1's environment with more on top; later pairs win.
func Environ(maps ...map[string]string) []string {
	merged := map[string]string{}
	for _, m := range maps {
		for key, value := range m {
			merged[key] = value
		}
	}
	env := make([]string, 0, len(merged))
	for key, value := range merged {
		env = append(env, key+"="+value)
	}
	slices.Sort(env)
	return env
}

func EnvironMap(pairs []string) map[string]string {
	m := make(map[string]string, len(pairs))
	for _, pair := range pairs {
		if key, value, ok := strings.Cut(pair, "="); ok {
			m[key] = value
		}
	}
	return m
}
