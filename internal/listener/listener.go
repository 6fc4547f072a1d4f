// Package listener finds who listens on a TCP port, as /proc has it (proc_pid_net(5)).
package listener

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/procfs"
)

// Process is a process that listens on a port.
type Process struct {
	PID     int
	Command string
}

// Holder is who listens on a port.
type Holder struct {
	Taken bool // somebody does
	// Process is who it is; nil where the kernel does not show it, as it is in another PID namespace.
	Process *Process
	// Own reports whether it is one of the programs that were asked about, or was started by one of them: seen to be,
	// or, where the kernel hides the sockets of such a process, inferred from the user who opened the port.
	Own bool
}

// Find looks up who listens on a port, and whether that is one of some programs, given by the ids of their first
// processes: see Tree. An address other than nil chooses between listeners on several.
func Find(port int, address net.IP, programs ...int) (h Holder) {
	// The tables of sockets and of processes are read one after the other, and programs may be starting or ending
	// between them: only a holder that stays hidden is one that cannot be seen.
	for range 3 {
		open := sockets("self", port)
		if address != nil {
			open = slices.DeleteFunc(open, func(s socket) bool { return !s.ip.IsUnspecified() && !s.ip.Equal(address) })
		}
		if len(open) == 0 {
			return Holder{}
		}
		h = holderOf(open, programs)
		if h.Process != nil || h.Own {
			return h
		}
	}
	return h
}

func holderOf(open []socket, programs []int) Holder {
	h := Holder{Taken: true}
	for _, pid := range below(programs) { // most often it is one of these, and there is no need to look at all others
		if p, err := procfs.NewProc(pid); err == nil {
			held, _ := descriptors(p)
			if stat, err := p.Stat(); err == nil && addressOf(held, open) != nil {
				return Holder{Taken: true, Own: true, Process: &Process{PID: pid, Command: stat.Comm}}
			}
		}
	}
	processes, _ := procfs.AllProcs()
	tree := treeIn(processes, programs)
	pids := slices.Clone(tree) // of several on one port, those that are asked about are the answer
	for _, p := range processes {
		if !slices.Contains(tree, p.PID) {
			pids = append(pids, p.PID)
		}
	}
	for i, pid := range pids {
		p, err := procfs.NewProc(pid)
		if err != nil {
			continue // it has just ended
		}
		own := i < len(tree)
		held, err := descriptors(p)
		switch stat, statErr := p.Stat(); {
		case statErr != nil: // likewise
		case addressOf(held, open) != nil:
			own = own || slices.ContainsFunc(programs, func(pid int) bool { return startedBy(p, stat, pid) })
			return Holder{Taken: true, Own: own, Process: &Process{PID: p.PID, Command: stat.Comm}}
		case own && err != nil && openedBy(p, open):
			h.Own = true
		}
	}
	return h
}

// startedBy reports whether a process that is not in the tree of a program was started by it all the same: a daemon,
// which leaves its session, carries the program's environment on. One that is older is of an earlier run.
func startedBy(p procfs.Proc, stat procfs.ProcStat, program int) bool {
	first, err1 := procfs.NewProc(program)
	its, err2 := first.Stat()
	mark := marker(p)
	return err1 == nil && err2 == nil && stat.Starttime >= its.Starttime && mark != "" && mark == marker(first)
}

// openedBy reports whether one of the sockets was opened by the user of a process.
func openedBy(p procfs.Proc, open []socket) bool {
	uid, _, err := owner(p)
	return err == nil && slices.ContainsFunc(open, func(s socket) bool { return s.uid == strconv.Itoa(uid) })
}

// Tree returns the processes that belong to programs, given by the ids of their first processes: those in a session or
// a process group that the first one leads, and all below them.
func Tree(programs ...int) []int {
	processes, _ := procfs.AllProcs()
	return treeIn(processes, programs)
}

func treeIn(processes procfs.Procs, programs []int) []int {
	tree := slices.Clone(programs)
	stats := make([]procfs.ProcStat, 0, len(processes))
	for _, p := range processes {
		stat, err := p.Stat()
		if err != nil {
			continue
		}
		stats = append(stats, stat)
		led := slices.Contains(programs, stat.Session) || slices.Contains(programs, stat.PGRP)
		if led && !slices.Contains(tree, stat.PID) {
			tree = append(tree, stat.PID)
		}
	}
	for i := 0; i < len(tree); i++ {
		for _, stat := range stats {
			if stat.PPID == tree[i] && !slices.Contains(tree, stat.PID) {
				tree = append(tree, stat.PID)
			}
		}
	}
	return tree
}

// below returns processes and those below them.
func below(pids []int) []int {
	family := slices.Clone(pids)
	for i := 0; i < len(family); i++ {
		for _, child := range Children(family[i]) {
			if !slices.Contains(family, child) {
				family = append(family, child)
			}
		}
	}
	return family
}

// Children returns the children of a process, as its threads list them (proc_pid_task(5)). Where they end just then,
// some may be missing.
func Children(pid int) (children []int) {
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, list := range lists {
		text, _ := os.ReadFile(list)
		for _, word := range strings.Fields(string(text)) {
			if child, err := strconv.Atoi(word); err == nil {
				children = append(children, child)
			}
		}
	}
	return children
}

// Address returns the address on which a process, or one below it, listens on a port; nil when none does.
func Address(pid, port int) net.IP {
	open := sockets(fmt.Sprint(pid), port)
	if len(open) == 0 {
		return nil
	}
	for _, member := range Tree(pid) {
		if p, err := procfs.NewProc(member); err == nil {
			held, _ := descriptors(p)
			if ip := addressOf(held, open); ip != nil {
				return ip
			}
		}
	}
	return nil
}

// socket is one that listens.
type socket struct {
	link string // as /proc/PID/fd spells it
	ip   net.IP
	uid  string // of who opened it
}

// addressOf returns the address of one of the sockets that is among open files; nil when none is.
func addressOf(files []string, sockets []socket) net.IP {
	for _, s := range sockets {
		if slices.Contains(files, s.link) {
			return s.ip
		}
	}
	return nil
}

// sockets returns the sockets that listen on a port in the network of a process.
func sockets(process string, port int) (open []socket) {
	const listening = "0A" // TCP_LISTEN of include/net/tcp_states.h
	for _, table := range []string{"tcp", "tcp6"} {
		data, err := os.ReadFile("/proc/" + process + "/net/" + table)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(data)) {
			// sl local_address rem_address st queues timer retransmits uid timeout inode …
			fields := strings.Fields(line)
			if len(fields) < 10 || fields[3] != listening {
				continue
			}
			if address, ok := strings.CutSuffix(fields[1], fmt.Sprintf(":%04X", port)); ok {
				open = append(open, socket{"socket:[" + fields[9] + "]", kernelIP(address), fields[7]})
			}
		}
	}
	return open
}

// kernelIP reads an address as /proc/net/tcp has it: words of four bytes, in the order of the machine. What is none
// becomes the unspecified address.
func kernelIP(text string) net.IP {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw)%4 != 0 {
		return net.IPv6unspecified
	}
	ip := make(net.IP, len(raw))
	for i := 0; i < len(raw); i += 4 {
		binary.NativeEndian.PutUint32(ip[i:], binary.BigEndian.Uint32(raw[i:]))
	}
	return ip
}
