package supervise

import (
	"os"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"

	"omsinit/internal/cgroup"
	"omsinit/supervise/api"
)

const (
	// mostProcessors is how many threads run Go code at the same time. What PID 1 has to do is done by one or two of
	// them, and a machine with a hundred processors must not make it keep a thread for each.
	mostProcessors = 4
	// mostSpare is how many threads wait in blocking system calls at the same time at most: one for each client
	// (control), for each write to a log (logs), for each exit that is being handled and each program that is being
	// started (engine), and a few.
	mostSpare = api.MostClients + api.MostLogWrites + api.MostExits + api.MostStarts + 4
)

// reserveThreads makes the threads that the Go runtime will need, as long as there may be new ones: it ends the whole
// process when it needs one and the limit on processes of the container is reached. It never gives back what is idle.
// The threads sleep, and cost a few kilobytes each.
func reserveThreads(n int) {
	runtime.GOMAXPROCS(min(runtime.GOMAXPROCS(0), mostProcessors)) // and its own watch over the quota ends with this
	var started, ended sync.WaitGroup
	release := make(chan struct{})
	started.Add(n)
	for range n {
		ended.Go(func() {
			runtime.LockOSThread() // each of them has a thread of its own while all of them wait
			defer runtime.UnlockOSThread()
			started.Done()
			<-release
		})
	}
	started.Wait()
	close(release)
	ended.Wait()
}

// mostDescriptors is how many descriptors there is a place for from the start: those of some 250 programs.
const mostDescriptors = 2048

// reserveDescriptors makes the kernel's table of our descriptors large enough at once. Each time it doubles, which it
// does six times on the way there, all threads that open something wait for a grace period of RCU, some 10 ms.
func reserveDescriptors() {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil {
		return
	}
	last := int(min(limit.Cur, mostDescriptors)) - 1
	if fd, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, last); err == nil {
		unix.Close(fd)
	}
}

// spareThreads returns how many threads to reserve: what can be needed, but no more than a quarter of what the
// container may still have, which the programs need.
func spareThreads() int {
	n := mostSpare
	group := cgroup.Self("/")
	if limit, used := group.ProcessLimit(), group.Usage().Processes; limit.Has && used.Has {
		n = min(n, int(limit.Value-used.Value)/4)
	}
	var own unix.Rlimit
	if os.Getuid() != 0 && unix.Getrlimit(unix.RLIMIT_NPROC, &own) == nil && own.Cur < 1<<20 {
		n = min(n, int(own.Cur)/16) // others of this user count, too; root is exempt
	}
	return max(n, 0)
}
