package backup

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"omsinit/internal/config"
	"omsinit/testdata/testmaria"
)

// benchRows are the rows of the largest table, in each of two databases.
const benchRows = 400_000

// benchOMS is an OMS with about a million rows: a large table and a middling one in two databases each.
func benchOMS(b *testing.B, k testmaria.Kind) (*testmaria.Server, *config.Config) {
	redo := "--innodb-log-file-size=256M"
	if k == testmaria.MySQL {
		redo = "--innodb-redo-log-capacity=512M"
	}
	s, c := oms(b, testmaria.On(k), testmaria.Args("--innodb-buffer-pool-size=512M", "--max-allowed-packet=64M", redo))
	s.Exec("DROP TABLE oms_rm.`odd``name`") // mydumper does not quote it
	// mydumper 0.10 takes a column whose default is CURRENT_TIMESTAMP for a generated one on MySQL, and leaves it out:
	// the two would not do the same work.
	for _, db := range []string{"oms_rm", "oms_cm"} {
		s.Exec("CREATE TABLE "+db+".large (id bigint NOT NULL AUTO_INCREMENT, n int NOT NULL, a varchar(64) NOT NULL, b varchar(64) NOT NULL, t timestamp NOT NULL DEFAULT '2026-11-28 07:55:00', PRIMARY KEY (id), KEY k (n, a))",
			"INSERT INTO "+db+
				".large (n, a, b) VALUES (1, 'a row of the bench', 'with two texts in it; (and a bracket)')")
		for rows := 1; rows < benchRows; rows *= 2 {
			s.Exec(fmt.Sprintf("INSERT INTO %s.large (n, a, b) SELECT (id * 7919) %% 1000003, CONCAT(LEFT(a, 20), id), b FROM %s.large LIMIT %d", db, db, benchRows-rows))
		}
		s.Exec("CREATE TABLE "+db+".middling LIKE "+db+".large",
			fmt.Sprintf("INSERT INTO %s.middling SELECT * FROM %s.large LIMIT %d", db, db, benchRows/4))
	}
	return s, c
}

// peer runs mydumper or myloader with as many threads, and returns how long it took. The password is in a file: other
// tests look for it among the arguments of all processes.
func peer(b *testing.B, s *testmaria.Server, name string, args ...string) time.Duration {
	path, err := exec.LookPath(name)
	if err != nil {
		b.Fatalf("%v: scripts/dev/install-deps.sh --bench installs it", err)
	}
	options := filepath.Join(b.TempDir(), "options")
	login := fmt.Sprintf("[client]\npassword=%q\n[mydumper]\npassword=%[1]q\n[myloader]\npassword=%[1]q\n", s.Password)
	if err := os.WriteFile(options, []byte(login), 0o600); err != nil {
		b.Fatal(err)
	}
	args = append([]string{"--defaults-file", options, "--host", s.Host, "--port", fmt.Sprint(s.Port), "--user", "root",
		"--threads", fmt.Sprint(atOnce)}, args...)
	start := time.Now()
	if out, err := exec.Command(path, args...).CombinedOutput(); err != nil {
		b.Fatalf("%s: %v\n%s", name, err, out)
	}
	return time.Since(start)
}

// sameWork makes sure that mydumper has written every column: it names them where it leaves one out.
func sameWork(b *testing.B, dir string) {
	f, err := os.Open(filepath.Join(dir, "oms_rm.large.sql"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	start := make([]byte, 4<<10)
	n, err := f.Read(start)
	if err != nil {
		b.Fatal(err)
	}
	_, columns, _ := strings.Cut(string(start[:n]), "INSERT INTO ")
	columns, _, _ = strings.Cut(columns, "VALUES")
	if strings.Contains(columns, "(") && !strings.Contains(columns, "`t`") {
		b.Fatalf("mydumper leaves columns out: %s", columns)
	}
}

// BenchmarkBackup backs up a million rows, by turns with mydumper: x-mydumper is the ratio, the goal is 1.2.
// BenchmarkRestore restores them, verification included, by turns with myloader and what mydumper wrote: x-myloader is
// the ratio, the goal is 1.2 as well.
func BenchmarkBackup(b *testing.B) {
	for _, k := range testmaria.Kinds() {
		b.Run(string(k), func(b *testing.B) {
			s, c := benchOMS(b, k)
			var ours, theirs time.Duration
			n := 0
			for b.Loop() {
				n++
				dir := filepath.Join(b.TempDir(), fmt.Sprint(n))
				start := time.Now()
				if _, err := (&Job{Config: c, Dir: dir}).Backup(b.Context()); err != nil {
					b.Fatal(err)
				}
				ours += time.Since(start)
				theirs += peer(b, s, "mydumper", "--regex", "^oms_", "--outputdir", dir+".theirs")
				sameWork(b, dir+".theirs")
				os.RemoveAll(dir)
				os.RemoveAll(dir + ".theirs")
			}
			b.ReportMetric(float64(ours)/float64(theirs), "x-mydumper")
			b.ReportMetric(float64(ours.Milliseconds())/float64(n), "ours-ms")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func BenchmarkRestore(b *testing.B) {
	for _, k := range testmaria.Kinds() {
		b.Run(string(k), func(b *testing.B) {
			s, c := benchOMS(b, k)
			dir := filepath.Join(b.TempDir(), "backup")
			j := &Job{Config: c, Dir: dir}
			if _, err := j.Backup(b.Context()); err != nil {
				b.Fatal(err)
			}
			peer(b, s, "mydumper", "--regex", "^oms_", "--outputdir", dir+".theirs")
			var ours, verifying, theirs time.Duration
			n := 0
			for b.Loop() {
				n++
				start := time.Now()
				if _, err := j.Restore(b.Context(), "oms_rm"); err != nil {
					b.Fatal(err)
				}
				ours += time.Since(start)
				verifying += j.verifying
				theirs += peer(b, s, "myloader", "--overwrite-tables", "--directory", dir+".theirs")
			}
			b.ReportMetric(float64(ours)/float64(theirs), "x-myloader")
			b.ReportMetric(float64(ours.Milliseconds())/float64(n), "ours-ms")
			b.ReportMetric(float64(verifying.Milliseconds())/float64(n), "verifying-ms")
			b.ReportMetric(0, "ns/op")
		})
	}
}
