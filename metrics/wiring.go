package metrics

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	client "github.com/influxdata/influxdb1-client/v2"

	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

// Wiring makes the TSDB ready for this OMS and proves that it works, before
// any component is told of it: an agent whose TSDB does not answer restarts
// for ever (oms-facts §9).
type Wiring struct {
	Config *config.Config
	Into   pack.TSDB
	// Node is this node's address.
	Node string
	// LookOnly creates nothing. Where the database is missing, a throw-away one
	// is written to instead.
	LookOnly bool
	// Now is the clock; nil is the system's.
	Now func() time.Time

	at time.Time // of the point
}

// Part is one thing that the wiring looked at, and what it found: a note with done, created and skipped, a warning
// with missing, an error with failed.
type Part struct {
	// Name is reach, login, database, policy, write or read.
	Name string
	// Result is done, created, missing, skipped or failed.
	Result string
	finding.Finding
	// Err is the reason, only with failed.
	Err error
}

// The results of a part.
const (
	Done    = "done"
	Created = "created"
	Missing = "missing"
	Skipped = "skipped"
	Failed  = "failed"
)

// wiringTime bounds all of it.
const wiringTime = 20 * time.Second

// Run goes through the parts, up to the first that fails. The error is that
// one's; it is passing when the TSDB does not answer.
func (w *Wiring) Run(ctx context.Context) ([]Part, error) {
	ctx, cancel := context.WithTimeout(ctx, wiringTime)
	defer cancel()
	parts, err := w.through(ctx, w.reach, w.login, w.database, w.policy, w.write, w.read)
	if err == nil && parts[len(parts)-1].Result == Missing {
		last := w.tryElsewhere(ctx)
		return append(parts, last), last.Err
	}
	return parts, err
}

// Look sees whether the TSDB can be used and what is missing in it, and writes
// nothing.
func (w *Wiring) Look(ctx context.Context) ([]Part, error) {
	w.LookOnly = true
	return w.through(ctx, w.reach, w.login, w.database, w.policy)
}

// through ends after a part that failed or is missing.
func (w *Wiring) through(ctx context.Context, steps ...func(context.Context, *server) Part) (parts []Part, err error) {
	if w.Now == nil {
		w.Now = time.Now
	}
	s, err := dial(w.Config)
	if err != nil {
		p := failed("reach", err)
		p.Fix = msg.M("write tsdb_url as host:port, such as 10.0.0.9:8086")
		return []Part{p}, err
	}
	defer s.close()
	for _, step := range steps {
		part := step(ctx, s)
		parts = append(parts, part)
		if part.Err != nil || part.Result == Missing {
			return parts, part.Err
		}
	}
	return parts, nil
}

func newPart(name, result string, severity finding.Severity, m, fix msg.Message) Part {
	return Part{Name: name, Result: result, Finding: finding.Finding{ID: "tsdb." + name, Severity: severity, Message: m,
		Fix: fix}}
}

// noted returns a part that nothing is wrong with.
func noted(name, result string, m msg.Message) Part {
	return newPart(name, result, finding.Note, m, msg.Message{})
}

// absent returns a part that is not there and may not be created now.
func absent(name string, m msg.Message) Part {
	return newPart(name, Missing, finding.Warning, m, msg.M("`omsinit init --only component` creates it"))
}

func failed(name string, err error) Part {
	fix := msg.M("correct tsdb_url in config.yaml, or make the time-series database answer there; without it: tsdb_enabled: false, or --tsdb-optional")
	if !finding.IsTransient(err) {
		fix = msg.M("correct the tsdb_* keys in config.yaml; OMS needs InfluxDB 1.8 and a user with all privileges")
	}
	p := newPart(name, Failed, finding.Error, msg.M("%v", err), fix)
	p.Transient, p.Err = finding.IsTransient(err), err
	return p
}

func (w *Wiring) reach(ctx context.Context, s *server) Part {
	if s.ceres {
		return noted("reach", Skipped, msg.M("CERESDB has no /ping; the query that follows tells whether it answers"))
	}
	version, err := s.ping(ctx)
	if err != nil {
		return failed("reach", err)
	}
	return noted("reach", Done, msg.M("InfluxDB %s answers at %s", version, s.address))
}

func (w *Wiring) login(ctx context.Context, s *server) Part {
	if err := s.login(ctx); err != nil {
		return failed("login", err)
	}
	return noted("login", Done, msg.M("tsdb_username %q may query", s.user))
}

// database makes the database together with its policy, which then is the
// default one.
func (w *Wiring) database(ctx context.Context, s *server) Part {
	name := w.Into.Database
	if s.ceres {
		return noted("database", Skipped, msg.M("CERESDB has no databases; the points go to its default schema"))
	}
	resp, err := s.query(ctx, "SHOW DATABASES")
	switch {
	case err != nil:
		return failed("database", err)
	case slices.Contains(names(resp), name):
		return noted("database", Done, msg.M("the database %s is there", name))
	case w.LookOnly:
		return absent("database", msg.M("the database %s is missing", name))
	}
	create := fmt.Sprintf("CREATE DATABASE %s WITH DURATION %s REPLICATION 1 NAME %s",
		quoted(name), w.Into.Duration, quoted(w.Into.RetentionPolicy))
	if err := s.command(ctx, create); err != nil {
		return mayNotCreate("database", s.user, msg.Errorf("cannot create the database %s: %w", name, err))
	}
	return noted("database", Created, msg.M("the database %s was created", name))
}

// policy adds the policy to a database that others made. Theirs stays the
// default: what is read without naming one must not change.
func (w *Wiring) policy(ctx context.Context, s *server) Part {
	name := w.Into.RetentionPolicy
	if s.ceres {
		return noted("policy", Skipped, msg.M("CERESDB has no retention policies; how long data is kept is set there"))
	}
	resp, err := s.query(ctx, "SHOW RETENTION POLICIES ON "+quoted(w.Into.Database))
	switch {
	case err != nil:
		return failed("policy", err)
	case slices.Contains(names(resp), name):
		return noted("policy", Done, msg.M("the retention policy %s is there", name))
	case w.LookOnly:
		return absent("policy", msg.M("the retention policy %s is missing", name))
	}
	if err := s.command(ctx, fmt.Sprintf("CREATE RETENTION POLICY %s ON %s DURATION %s REPLICATION 1", quoted(name),
		quoted(w.Into.Database), w.Into.Duration)); err != nil {
		return mayNotCreate("policy", s.user, msg.Errorf("cannot create the retention policy %s: %w", name, err))
	}
	return noted("policy", Created, msg.M("the retention policy %s was created; it keeps data for %s", name,
		w.Into.Duration))
}

func mayNotCreate(part, user string, err error) Part {
	p := failed(part, err)
	if !finding.IsTransient(err) {
		p.Fix = msg.M("give the user all privileges: GRANT ALL PRIVILEGES TO %s", quoted(user))
	}
	return p
}

// wiringMeasurement holds the points that are written and read back: one series
// per node.
const wiringMeasurement = "omsinit_wiring"

func (w *Wiring) write(ctx context.Context, s *server) Part {
	w.at = w.Now().Truncate(time.Millisecond)
	tags := map[string]string{"region": Region(w.Config), "node": w.Node}
	point, err := client.NewPoint(wiringMeasurement, tags, map[string]any{"value": int64(1)}, w.at)
	if err == nil {
		err = s.write(ctx, w.place(), []byte(point.PrecisionString("ms")+"\n"), "")
	}
	if err != nil {
		return failed("write", msg.Errorf("cannot write a point: %w", err))
	}
	return noted("write", Done, msg.M("a point was written"))
}

func (w *Wiring) place() place { return place{w.Into.Database, w.Into.RetentionPolicy} }

// read asks for exactly the point that was written.
func (w *Wiring) read(ctx context.Context, s *server) Part {
	from := fmt.Sprintf("%s.%s.%s", quoted(w.Into.Database), quoted(w.Into.RetentionPolicy), quoted(wiringMeasurement))
	if s.ceres {
		from = quoted(wiringMeasurement)
	}
	resp, err := s.query(ctx, fmt.Sprintf("SELECT value FROM %s WHERE time = %dms AND node = '%s'", from,
		w.at.UnixMilli(), strings.ReplaceAll(w.Node, "'", `\'`)))
	switch {
	case err != nil && s.ceres && !finding.IsTransient(err):
		return noted("read", Skipped, msg.M("the point was accepted, and CERESDB cannot read it back: %v", err))
	case err != nil:
		return failed("read", msg.Errorf("cannot read the point back: %w", err))
	case !hasRows(resp):
		return failed("read", msg.Errorf(
			"the time-series database at tsdb_url %s accepted a point and does not have it", s.address))
	}
	return noted("read", Done, msg.M("the point was read back"))
}

func hasRows(resp *client.Response) bool {
	for _, result := range resp.Results {
		for _, series := range result.Series {
			if len(series.Values) > 0 {
				return true
			}
		}
	}
	return false
}

// tryElsewhere makes sure that what is missing could be made.
func (w *Wiring) tryElsewhere(ctx context.Context) Part {
	if err := CheckWrite(ctx, w.Config); err != nil {
		return mayNotCreate("write", w.Config.TSDBUsername, err)
	}
	return noted("write", Done, msg.M("a database can be created and written to, as was tried with a throw-away one"))
}

// quoted writes an identifier of InfluxQL.
func quoted(name string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name) + `"`
}
