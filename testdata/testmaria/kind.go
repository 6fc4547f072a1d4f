package testmaria

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Kind is a database server that tests can run.
type Kind string

// The kinds. The machine's own MariaDB is that of its packages, 10.11 on Debian 12; the others are made by
// scripts/dev/server-root.sh, once per user.
const (
	MariaDB    Kind = "mariadb"
	MariaDB118 Kind = "mariadb-11.8"
	MySQL      Kind = "mysql"
)

// Kinds returns all kinds, the one with which most tests run first.
func Kinds() []Kind { return []Kind{MariaDB, MariaDB118, MySQL} }

// On runs the server of this kind instead of the machine's own MariaDB.
func On(k Kind) Option { return func(s *Server) { s.kind = k } }

// standard is the kind that Start runs without On. OMSINIT_TEST_SERVER names another one, for a whole test run: then
// its tools come first in the PATH as well.
var standard = sync.OnceValues(func() (Kind, error) {
	k := Kind(os.Getenv("OMSINIT_TEST_SERVER"))
	if k == "" || k == MariaDB {
		return MariaDB, nil
	}
	if !slices.Contains(Kinds(), k) {
		return "", fmt.Errorf("OMSINIT_TEST_SERVER is one of %v, not %q", Kinds(), k)
	}
	bin, err := k.inRoot("bin")
	if err != nil {
		return "", err
	}
	return k, os.Setenv("PATH", bin+":"+os.Getenv("PATH"))
})

// Each runs a test once with each kind of server; with that of OMSINIT_TEST_SERVER alone where a test run names one,
// as those without it have all of them.
func Each(t *testing.T, test func(t *testing.T, k Kind)) {
	t.Helper()
	kinds := Kinds()
	if k := Kind(os.Getenv("OMSINIT_TEST_SERVER")); k != "" {
		kinds = []Kind{k}
	}
	for _, k := range kinds {
		t.Run(string(k), func(t *testing.T) { test(t, k) })
	}
}

// Tools returns the folder with the client tools of the server's own release (mysqldump, mysql or mariadb-dump,
// mariadb), to be put first into a PATH; "" for the machine's own MariaDB, whose tools are in the PATH already.
func (k Kind) Tools(t testing.TB) string {
	t.Helper()
	if k == MariaDB {
		return ""
	}
	root, err := k.root()
	if err != nil {
		t.Fatalf("testmaria: %v", err)
	}
	return filepath.Join(root, "bin")
}

// server returns the server's program.
func (k Kind) server() (string, error) {
	switch k {
	case MySQL:
		return k.inRoot("bin/mysqld")
	case MariaDB118:
		return k.inRoot("bin/mariadbd")
	}
	return program("mariadbd")
}

// placeArgs are the options that tell a server of a root where its files are.
func (k Kind) placeArgs() ([]string, error) {
	if k == MariaDB {
		return nil, nil
	}
	root, err := k.root()
	if err != nil {
		return nil, err
	}
	usr, share := filepath.Join(root, "tree/usr"), "mariadb"
	plugins := "lib/mysql/plugin"
	if k == MySQL {
		share = "mysql"
	}
	return []string{
		"--basedir=" + usr,
		"--plugin-dir=" + filepath.Join(usr, plugins),
		"--lc-messages-dir=" + filepath.Join(usr, "share", share),
		"--character-sets-dir=" + filepath.Join(usr, "share", share, "charsets"),
	}, nil
}

var roots sync.Map // Kind to func() (string, error)

// root returns the root file system of the kind, and makes it where this user has none yet.
func (k Kind) root() (string, error) {
	once, _ := roots.LoadOrStore(k, sync.OnceValues(func() (string, error) {
		_, self, _, _ := runtime.Caller(0)
		script := filepath.Join(filepath.Dir(self), "../../scripts/dev/server-root.sh")
		cmd := exec.Command(script, string(k))
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			return "", fmt.Errorf("cannot make the root of %s: %s: %w", k, script, err)
		}
		return strings.TrimSpace(string(out)), nil
	}))
	return once.(func() (string, error))()
}

func (k Kind) inRoot(name string) (string, error) {
	root, err := k.root()
	return filepath.Join(root, name), err
}

// initialise makes a data folder. Root has no password afterwards, and can log in from this machine only.
func (k Kind) initialise(dir, tmp string, shaping []string) error {
	bin, err := k.server()
	if err != nil {
		return err
	}
	place, err := k.placeArgs()
	if err != nil {
		return err
	}
	args := append(append([]string{"--no-defaults", "--datadir=" + dir, "--tmpdir=" + tmp},
		k.serverArgs()...), place...)
	args = append(args, shaping...)
	switch k {
	case MySQL:
		if out, err := exec.Command(bin, append(args, "--initialize-insecure")...).CombinedOutput(); err != nil {
			return fmt.Errorf("cannot initialise a data folder: %w\n%s", err, out)
		}
		return nil
	case MariaDB118: // what mariadb-install-db does, which would run the programs of this machine
		if err := os.MkdirAll(filepath.Join(dir, "mysql"), 0o700); err != nil {
			return err
		}
		sql := "CREATE DATABASE IF NOT EXISTS mysql;\nUSE mysql;\nSET @auth_root_socket=NULL;\n"
		for _, name := range []string{"system_tables", "performance_tables", "system_tables_data", "sys_schema"} {
			file, err := k.inRoot("tree/usr/share/mariadb/mariadb_" + name + ".sql")
			if err != nil {
				return err
			}
			data, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			sql += string(data)
		}
		return bootstrap(bin, append(args, "--max_allowed_packet=8M"), sql)
	}
	return install(dir, tmp)
}

// serverArgs are the options that shape the data folder, so the template and every start must agree on them. Small
// files copy fast.
func (k Kind) serverArgs() []string {
	args := []string{
		"--innodb-buffer-pool-size=16M",
		"--innodb-data-file-path=ibdata1:10M:autoextend",
		"--innodb-use-native-aio=0", // a build sandbox may forbid it
		"--performance-schema=OFF",
	}
	if k == MySQL {
		args = append(args, "--innodb-redo-log-capacity=8M", "--mysqlx=OFF", "--secure-file-priv=", "--skip-log-bin",
			"--innodb-doublewrite=OFF")
	} else {
		args = append(args, "--innodb-log-file-size=4M", "--aria-log-file-size=8M")
	}
	if os.Getuid() == 0 {
		args = append(args, "--user=root")
	}
	return args
}

// shaping returns those of a server's further options that MySQL must be given when it makes the data folder too.
func (k Kind) shaping(args []string) (shaping []string) {
	for _, arg := range args {
		if k == MySQL && strings.HasPrefix(arg, "--lower-case-table-names=") {
			shaping = append(shaping, arg)
		}
	}
	return shaping
}
