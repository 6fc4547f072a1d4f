package metrics

import (
	"path/filepath"

	"github.com/prometheus/procfs"
)

// ticks is USER_HZ, the unit of CPU times in /proc: 100 on every Linux that Go runs on.
const ticks = 100

// process is one process of this container.
type process struct {
	pid, parent, group int
	memory             int64   // bytes
	cpu                float64 // seconds, of its ended children too
}

// processes reads /proc below root. A process that is gone by now is left out.
func processes(root string) []process {
	fs, err := procfs.NewFS(filepath.Join(root, "/proc"))
	if err != nil {
		return nil
	}
	all, err := fs.AllProcs()
	if err != nil {
		return nil
	}
	list := make([]process, 0, len(all))
	for _, proc := range all {
		if p, ok := readProcess(proc); ok {
			list = append(list, p)
		}
	}
	return list
}

func readProcess(proc procfs.Proc) (p process, ok bool) {
	s, err := proc.Stat()
	if err != nil {
		return p, false
	}
	cpu := float64(s.UTime+s.STime) + float64(s.CUTime+s.CSTime)
	return process{pid: s.PID, parent: s.PPID, group: s.PGRP, memory: int64(s.ResidentMemory()), cpu: cpu / ticks}, true
}

// tree are the processes of one program.
type tree struct {
	pids   []int
	memory int64
	cpu    float64
}

// trees assigns each program its processes: those in the process group of its
// first process, and all that descend from these. mains are the pids of the
// programs.
func trees(list []process, mains []int) map[int]*tree {
	byPID := make(map[int]process, len(list))
	for _, p := range list {
		byPID[p.pid] = p
	}
	out := make(map[int]*tree, len(mains))
	for _, pid := range mains {
		if _, exists := byPID[pid]; exists {
			out[pid] = &tree{}
		}
	}
	for _, p := range list {
		t := owner(p, byPID, out)
		if t == nil {
			continue
		}
		t.pids = append(t.pids, p.pid)
		t.memory += p.memory
		t.cpu += p.cpu
	}
	return out
}

// owner looks for a program among the process, its group and its ancestors.
func owner(p process, byPID map[int]process, mains map[int]*tree) *tree {
	for range 64 { // /proc is read over some time: a circle is conceivable
		if t := mains[p.pid]; t != nil {
			return t
		}
		if t := mains[p.group]; t != nil {
			return t
		}
		parent, ok := byPID[p.parent]
		if !ok || p.parent == p.pid {
			return nil
		}
		p = parent
	}
	return nil
}

// openFiles counts the open files of processes; ok is false when none of them may be looked at.
func openFiles(root string, pids []int) (count int64, ok bool) {
	fs, err := procfs.NewFS(filepath.Join(root, "/proc"))
	if err != nil {
		return 0, false
	}
	for _, pid := range pids {
		proc, err := fs.Proc(pid)
		if err != nil {
			continue
		}
		if n, err := proc.FileDescriptorsLen(); err == nil {
			count, ok = count+int64(n), true
		}
	}
	return count, ok
}
