package support

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"

	"omsinit/internal/config"
	"omsinit/internal/finding"
)

// systemFiles are those of the kernel and of the container that tell how a node is.
var systemFiles = []string{
	"/proc/meminfo", "/proc/loadavg", "/proc/uptime", "/proc/version", "/proc/cpuinfo", "/proc/self/mountinfo",
	"/proc/self/cgroup",
	"/proc/1/limits", "/proc/net/tcp", "/proc/net/tcp6", "/proc/net/sockstat", "/proc/pressure/memory",
	"/proc/pressure/io",
	"/proc/pressure/cpu", "/proc/sys/kernel/pid_max", "/proc/sys/kernel/threads-max", "/proc/sys/fs/file-nr",
	"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory.events",
	"/sys/fs/cgroup/memory.stat",
	"/sys/fs/cgroup/pids.max", "/sys/fs/cgroup/pids.current", "/sys/fs/cgroup/cpu.max", "/sys/fs/cgroup/cpu.stat",
	"/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes",
	"/sys/fs/cgroup/memory/memory.oom_control", "/sys/fs/cgroup/pids/pids.max", "/sys/fs/cgroup/pids/pids.current",
	"/etc/resolv.conf", "/etc/hosts", "/etc/os-release", "/etc/timezone",
}

// system is what the system says. Files of the kernel have no size, so they are read when they are written.
func (b *Bundle) system() (list []Entry) {
	for _, path := range systemFiles {
		full := filepath.Join(b.in.System, path)
		if info, err := os.Stat(full); err == nil && info.Mode().IsRegular() {
			list = append(list, Entry{Name: "system" + path, From: full, make: func(context.Context) ([]byte, error) {
				data, err := os.ReadFile(full)
				return data[:min(len(data), mostFile)], err
			}})
		}
	}
	return append(list,
		Entry{Name: "system/processes.txt",
			make: func(context.Context) ([]byte, error) { return b.in.listProcesses(), nil }},
		Entry{Name: "system/environment.txt",
			make: func(context.Context) ([]byte, error) { return environment(), nil }})
}

func (in Input) listProcesses() []byte {
	var out strings.Builder
	fmt.Fprintf(&out, "%8s %8s %s %7s %12s %s\n", "PID", "PPID", "S", "THREADS", "RESIDENT", "COMMAND")
	for _, p := range in.processes() {
		fmt.Fprintf(&out, "%8d %8d %s %7d %12d %s\n", p.PID, p.Parent, p.State, p.Threads, p.Bytes, p.Command)
	}
	return []byte(out.String())
}

// processes reads them from /proc. Those that end meanwhile are left out.
func (in Input) processes() (list []Process) {
	folders, _ := os.ReadDir(filepath.Join(in.System, "proc"))
	for _, folder := range folders {
		pid, err := strconv.Atoi(folder.Name())
		if err != nil {
			continue
		}
		at := filepath.Join(in.System, "proc", folder.Name())
		status, err := os.ReadFile(filepath.Join(at, "status"))
		if err != nil {
			continue
		}
		p := Process{PID: pid}
		for line := range strings.Lines(string(status)) {
			key, value, _ := strings.Cut(line, ":")
			first, _, _ := strings.Cut(strings.TrimSpace(value), " ")
			number, _ := strconv.ParseUint(first, 10, 64)
			switch key {
			case "Name":
				p.Command = "[" + strings.TrimSpace(value) + "]"
			case "State":
				p.State = first
			case "PPid":
				p.Parent = int(number)
			case "Threads":
				p.Threads = int(number)
			case "VmRSS":
				p.Bytes = number << 10
			}
		}
		if line, err := os.ReadFile(filepath.Join(at, "cmdline")); err == nil && len(line) > 0 {
			p.Command = strings.TrimSpace(strings.ReplaceAll(string(line[:min(len(line), 4<<10)]), "\x00", " "))
		}
		list = append(list, p)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].PID < list[j].PID })
	return list
}

// environment is that of this command, which has that of the container; only the names of what sounds like a secret.
func environment() []byte {
	list := os.Environ()
	slices.Sort(list)
	var out strings.Builder
	for _, entry := range list {
		name, value, _ := strings.Cut(entry, "=")
		if config.SoundsSecret(name) {
			value = finding.Masked
		}
		fmt.Fprintf(&out, "%s=%s\n", name, value)
	}
	return []byte(out.String())
}
