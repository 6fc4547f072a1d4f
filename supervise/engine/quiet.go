package engine

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// quietTime is how long nothing must have changed for memory to be given back.
	quietTime = 2 * time.Second
	// answeredTime is how long after the answer to a client it is given back: also where clients come all the time, it
	// is not given back more often.
	answeredTime = 10 * time.Second
)

// changed: something has happened to a program or to the setup task. When nothing more does for quietTime, memory is
// given back once, so an idle supervisor does not wake up.
func (s *Supervisor) changed() {
	s.restless.Store(true)
	s.quiet.Reset(quietTime)
}

// Answered is the event that a client got its answer, or a person a warning. It has brought our code back into memory.
func (s *Supervisor) Answered() {
	if !s.restless.Swap(true) {
		s.quiet.Reset(answeredTime)
	}
}

func (s *Supervisor) becameQuiet() {
	s.restless.Store(false)
	s.collect()
	giveBack()
}

// startMemory is how much PID 1 may use before it is quiet for the first time. A start of 200 programs takes 15 MB.
const startMemory = 32 << 20

// collectLater keeps the garbage collector out of the way of a start, until startMemory is used or the function that it
// returns is called: then it works as ever.
func collectLater() (collect func()) {
	percent, limit := debug.SetGCPercent(-1), debug.SetMemoryLimit(startMemory)
	var once sync.Once
	collect = func() {
		once.Do(func() {
			debug.SetMemoryLimit(limit)
			debug.SetGCPercent(percent)
		})
	}
	// The first collection finds this, and is the last one at this limit, near which they would follow each other.
	runtime.AddCleanup(new([16]byte), func(struct{}) { collect() }, struct{}{})
	return collect
}

// giveBack returns to the kernel what a start or a stop of programs has taken and waiting does not need: the garbage of
// the heap, and the pages of our own file. Those stay in the page cache, and are mapped again as they are used.
func giveBack() {
	debug.FreeOSMemory()
	smaps, err := os.Open("/proc/self/smaps")
	if err != nil {
		return
	}
	defer smaps.Close()
	for _, m := range cleanMappings(smaps) {
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, m.start, m.end-m.start, unix.MADV_DONTNEED) // it is advice
	}
}

type mapping struct{ start, end uintptr }

// cleanMappings returns the mappings whose pages are all those of a file: not writable, and never written to. What a
// dynamic linker has relocated is not writable either, and would be lost. smaps is in the format of proc_pid_smaps(5).
func cleanMappings(smaps io.Reader) (clean []mapping) {
	var m mapping
	file := false
	for lines := bufio.NewScanner(smaps); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		switch {
		case len(fields) == 3 && fields[0] == "Anonymous:":
			if file && fields[1] == "0" {
				clean = append(clean, m)
			}
		case len(fields) >= 5 && !strings.HasSuffix(fields[0], ":"):
			_, err := fmt.Sscanf(fields[0], "%x-%x", &m.start, &m.end)
			file = err == nil && !strings.Contains(fields[1], "w") && len(fields) > 5 &&
				strings.HasPrefix(fields[5], "/")
		}
	}
	return clean
}
