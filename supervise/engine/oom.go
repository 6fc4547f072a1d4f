package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"omsinit/internal/cgroup"
)

// oomKills watches how often the kernel has killed something in this container for want of memory.
type oomKills struct {
	root string // where /proc and /sys are
	seen float64
	at   time.Time
}

// oomMoment is how long after such a kill another SIGKILL is taken for one of the same shortage.
const oomMoment = time.Second

// just reports whether that has just happened.
func (o *oomKills) just() bool {
	if kills := cgroup.Self(o.root).Usage().OOMKills; kills.Has && kills.Value > o.seen {
		o.seen, o.at = kills.Value, time.Now()
	}
	return time.Since(o.at) < oomMoment
}

// ownMemory is more than this process ever takes, in bytes.
const ownMemory = 32 << 20

// programScore returns the oom_score_adj of what this process starts, "" for the one that it has itself: so much more
// that the kernel, out of memory, ends any of them first. Where programs are small and many, their supervisor is the
// largest process. Each point weighs like a thousandth of the memory (proc_pid_oom_score_adj(5)). root is where /proc
// and /sys are.
func programScore(root string) string {
	const least, most = -1000, 1000 // with the least, nothing is to be ended
	data, err := os.ReadFile(filepath.Join(root, "proc/self/oom_score_adj"))
	own, wrong := strconv.Atoi(strings.TrimSpace(string(data)))
	memory := cgroup.Self(root).Memory()
	if err != nil || wrong != nil || own == least || memory == 0 {
		return ""
	}
	return strconv.Itoa(min(own+int((ownMemory*most+memory-1)/memory), most))
}

// setScore gives a process the score. Where that is not allowed, it keeps that of its parent.
func setScore(pid int, score string) {
	if score == "" {
		return
	}
	// Not with the os package, which would ask whether the file can be waited for.
	if fd, err := unix.Open(fmt.Sprintf("/proc/%d/oom_score_adj", pid), unix.O_WRONLY|unix.O_CLOEXEC, 0); err == nil {
		_, _ = unix.Write(fd, []byte(score))
		unix.Close(fd)
	}
}
