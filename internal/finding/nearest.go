package finding

import (
	"strings"

	"github.com/xrash/smetrics"
)

// Nearest returns the name that a person probably meant by another one, "" when none is near: one letter is missing,
// wrong or too many for every five, three at most.
func Nearest(name string, names []string) string {
	const longest = 48 // no name is longer; it bounds the work
	plain := strings.NewReplacer("-", "_", ".", "_", " ", "_")
	name = plain.Replace(strings.ToLower(strings.TrimSpace(name)))
	if name == "" || len(name) > longest {
		return ""
	}
	best, nearest := "", min(1+len(name)/5, 3)+1
	for _, candidate := range names {
		if d := smetrics.Ukkonen(name, plain.Replace(strings.ToLower(candidate)), 1, 1, 1); d < nearest {
			best, nearest = candidate, d
		}
	}
	return best
}
