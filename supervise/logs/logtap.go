package logs

import (
	"bytes"
	"os"
	"regexp"
	"sync"

	"omsinit/supervise/program"
)

// logTap looks for a line in what programs write to a log file.
type logTap struct {
	expression *regexp.Regexp
	once       sync.Once
	found      func(line string)
}

const longestTapped = 16 << 10 // of a line that is looked at

// chunk looks at what was read. It is called with the sink's lock held, so
// found, which wants the program's lock, gets a goroutine of its own.
func (t *logTap) chunk(partial, data []byte) (rest []byte) {
	for {
		i := bytes.IndexByte(data, '\n')
		if i < 0 {
			if len(partial) < longestTapped {
				partial = append(partial, data[:min(len(data), longestTapped)]...)
			}
			return partial
		}
		line := data[:i]
		if len(partial) > 0 {
			line = append(partial, line...)
			partial = partial[:0]
		}
		if t.expression.Match(line) {
			text := program.Printable(string(line[:min(len(line), program.ProbeOutput)]))
			t.once.Do(func() { go t.found(text) })
			return nil
		}
		data = data[i+1:]
	}
}

// WatchLog calls found for the first line that matches from now on.
func (l *Files) WatchLog(files []program.LogFile, expression string, found func(line string)) (cancel func()) {
	re, err := regexp.Compile(expression)
	if err != nil {
		return func() {} // refused when the program files were read
	}
	tap := &logTap{expression: re, found: found}
	var sinks []*logSink
	for _, f := range files {
		info, _ := os.Stat(f.Path)
		if s, err := l.sink(f); err == nil && s != nil && s.check(f, info) == nil {
			s.mu.Lock()
			s.taps = append(s.taps, &sinkTap{tap: tap})
			s.mu.Unlock()
			sinks = append(sinks, s)
		}
	}
	return func() {
		for _, s := range sinks {
			s.mu.Lock()
			s.removeTap(tap)
			s.mu.Unlock()
		}
	}
}

// sinkTap is a tap on one log file.
type sinkTap struct {
	tap     *logTap
	partial []byte
}

func (s *logSink) removeTap(tap *logTap) {
	kept := s.taps[:0:0]
	for _, t := range s.taps {
		if t.tap != tap {
			kept = append(kept, t)
		}
	}
	s.taps = kept
}
