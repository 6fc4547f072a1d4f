package supervise

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"omsinit/supervise/api"
	"omsinit/supervise/client"
	"omsinit/testdata/testtidy"
)

// house is a supervisor in a process of its own, in a folder of its own.
type house struct {
	t      *testing.T
	dir    string
	run    testRun
	client *client.Client
	cmd    *exec.Cmd
	out    buffer   // both streams
	under  []string // a command that the supervisor runs under
	// stranger lets it run as a user of its own: see asStranger.
	stranger bool
	ended    chan struct{}
}

// buffer may be read while the process writes.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// newHouse makes the folder and supervisord.conf with these sections. Paths
// in them may use %(here)s.
func newHouse(t *testing.T, sections string) *house {
	t.Helper()
	dir, err := os.MkdirTemp("", "sv") // short: a socket path has 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		testtidy.Kill(t, houseVariable+dir) // what start scripts have started outlives a supervisor that is killed
		os.RemoveAll(dir)
	})
	h := &house{t: t, dir: dir, run: testRun{Conf: dir + "/supervisord.conf", Lock: dir + "/run.lock",
		Log:         dir + "/omsinit.log",
		StopTimeout: 8 * time.Second, Socket: dir + "/fallback.sock"}}
	h.write("supervisord.conf",
		"[unix_http_server]\nfile=%(here)s/s.sock\n[supervisord]\nlogfile=%(here)s/omsinit.log\n"+
			"[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n"+
			"[supervisorctl]\nserverurl=unix://%(here)s/s.sock\n"+sections)
	h.client = client.Dial(dir + "/s.sock")
	return h
}

func (h *house) path(name string) string { return filepath.Join(h.dir, name) }

func (h *house) write(name, text string) string {
	h.t.Helper()
	if err := os.WriteFile(h.path(name), []byte(text), 0o755); err != nil {
		h.t.Fatal(err)
	}
	return h.path(name)
}

func (h *house) read(name string) string {
	data, err := os.ReadFile(h.path(name))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		h.t.Fatal(err)
	}
	return string(data)
}

// houseVariable is in the environment of all that runs in the house.
const houseVariable = "SUPERVISE_TEST_HOUSE="

func (h *house) environ() []string {
	return append(os.Environ(), houseVariable+h.dir, "TMPDIR="+h.dir)
}

func (h *house) command() *exec.Cmd {
	settings, err := json.Marshal(h.run)
	if err != nil {
		h.t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		h.t.Fatal(err)
	}
	words := append(slices.Clone(h.under), exe)
	cmd := exec.Command(words[0], words[1:]...)
	if h.stranger && os.Getuid() == 0 {
		open, err := os.Open(exe)
		if err != nil {
			h.t.Fatal(err)
		}
		h.t.Cleanup(func() { open.Close() })
		cmd.Path, cmd.ExtraFiles = "/proc/self/fd/3", []*os.File{open}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: stranger, Gid: stranger}}
	}
	cmd.Env = append(h.environ(), roleVariable+"=run", "SUPERVISE_TEST_RUN="+string(settings))
	return cmd
}

// start starts the supervisor and waits until it answers.
func (h *house) start() *house {
	h.t.Helper()
	h.cmd = h.command()
	h.cmd.Stdout, h.cmd.Stderr = &h.out, &h.out
	h.cmd.WaitDelay = time.Second
	if err := h.cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	h.ended = make(chan struct{})
	go func(cmd *exec.Cmd, ended chan struct{}) {
		cmd.Wait()
		close(ended)
	}(h.cmd, h.ended)
	h.t.Cleanup(func() {
		h.cmd.Process.Kill()
		<-h.ended
		if h.t.Failed() {
			h.t.Logf("output:\n%s\nlog:\n%s", h.out.String(), h.read("omsinit.log"))
		}
		if strings.Contains(h.out.String(), "DATA RACE") {
			h.t.Error("the supervisor has a data race:\n" + h.out.String())
		}
	})
	h.until("the supervisor answers", func() bool {
		_, err := h.client.Status(context.Background())
		return err == nil
	})
	return h
}

// until polls, because what is tested is in another process.
func (h *house) until(what string, holds func() bool) {
	h.t.Helper()
	for deadline := time.Now().Add(60 * time.Second); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			h.t.Fatalf("waited in vain until %s\n%s", what, h.describe())
		}
	}
}

func (h *house) describe() string {
	st, err := h.client.Status(context.Background())
	if err != nil {
		return err.Error()
	}
	text, _ := json.MarshalIndent(st, "", " ")
	return string(text)
}

func (h *house) status() *api.Status {
	h.t.Helper()
	st, err := h.client.Status(context.Background())
	if err != nil {
		h.t.Fatal(err)
	}
	return st
}

func (h *house) program(name string) api.ProgramStatus {
	h.t.Helper()
	for _, p := range h.status().Programs {
		if p.Name == name {
			return p
		}
	}
	h.t.Fatalf("no program %s in %s", name, h.describe())
	return api.ProgramStatus{}
}

func (h *house) awaitState(name string, want api.State) api.ProgramStatus {
	h.t.Helper()
	var p api.ProgramStatus
	h.until(fmt.Sprintf("%s is %s", name, want), func() bool {
		p = h.program(name)
		return p.State == want.String()
	})
	return p
}

// stop sends a signal and returns the exit status.
func (h *house) stop(sig syscall.Signal) int {
	h.t.Helper()
	if err := h.cmd.Process.Signal(sig); err != nil {
		h.t.Fatal(err)
	}
	return h.wait()
}

func (h *house) wait() int {
	h.t.Helper()
	select {
	case <-h.ended:
	case <-time.After(60 * time.Second):
		h.t.Fatalf("the supervisor does not end\n%s", h.describe())
	}
	return h.cmd.ProcessState.ExitCode()
}

// lines are the lines of a file that programs append to.
func (h *house) lines(name string) []string {
	return strings.Fields(h.read(name))
}

// inPIDNamespace runs a command as the first process of a PID namespace with its own
// /proc, also for an ordinary user.
func inPIDNamespace(exe string) *exec.Cmd {
	args := []string{"--pid", "--fork", "--mount-proc", "--kill-child", exe}
	if os.Getuid() != 0 {
		args = append([]string{"--user", "--map-root-user"}, args...)
	}
	return exec.Command("unshare", args...)
}

// call sends a call of Supervisor's interface, and returns the answer as it is.
func (h *house) call(method string, args ...string) string {
	h.t.Helper()
	body := "<methodCall><methodName>" + method + "</methodName><params>"
	for _, arg := range args {
		body += "<param><value><string>" + arg + "</string></value></param>"
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", h.path("s.sock"))
		}}}
	resp, err := client.Post("http://x/RPC2", "text/xml", strings.NewReader(body+"</params></methodCall>"))
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return string(answer)
}
