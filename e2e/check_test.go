package e2e

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"omsinit/testdata/testmaria"
)

// verdict is the documented shape of `omsinit check --output json`.
type verdict struct {
	Version  int
	Status   string
	Errors   int
	Warnings int
	Passing  bool
	Checks   []struct {
		ID, Category, Title, Status string
		Because                     []string `json:"skipped_because"`
		Facts                       map[string]any
		Findings                    []struct {
			ID, Severity, Message, Cause, Fix string
			Ignored, Passing                  bool
			Facts                             map[string]any
		}
	}
}

// check runs `omsinit check --output json`.
func (n *node) check(args ...string) (v verdict, status int) {
	n.t.Helper()
	out, errOut, status := n.omsinit(append([]string{"check", "--output", "json"}, args...)...)
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		n.t.Fatalf("%v\n%s%s", err, out, errOut)
	}
	return v, status
}

// found returns the severity of a finding, "" when it is not there.
func (v verdict) found(id string) string {
	for _, c := range v.Checks {
		for _, f := range c.Findings {
			if f.ID == id {
				return f.Severity
			}
		}
	}
	return ""
}

func (v verdict) statusOf(check string) string {
	for _, c := range v.Checks {
		if c.ID == check {
			return c.Status
		}
	}
	return ""
}

func TestCheck(t *testing.T) {
	db := testmaria.Start(t, testmaria.Password("LooksLikeASecret42"))
	n := newNode(t, db)

	t.Run("a new node", func(t *testing.T) {
		v, status := n.check()
		if status != 0 || v.Version != 1 || v.Errors != 0 || v.statusOf("metadb.rights") != "passed" ||
			v.statusOf("regions.conflict") != "" {
			t.Errorf("status %d: %+v", status, v)
		}
		if got := value(
			t, db, "SELECT count(*) FROM information_schema.schemata WHERE schema_name LIKE 'oms%'"); got != "0" {
			t.Errorf("%s databases were left", got)
		}
	})
	t.Run("ignored", func(t *testing.T) {
		db.Exec("CREATE DATABASE oms_rm CHARACTER SET utf8mb4", "CREATE TABLE oms_rm.customers (id INT)")
		defer db.Exec("DROP DATABASE oms_rm")
		if v, status := n.check(); status != 3 || v.Status != "failed" || v.found("metadb.foreign") != "error" {
			t.Errorf("status %d: %+v", status, v)
		}
		if v, status := n.check("--ignore", "metadb.foreign,host.cpu"); status != 0 ||
			v.found("metadb.foreign") != "warning" {
			t.Errorf("--ignore: status %d: %+v", status, v)
		}
		n.env = append(n.env, "OMSINIT_IGNORE=metadb.foreign")
		if v, status := n.check(); status != 0 || v.found("metadb.foreign") != "warning" {
			t.Errorf("OMSINIT_IGNORE: status %d: %+v", status, v)
		}
		n.env = n.env[:len(n.env)-1]
		pack := t.TempDir()
		manifest, err := os.ReadFile("../scripts/pack.yaml")
		if err != nil {
			t.Fatal(err)
		}
		for text, want := range map[string]int{"ignore: [metadb.foreign]\n": 0, "ignore: [all]\n": 1,
			"ignore: [metadb.nonsense]\n": 1} {
			if err := os.WriteFile(pack+"/pack.yaml", append(manifest, text...), 0o644); err != nil {
				t.Fatal(err)
			}
			if out, errOut, status := n.omsinit("check", "--pack", pack); status != want ||
				want != 0 && !strings.Contains(errOut, pack+"/pack.yaml") {
				t.Errorf("%s: status %d\n%s%s", text, status, out, errOut)
			}
		}
		for _, ids := range []string{"all", "metadb.nonsense", "config.value"} {
			for _, command := range []string{"check", "init"} {
				if _, errOut, status := n.omsinit(command, "--ignore", ids); status != 64 ||
					!strings.Contains(errOut, "omsinit: ") {
					t.Errorf("%s --ignore %s: status %d, %s", command, ids, status, errOut)
				}
			}
		}
	})
	t.Run("explain", func(t *testing.T) {
		for lang, want := range map[string]string{"en": "An error", "zh": "错误"} {
			if out, errOut, status := n.omsinit("check", "--lang", lang, "--explain", "metadb.clock"); status != 0 ||
				!strings.HasPrefix(out, "metadb.clock\n") || lang == "zh" && !strings.Contains(out, want) {
				t.Errorf("status %d\n%s%s", status, out, errOut)
			}
		}
		if _, errOut, status := n.omsinit("check", "--explain", "nonsense"); status != 64 ||
			!strings.Contains(errOut, "metadb.clock") {
			t.Errorf("status %d, %s", status, errOut)
		}
	})
	t.Run("standard input", func(t *testing.T) {
		config, err := os.ReadFile(n.configFile())
		if err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{{"--offline", "-"}, {"--offline", "--config", "-"}, {"--config", "-"}} {
			for text, want := range map[string]int{string(config): 0, "cm_location: many\n": 3, "": 3} {
				cmd := n.command(append([]string{"check"}, args...)...)
				cmd.Stdin = strings.NewReader(text)
				if out, errOut, status := run(t, cmd); status != want ||
					want == 3 && !strings.Contains(out, "<stdin>") {
					t.Errorf("%v: status %d\n%s%s", args, status, out, errOut)
				}
			}
		}
	})
	t.Run("colours on a terminal only", func(t *testing.T) {
		out, _, _ := n.omsinit("check")
		if strings.Contains(out, "\x1b[") {
			t.Errorf("colours in a file:\n%q", out)
		}
		line := omsinit + " check --offline --root " + n.root
		for env, want := range map[string]bool{"TERM=xterm": true, "TERM=dumb": false, "NO_COLOR=1": false} {
			cmd := exec.Command("script", "-qec", line, "/dev/null")
			cmd.Env = append(append([]string{}, n.env...), "TERM=xterm", env)
			data, err := cmd.Output()
			if err != nil || bytes.Contains(data, []byte("\x1b[")) != want {
				t.Errorf("%s: %v\n%q", env, err, data)
			}
		}
	})
	t.Run("config show and schema", func(t *testing.T) {
		out, errOut, status := n.omsinit("config", "show")
		if status != 0 || strings.Contains(out+errOut, db.Password) || !strings.Contains(out, "oms_meta_password") ||
			!strings.Contains(out, "******") {
			t.Errorf("status %d\n%s%s", status, out, errOut)
		}
		out, _, status = n.omsinit("config", "show", "--output", "json")
		if status != 0 || !json.Valid([]byte(out)) || strings.Contains(out, db.Password) {
			t.Errorf("status %d\n%s", status, out)
		}
		if out, _, status = n.omsinit("config", "schema"); status != 0 || !json.Valid([]byte(out)) {
			t.Errorf("status %d\n%s", status, out)
		}
		cmd := n.command("config", "show", "-")
		cmd.Stdin = strings.NewReader("cm_location: many\n")
		if _, errOut, status := run(t, cmd); status != 3 || !strings.Contains(errOut, "<stdin>:1:14") {
			t.Errorf("status %d, %s", status, errOut)
		}
		for _, args := range [][]string{{"config", "nonsense"}, {"config", "show", "--output", "xml"},
			{"config", "show", "--nonsense"}, {"check", "--output", "xml"}, {"check", "--deadline", "-1s"}} {
			if _, errOut, status := n.omsinit(args...); status != 64 || !strings.Contains(errOut, "omsinit: ") {
				t.Errorf("%v: status %d, %s", args, status, errOut)
			}
		}
	})
	t.Run("killed", func(t *testing.T) {
		for delay := time.Millisecond; delay < 60*time.Millisecond; delay += 2 * time.Millisecond {
			cmd := n.command("check")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			killer := time.AfterFunc(delay, func() { cmd.Process.Signal(syscall.SIGKILL) })
			cmd.Wait()
			killer.Stop()
		}
		// What is left has a name that says until when; later the next run removes it.
		late := time.Now().Add(time.Minute).Unix()
		conn, err := sql.Open("mysql", db.DSN(""))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		rows, err := conn.Query("SELECT schema_name FROM information_schema.schemata WHERE schema_name LIKE 'omsinit%'")
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var name, random string
			var end int64
			if err := rows.Scan(&name); err != nil {
				t.Fatal(err)
			}
			if _, err := fmt.Sscanf(strings.ReplaceAll(name, "_", " "), "omsinit check %d %s", &end,
				&random); err != nil || end > late {
				t.Errorf("%s was left, and nobody will remove it: %v", name, err)
			}
		}
	})
	t.Run("a node that runs", func(t *testing.T) {
		n.boot().waitReady()
		v, status := n.check()
		if status != 0 || v.statusOf("port.free") != "passed" || v.statusOf("regions.conflict") == "" {
			t.Errorf("status %d: %+v", status, v)
		}
		// The general log shows that a second init tries nothing.
		db.Exec("SET GLOBAL log_output = 'TABLE'", "TRUNCATE mysql.general_log", "SET GLOBAL general_log = ON")
		if out, errOut, status := n.omsinit("init"); status != 0 {
			t.Errorf("status %d\n%s%s", status, out, errOut)
		}
		db.Exec("SET GLOBAL general_log = OFF")
		if got := value(t, db, "SELECT count(*) FROM mysql.general_log WHERE argument LIKE 'CREATE DATABASE%' OR argument LIKE 'DROP DATABASE%'"); got != "0" {
			t.Errorf("%s statements create or drop a database", got)
		}
		if got := value(
			t, db, "SELECT count(*) > 0 FROM mysql.general_log WHERE argument LIKE '%cluster_info%'"); got != "1" {
			t.Error("the general log is empty, so the test is broken")
		}
		n.values["cm_location"] = "2"
		n.writeConfig()
		if v, status := n.check(); status != 3 || v.found("regions.name") == "" {
			t.Errorf("another cm_location: status %d: %+v", status, v)
		}
	})
}
