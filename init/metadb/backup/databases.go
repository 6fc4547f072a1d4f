package backup

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strconv"
	"strings"

	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/msg"
)

// asker is a *sql.DB or *sql.Conn.
type asker interface {
	database.Queryer
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// databases lists what belongs to this OMS: the rm and cm databases, and the
// heartbeat databases of all regions. cluster_info knows the regions, but not
// their databases, so these are found by their table and their names.
func (j *Job) databases(ctx context.Context, db asker) ([]*Database, error) {
	c := j.Config
	codes, err := database.Column(ctx, db, "SELECT code FROM "+database.Quote(c.RMDatabase)+".cluster_info")
	if err != nil && (!j.Partial || !database.IsMissing(err)) {
		return nil, msg.Errorf("cannot read the regions from %s: %w", c.RMDatabase+".cluster_info",
			database.Explain(c, err))
	}
	candidates, err := database.Column(ctx, db, "SELECT table_schema FROM information_schema.tables WHERE table_name = 'heatbeat_sequence' ORDER BY table_schema")
	if err != nil {
		return nil, database.Explain(c, err)
	}
	// What an interrupted restore left is nobody's region.
	candidates = slices.DeleteFunc(candidates, func(name string) bool { return strings.HasSuffix(name, scratchSuffix) })
	heartbeats := j.heartbeats(codes, candidates)
	if len(heartbeats) < len(codes) {
		return nil, msg.Errorf("%s lists %d regions (cm_location %s), but only these heartbeat databases can be told to be theirs: %s; name the others with --heartbeat-db (databases with a table heatbeat_sequence: %s)",
			c.RMDatabase+".cluster_info", len(codes), msg.List(codes), msg.List(heartbeats), msg.List(candidates))
	}
	out := []*Database{{Kind: config.RM, Name: c.RMDatabase}, {Kind: config.CM, Name: c.CMDatabase}}
	for _, name := range heartbeats {
		out = append(out, &Database{Kind: config.Heartbeat, Name: name})
	}
	var there []*Database
	for _, d := range out {
		d.File = dumpFile(d.Name)
		err := db.QueryRowContext(ctx, "SELECT default_character_set_name, default_collation_name FROM information_schema.schemata WHERE schema_name = ?", d.Name).Scan(&d.Charset, &d.Collation)
		if errors.Is(err, sql.ErrNoRows) && j.Partial {
			continue
		}
		if errors.Is(err, sql.ErrNoRows) {
			return nil, msg.Errorf("the database %s is not in the MetaDB", d.Name)
		}
		if err != nil {
			return nil, database.Explain(c, err)
		}
		there = append(there, d)
	}
	return there, nil
}

// Find lists the databases that a backup would hold, without looking into
// them: kind, name, character set.
func (j *Job) Find(ctx context.Context, db *sql.DB) ([]*Database, error) { return j.databases(ctx, db) }

// heartbeats returns the heartbeat databases of the regions with the given
// codes: ours, those that were named, and those that are called like ours with
// another code at the end (the convention of obd, oms-facts §12). Where there
// are as many candidates as regions, they are it.
func (j *Job) heartbeats(codes, candidates []string) []string {
	c := j.Config
	out := append([]string{c.HeartbeatDatabase}, j.Heartbeats...)
	if len(j.Heartbeats) == 0 && len(candidates) == len(codes) && slices.Contains(candidates, c.HeartbeatDatabase) {
		out = append(out, candidates...)
	}
	if stem, ok := strings.CutSuffix(c.HeartbeatDatabase, strconv.Itoa(c.CMLocation)); ok && stem != "" {
		for _, code := range codes {
			if slices.Contains(candidates, stem+code) {
				out = append(out, stem+code)
			}
		}
	}
	slices.Sort(out[1:])
	first := out[0]
	rest := slices.DeleteFunc(slices.Compact(out[1:]), func(name string) bool { return name == first })
	return append([]string{first}, rest...)
}
