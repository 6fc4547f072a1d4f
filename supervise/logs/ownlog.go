package logs

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
)

// ownLogLimit is the size beyond which PID 1's own log becomes NAME.1.
const ownLogLimit = 50 << 20

// OwnLog is PID 1's own log. It is never a reason not to start, and a full
// disk only loses its lines.
type OwnLog struct {
	path string
	mu   sync.Mutex
	file *os.File // nil when it cannot be written
	size int64
}

func OpenOwn(path string) (*slog.Logger, *OwnLog) {
	l := &OwnLog{path: path}
	if path == "" {
		return slog.New(slog.NewJSONHandler(io.Discard, nil)), l
	}
	_ = os.MkdirAll(filepath.Dir(path), 0o755) // opening says it if it failed
	if err := l.Open(); err != nil {
		fmt.Fprintf(os.Stderr, "omsinit: cannot write the log: %v\n", err)
	}
	return slog.New(slog.NewJSONHandler(l, nil)), l
}

func (l *OwnLog) Open() error {
	f, err := os.OpenFile(l.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return err
	}
	l.file, l.size = f, info.Size()
	return nil
}

// Write takes one line at a time.
func (l *OwnLog) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil && (l.path == "" || l.Open() != nil) {
		return len(line), nil
	}
	if l.size+int64(len(line)) > ownLogLimit && os.Rename(l.path, l.path+".1") == nil {
		l.file.Close()
		if l.file = nil; l.Open() != nil {
			return len(line), nil
		}
	}
	n, err := l.file.Write(line)
	l.size += int64(n)
	return n, err
}

// Reopen makes the next line go to a new file.
func (l *OwnLog) Reopen() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file != nil {
		l.file.Close()
		l.file = nil
	}
}

func (l *OwnLog) Close() {
	l.Reopen()
	l.mu.Lock()
	l.path = "" // a late line must not open it again
	l.mu.Unlock()
}
