package e2e

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"omsinit/testdata/testmaria"
)

// TestCaptureFaults breaks captures off: a full disk is one error, SIGTERM leaves nothing, and what SIGKILL leaves is
// gone after the next capture. The pack that was there is there whole until a new one is.
func TestCaptureFaults(t *testing.T) {
	tool := faultTool(t)
	for name, args := range map[string][]string{
		"pack":   {"pack", "capture", "--release", "4.2.7-CE", "--force", "--out"},
		"bundle": {"pack", "capture", "--force", "--bundle"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := testmaria.Start(t, testmaria.Password(faultSecret))
			n := newNode(t, db)
			n.must(0, "init", "--only", "metadb,component")
			out := filepath.Join(t.TempDir(), "out")
			temp := filepath.Join(n.root, "temp") // short enough for sockets
			if err := os.Mkdir(temp, 0o755); err != nil {
				t.Fatal(err)
			}
			n.env = append(n.env, "TMPDIR="+temp)
			c := faultyCapture{faulty{node: n, tool: tool, trace: filepath.Join(t.TempDir(), "trace"),
				args: append(args, out)}, out, db}
			c.sweep(temp)
		})
	}
}

// faultyCapture is a capture that is broken off.
type faultyCapture struct {
	faulty
	out string
	db  *testmaria.Server
}

// sweep breaks the capture off at calls that are spread evenly over it.
func (c *faultyCapture) sweep(temp string) {
	t := c.t
	before := map[string]string{"pack.yaml": "old", "templates/a": "old"}
	if slices.Contains(c.args, "--bundle") {
		before = map[string]string{".": "old"}
	}
	prepare := func() {
		os.RemoveAll(c.out)
		for name, text := range before {
			file := filepath.Join(c.out, name)
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	isOld := func(text string) bool { return text == "old" }
	prepare()
	text, status, calls := c.run("any", 0, "0", "")
	if left := c.left(temp); status != 0 || left != "" {
		t.Fatalf("without a fault: status %d, left %q\n%s", status, left, text)
	}
	for class, actions := range map[string]map[string]int{
		"file": {"kill": 3, "term": 1, errno(syscall.ENOSPC): 2}, "net": {"kill": 2, "term": 2},
	} {
		total := countClass(calls, class)
		for action, most := range actions {
			for i := range min(most, total) {
				prepare()
				text, status, now := c.run(class, 1+(2*i+1)*total/(2*most), action, "")
				what := fmt.Sprintf("%s: %s at %.90s: status %d", class, action, now[len(now)-1], status)
				after := tree(t, c.out)
				if !maps.Equal(after, before) &&
					(status == 1 || slices.ContainsFunc(slices.Collect(maps.Values(after)), isOld)) {
					t.Errorf("%s: the old output is not whole: %q\n%s", what, slices.Sorted(maps.Keys(after)), text)
				}
				if strings.Contains(text, faultSecret) || strings.Contains(text, "goroutine ") ||
					status != 0 && status != 137 && strings.Count(text, "\nomsinit: ") != 1 {
					t.Errorf("%s\n%s", what, text)
				}
				left := c.left(temp)
				if action == "term" && left != "" {
					t.Errorf("%s: left %s", what, left)
				}
				// The server may notice later that somebody was killed who had the lock.
				args := slices.Clone(c.args)
				if slices.Contains(args, "--bundle") { // whatever it is called
					args[len(args)-1] += ".next"
				}
				for again := 0; again < 3 && c.left(temp) != ""; again++ {
					if out, errOut, status := c.omsinit(args...); status != 0 {
						t.Errorf("%s: the next one: status %d\n%s%s", what, status, out, errOut)
					}
				}
				if left := c.left(temp); left != "" {
					t.Errorf("%s: the next one has left %s", what, left)
				}
				os.Remove(c.out + ".next")
			}
		}
	}
}

// left are the files and databases that a capture works with.
func (c *faultyCapture) left(temp string) string {
	left := value(c.t, c.db, "SELECT COALESCE(GROUP_CONCAT(schema_name), '') FROM information_schema.schemata WHERE schema_name LIKE 'omsinit%'")
	for _, dir := range []string{temp, filepath.Dir(c.out)} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			c.t.Fatal(err)
		}
		for _, e := range entries {
			if !slices.Contains([]string{filepath.Base(c.out), filepath.Base(c.out) + ".next"}, e.Name()) {
				left += " " + e.Name()
			}
		}
	}
	return left
}
