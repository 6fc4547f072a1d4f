package supervise

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"omsinit/supervise/client"
)

// Programs that write as fast as they can: nothing is torn or lost, and the
// supervisor's memory does not grow with what it moves.
func TestLogThroughput(t *testing.T) {
	t.Parallel()
	const each = 100 << 20
	h := newHouse(t, fmt.Sprintf(`
[program:many]
process_name=many_%%(process_num)d
numprocs=2
command=/bin/sh -c 'yes "a line of an ordinary length that is written again and again" | head -c %d; echo; echo the end; exec sleep 1000'
stdout_logfile=%%(here)s/many%%(process_num)d.log
stdout_logfile_maxbytes=20MB
stdout_logfile_backups=2
startsecs=0
autostart=false
`, each)).start()
	began, before := time.Now(), h.memory()
	go h.client.Start(background, []string{"all"}, client.OperationOptions{}, nil)
	peak := before
	for n := range 2 {
		h.until("the end is logged", func() bool {
			peak = max(peak, h.memory())
			data, _ := os.ReadFile(h.path(fmt.Sprintf("many%d.log", n)))
			return strings.HasSuffix(string(data), "the end\n")
		})
	}
	t.Logf("%.0f MB/s, memory %d kB before, %d kB at most", 2*each/1e6/time.Since(began).Seconds(), before, peak)
	// A start does not collect below 32 MiB, of which the race detector keeps as much again; this moves 200.
	if peak > before+each>>10 {
		t.Errorf("memory grew from %d kB to %d kB", before, peak)
	}
	for n := range 2 {
		for _, name := range []string{fmt.Sprintf("many%d.log.1", n), fmt.Sprintf("many%d.log.2", n)} {
			const line = "a line of an ordinary length that is written again and again\n"
			data, err := os.ReadFile(h.path(name))
			if err != nil || len(data) > 20<<20+len(line) { // a line that was begun in a file is ended there
				t.Fatalf("%s: %d bytes, %v", name, len(data), err)
			}
			if strings.Count(string(data), line)*len(line) != len(data) {
				t.Errorf("%s has a torn line", name)
			}
		}
	}
	if code := h.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit status %d", code)
	}
}

// memory is the supervisor's resident memory in kB.
func (h *house) memory() int {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", h.cmd.Process.Pid))
	if err != nil {
		h.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(data), "VmRSS:")
	kb, _ := strconv.Atoi(strings.Fields(rest)[0])
	return kb
}
