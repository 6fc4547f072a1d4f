package check

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"omsinit/internal/database"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
)

func metaDBConnect(ctx context.Context, n *node, f *found) {
	db, err := database.Open(n.cfg, "", database.As(n.cfg.NodeAddress(n.HostIP)))
	if err != nil {
		f.failure("metadb.connect", err, msg.Message{})
		return
	}
	if err := db.PingContext(ctx); err != nil {
		db.Close()
		if n.wantsTLS(ctx, err) {
			f.error("metadb.tls",
				msg.M("the MetaDB at %s:%d lets user %s in with TLS only",
					n.cfg.MetaHost, n.cfg.MetaPort, n.cfg.MetaUser),
				msg.M("run ALTER USER … REQUIRE NONE there, and set require_secure_transport to OFF"),
				fact("oms_meta_user", n.cfg.MetaUser))
			return
		}
		explained := database.Explain(n.cfg, err)
		f.failure(connectID(err, explained), explained, msg.Message{}, fact("oms_meta_host", n.cfg.MetaHost),
			fact("oms_meta_port", n.cfg.MetaPort), fact("oms_meta_user", n.cfg.MetaUser))
		return
	}
	f.publish = func() { n.db = db }
}

// wantsTLS reports whether the login was refused because it was not encrypted. MySQL has an error of its own for that;
// MariaDB has the one of a wrong password, so it is tried.
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

// connectID returns one id for a wrong password, and another for a server that is away.
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
	f.failure("metadb.query", database.Explain(n.cfg, err), msg.Message{})
}

// leastPacket is what the components send at once, at most.
const leastPacket = 8 << 20

// metaDBServer looks at the server itself.
func metaDBServer(ctx context.Context, n *node, f *found) {
	var version, comment, charset string
	var packet int64
	const settings = "SELECT VERSION(), @@version_comment, @@character_set_server, @@max_allowed_packet"
	err := n.db.QueryRowContext(ctx, settings).Scan(&version, &comment, &charset, &packet)
	if err != nil {
		f.query(n, err)
		return
	}
	kind, supported := serverKind(version, comment)
	f.fact("kind", kind)
	f.fact("version", version)
	f.fact("character_set_server", charset)
	f.fact("max_allowed_packet", packet)
	if !supported {
		f.warning("metadb.version",
			msg.M("the MetaDB is %s %s, which is older than what OMS is known to work with", kind, version),
			msg.M("use MySQL 5.7 or 8, MariaDB 10.2 or later, or a MySQL tenant of OceanBase"), fact("kind", kind),
			fact("version", version))
	}
	const utf8mb4 = "SELECT COUNT(*) FROM information_schema.character_sets WHERE character_set_name = 'utf8mb4'"
	var count int
	if err := n.db.QueryRowContext(ctx, utf8mb4).Scan(&count); err != nil {
		f.query(n, err)
		return
	}
	// The character set of the server itself is not the point: the databases of OMS are created with their own.
	if count == 0 {
		f.error("metadb.charset", msg.M("the MetaDB does not know the character set utf8mb4"),
			msg.M("use a server that does"))
	}
	if packet < leastPacket {
		f.warning("metadb.packet",
			msg.M("max_allowed_packet of the MetaDB is %d bytes, and at least %d are recommended", packet, leastPacket),
			msg.M("run SET GLOBAL max_allowed_packet = %d there, and keep it in the server's configuration", 64<<20),
			fact("max_allowed_packet", packet))
	}
}

// serverKind returns which of the three kinds a server is, and whether OMS works with its version.
func serverKind(version, comment string) (kind string, supported bool) {
	all := strings.ToLower(version + " " + comment)
	switch {
	case strings.Contains(all, "oceanbase"):
		return "OceanBase", true
	case strings.Contains(all, "mariadb"):
		return "MariaDB", !before(version, 10, 2)
	}
	return "MySQL", !before(version, 5, 7)
}

// before reports whether a version, whatever is written around its numbers, is older than that of the numbers.
func before(version string, numbers ...int) bool {
	var own []int
	for _, part := range strings.FieldsFunc(version, func(c rune) bool { return c < '0' || c > '9' }) {
		number, _ := strconv.Atoi(part)
		own = append(own, number)
	}
	return slices.Compare(own, numbers) < 0
}

// How far the clocks may be apart.
const (
	clockWarning = time.Second
	clockError   = 5 * time.Second
)

// metaDBClock compares the clocks and the time zones: heartbeats are written with the server's clock and judged by that
// of the node (docs/oms-facts.md §11).
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

// clock asks three times and takes the quickest answer. A positive offset means that the server is ahead.
func (n *node) clock(ctx context.Context) (offset, roundTrip time.Duration, err error) {
	const serverTime = "SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01 00:00:00', UTC_TIMESTAMP(6))"
	roundTrip = math.MaxInt64
	for range 3 {
		before := n.now()
		start := time.Now()
		var micros int64
		if err := n.db.QueryRowContext(ctx, serverTime).Scan(&micros); err != nil {
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

// timeZone warns and does not stop: what is seen here is the time zone of the container, and the components' start
// scripts may set another one.
func (n *node) timeZone(ctx context.Context, f *found) {
	var seconds int
	var session, system string
	const offset = "SELECT TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(), NOW()), @@time_zone, @@system_time_zone"
	err := n.db.QueryRowContext(ctx, offset).Scan(&seconds, &session, &system)
	if err != nil {
		f.query(n, err)
		return
	}
	name, here := n.now().Zone()
	f.fact("time_zone", session)
	if seconds == here {
		return
	}
	f.warning("metadb.timezone",
		msg.M("the time zone of the MetaDB is UTC%s (%s, %s), and that of this node UTC%s (%s)",
			zone(seconds), session, system, zone(here), name),
		msg.M("set time_zone of the MetaDB to that of the nodes, or start the container with -e TZ=<time zone of the MetaDB>"),
		fact("metadb_offset_seconds", seconds), fact("host_offset_seconds", here), fact("time_zone", session),
		fact("system_time_zone", system))
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
		f.failure("metadb.release", err, msg.Message{}, fact("release", n.Release))
	}
}
