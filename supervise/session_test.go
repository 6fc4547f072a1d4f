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
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"omsinit/supervise/api"
	"omsinit/supervise/xmlrpc"
)

// sessionFiles are what both supervisors run in TestSession, with much that Supervisor ignores.
const sessionFiles = `
[supervisord]
log_level=info
[unix_http_server]
mode=0700
[supervisorctl]
colour=1
[progam:typo]
command=x
[include]
files=%(here)s/more.ini
[program:a]
command=/bin/sh -c 'echo hello; echo bad >&2; exec sleep 1000'
stdout_logfile=%(here)s/a.log
stderr_logfile=%(here)s/a.err
startsecs=0
priority=1_9
auto_start=no
[program:a]
priority=20
[program:b]
command=sleep
  1000 ; seconds
startsecs=0
priority=10 # first
[program:g1]
command=sleep 1000
startsecs=0
autostart=false
[program:g2]
command=sleep 1000
startsecs=0
autostart=false
priority=5
[group:g]
programs=g1,g2
priority=30
[program:many]
command=sleep 1000
process_name=%(program_name)s_%(process_num)02d
numprocs=2
startsecs=0
priority=1
[program:quick]
command=false
autostart=false
startretries=0
[program:ends]
command=sh -c 'exit 3'
autostart=false
autorestart=false
startsecs=0
[program:nofile]
command=/no/such/file
autostart=false
[program:noexec]
command=%(here)s/noexec
autostart=false
[program:folder]
command=%(here)s
autostart=false
[program:torn]
command=sh -c 'x
autostart=false
[program:quiet]
command=cat
autostart=false
startsecs=0
stdout_logfile=NONE
redirect_stderr=true
`

// session is what is typed into supervisorctl, one command a line. A line that begins with a colon is done by the test.
const session = `
status
status a b
status nobody
status g:*
status nogroup:*
status many:*
help
help start
version
version x
pid
pid all
pid a
pid g:g1
pid nobody
avail
avail x
start
start a
start nobody
start nogroup:*
start quick
:fatal quick
status quick
start ends
:pause
status ends
start nofile
start noexec
start folder
start torn
start g:*
start g:g1
stop
stop a
stop a
status a
start a:a
start a
stop nobody
stop g:
stop g:*
stop many:*
stop many:*
start many:*
restart
restart a b
restart many:*
restart nobody
signal
signal HUP nobody
signal NOSUCH a
signal 0 a
signal 0 all
signal 99 a
signal usr1 quick
signal USR2 g:*
signal WINCH many:*
signal NOSUCH g:*
start quiet
:pause
tail
tail a
tail -3 a
tail a stderr
tail a stdout x
tail a nochannel
tail quiet
tail quiet stderr
tail nofile
tail nofile stderr
tail g:g1
tail nobody
tail -x a
maintail x
maintail -1 2
clear
clear a
tail a
clear nobody
clear g:g1
clear all
fg
fg nobody
fg g:g1
fg a b
open
open nothing
reread
reread x
:more [program:new]\ncommand=sleep 1000\nstartsecs=0\n[program:b]\ncommand=sleep 1001\n
reread
avail
add new
add new
add nobody
remove nobody
remove new
:settle
stop new
remove new
status new
update nobody
update b
status b
update
update
:more [program:b]\ncommand=sleep 1001\n
update all
:more 
update
stop all
status
start all
:pause
status
stop all
reload x
reload
y
:up
status
stop b
status b
shutdown x
shutdown
n
shutdown
y
`

// ctlSession runs a session of Debian's supervisorctl, and returns what it printed for each command.
func (h *house) ctlSession(t *testing.T, commands string, pause func(command string)) []string {
	t.Helper()
	cmd := exec.Command("supervisorctl", "-i", "-c", h.path("supervisord.conf"))
	cmd.Env = append(os.Environ(), "PYTHONUNBUFFERED=1", "TZ=UTC")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var out buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	said := 0
	prompt := func(what string) string {
		const prompts = "supervisor> "
		for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(2 * time.Millisecond) {
			text := out.String()[said:]
			if strings.HasSuffix(text, prompts) || strings.HasSuffix(text, "y/N? ") {
				said += len(text)
				return strings.TrimSuffix(text, prompts)
			}
			if time.Now().After(deadline) {
				t.Fatalf("no prompt after %s: %q", what, text)
			}
		}
	}
	answers := []string{prompt("the start")}
	for _, command := range strings.Split(strings.Trim(commands, "\n"), "\n") {
		if strings.HasPrefix(command, ":") {
			pause(command)
			continue
		}
		if _, err := fmt.Fprintln(in, command); err != nil {
			t.Fatal(err)
		}
		answers = append(answers, "supervisor> "+command+"\n"+prompt(command))
	}
	return answers
}

// varying is what differs from one run to the next, or is a path of this house.
var varying = []struct {
	pattern *regexp.Regexp
	to      string
}{
	{regexp.MustCompile(`pid \d+, uptime \d:\d\d:\d\d`), "pid N, uptime T"},
	{regexp.MustCompile(`(?m)^[1-9]\d*$`), "N"},
	{regexp.MustCompile(`[A-Z][a-z]{2} \d\d \d\d:\d\d [AP]M`), "DATE"},
	{regexp.MustCompile(regexp.QuoteMeta(os.TempDir()) + `/sv\d+`), "HERE"},
	{regexp.MustCompile(`"(pid|now|start|stop)": [1-9]\d*`), `"$1": N`},
	// The log files of our choosing are elsewhere, and have other names.
	{regexp.MustCompile(`"(?:[^"]*---supervisor-[^"]*|HERE/[^"]*-std(?:out|err)\.log|auto)"`), `"AUTO"`},
	// What Supervisor finds when it starts a program is said at once.
	{regexp.MustCompile(`torn +FATAL +HERE.*`), "torn                             STOPPED   Not started"},
}

// asTheyEnd are the commands whose results Supervisor lists as the programs end.
var asTheyEnd = regexp.MustCompile(`supervisor> (start|stop|restart) (all|\w+:\*?)$`)

func normalised(answers []string) string {
	for i, answer := range answers {
		if command, results, _ := strings.Cut(answer, "\n"); asTheyEnd.MatchString(command) {
			lines := strings.Split(strings.TrimSuffix(results, "\n"), "\n")
			slices.Sort(lines)
			answers[i] = command + "\n" + strings.Join(lines, "\n") + "\n"
		}
	}
	text := strings.Join(answers, "")
	for _, v := range varying {
		text = v.pattern.ReplaceAllString(text, v.to)
	}
	return text
}

// rpcCalls are calls that supervisorctl does not make, or not like this.
var rpcCalls = [][]any{
	{"system.methodSignature", "supervisor.nonsense"}, {"system.methodHelp", "supervisor.nonsense"},
	{"system.methodHelp"},
	{"system.nonsense"}, {"supervisor.nonsense"}, {"nonsense"}, {"supervisor._update", "x"},
	{"supervisor.getState"}, {"supervisor.getState", 1}, {"supervisor.getIdentification"}, {"supervisor.getAPIVersion"},
	{"supervisor.startProcess"}, {"supervisor.startProcess", "a", true, 1},
	{"supervisor.startProcess", "nobody"}, {"supervisor.startProcess", "g:nobody"},
	{"supervisor.startProcessGroup", "nobody"},
	{"supervisor.startProcess", "a"}, {"supervisor.stopProcess", "g:*"},
	{"supervisor.startProcess", "g:*"}, {"supervisor.stopProcess", "g:"}, {"supervisor.stopProcessGroup"},
	{"supervisor.signalProcess", "a", 0}, {"supervisor.signalProcess", "a", "0"}, {"supervisor.signalProcess", "a", 18},
	{"supervisor.signalProcess", "a", 99}, {"supervisor.signalProcess", "a"}, {"supervisor.signalProcess", "g:*", 0},
	{"supervisor.signalAllProcesses", 28}, {"supervisor.signalProcessGroup", "many", "0"},
	{"supervisor.signalProcess", "g:g1", 0},
	{"supervisor.addProcessGroup", "a"}, {"supervisor.addProcessGroup", "nobody"}, {"supervisor.addProcessGroup"},
	{"supervisor.removeProcessGroup", "nobody"}, {"supervisor.removeProcessGroup", "a"}, {"supervisor.reloadConfig"},
	{"supervisor.reloadConfig", "a"}, {"supervisor.readProcessStdoutLog", "a", 0, 3},
	{"supervisor.readProcessLog", "a", -3, 0},
	{"supervisor.readProcessLog", "a", -3, 3}, {"supervisor.readProcessLog", "a", 0, -1},
	{"supervisor.readProcessLog", "a"},
	{"supervisor.readProcessLog", "a", "0", "3"}, {"supervisor.readProcessStderrLog", "a", 1, 100},
	{"supervisor.readProcessStdoutLog", "quiet", 0, 0}, {"supervisor.readProcessStdoutLog", "nofile", 0, 0},
	{"supervisor.tailProcessStdoutLog", "a", 0, 3}, {"supervisor.tailProcessLog", "a", 0, 100},
	{"supervisor.tailProcessLog", "a", 3, 3}, {"supervisor.tailProcessStderrLog", "nofile", 0, 10},
	{"supervisor.tailProcessLog", "nobody", 0, 10}, {"supervisor.clearProcessLogs", "nobody"},
	{"supervisor.clearProcessLog", "g:*"},
	{"supervisor.sendProcessStdin", "a", "x"}, {"supervisor.sendProcessStdin", "g:g1", "x"},
	{"supervisor.sendProcessStdin", "nobody", "x"}, {"supervisor.sendRemoteCommEvent", "type", "data"},
	{"supervisor.getProcessInfo", "g:*"}, {"supervisor.getProcessInfo", "a"}, {"supervisor.getProcessInfo", "nofile"},
	{"supervisor.getAllProcessInfo"}, {"supervisor.getAllConfigInfo"}, {"supervisor.getAllConfigInfo", 1},
	{"system.multicall", []any{
		map[string]any{"methodName": "supervisor.getAPIVersion", "params": []any{}}, map[string]any{"params": []any{}},
		map[string]any{"methodName": "supervisor.startProcess", "params": []any{"nobody"}},
		map[string]any{"methodName": "system.multicall", "params": []any{[]any{}}},
		map[string]any{"methodName": "supervisor.signalProcess", "params": []any{"a", 0}},
	}},
}

// rpcSession makes the calls, and returns for each a line with the call and its answer as JSON.
func (h *house) rpcSession(t *testing.T) []string {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _,
		_ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", h.path("s.sock"))
	}}}
	call := func(method string, args ...any) any {
		resp, err := client.Post("http://x/RPC2", "text/xml", bytes.NewReader(xmlrpc.Call(method, args...)))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		data, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s, %v", method, resp.Status, err)
		}
		value, err := xmlrpc.ParseResponse(data)
		if fault, ok := errors.AsType[xmlrpc.Fault](err); ok {
			return fmt.Sprintf("Fault(%d): %s", fault.Code, fault.Text)
		}
		if err != nil {
			t.Fatalf("%s: %s: %v", method, data, err)
		}
		return value
	}
	var lines []string
	isTorn := func(v any) bool {
		program, ok := v.(map[string]any)
		return ok && program["name"] == "torn" // see varying
	}
	note := func(method string, args []any, answer any) {
		question, err := json.Marshal(args)
		if err != nil {
			t.Fatal(err)
		}
		if list, ok := answer.([]any); ok {
			answer = slices.DeleteFunc(list, isTorn)
		}
		text, err := json.MarshalIndent(answer, "  ", " ")
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, fmt.Sprintf("%s%s:\n  %s\n", method, question, text))
	}
	methods, ok := call("system.listMethods").([]any)
	if !ok {
		t.Fatal("no list of methods")
	}
	note("system.listMethods", nil, methods)
	for _, method := range methods {
		note("system.methodSignature", []any{method}, call("system.methodSignature", method))
		if help, _ := call("system.methodHelp", method).(string); strings.TrimSpace(help) == "" {
			t.Errorf("no help for %s", method)
		}
	}
	for _, c := range rpcCalls {
		note(c[0].(string), c[1:], call(c[0].(string), c[1:]...))
	}
	return lines
}

// TestSession types the same session of every command of supervisorctl at Supervisor and at omsinit, makes the same
// calls, and compares what comes back line by line. docs/supervising.md names what varying takes away.
func TestSession(t *testing.T) {
	t.Parallel()
	var ctl, rpc [2]string
	t.Run("both", func(t *testing.T) {
		for i, who := range []string{"supervisord", "omsinit"} {
			t.Run(who, func(t *testing.T) {
				t.Parallel()
				h := newHouse(t, strings.ReplaceAll(sessionFiles, "\ncommand=", "\nstopwaitsecs=2\ncommand="))
				h.write("more.ini", "")
				h.write("noexec", "")
				os.Chmod(h.path("noexec"), 0o644)
				if who == "supervisord" {
					h.startPython()
				} else {
					h.start()
				}
				h.awaitRunning(4) // a, b and many
				h.until("a has written", func() bool { return h.read("a.log") != "" && h.read("a.err") != "" })
				rpc[i] = normalised(h.rpcSession(t))
				ctl[i] = normalised(h.ctlSession(t, session, func(command string) {
					switch what, text, _ := strings.Cut(command, " "); what {
					case ":settle": // until supervisord's child is the program, which does not ignore SIGTERM
						time.Sleep(300 * time.Millisecond)
					case ":pause":
						time.Sleep(1500 * time.Millisecond)
					case ":more":
						h.write("more.ini", strings.ReplaceAll(text, `\n`, "\n"))
					case ":fatal": // supervisord answers before it has given up
						h.awaitState(text, api.Fatal)
					case ":up":
						time.Sleep(500 * time.Millisecond)
						h.awaitRunning(4)
					}
				}))
			})
		}
	})
	if t.Failed() {
		return
	}
	for _, said := range [][2]string{rpc, ctl} {
		if diff := cmp.Diff(strings.Split(said[0], "\n"), strings.Split(said[1], "\n")); diff != "" {
			t.Errorf("- supervisord, + omsinit:\n%s", diff)
		}
	}
}

// awaitRunning waits until so many programs run.
func (h *house) awaitRunning(count int) {
	h.t.Helper()
	h.until(fmt.Sprintf("%d programs run", count), func() bool {
		st, err := h.client.Status(background)
		if err != nil {
			return false
		}
		running := 0
		for _, p := range st.Programs {
			if p.State == "RUNNING" {
				running++
			}
		}
		return running == count
	})
}
