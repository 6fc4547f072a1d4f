package e2e

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"omsinit/internal/spelling"
	"omsinit/testdata/testmaria"
	"omsinit/testdata/testports"
)

// diagnosis is what `omsinit doctor --output json` says, as far as it is looked at here.
type diagnosis struct {
	Version int
	Status  string
	Seconds float64
	Causes  []cause
	Sources []struct {
		Name string
		Late bool
	}
}

type cause struct {
	ID, Severity, Message, Next string
	From                        int
	LastLines                   string `json:"last_lines"`
}

func (n *node) doctor(status int, args ...string) (d diagnosis) {
	n.t.Helper()
	out, errOut, got := n.omsinit(append([]string{"doctor", "--output", "json"}, args...)...)
	if err := json.Unmarshal([]byte(out), &d); err != nil || got != status || d.Version != 1 {
		n.t.Fatalf("doctor: status %d, want %d, %v\n%s%s", got, status, err, out, errOut)
	}
	return d
}

// ids are the ids of the causes that are errors and come of nothing else.
func (d diagnosis) ids() (roots []string) {
	for _, c := range d.Causes {
		if c.Severity == "error" && c.From == 0 {
			roots = append(roots, c.ID)
		}
	}
	return roots
}

// TestDoctor takes a node from health to several ways of being broken, and sees what the doctor says first.
func TestDoctor(t *testing.T) {
	db := testmaria.Start(t)
	relay := newRelay(t, net.JoinHostPort(db.Host, fmt.Sprint(db.Port)))
	n := newNode(t, db)
	n.through(relay)
	r := n.boot()
	r.waitReady()
	// The first heartbeat takes its time.
	eventually(t, "a node without causes", func() bool { _, _, status := n.omsinit("doctor"); return status == 0 })
	if d := n.doctor(0); d.Status != "healthy" || len(d.ids()) > 0 || len(d.Sources) < 10 {
		t.Errorf("a healthy node: %+v", d)
	}

	// A component that dies of something that is known. Its log holds a password, as those of OMS do.
	start := n.path("/home/admin/conf/command/start_oms_console.sh")
	old, err := os.ReadFile(start)
	if err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf("#!/bin/bash\ncat >&2 <<'END'\nurl=jdbc?x=%s\nEND\necho 'java.lang.IllegalArgumentException: spring.application.name must be configured!' >&2\nexit 1\n", db.Password)
	if err := os.WriteFile(start, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	n.omsinit("restart", "oms_console", "--timeout", "20s")
	d := n.doctor(3)
	if got := d.ids(); len(got) == 0 || got[0] != "symptom.console-unconfigured" || d.Causes[0].Next != "omsinit init" {
		t.Errorf("a console without its file: %+v", d.Causes)
	}
	i := slices.IndexFunc(d.Causes, func(c cause) bool { return c.ID == "cluster.program" })
	if i < 0 || d.Causes[i].From != 1 || !strings.Contains(d.Causes[i].LastLines, "spring.application.name") ||
		strings.Contains(d.Causes[i].LastLines, db.Password) {
		t.Errorf("the program is not explained, or its last lines hold the password: %+v", d.Causes)
	}
	out, _, status := n.omsinit("doctor", "--lang", "zh")
	if status != 3 || !strings.Contains(out, "application-oms.properties 从未生成") || strings.Contains(out, db.Password) {
		t.Errorf("in Chinese: %d\n%s", status, out)
	}
	if err := os.WriteFile(start, old, 0o755); err != nil {
		t.Fatal(err)
	}
	n.omsinit("restart", "oms_console")
	eventually(t, "health again", func() bool { _, _, status := n.omsinit("doctor"); return status == 0 })

	// Without the MetaDB much else is wrong, and comes of that.
	relay.cut()
	n.values["oms_meta_port"] = fmt.Sprint(testports.Free(t, 1)[0])
	n.writeConfig()
	d = n.doctor(3)
	if got := d.ids(); len(got) == 0 || got[0] != "metadb.unreachable" || d.Seconds > 15 {
		t.Errorf("no MetaDB: %+v", d.Causes)
	}
}

// TestConsoleUnlock unlocks one user, after a question.
func TestConsoleUnlock(t *testing.T) {
	db := testmaria.Start(t)
	n := newNode(t, db)
	n.says(0, nil, "metadb", "migrate")
	n.says(1, []string{"oms_user", "restart oms_console"}, "console", "unlock", "admin", "--yes")
	db.Exec("CREATE TABLE oms_rm.oms_user (id INT PRIMARY KEY, user_name VARCHAR(64), login_failure_times INT, is_locked TINYINT)")
	db.Exec("INSERT INTO oms_rm.oms_user VALUES (1, 'admin', 5, 1), (2, 'other', 5, 1)")
	locked := func() (text string) {
		t.Helper()
		if err := db.DB("").QueryRow(
			"SELECT GROUP_CONCAT(CONCAT(user_name, is_locked, login_failure_times) ORDER BY id) FROM oms_rm.oms_user").Scan(&text); err != nil {
			t.Fatal(err)
		}
		return text
	}
	n.says(0, []string{"is_locked true"}, "console", "unlock", "admin", "--dry-run", "--yes")
	n.says(1, []string{"there is no answer"}, "console", "unlock", "admin") // nobody is there to answer
	n.says(3, []string{`no user "nobody"`}, "console", "unlock", "nobody", "--yes")
	n.says(64, []string{"name the user"}, "console", "unlock")
	for _, tc := range [][2]string{{"n\n", "admin15,other15"}, {"y\n", "admin00,other15"}} {
		cmd := n.command("console", "unlock", "admin")
		cmd.Stdin = strings.NewReader(tc[0])
		if out, _, status := run(t, cmd); status != 0 || locked() != tc[1] {
			t.Errorf("%q: %d, %s\n%s", tc[0], status, locked(), out)
		}
	}
	n.says(0, []string{"nothing was changed"}, "console", "unlock", "admin", "--yes")
}

// TestSupport makes bundles of a node: whole, without PID 1 and the MetaDB, and without a disk. Its password, which is
// awkward, is in none of them.
func TestSupport(t *testing.T) {
	db := testmaria.Start(t)
	n := newNode(t, db)
	r := n.boot()
	r.waitReady()
	n.writeFile("/home/admin/logs/cm/log/service.log", "url="+url.QueryEscape(db.Password)+"\nbase64 "+
		base64.StdEncoding.EncodeToString([]byte("u:"+db.Password))+"\n")
	out, errOut, status := n.omsinit("support", "--output", "json")
	var listed struct {
		File    string
		Entries []struct{ Name string }
	}
	if err := json.Unmarshal([]byte(out), &listed); err != nil || status != 0 || len(listed.Entries) < 40 {
		t.Fatalf("status %d, %v\n%s%s", status, err, out, errOut)
	}
	if info, err := os.Stat(listed.File); err != nil || info.Mode().Perm() != 0o600 ||
		!strings.HasPrefix(listed.File, n.path("/home/admin/logs/omsinit-support-")) {
		t.Errorf("%s %v %v", listed.File, info, err)
	}
	data, err := os.ReadFile(listed.File)
	if err != nil {
		t.Fatal(err)
	}
	n.bundle(data, db.Password)
	n.says(0, []string{"report.html", "service.log"}, "support", "--dry-run")
	n.says(1, []string{"not overwritten"}, "support", "--out", listed.File)

	r.stop()
	n.values["oms_meta_port"] = fmt.Sprint(testports.Free(t, 1)[0])
	n.writeConfig()
	if err := os.Chmod(n.path("/home/admin/logs"), 0o555); err != nil {
		t.Fatal(err)
	}
	out, errOut, status = n.omsinit("support", "--out", "-", "--lang", "zh", "--anonymize")
	if status != 0 {
		t.Fatalf("without PID 1 and the MetaDB: status %d\n%s", status, errOut)
	}
	if page := n.bundle([]byte(out), db.Password); !strings.Contains(page, "metadb.unreachable") ||
		!strings.Contains(page, "pid1.silent") {
		t.Errorf("the page does not say what is wrong")
	}
	n.write("no: [yaml")
	if out, errOut, status = n.omsinit("support", "--out", "-"); status != 0 ||
		!strings.Contains(n.bundle([]byte(out), db.Password), "config.") {
		t.Errorf("with a broken config.yaml: status %d\n%s", status, errOut)
	}
}

// bundle looks through a bundle for a password, and returns its report.html.
func (n *node) bundle(data []byte, password string) (page string) {
	n.t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		n.t.Fatal(err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return page
		}
		if err != nil {
			n.t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			n.t.Fatal(err)
		}
		// All spellings on top of each other are in the tests of the rooms.
		for how, decode := range map[string]func(string) string{
			"itself": func(s string) string { return s }, "URL": spelling.Unpercent,
			"backslashes": spelling.Unbackslash,
			"base64":      spelling.Unbase64, "hex": spelling.Unhex, "HTML": html.UnescapeString,
		} {
			if strings.Contains(decode(string(text)), password) {
				n.t.Errorf("%s holds the password (%s)", h.Name, how)
			}
		}
		if strings.HasSuffix(h.Name, "/report.html") {
			page = string(text)
		}
	}
}
