package metrics

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const (
	mostProcesses = 20000
	mostFiles     = 1 << 20
	// ticks is USER_HZ, the unit of CPU times in /proc: 100 on every Linux that
	// Go runs on.
	ticks = 100
)

// process is one process of this container.
type process struct {
	pid, parent, group int
	memory             int64 // bytes
	cpu                float64
}

// processes reads /proc/*/stat. root is where /proc is.
func processes(root string) []process {
	dir, err := os.Open(filepath.Join(root, "/proc"))
	if err != nil {
		return nil
	}
	defer dir.Close()
	var list []process
	buffer := make([]byte, 1024)
	for len(list) < mostProcesses {
		names, err := dir.Readdirnames(512)
		for _, name := range names {
			pid, err := strconv.Atoi(name)
			if err != nil {
				continue
			}
			if p, ok := readProcess(filepath.Join(root, "/proc", name, "stat"), buffer); ok {
				p.pid = pid
				list = append(list, p)
			}
		}
		if err != nil {
			break
		}
	}
	return list
}

// readProcess reads one stat file. One that is gone by now is left out.
func readProcess(path string, buffer []byte) (p process, ok bool) {
	f, err := os.Open(path)
	if err != nil {
		return p, false
	}
	n, _ := f.Read(buffer)
	f.Close()
	// The name of the program stands in parentheses, and may hold anything.
	end := bytes.LastIndexByte(buffer[:n], ')')
	if end < 0 {
		return p, false
	}
	fields := bytes.Fields(buffer[end+1 : n]) // from "state", the third one of proc(5)
	if len(fields) < 22 {
		return p, false
	}
	number := func(field int) int64 {
		v, _ := strconv.ParseInt(string(fields[field-3]), 10, 64)
		return v
	}
	p.parent, p.group = int(number(4)), int(number(5))
	p.cpu = float64(number(14)+number(15)+number(16)+number(17)) / ticks
	p.memory = number(24) * int64(os.Getpagesize())
	return p, true
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

// openFiles counts the open files of processes. ok is false when none of
// them may be looked at.
func openFiles(root string, pids []int) (count int64, ok bool) {
	for _, pid := range pids {
		n, counted := countFiles(filepath.Join(root, "/proc", strconv.Itoa(pid), "fd"))
		count += n
		ok = ok || counted
	}
	return count, ok
}

func countFiles(path string) (int64, bool) {
	dir, err := os.Open(path)
	if err != nil {
		return 0, false
	}
	defer dir.Close()
	// Since Linux 6.2 the size of the folder is the number of files.
	if info, err := dir.Stat(); err == nil && info.Size() > 0 && strings.HasPrefix(path, "/proc/") {
		return info.Size(), true
	}
	var count int64
	for count < mostFiles {
		names, err := dir.Readdirnames(1024)
		count += int64(len(names))
		if err != nil {
			return count, err == io.EOF
		}
	}
	return count, true
}
