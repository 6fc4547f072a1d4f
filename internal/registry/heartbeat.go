package registry

import (
	"context"
	"database/sql"
	"strconv"
	"time"

	"omsinit/internal/database"
)

// Alive is the age below which a heartbeat shows that OMS runs on a node, and may write to the MetaDB. It guards what
// must not happen beside a running node: to upgrade the MetaDB, to mark the node as removed, to take its heartbeat
// database for another region's. On a healthy node the last heartbeat is about now (docs/oms-facts.md §6): agents
// send one every few seconds, so a minute without one means that the node was stopped.
//
// That a host is down is another fact, and OMS's own judgement: it waits longer (ha.HostDown) before it moves tasks.
// Waiting for that would hold up every upgrade for nine minutes and protect nothing more, because an upgrade also
// stops when a heartbeat arrives while it makes its backup.
const Alive = time.Minute

// Beat is the last heartbeat of a node's agent.
type Beat struct {
	IP string
	At string // time of the server, as it is stored
	// Age is how long ago it was by the server's own clock. It is negative when the row is from the future, as with a
	// writer in another time zone.
	Age time.Duration
}

// Alive reports whether OMS runs on the node. A heartbeat from the future counts.
func (b Beat) Alive() bool { return b.Age < Alive }

// ReadBeats reads the last heartbeats of the agents from a heartbeat database (docs/oms-facts.md §6). A missing
// database or table has none.
func ReadBeats(ctx context.Context, q database.Queryer, heartbeat string) (beats []Beat, err error) {
	const columns = "host_ip, COALESCE(CAST(MAX(gmt_modified) AS CHAR), ''), TIMESTAMPDIFF(SECOND, MAX(gmt_modified), NOW())"
	query := "SELECT " + columns + " FROM " + database.Quote(heartbeat) +
		".heart_beat WHERE task_name = 'supervisor' GROUP BY host_ip ORDER BY host_ip"
	err = database.Each(ctx, q, query, nil, func(rows *sql.Rows) error {
		var b Beat
		var seconds sql.NullInt64 // NULL: without a time, or with one of zeros
		err := rows.Scan(&b.IP, &b.At, &seconds)
		if b.Age = time.Duration(seconds.Int64) * time.Second; seconds.Valid {
			beats = append(beats, b)
		}
		return err
	})
	if database.IsMissing(err) {
		return nil, nil
	}
	return beats, err
}

// LastBeat returns the youngest heartbeat of all nodes, and whether there is any.
func LastBeat(beats []Beat) (last Beat, found bool) {
	for _, b := range beats {
		if !found || b.At > last.At {
			last, found = b, true
		}
	}
	return last, found
}

// FindBeat returns the youngest heartbeat of an address, however its row spells it, and whether there is any.
func FindBeat(beats []Beat, address string) (youngest Beat, found bool) {
	for _, b := range beats {
		if SameAddress(b.IP, address) && (!found || b.Age < youngest.Age) {
			youngest, found = b, true
		}
	}
	return youngest, found
}

// heartbeatDatabases returns the databases on the server that look like heartbeat databases. Nothing records which
// region uses which one, and several OMS may share a server.
func heartbeatDatabases(ctx context.Context, q database.Queryer) ([]string, error) {
	return database.Column(ctx, q, "SELECT table_schema FROM information_schema.tables"+
		" WHERE table_name IN ('heart_beat', 'heatbeat_sequence') GROUP BY table_schema HAVING COUNT(*) = 2 ORDER BY table_schema")
}

// BeatCount is how many rows a heartbeat database got in a minute.
type BeatCount struct {
	At    time.Time // by this host's clock
	Count int
}

// mostSequence bounds how many rows of heatbeat_sequence are looked at: the table has no index by time.
const mostSequence = 200000

// CountBeats reads how many rows each minute of a while brought to heatbeat_sequence, minutes without any among them.
// The ages are those of the server's clock.
func CountBeats(ctx context.Context, q database.Queryer, heartbeat string, since time.Duration) ([]BeatCount, error) {
	table := database.Quote(heartbeat) + ".heatbeat_sequence"
	query := "SELECT TIMESTAMPDIFF(SECOND, gmt_created, NOW()) DIV 60 AS age, COUNT(*) FROM " + table +
		" WHERE id > (SELECT COALESCE(MAX(id), 0) - ? FROM " + table +
		" m) AND gmt_created > NOW() - INTERVAL ? SECOND GROUP BY age"
	counts, oldest := map[int]int{}, -1
	err := database.Each(ctx, q, query, []any{mostSequence, int(since.Seconds())}, func(rows *sql.Rows) error {
		var age, count int
		err := rows.Scan(&age, &count)
		counts[age] += count
		oldest = max(oldest, age)
		return err
	})
	now := time.Now()
	var out []BeatCount
	for age := oldest; age >= 0; age-- {
		out = append(out, BeatCount{now.Add(-time.Duration(age+1) * time.Minute), counts[age]})
	}
	return out, err
}

// Beats are the heartbeats of all regions.
type Beats struct {
	Own    []Beat // in this region's database
	Others []Beat // in all others on the server
	// Databases are those that were read, this region's first.
	Databases []string
}

// Of returns the heartbeats among which those of a node must be: only this region's database is known, nothing
// records which one another region uses.
func (b Beats) Of(h Host, location int) []Beat {
	if h.Name == strconv.Itoa(location) {
		return b.Own
	}
	return b.Others
}

// ReadAllBeats reads every heartbeat database on the server. It leaves out those that it cannot read: they are
// another program's, or another account's.
func ReadAllBeats(ctx context.Context, q database.Queryer, own string) (b Beats, err error) {
	if b.Own, err = ReadBeats(ctx, q, own); err != nil {
		return b, err
	}
	b.Databases = []string{own}
	others, err := heartbeatDatabases(ctx, q)
	if err != nil {
		return b, err
	}
	for _, name := range others {
		if name == own {
			continue
		}
		more, err := ReadBeats(ctx, q, name)
		if ctx.Err() != nil {
			return b, ctx.Err()
		}
		if err != nil {
			continue
		}
		b.Databases = append(b.Databases, name)
		b.Others = append(b.Others, more...)
	}
	return b, nil
}
