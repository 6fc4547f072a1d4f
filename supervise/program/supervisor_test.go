package program

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"omsinit/internal/finding"
)

// supervisorsView is what Supervisor's own reader makes of a program file: see testdata/readfiles.py.
type supervisorsView struct {
	Refused  string
	Programs map[string]map[string]any
}

// readBySupervisor has Debian's Supervisor 4.2.5 read program files.
func readBySupervisor(t *testing.T, confs []string) map[string]supervisorsView {
	t.Helper()
	path, err := exec.LookPath("supervisord")
	if err != nil {
		t.Fatal("supervisord 4.2.5 is needed: apt-get install supervisor")
	}
	script, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer script.Close()
	first, err := bufio.NewReader(script).ReadString('\n')
	if err != nil || !strings.HasPrefix(first, "#!") {
		t.Fatalf("%s: %v, %q", path, err, first)
	}
	python := strings.Fields(first[2:])
	cmd := exec.Command(python[0], append(python[1:], append([]string{"-B", "testdata/readfiles.py"}, confs...)...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var views map[string]supervisorsView
	if err := json.Unmarshal(out, &views); err != nil {
		t.Fatal(err)
	}
	return views
}

// asSupervisor is a program in the form of readfiles.py.
func asSupervisor(t *testing.T, p Program) map[string]any {
	t.Helper()
	log := func(f LogFile) string {
		if f.Auto {
			return "auto"
		}
		return f.Path
	}
	var uid any
	if p.User != "" {
		u, err := user.Lookup(p.User)
		if err != nil {
			if u, err = user.LookupId(p.User); err != nil {
				t.Fatal(err)
			}
		}
		uid = json.RawMessage(u.Uid)
	}
	data, err := json.Marshal(map[string]any{
		"argv": p.Command, "group_priority": p.GroupPriority, "priority": p.Priority, "autostart": p.Autostart,
		"autorestart": [...]string{"unexpected", "always", "never"}[p.Autorestart], "exitcodes": p.ExitCodes,
		"startsecs": p.StartSecs, "startretries": p.StartRetries, "stopsignal": int(p.StopSignal),
		"stopwaitsecs": p.StopWaitSecs,
		"stopasgroup":  p.StopAsGroup, "killasgroup": p.KillAsGroup, "redirect_stderr": p.RedirectStderr,
		"environment": p.Environment, "directory": p.Directory, "uid": uid, "umask": p.Umask,
		"stdout": []any{log(p.Stdout), p.Stdout.MaxBytes, p.Stdout.Backups}, "stderr": []any{log(p.Stderr)},
	})
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestAsSupervisor reads the same files with Supervisor's own code. What it starts, we start, and with the same
// options. Where it refuses a file as a whole, there is a finding, and what becomes of each program is in the golden
// file.
func TestAsSupervisor(t *testing.T) {
	t.Setenv("CORPUS", "set")
	confs, err := filepath.Glob("testdata/corpus/*.conf")
	if err != nil || len(confs) < 50 {
		t.Fatalf("%v, %d files", err, len(confs))
	}
	for i := range confs {
		if confs[i], err = filepath.Abs(confs[i]); err != nil {
			t.Fatal(err)
		}
	}
	views := readBySupervisor(t, confs)
	var report strings.Builder
	for _, conf := range confs {
		name := filepath.Base(conf)
		view, ok := views[name]
		if !ok || view.Refused == "" && view.Programs == nil {
			t.Errorf("%s: Supervisor has not answered", name)
			continue
		}
		d, err := Load(conf)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		what := "starts"
		if view.Refused != "" {
			what = "refuses"
			if len(d.Findings) == 0 && name != "bad-user.conf" && name != "rpcinterface.conf" &&
				name != "log-folder.conf" {
				t.Errorf("%s: Supervisor refuses it (%s), and nothing is said", name, view.Refused)
			}
		} else {
			compareWithSupervisor(t, name, d, view.Programs)
		}
		fmt.Fprintf(&report, "%s (Supervisor %s): %s\n", name, what, strings.Join(named(d), " "))
		for _, f := range d.Findings {
			f.Place.File = filepath.Base(f.Place.File)
			fmt.Fprintf(&report, "  %s %s\n", f.Severity,
				strings.ReplaceAll(f.Err().Error(), filepath.Dir(conf)+"/", ""))
		}
	}
	golden := filepath.Join("testdata", "corpus.golden")
	if *update {
		if err := os.WriteFile(golden, []byte(report.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(mustRead(t, golden), report.String()); diff != "" {
		t.Error(diff)
	}
}

func compareWithSupervisor(t *testing.T, name string, d *Definitions, programs map[string]map[string]any) {
	t.Helper()
	found := map[string]bool{}
	for _, p := range d.Programs {
		full := p.FullName()
		found[full] = true
		want, ok := programs[full]
		switch {
		case !ok:
			if p.Problem == nil {
				t.Errorf("%s: Supervisor does not know %s", name, full)
			}
			continue
		case p.Problem != nil && want["argv"] == nil: // it cannot start it either
			continue
		case p.Problem != nil:
			t.Errorf("%s: Supervisor starts %s, and we do not: %v", name, full, p.Problem.Err())
			continue
		}
		// Supervisor takes a header without its bracket for an option, and what follows for options of the section
		// before.
		if diff := cmp.Diff(want, asSupervisor(t, p)); diff != "" && name != "unclosed-header.conf" {
			t.Errorf("%s: %s (- Supervisor, + omsinit):\n%s", name, full, diff)
		}
	}
	for full := range programs {
		if !found[full] {
			t.Errorf("%s: Supervisor knows %s", name, full)
		}
	}
	for _, f := range d.Findings {
		if f.Place.Line == 0 && f.Place.File == "" || f.Severity == finding.Error && f.Place.Key == "" {
			t.Errorf("%s: a finding without a place: %v", name, f)
		}
	}
}
