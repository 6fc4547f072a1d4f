package config

import (
	"slices"
	"strings"

	"omsinit/internal/finding"
)

// suggest returns the key of OMS that a person probably meant by an unknown one.
func suggest(name string) (*Key, bool) {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.Name
	}
	return find(finding.Nearest(name, names))
}

// Meant returns the key that a person probably meant by one that OMS does not know; "" for a known key, and when none
// is near.
func Meant(name string) string {
	if _, ok := find(name); ok {
		return ""
	}
	if _, ok := findFileKey(name); ok {
		return ""
	}
	if k, ok := suggest(name); ok {
		return k.Name
	}
	return ""
}

// secretWords are in the names of keys whose values must not be shown.
var secretWords = []string{"passw", "pwd", "secret", "token", "credential",
	"access_key", "accesskey", "private_key", "privatekey", "api_key", "apikey"}

// SoundsSecret reports whether a key of any file is named like a secret.
func SoundsSecret(name string) bool {
	name = strings.NewReplacer("-", "_", ".", "_").Replace(strings.ToLower(name))
	return slices.ContainsFunc(secretWords, func(word string) bool { return strings.Contains(name, word) })
}
