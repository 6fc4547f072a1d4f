// Package interrupt ends commands that a person, or the container's end, stops.
package interrupt

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"

	"omsinit/internal/msg"
)

// Context returns a context that ends with SIGINT or SIGTERM and has a Signal as its cause, and what releases it.
func Context(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		select {
		case s := <-signals:
			cancel(Signal(s.(syscall.Signal)))
		case <-ctx.Done():
		}
	}()
	return ctx, func() { signal.Stop(signals); cancel(nil) }
}

// Signal is why a command ended before its time. It is a context.Canceled.
type Signal syscall.Signal

// In returns the reason in a language.
func (s Signal) In(l msg.Lang) string {
	name := unix.SignalName(syscall.Signal(s))
	if syscall.Signal(s) == syscall.SIGINT {
		name = l.Sprintf("%s (%s)", "Ctrl-C", name)
	}
	return l.Sprintf("stopped by %s", name)
}

// Error returns the English words.
func (s Signal) Error() string { return s.In(msg.English) }

// Is reports whether the target is the end of a context.
func (s Signal) Is(target error) bool { return target == context.Canceled }
