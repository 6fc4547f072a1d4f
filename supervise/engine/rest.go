package engine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/prometheus/procfs"

	"omsinit/internal/listener"
	"omsinit/supervise/program"
)

// rest is what a program may leave behind when its process has ended.
type rest struct {
	def      program.Program
	pid      int   // of the process that has ended
	children []int // that it had started itself, where it was a start script
	// group takes the whole process group. Else only what would be in the way of the next start counts: what a start
	// script had started itself, and whatever of the session listens on the port of the readiness probe. What those
	// have started in turn goes on, as under Supervisor: with OMS's agent it is the work.
	group bool
}

// members returns the processes of the rest, without group.
func (r rest) members() (pids []int) {
	candidates := r.children
	if h := r.def.Listener(r.pid); h.Own && h.Process != nil && !slices.Contains(candidates, h.Process.PID) {
		candidates = append(slices.Clip(candidates), h.Process.PID)
	}
	for _, pid := range candidates {
		if p, err := procfs.NewProc(pid); err == nil {
			stat, err := p.Stat()
			if err == nil && stat.State != "Z" && (stat.Session == r.pid || stat.PGRP == r.pid) {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

func (s *Supervisor) alive(r rest) bool {
	if r.group {
		return groupAlive(r.pid)
	}
	return len(r.members()) > 0
}

func (s *Supervisor) signalRest(r rest, sig syscall.Signal) {
	pids := []int{-r.pid}
	if !r.group {
		pids = r.members()
	}
	for _, pid := range pids {
		s.log.Info("ending what a program has left behind", "program", r.def.FullName(), "pid", pid, "signal",
			sig.String())
		if err := syscall.Kill(pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
			s.log.Warn("cannot end what a program has left behind", "pid", pid, "error", err)
		}
	}
}

// shells run the start scripts.
var shells = []string{"sh", "bash", "dash", "ash", "ksh", "zsh"}

// children returns what a start script has started. The children of any other process are its own affair.
func (s *Supervisor) children(pid int) []int {
	p, err1 := procfs.NewProc(pid)
	words, err2 := p.CmdLine()
	if err1 != nil || err2 != nil || len(words) == 0 || !slices.Contains(shells, filepath.Base(words[0])) {
		return nil
	}
	return listener.Children(pid)
}

// ignores reads the mask of ignored signals from proc_pid_status(5). A shell ignores SIGQUIT.
func (s *Supervisor) ignores(pid int, sig syscall.Signal) bool {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	_, mask, _ := strings.Cut(string(status), "\nSigIgn:")
	mask, _, _ = strings.Cut(strings.TrimSpace(mask), "\n")
	bits, err := strconv.ParseUint(mask, 16, 64)
	return err == nil && bits&(1<<(sig-1)) != 0
}
