package backup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"omsinit/internal/database"
	"omsinit/testdata/testmaria"
)

// A proof is in the manifest, and leaves nothing in the MetaDB.
func TestProve(t *testing.T) {
	s, c := oms(t)
	j := &Job{Config: c, Dir: filepath.Join(t.TempDir(), "backup")}
	m, err := j.Backup(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if m.Proof != nil {
		t.Errorf("proven before it was: %+v", m.Proof)
	}
	want := dumpAll(t, s)
	p, err := j.Prove(t.Context(), Full, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if p.Mode != Full || p.Tables == 0 || p.Rows < 10 || p.Server != m.Server {
		t.Errorf("%+v", p)
	}
	read, err := Read(j.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(p, read.Proof); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(want, dumpAll(t, s)); d != "" {
		t.Error(d)
	}
	noScratch(t, s)
}

// A proof that is cut drops what it made.
func TestCancelledProof(t *testing.T) {
	s, c := oms(t)
	j := &Job{Config: c, Dir: filepath.Join(t.TempDir(), "backup")}
	if _, err := j.Backup(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	j.Progress = func(Progress) { cancel() }
	if _, err := j.Prove(ctx, Full, Limits{}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	noScratch(t, s)
}

// Where all of a backup would take too much time or space, a sample of the rows is restored, and the proof says so.
func TestSample(t *testing.T) {
	s, c := oms(t)
	s.Exec("CREATE TABLE oms_cm.large (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, a varchar(250) NOT NULL)",
		"INSERT INTO oms_cm.large (a) VALUES (REPEAT('x', 250))")
	for range 15 {
		s.Exec("INSERT INTO oms_cm.large (a) SELECT a FROM oms_cm.large")
	}
	j := &Job{Config: c, Dir: filepath.Join(t.TempDir(), "backup")}
	if _, err := j.Backup(t.Context()); err != nil {
		t.Fatal(err)
	}
	full, err := j.Prove(t.Context(), Auto, Limits{Time: time.Hour, Space: 1 << 40})
	if err != nil || full.Mode != Full || full.Reason != nil || full.Rows < 1<<15 {
		t.Fatalf("%+v, %v", full, err)
	}
	for name, limits := range map[string]Limits{"space": {Space: 1 << 20}, "time": {Time: time.Millisecond}} {
		p, err := j.Prove(t.Context(), Auto, limits)
		if err != nil || p.Mode != Sample || p.Reason == nil || p.Reason.Chinese == "" || p.Tables != full.Tables ||
			p.Rows >= full.Rows || p.Rows < 1000 {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
		noScratch(t, s)
	}
	if p, err := j.Prove(t.Context(), Full, Limits{Space: 1, Time: 1}); err != nil || p.Mode != Full {
		t.Errorf("%+v, %v", p, err)
	}
}

// A backup that omsinit 0.1.0 made with the server's own program comes back as well. It holds no triggers, so that a
// restore that would drop some is refused.
func TestBackupOfTheServersProgram(t *testing.T) {
	testmaria.Each(t, func(t *testing.T, k testmaria.Kind) {
		s, c := oms(t, testmaria.On(k))
		s.Exec("CREATE TABLE oms_cm.gen (a int PRIMARY KEY, v int GENERATED ALWAYS AS (a + 1) VIRTUAL, f float)",
			"INSERT INTO oms_cm.gen (a, f) VALUES (1, 0.1), (2, 3)",
			"CREATE VIEW oms_cm.z AS SELECT a, v FROM oms_cm.gen", "CREATE VIEW oms_cm.a AS SELECT a FROM oms_cm.z")
		j := &Job{Config: c, Dir: filepath.Join(t.TempDir(), "backup")}
		m, err := j.Backup(t.Context()) // for its manifest
		if err != nil {
			t.Fatal(err)
		}
		name, extra := "mariadb-dump", []string{}
		if k == testmaria.MySQL {
			name, extra = "mysqldump", []string{"--set-gtid-purged=OFF", "--column-statistics=0"}
		}
		m.Dumper = name
		for i := range m.Databases {
			d := &m.Databases[i]
			args := append([]string{"--no-defaults", "--protocol=tcp", "--host=" + s.Host,
				fmt.Sprint("--port=", s.Port), "--user=root", "--single-transaction", "--triggers=false",
				"--skip-lock-tables", "--quick", "--hex-blob", "--no-tablespaces", "--default-character-set=utf8mb4",
				"--skip-dump-date", "--ignore-table=" + d.Name + "." + database.LeaseTable}, extra...)
			cmd := exec.Command(filepath.Join(k.Tools(t), name), append(args, d.Name)...)
			cmd.Env = append(os.Environ(), "MYSQL_PWD="+s.Password)
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(j.Dir, d.File), out, 0o600); err != nil {
				t.Fatal(err)
			}
			d.Size, d.SHA256, d.Objects = int64(len(out)), fmt.Sprintf("%x", sha256.Sum256(out)), nil
			for i := range d.Tables {
				sum := tally{crc: true}
				if _, rows, ok := bytes.Cut(out,
					[]byte("INSERT INTO `"+strings.ReplaceAll(d.Tables[i].Name, "`", "``")+"` ")); ok {
					rows, _, _ = bytes.Cut(append([]byte(" "), rows...), []byte(";\n"))
					_ = eachTuple(rows, func(tuple []byte) error { sum.add(tuple); return nil })
				}
				d.Tables[i].Checksum, d.Tables[i].Rows, d.Tables[i].Columns = sum.checksum(), sum.rows, 0
			}
		}
		if err := m.write(j.Dir); err != nil {
			t.Fatal(err)
		}
		want := dumpAll(t, s)
		if _, err := j.Prove(t.Context(), Full, Limits{}); err != nil {
			t.Fatal(err)
		}
		s.Exec("DROP TABLE oms_cm.gen", "DROP VIEW oms_cm.a")
		if _, err := j.Restore(t.Context(), "oms_rm"); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, dumpAll(t, s)); d != "" {
			t.Error(d)
		}
		s.Exec("CREATE TRIGGER oms_cm.tr BEFORE INSERT ON oms_cm.host FOR EACH ROW SET NEW.ip = NEW.ip")
		refused(t, k, s, "trigger tr", func() error { _, err := j.Restore(t.Context(), "oms_rm"); return err })
	})
}
