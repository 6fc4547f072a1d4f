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

// serverArgs are the options that shape the data folder, so the template and
// every start must agree on them. Small files copy fast.
func serverArgs() []string {
	args := []string{
		"--innodb-log-file-size=4M",
		"--innodb-buffer-pool-size=16M",
		"--innodb-data-file-path=ibdata1:10M:autoextend",
		"--innodb-use-native-aio=0", // a build sandbox may forbid it
		"--aria-log-file-size=8M",
		"--performance-schema=OFF",
	}
	if os.Getuid() == 0 {
		args = append(args, "--user=root")
	}
	return args
}

// template gives the initialised data folder that servers are copied from and
// makes it when this user has none for this version yet. Several test
// processes may ask at once.
func template() (string, error) {
	bin, err := program("mariadbd")
	if err != nil {
		return "", err
	}
	version, err := exec.Command(bin, "--no-defaults", "--version").Output()
	if err != nil {
		return "", fmt.Errorf("cannot ask %s for its version: %w", bin, err)
	}
	key := sha256.Sum256([]byte(string(version) + strings.Join(serverArgs(), " ") + installerSQL))
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
	if err := install(building); err != nil {
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

func install(dir string) error {
	script, err := program("mariadb-install-db")
	if err != nil {
		return err
	}
	tmp, err := privateTmp(dir)
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	args := append([]string{
		"--no-defaults",
		"--datadir=" + dir,
		"--tmpdir=" + tmp,
		"--auth-root-authentication-method=normal",
		"--skip-test-db",
		"--skip-name-resolve",
		"--force", // it otherwise wants the host's name to resolve
	}, serverArgs()...)
	if out, err := exec.Command(script, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("cannot initialise a data folder: %w\n%s", err, out)
	}

	bin, err := program("mariadbd")
	if err != nil {
		return err
	}
	cmd := exec.Command(bin, append([]string{"--no-defaults", "--datadir=" + dir, "--tmpdir=" + tmp, "--bootstrap", "--log-error="}, serverArgs()...)...)
	cmd.Stdin = strings.NewReader("USE mysql;\n" + installerSQL)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("cannot remove the default accounts: %w\n%s", err, out)
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

// program finds a MariaDB program. Debian keeps mariadbd in /usr/sbin, which
// is not in an ordinary user's PATH.
func program(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	for _, dir := range []string{"/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"} {
		if path := filepath.Join(dir, name); exists(path) {
			return path, nil
		}
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
