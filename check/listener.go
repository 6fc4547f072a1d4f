package check

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/prometheus/procfs"
)

// listener is the process that listens on a port.
type listener struct {
	pid, group int
	command    string
}

// findListener looks a listening TCP port up in /proc (proc_pid_net(5)). The holder of a port that is taken is nil
// where it is in another PID namespace or belongs to another user.
func findListener(port int) (holder *listener, taken bool) {
	// The tables of sockets and of processes are read one after the other, and programs may be starting or ending
	// between them: only a holder that stays hidden is one that cannot be seen.
	for range 3 {
		sockets := listeningSockets(port)
		if len(sockets) == 0 {
			return nil, false
		}
		processes, _ := procfs.AllProcs()
		for _, p := range processes {
			targets, _ := p.FileDescriptorTargets()
			if !slices.ContainsFunc(targets, func(target string) bool { return sockets[target] }) {
				continue
			}
			if stat, err := p.Stat(); err == nil {
				return &listener{pid: p.PID, group: stat.PGRP, command: stat.Comm}, true
			}
		}
	}
	return nil, true
}

// listeningSockets returns the sockets that listen on the port, as the links in /proc/PID/fd spell them.
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
