// Package coredump keeps omsinit from leaving core dumps: they would hold the passwords that it knows. What it starts
// may leave them as before.
package coredump

import (
	"sync"

	"golang.org/x/sys/unix"
)

// none is the limit at which the kernel dumps nothing: no file is so small, and where core_pattern is a pipe, 1 is the
// one limit that it heeds (core(5), fs/coredump.c).
const none = 1

var (
	mu     sync.Mutex
	before *unix.Rlimit // nil while dumps are not forbidden
)

// Forbid keeps this process from leaving a core dump, whatever GOTRACEBACK says.
func Forbid() {
	mu.Lock()
	defer mu.Unlock()
	var limit unix.Rlimit
	if before != nil || unix.Getrlimit(unix.RLIMIT_CORE, &limit) != nil || limit.Max < none {
		return
	}
	if unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{Cur: none, Max: limit.Max}) == nil {
		before = &limit
	}
}

// Inherit calls start, which makes a process or becomes another program, with the limit that this process was started
// with.
func Inherit(start func()) {
	mu.Lock()
	defer mu.Unlock()
	if before == nil {
		start()
		return
	}
	_ = unix.Setrlimit(unix.RLIMIT_CORE, before) // it was allowed before
	defer unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{Cur: none, Max: before.Max})
	start()
}
