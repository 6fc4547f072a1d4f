package check

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"omsinit/internal/database"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
)

// metaDBConnect logs in. A server that does not answer is a passing reason.
func metaDBConnect(ctx context.Context, n *node, f *found) {
	db, err := database.Open(n.cfg, "", database.As(n.cfg.NodeAddress(n.HostIP)))
	if err != nil {
		f.error("metadb.connect", msg.M("%v", err), msg.Message{})
		return
	}
	if err := db.PingContext(ctx); err != nil {
		db.Close()
		if n.wantsTLS(ctx, err) {
			f.error("metadb.tls", msg.M("the MetaDB at %s:%d lets user %s in with TLS only", n.cfg.MetaHost, n.cfg.MetaPort, n.cfg.MetaUser),
				msg.M("run ALTER USER … REQUIRE NONE there, and set require_secure_transport to OFF"), fact("oms_meta_user", n.cfg.MetaUser))
			return
		}
		explained := database.Explain(n.cfg, err)
		f.error(connectID(err, explained), msg.M("%v", explained), msg.Message{},
			fact("oms_meta_host", n.cfg.MetaHost), fact("oms_meta_port", n.cfg.MetaPort), fact("oms_meta_user", n.cfg.MetaUser))
		f.findings[0].Transient = finding.IsTransient(explained)
		return
	}
	f.publish = func() { n.db = db }
}

// wantsTLS reports whether the login was refused because it was not encrypted.
// MySQL says so; MariaDB says the same as of a wrong password, so it is tried.
func (n *node) wantsTLS(ctx context.Context, err error) bool {
	if !database.Is(err, database.ErrAccessDenied) {
		return database.Is(err, database.ErrSecureTransportRequired)
	}
	db, err := database.Open(n.cfg, "", database.Encrypted())
	if err != nil {
		return false
	}
	defer db.Close()
	return db.PingContext(ctx) == nil
}

// connectID tells a wrong password from a server that is away.
func connectID(err, explained error) string {
	switch {
	case finding.IsTransient(explained):
		return "metadb.unreachable"
	case database.CodeOf(err) != 0, database.IsUnsupportedLogin(err):
		return "metadb.login"
	}
	return "metadb.connect"
}

// query reports a question that the server did not answer.
func (f *found) query(n *node, err error) {
	explained := database.Explain(n.cfg, err)
	f.error("metadb.query", msg.M("%v", explained), msg.Message{})
	f.findings[len(f.findings)-1].Transient = finding.IsTransient(explained)
}

// leastPacket is what the components send at once, at most.
const leastPacket = 8 << 20

// metaDBServer looks at the server itself.
func metaDBServer(ctx context.Context, n *node, f *found) {
	var version, comment, charset string
	var packet int64
	err := n.db.QueryRowContext(ctx, "SELECT VERSION(), @@version_comment, @@character_set_server, @@max_allowed_packet").Scan(&version, &comment, &charset, &packet)
	if err != nil {
		f.query(n, err)
		return
	}
	kind, known := serverKind(version, comment)
	for name, value := range map[string]any{"kind": kind, "version": version, "character_set_server": charset, "max_allowed_packet": packet} {
		f.fact(name, value)
	}
	if !known {
		f.warning("metadb.version", msg.M("the MetaDB is %s %s, which is older than what OMS is known to work with", kind, version),
			msg.M("use MySQL 5.7 or 8, MariaDB 10.2 or later, or a MySQL tenant of OceanBase"), fact("kind", kind), fact("version", version))
	}
	var supported int
	if err := n.db.QueryRowContext(ctx, "SELECT COUNT(*) FROM information_schema.character_sets WHERE character_set_name = 'utf8mb4'").Scan(&supported); err != nil {
		f.query(n, err)
		return
	}
	// The character set of the server itself is not the point: the databases
	// of OMS are created with their own.
	if supported == 0 {
		f.error("metadb.charset", msg.M("the MetaDB does not know the character set utf8mb4"), msg.M("use a server that does"))
	}
	if packet < leastPacket {
		f.warning("metadb.packet", msg.M("max_allowed_packet of the MetaDB is %d bytes, and at least %d are recommended", packet, leastPacket),
			msg.M("run SET GLOBAL max_allowed_packet = %d there, and keep it in the server's configuration", 64<<20), fact("max_allowed_packet", packet))
	}
}

// serverKind tells the three kinds apart by their words, and whether the
// version is one that OMS is known to work with.
func serverKind(version, comment string) (kind string, known bool) {
	all := strings.ToLower(version + " " + comment)
	major, minor := leading(version)
	switch {
	case strings.Contains(all, "oceanbase"):
		return "OceanBase", true
	case strings.Contains(all, "mariadb"):
		return "MariaDB", major > 10 || major == 10 && minor >= 2
	}
	return "MySQL", major > 5 || major == 5 && minor >= 7
}

func leading(version string) (major, minor int) {
	first, rest, _ := strings.Cut(version, ".")
	second, _, _ := strings.Cut(rest, ".")
	major, _ = strconv.Atoi(first)
	minor, _ = strconv.Atoi(second)
	return major, minor
}

// How far the clocks may be apart.
const (
	clockWarning = time.Second
	clockError   = 5 * time.Second
)

// metaDBClock compares the clocks and the time zones: heartbeats are written
// with the server's clock and judged by that of the node (oms-facts §11).
func metaDBClock(ctx context.Context, n *node, f *found) {
	offset, roundTrip, err := n.clock(ctx)
	if err != nil {
		f.query(n, err)
		return
	}
	f.fact("offset_seconds", rounded(offset))
	f.fact("round_trip_seconds", roundTrip.Seconds())
	// The answer was made at some moment of the round trip.
	apart := max(offset.Abs()-roundTrip/2, 0)
	report := f.error
	if apart <= clockError {
		report = f.warning
	}
	if apart > clockWarning {
		m := msg.M("the clock of the MetaDB is %s ahead of that of this host", shown(offset))
		if offset < 0 {
			m = msg.M("the clock of the MetaDB is %s behind that of this host", shown(-offset))
		}
		report("metadb.clock", m, msg.M("synchronise the clocks of the MetaDB's host and of all OMS nodes with NTP"),
			fact("offset_seconds", rounded(offset)), fact("round_trip_seconds", roundTrip.Seconds()))
	}
	n.timeZone(ctx, f)
}

// clock asks three times and takes the quickest answer. A positive offset
// means that the server is ahead.
func (n *node) clock(ctx context.Context) (offset, roundTrip time.Duration, err error) {
	roundTrip = math.MaxInt64
	for range 3 {
		before := n.now()
		start := time.Now()
		var micros int64
		if err := n.db.QueryRowContext(ctx, "SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01 00:00:00', UTC_TIMESTAMP(6))").Scan(&micros); err != nil {
			return 0, 0, err
		}
		if took := time.Since(start); took < roundTrip {
			roundTrip = took
			offset = time.UnixMicro(micros).Sub(before.Add(took / 2))
		}
	}
	return offset, roundTrip, nil
}

func rounded(d time.Duration) float64 { return d.Round(time.Millisecond).Seconds() }

func shown(d time.Duration) string { return d.Round(100 * time.Millisecond).String() }

// timeZone warns and does not stop: what is seen here is the time zone of the
// container, which may be set later, in the components' start scripts.
func (n *node) timeZone(ctx context.Context, f *found) {
	var seconds int
	var session, system string
	err := n.db.QueryRowContext(ctx, "SELECT TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(), NOW()), @@time_zone, @@system_time_zone").Scan(&seconds, &session, &system)
	if err != nil {
		f.query(n, err)
		return
	}
	name, here := n.now().Zone()
	f.fact("time_zone", session)
	if seconds == here {
		return
	}
	f.warning("metadb.timezone", msg.M("the time zone of the MetaDB is UTC%s (%s, %s), and that of this node UTC%s (%s)", zone(seconds), session, system, zone(here), name),
		msg.M("set time_zone of the MetaDB to that of the nodes, or start the container with -e TZ=<time zone of the MetaDB>"),
		fact("metadb_offset_seconds", seconds), fact("host_offset_seconds", here), fact("time_zone", session), fact("system_time_zone", system))
}

func zone(seconds int) string {
	sign := '+'
	if seconds < 0 {
		sign, seconds = '-', -seconds
	}
	return fmt.Sprintf("%c%02d:%02d", sign, seconds/3600, seconds/60%60)
}

// metaDBRelease asks the gate that step 2 asks too.
func metaDBRelease(ctx context.Context, n *node, f *found) {
	if err := n.Gate(ctx, n.cfg); err != nil {
		f.error("metadb.release", msg.M("%v", err), msg.Message{}, fact("release", n.Release))
		f.findings[0].Transient = finding.IsTransient(err)
	}
}
