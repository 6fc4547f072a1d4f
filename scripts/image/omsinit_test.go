package image

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// TestThreads: the program is run as it is asked for, except where the container has hardly a thread left: then the
// limit, and who has the threads, are said in the language of the call, without another process.
func TestThreads(t *testing.T) {
	const v2, v1 = "/sys/fs/cgroup/", "/sys/fs/cgroup/pids/"
	for name, tc := range map[string]struct {
		at, used, most string
		env            string
		args           []string
		status         int
		want           string
	}{
		"room":                 {v2, "100", "200", "", []string{"status", "a b"}, 7, "[status][a b] GOMAXPROCS="},
		"no limit":             {v2, "100", "max", "", []string{"status"}, 7, "[status] GOMAXPROCS="},
		"no limit, a wide one": {v1, "100", "9223372036854775807", "", nil, 7, " GOMAXPROCS="},
		"little room":          {v1, "100", "110", "", []string{"status"}, 7, "[status] GOMAXPROCS=1"},
		"just enough":          {v2, "100", "108", "", nil, 7, " GOMAXPROCS=1"},
		"full": {v2, "100", "100", "", []string{"status"}, 1,
			"the container has 100 processes and threads, of 100 that it may have"},
		"more than full": {v1, "100", "5", "", []string{"status"}, 1,
			"Most of them, PID 1 apart, are java x; $(id): 90."},
		"nearly full":           {v1, "93", "100", "", nil, 1, "docker update --pids-limit -1"},
		"Chinese":               {v2, "100", "100", "OMS_LANG=zh", []string{"status"}, 1, "进程和线程数为 100，上限为 100"},
		"Chinese, of a locale":  {v2, "100", "100", "LANG=zh_CN.UTF-8", nil, 1, "除 PID 1 外，最多的是 java x; $(id)：90 个"},
		"Chinese, by an option": {v2, "100", "100", "OMS_LANG=en", []string{"--lang", "zh", "status"}, 1, "上限为 100"},
		"English, by an option": {v2, "100", "100", "OMS_LANG=zh", []string{"status", "--lang=en"}, 1,
			"may have (docker run"},
		"nothing to read":      {"/elsewhere/", "100", "100", "", nil, 7, " GOMAXPROCS="},
		"something else there": {v2, "x", "", "", nil, 7, " GOMAXPROCS="},
	} {
		root := t.TempDir()
		write(t, root+"/usr/local/bin/omsinit",
			"#!/bin/sh\n[ $# = 0 ] || printf '[%s]' \"$@\"\necho \" GOMAXPROCS=${GOMAXPROCS-}\"\nexit 7\n", 0o755)
		write(t, root+tc.at+"pids.max", tc.most+"\n", 0o644)
		write(t, root+tc.at+"pids.current", tc.used+"\n", 0o644)
		for pid, process := range []string{"omsinit 400", "java x; $(id) 50", "nginx 1", "java x; $(id) 40", "7 1"} {
			at := strings.LastIndex(process, " ")
			write(t, fmt.Sprintf("%s/proc/%d/status", root, pid+1),
				fmt.Sprintf("Name:\t%s\nUmask:\t0022\nState:\tS (sleeping)\nThreads:\t%s\nSigQ:\t1/2\n",
					process[:at], process[at+1:]), 0o644)
		}
		for _, shell := range shells {
			cmd := exec.Command(shell, append([]string{"omsinit.sh"}, tc.args...)...)
			cmd.Env = []string{"PATH=/nowhere", "OMSINIT_THREADS_ROOT=" + root, tc.env}
			out, status := run(t, cmd)
			if status != tc.status || !strings.Contains(out, tc.want) || strings.Contains(out, "omsinit.sh") {
				t.Errorf("%s, %s: status %d, %s; want %d, %s", name, shell, status, out, tc.status, tc.want)
			}
		}
	}
}
