package testmaria

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// template returns the initialised data folder that servers of a kind are copied from, and makes it when this user has
// none for this version yet. Several test processes may ask at once.
//
// The arguments are those of a server that shape its data folder.
func template(k Kind, shaping []string) (string, error) {
	bin, err := k.server()
	if err != nil {
		return "", err
	}
	version, err := exec.Command(bin, "--no-defaults", "--version").Output()
	if err != nil {
		return "", fmt.Errorf("cannot ask %s for its version: %w", bin, err)
	}
	key := sha256.Sum256([]byte(string(version) + strings.Join(append(k.serverArgs(), shaping...), " ") + installerSQL))
	root, err := cacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(root, hex.EncodeToString(key[:8]))
	if exists(dir) {
		return dir, nil
	}

	lock, err := os.OpenFile(dir+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", fmt.Errorf("cannot lock %s: %w", lock.Name(), err)
	}
	if exists(dir) { // another process was first
		return dir, nil
	}
	building := dir + ".new"
	if err := os.RemoveAll(building); err != nil { // a run that was killed
		return "", err
	}
	tmp, err := privateTmp(building)
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)
	if err := k.initialise(building, tmp, shaping); err != nil {
		return "", err
	}
	return dir, os.Rename(building, dir)
}

// installerSQL removes the accounts that mariadb-install-db makes with empty
// passwords: root@127.0.0.1 wins over root@'%' and refuses the right password.
const installerSQL = `
DELETE FROM mysql.global_priv WHERE NOT (User = 'root' AND Host = 'localhost') AND User <> 'mariadb.sys';
FLUSH PRIVILEGES;
`

// install makes a data folder of the machine's own MariaDB.
func install(dir, tmp string) error {
	script, err := program("mariadb-install-db")
	if err != nil {
		return err
	}
	args := append([]string{
		"--no-defaults",
		"--datadir=" + dir,
		"--tmpdir=" + tmp,
		"--auth-root-authentication-method=normal",
		"--skip-test-db",
		"--skip-name-resolve",
		"--force", // it otherwise wants the host's name to resolve
	}, MariaDB.serverArgs()...)
	if out, err := exec.Command(script, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("cannot initialise a data folder: %w\n%s", err, out)
	}
	bin, err := program("mariadbd")
	if err != nil {
		return err
	}
	args = append([]string{"--no-defaults", "--datadir=" + dir, "--tmpdir=" + tmp}, MariaDB.serverArgs()...)
	return bootstrap(bin, args, "USE mysql;\n")
}

// bootstrap runs statements in a data folder that no server has open, and then installerSQL.
func bootstrap(bin string, args []string, sql string) error {
	cmd := exec.Command(bin, append(args, "--bootstrap", "--log-error=")...)
	cmd.Stdin = strings.NewReader(sql + installerSQL)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("cannot fill a data folder: %w\n%s", err, out)
	}
	return nil
}

// privateTmp makes a folder for a server's temporary tables. A starting
// mariadbd deletes every #sql file in its tmpdir, also those of other servers,
// which then crash: two servers must never share /tmp.
func privateTmp(beside string) (string, error) {
	tmp := beside + ".tmp"
	return tmp, os.MkdirAll(tmp, 0o700)
}

// cacheDir is where this user's templates are.
func cacheDir() (string, error) {
	root, err := os.UserCacheDir()
	if err != nil || os.MkdirAll(root, 0o700) != nil {
		root = filepath.Join(os.TempDir(), "omsinit-"+strconv.Itoa(os.Getuid()))
	}
	dir := filepath.Join(root, "omsinit-testmaria")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("cannot create the template folder: %w", err)
	}
	return dir, nil
}

// program finds a program of the machine's own MariaDB. Debian keeps mariadbd
// in /usr/sbin, which is not in an ordinary user's PATH; that may begin with
// the tools of another server.
func program(name string) (string, error) {
	for _, dir := range []string{"/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"} {
		if path := filepath.Join(dir, name); exists(path) {
			return path, nil
		}
	}
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	return "", fmt.Errorf("%s is not on this machine: install the package mariadb-server", name)
}

func copyTree(to, from string) error {
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		return err
	}
	return os.Chmod(to, 0o700)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
