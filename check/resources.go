package check

import (
	"context"
	"math"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"omsinit/internal/cgroup"
	"omsinit/internal/msg"
)

// What the control components alone need, and obd warns below (docs/oms-facts.md §3): they have 7 GB of Java heap.
const (
	leastCPUs   = 8
	leastMemory = 16 << 30
	leastDisk   = 50 << 30
)

// gibibytes rounds for people.
func gibibytes(bytes uint64) float64 { return math.Round(float64(bytes)/(1<<30)*10) / 10 }

// hostResources warns and never stops: a small node runs, with fewer links.
func hostResources(_ context.Context, n *node, f *found) {
	own := cgroup.Self(n.system)
	cpus := own.CPUs()
	f.fact("cpus", cpus)
	if cpus < leastCPUs {
		f.warning("host.cpu",
			msg.M("there are %v CPUs, and at least %d are recommended", cpus, leastCPUs),
			msg.M("give the host or the container more CPUs, or expect fewer and slower migrations"),
			fact("cpus", cpus), fact("recommended", leastCPUs))
	}
	memory := own.Memory()
	f.fact("memory_bytes", memory)
	// What the firmware and the kernel keep is not in MemTotal.
	if memory > 0 && memory < leastMemory*95/100 {
		f.warning("host.memory",
			msg.M("there are %v GiB of memory, and at least %v GiB are recommended",
				gibibytes(memory), gibibytes(leastMemory)),
			msg.M("give the host or the container more memory: the console, the CM and the agent take 7 GiB, and each migration takes its own"),
			fact("memory_bytes", memory), fact("recommended_bytes", leastMemory))
	}
}

// documentedProcesses is the limit of the documented docker command line.
const documentedProcesses = 65535

// hostLimits looks at the options of docker run, and at the kernel.
func hostLimits(_ context.Context, n *node, f *found) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NPROC, &limit); err == nil {
		f.fact("nproc", limit.Cur)
		if limit.Cur < documentedProcesses {
			f.warning("host.processes",
				msg.M("the limit of processes (ulimit -u) is %d, and %d is documented", limit.Cur, documentedProcesses),
				msg.M("start the container with --ulimit nproc=%d:%d", documentedProcesses, documentedProcesses),
				fact("nproc", limit.Cur))
		}
	}
	for _, file := range []string{"/sys/fs/cgroup/pids.max", "/sys/fs/cgroup/pids/pids.max"} {
		if most, err := strconv.Atoi(n.kernel(file)); err == nil && most < documentedProcesses {
			f.warning("host.pids", msg.M("the container may have %d processes and threads", most),
				msg.M("start the container with --pids-limit -1"), fact("pids_max", most))
			break
		}
	}
	n.privileges(f)
	if n.kernel("/sys/fs/cgroup/cgroup.controllers") != "" && before(n.Release, 4, 2, 4) {
		f.warning("host.cgroup",
			msg.M("this host uses cgroup v2, which OMS before 4.2.4 does not understand (this is %s)", n.Release),
			msg.M("boot the host with systemd.unified_cgroup_hierarchy=0, or use OMS 4.2.4 or later"),
			fact("release", n.Release))
	}
	if n.kernel("/proc/sys/net/ipv4/tcp_tw_recycle") == "1" {
		f.warning("host.tcp-tw-recycle", msg.M("net.ipv4.tcp_tw_recycle is 1 on this host"),
			msg.M("run sysctl -w net.ipv4.tcp_tw_recycle=0 on the host, and keep it in /etc/sysctl.conf"))
	}
}

// privileges warns when the container lacks rights that come with --privileged.
func (n *node) privileges(f *found) {
	for line := range strings.Lines(n.kernel("/proc/self/status")) {
		text, ok := strings.CutPrefix(line, "CapEff:")
		if !ok {
			continue
		}
		effective, err := strconv.ParseUint(strings.TrimSpace(text), 16, 64)
		if err == nil && effective&(1<<unix.CAP_SYS_ADMIN) == 0 {
			f.warning("host.privileges", msg.M("the container does not run with --privileged=true"),
				msg.M("start the container with --privileged=true"), fact("cap_eff", strings.TrimSpace(text)))
		}
	}
}
