package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/testdata/testmaria"
)

// asking are the commands that ask the MetaDB something, and writing those that change something in one that is up to
// date. BACKUP is a folder with a backup, NEW one that is not there.
var (
	asking = []string{"check", "plan", "metadb status", "metadb migrate", "metadb migrate --dry-run",
		"init --only metadb", "upgrade plan", "upgrade backups",
		"upgrade rollback --yes", "cluster show", "cluster check", "cluster remove 10.0.0.9", "ha show",
		"console unlock --yes admin", "doctor"}
	writing = []string{"metadb backup NEW", "metadb restore --replace=oms_rm BACKUP", "upgrade apply", "upgrade backup",
		"upgrade verify --deep BACKUP", "ha on", "reconfigure"}
)

// TestEveryCommandNamesTheTrouble: what keeps a node from its MetaDB, and what keeps it from writing there, is named
// the same, whichever command meets it.
func TestEveryCommandNamesTheTrouble(t *testing.T) {
	db := testmaria.Start(t, testmaria.On(testmaria.MySQL))
	n := newNode(t, db)
	if out, errOut, status := n.omsinit("metadb", "migrate"); status != 0 {
		t.Fatal(out, errOut)
	}
	folder := filepath.Join(t.TempDir(), "backup")
	if out, errOut, status := n.omsinit("metadb", "backup", folder); status != 0 {
		t.Fatal(out, errOut)
	}
	db.Exec("CREATE USER tls@'%' IDENTIFIED BY 's3cret-tls' REQUIRE SSL",
		"CREATE USER sha@'%' IDENTIFIED BY 's3cret-sha'",
		"CREATE USER app@'%' IDENTIFIED BY 's3cret-app'", "GRANT ALL ON `oms\\_%`.* TO app@'%'")
	login := func(user, password string, port int) func(n *node) {
		return func(n *node) {
			n.values["oms_meta_user"], n.values["oms_meta_password"], n.values["oms_meta_port"] = user, password,
				fmt.Sprint(port)
			n.writeConfig()
		}
	}
	keyless := db.Keyless()
	for _, tc := range []struct {
		name     string
		set      func(n *node)
		commands []string
		says     string
	}{
		{"TLS only", login("tls", "s3cret-tls", db.Port), append(asking, writing...), "with TLS only"},
		{"no key for caching_sha2_password", login("sha", "s3cret-sha", keyless), append(asking, writing...),
			"has no key for that"},
		{"a wrong password", login("app", "s3cret-wrong", db.Port), append(asking, writing...),
			"refuses the login of user app"},
		{"read-only", func(n *node) { login("app", "s3cret-app", db.Port)(n); db.Exec("SET GLOBAL read_only = ON") },
			writing, "is read-only for user app"},
		{"read-only, and not up to date",
			func(n *node) { n.values["drc_cm_heartbeat_db"] = "oms_new"; n.writeConfig() },
			[]string{"check", "init --only metadb", "metadb migrate"}, "is read-only for user app"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.set(n)
			for _, command := range tc.commands {
				args := strings.Fields(strings.NewReplacer("BACKUP", folder, "NEW", filepath.Join(
					t.TempDir(), "new")).Replace(command))
				out, errOut, status := n.omsinit(args...)
				if status == 0 || !strings.Contains(out+errOut, tc.says) {
					t.Errorf("%s: status %d, it does not say %q:\n%s%s", command, status, tc.says, out, errOut)
				}
				if strings.Contains(out+errOut, "s3cret") {
					t.Errorf("%s shows the password", command)
				}
			}
		})
	}
}

// TestLockTimeoutIsKept: whoever waits for the lock of the MetaDB does so no longer than it was told, also when the
// server falls silent meanwhile, and says which of the two it was.
func TestLockTimeoutIsKept(t *testing.T) {
	db := testmaria.Start(t)
	n := newNode(t, db)
	if out, errOut, status := n.omsinit("metadb", "migrate"); status != 0 {
		t.Fatal(out, errOut)
	}
	folder := filepath.Join(t.TempDir(), "backup")
	if out, errOut, status := n.omsinit("metadb", "backup", folder); status != 0 {
		t.Fatal(out, errOut)
	}
	db.Exec("DROP DATABASE oms_cm_hb") // so that there is something to migrate
	holder, err := db.DB("").Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close()
	for _, rm := range []string{"oms_rm", "oms_rm_omsinit_upgrade"} { // the second is that of upgrades
		var got int
		name := database.LockName(&config.Config{RMDatabase: rm, CMDatabase: "oms_cm"})
		if err := holder.QueryRowContext(t.Context(), "SELECT GET_LOCK(?, 0)", name).Scan(&got); err != nil ||
			got != 1 {
			t.Fatal(got, err)
		}
	}
	file, err := os.ReadFile(n.configFile())
	if err != nil {
		t.Fatal(err)
	}
	for _, silent := range []bool{false, true} {
		t.Run(fmt.Sprint("silent ", silent), func(t *testing.T) {
			for _, command := range []string{"metadb migrate FLAGS", "metadb backup FLAGS NEW",
				"metadb restore FLAGS --replace=oms_rm BACKUP", "init FLAGS --only metadb",
				"upgrade backup FLAGS NEW", "upgrade rollback FLAGS --yes"} {
				t.Run(command, func(t *testing.T) {
					t.Parallel()
					port, silence := db.SilentTo(db.Port)
					through := filepath.Join(t.TempDir(), "config.yaml")
					text := strings.Replace(string(file), fmt.Sprint("oms_meta_port: ", db.Port), fmt.Sprint(
						"oms_meta_port: ", port), 1)
					if err := os.WriteFile(through, []byte(text), 0o600); err != nil {
						t.Fatal(err)
					}
					flags := "--config " + through + " --lock-timeout 2s"
					cmd := n.command(strings.Fields(strings.NewReplacer(
						"FLAGS", flags, "BACKUP", folder, "NEW", filepath.Join(t.TempDir(), "new")).Replace(
						command))...)
					out, err := cmd.StdoutPipe()
					if err != nil {
						t.Fatal(err)
					}
					cmd.Stderr = cmd.Stdout
					if err := cmd.Start(); err != nil {
						t.Fatal(err)
					}
					late := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
					var said bytes.Buffer
					for lines := bufio.NewScanner(out); lines.Scan(); {
						fmt.Fprintln(&said, lines.Text())
						if silent && strings.Contains(lines.Text(), "waiting for") {
							silence()
						}
					}
					cmd.Wait()
					if !late.Stop() {
						t.Fatalf("still waiting\n%s", &said)
					}
					want, status := "is locked for longer than 2s", 4
					if silent {
						want, status = "stopped answering while this node waited up to 2s for its lock", 1
					}
					if got := cmd.ProcessState.ExitCode(); got != status || !strings.Contains(said.String(), want) {
						t.Errorf("status %d, want %d and %q:\n%s", got, status, want, &said)
					}
				})
			}
		})
	}
}
