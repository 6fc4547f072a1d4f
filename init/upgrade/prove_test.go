package upgrade

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"omsinit/init/metadb/backup"
	"omsinit/internal/config"
	"omsinit/internal/msg"
	"omsinit/testdata/testmaria"
)

// narrow makes an account that may do everything with the databases of OMS and the journal of upgrades, and with more
// databases.
func narrow(s *testmaria.Server, c *config.Config, more ...string) *config.Config {
	n := *c
	n.MetaUser, n.MetaPassword = "narrow", "narrow"
	s.Exec("CREATE USER narrow@'%' IDENTIFIED BY 'narrow'")
	grantAll(s, append([]string{c.RMDatabase, c.CMDatabase, c.HeartbeatDatabase, journalDatabase(c)}, more...)...)
	return &n
}

func grantAll(s *testmaria.Server, names ...string) {
	for _, name := range names {
		s.Exec(fmt.Sprintf("GRANT ALL ON `%s`.* TO narrow@'%%'", name))
	}
}

func scratch(c *config.Config) (names []string) {
	for _, name := range []string{c.RMDatabase, c.CMDatabase, c.HeartbeatDatabase} {
		names = append(names, name+"_omsinit_restore")
	}
	return names
}

// A backup that cannot be restored refuses the upgrade before its first change; the node is as it was before.
func TestUnprovenBackup(t *testing.T) {
	t.Parallel()
	s := testmaria.Start(t)
	c := installed(t, s, "oms", "4.1.1-CE", 0)
	old := contents(t, s, c)
	n := narrow(s, c)
	u := nodeFor(t, n, packAt(t, "4.2.3-CE"), "10.0.0.1")
	var page strings.Builder
	u.Log = func(m msg.Message) { fmt.Fprintln(&page, m) }
	due, err := drive(t.Context(), u)
	if refused := (*RefusedError)(nil); !due || !errors.As(err, &refused) || !refused.Tried {
		t.Fatal(due, err)
	}
	if d := cmp.Diff(old, contents(t, s, c)); d != "" {
		t.Error(d)
	}
	if r := newestRecord(t, s, c); r.State != Abandoned || r.Stage != stageProve {
		t.Errorf("%+v", r)
	}
	if p := u.Programs.(*programs); len(p.stopped) == 0 || !slices.Equal(p.stopped, p.started) {
		t.Errorf("stopped %v, started %v", p.stopped, p.started)
	}
	if flag, err := os.ReadFile(u.Layout.InitFlag()); err != nil || string(flag) != "done" {
		t.Errorf("%q, %v", flag, err)
	}
	if text := page.String(); !strings.Contains(text, "upgrade verify --deep") ||
		strings.Contains(text, "must not be used") {
		t.Error(text)
	}
	// With the right it goes on, and the report says what was restored.
	grantAll(s, scratch(c)...)
	if due, err := drive(t.Context(), u); !due || err != nil {
		t.Fatal(due, err)
	}
	reports, err := filepath.Glob(u.Layout.LogDir() + "/omsinit_upgrade_2_*.json")
	if err != nil || len(reports) != 1 {
		t.Fatal(reports, err)
	}
	data, err := os.ReadFile(reports[0])
	var r Report
	if err == nil {
		err = json.Unmarshal(data, &r)
	}
	if err != nil || r.Backup.Proof == nil || r.Backup.Proof.Mode != backup.Full || r.Backup.Proof.Tables == 0 ||
		r.State != Done {
		t.Errorf("%v\n%s", err, data)
	}
}

// The stage at which an upgrade fails decides what is said of the databases. That they must not be used is said only
// where the restore had worked, and works no more.
func TestWordsOfAFailure(t *testing.T) {
	t.Parallel()
	s := testmaria.Start(t)
	for i, tc := range []struct {
		at                 string
		keep, revoke, bare bool // --keep-failed; the rights of the restore are taken away; the proof is, too
		want, wantNot      string
	}{
		{at: "after " + stageBackup, want: "nothing was changed in the databases", wantNot: "between"},
		{at: "after " + stageAdopt, keep: true, want: "the tables are those of 4.1.1-CE still", wantNot: "must not"},
		{at: "before " + stageSchema, keep: true, want: "between 4.1.1-CE and 4.2.3-CE", wantNot: "must not"},
		{at: "before " + StageStart, keep: true, want: "belong to 4.2.3-CE already", wantNot: "between"},
		{at: "after " + stageSchema, want: "is restored and verified", wantNot: "must not"},
		{at: "after " + stageSchema, revoke: true, want: "must not be used until", wantNot: "restored and verified"},
		{at: "after " + stageSchema, revoke: true, bare: true, want: "between 4.1.1-CE and 4.2.3-CE",
			wantNot: "must not"},
	} {
		t.Run(fmt.Sprint(i, " ", tc.at), func(t *testing.T) {
			c := installed(t, s, fmt.Sprint("w", i), "4.1.1-CE", 0)
			n := narrow(s, c, scratch(c)...)
			defer s.Exec("DROP USER narrow@'%'")
			u := nodeFor(t, n, packAt(t, "4.2.3-CE"), "10.0.0.1")
			u.KeepFailed = tc.keep
			var page strings.Builder
			u.Log = func(m msg.Message) { fmt.Fprintln(&page, m) }
			u.fault = func(at string) error {
				if at != tc.at {
					return nil
				}
				if tc.revoke {
					for _, name := range scratch(c) {
						s.Exec("REVOKE ALL ON `" + name + "`.* FROM narrow@'%'")
					}
				}
				if tc.bare {
					path := firstBackup(t, u)
					var m map[string]any
					data, err := os.ReadFile(path)
					if err == nil {
						err = json.Unmarshal(data, &m)
					}
					delete(m, "proof")
					if err == nil {
						data, err = json.Marshal(m)
					}
					if err == nil {
						err = os.WriteFile(path, data, 0o600)
					}
					if err != nil {
						t.Error(err)
					}
				}
				return errors.New("an error of the test")
			}
			if due, err := drive(t.Context(), u); !due || err == nil {
				t.Fatal(due, err)
			}
			text := page.String()
			if !strings.Contains(text, tc.want) || strings.Contains(text, tc.wantNot) {
				t.Errorf("want %q, not %q:\n%s", tc.want, tc.wantNot, text)
			}
			if tc.revoke { // the steps that are left to do
				grantAll(s, scratch(c)...)
				u.fault = nil
				if _, err := u.RollBack(t.Context(), Rollback{}); err != nil {
					t.Error(err)
				}
			}
		})
	}
}
