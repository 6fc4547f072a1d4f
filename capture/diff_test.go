package capture_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"omsinit/capture/prove"
	"omsinit/internal/finding"
	"omsinit/internal/pack"
)

// TestDiff: what docker diff says of a container becomes folders, files that are made when they are not there, files
// that are kept as they are, or a line of the report.
func TestDiff(t *testing.T) {
	files := func(random string) map[string]string {
		return map[string]string{
			"/etc/oms/extra.conf": "constant = 1\n", "/etc/security/limits.conf": "* soft nofile 655350\n",
			"/etc/oms/id": random,
			"/etc/passwd": "root:x:0:0::/root:/bin/sh\n", "/root/init_flag.txt": "today",
			"/home/ds/ghana/config/conf.d/x.conf": "fine\n",
			"/etc/oms/only.conf":                  "one\n", "/etc/oms/a b.txt": "with a blank\n",
		}
	}
	a, b := install(t, values(0), files("8f1c")), install(t, values(1), files("77ab"))
	if err := os.Remove(b.Tree.Path("/etc/oms/only.conf")); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(a.Tree.Path("/srv/spool"), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/opt/java", a.Tree.Path("/etc/java")); err != nil {
		t.Fatal(err)
	}
	diff := filepath.Join(t.TempDir(), "diff")
	text := "C /etc\nA /etc/oms\nA /etc/oms/extra.conf\nC /etc/security\nC /etc/security/limits.conf\nA /etc/oms/id\nA /etc/oms/only.conf\nA /etc/oms/a b.txt\n" +
		"C /etc/passwd\nA /etc/java\nD /etc/motd\nC /srv\nA /srv/spool\nA /root/init_flag.txt\nA /tmp/x\nA /etc/oms/gone\nA /usr/lib/__pycache__/x.pyc\n"
	if err := os.WriteFile(diff, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	j := job(t, a, b)
	j.Diff = diff
	r := run(t, j)
	p, err := pack.Open(j.Out)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, f := range p.Files {
		got[f.Path] = string(f.Policy)
	}
	want := map[string]string{"/etc/oms/extra.conf": "create", "/etc/security/limits.conf": "",
		"/etc/oms/a b.txt": "create"}
	for path, policy := range want {
		if have, ok := got[path]; !ok || have != policy && !(policy == "" && have == string(pack.Replace)) {
			t.Errorf("%s: %q, %v", path, have, ok)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%v", got)
	}
	spool := func(f pack.Folder) bool { return f.Path == "/srv/spool" && f.Mode == 0o750 }
	if !slices.ContainsFunc(p.Folders, spool) {
		t.Errorf("%+v", p.Folders)
	}
	said := printed(t, r)
	for _, want := range []string{
		"/etc/oms/id: the container's start made it, and it is another in the second installation",
		"/etc/oms/only.conf: the container's start made it, but the second installation does not have it",
		"/etc/passwd: the container's start changed users or groups",
		"/etc/java: the container's start made this link to /opt/java",
		"/etc/motd: the image has it, and the container's start removed it",
		"/etc/oms/gone: it was made or changed after",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("not said: %s\n%s", want, said)
		}
	}
	if strings.Contains(said, "init_flag") || strings.Contains(said, "/tmp/x") || strings.Contains(said, "pyc") ||
		!r.Verified {
		t.Errorf("%+v\n%s", r.Differences, said)
	}
	faults, err := (&prove.Linter{Pack: p}).Lint()
	if err != nil || slices.ContainsFunc(faults, func(f finding.Finding) bool { return f.ID == "pack.readers" }) {
		t.Errorf("%v, %+v", err, faults)
	}
	for _, wrong := range []string{"x", "A etc", "B /etc", "A  /etc"} {
		if err := os.WriteFile(diff, []byte("C /etc\n"+wrong+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		j := job(t, a, b)
		j.Diff = diff
		if _, err := j.Run(t.Context()); err == nil ||
			!strings.Contains(err.Error(), "line 2 is no line of docker diff") {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}
