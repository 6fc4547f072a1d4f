package resource

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"omsinit/internal/config"
	"omsinit/internal/layout"
	"omsinit/testdata/testmaria"
)

// TestScript: a pack whose requests cannot be sent again runs the image's own step 5, and says so; the rows that it has
// written are looked for as those of requests are. Whatever is changed is told by it again.
func TestScript(t *testing.T) {
	s := testmaria.Start(t)
	cm := startCM(t, nil)
	c := metadb(t, s, "oms")
	st := step(t, c, cm.URL)
	st.Layout = layout.New(t.TempDir())
	st.WaitCM = time.Second
	t.Setenv("MYSQL_PWD", s.Password)
	dir := t.TempDir()
	use := func(command string, timeout int) {
		t.Helper()
		file := filepath.Join(dir, "script.sh")
		if err := os.WriteFile(file, []byte(command), 0o600); err != nil {
			t.Fatal(err)
		}
		st.Pack = packWith(t, fmt.Sprintf("  []\nregister: calls\nscript: {command: 'sh %s', timeout: %d}\n",
			file, timeout))
	}
	count := fmt.Sprintf("echo >>%s/runs\n", dir)
	use(count+fmt.Sprintf("mariadb --no-defaults -h %s -P %d -u %s -e \"INSERT INTO oms_cm.host (resource_group_id, ip, host_status) VALUES (1, '10.0.0.1', 'ONLINE')\"", s.Host, s.Port, s.User), 0)
	if _, err := st.Apply(t.Context()); err != nil {
		t.Fatal(err)
	}
	if runs, _ := os.ReadFile(filepath.Join(dir, "runs")); len(runs) != 1 {
		t.Errorf("it ran %d times", len(runs))
	}
	if hosts := column(t, s, "SELECT ip FROM "+c.CMDatabase+".host"); len(hosts) != 1 || hosts[0] != "10.0.0.1" {
		t.Errorf("hosts: %v", hosts)
	}
	if tells, writes, err := st.Due(); tells || writes || err != nil {
		t.Errorf("due at once: %v, %v, %v", tells, writes, err)
	}
	before := *st.Config
	changed := before
	changed.NginxPort++
	st.Config = &changed
	if tells, _, err := st.Due(); !tells || err != nil {
		t.Errorf("not due with another port: %v", err)
	}
	if sends, err := st.Sends(&before); !sends || err != nil {
		t.Errorf("another port is not told: %v", err)
	}
	st.Config = &before
	if sends, err := st.Sends(&before); sends || err != nil {
		t.Errorf("nothing new is told: %v", err)
	}

	use("sleep 30 & exit 0", 0)
	if _, err := st.Apply(t.Context()); err != nil {
		t.Errorf("a script that leaves something in the background: %v", err)
	}

	const password = `p'w"x y$1`
	// it is not asked for: the script comes first
	before.MetaPassword, before.MetaPort = config.Secret(password), s.Port
	use("echo one; echo \"jdbc: p'w\\\"x y\\$1\"; echo it is broken; exit 3", 0)
	if _, err := st.Apply(t.Context()); err == nil || !strings.Contains(err.Error(), "it is broken") ||
		strings.Contains(err.Error(), password) {
		t.Errorf("a script that fails: %v", err)
	}
	alive := filepath.Join(dir, "alive")
	use("sh -c 'trap \"\" TERM; while :; do touch "+alive+"; sleep 0.05; done' & wait", 1)
	if _, err := st.Apply(t.Context()); err == nil || !strings.Contains(err.Error(), "1s") {
		t.Errorf("a script without an end: %v", err)
	}
	ended(t, alive)
	use("sh -c 'trap \"\" TERM; while :; do touch "+alive+"; sleep 0.05; done' & wait", 0)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		for ; ctx.Err() == nil; time.Sleep(10 * time.Millisecond) {
			if _, err := os.Stat(alive); err == nil {
				return
			}
		}
	}()
	if _, err := st.Apply(ctx); err == nil || ctx.Err() == nil {
		t.Errorf("an interrupted script: %v", err)
	}
	ended(t, alive)
}

// ended sees that nobody makes a file any more: it would be there again in no time.
func ended(t *testing.T, file string) {
	t.Helper()
	_ = os.Remove(file)
	for deadline := time.Now().Add(500 * time.Millisecond); time.Now().Before(deadline); time.Sleep(
		20 * time.Millisecond) {
		if _, err := os.Stat(file); err == nil {
			t.Fatal("what the script has started goes on")
		}
	}
}

// TestScriptOutput: the end of a long output is kept, in whole lines.
func TestScriptOutput(t *testing.T) {
	out := &tail{room: 100}
	for i := range 1000 {
		fmt.Fprintf(out, "line %d\n", i)
	}
	text := string(out.text)
	if !strings.HasSuffix(text, "\nline 999\n") || !strings.HasPrefix(text, "line ") || len(text) > 400 {
		t.Errorf("%q", text)
	}
}
