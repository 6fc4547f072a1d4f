package config

import "strings"

// suggest gives the known key that somebody meant by an unknown one.
func suggest(name string) (*Key, bool) {
	const longest = 48 // no key is longer; it bounds the work
	name = strings.NewReplacer("-", "_", ".", "_", " ", "_").Replace(strings.ToLower(strings.TrimSpace(name)))
	if name == "" || len(name) > longest {
		return nil, false
	}
	var best *Key
	// One slip of the pen for every five letters, three at most.
	nearest := min(1+len(name)/5, 3) + 1
	for i := range keys {
		if d := distance(name, keys[i].Name, nearest); d < nearest {
			best, nearest = &keys[i], d
		}
	}
	return best, best != nil
}

// distance is the number of letters to insert, delete, replace or swap with
// the next one to get from a to b; enough or more is given as enough.
func distance(a, b string, enough int) int {
	if len(a)-len(b) >= enough || len(b)-len(a) >= enough {
		return enough
	}
	var before, last, row []int // the two rows above, and the one being filled
	row = make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, row = last, row, make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return min(row[len(b)], enough)
}

// SoundsSecret reports whether a key of any file is named like a secret.
func SoundsSecret(name string) bool {
	return soundsSecret(strings.NewReplacer("-", "_", ".", "_").Replace(name))
}

// soundsSecret reports whether the value of an unknown key had better not be
// shown.
func soundsSecret(name string) bool {
	name = strings.ToLower(name)
	for _, part := range []string{"passw", "pwd", "secret", "token", "credential", "access_key", "accesskey", "private_key", "privatekey", "api_key", "apikey"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}
