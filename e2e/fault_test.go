package e2e

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"omsinit/testdata/testmaria"
)

// sweepVariable asks for every system call and every fault, which takes hours (make sweep), instead of a sample.
const sweepVariable = "OMSINIT_SWEEP"

// faultSecret is the password of the MetaDB in these tests. No output may have it.
const faultSecret = "LooksLikeASecret42"

// attempt is a command that is broken off at some system call.
type attempt struct {
	args    []string
	prepare func()        // to the state before the command
	torn    func() error  // what must hold whenever the command was broken off
	state   func() string // what an unbroken run makes
	// samples are the parts of the command and how many faults of each class CI tries in each of them.
	samples []sample
	// words begins each line that says an error.
	words string
	// reruns is how often the command may have to be run again, 1 if not set.
	reruns int
}

// sample is a part of a command: from a text that it writes to the next part.
type sample struct {
	name, after string
	faults      map[string]int // by class
}

// faults are how a system call of a class ends: with an error, or never.
var faults = map[string][]string{
	"file": {errno(syscall.ENOSPC), "kill", errno(syscall.EIO), errno(syscall.EROFS), "kill", errno(syscall.EACCES)},
	"net":  {errno(syscall.ECONNRESET), "kill", errno(syscall.ETIMEDOUT)},
}

func errno(e syscall.Errno) string { return strconv.Itoa(int(e)) }

// faultTool builds what makes system calls fail.
func faultTool(t *testing.T) string {
	t.Helper()
	tool := filepath.Join(t.TempDir(), "fault")
	if out, err := exec.Command("gcc", "-O2", "-o", tool, "testdata/fault.c").CombinedOutput(); err != nil {
		t.Fatalf("gcc is needed (scripts/dev/install-deps.sh): %v\n%s", err, out)
	}
	return tool
}

// faulty is a command under the tool.
type faulty struct {
	*node
	tool, trace string
	args        []string
}

// run runs the command with a fault at a call of a class, counted from a text on, and returns what it said, its status
// and the calls that there were.
func (f *faulty) run(class string, at int, action, after string) (text string, status int, calls []string) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), 3*time.Minute)
	defer cancel()
	plain := f.command(f.args...)
	cmd := exec.CommandContext(ctx, f.tool, append([]string{class, strconv.Itoa(at), action, f.trace, after},
		plain.Args...)...)
	cmd.Env, cmd.SysProcAttr = plain.Env, plain.SysProcAttr
	out, errOut, status := run(f.t, cmd)
	if ctx.Err() != nil {
		f.t.Fatalf("%s call %d, %s: the command does not end\n%s%s", class, at, action, out, errOut)
	}
	trace, err := os.ReadFile(f.trace)
	if err != nil {
		f.t.Fatalf("%v\n%s", err, errOut)
	}
	return out + "\n" + errOut, status, strings.Split(strings.TrimSuffix(string(trace), "\n"), "\n")
}

// broken breaks a command off again and again: whichever system call fails or is the last one, nothing is torn, the
// error is said once, and the same command, run again, makes what an unbroken run makes.
func (n *node) broken(tool string, a attempt) {
	t := n.t
	t.Helper()
	f := &faulty{node: n, tool: tool, trace: filepath.Join(t.(*testing.T).TempDir(), "trace"), args: a.args}
	a.prepare()
	text, status, calls := f.run("any", 0, "0", "")
	if status != 0 {
		t.Fatalf("without a fault: status %d\n%s", status, text)
	}
	if len(calls) < 10 {
		t.Fatalf("only %d calls: the search is broken", len(calls))
	}
	want := a.state()
	for i, s := range a.samples {
		end := ""
		if i+1 < len(a.samples) {
			end = a.samples[i+1].after
		}
		part := between(calls, s.after, end)
		if part == nil {
			t.Fatalf("nothing with %q was written, the beginning of %s", s.after, s.name)
		}
		for class := range s.faults {
			for _, c := range s.chosen(i, class, countClass(part, class)) {
				a.prepare()
				text, status, now := f.run(class, c.at, c.action, s.after)
				what := strings.TrimSpace(fmt.Sprintf("%s %s call %d of %d: %s", s.name, class, c.at,
					countClass(part, class), c.action))
				if c.at <= len(now) {
					what += fmt.Sprintf(" (%.90s)", now[c.at-1])
				}
				t.Logf("%s: status %d", what, status)
				if strings.Contains(text, "goroutine ") || strings.Contains(text, faultSecret) ||
					status != 0 && status != 137 && strings.Count(text, "\n"+a.words) != 1 {
					t.Errorf("%s: status %d\n%s", what, status, text)
				}
				if err := a.torn(); err != nil {
					t.Errorf("%s: %v\n%s", what, err, text)
				}
				for again := range max(a.reruns, 1) {
					out, errOut, status := n.omsinit(a.args...)
					if status == 0 {
						break
					}
					if again+1 == max(a.reruns, 1) {
						t.Fatalf("%s: the next run: status %d\n%s%s\nthe run before it:\n%s", what, status, out,
							errOut, text)
					}
				}
				if d := cmp.Diff(want, a.state()); d != "" {
					t.Errorf("%s: the next run made something else:\n%s\nthe run before it said:\n%s", what, d, text)
				}
				n.noLeftovers(what)
			}
		}
	}
}

// between returns the calls from the one with a text on to the one with another text.
func between(calls []string, begin, end string) []string {
	from := slices.IndexFunc(calls, func(c string) bool { return strings.Contains(c, begin) })
	if from < 0 {
		return nil
	}
	calls = calls[from:]
	if to := slices.IndexFunc(calls, func(c string) bool { return strings.Contains(c, end) }); end != "" && to > 0 {
		calls = calls[:to]
	}
	return calls
}

// countClass counts the calls of a class in a trace.
func countClass(calls []string, class string) (n int) {
	for _, c := range calls {
		if strings.HasPrefix(c, class+" ") {
			n++
		}
	}
	return n
}

type fault struct {
	at     int
	action string
}

// chosen returns the faults to try: all of them, or a few that are spread evenly over the calls. Each part begins with
// another one.
func (s sample) chosen(part int, class string, calls int) (list []fault) {
	actions := faults[class]
	if os.Getenv(sweepVariable) != "" {
		for at := 1; at <= calls; at++ {
			for _, action := range slices.Compact(slices.Sorted(slices.Values(actions))) {
				list = append(list, fault{at, action})
			}
		}
		return list
	}
	most := min(s.faults[class], calls)
	for i := range most {
		list = append(list, fault{1 + (2*i+1)*calls/(2*most), actions[(i+part)%len(actions)]})
	}
	return list
}

var timeText = regexp.MustCompile(`\d{4}-\d\d-\d\d[ T][\d:.]+`)

// contents are the rows of all tables of databases, without what differs between two runs: times, and numbers that the
// server gives.
func contents(t testing.TB, db *testmaria.Server, databases ...string) string {
	t.Helper()
	var b strings.Builder
	conn := db.DB("")
	defer conn.Close()
	column := func(query string, args ...any) (list []string) {
		rows, err := conn.Query(query, args...)
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		defer rows.Close()
		for rows.Next() {
			var s string
			if err := rows.Scan(&s); err != nil {
				t.Fatalf("%s: %v", query, err)
			}
			list = append(list, s)
		}
		return list
	}
	// What a client that is gone has asked for is done all the same.
	eventually(t, "a server that does nothing", func() bool {
		return len(column("SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID() AND command IN ('Query', 'Execute', 'Prepare')")) == 0
	})
	for _, name := range databases {
		tables := column("SELECT table_name FROM information_schema.tables WHERE table_schema = ? ORDER BY 1", name)
		if len(column("SELECT schema_name FROM information_schema.schemata WHERE schema_name = ?", name)) == 0 {
			fmt.Fprintf(&b, "%s is not there\n", name)
		}
		for _, table := range tables {
			if table == "omsinit_lease" {
				continue // who held the lock last: who was killed is still named there, and holds nothing
			}
			columns := column("SELECT CONCAT('COALESCE(`', column_name, '`, ''-'')') FROM information_schema.columns WHERE table_schema = ? AND table_name = ? AND extra NOT LIKE '%auto_increment%' AND column_name <> 'resource_group_id' ORDER BY ordinal_position", name, table)
			fmt.Fprintf(&b, "%s.%s %d columns\n", name, table, len(columns))
			rows := column(fmt.Sprintf("SELECT CONCAT_WS('|', %s) FROM `%s`.`%s`", strings.Join(columns, ", "),
				name, table))
			for i := range rows {
				rows[i] = timeText.ReplaceAllString(rows[i], "TIME")
			}
			slices.Sort(rows)
			fmt.Fprintf(&b, "  %s\n", strings.Join(rows, "\n  "))
		}
	}
	return b.String()
}

// generated returns the files that step 3 makes.
func (n *node) generated() string {
	var files strings.Builder
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
				fmt.Fprintf(&files, "%s\n%s\n", path, data)
				return err
			}
			return nil
		})
		if err != nil {
			n.t.Fatal(err)
		}
	}
	return files.String()
}

// noLeftovers looks for what a broken run should not leave behind for ever.
func (n *node) noLeftovers(what string) {
	n.t.Helper()
	_ = filepath.WalkDir(n.root, func(path string, e fs.DirEntry, err error) error {
		if err == nil && (strings.HasSuffix(path, "~") || e.Name() == "staging" || e.Name() == ".new") {
			n.t.Errorf("%s: %s is still there after the next run", what, path)
		}
		return nil
	})
}
