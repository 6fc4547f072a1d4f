package api

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"

	"omsinit/internal/msg"
)

// Exit is how a process ended.
type Exit struct {
	Code   int            // exit status, -1 when a signal ended it
	Signal syscall.Signal // 0 when it exited by itself
	// OutOfMemory: the kernel has killed something for want of memory at that moment.
	OutOfMemory bool
}

// Message returns it in words.
func (e Exit) Message() msg.Message {
	if e.OutOfMemory {
		return msg.M("killed by %s: out of memory", SignalName(e.Signal))
	}
	if e.Signal != 0 {
		return msg.M("killed by %s", SignalName(e.Signal))
	}
	return msg.M("exit status %d", e.Code)
}

// SignalName returns the name of a signal, such as SIGTERM.
func SignalName(s syscall.Signal) string {
	if name := unix.SignalName(s); name != "" {
		return name
	}
	return fmt.Sprintf("signal %d", int(s))
}
