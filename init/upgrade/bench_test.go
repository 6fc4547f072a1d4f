package upgrade

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"omsinit/testdata/testmaria"
)

// benchRows is how many rows the benchmarks work on, in three databases.
var benchRows = flag.Int("upgrade.rows", 1_000_000, "rows of the benchmarks of upgrades, up to 5000000")

// BenchmarkUpgrade makes an installation with many rows, and measures, in one
// run: how long a plan takes (plan-ms, the goal is below 1000); a backup and a
// restore beside the bare dump and load commands on the same databases, by turns
// (x-bare, the goal is 1.15); and a whole upgrade, in which the programs are
// down from the stop to the start (down-s).
func BenchmarkUpgrade(b *testing.B) {
	s := testmaria.Start(b, testmaria.Args("--innodb-buffer-pool-size=512M", "--innodb-log-file-size=256M",
		"--max-allowed-packet=64M"))
	// Of the generator's rows three quarters are in the first table.
	rows := *benchRows * 100 / 135
	c := installed(b, s, "oms", "4.1.1-CE", 0)
	s.Generate(c.RMDatabase, rows/3)
	s.Generate(c.CMDatabase, rows/3)
	s.Generate(c.HeartbeatDatabase, rows/3)
	u := nodeFor(b, c, packAt(b, "4.2.3-CE"), "10.0.0.1")
	u.Log = nil
	var plan, ours, bare time.Duration
	n := 0
	for b.Loop() {
		n++
		plan += timed(b, func() error { _, err := u.Plan(context.Background(), nil, nil); return err })
		dir := filepath.Join(b.TempDir(), fmt.Sprint(n))
		job := u.job(dir)
		job.Progress = nil
		ours += timed(b, func() error {
			if _, err := job.Backup(context.Background()); err != nil {
				return err
			}
			_, err := job.Restore(context.Background(), c.RMDatabase)
			return err
		})
		bare += dumpAndLoad(b, s, []string{c.RMDatabase, c.CMDatabase, c.HeartbeatDatabase}, b.TempDir())
		if err := os.RemoveAll(dir); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(plan.Milliseconds())/float64(n), "plan-ms")
	b.ReportMetric(float64(ours)/float64(bare), "x-bare")
	b.ReportMetric(ours.Seconds()/float64(n), "ours-s")
	b.ReportMetric(timed(b, func() error { _, err := drive(context.Background(), u); return err }).Seconds(), "down-s")
	b.ReportMetric(0, "ns/op")
}

func timed(b *testing.B, do func() error) time.Duration {
	b.Helper()
	start := time.Now()
	if err := do(); err != nil {
		b.Fatal(err)
	}
	return time.Since(start)
}

// dumpAndLoad is what the documents tell people to do, into fresh databases.
func dumpAndLoad(b *testing.B, s *testmaria.Server, names []string, dir string) (took time.Duration) {
	b.Helper()
	for _, name := range names {
		loaded, path := name+"_bare", filepath.Join(dir, name+".sql")
		took += timed(b, func() error {
			f, err := os.Create(path)
			if err != nil {
				return err
			}
			defer f.Close()
			cmd := client(s, "mariadb-dump", "--single-transaction", "--triggers=false", name)
			cmd.Stdout = f
			if err := cmd.Run(); err != nil {
				return err
			}
			return f.Sync()
		})
		s.Exec("CREATE DATABASE " + loaded)
		took += timed(b, func() error { return load(s, path, loaded) })
		s.Exec("DROP DATABASE " + loaded)
	}
	return took
}

// client is a program of the server with the login of a test.
func client(s *testmaria.Server, program string, args ...string) *exec.Cmd {
	cmd := exec.Command(program, append([]string{"--no-defaults", "--protocol=tcp", "--host=" + s.Host,
		fmt.Sprint("--port=", s.Port), "--user=" + s.User}, args...)...)
	cmd.Env = append(os.Environ(), "MYSQL_PWD="+s.Password)
	return cmd
}

// load reads a dump with the plain client.
func load(s *testmaria.Server, path, database string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	cmd := client(s, "mysql", database)
	cmd.Stdin = f
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}
