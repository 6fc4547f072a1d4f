package check

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// listener is the process that listens on a port.
type listener struct {
	pid, group int
	command    string
}

// findListener looks a listening TCP port up in /proc (proc_pid_net(5)). The
// holder of a port that is taken is nil where it is in another PID namespace or
// belongs to another user.
func findListener(port int) (holder *listener, taken bool) {
	// The tables of sockets and of processes are read one after the other, and
	// programs may be starting or ending between them: only a holder that stays
	// hidden is one that cannot be seen.
	for range 3 {
		sockets := listeningSockets(port)
		if len(sockets) == 0 {
			return nil, false
		}
		links, _ := filepath.Glob("/proc/[0-9]*/fd/*")
		for _, link := range links {
			if target, err := os.Readlink(link); err == nil && sockets[target] {
				if holder, ok := process(strings.Split(link, "/")[2]); ok {
					return &holder, true
				}
			}
		}
	}
	return nil, true
}

// listeningSockets gives the sockets that listen on the port, as the links in
// /proc/PID/fd spell them.
func listeningSockets(port int) map[string]bool {
	const listening = "0A" // TCP_LISTEN of include/net/tcp_states.h
	sockets := map[string]bool{}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		f, err := os.Open(table)
		if err != nil {
			continue
		}
		defer f.Close()
		for lines := bufio.NewScanner(f); lines.Scan(); {
			// sl local_address rem_address st queues timer retransmits uid timeout inode …
			fields := strings.Fields(lines.Text())
			if len(fields) > 9 && fields[3] == listening && strings.HasSuffix(fields[1], fmt.Sprintf(":%04X", port)) {
				sockets["socket:["+fields[9]+"]"] = true
			}
		}
	}
	return sockets
}

func process(pid string) (listener, bool) {
	data, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return listener{}, false
	}
	// pid (command) state ppid pgrp …; the command may contain anything.
	before, after, _ := cutLast(string(data), ")")
	_, command, _ := strings.Cut(before, "(")
	fields := strings.Fields(after)
	if len(fields) < 3 {
		return listener{}, false
	}
	number, _ := strconv.Atoi(pid)
	group, _ := strconv.Atoi(fields[2])
	return listener{pid: number, group: group, command: command}, true
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}
