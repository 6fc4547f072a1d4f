package registry

import (
	"context"
	"database/sql"
	"strconv"
	"time"

	"omsinit/internal/database"
)

// Alive is the age up to which a heartbeat shows that a node is there. The
// documentation says that it is about now on a healthy node (oms-facts §6), and
// gives no interval, so this is generous.
const Alive = 2 * time.Minute

// Beat is the last heartbeat of a node's agent.
type Beat struct {
	IP string
	At string // time of the server, as it is stored
	// Age is how long ago it was by the server's own clock. It is negative when
	// the row is from the future, as with a writer in another time zone.
	Age time.Duration
}

// Fresh reports whether the node is there.
func (b Beat) Fresh() bool { return b.Age <= Alive }

// ReadBeats reads the last heartbeats of the agents from a heartbeat database
// (oms-facts §6). A database or table that is not there has none.
func ReadBeats(ctx context.Context, q database.Queryer, heartbeat string) (beats []Beat, err error) {
	err = database.Each(ctx, q, "SELECT host_ip, COALESCE(CAST(MAX(gmt_modified) AS CHAR), ''), TIMESTAMPDIFF(SECOND, MAX(gmt_modified), NOW()) FROM "+
		database.Quote(heartbeat)+".heart_beat WHERE task_name = 'supervisor' GROUP BY host_ip ORDER BY host_ip", nil, func(rows *sql.Rows) error {
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

// FindBeat finds the youngest heartbeat of an address.
func FindBeat(beats []Beat, address string) (youngest Beat, found bool) {
	for _, b := range beats {
		if SameAddress(b.IP, address) && (!found || b.Age < youngest.Age) {
			youngest, found = b, true
		}
	}
	return youngest, found
}

// HeartbeatDatabases gives the databases on the server that look like heartbeat
// databases. Nothing records which region uses which one, and several OMS may
// share a server.
func HeartbeatDatabases(ctx context.Context, q database.Queryer) (names []string, err error) {
	err = database.Each(ctx, q, "SELECT table_schema FROM information_schema.tables WHERE table_name IN ('heart_beat', 'heatbeat_sequence') GROUP BY table_schema HAVING COUNT(*) = 2 ORDER BY table_schema", nil, func(rows *sql.Rows) error {
		var name string
		err := rows.Scan(&name)
		names = append(names, name)
		return err
	})
	return names, err
}

// Beats are the heartbeats of all regions.
type Beats struct {
	Own    []Beat // in this region's database
	Others []Beat // in all others on the server
	// Databases are those that were read, this region's first.
	Databases []string
}

// Of gives the heartbeats among which those of a node must be: nothing records
// which database another region uses, but this region's is known.
func (b Beats) Of(h Host, location int) []Beat {
	if h.Name == strconv.Itoa(location) {
		return b.Own
	}
	return b.Others
}

// ReadAllBeats reads every heartbeat database on the server. Those that cannot
// be read are left out: they are another program's, or another account's.
func ReadAllBeats(ctx context.Context, q database.Queryer, own string) (b Beats, err error) {
	if b.Own, err = ReadBeats(ctx, q, own); err != nil {
		return b, err
	}
	b.Databases = []string{own}
	others, err := HeartbeatDatabases(ctx, q)
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
