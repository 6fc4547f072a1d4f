package check

import (
	"context"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"omsinit/internal/database"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
)

// connectDeadlines make LoginTimeout of the usual deadline: a server that looks up names is waited for.
const connectDeadlines = int(database.LoginTimeout / DefaultDeadline)

func metaDBConnect(ctx context.Context, n *node, f *found) {
	db, err := database.Open(n.cfg, "", database.As(n.cfg.NodeAddress(n.HostIP)))
	if err != nil {
		f.failure("metadb.connect", err, msg.Message{})
		return
	}
	begun := time.Now()
	if err := db.PingContext(ctx); err != nil {
		db.Close()
		waited := n.Deadline * time.Duration(connectDeadlines)
		if database.IsSilent(err) && waited < database.LoginTimeout {
			n.greetsLater(f, waited)
			return
		}
		explained := database.Explain(n.cfg, err)
		f.failure(connectID(err, explained), explained, msg.Message{}, fact("oms_meta_host", n.cfg.MetaHost),
			fact("oms_meta_port", n.cfg.MetaPort), fact("oms_meta_user", n.cfg.MetaUser))
		return
	}
	took := time.Since(begun)
	if took > slowGreeting {
		f.warning("metadb.slow-greeting",
			msg.M("the MetaDB at %s:%d let this node in after %s", n.cfg.MetaHost, n.cfg.MetaPort, shown(took)),
			msg.M("set skip_name_resolve there: it looks up the name of each client, and its name server is slow or away"),
			fact("seconds", rounded(took)))
	}
	f.publish = func() { n.db, n.login = db, took }
}

// greetsLater reports a server that has not greeted within a shorter deadline than the usual one.
func (n *node) greetsLater(f *found, waited time.Duration) {
	f.error("metadb.slow-greeting",
		msg.M("the MetaDB at %s:%d accepts connections, and has not greeted this node within %s", n.cfg.MetaHost,
			n.cfg.MetaPort, shown(waited)),
		msg.M("set skip_name_resolve there, if it looks up the name of each client and its name server is slow or away; `omsinit check` waits for it for %s, and says whether it hangs", database.LoginTimeout),
		fact("seconds", rounded(waited)))
	f.findings[len(f.findings)-1].Transient = true
}

// slowGreeting is what no network takes.
const slowGreeting = 3 * time.Second

// connectID returns one id for a wrong password, and another for a server that is away.
func connectID(err, explained error) string {
	switch {
	case database.WantsTLS(err):
		return "metadb.tls"
	case finding.IsTransient(explained):
		return "metadb.unreachable"
	case database.CodeOf(err) != 0, database.IsUnsupportedLogin(err):
		return "metadb.login"
	}
	return "metadb.connect"
}

// query reports a question that the server did not answer.
func (f *found) query(n *node, err error) {
	id := "metadb.query"
	if database.IsReadOnly(err) {
		id = "metadb.read-only"
	}
	f.failure(id, database.Explain(n.cfg, err), msg.Message{})
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
	n.suits(f, kind, version)
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

// suits warns of a server that is known not to work with the release, or of which nothing is known. That is evidence,
// not proof, so it stops nobody.
func (n *node) suits(f *found, kind, version string) {
	if n.Suiting == nil {
		return
	}
	facts := []finding.Fact{fact("kind", kind), fact("version", version), fact("release", n.Release)}
	switch s := n.Suiting(kind, version); {
	case s == nil:
		f.warning("metadb.untried", msg.M("nothing is known about %s %s as the MetaDB of OMS %s", kind, version,
			n.Release),
			msg.M("use one that is named as working (`omsinit pack show pack.yaml` shows which), or try it before it is needed"), facts...)
	case !s.Works:
		f.warning("metadb.unsuitable",
			msg.M("OMS %s is known not to work with %s %s as its MetaDB: %s (%s)", n.Release, kind, version,
				s.Symptom, s.Source),
			msg.M("use one that is named as working (`omsinit pack show pack.yaml` shows which), or try it before it is needed"),
			append(facts, fact("source", s.Source))...)
	default:
		f.fact("suits", s.Source)
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

// metaDBRelease asks the gate that step 2 asks too.
func metaDBRelease(ctx context.Context, n *node, f *found) {
	if err := n.Gate(ctx, n.cfg); err != nil {
		f.failure("metadb.release", err, msg.Message{}, fact("release", n.Release))
	}
}

// metaDBValues finds the values that the server would refuse only when the region is registered, or cut, where it is
// not strict.
func metaDBValues(ctx context.Context, n *node, f *found) {
	findings, err := n.TooLong(ctx, n.db, n.cfg)
	if err != nil {
		f.query(n, err)
		return
	}
	for _, p := range findings {
		p.Place.File = n.ConfigFile
		f.problem(p)
	}
}
