package flow

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"omsinit/internal/finding"
	"omsinit/internal/msg"
)

// LockedError is another initialisation of this container that did not end in time.
type LockedError struct{ msg.Message }

// Error returns the English words.
func (e *LockedError) Error() string { return e.String() }

// lock makes this the only initialisation in the container. The documented procedure starts a second one by hand while
// the automatic one runs; it waits and then finds the work done.
func (f *Flow) lock(ctx context.Context) (unlock func(), err error) {
	path := f.Layout.InitLock()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, msg.Errorf("cannot create %s: %w", filepath.Dir(path), err)
	}
	l := flock.New(path, flock.SetPermissions(0o644))
	locked, err := l.TryLock()
	if err == nil && !locked {
		f.say(msg.M("another initialisation is running (process %s); waiting for it to end, at most %s", holder(path),
			f.LockTimeout))
		wait, cancel := context.WithTimeout(ctx, f.LockTimeout)
		defer cancel()
		_, err = l.TryLockContext(wait, 100*time.Millisecond)
		if errors.Is(err, context.DeadlineExceeded) {
			return nil, &LockedError{msg.M("another initialisation (process %s) still runs after %s; see `omsinit status`, or wait longer with --lock-timeout", holder(path), f.LockTimeout)}
		}
		if errors.Is(err, context.Canceled) {
			return nil, msg.Errorf("interrupted while waiting for another initialisation")
		}
	}
	if err != nil {
		return nil, msg.Errorf("cannot lock %s: %w", path, err)
	}
	// On a full disk the number, which people read, is left out, and the lock is ours all the same.
	if err := os.WriteFile(path, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o644); err != nil &&
		!finding.IsShortage(err) {
		l.Unlock()
		return nil, msg.Errorf("cannot write %s: %w", path, err)
	}
	return func() { l.Unlock() }, nil
}

// holder is the process that has the lock, as far as it has written that down.
func holder(path string) string {
	data, _ := os.ReadFile(path)
	if pid := strings.TrimSpace(string(data)); pid != "" {
		return pid
	}
	return "?"
}
