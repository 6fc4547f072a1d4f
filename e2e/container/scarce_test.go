package container

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"omsinit/supervise/api"
	"omsinit/supervise/client"
)

const (
	scarceMemory = 160 << 20 // of the container
	heldMemory   = 64 << 20  // by its largest process, which the kernel ends first
	spareMemory  = 4 << 20   // nobody has it when all else is filled
)

// TestScarce: PID 1 of a container without processes, memory, disk and descriptors, all at once and with clients,
// supervises on when there is room again, and says what was missing: once, or for as long as OMSINIT_SOAK says.
func TestScarce(t *testing.T) {
	soak, err := time.ParseDuration(cmp.Or(os.Getenv("OMSINIT_SOAK"), "0s"))
	if err != nil {
		t.Fatal(err)
	}
	s := newScarce(t)
	for until, round := time.Now().Add(soak), 1; round == 1 || time.Now().Before(until); round++ {
		s.round()
		if t.Failed() {
			t.Fatalf("in round %d", round)
		}
		t.Logf("round %d: PID 1 has %d KiB, %d threads, %d descriptors", round, s.kernel(s.host, "VmRSS:"),
			s.kernel(s.host, "Threads:"), s.descriptors())
	}
}

// scarce is a container that has little of everything.
type scarce struct {
	*container
	host   int // the number of its PID 1 here
	pid1   *client.Client
	steady int // the pid of a program that nothing may end
}

func newScarce(t *testing.T) *scarce {
	t.Helper()
	text := "[supervisord]\n[supervisorctl]\nserverurl=unix:///tmp/supervisor.sock\n[program:steady]\ncommand=sleep 100000\n[omsinit:steady]\nearly=true\n" +
		"[program:falls]\ncommand=sleep 100000\nstartretries=1\nstartsecs=0\nstdout_logfile=/home/admin/logs/falls.log\n[omsinit:falls]\nearly=true\n" +
		fmt.Sprintf("[program:holds]\ncommand=python3 -c \"import time; held = b'x' * %d; time.sleep(1e5)\"\nstartsecs=0\nautorestart=true\n[omsinit:holds]\nearly=true\n", heldMemory) +
		"[program:eats]\ncommand=tail /dev/zero\nautostart=false\nstartsecs=0\nautorestart=unexpected\n[omsinit:eats]\nearly=true\n"
	s := runScarce(t, "scarce", text, "--pids-limit", "200", "--memory", fmt.Sprint(scarceMemory), "--memory-swap",
		fmt.Sprint(scarceMemory), "--ulimit", "nofile=80:80", "--tmpfs", "/home/admin/logs:size=256k", "--tmpfs", "/memory")
	s.eventually("all run", func() bool {
		return s.program("steady").PID != 0 && s.program("falls").PID != 0 && s.program("holds").PID != 0
	})
	s.steady = s.program("steady").PID
	return s
}

// runScarce starts a container that runs programs and little else.
func runScarce(t *testing.T, name, programs string, options ...string) *scarce {
	t.Helper()
	conf := filepath.Join(t.TempDir(), "supervisord.conf")
	err := os.WriteFile(conf, []byte(programs), 0o644)
	if err != nil {
		t.Fatal(err)
	}
	s := &scarce{container: &container{t: t, name: fmt.Sprintf("omsinit-%s-%d", name, os.Getpid())}}
	t.Cleanup(func() {
		if t.Failed() {
			out, _ := exec.Command("docker", "logs", "--tail", "40", s.name).CombinedOutput()
			t.Logf("docker logs:\n%s", out)
		}
		exec.Command("docker", "rm", "-f", s.name).Run()
	})
	s.docker(slices.Concat([]string{"run", "-d", "--no-healthcheck", "--name", s.name, "-v",
		conf + ":/etc/supervisor/supervisord.conf"}, options, []string{image(t)})...)
	if s.host, err = strconv.Atoi(strings.TrimSpace(s.docker("inspect", "-f", "{{.State.Pid}}", s.name))); err != nil {
		t.Fatal(err)
	}
	s.pid1 = client.Dial(s.socket())
	return s
}

// TestManySmallProcesses: processes that are smaller than PID 1 fill the memory; the kernel ends them, and not PID 1.
func TestManySmallProcesses(t *testing.T) {
	const memory = 64 << 20
	s := runScarce(t, "small", "[supervisord]\n[supervisorctl]\nserverurl=unix:///tmp/supervisor.sock\n"+
		"[program:small]\ncommand=sh -c 'while :; do sleep 100000 & done'\nstartsecs=0\nautorestart=false\n"+
		"[omsinit:small]\nearly=true\n", "--memory", fmt.Sprint(memory), "--memory-swap", fmt.Sprint(memory))
	s.eventually("the kernel has ended some", func() bool { return s.oomKills() >= 3 })
	s.docker("update", "--memory", fmt.Sprint(4*memory), "--memory-swap", fmt.Sprint(4*memory), s.name)
	s.eventually("it is stopped", func() bool {
		_, _ = s.exec("omsinit", "stop", "small") // there may be no memory for it yet
		p := s.program("small")
		return p.PID == 0 && p.Name == "small"
	})
	if runs := strings.TrimSpace(s.docker("inspect", "-f", "{{.State.Running}}", s.name)); runs != "true" {
		t.Errorf("the container runs: %s", runs)
	}
}

// oomKills is how many processes of the container the kernel has ended for want of memory.
func (s *scarce) oomKills() (n int) {
	s.t.Helper()
	group, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", s.host))
	if err != nil {
		s.t.Fatalf("PID 1 has ended: %v", err)
	}
	for line := range strings.Lines(string(group)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		file := "/sys/fs/cgroup" + parts[2] + "/memory.events"
		if parts[1] == "memory" {
			file = "/sys/fs/cgroup/memory" + parts[2] + "/memory.oom_control"
		}
		events, _ := os.ReadFile(file)
		for event := range strings.Lines(string(events)) {
			if count, ok := strings.CutPrefix(strings.TrimSpace(event), "oom_kill "); ok {
				n, _ = strconv.Atoi(count)
			}
		}
	}
	return n
}

func (s *scarce) socket() string { return fmt.Sprintf("/proc/%d/root/tmp/supervisor.sock", s.host) }

// program is what PID 1 says of a program; nothing while it does not answer.
func (s *scarce) program(name string) (p api.ProgramStatus) {
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second)
	defer cancel()
	st, err := s.pid1.Status(ctx)
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

// round takes everything away, lets clients come, and gives it back.
func (s *scarce) round() {
	t := s.t
	t.Helper()
	s.fill()
	falls := s.outside(s.host, s.program("falls").PID)
	s.docker("update", "--pids-limit", "5", s.name) // it has more
	if falls == 0 {
		t.Fatal("falls has ended by itself")
	}
	if err := syscall.Kill(falls, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	idle := s.connect(100) // more than it has descriptors
	until := time.Now().Add(3 * time.Second)
	var clients sync.WaitGroup
	for range 60 {
		clients.Go(func() {
			for time.Now().Before(until) {
				s.program("steady")
			}
		})
	}
	clients.Wait()
	for _, c := range idle {
		c.Close()
	}
	s.eventually("falls waits for room", func() bool {
		p := s.program("falls")
		return p.State == api.Backoff.String() && strings.Contains(p.Reason.English, "pids-limit")
	})
	for lang, want := range map[string]string{"en": "processes and threads, of 5 that it may have", "zh": "上限为 5"} {
		s.eventually("a command that says what it lacks", func() bool { // the engine itself may lack a thread
			out, status := s.exec("omsinit", "--lang", lang, "status")
			if status == 0 {
				t.Fatalf("a command has started without a thread:\n%s", out)
			}
			return status == 1 && strings.Contains(out, want) && !strings.Contains(out, "runtime")
		})
	}
	s.eventually("supervisorctl that says it, too", func() bool {
		out, _ := s.exec("supervisorctl", "status", "falls")
		return strings.Contains(out, "BACKOFF") && strings.Contains(out, "pids-limit")
	})
	s.docker("update", "--pids-limit", "400", s.name)
	s.eventually("falls runs again", func() bool { return s.program("falls").State == api.Running.String() })
	s.eat()
	s.docker("exec", s.name, "rm", "-f", "/memory/full", "/home/admin/logs/full")
	s.eventually("holds runs again", func() bool { return s.program("holds").State == api.Running.String() })
	if now := s.program("steady"); now.PID != s.steady || now.Starts != 1 {
		t.Errorf("steady: pid %d, was %d, started %d times", now.PID, s.steady, now.Starts)
	}
	if pid := strings.TrimSpace(s.docker("inspect", "-f", "{{.State.Pid}} {{.State.Running}}",
		s.name)); pid != fmt.Sprint(s.host, " true") {
		t.Errorf("the container was %d and is %s", s.host, pid)
	}
}

// fill writes the disk full, and into memory what else may be there. The kernel may end the largest process meanwhile.
func (s *scarce) fill() {
	s.t.Helper()
	s.exec("sh", "-c", "cat /dev/zero >/home/admin/logs/full") // until there is no space left
	// One command, for each takes some megabytes when it starts.
	script := fmt.Sprintf(`while used=$(cat /sys/fs/cgroup/memory.current 2>/dev/null || cat /sys/fs/cgroup/memory/memory.usage_in_bytes) &&
		[ "$used" -lt %d ]; do head -c 1M /dev/zero >>/memory/full || exit; done`, scarceMemory-spareMemory)
	holds := func() int { return s.kernel(s.outside(s.host, s.program("holds").PID), "VmRSS:") << 10 }
	s.eventually("memory that is full", func() bool {
		if holds() < heldMemory { // else PID 1 would be the largest
			return false
		}
		_, status := s.exec("sh", "-c", script)
		if status == 0 && holds() > heldMemory {
			return true
		}
		s.t.Logf("filling the memory: status %d, the largest process has %d bytes", status, holds())
		s.exec("rm", "-f", "/memory/full")
		return false
	})
}

// connect makes connections to PID 1 on which nothing is asked. Some may be refused.
func (s *scarce) connect(count int) (idle []net.Conn) {
	for range count {
		if c, err := net.DialTimeout("unix", s.socket(), time.Second); err == nil {
			idle = append(idle, c)
		}
	}
	if len(idle) < count/2 {
		s.t.Errorf("%d of %d connections", len(idle), count)
	}
	return idle
}

// eat starts what takes all memory, until the kernel ends it.
func (s *scarce) eat() {
	s.t.Helper()
	before := s.program("eats").Starts
	if _, status := s.exec("omsinit", "start", "eats"); status != 0 {
		s.t.Logf("starting what eats all memory: status %d", status) // it may have ended already
	}
	s.eventually("what had no memory says so", func() bool {
		p := s.program("eats")
		return p.Starts > before && strings.Contains(p.Reason.English, "out of memory")
	})
}

// kernel is a number that the kernel has about a process, 0 when there is none.
func (s *scarce) kernel(pid int, key string) (n int) {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(status)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == key {
			n, _ = strconv.Atoi(fields[1])
		}
	}
	return n
}

func (s *scarce) descriptors() int {
	all, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.host))
	return len(all)
}

// outside returns the number that a process of the container has here, 0 when it has ended.
func (c *container) outside(host, inside int) int {
	namespace, _ := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", host))
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
	return 0
}
