package msg

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Foreign is a text that the system or a library wrote in English. The parts between its colons that stand in a list
// of this package have Chinese; an error number of the system keeps its name beside it, to be searched for. The answer
// of a server is quoted as it is.
type Foreign string

// In returns the text in a language.
func (f Foreign) In(l Lang) string {
	if l != Chinese {
		if string(f) == context.Canceled.Error() {
			return "interrupted"
		}
		return string(f)
	}
	if words, ok := translate(string(f)); ok {
		return words
	}
	var b strings.Builder
	for i, part := range strings.Split(string(f), ": ") {
		words, ok := translate(part)
		switch {
		case i > 0 && ok:
			b.WriteString("：")
		case i > 0:
			b.WriteString(": ")
		}
		b.WriteString(words)
	}
	return b.String()
}

// String returns the text in English.
func (f Foreign) String() string { return f.In(English) }

// translate returns the Chinese of a part, and reports whether there is one.
func translate(part string) (string, bool) {
	known := knownForeign()
	if words, ok := known.phrases[part]; ok {
		return words, true
	}
	for _, p := range known.patterns {
		if values := p.english.FindStringSubmatch(part); values != nil {
			args := make([]any, len(values)-1)
			for i, v := range values[1:] {
				args[i] = v
			}
			return Chinese.Sprintf(p.format, args...), true
		}
	}
	return part, false
}

type foreignPattern struct {
	english *regexp.Regexp
	format  string
}

type foreignTexts struct {
	phrases  map[string]string
	patterns []foreignPattern
}

var knownForeign = sync.OnceValue(func() foreignTexts {
	known := foreignTexts{phrases: map[string]string{}}
	for _, text := range slices.Concat(systemErrors, foreign) {
		if !strings.Contains(text, "%s") {
			known.phrases[text] = Chinese.lookup(text)
			continue
		}
		pattern := "^" + strings.ReplaceAll(regexp.QuoteMeta(text), "%s", "((?:[^:]|:[^ ])+)") + "$"
		known.patterns = append(known.patterns, foreignPattern{regexp.MustCompile(pattern), text})
	}
	for number := syscall.Errno(1); number < 134; number++ { // Linux has no higher ones
		text := number.Error()
		words, ok := known.phrases[text]
		if name := unix.ErrnoName(number); ok && name != "" {
			known.phrases[text] = words + "（" + name + "）"
		}
	}
	return known
})
