package e2e

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"omsinit/testdata/testmaria"
)

// sweepVariable asks for every system call and every fault, which takes hours (make sweep), instead of a sample.
const sweepVariable = "OMSINIT_SWEEP"

// attempt is a command that is broken off at some system call.
type attempt struct {
	args    []string
	prepare func()       // to the state before the command
	torn    func() error // what must hold whenever the command was broken off
	state   func() any   // what an unbroken run makes
	sample  int          // how many faults of each class CI tries
}

// faults are how a system call of a class ends: with an error, or never.
var faults = map[string][]string{
	"file": {errno(syscall.ENOSPC), "kill", errno(syscall.EIO), errno(syscall.EROFS), "kill", errno(syscall.EACCES)},
	"net":  {errno(syscall.ECONNRESET), "kill", errno(syscall.ETIMEDOUT)},
}

func errno(e syscall.Errno) string { return strconv.Itoa(int(e)) }

// TestFaults: whichever system call of a command fails or is the last one, nothing is torn, the error is said once,
// and the same command, run again, makes what an unbroken run makes.
func TestFaults(t *testing.T) {
	tool := filepath.Join(t.TempDir(), "fault")
	if out, err := exec.Command("gcc", "-O2", "-o", tool, "testdata/fault.c").CombinedOutput(); err != nil {
		t.Fatalf("gcc is needed (scripts/dev/install-deps.sh): %v\n%s", err, out)
	}
	db := testmaria.Start(t, testmaria.Password("LooksLikeASecret42"))
	n := newNode(t, db)
	ports := []string{n.values["nginx_server_port"], fmt.Sprint(freePorts(t, 1)[0])}
	before, err := os.ReadFile(n.configFile())
	if err != nil {
		t.Fatal(err)
	}
	after := bytes.Replace(before, []byte(ports[0]), []byte(ports[1]), 1)
	n.must(0, "init", "--only", "metadb")
	n.must(0, "init", "--only", "component")
	for name, a := range map[string]attempt{
		"config set": {
			args:    []string{"config", "set", "--no-apply", "nginx_server_port=" + ports[1]},
			prepare: func() { n.write(string(before)) },
			torn: func() error {
				kept, _ := os.ReadFile(n.configFile() + ".bak")
				now, err := os.ReadFile(n.configFile())
				if err == nil && !bytes.Equal(now, before) && !bytes.Equal(now, after) && !bytes.Equal(kept, before) {
					return fmt.Errorf("config.yaml is torn, and no copy is kept:\n%s", now)
				}
				return err
			},
			state:  func() any { return n.read("/home/admin/conf/config.yaml") },
			sample: 5,
		},
		"component": {
			args: []string{"init", "--only", "component"},
			prepare: func() {
				n.write(string(before))
				n.must(0, "init", "--only", "component")
				n.write(string(after))
			},
			torn:   func() error { return nil },
			state:  func() any { return n.generated() },
			sample: 5,
		},
		"metadb": {
			args: []string{"init", "--only", "metadb"},
			prepare: func() {
				n.write(string(before))
				for _, name := range []string{"oms_rm", "oms_cm", "oms_cm_hb"} {
					db.Exec("DROP DATABASE IF EXISTS " + name)
				}
			},
			torn: func() error { return nil },
			state: func() any {
				out, _ := n.must(0, "metadb", "status")
				return regexp.MustCompile(`\d{4}-\S+ [\d:]+`).ReplaceAllString(out, "TIME")
			},
			sample: 4,
		},
	} {
		t.Run(name, func(t *testing.T) { n.broken(t, tool, a) })
	}
}

// broken breaks a command off again and again.
func (n *node) broken(t *testing.T, tool string, a attempt) {
	n.t = t
	count := filepath.Join(t.TempDir(), "count")
	run := func(class string, at int, action string) (errOut string, status, calls int) {
		t.Helper()
		cmd := n.command(a.args...)
		cmd.Args = append([]string{tool, class, strconv.Itoa(at), action, count}, cmd.Args...)
		cmd.Path = tool
		_, errOut, status = run(t, cmd)
		text, err := os.ReadFile(count)
		if err != nil {
			t.Fatalf("%v\n%s", err, errOut)
		}
		if calls, err = strconv.Atoi(strings.TrimSpace(string(text))); err != nil {
			t.Fatal(err)
		}
		return errOut, status, calls
	}
	for _, class := range slices.Sorted(maps.Keys(faults)) {
		a.prepare()
		errOut, status, calls := run(class, 0, "0")
		if status != 0 {
			t.Fatalf("without a fault: status %d\n%s", status, errOut)
		}
		want := a.state()
		if class == "net" && calls == 0 {
			continue
		}
		if calls < 5 {
			t.Fatalf("only %d calls of the class %s: the search is broken", calls, class)
		}
		for _, f := range chosen(class, calls, a.sample) {
			a.prepare()
			errOut, status, _ := run(class, f.at, f.action)
			what := fmt.Sprintf("%s call %d of %d: %s", class, f.at, calls, f.action)
			t.Logf("%s: status %d", what, status)
			if strings.Contains(errOut, "goroutine ") || strings.Contains(errOut, "LooksLikeASecret42") ||
				status != 0 && status != 137 && strings.Count("\n"+errOut, "\nomsinit: ") != 1 {
				t.Errorf("%s: status %d\n%s", what, status, errOut)
			}
			if err := a.torn(); err != nil {
				t.Errorf("%s: %v", what, err)
			}
			if _, errOut, status := n.omsinit(a.args...); status != 0 {
				t.Fatalf("%s: the next run: status %d\n%s", what, status, errOut)
			}
			if got := a.state(); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s: the next run made\n%v\nwant\n%v", what, got, want)
			}
			n.noLeftovers(t, what)
		}
	}
}

type fault struct {
	at     int
	action string
}

// chosen returns the faults to try: all of them, or a few that are spread evenly over the calls.
func chosen(class string, calls, sample int) (list []fault) {
	actions := faults[class]
	if os.Getenv(sweepVariable) != "" {
		for at := 1; at <= calls; at++ {
			for _, action := range slices.Compact(slices.Sorted(slices.Values(actions))) {
				list = append(list, fault{at, action})
			}
		}
		return list
	}
	for i := range min(sample, calls) {
		list = append(list, fault{1 + i*calls/min(sample, calls), actions[i%len(actions)]})
	}
	return list
}

// generated returns the files that step 3 makes.
func (n *node) generated() map[string]string {
	files := map[string]string{}
	for _, dir := range []string{"/home/ds", "/etc"} {
		err := filepath.WalkDir(n.path(dir), func(path string, e fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if e.IsDir() && e.Name() == ".omsinit" { // the history, which may have one version more
				return filepath.SkipDir
			}
			if e.Type().IsRegular() {
				data, err := os.ReadFile(path)
				files[path] = string(data)
				return err
			}
			return nil
		})
		if err != nil {
			n.t.Fatal(err)
		}
	}
	return files
}

// noLeftovers looks for what a broken run should not leave behind for ever.
func (n *node) noLeftovers(t *testing.T, what string) {
	t.Helper()
	_ = filepath.WalkDir(n.root, func(path string, e fs.DirEntry, err error) error {
		if err == nil && (strings.HasSuffix(path, "~") || e.Name() == "staging" || e.Name() == ".new") {
			t.Errorf("%s: %s is still there after the next run", what, path)
		}
		return nil
	})
}
