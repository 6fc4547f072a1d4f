// Package cgroup reads what this container may use and uses: CPU, memory and processes, from cgroup v1 or v2, whichever
// the host has.
package cgroup

import (
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// Group is the cgroup of this process.
type Group struct {
	root  string
	paths map[string]string // by controller of v1; "" is that of v2
}

// Self returns the cgroup of this process. root is where /proc and /sys are: "/", or a folder of a test.
func Self(root string) Group {
	g := Group{root: root, paths: map[string]string{}}
	for line := range strings.Lines(g.read("/proc/self/cgroup")) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		for controller := range strings.SplitSeq(parts[1], ",") {
			g.paths[controller] = parts[2]
		}
	}
	return g
}

func (g Group) read(path string) string {
	data, err := os.ReadFile(filepath.Join(g.root, path))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

// v1 and v2 read a file of a controller. Within a container /proc/self/cgroup may name a path of the host that does not
// exist; then the container's own group is at the top.
func (g Group) v1(controller, file string) string {
	return g.first("/sys/fs/cgroup/"+controller, g.paths[controller], file)
}

func (g Group) v2(file string) string { return g.first("/sys/fs/cgroup", g.paths[""], file) }

func (g Group) first(top, below, file string) string {
	if text := g.read(filepath.Join(top, filepath.Clean("/"+below), file)); text != "" {
		return text
	}
	return g.read(filepath.Join(top, file))
}

// CPUs returns how many CPUs this process may use, with the quota of its cgroup.
func (g Group) CPUs() float64 {
	cpus := float64(runtime.NumCPU())
	quota, period, _ := strings.Cut(g.v2("cpu.max"), " ")
	if quota == "" {
		quota, period = g.v1("cpu", "cpu.cfs_quota_us"), g.v1("cpu", "cpu.cfs_period_us")
	}
	q, errQuota := strconv.ParseFloat(quota, 64)
	p, errPeriod := strconv.ParseFloat(period, 64)
	if errQuota == nil && errPeriod == nil && q > 0 && p > 0 {
		cpus = min(cpus, math.Round(q/p*10)/10)
	}
	return cpus
}

// Memory returns the memory of the host or the limit of the cgroup, in bytes; 0 when it is unknown.
func (g Group) Memory() uint64 {
	var total uint64
	for line := range strings.Lines(g.read("/proc/meminfo")) {
		if fields := strings.Fields(line); len(fields) >= 2 && fields[0] == "MemTotal:" {
			kilobytes, _ := strconv.ParseUint(fields[1], 10, 64)
			total = kilobytes << 10
		}
	}
	for _, text := range []string{g.v2("memory.max"), g.v1("memory", "memory.limit_in_bytes")} {
		if limit, err := strconv.ParseUint(text, 10, 64); err == nil && limit > 0 && limit < total {
			total = limit
		}
	}
	return total
}

// Usage is what the cgroup uses. A figure that the kernel does not have is missing, and its Has is false.
type Usage struct {
	Memory    Figure // bytes, without the file cache that can be dropped at once
	CPU       Figure // seconds since the cgroup was made
	Throttled Figure // seconds that it waited for its quota
	Processes Figure // and threads
	OOMKills  Figure // since the cgroup was made
}

// Figure is a number that may be missing.
type Figure struct {
	Value float64
	Has   bool
}

// Usage returns what the cgroup uses now.
func (g Group) Usage() Usage {
	return Usage{Memory: g.memory(), CPU: g.cpu(), Throttled: g.throttled(),
		Processes: g.processes(), OOMKills: g.oomKills()}
}

// memory leaves the inactive file cache out, as `docker stats` does: the kernel frees it before anything is killed.
func (g Group) memory() Figure {
	used, stat := g.v2("memory.current"), g.v2("memory.stat")
	cache := "inactive_file"
	if used == "" {
		used, stat, cache = g.v1("memory", "memory.usage_in_bytes"), g.v1("memory", "memory.stat"),
			"total_inactive_file"
	}
	f := number(used, 1)
	if inactive := number(field(stat, cache), 1); f.Has && inactive.Has {
		f.Value = max(0, f.Value-inactive.Value)
	}
	return f
}

func (g Group) cpu() Figure {
	if f := number(field(g.v2("cpu.stat"), "usage_usec"), 1e-6); f.Has {
		return f
	}
	return number(g.v1("cpuacct", "cpuacct.usage"), 1e-9)
}

func (g Group) throttled() Figure {
	if f := number(field(g.v2("cpu.stat"), "throttled_usec"), 1e-6); f.Has {
		return f
	}
	return number(field(g.v1("cpu", "cpu.stat"), "throttled_time"), 1e-9)
}

func (g Group) processes() Figure {
	if f := number(g.v2("pids.current"), 1); f.Has {
		return f
	}
	return number(g.v1("pids", "pids.current"), 1)
}

// ProcessLimit returns how many processes and threads the cgroup may have. Without a limit the figure is missing.
func (g Group) ProcessLimit() Figure {
	if f := number(g.v2("pids.max"), 1); f.Has {
		return f
	}
	return number(g.v1("pids", "pids.max"), 1)
}

func (g Group) oomKills() Figure {
	if f := number(field(g.v2("memory.events"), "oom_kill"), 1); f.Has {
		return f
	}
	return number(field(g.v1("memory", "memory.oom_control"), "oom_kill"), 1)
}

// MostProcesses returns how many processes and threads the cgroup may have; 0 when there is no limit.
func (g Group) MostProcesses() uint64 {
	for _, text := range []string{g.v2("pids.max"), g.v1("pids", "pids.max")} {
		if most, err := strconv.ParseUint(text, 10, 64); err == nil {
			return most
		}
	}
	return 0
}

// MemoryEvents returns what the kernel counts of the memory of the cgroup, as it writes it; "" for nothing.
func (g Group) MemoryEvents() string {
	if text := g.v2("memory.events"); text != "" {
		return text
	}
	return g.v1("memory", "memory.oom_control")
}

// field returns the value after a key, in a file of lines "key value".
func field(text, key string) string {
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok && name == key {
			return value
		}
	}
	return ""
}

func number(text string, unit float64) Figure {
	n, err := strconv.ParseUint(strings.TrimSpace(text), 10, 64)
	if err != nil {
		return Figure{}
	}
	return Figure{Value: float64(n) * unit, Has: true}
}
