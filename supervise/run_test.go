package supervise

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"omsinit/supervise/api"
	"omsinit/supervise/client"
)

var background = context.Background()

func TestProgramsStartAndStop(t *testing.T) {
	t.Parallel()
	h := newHouse(t, `
[program:a]
command=/bin/sh -c 'echo hello; echo bad >&2; exec sleep 1000'
startsecs=0
[program:b]
command=sleep 1000
stdout_logfile_maxbytes=0
[program:manual]
command=sleep 1000
autostart=false
`).start()
	h.awaitState("a", api.Running)
	h.awaitState("b", api.Running)
	h.awaitState("manual", api.Stopped)
	h.until("the output is in the log", func() bool {
		return h.read("a-stdout.log") == "hello\n" && h.read("a-stderr.log") == "bad\n"
	})
	if err := h.client.Restart(background, []string{"a", "b"}, client.OperationOptions{}, nil); err != nil {
		t.Fatal(err)
	}
	if p := h.program("a"); p.Starts != 2 || !p.Ready {
		t.Errorf("after a restart: %+v", p)
	}
	info, err := os.Stat(h.path("s.sock"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("socket mode %v, %v", info.Mode(), err)
	}
	if info, err = os.Stat(h.path("omsinit.log")); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("log mode %v, %v", info.Mode(), err)
	}
	if code := h.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit status %d", code)
	}
	if _, err := os.Stat(h.path("s.sock")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
	if _, err := h.client.Status(background); !errors.Is(err, client.ErrNotRunning) {
		t.Errorf("status of a stopped supervisor: %v", err)
	}
}

// Everything about a child's surroundings.
func TestEnvironmentOfPrograms(t *testing.T) {
	t.Parallel()
	h := newHouse(t, `
[supervisord]
environment=SHARED=1
[program:p]
command=/bin/sh -c 'umask; pwd; env | grep -E "^(SUPERVISOR_|SHARED|OWN)" | sort; id -un; id -Gn; ls /proc/self/fd | wc -l; exec sleep 1000'
environment=OWN="%(program_name)s"
directory=/usr
umask=027
user=`+nobody(t)+`
redirect_stderr=true
`).start()
	h.awaitState("p", api.Running)
	// the last are 0, 1, 2 and the folder itself
	want := fmt.Sprintf("0027\n/usr\nOWN=p\nSHARED=1\nSUPERVISOR_ENABLED=1\nSUPERVISOR_GROUP_NAME=p\nSUPERVISOR_PROCESS_NAME=p\nSUPERVISOR_SERVER_URL=unix://%s\n%s\n%s\n4\n",

		h.path("s.sock"), output(t, "id", "-un", nobody(t)), output(t, "id", "-Gn", nobody(t)))
	var got string
	h.until("it has said everything", func() bool {
		got = h.read("p-stdout.log")
		return strings.Count(got, "\n") == strings.Count(want, "\n")
	})
	if got != want {
		t.Error(cmp.Diff(want, got))
	}
}

// nobody is a user we can become: another one for root, else ourselves.
func nobody(t *testing.T) string {
	if os.Getuid() == 0 {
		return "nobody"
	}
	return output(t, "id", "-un")
}

func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func TestSpawnFailuresAreNamed(t *testing.T) {
	t.Parallel()
	h := newHouse(t, `
[program:file]
command=/no/such/file
[program:path]
command=no-such-command
[program:dir]
command=sleep 1
directory=/no/such/folder
[program:user]
command=sleep 1
user=no-such-user
[program:log]
command=sleep 1
stdout_logfile=/no/such/folder/x.log
[program:format]
command=%(here)s/script
[program:mode]
command=%(here)s/supervisord.log
`)
	h.write("script", "not a program")
	h.write("supervisord.log", "")
	os.Chmod(h.path("supervisord.log"), 0o644)
	h.start()
	for name, want := range map[string]string{
		"file": "/no/such/file", "path": "no-such-command", "dir": "/no/such/folder", "user": "no-such-user",
		"log": "/no/such/folder/x.log", "format": "exec format error", "mode": "not executable",
	} {
		h.until(name+" says why", func() bool { p := h.program(name); return !p.Reason.IsZero() && p.PID == 0 })
		if p := h.program(name); !strings.Contains(p.Reason.English, want) ||
			p.State != "BACKOFF" && p.State != "FATAL" {
			t.Errorf("%s is %s: %s", name, p.State, p.Reason)
		}
	}
	h.awaitState("file", api.Fatal)
}

func TestSecondRunIsRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "").start()
	out, err := h.command().CombinedOutput()
	if err == nil || !strings.Contains(string(out), fmt.Sprintf("pid %d holds", h.cmd.Process.Pid)) {
		t.Errorf("second run: %v: %s", err, out)
	}
	h.status()
}

func TestStaleSocketOfAKilledRun(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "[program:p]\ncommand=sleep 1000\nstartsecs=0\n").start()
	pid := h.awaitState("p", api.Running).PID
	h.cmd.Process.Kill()
	<-h.ended
	if _, err := os.Stat(h.path("s.sock")); err != nil {
		t.Fatal(err)
	}
	h.until("the program has died with its supervisor", func() bool { return syscall.Kill(pid, 0) != nil })
	if _, err := h.client.Status(background); !errors.Is(err, client.ErrNotRunning) {
		t.Errorf("status: %v", err)
	}
	h.start()
	h.awaitState("p", api.Running)
}

func TestSocketIsNotTakenFromOthers(t *testing.T) {
	t.Parallel()
	for name, occupy := range map[string]func(h *house){
		"another supervisor answers": func(h *house) {
			l, err := net.Listen("unix", h.path("s.sock"))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { l.Close() })
		},
		"something else than a socket": func(h *house) { h.write("s.sock", "precious") },
		"at most 107": func(h *house) {
			h.write("supervisord.conf", "[unix_http_server]\nfile=%(here)s/"+strings.Repeat("x", 100)+"\n")
		},
	} {
		h := newHouse(t, "")
		occupy(h)
		out, err := h.command().CombinedOutput()
		if err == nil || !strings.Contains(string(out), name) {
			t.Errorf("%s: %v: %s", name, err, out)
		}
	}
}

// A program writes its name when it ends; the last line says the order.
const chain = `
[program:base]
command=/bin/sh -c 'trap "sleep 0.2; echo base >> %(here)s/order; exit" TERM; echo base >> %(here)s/up; while :; do sleep 0.05; done'
startsecs=0
[program:middle]
command=/bin/sh -c 'trap "sleep 0.1; echo middle >> %(here)s/order; exit" TERM; echo middle >> %(here)s/up; while :; do sleep 0.05; done'
startsecs=0
[program:top]
command=/bin/sh -c 'trap "sleep 0.2; echo top >> %(here)s/order; exit" TERM; echo top >> %(here)s/up; while :; do sleep 0.05; done'
startsecs=0
[omsinit:middle]
depends_on=base
[omsinit:top]
depends_on=middle
`

func TestStopOrder(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chain).start()
	h.until("the traps are set", func() bool { return len(h.lines("up")) == 3 })
	if code := h.stop(syscall.SIGINT); code != 0 {
		t.Errorf("exit status %d", code)
	}
	if diff := cmp.Diff([]string{"top", "middle", "base"}, h.lines("order")); diff != "" {
		t.Error(diff)
	}
}

const stubborn = `
[program:stubborn]
command=/bin/sh -c 'trap "" TERM; echo ready > %(here)s/up; while :; do sleep 0.05; done'
startsecs=0
[program:willing]
command=sleep 1000
startsecs=0
`

func TestStopBudget(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		budget time.Duration
		again  bool
	}{"is spent": {300 * time.Millisecond, false}, "is cut by a second signal": {time.Hour, true}} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, stubborn)
			h.run.StopTimeout = test.budget
			h.start()
			h.until("the trap is set", func() bool { return h.read("up") != "" })
			pid := h.program("stubborn").PID
			first := time.Now()
			h.cmd.Process.Signal(syscall.SIGTERM)
			if test.again {
				h.cmd.Process.Signal(syscall.SIGTERM) // still the same one
				h.until("the willing one is gone", func() bool { return h.program("willing").PID == 0 })
				// From then on another one is a second signal.
				h.until("some time is over", func() bool { return time.Since(first) > 300*time.Millisecond })
				if syscall.Kill(pid, 0) != nil {
					t.Error("one signal that came twice has hurried")
				}
				h.cmd.Process.Signal(syscall.SIGTERM)
			}
			if code := h.wait(); code != 0 {
				t.Errorf("exit status %d", code)
			}
			if syscall.Kill(pid, 0) == nil {
				t.Error("the stubborn program is still there")
			}
		})
	}
}

func TestTermDuringStart(t *testing.T) {
	t.Parallel()
	h := newHouse(t, `
[program:slow]
command=sleep 1000
startsecs=100
[program:loop]
command=false
startretries=1000
[program:waiting]
command=sleep 1000
[omsinit:waiting]
depends_on=slow
`).start()
	h.awaitState("slow", api.Starting)
	h.until("the third one is held", func() bool { return len(h.program("waiting").WaitsFor) > 0 })
	if code := h.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit status %d", code)
	}
}

func TestOrphansGoWithTheSupervisor(t *testing.T) {
	t.Parallel()
	h := newHouse(t, `
[program:p]
command=%(here)s/leave
startsecs=0
`)
	h.write("leave", "#!/bin/sh\nsetsid sh -c 'echo $$ > "+h.path("orphan")+"; exec sleep 1000' &\nexec sleep 1000\n")
	h.start()
	h.until("the orphan is there", func() bool { return h.read("orphan") != "" })
	var pid int
	fmt.Sscan(h.read("orphan"), &pid)
	h.stop(syscall.SIGTERM)
	h.until("the orphan is gone", func() bool { return syscall.Kill(pid, 0) != nil })
}

func TestAsPID1(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chain+`
[program:orphans]
command=/bin/sh -c 'i=0; while [ $i -lt 20 ]; do (sleep 0.1 &); i=$((i+1)); done; exec sleep 1000'
`)
	inner := h.command()
	cmd := inPIDNamespace(inner.Path)
	cmd.Env = inner.Env
	cmd.Stdout, cmd.Stderr = &h.out, &h.out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	h.until("it answers", func() bool { _, err := h.client.Status(background); return err == nil })
	if pid := h.status().PID; pid != 1 {
		t.Errorf("pid %d", pid)
	}
	h.until("the traps are set", func() bool { return len(h.lines("up")) == 3 })
	h.awaitState("orphans", api.Running)
	if err := h.client.Shutdown(background); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v: %s", err, h.out.String())
	}
	if diff := cmp.Diff([]string{"top", "middle", "base"}, h.lines("order")); diff != "" {
		t.Error(diff)
	}
}

func TestUpdate(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "[include]\nfiles=%(here)s/conf.d/*.ini\n")
	os.Mkdir(h.path("conf.d"), 0o755)
	const program = "[program:%s]\ncommand=sleep %d\nstartsecs=0\n"
	h.write("conf.d/a.ini", fmt.Sprintf(program+program+program, "gone", 1000, "same", 1000, "other", 1000))
	h.start()
	for _, name := range []string{"gone", "same", "other"} {
		h.awaitState(name, api.Running)
	}
	same, other := h.program("same").PID, h.program("other").PID
	h.write("conf.d/a.ini", fmt.Sprintf(program+program+program+"[omsinit:same]\nready_timeout=5\n", "same", 1000,
		"other", 1001, "new", 1000))
	r, err := h.client.Update(background)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&api.UpdateResult{Added: []string{"new"}, Changed: []string{"other", "same"},
		Removed: []string{"gone"}}, r); diff != "" {
		t.Error(diff)
	}
	h.awaitState("new", api.Running)
	h.awaitState("other", api.Running)
	if h.program("same").PID != same {
		t.Error("a change of the readiness timeout restarted the program")
	}
	if h.program("other").PID == other {
		t.Error("a change of the command did not restart the program")
	}
	if n := len(h.status().Programs); n != 3 {
		t.Errorf("%d programs", n)
	}

	// What cannot be used takes nothing else down, and runs once it is mended. What runs stays as it is.
	same = h.program("same").PID
	h.write("conf.d/b.ini", "[program:bad]\ncommand=\n[program:same]\nstopsignal=HARD\n")
	if r, err = h.client.Update(background); err != nil || !slices.Equal(r.Added, []string{"bad"}) ||
		len(r.Changed)+len(r.Removed) > 0 {
		t.Errorf("update with a broken file: %+v, %v", r, err)
	}
	if p := h.program("bad"); p.State != "FATAL" ||
		!strings.Contains(p.Reason.English, "b.ini:2: [program:bad] command") {
		t.Errorf("%+v", p)
	}
	if err := h.client.Start(background, []string{"bad"}, client.OperationOptions{}, nil); err == nil ||
		!strings.Contains(err.Error(), "b.ini:2") {
		t.Errorf("the start of a broken program: %v", err)
	}
	if st := h.status(); len(st.Programs) != 4 || len(st.Warnings) != 1 ||
		!strings.Contains(st.Warnings[0].English, "b.ini:4: [program:same] stopsignal") {
		t.Errorf("after an update with a broken file: %s", h.describe())
	}
	if p := h.program("same"); p.PID != same || p.State != "RUNNING" {
		t.Errorf("a program whose section was broken while it runs: %+v", p)
	}
	h.write("conf.d/b.ini", fmt.Sprintf(program, "bad", 1000))
	if r, err = h.client.Update(background); err != nil || !slices.Equal(r.Changed, []string{"bad"}) {
		t.Errorf("update with the mended file: %+v, %v", r, err)
	}
	h.awaitState("bad", api.Running)
	if st := h.status(); len(st.Warnings) != 0 || h.program("same").PID != same {
		t.Errorf("after the mended update: %s", h.describe())
	}
	h.write("conf.d/b.ini", fmt.Sprintf(program, "later", 1000))
	h.cmd.Process.Signal(syscall.SIGHUP)
	h.until("SIGHUP has updated", func() bool { return strings.Contains(h.describe(), `"later"`) })
	if !h.status().Definitions.IsZero() {
		t.Error("the mended error is still shown")
	}
}

// PID 1 comes up whatever the program files are, and uses them once they are mended.
func TestStartWithoutUsableFiles(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"missing": "",
		"broken":  "[unix_http_server]\nfile=%(here)s/s.sock\ncolour=blue\n[program:p]\ncommand=\n[program:q]\ncommand=sleep 1000\nstartsecs=0\n[program:r]\ncommand=sleep 1\nuser=nobody-at-all\nstartretries=0\n",
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, "")
			h.run.Socket = h.path("s.sock")
			if text == "" {
				os.Remove(h.path("supervisord.conf"))
			} else {
				h.write("supervisord.conf", text)
			}
			h.start()
			if st := h.status(); text == "" && (len(st.Programs) != 0 || st.Definitions.IsZero()) {
				t.Errorf("status %s", h.describe())
			}
			if text != "" {
				h.awaitState("p", api.Fatal)
				h.awaitState("q", api.Running)
				h.awaitState("r", api.Fatal)
				if r := h.program("r"); !strings.Contains(r.Reason.English, "nobody-at-all") {
					t.Errorf("%+v", r)
				}
			}
			h.write("supervisord.conf", "[program:p]\ncommand=sleep 1000\nstartsecs=0\n")
			if _, err := h.client.Update(background); err != nil {
				t.Fatal(err)
			}
			h.awaitState("p", api.Running)
		})
	}
}
