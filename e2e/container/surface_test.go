package container

import (
	"archive/tar"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"omsinit/testdata/testsecrets"
)

var update = flag.Bool("update", false, "write the allow-list anew; read its diff")

// allowed is what others may see of a booted container.
const allowed = "testdata/surface.txt"

// sockets prints the ports of the container's own processes on which somebody may connect, for those of the engine's
// host are in the same network, and the sockets that have a name, with mode and owner.
const sockets = `cd /proc
own=$(for fd in [0-9]*/fd/*; do
	i=$(readlink "$fd")
	case $i in socket:*) i=${i#socket:\[}; echo "${i%]} $(cat "${fd%%/*}/comm")" ;; esac
done 2>/dev/null | sort -u)
for kind in tcp tcp6 udp udp6; do
	while read -r _ at _ state _ _ _ _ _ inode _; do
		case $kind:$state in tcp*:0A | udp*:07) echo "$own" | sed -n "s/^$inode /$kind $at /p" ;; esac
	done <"net/$kind"
done
find / -path /proc -prune -o -path /sys -prune -o -type s -exec stat -c 'unix %A %U:%G %n' {} +
`

// TestSurface compares what others can reach of a container that has booted with a list: the sockets on which somebody
// may connect, and the files that the boot made which anybody may read, write, or run as somebody else.
func TestSurface(t *testing.T) {
	t.Parallel()
	c := newContainer(t)
	c.run()
	c.waitReady()
	out, status := c.exec("sh", "-c", sockets)
	if status != 0 {
		t.Fatalf("status %d\n%s", status, out)
	}
	made, err := testsecrets.Read(c.name)
	if err != nil {
		t.Fatal(err)
	}
	lines := append(strings.Split(strings.TrimSpace(out), "\n"), open(made)...)
	names := c.portNames()
	for i, line := range lines {
		lines[i] = times.ReplaceAllString(names.Replace(line), "TIME")
	}
	// Where the CM is stopped (STOP.PORT): not where another one on this machine has the port.
	lines = slices.DeleteFunc(lines, func(line string) bool { return line == "tcp 127.0.0.1:1F99 java" })
	slices.Sort(lines)
	got := strings.Join(slices.Compact(lines), "\n") + "\n"
	if *update {
		if err := os.WriteFile(allowed, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(allowed)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("the container shows something else than %s allows:\n%s", allowed, d)
	}
}

var times = regexp.MustCompile(`\d{4}-\d\d-\d\d.\d\d:\d\d:\d\d`)

// open are the files that others than their owner may read or change.
func open(made testsecrets.Container) (lines []string) {
	for _, f := range made.Files {
		mode := f.FileInfo().Mode()
		others := os.FileMode(0o006)
		if f.Typeflag == tar.TypeDir {
			others = 0o002
		}
		if f.Typeflag == tar.TypeSymlink || mode.Perm()&others == 0 && mode&(os.ModeSetuid|os.ModeSetgid) == 0 {
			continue
		}
		lines = append(lines, fmt.Sprintf("file %s %s:%s %s", mode, f.Uname, f.Gname, f.Name))
	}
	return lines
}

// portNames has the keys of config.yaml in the place of the ports of this run.
func (c *container) portNames() *strings.Replacer {
	c.t.Helper()
	text, err := os.ReadFile(filepath.Clean(c.config()))
	var keys map[string]any
	if err == nil {
		err = yaml.Unmarshal(text, &keys)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	// Not every machine has addresses of the sixth version.
	pairs := []string{"tcp6", "tcp", "udp6", "udp", " 0100007F:", " 127.0.0.1:", " 00000000:", " *:",
		" " + strings.Repeat("0", 32) + ":", " *:"}
	for _, key := range portKeys {
		pairs = append(pairs, fmt.Sprintf("%04X ", keys[key]), key+" ")
	}
	return strings.NewReplacer(pairs...)
}
