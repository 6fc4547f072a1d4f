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
}

// Message returns it in words.
func (e Exit) Message() msg.Message {
	if e.Signal != 0 {
		return msg.M("killed by %s", SignalName(e.Signal))
	}
	return msg.M("exit status %d", e.Code)
}

func SignalName(s syscall.Signal) string {
	if name := unix.SignalName(s); name != "" {
		return name
	}
	return fmt.Sprintf("signal %d", int(s))
}
