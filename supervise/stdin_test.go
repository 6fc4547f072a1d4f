package supervise

import (
	"os/exec"
	"strings"
	"testing"

	"omsinit/supervise/api"
)

func TestSupervisorctlForeground(t *testing.T) {
	t.Parallel()
	h := newHouse(t, `
[program:p]
command=/bin/sh -c 'while read line; do echo "got $line"; done'
startsecs=0
[program:deaf]
command=/bin/sh -c 'exec <&-; exec sleep 1000'
startsecs=0
[program:off]
command=sleep 1000
autostart=false
`).start()
	h.awaitState("p", api.Running)
	cmd := exec.Command("supervisorctl", "-c", h.path("supervisord.conf"), "fg", "p")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var out buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stdin.Write([]byte("hello\nthere\n"))
	h.until("the program has read it",
		func() bool { return strings.Contains(h.read("p-stdout.log"), "got hello\ngot there\n") })
	h.until("it is shown", func() bool { return strings.Contains(out.String(), "got there") })
	stdin.Close()
	cmd.Wait()
	if !strings.Contains(out.String(), "Press Ctrl-C to exit") {
		t.Errorf("%s", out.String())
	}
	h.ctl("fg off", 1, "ERROR: process not running\n")
	h.ctl("fg nobody", 1, "ERROR: bad process name supplied\n")
	for name, want := range map[string]string{"deaf": "NO_FILE", "off": "NOT_RUNNING", "nobody": "BAD_NAME"} {
		h.until(name+": "+want, func() bool {
			return strings.Contains(h.call("supervisor.sendProcessStdin", name, "x"), "<string>"+want)
		})
	}
	// A program that does not end at the end of its input is not told of one.
	if p := h.program("p"); p.State != "RUNNING" || p.Starts != 1 {
		t.Errorf("%+v", p)
	}
}

// Debian's Python, where supervisorctl comes from, asks.
func TestMulticall(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "[program:p]\ncommand=sleep 1000\nstartsecs=0\n").start()
	h.awaitState("p", api.Running)
	script := `
import sys, xmlrpc.client
from supervisor.xmlrpc import SupervisorTransport
s = xmlrpc.client.ServerProxy('http://x', SupervisorTransport(serverurl='unix://' + sys.argv[1]))
r = s.system.multicall([
  {'methodName': 'supervisor.getAPIVersion', 'params': []},
  {'methodName': 'supervisor.stopProcess', 'params': ['p', True]},
  {'methodName': 'supervisor.getProcessInfo', 'params': ['p']},
  {'methodName': 'supervisor.startProcess', 'params': ['nobody']},
  {'methodName': 'system.multicall', 'params': [[]]},
  {'methodName': 'no.such'},
  {'params': []},
])
print(r[0], r[1], r[2]['statename'], r[3], r[4]['faultCode'], r[5], r[6])
print(s.system.multicall([]), 'system.multicall' in s.system.listMethods())
`
	out, err := exec.Command("/usr/bin/python3", "-c", script, h.path("s.sock")).CombinedOutput()
	want := "3.0 True STOPPED {'faultCode': 10, 'faultString': 'BAD_NAME: nobody'} 2 {'faultCode': 1, 'faultString': 'UNKNOWN_METHOD'} {'faultCode': 2, 'faultString': 'INCORRECT_PARAMETERS: No methodName'}\n[] True\n"
	if err != nil || string(out) != want {
		t.Errorf("%v\n%s\nwant\n%s", err, out, want)
	}
}
