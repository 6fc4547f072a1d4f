// Package logs writes the output of programs to their log files: sinks, rotation, what a line must match, and PID 1's
// own log.
package logs

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"omsinit/internal/msg"
	"omsinit/supervise/api"
	"omsinit/supervise/program"
)

// Files are the files that programs write to. Programs that name the same
// file share it.
type Files struct {
	log   *slog.Logger
	mu    sync.Mutex
	sinks map[string]*logSink
	// retired are sinks that no program uses any more, but something that a program left behind may still write to.
	retired map[*logSink]bool
}

// NewFiles returns the log files of a supervisor, none of them open yet. log gets what goes wrong with them.
func NewFiles(log *slog.Logger) *Files {
	return &Files{log: log, sinks: map[string]*logSink{}, retired: map[*logSink]bool{}}
}

// Writer is what a program gets as its standard output or error: nil for
// none, the file itself when it is not to be rotated, else a pipe whose other
// end we read. ours says that the caller closes it after the fork.
func (l *Files) Writer(f program.LogFile) (w *os.File, ours bool, err error) {
	if f.Path == "" {
		return nil, false, nil
	}
	info, err := os.Stat(f.Path)
	special := err == nil && !info.Mode().IsRegular()
	if special && info.IsDir() {
		return nil, false, msg.Errorf("cannot write the log file %s: it is a directory", f.Path)
	}
	if l.direct(f, special) {
		w, err := openLog(f.Path, 0o644)
		return w, true, err
	}
	s, err := l.sink(f)
	if err != nil {
		return nil, false, err
	}
	return s.w, false, s.check(f, info)
}

// sink returns the sink of a log file, nil when there is no file.
func (l *Files) sink(f program.LogFile) (s *logSink, err error) {
	if f.Path == "" {
		return nil, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if s = l.sinks[f.Path]; s == nil {
		if s, err = newLogSink(f, l.log); err != nil {
			return nil, err
		}
		l.sinks[f.Path] = s
	}
	return s, nil
}

// direct reports whether a program gets the file itself: nothing is rotated,
// and nobody looks for a line in it.
func (l *Files) direct(f program.LogFile, special bool) bool {
	if s := l.find(f.Path); s != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.taps) > 0 {
			return false
		}
	}
	return special || f.MaxBytes == 0
}

// find returns the sink of a path, nil for none.
func (l *Files) find(path string) *logSink {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sinks[path]
}

// Lost returns how many bytes could not be written to a log file so far.
func (l *Files) Lost(f program.LogFile) int64 {
	s := l.find(f.Path)
	if s == nil {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lost
}

// Drain writes out what is still in the pipe of a log file, and makes the file where the program has said nothing yet.
func (l *Files) Drain(f program.LogFile) {
	if s := l.find(f.Path); s != nil {
		s.drain()
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.unmade {
			s.unmade = false
			writing <- struct{}{}
			defer func() { <-writing }()
			_ = s.open() // what is wrong is said when something is to be written
		}
	}
}

// Reopen closes every file, so that the next line goes to a new one.
func (l *Files) Reopen() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.sinks {
		s.drain()
		s.mu.Lock()
		s.close()
		s.mu.Unlock()
	}
}

// Clear empties a log file and removes its backups.
func (l *Files) Clear(f program.LogFile) error {
	if f.Path == "" {
		return nil
	}
	if info, err := os.Stat(f.Path); err == nil && !info.Mode().IsRegular() {
		return nil
	}
	if s := l.find(f.Path); s != nil {
		s.drain()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.close()
	}
	for i := 1; i <= f.Backups; i++ {
		os.Remove(fmt.Sprintf("%s.%d", f.Path, i))
	}
	if err := os.Truncate(f.Path, 0); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// Retire drops the files that no program uses any more. What is left of a program may go on writing to such a file:
// it is closed when the last writer has gone.
func (l *Files) Retire(inUse func(path string) bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for path, s := range l.sinks {
		if inUse(path) {
			continue
		}
		delete(l.sinks, path)
		l.retired[s] = true
		s.w.Close()
		go func() {
			<-s.done
			l.mu.Lock()
			defer l.mu.Unlock()
			if l.retired[s] {
				delete(l.retired, s)
				s.end()
			}
		}()
	}
}

// Close closes every file.
func (l *Files) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for path, s := range l.sinks {
		s.drain()
		s.end()
		delete(l.sinks, path)
	}
	for s := range l.retired {
		s.drain()
		s.end()
		delete(l.retired, s)
	}
}

// logSink copies a pipe into a file that it rotates. The pipe lives as long
// as the supervisor, whatever grandchild of a program still holds its end, so
// nothing ever waits for its end of file.
type logSink struct {
	log  *slog.Logger
	w    *os.File // the programs' end, blocking
	r    *os.File // our end, non-blocking
	done chan struct{}

	// mu is held from reading the pipe until what was read is written, so
	// that drain and the copier cannot swap chunks.
	mu sync.Mutex
	rotated
	unmade  bool  // the file was not opened since the program started; see check
	torn    bool  // the last line is not complete
	dropped int64 // bytes lost since the last good write
	lost    int64 // bytes lost altogether
	taps    []*sinkTap
}

const logChunk = 64 << 10

// writing has a token for each write in progress: a disk that hangs must not take a thread for each program.
var writing = make(chan struct{}, api.MostLogWrites)

var logBuffers = sync.Pool{New: func() any { return new([logChunk]byte) }}

func newLogSink(f program.LogFile, log *slog.Logger) (*logSink, error) {
	r, w, err := NewPipe(0)
	if err != nil {
		return nil, msg.Errorf("cannot make a pipe for the log file %s: %w", f.Path, err)
	}
	s := &logSink{log: log.With("file", f.Path), rotated: rotated{limits: f, mode: 0o644}, done: make(chan struct{}),
		r: r, w: w}
	go s.copy()
	return s, nil
}

// check makes sure the file can be written before a program starts, and takes over changed limits. info is what is
// there, nil for nothing. The file is not opened before it is needed: many programs start at the same time, and to make
// a file takes longer than to start one.
func (s *logSink) check(f program.LogFile, info os.FileInfo) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limits = f
	special := info != nil && !info.Mode().IsRegular()
	if special {
		s.limits.MaxBytes = 0 // a device is not rotated
	}
	if s.file != nil {
		return nil
	}
	if s.unmade = !special && canWrite(f.Path, info != nil); s.unmade {
		return nil
	}
	return s.open()
}

// canWrite reports whether a log file can be opened, as far as can be told without doing it.
func canWrite(path string, exists bool) bool {
	if exists {
		return unix.Access(path, unix.W_OK) == nil
	}
	var link unix.Stat_t // one that leads nowhere
	return errors.Is(unix.Lstat(path, &link), unix.ENOENT) &&
		unix.Access(filepath.Dir(path), unix.W_OK|unix.X_OK) == nil
}

// copy runs until the sink is closed.
func (s *logSink) copy() {
	defer close(s.done)
	conn, err := s.r.SyscallConn()
	if err != nil {
		return
	}
	// The callback is called each time the pipe has something to read.
	_ = conn.Read(func(fd uintptr) (stop bool) { return !s.pump(int(fd)) })
}

// pump moves what is in the pipe to the file, and reports whether more may
// come later.
func (s *logSink) pump(fd int) bool {
	buf := logBuffers.Get().(*[logChunk]byte)
	defer logBuffers.Put(buf)
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		n, err := syscall.Read(fd, buf[:])
		switch {
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EAGAIN):
			return true
		case err != nil || n == 0:
			return false
		default:
			for _, t := range s.taps {
				t.partial = t.tap.chunk(t.partial, buf[:n])
			}
			writing <- struct{}{}
			s.write(buf[:n])
			<-writing
		}
	}
}

// drain pumps from another goroutine. Control, unlike Read, does not wait for
// the copier.
func (s *logSink) drain() {
	if conn, err := s.r.SyscallConn(); err == nil {
		_ = conn.Control(func(fd uintptr) { s.pump(int(fd)) })
	}
}

func (s *logSink) end() {
	s.r.Close()
	s.w.Close()
	<-s.done
	s.mu.Lock()
	defer s.mu.Unlock()
	s.close()
}

// write appends to the file, rotating at line ends. A file that cannot be
// written loses the lines: a full disk must not stop the programs.
func (s *logSink) write(data []byte) {
	for len(data) > 0 {
		if err := s.open(); err != nil {
			s.drop(len(data), err)
			return
		}
		chunk, full := data, false
		if s.overflows(len(data)) {
			chunk, full = s.upToLimit(data)
		}
		n, err := s.append(chunk)
		if n > 0 {
			s.torn = chunk[n-1] != '\n'
		}
		if err != nil {
			s.drop(len(data)-n, err)
			return
		}
		if s.dropped > 0 {
			s.log.Warn("the log file can be written again", "lost_bytes", s.dropped)
			s.dropped = 0
		}
		data = data[len(chunk):]
		if full {
			if err := s.rotate(); err != nil {
				s.log.Error("cannot rotate the log file", "error", err)
			}
		}
	}
}

// upToLimit is the part of data that still belongs to this file: whole lines,
// and at least one, unless a line is so long that it must be cut.
func (s *logSink) upToLimit(data []byte) (chunk []byte, full bool) {
	if s.size > 0 && !s.torn && bytes.IndexByte(data, '\n') >= int(min(s.limits.MaxBytes-s.size, 1<<30)) {
		return nil, true // not even one line fits, and the file ends with one
	}
	room := max(s.limits.MaxBytes-s.size, 0)
	if i := bytes.LastIndexByte(data[:min(room, int64(len(data)))], '\n'); i >= 0 {
		return data[:i+1], true
	}
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return data[:i+1], true
	}
	return data, s.size+int64(len(data)) > 2*s.limits.MaxBytes+logChunk
}

func (s *logSink) drop(n int, err error) {
	if s.dropped == 0 {
		s.log.Error("cannot write the log file; output is lost until it can be written again", "error", err)
	}
	s.dropped += int64(n)
	s.lost += int64(n)
	s.close()
}

// NewPipe makes a pipe with one end for us, 0 to read or 1 to write, that does
// not block; programs expect that theirs does. (Both ends of os.Pipe do not.)
func NewPipe(ours int) (r, w *os.File, err error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return nil, nil, err
	}
	if err := unix.SetNonblock(fds[ours], true); err != nil {
		unix.Close(fds[0])
		unix.Close(fds[1])
		return nil, nil, err
	}
	return os.NewFile(uintptr(fds[0]), "pipe"), os.NewFile(uintptr(fds[1]), "pipe"), nil
}
