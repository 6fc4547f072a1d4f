package check

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/finding"
	"omsinit/internal/layout"
	"omsinit/internal/msg"
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
		if ids(got) != "error metadb.login" || got.Findings[0].Transient || strings.Contains(fmt.Sprint(got), "AnotherSecret43") {
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
		file := freePorts(t) + strings.NewReplacer("2883", itoa(db.Slow(slowGreeting)), "Secret42", db.Password).Replace(valid)
		in := Input{Layout: layout.New(t.TempDir()), ConfigFile: "-", Load: typing(strings.NewReader(file)), TryWrites: true,
			HostIP: "10.0.0.1", addresses: addresses("10.0.0.1/24"), Deadline: time.Second} // less than a login takes
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
		if got := (Result{Findings: f.findings}); ids(got) != "error metadb.slow-greeting" || !got.Findings[0].Transient {
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
		if got := connected(t, Input{Uses: uses}, &app, metaDBDatabases, metaDBRights); ids(got) != "error metadb.read-only" {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("frozen", func(t *testing.T) {
		db.Freeze()
		defer db.Thaw()
		in := Input{Layout: layout.New(t.TempDir()), ConfigFile: "-", Load: typing(strings.NewReader(freePorts(t) + strings.NewReplacer("2883", itoa(db.Port), "Secret42", db.Password).Replace(valid))),
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
			"": {Works: true}, "warning metadb.unsuitable": {Symptom: "an error", Source: "a page"}, "warning metadb.untried": nil,
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
			{0, ""}, {900 * time.Millisecond, ""}, {2 * time.Second, "warning metadb.clock"}, {-2 * time.Second, "warning metadb.clock"},
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
		if ids(got) != "warning metadb.timezone" || !strings.Contains(got.Findings[0].Message.String(), "UTC-03:30 (NST)") {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("time zone of TZ", func(t *testing.T) {
		db.Exec("SET GLOBAL time_zone = '+08:00'")
		defer db.Exec("SET GLOBAL time_zone = SYSTEM")
		for tz, want := range map[string]string{
			"UTC-8": "", "<+08>-8": "", "CST-8": "", "UTC+8": "warning metadb.timezone", "UTC": "warning metadb.timezone",
			"Asia/Nowhere": "warning metadb.timezone, warning metadb.timezone", "UTC 8": "warning metadb.timezone, warning metadb.timezone",
		} {
			in := Input{Environ: []string{"TZ=" + tz}, now: func() time.Time { return time.Now().UTC() }} // which is all that Go makes of it
			if got := connected(t, in, cfg, metaDBClock); ids(got) != want {
				t.Errorf("%s: got %+v", tz, got)
			}
		}
	})
	t.Run("gate", func(t *testing.T) {
		in := Input{Gate: func(context.Context, *config.Config) error { return finding.Transient(context.DeadlineExceeded) }}
		if got := connected(t, in, cfg, metaDBRelease); ids(got) != "error metadb.release" || !got.Findings[0].Transient {
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
		{"plain", "pw", ""}, {"tls", "pw", "error metadb.tls"}, {"tls", "wrong", "error metadb.login"}, {"nobody", "pw", "error metadb.login"},
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
		{"5.7.44-log", "MySQL Community Server (GPL)", "MySQL", true}, {"8.0.36", "MySQL", "MySQL", true}, {"5.6.51", "", "MySQL", false},
		{"10.11.6-MariaDB-0+deb12u1", "Debian 12", "MariaDB", true}, {"10.1.48-MariaDB", "", "MariaDB", false}, {"11.4.2-MariaDB", "", "MariaDB", true},
		{"5.7.25-OceanBase-v4.2.1.8", "OceanBase 4.2.1", "OceanBase", true}, {"5.6.25", "OceanBase 2.2.77 (r1)", "OceanBase", true}, {"garbage", "", "MySQL", false},
	} {
		if kind, known := serverKind(tc.version, tc.comment); kind != tc.kind || known != tc.known {
			t.Errorf("%s %s: got %s %v", tc.version, tc.comment, kind, known)
		}
	}
}

func TestDatabases(t *testing.T) {
	db := testmaria.Start(t, testmaria.Args("--character-set-server=utf8mb4"))
	db.Exec("CREATE DATABASE rm1", "CREATE TABLE rm1.cluster_info (id INT)", "CREATE DATABASE cm1",
		"CREATE TABLE cm1.omsinit_journal (id INT)", // of a run that was interrupted there
		"CREATE DATABASE hb1", "CREATE TABLE hb1.customers (id INT)", "CREATE TABLE hb1.orders (id INT)")
	got := connected(t, Input{}, onServer(t, db, "1"), metaDBDatabases)
	if ids(got) != "error metadb.foreign" || !strings.Contains(got.Findings[0].Message.String(), "hb1 holds 2 tables") || !strings.Contains(got.Findings[0].Message.String(), "customers, orders") {
		t.Errorf("got %+v", got)
	}
	if factOf(got, "database:rm1") != "ours" || factOf(got, "database:cm1") != "empty" || factOf(got, "database:hb1") != "foreign" {
		t.Errorf("got %v", got.Facts)
	}
	// A captured release has tables that are documented nowhere.
	pack := Input{Tables: map[config.Role][]string{"hb": {"beats", "orders"}}}
	if got := connected(t, pack, onServer(t, db, "1"), metaDBDatabases); ids(got) != "" || factOf(got, "database:hb1") != "ours" {
		t.Errorf("got %+v", got)
	}
	if got := connected(t, Input{}, onServer(t, db, "2"), metaDBDatabases); ids(got) != "" || factOf(got, "database:rm2") != "absent" {
		t.Errorf("got %+v", got)
	}
}

func probes(t *testing.T, db *testmaria.Server) []string {
	t.Helper()
	var names []string
	err := database.Each(t.Context(), db.DB(""), "SELECT schema_name FROM information_schema.schemata WHERE schema_name LIKE 'omsinit%'", nil, func(r *sql.Rows) error {
		var name string
		err := r.Scan(&name)
		names = append(names, name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestRights(t *testing.T) {
	db := testmaria.Start(t)
	account := func(name string, grants ...string) *config.Config {
		t.Helper()
		db.Exec("CREATE USER " + name + "@'%' IDENTIFIED BY 'pw'")
		for _, grant := range grants {
			db.Exec("GRANT " + grant + " TO " + name + "@'%'")
		}
		cfg := onServer(t, db, "_r")
		cfg.MetaUser, cfg.MetaPassword = name, "pw"
		return cfg
	}
	uses := func(c *config.Config) (uses []database.Use, _ error) {
		for _, name := range names(c) {
			uses = append(uses,
				database.Use{Database: name, Rights: []database.Right{database.Select, database.Insert, database.Create}},
				database.Use{Database: name, Later: true, Rights: []database.Right{database.Select, database.Alter, database.Drop}},
				database.Use{Database: name + "_later", Later: true, Rights: []database.Right{database.Create}})
		}
		return uses, nil
	}
	const all = "ALL ON rm_r.*,ALL ON cm_r.*,ALL ON hb_r.*,ALL ON rm_r_later.*,ALL ON cm_r_later.*,ALL ON hb_r_later.*"
	for _, tc := range []struct {
		name string
		cfg  *config.Config
		want string
		text string // in the message or the fix
	}{
		{"all", onServer(t, db, ""), "", ""},
		{"none", account("nobody"), "error metadb.rights, warning metadb.later-rights", "SELECT ON rm_r.*"},
		{"not everywhere", account("some", "SELECT, CREATE ON *.*", "ALL ON `__\\_r%`.*"), "", ""},
		{"tables but no ALTER", account("noalter", "CREATE, INSERT, UPDATE, DELETE, DROP, SELECT ON *.*"), "warning metadb.later-rights", "ALTER ON hb_r.*"},
		{"by name", account("three", strings.Split(all, ",")...), "", ""},
		{"two of three", account("two", "ALL ON rm_r.*", "ALL ON cm_r.*"), "error metadb.rights, warning metadb.later-rights", "CREATE ON hb_r.*"},
		{"the names alone", account("names", strings.Split(all, ",")[:3]...), "warning metadb.later-rights",
			"GRANT CREATE ON `hb\\_r\\_later`.* TO 'names'@'%'"},
		{"a pattern", account("pattern", "ALL ON `%\\_r%`.*"), "", ""},
		{"a pattern without DROP", account("nodrop", "SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX ON `__\\_r%`.*"), "warning metadb.later-rights", "DROP ON rm_r.*"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := connected(t, Input{TryWrites: true, Uses: uses}, tc.cfg, metaDBDatabases, metaDBRights)
			if ids(got) != tc.want {
				t.Errorf("got %s: %+v", ids(got), got.Findings)
			}
			if tc.text != "" && !strings.Contains(got.Findings[0].Message.String()+got.Findings[0].Fix.String(), tc.text) {
				t.Errorf("%+v", got.Findings)
			}
			if lock := factOf(got, "lock"); lock != "GET_LOCK" {
				t.Errorf("the lock is %v", lock)
			}
		})
	}
	// The account without ALTER may create and drop, so nothing is left of it.
	if left := probes(t, db); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// TestTriedLock: a server without GET_LOCK gives a lease, and one that lets nobody lock is found out here.
func TestTriedLock(t *testing.T) {
	db := testmaria.Start(t)
	cfg := onServer(t, db, "")
	cfg.MetaPort = db.Without("GET_LOCK")
	got := connected(t, Input{TryWrites: true}, cfg, metaDBDatabases, metaDBRights)
	if ids(got) != "" || factOf(got, "lock") != "lease" {
		t.Errorf("got %s, %v", ids(got), got.Facts)
	}
	cfg.MetaPort = db.Intercept(func(statement string) (fate testmaria.Fate) {
		if strings.Contains(statement, "GET_LOCK") || strings.Contains(statement, database.LeaseTable) {
			fate.Instead = "SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO=1105, MESSAGE_TEXT='prohibited'"
		}
		return fate
	})
	if got := connected(t, Input{TryWrites: true}, cfg, metaDBDatabases, metaDBRights); ids(got) != "error metadb.lock" {
		t.Errorf("got %s, %v", ids(got), got.Facts)
	}
	if left := probes(t, db); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// TestLeftovers: what killed runs left is removed when its time is over, and
// nothing else.
func TestLeftovers(t *testing.T) {
	db := testmaria.Start(t)
	now := time.Now().Unix()
	old, young := fmt.Sprintf("omsinit_check_%d_abcdefgh", now-5), fmt.Sprintf("omsinit_check_%d_abcdefgh", now+600)
	others := []string{"omsinit_check_results", "omsinit_check_1_abcdefgh", "omsinit_checks_1000000000_abcdefgh"}
	for _, name := range append(others, old, young) {
		db.Exec("CREATE DATABASE "+name, "CREATE TABLE "+name+".probe (id INT)")
	}
	if got := connected(t, Input{}, onServer(t, db, ""), metaDBDatabases); ids(got) != "" {
		t.Errorf("got %s", ids(got))
	}
	left := strings.Join(probes(t, db), " ")
	if strings.Contains(left, old) || !strings.Contains(left, young) {
		t.Errorf("left: %s", left)
	}
	for _, name := range others {
		if !strings.Contains(left, name) {
			t.Errorf("%s was removed", name)
		}
	}
}

// TestCancelledRights: a check whose time is over removes its database all the same.
func TestCancelledRights(t *testing.T) {
	db := testmaria.Start(t)
	in := Input{}
	in.setDefaults()
	n := &node{Input: in, cfg: onServer(t, db, "")}
	f := &found{}
	metaDBConnect(t.Context(), n, f)
	f.publish()
	defer n.db.Close()
	name, err := n.probeName(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if end, ok := probeEnd(name); !ok || end <= time.Now().Unix() {
		t.Errorf("the name %s says %d", name, end)
	}
	db.Exec("CREATE DATABASE " + name)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := n.dropProbe(ctx, name); err != nil {
		t.Error(err)
	}
	metaDBRights(ctx, n, f)
	if left := probes(t, db); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestMatches(t *testing.T) {
	for _, tc := range []struct {
		pattern, name string
		want          bool
	}{
		{"oms_rm", "oms_rm", true}, {"oms_rm", "omsxrm", true}, {`oms\_rm`, "omsxrm", false}, {`oms\_rm`, "oms_rm", true}, {"%", "x", true},
		{"oms%", "oms", true}, {"oms%", "om", false}, {"%rm", "oms_rm", true}, {"", "", true}, {"_", "", false}, {`\`, `\`, true},
	} {
		if got := matches(tc.pattern, tc.name); got != tc.want {
			t.Errorf("%q %q: got %v", tc.pattern, tc.name, got)
		}
	}
}

// TestPOSIXZone: the offsets are those of the C library.
func TestPOSIXZone(t *testing.T) {
	for form, want := range map[string]string{
		"UTC-8": "+08:00", "CST-8": "+08:00", "UTC+8": "-08:00", "<-0330>3:30": "-03:30", "EST5EDT,M3.2.0,M11.1.0": "-05:00", "IST-5:30": "+05:30",
		"Asia/Nowhere": "", "8": "", "": "", "UTC": "", "CN+": "",
	} {
		got := ""
		if location := posixZone(form); location != nil {
			_, seconds := time.Date(2026, 1, 15, 0, 0, 0, 0, time.UTC).In(location).Zone()
			got = utcOffset(seconds)
			if out, err := exec.Command("env", "TZ="+form, "date", "-d", "@1768435200", "+%:z").Output(); err != nil || strings.TrimSpace(string(out)) != got {
				t.Errorf("%s: date says %s, %v", form, out, err)
			}
		}
		if got != want {
			t.Errorf("%s: %q, want %q", form, got, want)
		}
	}
}

const regionTables = `CREATE DATABASE rm; CREATE DATABASE cm; CREATE DATABASE hb;
CREATE TABLE rm.cluster_info (code INT, region VARCHAR(99), cm_url VARCHAR(99), is_default_cm INT, region_cn VARCHAR(99) DEFAULT '');
CREATE TABLE cm.resource_group (id INT, name VARCHAR(99)); CREATE TABLE cm.host (ip VARCHAR(99), resource_group_id INT, host_status VARCHAR(99) DEFAULT 'ONLINE');
CREATE TABLE hb.heart_beat (host_ip VARCHAR(99), task_name VARCHAR(99) DEFAULT 'supervisor', gmt_modified DATETIME DEFAULT CURRENT_TIMESTAMP)`

func TestRegions(t *testing.T) {
	db := testmaria.Start(t)
	for _, tc := range []struct {
		name   string
		region string // the rest of this file
		rows   string // of the MetaDB
		want   string
		taken  bool // the taken names are shown
	}{
		{"nothing is registered", "", "", "", false},
		{"this region itself", "cm_region: hz\n", "INSERT INTO rm.cluster_info (code, region, cm_url, is_default_cm) VALUES (1, 'hz', 'http://10.0.0.1:8088', 1); INSERT INTO cm.resource_group VALUES (7, '1'); INSERT INTO cm.host (ip, resource_group_id) VALUES ('10.0.0.1', 7)", "", false},
		{"it moves to a VIP", "cm_region: hz\n", "INSERT INTO rm.cluster_info (code, region, cm_url, is_default_cm) VALUES (1, 'HZ', 'http://10.0.0.200:8088/', 1)", "", false},
		{"it gets its name later", "cm_region: hz\n", "INSERT INTO rm.cluster_info (code, region, cm_url, is_default_cm) VALUES (1, 'default', '10.0.0.1:8088', 1)", "", false},
		{"a second region", "cm_region: hz\ncm_is_default: false\n", "INSERT INTO rm.cluster_info (code, region, cm_url, is_default_cm) VALUES (2, 'bj', 'http://10.1.0.1:8088', 1)", "", false},
		{"the number is taken", "cm_region: hz\n", "INSERT INTO rm.cluster_info (code, region, cm_url, is_default_cm) VALUES (1, 'bj', 'http://10.1.0.1:8088', 1)", "error regions.location", true},
		{"the name is taken", "cm_region: hz\ncm_is_default: false\n", "INSERT INTO rm.cluster_info (code, region, cm_url, is_default_cm) VALUES (2, 'hz', 'http://10.1.0.1:8088', 1)", "error regions.name", true},
		{"the name is gone", "", "INSERT INTO rm.cluster_info (code, region, cm_url, is_default_cm) VALUES (1, 'bj', 'http://10.0.0.1:8088', 1)", "error regions.name", false},
		{"no name beside one without", "cm_is_default: false\n", "INSERT INTO rm.cluster_info (code, region, cm_url, is_default_cm) VALUES (2, 'default', 'http://10.1.0.1:8088', 1)", "error regions.name", false},
		{"the address is taken", "cm_region: hz\ncm_is_default: false\n", "INSERT INTO rm.cluster_info (code, region, cm_url, is_default_cm) VALUES (2, 'bj', 'http://10.0.0.1:8088/', 1)", "error regions.cm-url", false},
		{"two default regions", "cm_region: hz\n", "INSERT INTO rm.cluster_info (code, region, cm_url, is_default_cm) VALUES (2, 'bj', 'http://10.1.0.1:8088', 1)", "error regions.default", false},
		{"no default region", "cm_region: hz\ncm_is_default: false\n", "INSERT INTO rm.cluster_info (code, region, cm_url, is_default_cm) VALUES (2, 'bj', 'http://10.1.0.1:8088', 0)", "warning regions.default", false},
		{"a node of another region", "cm_region: hz\ncm_is_default: false\n", "INSERT INTO rm.cluster_info (code, region, cm_url, is_default_cm) VALUES (2, 'bj', 'http://10.1.0.1:8088', 1); INSERT INTO cm.resource_group VALUES (7, '2'); INSERT INTO cm.host (ip, resource_group_id) VALUES ('10.0.0.2', 7)", "error regions.nodes", false},
		{"a node of a group that no region has", "cm_region: hz\n", "INSERT INTO cm.resource_group VALUES (7, '5'); INSERT INTO cm.host (ip, resource_group_id) VALUES ('10.0.0.2', 7)", "warning regions.nodes", false},
		{"another region's heartbeats", "cm_region: hz\ncm_is_default: false\n", "INSERT INTO rm.cluster_info (code, region, cm_url, is_default_cm) VALUES (2, 'bj', 'http://10.1.0.1:8088', 1); INSERT INTO cm.resource_group VALUES (7, '2'); INSERT INTO cm.host (ip, resource_group_id) VALUES ('10.1.0.1', 7); INSERT INTO hb.heart_beat (host_ip) VALUES ('10.1.0.1'), ('10.0.0.1')", "error regions.heartbeat", false},
		{"another region's old heartbeats", "cm_region: hz\ncm_is_default: false\n", "INSERT INTO rm.cluster_info (code, region, cm_url, is_default_cm) VALUES (2, 'bj', 'http://10.1.0.1:8088', 1); INSERT INTO cm.resource_group VALUES (7, '2'); INSERT INTO cm.host (ip, resource_group_id) VALUES ('10.1.0.1', 7); INSERT INTO hb.heart_beat (host_ip, gmt_modified) VALUES ('10.1.0.1', NOW() - INTERVAL 1 HOUR)", "", false},
		{"everything at once", "", "INSERT INTO rm.cluster_info (code, region, cm_url, is_default_cm) VALUES (1, 'sh', 'http://10.2.0.1:8088', 0), (2, 'default', 'http://10.0.0.1:8088', 1)", "error regions.location, error regions.name, error regions.cm-url, error regions.default", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			db.Exec("DROP DATABASE IF EXISTS rm", "DROP DATABASE IF EXISTS cm", "DROP DATABASE IF EXISTS hb")
			for _, statement := range strings.Split(regionTables+";"+tc.rows, ";") {
				if strings.TrimSpace(statement) != "" {
					db.Exec(statement)
				}
			}
			cfg := onServer(t, db, "")
			region := load(t, valid+tc.region)
			cfg.CMRegion, cfg.CMRegionCN, cfg.CMIsDefault = region.CMRegion, region.CMRegionCN, region.CMIsDefault
			got := connected(t, Input{}, cfg, metaDBDatabases, regionsConflict)
			if ids(got) != tc.want {
				t.Errorf("got %s, want %s: %+v", ids(got), tc.want, got.Findings)
			}
			if tc.taken && !strings.Contains(got.Findings[0].Fix.String(), "(1 ") && !strings.Contains(got.Findings[0].Fix.String(), "(2 ") {
				t.Errorf("the taken names are not shown: %s", got.Findings[0].Fix)
			}
		})
	}
	t.Run("columns of another kind", func(t *testing.T) {
		db.Exec("DROP DATABASE rm", "CREATE DATABASE rm", "CREATE TABLE rm.cluster_info (id INT)")
		got := connected(t, Input{}, onServer(t, db, ""), metaDBDatabases, regionsConflict)
		if ids(got) != "error metadb.query" || got.Findings[0].Transient {
			t.Errorf("got %+v", got)
		}
	})
}

// TestUpgradeState: what stands against an upgrade is asked of whoever knows it,
// and a MetaDB that does not answer is a finding of its own.
func TestUpgradeState(t *testing.T) {
	db := testmaria.Start(t)
	cfg := onServer(t, db, "")
	in := Input{Upgrade: "true", UpgradeGates: func(context.Context, *config.Config) ([]finding.Finding, error) {
		return []finding.Finding{{ID: "upgrade.ha", Severity: finding.Error, Message: msg.M("on")}}, nil
	}}
	if got := connected(t, in, cfg, metaDBDatabases, upgradeState); ids(got) != "error upgrade.ha" {
		t.Errorf("got %s", ids(got))
	}
	in.UpgradeGates = func(context.Context, *config.Config) ([]finding.Finding, error) { return nil, driver.ErrBadConn }
	if got := connected(t, in, cfg, metaDBDatabases, upgradeState); ids(got) != "error metadb.query" {
		t.Errorf("got %s", ids(got))
	}
}
