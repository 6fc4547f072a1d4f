package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// contender is a supervisor that the benchmark compares: how its programs are
// defined, and how it is told what to do. The order is that of the table.
type contender struct {
	name string
	// define writes the definitions of programs, each running payload with the
	// socket and its own name.
	define func(dir, payload, socket string, names []string) error
	// run is the supervisor itself, in the foreground.
	run func(dir string) *exec.Cmd
	// restart restarts all programs; nil where there is no such thing, and then only a start and a stop are compared.
	restart func(dir string, names []string) *exec.Cmd
	// ask asks the supervisor how its programs are; nil where nobody does.
	ask func(dir string, names []string) *exec.Cmd
	// stop asks the supervisor to stop everything and to end.
	stop func(dir string, supervisor *os.Process) error
}

func term(_ string, p *os.Process) error { return p.Signal(syscall.SIGTERM) }

var contenders = []contender{
	{
		name: "omsinit",
		define: func(dir, payload, socket string, names []string) error {
			var text strings.Builder
			fmt.Fprintf(&text, "[unix_http_server]\nfile=%s/s\n[supervisord]\n", dir)
			for _, name := range names {
				// early: they do not wait for the initialisation of an OMS node.
				fmt.Fprintf(&text, "[program:%s]\ncommand=%s %s %s\nstdout_logfile=%s/%s.log\nstderr_logfile=%s/%s.err\n[omsinit:%s]\nearly=true\n",
					name, payload, socket, name, dir, name, dir, name, name)
			}
			// The folders of a container: PID 1 watches them, and looks again every 10 s where they are not.
			for _, folder := range []string{"home/admin/conf", "var/lib/omsinit"} {
				if err := os.MkdirAll(filepath.Join(dir, folder), 0o755); err != nil {
					return err
				}
			}
			return writeAll(dir, map[string]string{"etc/supervisor/supervisord.conf": text.String()})
		},
		run: func(dir string) *exec.Cmd { return exec.Command(omsinit, "run", "--root", dir) },
		restart: func(dir string, _ []string) *exec.Cmd {
			return exec.Command(omsinit, "restart", "--root", dir, "all")
		},
		ask:  func(dir string, _ []string) *exec.Cmd { return exec.Command(omsinit, "status", "--root", dir) },
		stop: term,
	},
	{
		name: "supervisord",
		define: func(dir, payload, socket string, names []string) error {
			var text strings.Builder
			fmt.Fprintf(&text, "[unix_http_server]\nfile=%[1]s/s\n[supervisord]\nlogfile=%[1]s/log\npidfile=%[1]s/pid\nnodaemon=true\nminfds=4096\n"+
				"[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n"+
				"[supervisorctl]\nserverurl=unix://%[1]s/s\n", dir)
			for _, name := range names {
				fmt.Fprintf(
					&text, "[program:%s]\ncommand=%s %s %s\nstdout_logfile=%s/%s.log\nstderr_logfile=%s/%s.err\n",
					name, payload, socket, name, dir, name, dir, name)
			}
			return writeAll(dir, map[string]string{"supervisord.conf": text.String()})
		},
		run: func(dir string) *exec.Cmd { return exec.Command("supervisord", "-c", dir+"/supervisord.conf") },
		restart: func(dir string, _ []string) *exec.Cmd {
			return exec.Command("supervisorctl", "-c", dir+"/supervisord.conf", "restart", "all")
		},
		ask: func(dir string, _ []string) *exec.Cmd {
			return exec.Command("supervisorctl", "-c", dir+"/supervisord.conf", "status")
		},
		stop: term,
	},
	{
		name:   "s6",
		define: serviceFolders,
		run:    func(dir string) *exec.Cmd { return exec.Command("s6-svscan", "-c", "1000", dir) },
		restart: func(dir string, _ []string) *exec.Cmd {
			return exec.Command("sh", "-c", `cd "$0" && for d in */; do s6-svc -r "$d" & done; wait`, dir)
		},
		stop: func(dir string, _ *os.Process) error { return exec.Command("s6-svscanctl", "-t", dir).Run() },
	},
	{
		name:   "runit",
		define: serviceFolders,
		run:    func(dir string) *exec.Cmd { return exec.Command("runsvdir", dir) },
		restart: func(dir string, names []string) *exec.Cmd {
			args := []string{"restart"}
			for _, name := range names {
				args = append(args, filepath.Join(dir, name))
			}
			return exec.Command("sv", args...)
		},
		stop: func(_ string, p *os.Process) error { return p.Signal(syscall.SIGHUP) },
	},
	{
		// The payload itself: a loop of vfork and exec, and nothing else that a supervisor does.
		name: "exec loop",
		define: func(dir, payload, socket string, names []string) error {
			words := append([]string{payload, socket}, names...)
			return writeAll(dir, map[string]string{"command": strings.Join(words, " ")})
		},
		run: func(dir string) *exec.Cmd {
			command, _ := os.ReadFile(filepath.Join(dir, "command"))
			words := strings.Fields(string(command))
			return exec.Command(words[0], words[1:]...)
		},
		stop: term,
	},
}

// serviceFolders is what s6 and runit read.
func serviceFolders(dir, payload, socket string, names []string) error {
	files := map[string]string{}
	for _, name := range names {
		files[name+"/run"] = fmt.Sprintf("#!/bin/sh\nexec %s %s %s\n", payload, socket, name)
	}
	return writeAll(dir, files)
}

func writeAll(dir string, files map[string]string) error {
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			return err
		}
	}
	return nil
}

// buildPayload compiles the program that is supervised.
func buildPayload(b *testing.B) string {
	b.Helper()
	payload := filepath.Join(b.TempDir(), "payload")
	if out, err := exec.Command("gcc", "-O2", "-static", "-o", payload,
		"testdata/payload.c").CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return payload
}
