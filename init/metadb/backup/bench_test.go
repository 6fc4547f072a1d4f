package backup

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// BenchmarkBackup backs up 300 000 rows, by turns with the bare dump command
// for the same databases, each into a file: x-dump is the ratio, the goal is 1.1.
func BenchmarkBackup(b *testing.B) {
	s, c := oms(b)
	s.Exec("CREATE TABLE oms_cm.large (id bigint NOT NULL AUTO_INCREMENT, a varchar(64) NOT NULL, b varchar(64) NOT NULL, PRIMARY KEY (id))")
	values := strings.TrimSuffix(strings.Repeat("('a row of the bench', 'with two texts in it; (and a bracket)'),", 10000), ",")
	for range 30 {
		s.Exec("INSERT INTO oms_cm.large (a, b) VALUES " + values)
	}
	var ours, theirs time.Duration
	n := 0
	for b.Loop() {
		n++
		dir := filepath.Join(b.TempDir(), fmt.Sprint(n))
		start := time.Now()
		m, err := (&Job{Config: c, Dir: dir}).Backup(context.Background())
		if err != nil {
			b.Fatal(err)
		}
		ours += time.Since(start)
		for _, d := range m.Databases {
			theirs += bare(b, fmt.Sprint(s.Port), s.Password, d.Name, filepath.Join(dir, d.Name+".bare"))
		}
	}
	b.ReportMetric(float64(ours)/float64(theirs), "x-dump")
	b.ReportMetric(float64(ours.Milliseconds())/float64(n), "ours-ms")
	b.ReportMetric(0, "ns/op")
}

func bare(b *testing.B, port, password, name, path string) time.Duration {
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	cmd := exec.Command("mariadb-dump", "--no-defaults", "--protocol=tcp", "--host=127.0.0.1", "--port="+port, "--user=root", "--single-transaction", "--triggers=false", name)
	cmd.Env = append(os.Environ(), "MYSQL_PWD="+password)
	cmd.Stdout, cmd.Stderr = f, io.Discard
	start := time.Now()
	if err := cmd.Run(); err != nil {
		b.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		b.Fatal(err)
	}
	return time.Since(start)
}
