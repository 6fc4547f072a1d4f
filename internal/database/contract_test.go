package database

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/testdata/testmaria"
)

// What every lock of the MetaDB promises, whether it is one of the server or a lease.

// leaseTime is that of the contract: short, so that tests wait seconds for what takes half a minute otherwise.
const leaseTime = 3 * time.Second

// contract runs a test with a lock of the server, and with a lease. The port that is left is that of the config.
func contract(t *testing.T, test func(t *testing.T, s *testmaria.Server, c *config.Config)) {
	t.Run("lock", func(t *testing.T) {
		s := testmaria.Start(t)
		s.Exec("CREATE DATABASE rm")
		test(t, s, configFor(s))
	})
	t.Run("lease", func(t *testing.T) {
		s, c := withoutLocks(t)
		test(t, s, c)
	})
}

func take(t *testing.T, c *config.Config, timeout time.Duration) *Lock {
	t.Helper()
	l, err := Acquire(t.Context(), c, pool(t, c), LockOptions{Lease: true, LeaseTime: leaseTime, Timeout: timeout})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestOneAtATime(t *testing.T) {
	contract(t, func(t *testing.T, _ *testmaria.Server, c *config.Config) {
		var mu sync.Mutex
		inside, most := 0, 0
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() {
				l, _, err := Hold(t.Context(), c, pool(t, c), LockOptions{Lease: true})
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				inside++
				most = max(most, inside)
				mu.Unlock()
				time.Sleep(5 * time.Millisecond)
				mu.Lock()
				inside--
				mu.Unlock()
				l.Release()
			})
		}
		wg.Wait()
		if most != 1 {
			t.Errorf("%d held the lock at once", most)
		}
	})
}

// holderEnv makes the test binary a node that takes the lock, says so, and writes when it gets a line.
const holderEnv = "DATABASE_TEST_HOLDER"

// holderProcess is what such a node does. It prints a line for each thing that it has done.
func holderProcess() {
	var c config.Config
	var port struct{ Password string }
	text := os.Getenv(holderEnv)
	if json.Unmarshal([]byte(text), &c) != nil || json.Unmarshal([]byte(text), &port) != nil {
		os.Exit(3)
	}
	c.MetaPassword = config.Secret(port.Password)
	ctx := context.Background()
	db, err := Open(&c, "")
	if err != nil {
		panic(err)
	}
	l, held, err := Hold(ctx, &c, db, LockOptions{Lease: true, LeaseTime: leaseTime, Node: "holder"})
	if err != nil {
		fmt.Println("cannot lock:", err)
		os.Exit(1)
	}
	conn, err := l.Session(ctx, db)
	if err != nil {
		fmt.Println("no session:", err)
		os.Exit(1)
	}
	fmt.Println("locked")
	in := bufio.NewReader(os.Stdin)
	if _, err := in.ReadString('\n'); err != nil {
		os.Exit(0)
	}
	// As if it had been frozen right before this statement: nothing looks at the context first.
	if _, err := conn.ExecContext(context.WithoutCancel(ctx),
		"CREATE TABLE "+Quote(c.RMDatabase)+".late (a int)"); err != nil {
		fmt.Println("refused:", Explain(&c, err))
	} else {
		fmt.Println("written")
	}
	select {
	case <-held.Done():
		fmt.Println("lost:", errors.Is(context.Cause(held), ErrLockLost))
	case <-time.After(60 * time.Second):
		fmt.Println("not noticed")
	}
	os.Exit(0)
}

// node is another process that has the lock.
type node struct {
	cmd *exec.Cmd
	in  io.Writer
	out *bufio.Scanner
}

func startHolder(t *testing.T, c *config.Config) *node {
	t.Helper()
	order, err := json.Marshal(map[string]any{"MetaHost": c.MetaHost, "MetaPort": c.MetaPort, "MetaUser": c.MetaUser,
		"Password": c.MetaPassword.Reveal(), "RMDatabase": c.RMDatabase, "CMDatabase": c.CMDatabase})
	if err != nil {
		t.Fatal(err)
	}
	n := &node{cmd: exec.Command(os.Args[0])}
	n.cmd.Env = append(os.Environ(), holderEnv+"="+string(order))
	n.cmd.Stderr = os.Stderr
	out, err := n.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	n.out = bufio.NewScanner(out)
	if n.in, err = n.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		n.cmd.Process.Kill()
		n.cmd.Wait()
	})
	if line := n.line(); line != "locked" {
		t.Fatalf("the other node: %s", line)
	}
	return n
}

func (n *node) line() string {
	n.out.Scan()
	return n.out.Text()
}

func (n *node) signal(s syscall.Signal) { n.cmd.Process.Signal(s) }

func TestHolderKilled(t *testing.T) {
	contract(t, func(t *testing.T, _ *testmaria.Server, c *config.Config) {
		n := startHolder(t, c)
		n.signal(syscall.SIGKILL)
		take(t, c, time.Minute).Release()
	})
}

// A node that is frozen in the middle of its work holds nobody up, and cannot go on where it was when it wakes up.
func TestHolderFrozen(t *testing.T) {
	contract(t, func(t *testing.T, s *testmaria.Server, c *config.Config) {
		n := startHolder(t, c)
		n.signal(syscall.SIGSTOP)
		l := take(t, c, time.Minute)
		defer l.Release()
		io.WriteString(n.in, "write\n")
		n.signal(syscall.SIGCONT)
		if line := n.line(); !strings.HasPrefix(line, "refused: lost the connection") {
			t.Errorf("the node that woke up: %s", line)
		}
		if line := n.line(); line != "lost: true" {
			t.Errorf("the node that woke up: %s", line)
		}
		if err := query(t, configFor(s), "rm", "SELECT 1 FROM late"); !IsMissing(err) {
			t.Errorf("the node that woke up has written: %v", err)
		}
	})
}

func TestHoldersNetworkGone(t *testing.T) {
	contract(t, func(t *testing.T, s *testmaria.Server, c *config.Config) {
		cut := *c
		var silence func()
		cut.MetaPort, silence = s.SilentTo(c.MetaPort)
		l, held, err := Hold(t.Context(), &cut, pool(t, &cut), LockOptions{Lease: true, LeaseTime: leaseTime})
		if err != nil {
			t.Fatal(err)
		}
		silence()
		next := take(t, c, time.Minute)
		defer next.Release()
		select {
		case <-held.Done():
		case <-time.After(time.Minute):
			t.Fatal("the node without a network does not notice")
		}
		if err := context.Cause(held); !errors.Is(err, ErrLockLost) || !finding.IsTransient(err) {
			t.Errorf("cause %v", err)
		}
		l.Release()
	})
}

// The time-out ends a wait, also when the server is frozen in the middle of it.
func TestServerFrozenDuringTheWait(t *testing.T) {
	contract(t, func(t *testing.T, s *testmaria.Server, c *config.Config) {
		defer take(t, c, time.Minute).Release()
		defer s.Thaw()
		got := make(chan error, 1)
		go func() {
			_, err := Acquire(t.Context(), c, pool(t, c),
				LockOptions{Lease: true, LeaseTime: leaseTime, Timeout: 2 * time.Second,
					Waiting: func(Holder) { s.Freeze() }})
			got <- err
		}()
		select {
		case err := <-got:
			if err == nil || errors.Is(err, ErrLocked) || !finding.IsTransient(err) ||
				!errors.Is(err, context.DeadlineExceeded) || Gone(err) {
				t.Errorf("%v", err)
			}
		case <-time.After(time.Minute): // an unanswered statement alone takes five
			t.Fatal("still waiting")
		}
	})
}

// A limit of the server for the time of statements cuts neither the wait for a lock, nor the work under it.
func TestLimitOfStatements(t *testing.T) {
	s := testmaria.Start(t)
	s.Exec("CREATE DATABASE rm")
	c := configFor(s)
	l := take(t, c, time.Minute)
	defer l.Release()
	limit := "max_statement_time = 0.5"
	if s.Kind() == testmaria.MySQL { // which has it for SELECT alone
		limit = "max_execution_time = 500"
	}
	s.Exec("SET GLOBAL " + limit)
	if _, err := Acquire(t.Context(), c, pool(t, c), LockOptions{Timeout: time.Second}); !errors.Is(err, ErrLocked) {
		t.Errorf("%v", err)
	}
	conn, err := l.Session(t.Context(), pool(t, c))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(t.Context(), "DO SLEEP(1)"); err != nil {
		t.Error(err)
	}
	if err := query(t, c, "", Unhurried+"SLEEP(1)"); err != nil {
		t.Error(err)
	}
}

// Whatever a server says when it means that it has no GET_LOCK, the lease takes its place.
func TestRefusedLocks(t *testing.T) {
	s := testmaria.Start(t)
	s.Exec("CREATE DATABASE rm")
	for code, message := range map[int]string{
		1046: "No database selected",
		1064: "syntax error, unexpected GET_LOCK",
		1105: "Percona-XtraDB-Cluster prohibits use of GET_LOCK with pxc_strict_mode = ENFORCING",
		1128: "Function GET_LOCK is not defined",
		1235: "This version of MariaDB doesn't yet support GET_LOCK in cluster (WSREP_ON=ON)",
		1305: "FUNCTION GET_LOCK does not exist",
		1370: "execute command denied to user for routine rm.GET_LOCK",
		4500: "ERR_NOT_SUPPORT function GET_LOCK",
	} {
		c := configFor(s)
		c.MetaPort = s.Intercept(func(statement string) testmaria.Fate {
			if strings.Contains(statement, "GET_LOCK") {
				return testmaria.Fate{Instead: signal(code, message)}
			}
			return testmaria.Fate{}
		})
		l := take(t, c, time.Minute)
		if l.lease == nil {
			t.Errorf("%d: no lease", code)
		}
		l.Release()
	}
	for code, message := range map[int]string{
		1047: "WSREP has not yet prepared node for application use",
		1053: "Server shutdown in progress",
		1213: "Deadlock found when trying to get lock",
		3058: "Deadlock found when trying to get user-level lock",
		3024: "Query execution was interrupted, maximum statement execution time exceeded",
	} {
		c := configFor(s)
		c.MetaPort = s.Intercept(func(statement string) testmaria.Fate {
			if strings.Contains(statement, "GET_LOCK") {
				return testmaria.Fate{Instead: signal(code, message)}
			}
			return testmaria.Fate{}
		})
		if _, err := Acquire(t.Context(), c, pool(t, c), LockOptions{Lease: true}); int(CodeOf(err)) != code {
			t.Errorf("%d: %v", code, err)
		}
	}
}

func signal(code int, message string) string {
	return fmt.Sprintf("SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO=%d, MESSAGE_TEXT='%s'", code,
		strings.ReplaceAll(message, "'", "''"))
}

// What is sent under Watch is waited for as long as the lock is held, and no longer. What nobody watches over ends with
// the limit of an answer.
func TestLongStatement(t *testing.T) {
	contract(t, func(t *testing.T, s *testmaria.Server, c *config.Config) {
		l, err := Acquire(t.Context(), c, pool(t, c), LockOptions{Lease: true})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Release()
		watched, stop := l.Watch(t.Context())
		defer stop()
		db := pool(t, c, func(c *mysql.Config) { c.ReadTimeout = 200 * time.Millisecond })
		session := func() *sql.Conn {
			conn, err := db.Conn(t.Context())
			for ; err != nil && t.Context().Err() == nil; conn, err = db.Conn(t.Context()) {
				continue // the answers to a login have the limit, too
			}
			return conn
		}
		long := func(ctx context.Context) error {
			conn := session()
			defer conn.Close()
			_, err := conn.ExecContext(ctx, "DO SLEEP(1)")
			return err
		}
		for name, ctx := range map[string]context.Context{"as it is": watched,
			"to its end": context.WithoutCancel(watched)} {
			if err := long(ctx); err != nil {
				t.Errorf("under Watch, %s: %v", name, err)
			}
		}
		if err := long(t.Context()); !Gone(err) {
			t.Errorf("without Watch: %v", err)
		}
		conn := session()
		defer conn.Close()
		defer s.Thaw()
		s.Freeze()
		if _, err := conn.ExecContext(watched, "DO 1"); err == nil || !errors.Is(context.Cause(watched), ErrLockLost) {
			t.Errorf("frozen: %v, %v", err, context.Cause(watched))
		}
		if _, err := conn.ExecContext(context.WithoutCancel(watched), "DO 1"); err == nil {
			t.Error("frozen, to its end: no error")
		}
	})
}
