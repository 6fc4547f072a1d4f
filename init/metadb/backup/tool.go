package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"omsinit/internal/config"
	mysql "omsinit/internal/database"
	"omsinit/internal/msg"
)

// tool is one of the server's own programs.
type tool struct {
	path    string
	mariadb bool
	version string
}

// find looks for the first of the names, in the path and where images of OMS
// keep MariaDB's programs (oms-facts §2).
func find(ctx context.Context, names ...string) (*tool, error) {
	for _, name := range names {
		path, err := exec.LookPath(name)
		if err != nil {
			for _, pattern := range []string{"/usr/local/mariadb*/bin/", "/usr/local/mysql*/bin/", "/usr/bin/"} {
				if found, _ := filepath.Glob(pattern + name); len(found) > 0 {
					path, err = found[0], nil
					break
				}
			}
		}
		if err != nil {
			continue
		}
		out, err := exec.CommandContext(ctx, path, "--no-defaults", "--version").Output()
		if err != nil {
			return nil, msg.Errorf("cannot ask %s for its version: %w", path, err)
		}
		version := strings.TrimSpace(string(out))
		return &tool{path: path, version: version, mariadb: strings.Contains(version, "MariaDB")}, nil
	}
	return nil, msg.Errorf("none of the programs %s is on this node: install the client programs of MariaDB or MySQL", strings.Join(names, ", "))
}

func findDumper(ctx context.Context) (*tool, error) { return find(ctx, "mariadb-dump", "mysqldump") }
func findClient(ctx context.Context) (*tool, error) { return find(ctx, "mariadb", "mysql") }

// dumpArgs are the documented options, and those that make dumps of any server
// alike. Who works on the MetaDB right now is not part of a backup.
func (t *tool) dumpArgs(database string) []string {
	args := []string{
		"--single-transaction", "--triggers=false", "--skip-lock-tables", "--quick", "--hex-blob",
		"--no-tablespaces", "--default-character-set=utf8mb4", "--skip-dump-date",
		"--ignore-table=" + database + "." + mysql.LeaseTable,
	}
	if !t.mariadb {
		args = append(args, "--set-gtid-purged=OFF", "--column-statistics=0")
	}
	return append(args, "--", database)
}

// command prepares a run. The login is in a file that is in memory only and
// that nobody else can open: it is neither among the arguments nor on disk,
// and it is gone with the process, however that ends.
func (t *tool) command(ctx context.Context, c *config.Config, args ...string) (*exec.Cmd, func(), error) {
	fd, err := unix.MemfdCreate("login", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot hand over the login: %w", err)
	}
	login := os.NewFile(uintptr(fd), "login")
	// Still empty, and it has no name. The programs refuse a file that others may write.
	if err = login.Chmod(0o600); err == nil {
		_, err = login.WriteString(optionFile(c))
	}
	if err == nil {
		_, err = login.Seek(0, io.SeekStart)
	}
	if err != nil {
		login.Close()
		return nil, nil, fmt.Errorf("cannot hand over the login: %w", err)
	}
	cmd := exec.CommandContext(ctx, t.path, append([]string{"--defaults-file=/dev/fd/3"}, args...)...)
	cmd.ExtraFiles = []*os.File{login}
	cmd.Env = slices.DeleteFunc(os.Environ(), func(e string) bool {
		return strings.HasPrefix(e, "MYSQL_") ||
			strings.HasPrefix(e, "MARIADB_")
	})
	return cmd, func() { login.Close() }, nil
}

func optionFile(c *config.Config) string {
	quote := func(s string) string {
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(s) + `"`
	}
	return strings.Join([]string{
		"[client]", "protocol=tcp", "host=" + quote(c.MetaHost), "port=" + strconv.Itoa(c.MetaPort),
		"user=" + quote(c.MetaUser), "password=" + quote(c.MetaPassword.Reveal()),
		"loose-get-server-public-key", "loose-disable-ssl-verify-server-cert", "",
	}, "\n")
}

// complaint makes one line of what a program said before it failed.
func complaint(err error, stderr *bytes.Buffer) error {
	var lines []string
	for line := range strings.SplitSeq(stderr.String(), "\n") {
		if line = strings.TrimSpace(line); line != "" && !strings.Contains(line, "unknown variable 'loose") &&
			!strings.Contains(line, "[Warning]") && !strings.HasPrefix(line, "WARNING:") {
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 {
		return err
	}
	return errors.New(strings.Join(lines[max(0, len(lines)-3):], "; "))
}
