package container

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"omsinit/supervise/api"
	"omsinit/supervise/client"
)

// TestScarce: PID 1 of a container without processes, memory, disk and descriptors, all at once and with clients,
// supervises on when there is room again, and says what was missing.
func TestScarce(t *testing.T) {
	conf := filepath.Join(t.TempDir(), "supervisord.conf")
	text := "[supervisord]\n[supervisorctl]\nserverurl=unix:///tmp/supervisor.sock\n[program:steady]\ncommand=sleep 100000\n[omsinit:steady]\nearly=true\n" +
		"[program:falls]\ncommand=sleep 100000\nstartretries=1\nstartsecs=0\nstdout_logfile=/home/admin/logs/falls.log\n[omsinit:falls]\nearly=true\n" +
		"[program:eats]\ncommand=tail /dev/zero\nautostart=false\nstartsecs=0\nautorestart=unexpected\n[omsinit:eats]\nearly=true\n"
	if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	c := &container{t: t, name: fmt.Sprintf("omsinit-scarce-%d", os.Getpid())}
	t.Cleanup(func() {
		if t.Failed() {
			out, _ := exec.Command("docker", "logs", "--tail", "40", c.name).CombinedOutput()
			t.Logf("docker logs:\n%s", out)
		}
		exec.Command("docker", "rm", "-f", c.name).Run()
	})
	c.docker("run", "-d", "--no-healthcheck", "--name", c.name, "-v", conf+":/etc/supervisor/supervisord.conf",
		"--pids-limit", "200", "--memory", "160m", "--ulimit", "nofile=80:80", "--tmpfs", "/home/admin/logs:size=256k", image(t))
	host := strings.TrimSpace(c.docker("inspect", "-f", "{{.State.Pid}}", c.name))
	pid1 := client.Dial("/proc/" + host + "/root/tmp/supervisor.sock")
	program := func(name string) (p api.ProgramStatus) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		st, err := pid1.Status(ctx)
		if err != nil {
			return p // it may be told that there are too many
		}
		for _, p := range st.Programs {
			if p.Name == name {
				return p
			}
		}
		return p
	}
	c.eventually("both run", func() bool { return program("steady").PID != 0 && program("falls").PID != 0 })
	steady, falls := program("steady").PID, program("falls").PID

	c.docker("exec", "-d", c.name, "sh", "-c", "cat /dev/zero >/home/admin/logs/full")
	c.docker("update", "--pids-limit", "5", c.name) // it has more
	if err := syscall.Kill(c.outside(host, falls), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	until := time.Now().Add(3 * time.Second)
	var clients sync.WaitGroup
	for range 60 {
		clients.Go(func() {
			for time.Now().Before(until) {
				program("steady")
			}
		})
	}
	clients.Wait()
	c.eventually("falls waits for room", func() bool {
		p := program("falls")
		return p.State == api.Backoff.String() && strings.Contains(p.Reason.English, "pids-limit")
	})
	for lang, want := range map[string]string{"en": "processes and threads, of 5 that it may have", "zh": "上限为 5"} {
		c.eventually("a command that says what it lacks", func() bool { // the engine itself may lack a thread
			out, status := c.exec("omsinit", "--lang", lang, "status")
			if status == 0 {
				t.Fatalf("a command has started without a thread:\n%s", out)
			}
			return status == 1 && strings.Contains(out, want) && !strings.Contains(out, "runtime")
		})
	}
	c.eventually("supervisorctl that says it, too", func() bool {
		out, _ := c.exec("supervisorctl", "status", "falls")
		return strings.Contains(out, "BACKOFF") && strings.Contains(out, "pids-limit")
	})
	c.docker("update", "--pids-limit", "400", c.name)
	c.eventually("falls runs again", func() bool { return program("falls").State == api.Running.String() })
	if _, status := c.exec("omsinit", "start", "eats"); status != 0 {
		t.Logf("starting what eats all memory: status %d", status) // it may have ended already
	}
	c.eventually("what had no memory says so", func() bool {
		return strings.Contains(program("eats").Reason.English, "out of memory")
	})
	if now := program("steady"); now.PID != steady || now.Starts != 1 {
		t.Errorf("steady: pid %d, was %d, started %d times", now.PID, steady, now.Starts)
	}
	if pid := strings.TrimSpace(c.docker("inspect", "-f", "{{.State.Pid}} {{.State.Running}}", c.name)); pid != host+" true" {
		t.Errorf("the container was %s and is %s", host, pid)
	}
}

// outside returns the number that a process of the container has here.
func (c *container) outside(host string, inside int) int {
	c.t.Helper()
	namespace, _ := os.Readlink("/proc/" + host + "/ns/pid")
	all, _ := filepath.Glob("/proc/[0-9]*/status")
	for _, path := range all {
		status, _ := os.ReadFile(path)
		if own, _ := os.Readlink(filepath.Dir(path) + "/ns/pid"); own != namespace {
			continue
		}
		for line := range strings.Lines(string(status)) {
			fields := strings.Fields(line)
			if len(fields) > 2 && fields[0] == "NSpid:" && fields[len(fields)-1] == strconv.Itoa(inside) {
				pid, _ := strconv.Atoi(fields[1])
				return pid
			}
		}
	}
	c.t.Fatalf("no process %d in the container", inside)
	return 0
}
