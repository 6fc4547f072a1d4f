package check

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/finding"
	"omsinit/internal/layout"
	"omsinit/internal/pack"
	"omsinit/testdata/testmaria"
)

// onServer is a configuration with databases of its own on a server.
func onServer(t *testing.T, db *testmaria.Server, suffix string) *config.Config {
	t.Helper()
	cfg := load(t, valid)
	cfg.MetaHost, cfg.MetaPort, cfg.MetaUser, cfg.MetaPassword = db.Host, db.Port, db.User, config.Secret(db.Password)
	cfg.RMDatabase, cfg.CMDatabase, cfg.HeartbeatDatabase = "rm"+suffix, "cm"+suffix, "hb"+suffix
	return cfg
}

// connected runs the connection, what else a check needs, and the check.
func connected(t *testing.T, in Input, cfg *config.Config, runs ...func(context.Context, *node, *found)) Result {
	t.Helper()
	in.setDefaults()
	n := &node{Input: in, cfg: cfg}
	f := &found{}
	for _, run := range append([]func(context.Context, *node, *found){metaDBConnect}, runs...) {
		run(t.Context(), n, f)
		if f.publish != nil {
			f.publish()
		}
	}
	if n.db != nil {
		t.Cleanup(func() { n.db.Close() })
	}
	return Result{Findings: f.findings, Facts: f.facts}
}

func factOf(r Result, name string) any {
	for _, f := range r.Facts {
		if f.Name == name {
			return f.Value
		}
	}
	return nil
}

func TestMetaDB(t *testing.T) {
	db := testmaria.Start(t, testmaria.Password("LooksLikeASecret42"))
	cfg := onServer(t, db, "")

	t.Run("login", func(t *testing.T) {
		if got := ids(connected(t, Input{}, cfg)); got != "" {
			t.Errorf("got %s", got)
		}
		wrong := *cfg
		wrong.MetaPassword = "AnotherSecret43"
		got := connected(t, Input{}, &wrong)
		if ids(got) != "error metadb.login" || got.Findings[0].Transient ||
			strings.Contains(fmt.Sprint(got), "AnotherSecret43") {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("unreachable", func(t *testing.T) {
		away := *cfg
		away.MetaPort = 1 // nothing of this machine listens there
		got := connected(t, Input{}, &away)
		if ids(got) != "error metadb.unreachable" || !got.Findings[0].Transient {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("looks up names", func(t *testing.T) {
		file := freePorts(t) + strings.NewReplacer("2883", itoa(db.Slow(slowGreeting)), "Secret42",
			db.Password).Replace(valid)
		in := Input{Layout: layout.New(t.TempDir()), ConfigFile: "-", Load: typing(strings.NewReader(file)),
			TryWrites: true,
			// less than a login takes
			HostIP: "10.0.0.1", addresses: addresses("10.0.0.1/24"), Deadline: time.Second}
		report, _ := Run(t.Context(), in)
		var got []string
		for _, f := range report.Findings() {
			if strings.HasPrefix(f.ID, "metadb.") || f.ID == "check.deadline" || f.ID == "regions.conflict" {
				got = append(got, f.ID)
			}
		}
		if fmt.Sprint(got) != "[metadb.slow-greeting]" {
			t.Errorf("got %v: %+v", got, report.Findings())
		}
	})
	t.Run("looks up names for longer than the deadline", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		slow := *cfg
		slow.MetaPort = l.Addr().(*net.TCPAddr).Port
		n := &node{Input: Input{Deadline: 20 * time.Millisecond}, cfg: &slow}
		f, _ := bounded(t.Context(), n, metaDBConnectCheck)
		if got := (Result{Findings: f.findings}); ids(got) != "error metadb.slow-greeting" ||
			!got.Findings[0].Transient {
			t.Errorf("got %+v", f.findings)
		}
	})
	t.Run("read-only", func(t *testing.T) {
		db.Exec("CREATE USER app@'%' IDENTIFIED BY 'pw'", "GRANT ALL ON rm.* TO app@'%'", "SET GLOBAL read_only = 1")
		defer db.Exec("SET GLOBAL read_only = 0")
		app := *cfg
		app.MetaUser, app.MetaPassword = "app", "pw"
		uses := func(*config.Config) ([]database.Use, error) {
			return []database.Use{{Database: "rm", Rights: []database.Right{database.Create}}}, nil
		}
		if got := connected(t, Input{Uses: uses}, &app, metaDBDatabases,
			metaDBRights); ids(got) != "error metadb.read-only" {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("frozen", func(t *testing.T) {
		db.Freeze()
		defer db.Thaw()
		in := Input{Layout: layout.New(t.TempDir()), ConfigFile: "-",
			Load: typing(strings.NewReader(freePorts(t) + strings.NewReplacer("2883", itoa(db.Port), "Secret42",
				db.Password).Replace(valid))),
			HostIP: "10.0.0.1", addresses: addresses("10.0.0.1/24"), Deadline: 300 * time.Millisecond}
		report, _ := Run(t.Context(), in)
		if err := report.Err(); !finding.IsTransient(err) {
			t.Errorf("not passing: %v", err)
		}
	})
	t.Run("server", func(t *testing.T) {
		got := connected(t, Input{}, cfg, metaDBServer)
		if ids(got) != "" || factOf(got, "kind") != "MariaDB" {
			t.Errorf("got %s, %v", ids(got), got.Facts)
		}
	})
	t.Run("what is known about it", func(t *testing.T) {
		for want, s := range map[string]*pack.Server{
			"": {Works: true}, "warning metadb.unsuitable": {Symptom: "an error", Source: "a page"},
			"warning metadb.untried": nil,
		} {
			in := Input{Suiting: func(kind, version string) *pack.Server {
				if kind != "MariaDB" || version == "" {
					t.Errorf("asked about %s %s", kind, version)
				}
				return s
			}}
			if got := connected(t, in, cfg, metaDBServer); ids(got) != want {
				t.Errorf("got %+v, want %q", got, want)
			}
		}
	})
	t.Run("small packets and latin1", func(t *testing.T) {
		small := testmaria.Start(t, testmaria.Args("--max-allowed-packet=4M", "--character-set-server=latin1"))
		small.Exec("CREATE DATABASE rm")
		got := connected(t, Input{}, onServer(t, small, ""), metaDBServer, metaDBDatabases)
		if ids(got) != "warning metadb.packet, warning metadb.charset" {
			t.Errorf("got %s", ids(got))
		}
	})
	t.Run("clock", func(t *testing.T) {
		zone := time.Now().Location()
		for _, tc := range []struct {
			ahead time.Duration
			want  string
		}{
			{0, ""}, {900 * time.Millisecond, ""}, {2 * time.Second, "warning metadb.clock"},
			{-2 * time.Second, "warning metadb.clock"},
			{8 * time.Second, "error metadb.clock"}, {-8 * time.Second, "error metadb.clock"},
		} {
			in := Input{now: func() time.Time { return time.Now().Add(-tc.ahead).In(zone) }}
			got := connected(t, in, cfg, metaDBClock)
			if ids(got) != tc.want {
				t.Errorf("%s: got %s, %v", tc.ahead, ids(got), got.Facts)
			}
			if tc.ahead < 0 && !strings.Contains(got.Findings[0].Message.String(), "behind") {
				t.Errorf("%s: %s", tc.ahead, got.Findings[0].Message)
			}
		}
	})
	t.Run("time zone", func(t *testing.T) {
		in := Input{now: func() time.Time { return time.Now().In(time.FixedZone("NST", -(3*3600 + 30*60))) }}
		got := connected(t, in, cfg, metaDBClock)
		if ids(got) != "warning metadb.timezone" ||
			!strings.Contains(got.Findings[0].Message.String(), "UTC-03:30 (NST)") {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("time zone of TZ", func(t *testing.T) {
		db.Exec("SET GLOBAL time_zone = '+08:00'")
		defer db.Exec("SET GLOBAL time_zone = SYSTEM")
		for tz, want := range map[string]string{
			"UTC-8": "", "<+08>-8": "", "CST-8": "", "UTC+8": "warning metadb.timezone",
			"UTC":          "warning metadb.timezone",
			"Asia/Nowhere": "warning metadb.timezone, warning metadb.timezone",
			"UTC 8":        "warning metadb.timezone, warning metadb.timezone",
		} {
			// which is all that Go makes of it
			in := Input{Environ: []string{"TZ=" + tz}, now: func() time.Time { return time.Now().UTC() }}
			if got := connected(t, in, cfg, metaDBClock); ids(got) != want {
				t.Errorf("%s: got %+v", tz, got)
			}
		}
	})
	t.Run("gate", func(t *testing.T) {
		in := Input{Gate: func(context.Context, *config.Config) error { return finding.Transient(context.DeadlineExceeded) }}
		if got := connected(t, in, cfg, metaDBRelease); ids(got) != "error metadb.release" ||
			!got.Findings[0].Transient {
			t.Errorf("got %+v", got)
		}
	})
}

// TestTLS: an account that may come with TLS only is told from a wrong password.
func TestTLS(t *testing.T) {
	cert, key := newAuthority(t, "root", nil).server(-time.Hour, time.Hour, "127.0.0.1")
	dir := t.TempDir()
	for name, text := range map[string]string{"crt.pem": chain(cert), "key.pem": keyPEM(t, key)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	db := testmaria.Start(t, testmaria.Args("--ssl-cert="+dir+"/crt.pem", "--ssl-key="+dir+"/key.pem"))
	db.Exec("CREATE USER tls@'%' IDENTIFIED BY 'pw' REQUIRE SSL", "CREATE USER plain@'%' IDENTIFIED BY 'pw'")
	for _, tc := range []struct{ user, password, want string }{
		{"plain", "pw", ""}, {"tls", "pw", "error metadb.tls"}, {"tls", "wrong", "error metadb.login"},
		{"nobody", "pw", "error metadb.login"},
	} {
		cfg := onServer(t, db, "")
		cfg.MetaUser, cfg.MetaPassword = tc.user, config.Secret(tc.password)
		if got := connected(t, Input{}, cfg); ids(got) != tc.want {
			t.Errorf("%s %s: got %+v", tc.user, tc.password, got)
		}
	}
}

func TestServerKind(t *testing.T) {
	for _, tc := range []struct {
		version, comment, kind string
		known                  bool
	}{
		{"5.7.44-log", "MySQL Community Server (GPL)", "MySQL", true}, {"8.0.36", "MySQL", "MySQL", true},
		{"5.6.51", "", "MySQL", false},
		{"10.11.6-MariaDB-0+deb12u1", "Debian 12", "MariaDB", true}, {"10.1.48-MariaDB", "", "MariaDB", false},
		{"11.4.2-MariaDB", "", "MariaDB", true},
		{"5.7.25-OceanBase-v4.2.1.8", "OceanBase 4.2.1", "OceanBase", true},
		{"5.6.25", "OceanBase 2.2.77 (r1)", "OceanBase", true}, {"garbage", "", "MySQL", false},
	} {
		if kind, known := serverKind(tc.version, tc.comment); kind != tc.kind || known != tc.known {
			t.Errorf("%s %s: got %s %v", tc.version, tc.comment, kind, known)
		}
	}
}
