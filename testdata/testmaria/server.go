// Package testmaria starts a real, private mariadbd for a test. It serves the
// tests of every room that talks to a MetaDB.
//
// A data folder is initialised once per machine user and MariaDB version and
// then copied, which starts a server in tens of milliseconds instead of
// seconds. A machine without MariaDB fails the test; it is never skipped.
package testmaria

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

// DefaultPassword is root's password unless a test gives another one. It is
// full of characters that careless quoting trips over.
const DefaultPassword = `Te$t p@ss'w"o\rd#1:/?`

const startTimeout = 60 * time.Second

// Server is a running mariadbd that belongs to one test. User may log in from
// any loopback address with Password; no account has an empty password.
type Server struct {
	Host     string
	Port     int
	User     string
	Password string

	t    testing.TB
	kind Kind
	dir  string
	args []string
	proc *process
}

// Option changes how Start sets the server up.
type Option func(*Server)

// Password sets for root another password than DefaultPassword.
func Password(p string) Option { return func(s *Server) { s.Password = p } }

// Args adds options to the mariadbd command line, such as
// "--max-connections=3".
func Args(args ...string) Option { return func(s *Server) { s.args = append(s.args, args...) } }

// Start runs a server until the test ends. It fails the test when there is no
// MariaDB on the machine.
func Start(t testing.TB, opts ...Option) *Server {
	t.Helper()
	kind, err := standard()
	if err != nil {
		t.Fatalf("testmaria: %v", err)
	}
	s := &Server{Host: "127.0.0.1", User: "root", Password: DefaultPassword, t: t, kind: kind}
	for _, o := range opts {
		o(s)
	}
	template, err := template(s.kind, s.kind.shaping(s.args))
	if err != nil {
		t.Fatalf("testmaria: %v", err)
	}
	s.dir = memoryDir(t)
	if err := copyTree(s.dataDir(), template); err != nil {
		t.Fatalf("testmaria: cannot copy the template data folder: %v", err)
	}
	t.Cleanup(s.cleanUp)
	if err := s.firstStart(); err != nil {
		t.Fatalf("testmaria: %v", err)
	}
	return s
}

// cleanUp ends the server. The data folder is thrown away, so there is no need
// to shut down in order. A server that ended by itself, or had something to
// complain about in a test that failed, says so.
func (s *Server) cleanUp() {
	if s.proc == nil {
		return
	}
	select {
	case <-s.proc.done:
		s.t.Errorf("testmaria: mariadbd ended by itself: %v\n%s", s.proc.cmd.ProcessState, tail(s.logFile(), 0))
	default:
		s.proc.kill()
		if s.t.Failed() {
			s.t.Logf("testmaria: the server's log ends with\n%s", tail(s.logFile(), 0))
		}
	}
}

// DSN is a data source name of go-sql-driver/mysql for a database, "" for none.
func (s *Server) DSN(db string) string { return s.driverConfig(db).FormatDSN() }

// Kind is which server it is.
func (s *Server) Kind() Kind { return s.kind }

// Addr is host:port.
func (s *Server) Addr() string { return net.JoinHostPort(s.Host, strconv.Itoa(s.Port)) }

// DB opens a database as root, "" for none, and closes it when the test ends.
func (s *Server) DB(db string) *sql.DB {
	s.t.Helper()
	c, err := mysql.NewConnector(s.driverConfig(db))
	if err != nil {
		s.t.Fatalf("testmaria: %v", err)
	}
	pool := sql.OpenDB(c)
	s.t.Cleanup(func() { pool.Close() })
	return pool
}

// Exec runs statements as root and fails the test when one fails.
func (s *Server) Exec(statements ...string) {
	s.t.Helper()
	db := s.DB("")
	defer db.Close()
	for _, q := range statements {
		if _, err := db.Exec(q); err != nil {
			s.t.Fatalf("testmaria: %s: %v", q, err)
		}
	}
}

// Stop shuts the server down in order and keeps its data. A stopped server
// refuses connections until Restart.
func (s *Server) Stop() {
	s.t.Helper()
	if s.proc == nil {
		return
	}
	if err := s.proc.terminate(); err != nil {
		s.t.Errorf("testmaria: %v", err)
	}
	s.proc = nil
}

// Restart starts the server again on the same port with the same data, after
// stopping it when it still runs.
func (s *Server) Restart() {
	s.t.Helper()
	s.Stop()
	if err := s.start(); err != nil {
		s.t.Fatalf("testmaria: %v", err)
	}
}

// Freeze stops the server's process without closing its connections, which is
// what a hanging machine looks like. Thaw lets it go on. It returns when no
// thread runs any more.
func (s *Server) Freeze() {
	s.t.Helper()
	s.proc.signal(syscall.SIGSTOP)
	for deadline := time.Now().Add(time.Minute); !s.proc.stopped(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatal("testmaria: the server does not stop")
		}
	}
}

// Thaw ends Freeze.
func (s *Server) Thaw() { s.proc.signal(syscall.SIGCONT) }

// memory is a file system in memory, where data folders take no time to write.
const memory = "/dev/shm"

// memoryDir returns a new folder in memory, or, where there is little of that, where others are, for as long as the
// test lasts.
func memoryDir(t testing.TB) string {
	t.Helper()
	var fs syscall.Statfs_t
	if syscall.Statfs(memory, &fs) != nil || fs.Bavail*uint64(fs.Bsize) < 2<<30 {
		return t.TempDir()
	}
	removeStale.Do(func() {
		left, _ := filepath.Glob(filepath.Join(memory, dirPrefix+"*"))
		for _, dir := range left {
			pid, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), dirPrefix), "-")
			if _, err := os.Stat("/proc/" + pid); errors.Is(err, os.ErrNotExist) {
				os.RemoveAll(dir)
			}
		}
	})
	dir, err := os.MkdirTemp(memory, dirPrefix+strconv.Itoa(os.Getpid())+"-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

const dirPrefix = "omsinit-testmaria-"

// removeStale removes what tests left that were killed.
var removeStale sync.Once

func (s *Server) dataDir() string { return filepath.Join(s.dir, "data") }
func (s *Server) logFile() string { return filepath.Join(s.dir, "error.log") }

func (s *Server) driverConfig(db string) *mysql.Config {
	c := mysql.NewConfig()
	c.User, c.Passwd = s.User, s.Password
	c.Net, c.Addr, c.DBName = "tcp", s.Addr(), db
	c.ParseTime = true
	c.Timeout = 5 * time.Second
	c.Logger = &mysql.NopLogger{}
	return c
}

// firstStart sets root's password and finds a port. The port is free when it
// is picked and may be taken a moment later, so it is picked again then.
func (s *Server) firstStart() error {
	initFile := filepath.Join(s.dir, "init.sql")
	if err := os.WriteFile(initFile, []byte(s.kind.setPassword(s.Password)), 0o600); err != nil {
		return err
	}
	defer os.Remove(initFile)
	var err error
	for range 5 {
		if s.Port, err = freePort(); err != nil {
			return err
		}
		if err = s.start("--init-file=" + initFile); err == nil ||
			!strings.Contains(err.Error(), "Address already in use") {
			return err
		}
	}
	return err
}

func (k Kind) setPassword(password string) string {
	quoted := "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(password) + "'"
	sql := "ALTER USER root@localhost IDENTIFIED BY " + quoted + ";\n"
	for _, user := range []string{"root@'%'", "root@'127.0.0.1'"} {
		sql += "CREATE USER IF NOT EXISTS " + user + " IDENTIFIED BY " + quoted + ";\n" +
			"GRANT ALL ON *.* TO " + user + " WITH GRANT OPTION;\n"
	}
	return sql
}

func (s *Server) start(extra ...string) error {
	bin, err := s.kind.server()
	if err != nil {
		return err
	}
	place, err := s.kind.placeArgs()
	if err != nil {
		return err
	}
	args := append([]string{
		"--no-defaults",
		"--datadir=" + s.dataDir(),
		"--log-error=" + s.logFile(),
		"--tmpdir=" + s.dir, // see privateTmp
		"--bind-address=127.0.0.1",
		"--port=" + strconv.Itoa(s.Port),
		// Both are relative to the data folder: a socket path has at most 107 characters.
		"--socket=m.sock",
		"--pid-file=m.pid",
		"--skip-name-resolve",
		"--innodb-flush-log-at-trx-commit=0",
		"--innodb-flush-method=nosync",
	}, append(append(s.kind.serverArgs(), place...), append(s.args, extra...)...)...)

	mark := fileSize(s.logFile())
	s.proc, err = startProcess(bin, args)
	if err != nil {
		return err
	}
	if err := s.waitReady(); err != nil {
		s.proc.kill()
		s.proc = nil
		return fmt.Errorf("mariadbd did not start on port %d: %w\n%s", s.Port, err, tail(s.logFile(), mark))
	}
	return nil
}

func (s *Server) waitReady() error {
	db, err := sql.Open("mysql", s.DSN(""))
	if err != nil {
		return err
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if err = db.PingContext(ctx); err == nil {
			return nil
		}
		var refused *mysql.MySQLError
		if errors.As(err, &refused) && refused.Number == 1045 {
			return err // another server on our port
		}
		select {
		case <-tick.C:
		case <-s.proc.done:
			return errors.New("it ended")
		case <-ctx.Done():
			return err
		}
	}
}

// process is a child that dies with this one.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
}

// startProcess starts the child on a thread of its own that lives as long as
// the child: the death signal is sent when that thread ends, not only when the
// process does (golang.org/issue/27505).
func startProcess(bin string, args []string) (*process, error) {
	p := &process{cmd: exec.Command(bin, args...), done: make(chan struct{})}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.cmd.Wait()
		}
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("cannot start %s: %w", bin, err)
	}
	return p, nil
}

func (p *process) signal(sig syscall.Signal) { p.cmd.Process.Signal(sig) }

// stopped reports whether every thread has been stopped by a signal.
func (p *process) stopped() bool {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", p.cmd.Process.Pid))
	for _, task := range tasks {
		stat, _ := os.ReadFile(task) // the thread may have ended
		if name := strings.LastIndex(string(stat), ") "); name >= 0 && stat[name+2] != 'T' {
			return false
		}
	}
	return err == nil && len(tasks) > 0
}

func (p *process) kill() {
	p.cmd.Process.Kill()
	<-p.done
}

func (p *process) terminate() error {
	p.signal(syscall.SIGCONT)
	p.signal(syscall.SIGTERM)
	select {
	case <-p.done:
		return nil
	case <-time.After(30 * time.Second):
		p.kill()
		return errors.New("mariadbd did not stop within 30 s and was killed")
	}
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

func fileSize(path string) int64 {
	if fi, err := os.Stat(path); err == nil {
		return fi.Size()
	}
	return 0
}

// tail returns what was written to a log since it had the size mark.
func tail(path string, mark int64) string {
	f, err := os.Open(path)
	if err != nil {
		return "(no log: " + err.Error() + ")"
	}
	defer f.Close()
	f.Seek(mark, io.SeekStart)
	text, _ := io.ReadAll(f)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}
