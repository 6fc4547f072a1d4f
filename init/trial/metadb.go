package trial

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	"omsinit/internal/atomicfile"
	"omsinit/internal/layout"
	"omsinit/internal/msg"
)

// metaDB is the MariaDB of a trial node, under the run mount.
type metaDB struct {
	layout layout.Layout
	port   int
	// account is the user that mariadbd runs as: it refuses to be root unless told so.
	account *user.User
}

// newMetaDB finds the account: in a container Debian's package has made the user mysql for it, in a relocated tree it
// is whoever started omsinit.
func newMetaDB(l layout.Layout, port int) (m metaDB, err error) {
	m = metaDB{layout: l, port: port}
	if l.Relocated() {
		m.account, err = user.Current()
		return m, err
	}
	if m.account, err = user.Lookup("mysql"); err != nil {
		return m, msg.Errorf("trial mode needs MariaDB, but there is no user %s here: install the package mariadb-server", "mysql")
	}
	return m, nil
}

func (m metaDB) dir() string     { return filepath.Join(m.layout.RunDir(), "trial-metadb") }
func (m metaDB) dataDir() string { return filepath.Join(m.dir(), "data") }

// tempDir is not shared with any other MariaDB: a server that starts deletes
// the temporary tables that it finds there, whosever they are.
func (m metaDB) tempDir() string { return filepath.Join(m.dir(), "tmp") }

func (m metaDB) passwordFile() string { return filepath.Join(m.dir(), "password") }

// password reads the generated password, and generates it the first time.
func (m metaDB) password() (string, error) {
	data, err := os.ReadFile(m.passwordFile())
	if err == nil && len(strings.TrimSpace(string(data))) > 0 {
		return strings.TrimSpace(string(data)), nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", msg.Errorf("cannot read %s: %w", m.passwordFile(), err)
	}
	if err := os.MkdirAll(m.dir(), 0o755); err != nil {
		return "", msg.Errorf("cannot create %s: %w", m.dir(), err)
	}
	password := rand.Text()
	if err := atomicfile.Write(m.passwordFile(), []byte(password+"\n"), atomicfile.Options{Mode: 0o600}); err != nil {
		return "", msg.Errorf("cannot write %s: %w", m.passwordFile(), err)
	}
	return password, nil
}

// prepare makes the data folder. It is made beside its place and moved there
// when complete, so an interrupted run leaves nothing half made.
func (m metaDB) prepare(ctx context.Context, password string) error {
	if err := m.makeTempDir(); err != nil {
		return err
	}
	if _, err := os.Stat(m.dataDir()); err == nil {
		return nil
	}
	building := m.dataDir() + ".new"
	if err := os.RemoveAll(building); err != nil {
		return msg.Errorf("cannot remove %s: %w", building, err)
	}
	common := []string{"--no-defaults", "--datadir=" + building, "--tmpdir=" + m.tempDir(),
		"--user=" + m.account.Username, "--innodb-use-native-aio=0"}
	// --force: the installer otherwise wants the host's name to resolve.
	install := append(common, "--auth-root-authentication-method=normal", "--skip-test-db",
		"--skip-name-resolve", "--force")
	if err := mariadb(ctx, "", "mariadb-install-db", install...); err != nil {
		return err
	}
	// The accounts that the installer leaves have empty passwords. The new one
	// goes through standard input, never through arguments.
	accounts := `USE mysql;
DELETE FROM global_priv WHERE NOT (User = 'root' AND Host = 'localhost') AND User <> 'mariadb.sys';
FLUSH PRIVILEGES;
ALTER USER root@localhost IDENTIFIED BY '` + password + `';
GRANT ALL ON *.* TO root@'127.0.0.1' IDENTIFIED BY '` + password + `' WITH GRANT OPTION;
`
	if err := mariadb(ctx, accounts, "mariadbd", append(common, "--bootstrap", "--log-error=")...); err != nil {
		return err
	}
	if err := os.Rename(building, m.dataDir()); err != nil {
		return msg.Errorf("cannot rename %s: %w", building, err)
	}
	return nil
}

// portIsFree looks before the server is started: otherwise the trial would
// talk to whatever MariaDB has the port.
func (m metaDB) portIsFree() error {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(m.port)))
	if err != nil {
		return msg.Errorf("cannot use port %d for the trial MetaDB: %w; choose another one with --metadb-port",
			m.port, err)
	}
	return l.Close()
}

// makeTempDir makes the folder for the account that the server runs as.
func (m metaDB) makeTempDir() error {
	if err := os.MkdirAll(m.tempDir(), 0o700); err != nil {
		return msg.Errorf("cannot create %s: %w", m.tempDir(), err)
	}
	uid, uidErr := strconv.Atoi(m.account.Uid)
	gid, gidErr := strconv.Atoi(m.account.Gid)
	if err := errors.Join(uidErr, gidErr, os.Chown(m.tempDir(), uid, gid)); err != nil {
		return msg.Errorf("cannot give %s to the user %s: %w", m.tempDir(), m.account.Username, err)
	}
	return nil
}

// mariadb runs one of MariaDB's programs to its end.
func mariadb(ctx context.Context, stdin, name string, args ...string) error {
	path, err := findProgram(name)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return msg.Errorf("cannot make the trial MetaDB: %s: %w\n%s", name, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// findProgram returns where one of MariaDB's programs is.
func findProgram(name string) (string, error) {
	path, err := layout.FindProgram(name)
	if err != nil {
		return "", msg.Errorf("trial mode needs MariaDB, but there is no %s on this machine: install the package mariadb-server", name)
	}
	return path, nil
}
