package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"go.uber.org/goleak"

	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/testdata/testmaria"
)

// The driver leaves one goroutine behind when it panics in a greeting.
func TestMain(m *testing.M) {
	if os.Getenv(holderEnv) != "" {
		holderProcess()
	}
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/go-sql-driver/mysql.(*mysqlConn).startWatcher.func1"))
}

func configFor(s *testmaria.Server) *config.Config {
	return &config.Config{
		MetaHost: s.Host, MetaPort: s.Port, MetaUser: s.User, MetaPassword: config.Secret(s.Password),
		RMDatabase: "rm", CMDatabase: "cm", HeartbeatDatabase: "hb",
	}
}

func TestOpen(t *testing.T) {
	s := testmaria.Start(t)
	db, err := Open(configFor(s), "", As("10.0.0.1, node one"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var client, connection, results, text string
	q := "SELECT @@character_set_client, @@character_set_connection, @@character_set_results, ?"
	if err := db.QueryRow(q, `心跳😀 '"\`).Scan(&client, &connection, &results, &text); err != nil {
		t.Fatal(err)
	}
	if client != "utf8mb4" || connection != "utf8mb4" || results != "utf8mb4" || text != `心跳😀 '"\` {
		t.Errorf("session speaks %s, %s, %s; text came back as %q", client, connection, results, text)
	}
	if _, err := db.Exec("DO 1; DO 2"); err == nil {
		t.Error("two statements in one were accepted")
	}
	var now time.Time
	if err := db.QueryRow("SELECT NOW()").Scan(&now); err != nil {
		t.Errorf("times are not parsed: %v", err)
	}
}

// A user of an OceanBase tenant has @ and # in the name.
func TestOceanBaseUser(t *testing.T) {
	s := testmaria.Start(t)
	s.Exec("CREATE USER 'root@oms#obcluster'@'%' IDENTIFIED BY 'p@ss/w:rd'")
	c := configFor(s)
	c.MetaUser, c.MetaPassword = "root@oms#obcluster", "p@ss/w:rd"
	db, err := Open(c, "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var who string
	if err := db.QueryRow("SELECT USER()").Scan(&who); err != nil || !strings.HasPrefix(who, "root@oms#obcluster@") {
		t.Errorf("logged in as %q: %v", who, err)
	}
}

func TestQuote(t *testing.T) {
	if got := Quote("a`b"); got != "`a``b`" {
		t.Errorf("Quote = %s", got)
	}
}

// explained checks what every explained error promises.
func explained(t *testing.T, c *config.Config, err error, wantPassing bool, want string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	e := Explain(c, err)
	text, zh := e.Error(), msg.Chinese.Text(e)
	if !strings.Contains(text, want) {
		t.Errorf("the error is %q, want %q in it", text, want)
	}
	if finding.IsTransient(e) != wantPassing {
		t.Errorf("passing = %v for %q", finding.IsTransient(e), text)
	}
	for _, part := range []string{net.JoinHostPort(c.MetaHost, fmt.Sprint(c.MetaPort))} {
		if !strings.Contains(text, part) || !strings.Contains(zh, part) {
			t.Errorf("%q / %q does not name %s", text, zh, part)
		}
	}
	if strings.Contains(text, "\n") {
		t.Errorf("more than one line: %q", text)
	}
	if secret := c.MetaPassword.Reveal(); secret != "" &&
		(strings.Contains(text, secret) || strings.Contains(fmt.Sprintf("%+v %#v", e, e), secret)) {
		t.Errorf("the password is in %q", text)
	}
	if !strings.ContainsAny(zh, "元监听无法") {
		t.Errorf("no Chinese: %q", zh)
	}
	if again := Explain(c, e); again != e {
		t.Errorf("explained twice: %v", again)
	}
}

func query(t *testing.T, c *config.Config, database, q string) error {
	t.Helper()
	db, err := Open(c, database)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	_, err = db.ExecContext(ctx, q)
	return err
}

func TestExplainServerErrors(t *testing.T) {
	s := testmaria.Start(t, testmaria.Args("--max-connections=10"))
	s.Exec(
		"CREATE USER poor@'%' IDENTIFIED BY 's3cret-poor'",
		"GRANT USAGE ON *.* TO poor@'%'",
		"CREATE DATABASE there",
		"CREATE TABLE there.t (a int)",
		"GRANT SELECT ON there.t TO poor@'%'",
	)
	poor := func(c *config.Config) { c.MetaUser, c.MetaPassword = "poor", "s3cret-poor" }
	for _, tc := range []struct {
		name, database, query string
		change                func(*config.Config)
		passing               bool
		want                  string
	}{
		{"wrong password", "", "DO 1", func(c *config.Config) { c.MetaPassword = "s3cretWrong" }, false,
			"refuses the login of user root"},
		{"no such user", "", "DO 1", func(c *config.Config) { c.MetaUser = "nobody@tenant" }, false,
			"refuses the login of user nobody@tenant"},
		{"empty password", "", "DO 1", func(c *config.Config) { c.MetaPassword = "" }, false, "Error 1045"},
		{"database forbidden", "there2", "DO 1", poor, false, "user poor lacks a right"},
		{"create forbidden", "", "CREATE DATABASE mine", poor, false, "user poor lacks a right"},
		{"table forbidden", "there", "INSERT INTO t VALUES (1)", poor, false, "user poor lacks a right"},
		{"no database", "notthere", "DO 1", nil, false, "--only metadb"},
		{"no table", "there", "SELECT * FROM notthere", nil, false, "--only metadb"},
		{"bad SQL", "there", "SELEC 1", nil, false, "Error 1064"},
		{"lock wait", "", "SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO=1205, MESSAGE_TEXT='Lock wait timeout exceeded'",
			nil, true, "waited too long"},
		{"deadlock", "", "SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO=1213, MESSAGE_TEXT='Deadlock found'", nil, true,
			"too busy"},
		{"packet too large", "", "SIGNAL SQLSTATE '08S01' SET MYSQL_ERRNO=1153, MESSAGE_TEXT='Got a packet bigger'",
			nil, false, "max_allowed_packet"},
		{"disk full in the engine", "",
			"SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO=1030, MESSAGE_TEXT='Got error 28 from storage engine'", nil, false,
			"no space left"},
		{"disk full", "", "SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO=1021, MESSAGE_TEXT='Disk full (/tmp/x)'", nil, false,
			"no space left"},
		{"table full", "", "SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO=1114, MESSAGE_TEXT='The table is full'", nil, false,
			"no space left"},
		{"shutdown", "", "SIGNAL SQLSTATE '08S01' SET MYSQL_ERRNO=1053, MESSAGE_TEXT='Server shutdown in progress'",
			nil, true, "starting or shutting down"},
		{"OceanBase starting", "",
			"SIGNAL SQLSTATE '08004' SET MYSQL_ERRNO=8001, MESSAGE_TEXT='Server is initializing'", nil, true,
			"starting or shutting down"},
		{"super read only", "",
			"SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO=1836, MESSAGE_TEXT='Running in read-only mode'", nil, false,
			"read-only"},
		{"ended session", "", "KILL CONNECTION_ID()", nil, true, "lost the connection"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := configFor(s)
			if tc.change != nil {
				tc.change(c)
			}
			explained(t, c, query(t, c, tc.database, tc.query), tc.passing, tc.want)
		})
	}

	t.Run("read-only server", func(t *testing.T) {
		s.Exec("CREATE USER app@'%' IDENTIFIED BY 's3cret-app'", "GRANT ALL ON there.* TO app@'%'",
			"SET GLOBAL read_only = 1")
		defer s.Exec("SET GLOBAL read_only = 0")
		c := configFor(s)
		c.MetaUser, c.MetaPassword = "app", "s3cret-app"
		explained(t, c, query(t, c, "there", "INSERT INTO t VALUES (1)"), false, "read-only")
	})
	t.Run("too many connections", func(t *testing.T) {
		// An account with SUPER has one connection more, so it is not used here.
		s.Exec("CREATE USER many@'%' IDENTIFIED BY 's3cret-many'")
		c := configFor(s)
		c.MetaUser, c.MetaPassword = "many", "s3cret-many"
		var err error
		for range 12 {
			db, openErr := Open(c, "")
			if openErr != nil {
				t.Fatal(openErr)
			}
			defer db.Close()
			if err = db.Ping(); err != nil {
				break
			}
		}
		explained(t, c, err, true, "no connection left")
	})
	t.Run("host not allowed", func(t *testing.T) {
		err := &mysql.MySQLError{Number: 1130, Message: "Host '10.0.0.9' is not allowed to connect to this server"}
		explained(t, configFor(s), err, false, "from this node")
	})
	t.Run("unsupported login", func(t *testing.T) {
		c := configFor(s)
		if s.Kind() == testmaria.MySQL { // which has no login left that the driver does not know
			explained(t, c, &mysql.MySQLError{Number: 1524, Message: "Plugin 'x' is not loaded"}, false,
				"log in in a way")
			return
		}
		s.Exec("CREATE USER gss@'%' IDENTIFIED VIA mysql_old_password USING '5e83e7a06a8ab5d6'")
		c.MetaUser, c.MetaPassword = "gss", "s3cret-gss"
		explained(t, c, query(t, c, "", "DO 1"), false, "log in in a way")
	})
}

// A server that has no key for caching_sha2_password, and one that lets the account in with TLS only, are named.
func TestExplainLogins(t *testing.T) {
	s := testmaria.Start(t, testmaria.On(testmaria.MySQL))
	s.Exec("CREATE USER tls@'%' IDENTIFIED BY 's3cret-tls' REQUIRE SSL",
		"CREATE USER sha@'%' IDENTIFIED BY 's3cret-sha'")
	c := configFor(s)
	c.MetaUser, c.MetaPassword = "tls", "s3cret-tls"
	err := query(t, c, "", "DO 1")
	explained(t, c, err, false, "with TLS only")
	if !WantsTLS(err) {
		t.Errorf("%v", err)
	}
	c.MetaPassword = "s3cret-wrong"
	if err := query(t, c, "", "DO 1"); WantsTLS(err) || CodeOf(err) != ErrAccessDenied {
		t.Errorf("%v", err)
	}
	c.MetaUser, c.MetaPassword, c.MetaPort = "sha", "s3cret-sha", s.Keyless()
	explained(t, c, query(t, c, "", "DO 1"), false, "has no key")
}

func TestExplainOutage(t *testing.T) {
	s := testmaria.Start(t)
	c := configFor(s)
	db, err := Open(c, "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	conn, err := db.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	s.Stop()
	_, err = conn.ExecContext(context.Background(), "DO 1")
	explained(t, c, err, true, "lost the connection")
	explained(t, c, query(t, c, "", "DO 1"), true, "nothing listens there")
	s.Restart()
	if err := query(t, c, "", "DO 1"); err != nil {
		t.Errorf("after the restart: %v", err)
	}
	open, err := db.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	s.Freeze()
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	_, err = open.ExecContext(ctx, "DO 1")
	explained(t, c, err, true, "did not answer in time")
	ctx, cancel = context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	_, err = db.ExecContext(ctx, "DO 1")
	s.Thaw()
	explained(t, c, err, true, "does not greet as a MySQL server does")
}

// service accepts connections and does what it is told with each.
func service(t *testing.T, serve func(net.Conn)) *config.Config {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serve(c)
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return &config.Config{MetaHost: "127.0.0.1", MetaPort: l.Addr().(*net.TCPAddr).Port, MetaUser: "root",
		MetaPassword: "s3cret-pw"}
}

func TestExplainForeignServices(t *testing.T) {
	write := func(text string) func(net.Conn) {
		return func(c net.Conn) {
			c.Write([]byte(text))
			c.Read(make([]byte, 1)) // until the other side is done
		}
	}
	for _, tc := range []struct {
		name    string
		serve   func(net.Conn)
		passing bool
		want    string
	}{
		{"ssh", write("SSH-2.0-OpenSSH_9.2\r\n"), false, `not a MySQL server: it says "SSH-2.0`},
		{"http answer", write("HTTP/1.1 400 Bad Request\r\n\r\n"), false, "not a MySQL server"},
		{"smtp", write("220 mail ESMTP\r\n"), false, "not a MySQL server"},
		{"zeros", write(strings.Repeat("\x00", 64)), false, "not a MySQL server"},
		{"short greeting", write("\x03\x00\x00\x00\x0a12"), false, "not a MySQL server"},
		{"broken greeting", write("\x28\x00\x00\x00\x0a" + strings.Repeat("5", 38) + "\x00"), false,
			"not a MySQL server"},
		{"closes at once", func(net.Conn) {}, true, "does not greet"},
		{"closes in the greeting", func(c net.Conn) { c.Write([]byte("\x4a\x00\x00\x00\x0a5.7")) }, true,
			"broke off the login"},
		{"too many connections", write("\x17\x00\x00\x00\xff\x10\x04Too many connections"), true, "no connection left"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := service(t, tc.serve)
			explained(t, c, query(t, c, "", "DO 1"), tc.passing, tc.want)
		})
	}
	t.Run("silent", func(t *testing.T) { // such as an HTTP server, which waits for the request
		c := service(t, func(c net.Conn) { c.Read(make([]byte, 1)) })
		db, err := open(c, "", 200*time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		explained(t, c, db.Ping(), true, "does not greet")
	})
	t.Run("nothing listens", func(t *testing.T) {
		c := service(t, func(net.Conn) {})
		c.MetaPort = freePort(t)
		explained(t, c, query(t, c, "", "DO 1"), true, "nothing listens there")
	})
	t.Run("no such name", func(t *testing.T) {
		c := &config.Config{MetaHost: "metadb.invalid", MetaPort: 2881, MetaUser: "root"}
		explained(t, c, query(t, c, "", "DO 1"), true, "cannot find the MetaDB")
	})
}

func freePort(t *testing.T) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func TestExplainNetwork(t *testing.T) {
	c := &config.Config{MetaHost: "2001:db8::1", MetaPort: 2881, MetaUser: "root"}
	dial := func(err error) error { return &connectError{err: &net.OpError{Op: "dial", Net: "tcp", Err: err}} }
	explained(t, c, dial(os.ErrDeadlineExceeded), true, "nothing answers")
	explained(t, c, dial(&net.DNSError{Err: "no such host", Name: "metadb"}), true, "cannot find")
	explained(t, c, dial(errors.New("no route to host")), true, "has a route")
}

func TestExplainLeavesAlone(t *testing.T) {
	c := &config.Config{}
	if err := Explain(c, nil); err != nil {
		t.Errorf("nil became %v", err)
	}
	cancelled := fmt.Errorf("query: %w", context.Canceled)
	if err := Explain(c, cancelled); err != cancelled {
		t.Errorf("a cancelled context became %v", err)
	}
	if err := Explain(c, sql.ErrNoRows); !errors.Is(err, sql.ErrNoRows) || finding.IsTransient(err) {
		t.Errorf("%v", err)
	}
}

func TestCancelledConnect(t *testing.T) {
	c := service(t, func(c net.Conn) { c.Read(make([]byte, 1)) })
	db, err := Open(c, "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(50*time.Millisecond, cancel)
	if err := Explain(c, db.PingContext(ctx)); !errors.Is(err, context.Canceled) || finding.IsTransient(err) {
		t.Errorf("%v", err)
	}
}
