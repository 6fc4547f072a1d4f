package testmaria

import (
	"database/sql"
	"errors"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

func TestServerLogsIn(t *testing.T) {
	for _, password := range []string{DefaultPassword, "", "plain"} {
		s := Start(t, Password(password), Args("--max-connections=17"))
		var who string
		var limit int
		if err := s.DB("mysql").QueryRow("SELECT CURRENT_USER(), @@max_connections").Scan(&who, &limit); err != nil {
			t.Fatalf("password %q: %v", password, err)
		}
		if limit != 17 {
			t.Errorf("max_connections = %d, want the 17 that the test asked for", limit)
		}
	}
}

// The accounts of mariadb-install-db have empty passwords and win over
// root@'%'; none may be left.
func TestServerHasNoEmptyPasswords(t *testing.T) {
	s := Start(t)
	for _, user := range []string{"root", "mysql", "anybody", ""} {
		c := s.driverConfig("")
		c.User, c.Passwd = user, ""
		con, err := mysql.NewConnector(c)
		if err != nil {
			t.Fatal(err)
		}
		db := sql.OpenDB(con)
		var refused *mysql.MySQLError
		if err := db.Ping(); !errors.As(err, &refused) || refused.Number != 1045 {
			t.Errorf("user %q without a password: %v, want error 1045", user, err)
		}
		db.Close()
	}
}

func TestOutage(t *testing.T) {
	s := Start(t)
	s.Exec("CREATE DATABASE kept", "CREATE TABLE kept.t (a int)", "INSERT INTO kept.t VALUES (7)")
	port := s.Port
	s.Stop()
	if c, err := net.Dial("tcp", s.Addr()); err == nil {
		c.Close()
		t.Error("a stopped server still accepts connections")
	}
	s.Stop() // twice is harmless
	s.Restart()
	if s.Port != port {
		t.Errorf("port changed from %d to %d", port, s.Port)
	}
	var a int
	if err := s.DB("kept").QueryRow("SELECT a FROM t").Scan(&a); err != nil || a != 7 {
		t.Errorf("after the restart: %d, %v", a, err)
	}
}

func TestTwoServersAtOnce(t *testing.T) {
	a, b := Start(t), Start(t)
	if a.Port == b.Port {
		t.Fatalf("both on port %d", a.Port)
	}
	a.Exec("CREATE DATABASE only_here")
	if err := b.DB("only_here").Ping(); err == nil {
		t.Error("the servers share data")
	}
}

// A server must not outlive a test process that is killed.
func TestServerDiesWithTheTest(t *testing.T) {
	if os.Getenv("TESTMARIA_CHILD") != "" {
		s := Start(t)
		os.Stdout.WriteString("pid=" + strconv.Itoa(s.proc.cmd.Process.Pid) + "\n")
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestServerDiesWithTheTest$")
	// t.TempDir, so that the killed child leaves nothing behind.
	cmd.Env = append(os.Environ(), "TESTMARIA_CHILD=1", "TMPDIR="+t.TempDir(), "XDG_CACHE_HOME="+cacheHome(t))
	out, _ := cmd.CombinedOutput()
	_, after, found := strings.Cut(string(out), "pid=")
	line, _, _ := strings.Cut(after, "\n")
	pid, err := strconv.Atoi(line)
	if !found || err != nil {
		t.Fatalf("the child said %q", out)
	}
	for range 500 {
		if syscall.Kill(pid, 0) == syscall.ESRCH || zombie(pid) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	syscall.Kill(pid, syscall.SIGKILL)
	t.Error("mariadbd lived on after its test process was killed")
}

func cacheHome(t *testing.T) string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return t.TempDir()
	}
	return dir
}

// zombie reports whether the process has ended and waits for its new parent,
// which in some containers never asks.
func zombie(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return true
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return strings.HasPrefix(rest, "Z")
}

func TestWithout(t *testing.T) {
	s := Start(t)
	c := s.driverConfig("")
	c.Addr = net.JoinHostPort(s.Host, strconv.Itoa(s.Without("GET_LOCK")))
	con, err := mysql.NewConnector(c)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(con)
	defer db.Close()
	var answer *mysql.MySQLError
	if err := db.QueryRow("SELECT GET_LOCK('a', 0)").Scan(new(int)); !errors.As(err, &answer) || answer.Number != 1305 {
		t.Errorf("%v, want error 1305", err)
	}
	var one int
	if err := db.QueryRow("SELECT 1").Scan(&one); err != nil || one != 1 {
		t.Errorf("%d, %v", one, err)
	}
}

// A starting mariadbd deletes the #sql files in its tmpdir, and a server that
// loses its temporary tables so crashes: no two may share one.
func TestPrivateTemporaryFolder(t *testing.T) {
	a, b := Start(t), Start(t)
	var ofA, ofB string
	if err := a.DB("").QueryRow("SELECT @@tmpdir").Scan(&ofA); err != nil {
		t.Fatal(err)
	}
	if err := b.DB("").QueryRow("SELECT @@tmpdir").Scan(&ofB); err != nil {
		t.Fatal(err)
	}
	if ofA == ofB || ofA == os.TempDir() || ofB == os.TempDir() {
		t.Errorf("the servers keep temporary tables in %s and %s", ofA, ofB)
	}
}
