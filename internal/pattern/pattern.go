// Package pattern has regular expressions that are compiled when they are first used. A command uses few of those that
// the house has, and to compile them all takes as long as an empty program.
package pattern

import (
	"regexp"
	"sync"
)

// New returns a function that returns the compiled expression. It panics as regexp.MustCompile does, at its first call.
func New(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}
