package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"omsinit/init/metadb"
	"omsinit/internal/config"
	mysql "omsinit/internal/database"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
	"omsinit/testdata/testmaria"
)

// oms is an OMS with two regions and rows that are hard to quote.
func oms(t testing.TB, opts ...testmaria.Option) (*testmaria.Server, *config.Config) {
	t.Helper()
	s := testmaria.Start(t, opts...)
	c := &config.Config{
		MetaHost: s.Host, MetaPort: s.Port, MetaUser: s.User, MetaPassword: config.Secret(s.Password),
		RMDatabase: "oms_rm", CMDatabase: "oms_cm", HeartbeatDatabase: "oms_hb_1", CMLocation: 1,
	}
	p, err := pack.Open("")
	if err != nil {
		t.Fatal(err)
	}
	for _, hb := range []string{"oms_hb_2", "oms_hb_1"} {
		c.HeartbeatDatabase = hb
		if _, err := (&metadb.Step{Config: c, Pack: p}).Apply(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	s.Exec(
		"INSERT INTO oms_rm.cluster_info (region, region_cn, cm_url, code) VALUES ('a', '杭州', 'http://a:8088', 1), ('b', '北京', 'http://b:8088', 2)",
		"CREATE TABLE oms_rm.`odd``name` (a varchar(99) CHARACTER SET utf8mb4, b varbinary(99), c double, d timestamp NULL, e decimal(30,10), f json)",
		"INSERT INTO oms_rm.`odd``name` VALUES ('it''s; (x),(y)\\n\\\\', x'00ff2728290a5c', 0.1, '2024-02-29 01:02:03', 1e-9, '{\"a\": \"(1),(2)\"}'), (NULL, NULL, NULL, NULL, NULL, NULL), ('😀)', '', -1.5e300, NULL, -1, '[]'), ('\\\\', '\\'', 1, NULL, 0, '1')",
		"INSERT INTO oms_hb_1.heatbeat_sequence (gmt_created, gmt_modified) VALUES (NOW(), NOW()), (NOW(), NOW()), (NOW(), NOW())",
		"INSERT INTO oms_hb_2.heatbeat_sequence (gmt_created, gmt_modified) VALUES (NOW(), NOW()), (NOW(), NOW())",
	)
	return s, c
}

func dumpAll(t *testing.T, s *testmaria.Server) string {
	t.Helper()
	cmd := exec.Command("mariadb-dump", "--no-defaults", "--skip-dump-date", "--protocol=tcp", "--host="+s.Host,
		fmt.Sprint("--port=", s.Port), "--user=root",
		"--ignore-table=oms_rm.omsinit_lease", "--databases", "oms_rm", "oms_cm", "oms_hb_1", "oms_hb_2")
	cmd.Env = append(os.Environ(), "MYSQL_PWD="+s.Password)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestBackupAndRestore(t *testing.T) {
	s, c := oms(t)
	dir := filepath.Join(t.TempDir(), "backup")
	seen := 0
	j := &Job{Config: c, Dir: dir, Tool: "test", Progress: func(Progress) {
		seen++
		out, err := exec.Command("ps", "-eo", "args").Output()
		if err != nil || bytes.Contains(out, []byte(s.Password)) {
			t.Errorf("the password is among the arguments, or %v", err)
		}
	}}
	m, err := j.Backup(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if seen == 0 {
		t.Error("no progress")
	}
	var names []string
	for _, d := range m.Databases {
		names = append(names, string(d.Kind)+" "+d.Name)
		if fi, err := os.Stat(filepath.Join(dir, d.File)); err != nil || fi.Mode().Perm() != 0o600 ||
			fi.Size() != d.Size || d.Size == 0 {
			t.Errorf("%s: %v %v", d.File, fi, err)
		}
	}
	if d := cmp.Diff([]string{"rm oms_rm", "cm oms_cm", "hb oms_hb_1", "hb oms_hb_2"}, names); d != "" {
		t.Error(d)
	}
	count := map[string]int64{}
	for _, d := range m.Databases {
		for _, table := range d.Tables {
			count[d.Name+"."+table.Name] = table.Rows
		}
	}
	for name, want := range map[string]int64{"oms_rm.odd`name": 4, "oms_rm.cluster_info": 2,
		"oms_hb_1.heatbeat_sequence": 1, "oms_hb_2.heatbeat_sequence": 1, "oms_rm.oms_version": 1,
		"oms_rm.omsinit_journal": 2, "oms_cm.host": 0} {
		if got, ok := count[name]; !ok || got != want {
			t.Errorf("%s has %d rows in the manifest (%v), want %d", name, got, ok, want)
		}
	}
	if !slices.Equal(m.Releases, []string{"4.2.3-CE"}) || m.Tool != "test" || m.Server == "" || m.Dumper != dumper {
		t.Errorf("%+v", m)
	}
	read, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(m, read); d != "" {
		t.Error(d)
	}
	if _, err := j.Backup(context.Background()); err == nil ||
		!strings.Contains(err.Error(), "holds a backup already") {
		t.Errorf("over a backup: %v", err)
	}

	want := dumpAll(t, s)
	ctx := context.Background()
	if _, err := j.Restore(ctx, ""); err == nil || !strings.Contains(err.Error(), "--replace=oms_rm") {
		t.Errorf("into full databases: %v", err)
	}
	if _, err := j.Restore(ctx, "oms_cm"); err == nil || !strings.Contains(err.Error(), "not \"oms_cm\"") {
		t.Errorf("with the wrong name: %v", err)
	}
	s.Exec("DROP DATABASE oms_rm", "DROP TABLE oms_cm.host",
		"INSERT INTO oms_hb_1.heatbeat_sequence (gmt_created, gmt_modified) VALUES (NOW(), NOW())")
	if _, err := j.Restore(ctx, "oms_rm"); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, dumpAll(t, s)); d != "" {
		t.Error(d)
	}
	s.Exec("DROP DATABASE oms_rm", "DROP DATABASE oms_cm", "DROP DATABASE oms_hb_1", "DROP DATABASE oms_hb_2",
		"CREATE DATABASE oms_cm")
	if _, err := j.Restore(ctx, ""); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, dumpAll(t, s)); d != "" {
		t.Error(d)
	}
	noScratch(t, s)
}

// noScratch fails when a database beside the real ones is left.
func noScratch(t *testing.T, s *testmaria.Server) {
	t.Helper()
	var left int
	if err := s.DB("").QueryRow(
		"SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name LIKE '%omsinit%'").Scan(
		&left); err != nil || left != 0 {
		t.Errorf("%d databases are left over, %v", left, err)
	}
}

func TestBackupRefuses(t *testing.T) {
	s, c := oms(t)
	ctx := context.Background()
	t.Run("a region whose database is not known", func(t *testing.T) {
		s.Exec("INSERT INTO oms_rm.cluster_info (region, region_cn, cm_url, code) VALUES ('c', 'c', 'u', 3)")
		defer s.Exec("DELETE FROM oms_rm.cluster_info WHERE code = 3")
		j := &Job{Config: c, Dir: t.TempDir()}
		if _, err := j.Backup(ctx); err == nil || !strings.Contains(err.Error(), "--heartbeat-db") {
			t.Errorf("%v", err)
		}
		s.Exec("CREATE DATABASE elsewhere")
		defer s.Exec("DROP DATABASE elsewhere")
		s.Exec("CREATE TABLE elsewhere.heatbeat_sequence LIKE oms_hb_1.heatbeat_sequence",
			"CREATE TABLE elsewhere.more (a int)")
		j.Heartbeats = []string{"elsewhere"}
		m, err := j.Backup(ctx)
		if err != nil || len(m.Databases) != 5 {
			t.Errorf("%+v, %v", m, err)
		}
	})
	t.Run("a folder with something in it", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "mine"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := (&Job{Config: c, Dir: dir}).Backup(ctx); err == nil ||
			!strings.Contains(err.Error(), "is not empty (mine)") {
			t.Errorf("%v", err)
		}
	})
	t.Run("a wrong password", func(t *testing.T) {
		wrong := *c
		wrong.MetaPassword = "s3cret"
		_, err := (&Job{Config: &wrong, Dir: t.TempDir()}).Backup(ctx)
		if err == nil || !strings.Contains(err.Error(), "refuses the login") ||
			strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%v", err)
		}
	})
}

// TestDumpThatCannotBegin: a folder that takes no files, such as one of a read-only file system, is an error.
func TestDumpThatCannotBegin(t *testing.T) {
	_, c := oms(t)
	j := &Job{Config: c, Dir: filepath.Join(t.TempDir(), "missing")}
	p, err := j.pool()
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	if err := p.begin(t.Context(), atOnce, time.Minute); err != nil {
		t.Fatal(err)
	}
	found, err := j.databases(t.Context(), p.sessions[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := j.dump(t.Context(), p, found); err == nil || !strings.Contains(err.Error(), j.Dir) {
		t.Errorf("%v", err)
	}
}

func TestRestoreRefuses(t *testing.T) {
	s, c := oms(t)
	ctx := context.Background()
	dir := t.TempDir()
	j := &Job{Config: c, Dir: dir}
	m, err := j.Backup(ctx)
	if err != nil {
		t.Fatal(err)
	}
	want := dumpAll(t, s)
	cm := filepath.Join(dir, m.Databases[1].File)
	whole, err := os.ReadFile(cm)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := os.ReadFile(filepath.Join(dir, ManifestFile))
	if err != nil {
		t.Fatal(err)
	}
	refused := func(name, says string, spoil func()) {
		t.Run(name, func(t *testing.T) {
			spoil()
			defer os.WriteFile(cm, whole, 0o600)
			defer os.WriteFile(filepath.Join(dir, ManifestFile), manifest, 0o600)
			if _, err := j.Restore(ctx, "oms_rm"); err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("%v", err)
			}
			if d := cmp.Diff(want, dumpAll(t, s)); d != "" {
				t.Error(d)
			}
		})
	}
	write := func(path string, data []byte) func() {
		return func() {
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Error(err)
			}
		}
	}
	refused("a truncated dump", "is not what was backed up", write(cm, whole[:len(whole)/2]))
	refused("a changed dump", "is not what was backed up",
		write(cm, bytes.Replace(whole, []byte("resource_group"), []byte("resource_grouq"), 1)))
	refused("an empty dump", "is not what was backed up", write(cm, nil))
	refused("a missing dump", "no such file", func() { os.Remove(cm) })
	refused("no manifest", "holds no finished backup", func() { os.Remove(filepath.Join(dir, ManifestFile)) })
	refused("a broken manifest", "cannot read", write(filepath.Join(dir, ManifestFile), manifest[:100]))
	refused("another OMS", "another OMS", write(filepath.Join(dir, ManifestFile),
		bytes.Replace(manifest, []byte(`"name": "oms_cm"`), []byte(`"name": "x_cm"`), 1)))
	refused("other rows", "rows, the manifest says 4", func() {
		sums := bytes.Replace(manifest, []byte(`"rows": 2`), []byte(`"rows": 4`), 1)
		write(filepath.Join(dir, ManifestFile), sums)()
	})
	refused("a path", "is not a name in this folder",
		write(filepath.Join(dir, ManifestFile),
			bytes.Replace(manifest, []byte(`"file": "`), []byte(`"file": "../`), 1)))
}

// Nobody changes the MetaDB during a backup.
func TestBackupIsLocked(t *testing.T) {
	_, c := oms(t)
	db, err := mysql.Open(c, "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	l, err := mysql.Acquire(context.Background(), c, db, mysql.LockOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Release()
	_, err = (&Job{Config: c, Dir: t.TempDir(), LockTimeout: time.Second}).Backup(context.Background())
	if !errors.Is(err, mysql.ErrLocked) || !finding.IsTransient(err) {
		t.Errorf("%v", err)
	}
}

func TestCancelledBackup(t *testing.T) {
	_, c := oms(t)
	ctx, cancel := context.WithCancel(context.Background())
	dir := t.TempDir()
	_, err := (&Job{Config: c, Dir: dir, Progress: func(Progress) { cancel() }}).Backup(ctx)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// A second backup into the folder of one that is on its way waits, and leaves
// that alone.
func TestTwoBackupsIntoOneFolder(t *testing.T) {
	_, c := oms(t)
	dir := filepath.Join(t.TempDir(), "backup")
	second := make(chan error, 1)
	waits := make(chan struct{})
	started := false
	first := &Job{Config: c, Dir: dir, Progress: func(Progress) {
		if started {
			return
		}
		started = true
		go func() {
			_, err := (&Job{Config: c, Dir: dir, Log: func(msg.Message) { close(waits) }}).Backup(context.Background())
			second <- err
		}()
		select {
		case <-waits:
		case err := <-second:
			second <- err
		case <-time.After(60 * time.Second):
			t.Error("the second one does not wait")
		}
	}}
	if _, err := first.Backup(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := <-second; err == nil || !strings.Contains(err.Error(), "holds a backup already") {
		t.Errorf("%v", err)
	}
	if _, err := Read(dir); err != nil {
		t.Error(err)
	}
}
