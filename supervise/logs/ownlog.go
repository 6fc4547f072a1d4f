package logs

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"omsinit/supervise/program"
)

// ownLogLimit is the size beyond which PID 1's own log becomes NAME.1.
const ownLogLimit = 50 << 20

// OwnLog is PID 1's own log. It is never a reason not to start, and a full
// disk only loses its lines.
type OwnLog struct {
	mu sync.Mutex
	rotated
}

// OpenOwnLog opens PID 1's own log in JSON lines, and returns a logger for it and the file behind that. Without a path
// everything is discarded.
func OpenOwnLog(path string) (*slog.Logger, *OwnLog) {
	l := &OwnLog{rotated: rotated{mode: 0o640, limits: program.LogFile{Path: path, MaxBytes: ownLogLimit, Backups: 1}}}
	if path == "" {
		return slog.New(slog.DiscardHandler), l
	}
	_ = os.MkdirAll(filepath.Dir(path), 0o755) // opening says it if it failed
	if err := l.open(); err != nil {
		fmt.Fprintf(os.Stderr, "omsinit: %v\n", err)
	}
	return slog.New(slog.NewJSONHandler(l, nil)), l
}

// Write takes one line at a time.
func (l *OwnLog) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.limits.Path == "" || l.open() != nil {
		return len(line), nil
	}
	if l.overflows(len(line)) {
		_ = l.rotate()
		if l.open() != nil {
			return len(line), nil
		}
	}
	return l.append(line)
}

// Reopen makes the next line go to a new file.
func (l *OwnLog) Reopen() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.close()
}

// Close closes the file for good.
func (l *OwnLog) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.close()
	l.limits.Path = "" // a late line must not open it again
}
