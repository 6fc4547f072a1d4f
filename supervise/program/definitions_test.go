package program

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/supervise/api"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestSplitCommand(t *testing.T) {
	for line, want := range map[string][]string{
		"":                                    nil,
		"  \t ":                               nil,
		"a b  c":                              {"a", "b", "c"},
		`bash -c 'echo "$HOME"; x'`:           {"bash", "-c", `echo "$HOME"; x`},
		`a "b c" d\ e ''`:                     {"a", "b c", "d e", ""},
		`a "q\"q" "back\\slash" "keep\n"`:     {"a", `q"q`, `back\slash`, `keep\n`},
		`pre"mid dle"post`:                    {"premid dlepost"},
		"a\n  b":                              {"a", "b"},
		`sh -c '${OMSINIT_ROOT:-}/home/x.sh'`: {"sh", "-c", "${OMSINIT_ROOT:-}/home/x.sh"},
	} {
		got, err := splitCommand(line)
		if err != nil || !cmp.Equal(got, want) {
			t.Errorf("%q: %q, %v; want %q", line, got, err, want)
		}
	}
	for _, line := range []string{`a "b`, `a 'b`, `a \`} {
		if words, err := splitCommand(line); err == nil {
			t.Errorf("%q was split into %q", line, words)
		}
	}
}

func TestExpand(t *testing.T) {
	v := variables{"here": "/etc", "process_num": "7", "ENV_X": "x%(here)s%%", "program_name": "p"}
	for in, want := range map[string]string{
		"plain": "plain", "%(here)s/a": "/etc/a", "%(program_name)s_%(process_num)02d": "p_07", "100%%": "100%",
		"%(ENV_X)s": "x%(here)s%%", "%(process_num)d": "7",
	} {
		if got, err := expand(in, v); err != nil || got != want {
			t.Errorf("%q: %q, %v; want %q", in, got, err, want)
		}
	}
	for _, in := range []string{"50%", "%x", "%(nope)s", "%(here", "%(here)", "%(here)d", "%(here)%s"} {
		if got, err := expand(in, v); err == nil {
			t.Errorf("%q became %q", in, got)
		}
	}
}

func TestSplitEnvironment(t *testing.T) {
	v := variables{"ENV_X": `a,b"c`}
	for in, want := range map[string]map[string]string{
		`A=1`:                  {"A": "1"},
		`A="1,2",B='x y', C=z`: {"A": "1,2", "B": "x y", "C": "z"},
		"A=1,\nB=\"\"":         {"A": "1", "B": ""},
		`A=%(ENV_X)s,B=2`:      {"A": `a,b"c`, "B": "2"},
		`A=/x:y-z,`:            {"A": "/x:y-z"},
		`"Q"=1`:                {`"Q"`: "1"},
		`A=b c`:                {"A": "b"},
		`A=1;B=2`:              {"A": "1", "B": "2"},
		`A=b#c,B=2`:            {"A": "b"},
		`A=me@host,B="x"`:      {"A": "me@host", "B": "x"},
		`A=x=y,B=%(ENV_X)s`:    {"A": "x=y", "B": `a,b"c`},
	} {
		if got, _, err := splitEnvironment(in, v); err != nil || !cmp.Equal(got, want) {
			t.Errorf("%q: %q, %v; want %q", in, got, err, want)
		}
	}
	for _, in := range []string{"A", "=1", `A="1`, `A="1"B=2`, "A=", "A=,B=1", "A B=1", "A=%(nope)s"} {
		if got, _, err := splitEnvironment(in, v); err == nil {
			t.Errorf("%q became %q", in, got)
		}
	}
}

// files writes program files and returns the path of supervisord.conf.
func files(t *testing.T, texts map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range texts {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "supervisord.conf")
}

func TestLoad(t *testing.T) {
	t.Setenv("SUPERVISE_TEST", "set")
	conf := files(t, map[string]string{
		"supervisord.conf": `; as in an OMS image
[unix_http_server]
file=/tmp/supervisor.sock   ; a comment
[inet_http_server]
port=0.0.0.0:8084
[supervisord]
logfile=/home/admin/logs/supervisord.log
environment=SHARED="yes",OVER=1
nodaemon=true
minfds=1024
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=http://127.0.0.1:8084
[include]
files=%(here)s/conf.d/*.ini
`,
		"conf.d/b.ini": "\ufeff[program:two]\r\ncommand=sleep 1\r\nAutostart=no\r\nstdout_logfile=NONE\r\nredirect_stderr=on\r\n",
		"conf.d/a.ini": `
[program:one]
command=bash -c 'exec %(ENV_SUPERVISE_TEST)s ${X:-%(ENV_GIVEN)s} \d'
	--more
directory=%(here)s
user=ds
environment=OVER=2,LAST='a,b'
`,
		"conf.d/many.ini": `
[program:many]
command=echo %(program_name)s %(process_num)d %(group_name)s
process_name=%(program_name)s_%(process_num)02d
numprocs=2
startsecs=10
startretries=0
autorestart=true
exitcodes=0,2
stopsignal=QUIT
stopwaitsecs=30
stopasgroup=true
umask=027
priority=5
stdout_logfile=/logs/m.log
stdout_logfile_maxbytes=1KB
stdout_logfile_backups=2
stderr_logfile=AUTO
[group:g]
programs=many
priority=1
[omsinit:many]
depends_on = two
ready_http = https://127.0.0.1:1/h
ready_json = data.healthy=true
ready_insecure = true
ready_timeout = 7
files = /a,/b
early = true
[omsinit:absent]
early=true
`})
	d, err := Load(conf, "GIVEN=given")
	if err != nil {
		t.Fatal(err)
	}
	here := filepath.Dir(conf)
	auto := func(name string) LogFile {
		return LogFile{Path: "/home/admin/logs/" + name, Auto: true, MaxBytes: 50 << 20, Backups: 10}
	}
	probe := &Probe{HTTP: "https://127.0.0.1:1/h", Field: "data.healthy", Value: "true", Insecure: true}
	many := func(name, num string) Program {
		return Program{Name: name, Section: "many", Group: "g", GroupPriority: 1,
			CommandLine: "echo many " + num + " g", Command: []string{"echo", "many", num, "g"},
			Environment: map[string]string{"SHARED": "yes", "OVER": "1"}, Umask: 0o27, Priority: 5, Autostart: true,
			Autorestart: RestartAlways, ExitCodes: []int{0, 2}, StartSecs: 10, StopSignal: syscall.SIGQUIT,
			StopWaitSecs: 30,
			StopAsGroup:  true, KillAsGroup: true, Stdout: LogFile{Path: "/logs/m.log", MaxBytes: 1024, Backups: 2},
			Stderr: auto(name + "-stderr.log"), DependsOn: []string{"two"}, Probe: probe, ReadyTimeout: 7 * time.Second,
			Files: []string{"/a", "/b"}, Early: true}
	}
	want := []Program{
		many("many_00", "0"), many("many_01", "1"),
		{Name: "one", Section: "one", Group: "one", GroupPriority: 999,
			CommandLine: `bash -c 'exec set ${X:-given} \d'` + "\n--more",
			Command:     []string{"bash", "-c", `exec set ${X:-given} \d`, "--more"},
			Directory:   here + "/conf.d", User: "ds", Environment: map[string]string{"SHARED": "yes", "OVER": "2",
				"LAST": "a,b"}, Umask: -1,
			Priority: 999, Autostart: true, ExitCodes: []int{0}, StartSecs: 1, StartRetries: 3,
			StopSignal: syscall.SIGTERM, StopWaitSecs: 10,
			Stdout: auto("one-stdout.log"), Stderr: auto("one-stderr.log"), ReadyTimeout: defaultReadyTimeout},
		{Name: "two", Section: "two", Group: "two", GroupPriority: 999, CommandLine: "sleep 1",
			Command:     []string{"sleep", "1"},
			Environment: map[string]string{"SHARED": "yes", "OVER": "1"}, Umask: -1, Priority: 999, ExitCodes: []int{0},
			StartSecs:    1,
			StartRetries: 3, StopSignal: syscall.SIGTERM, StopWaitSecs: 10, RedirectStderr: true,
			Stdout: LogFile{MaxBytes: 50 << 20, Backups: 10}, Stderr: LogFile{MaxBytes: 50 << 20, Backups: 10},
			ReadyTimeout: defaultReadyTimeout},
	}
	if diff := cmp.Diff(want, d.Programs); diff != "" {
		t.Error(diff)
	}
	if d.SocketPath != "/tmp/supervisor.sock" || ReadAddresses(conf).Socket != d.SocketPath {
		t.Errorf("socket %q", d.SocketPath)
	}
	var warnings []string
	for _, f := range d.Findings {
		warnings = append(warnings, fmt.Sprintf("%s %s:%d %s", f.Severity, filepath.Base(f.Place.File), f.Place.Line,
			f.Place.Key))
	}
	if diff := cmp.Diff([]string{"warning supervisord.conf:5 [inet_http_server] port", "warning b.ini:1 ",
		"warning many.ini:30 [omsinit:absent]"}, warnings); diff != "" {
		t.Error(diff)
	}
}

// TestIncludedPipe: what has no end is not read.
func TestIncludedPipe(t *testing.T) {
	conf := files(t, map[string]string{"supervisord.conf": "[supervisord]\n[include]\nfiles=conf.d/*\n",
		"conf.d/a.ini": "[program:a]\ncommand=a\n"})
	if err := syscall.Mkfifo(filepath.Dir(conf)+"/conf.d/pipe", 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := Load(conf)
	if err != nil || len(d.Programs) != 1 || len(d.Findings) != 1 || d.Findings[0].Place.Key != "[include] files" {
		t.Errorf("%+v, %v", d, err)
	}
}

func mustRead(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestLoadMissing(t *testing.T) {
	_, err := Load(filepath.Join(t.TempDir(), "none.conf"))
	if !errors.Is(err, ErrNoDefinitions) {
		t.Errorf("missing file: %v", err)
	}
	if _, err := Load(t.TempDir()); err == nil || errors.Is(err, ErrNoDefinitions) {
		t.Errorf("a directory: %v", err)
	}
	if got := ReadAddresses("/nonexistent").Socket; got != "" {
		t.Errorf("socket %s", got)
	}
}

// Everything that is wrong is reported at once, in both languages, and each program that can run is left alone.
func TestLoadProblems(t *testing.T) {
	conf := files(t, map[string]string{
		"supervisord.conf": `stray
[unclosed
[unix_http_server]
file=/tmp/s.sock
colour=blue
[include]
files=missing.ini conf.d/*.nothing other.ini
[supervisord]
umask=9
environment=A=
[mystery]
x=1
[eventlistener:x]
command=y
[inet_http_server]
port=9001
`,
		"other.ini": `[program:empty]
command=
[program:absent]
priority=high
[program:wrong]
command=echo "unclosed
autostart=maybe
autorestart=sometimes
startsecs=-1
startretries=many
exitcodes=0,999
stopsignal=HARD
stopasgroup=true
killasgroup=false
umask=888
stdout_logfile_maxbytes=lots
comand=typo
environment=A
[program:env]
command=echo %(ENV_SUPERVISE_NOT_SET)s 50%
[program:many]
command=x
numprocs=3
[program:bad name]
command=x
[program:a]
command=a
[program:b]
command=b
[program:c]
command=c
[omsinit:a]
depends_on=b
[omsinit:b]
depends_on=c,nobody
[omsinit:c]
depends_on=a
ready_http=127.0.0.1:80
[omsinit:env]
ready_tcp=here
[omsinit:empty]
ready_http=https://example.com/x
ready_insecure=true
ready_json=nofield
ready_timeout=0
interval=1
[omsinit:absent]
ready_json=a=b
[omsinit:wrong]
ready_http=http://localhost/
ready_tcp=localhost:1
line without a value
`})
	d, err := Load(conf)
	if err != nil {
		t.Fatal(err)
	}
	text := ""
	for _, lang := range []msg.Lang{msg.English, msg.Chinese} {
		for _, f := range d.Findings {
			text += fmt.Sprintf("%s %s\n", f.Severity, lang.Text(f.Err()))
		}
	}
	for _, p := range d.Programs {
		if p.Problem != nil {
			text += p.FullName() + ": " + p.Problem.Headline().String() + "\n"
		} else {
			text += p.FullName() + " runs: " + p.CommandLine + ", after " + strings.Join(p.DependsOn, ",") + "\n"
		}
	}
	text = strings.ReplaceAll(text, filepath.Dir(conf)+"/", "")
	golden := filepath.Join("testdata", "problems.golden")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(mustRead(t, golden), text); diff != "" {
		t.Error(diff)
	}
}

// named lists the programs with "!" behind those that cannot run.
func named(d *Definitions) (names []string) {
	for _, p := range d.Programs {
		name := p.FullName()
		if p.Problem != nil {
			name += "!"
		}
		names = append(names, name)
	}
	return names
}

func TestGroups(t *testing.T) {
	for name, test := range map[string]struct {
		text, want string
		findings   int
	}{
		"unknown member": {"[supervisord]\n[program:a]\ncommand=a\n[group:g]\nprograms=a,nobody\n", "g:a", 1},
		"no member":      {"[supervisord]\n[program:a]\ncommand=a\n[group:g]\npriority=1\n", "a", 1},
		"two groups": {"[supervisord]\n[program:a]\ncommand=a\n[group:g]\nprograms=a\n[group:h]\nprograms=a\n",
			"g:a h:a", 0},
		"same name": {"[supervisord]\n[program:a]\ncommand=a\nprocess_name=x\n[program:b]\ncommand=b\nprocess_name=x\n" +
			"[group:g]\nprograms=a,b\n", "g:x", 1},
	} {
		d, err := Load(files(t, map[string]string{"supervisord.conf": test.text}))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(named(d), " "); got != test.want || len(d.Findings) != test.findings {
			t.Errorf("%s: %s, %v", name, got, d.Findings)
		}
	}
}

// TestManyProcesses: a typing error in numprocs takes the program down, and nothing else.
func TestManyProcesses(t *testing.T) {
	for numprocs, want := range map[string]int{"0": 0, "-1": 0, "1024": 1024, "1025": -1, "99999999999999999999": -1} {
		d, err := Load(files(
			t,
			map[string]string{"supervisord.conf": "[program:p]\ncommand=x\nprocess_name=p%(process_num)d\nnumprocs=" +
				numprocs + "\n"}))
		if err != nil {
			t.Fatal(err)
		}
		switch broken := strings.HasSuffix(strings.Join(named(d), " "), "p0!"); {
		case want < 0 && (len(d.Programs) != 1 || !broken), want >= 0 && (len(d.Programs) != want || broken):
			t.Errorf("%s: %d programs, broken %v", numprocs, len(d.Programs), broken)
		}
	}
}

// A user that is not there is reported where it is set, once for all processes, in the order of the lines.
func TestCheckUsers(t *testing.T) {
	d, err := Load(files(
		t, map[string]string{"supervisord.conf": "[program:a]\ncommand=x\nuser=nobody-here\nnumprocs=2\n" +
			"process_name=a%(process_num)d\n[program:b]\ncommand=x\nuser=root\nstrange=1\n[program:c]\ncommand=x\n" +
			"user=%(ENV_WHO)s\n[supervisord]\nenvironment=WHO=gone-too\n"}))
	if err != nil {
		t.Fatal(err)
	}
	d.CheckUsers()
	var got []string
	for _, f := range d.Findings {
		got = append(got, fmt.Sprintf("%d %s %s", f.Place.Line, f.Place.Key, f.ID))
		if f.Place.File != d.File {
			t.Errorf("%v", f.Place)
		}
	}
	want := []string{"3 [program:a] user program.broken", "9 [program:b] strange program.ignored",
		"12 [program:c] user program.broken"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func TestErrorsCrossTheSocket(t *testing.T) {
	inner := msg.Errorf("there is no user %q", "ds")
	for _, err := range []error{
		errors.New("plain"),
		inner,
		msg.Errorf("cannot run %s: %w", "x", inner),
		msg.Errorf("cannot run %s: %w", "x", os.ErrNotExist),
		msg.Errorf("%v", msg.M("%v\n  last exit: %v", msg.M("%s has ended", "p"), api.Exit{Code: 3}.Message())),
		finding.Finding{Place: finding.Place{File: "f", Line: 3},
			Message: msg.M("%q is not a whole number of at least %d", "x", 1)}.Err(),
	} {
		data, _ := json.Marshal(api.Failure{Error: msg.ErrorText(err)})
		var answer api.Failure
		if err := json.Unmarshal(data, &answer); err != nil {
			t.Fatal(err)
		}
		got := answer.Error.Err()
		for _, lang := range []msg.Lang{msg.English, msg.Chinese} {
			if lang.Text(got) != lang.Text(err) {
				t.Errorf("%s: %q arrived as %q", lang, lang.Text(err), lang.Text(got))
			}
		}
	}
}

// What Supervisor does and we do not is said, unless it asks for nothing.
func TestOptionsWithoutEffect(t *testing.T) {
	conf := files(t, map[string]string{"supervisord.conf": `[supervisord]
[program:p]
command=sleep 1
stdout_syslog=true
stderr_events_enabled=false
stdout_capture_maxbytes=0
stderr_capture_maxbytes=1MB
serverurl=AUTO
`})
	d, err := Load(conf)
	if err != nil {
		t.Fatal(err)
	}
	var options []string
	for _, w := range d.Warnings() {
		options = append(options, fmt.Sprintf("%d %s", w.Place.Line, w.Place.Key))
	}
	if diff := cmp.Diff([]string{"4 [program:p] stdout_syslog", "7 [program:p] stderr_capture_maxbytes"},
		options); diff != "" {
		t.Error(diff)
	}
}

// A probe that cannot be asked is reported with its place, and the program runs without.
func TestProbeProblems(t *testing.T) {
	for text, want := range map[string]string{
		"ready_status=200":                                 "ready_http: ready_json, ready_status and ready_insecure need ready_http",
		"ready_http=http://x/\nready_status=99":            `ready_status: "99" is not an HTTP status`,
		"ready_tcp=a:1\nready_command=true":                "ready_command: give either ready_tcp or ready_command, not both",
		"ready_command=":                                   "ready_command: the command is missing or empty",
		"ready_command='x":                                 "cannot be split",
		"ready_log=(":                                      `ready_log: "(" is not a regular expression`,
		"ready_log=x\nready_interval=0":                    `ready_interval: "0" is not a number of seconds`,
		"ready_interval=1":                                 "ready_interval: there is no probe",
		"alive_log=x":                                      "alive_log: this option is not known",
		"alive_tcp=nowhere":                                "alive_tcp: \"nowhere\" is not an address",
		"alive_tcp=a:1\nalive_failures=0":                  "alive_failures",
		"alive_http=https://1.2.3.4/\nalive_insecure=true": "alive_insecure",
		"essential=maybe":                                  `essential: "maybe" is neither true nor false`,
	} {
		warns(t, "[program:p]\ncommand=sleep 1\n[omsinit:p]\n"+text+"\n", want)
	}
	warns(t, "[program:p]\ncommand=sleep 1\nstdout_logfile=NONE\nstderr_logfile=NONE\n[omsinit:p]\nready_log=x\n",
		"has no log file")
	warns(t, "[program:p]\ncommand=sleep 1\n[inet_http_server]\nport=everywhere\n",
		`port: "everywhere" is not an address such as 127.0.0.1:8084`)
}

// warns reads a file with one program, which runs although there is a warning.
func warns(t *testing.T, text, want string) {
	t.Helper()
	d, err := Load(files(t, map[string]string{"supervisord.conf": "[supervisord]\n" + text}))
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Programs) != 1 || d.Programs[0].Problem != nil {
		t.Errorf("%s: %v", text, named(d))
	}
	if len(d.Findings) != 1 || d.Findings[0].Severity != finding.Warning ||
		!strings.Contains(d.Findings[0].Headline().String(), want) {
		t.Errorf("%s: %v, want %s", text, d.Findings, want)
	}
}
