package metadb

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"omsinit/internal/config"
	"omsinit/testdata/testmaria"
)

// tables is a schema of n tables as large as real ones.
func tables(prefix string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "CREATE TABLE `%s_%d` (`id` bigint NOT NULL AUTO_INCREMENT COMMENT 'PK'", prefix, i)
		for c := range 10 {
			fmt.Fprintf(&b, ", `column_%d` varchar(128) NOT NULL DEFAULT '' COMMENT 'column %d'", c, c)
		}
		b.WriteString(", `gmt_created` datetime NOT NULL DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (`id`), UNIQUE KEY `uk` (`column_0`), KEY `idx` (`column_1`, `gmt_created`)) DEFAULT CHARSET = utf8mb4 COMMENT = 'bench';\n")
	}
	return b.String()
}

// BenchmarkCreate creates three databases with 200 tables, by turns with
// `mariadb < schema.sql`, goose and golang-migrate: x-client, x-goose and
// x-migrate are the ratios. The goals are 1.2 and below 1.
func BenchmarkCreate(b *testing.B) {
	b.Run("durable", func(b *testing.B) {
		create(b, testmaria.Start(b, testmaria.Args("--innodb-flush-log-at-trx-commit=1",
			"--innodb-flush-method=fsync")))
	})
	b.Run("in-memory", func(b *testing.B) { create(b, testmaria.Start(b)) })
}

func create(b *testing.B, s *testmaria.Server) {
	// a password that fits into a URL
	s.Exec("CREATE USER bench@'%' IDENTIFIED BY 'bench'", "GRANT ALL ON *.* TO bench@'%'")
	files := map[string]string{}
	for i, d := range config.Roles {
		files["schema/"+string(d)+"/4.2.3-CE.sql"] = tables(string(d), []int{67, 67, 66}[i])
	}
	p := packWith(b, files)
	all := func(c int) string {
		var sql strings.Builder
		for _, d := range config.Roles {
			name := fmt.Sprintf("client%d_%s", c, d)
			fmt.Fprintf(&sql, "CREATE DATABASE %s DEFAULT CHARACTER SET utf8mb4;\nUSE %s;\n", name, name)
			sql.WriteString(reference(b, p.FS(), d))
		}
		return sql.String()
	}
	migrators := buildMigrators(b)
	var ours, theirs time.Duration
	others := map[string]time.Duration{}
	n := 0
	for b.Loop() {
		n++
		c := configFor(s, fmt.Sprintf("ours%d", n))
		start := time.Now()
		apply(b, &Step{Config: c, Pack: p})
		ours += time.Since(start)
		file := filepath.Join(b.TempDir(), "schema.sql")
		if err := os.WriteFile(file, []byte(all(n)), 0o600); err != nil {
			b.Fatal(err)
		}
		theirs += client(b, s, file)
		for _, tool := range []string{"goose", "migrate"} {
			others[tool] += rival(b, s, migrators, tool, p.FS())
		}
		for _, d := range config.Roles {
			s.Exec("DROP DATABASE "+c.Database(d), fmt.Sprintf("DROP DATABASE client%d_%s", n, d))
		}
	}
	b.ReportMetric(float64(ours)/float64(theirs), "x-client")
	for tool, took := range others {
		b.ReportMetric(float64(ours)/float64(took), "x-"+tool)
	}
	b.ReportMetric(float64(ours.Milliseconds())/float64(n), "ours-ms")
	b.ReportMetric(0, "ns/op")
}

// buildMigrators builds the program that runs goose and golang-migrate.
func buildMigrators(b *testing.B) string {
	path := filepath.Join(b.TempDir(), "migrators")
	cmd := exec.Command("go", "build", "-o", path, ".")
	cmd.Dir = filepath.Join("..", "..", "bench", "migrators")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	return path
}

// rival applies the same tables with one of the two, one file per database.
// The databases are there already, and its start does not count.
func rival(b *testing.B, s *testmaria.Server, migrators, tool string, tree fs.FS) time.Duration {
	b.Helper()
	args := []string{tool}
	for _, d := range config.Roles {
		folder, name := b.TempDir(), tool+"_"+string(d)
		s.Exec("CREATE DATABASE " + name)
		defer s.Exec("DROP DATABASE " + name)
		if err := os.WriteFile(filepath.Join(folder, "1_schema.up.sql"), []byte("-- +goose Up\n"+reference(b, tree, d)),
			0o600); err != nil {
			b.Fatal(err)
		}
		args = append(args, name+"="+folder)
	}
	cmd := exec.Command(migrators, args...)
	cmd.Env = append(os.Environ(), "MIGRATORS_DSN=bench:bench@tcp("+s.Addr()+")/")
	out, err := cmd.Output()
	if err != nil {
		b.Fatalf("%s: %v", tool, err)
	}
	ms, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		b.Fatal(err)
	}
	return time.Duration(ms) * time.Millisecond
}

func client(b *testing.B, s *testmaria.Server, file string) time.Duration {
	in, err := os.Open(file)
	if err != nil {
		b.Fatal(err)
	}
	defer in.Close()
	cmd := exec.Command("mariadb", "--no-defaults", "--protocol=tcp", "--host="+s.Host, fmt.Sprint("--port=", s.Port),
		"--user="+s.User)
	cmd.Env = append(os.Environ(), "MYSQL_PWD="+s.Password)
	cmd.Stdin = in
	start := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	return time.Since(start)
}

// BenchmarkNoOp is a run that finds everything done, which is what every start
// of a container does.
func BenchmarkNoOp(b *testing.B) {
	s := testmaria.Start(b)
	step := &Step{Config: configFor(s, "oms"), Pack: packWith(b, nil)}
	apply(b, step)
	for b.Loop() {
		if r, err := step.Apply(context.Background()); err != nil || r.Changed() {
			b.Fatal(r, err)
		}
	}
}

// reference is the SQL of one database, as the pack has it.
func reference(b *testing.B, tree fs.FS, d config.Role) string {
	b.Helper()
	names, err := fs.Glob(tree, "schema/"+string(d)+"/*.sql")
	if err != nil {
		b.Fatal(err)
	}
	var all strings.Builder
	for _, name := range names {
		data, err := fs.ReadFile(tree, name)
		if err != nil {
			b.Fatal(err)
		}
		all.Write(data)
	}
	return all.String()
}
