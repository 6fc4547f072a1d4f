package config

import (
	"slices"
	"strings"

	"github.com/xrash/smetrics"
)

// suggest returns the key of OMS that a person probably meant by an unknown one.
func suggest(name string) (*Key, bool) {
	const longest = 48 // no key is longer; it bounds the work
	name = strings.NewReplacer("-", "_", ".", "_", " ", "_").Replace(strings.ToLower(strings.TrimSpace(name)))
	if name == "" || len(name) > longest {
		return nil, false
	}
	var best *Key
	// One letter that is missing, wrong or too many for every five of the name, three at most.
	nearest := min(1+len(name)/5, 3) + 1
	for i := range keys {
		if d := smetrics.Ukkonen(name, keys[i].Name, 1, 1, 1); d < nearest {
			best, nearest = &keys[i], d
		}
	}
	return best, best != nil
}

// secretWords are in the names of keys whose values must not be shown.
var secretWords = []string{"passw", "pwd", "secret", "token", "credential",
	"access_key", "accesskey", "private_key", "privatekey", "api_key", "apikey"}

// SoundsSecret reports whether a key of any file is named like a secret.
func SoundsSecret(name string) bool {
	name = strings.NewReplacer("-", "_", ".", "_").Replace(strings.ToLower(name))
	return slices.ContainsFunc(secretWords, func(word string) bool { return strings.Contains(name, word) })
}
