package tables

import (
	"context"
	"database/sql"
	"encoding/json"

	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/msg"
)

// Reader reads the three databases of an installation.
type Reader interface {
	// Release is what the table of releases says; empty where it says nothing.
	Release(ctx context.Context) string
	Objects(ctx context.Context, role config.Role) (Objects, error)
	// Rows are those of a table; large is how many there are where they are too many to be read.
	Rows(ctx context.Context, role config.Role, table string) (rows Rows, large int, err error)
}

// mostRows is how many rows a table may have to be read: settings are fewer.
const mostRows = 5_000

// Live reads from a server.
type Live struct {
	DB     *sql.DB
	Config *config.Config
}

// Release returns the release that was recorded last.
func (l Live) Release(ctx context.Context) string {
	list, err := Texts(ctx, l.DB, "SELECT version FROM "+database.Quote(l.Config.RMDatabase)+"."+
		database.Quote(VersionTable)+" ORDER BY gmt_modified DESC, version DESC LIMIT 1")
	if err != nil || len(list) == 0 {
		return ""
	}
	return list[0][0]
}

// Objects reads the definition of everything in one database.
func (l Live) Objects(ctx context.Context, role config.Role) (Objects, error) {
	return ReadObjects(ctx, l.DB, l.Config, role)
}

// Rows reads the rows of a table.
func (l Live) Rows(ctx context.Context, role config.Role, table string) (Rows, int, error) {
	name := database.Quote(l.Config.Database(role)) + "." + database.Quote(table)
	var count int
	if err := l.DB.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+name).Scan(&count); err != nil {
		return Rows{}, 0, msg.Errorf("cannot read the rows of %s.%s: %w", l.Config.Database(role), table,
			database.Explain(l.Config, err))
	}
	if count > mostRows {
		return Rows{}, count, nil
	}
	rows, err := ReadRows(ctx, l.DB, l.Config, role, table)
	return rows, 0, err
}

// Snapshot is what the databases held when it was taken.
type Snapshot struct {
	Version   string
	Databases map[config.Role]Contents
}

// Contents are the contents of one database.
type Contents struct {
	Objects Objects
	Rows    map[string]Rows // by table
	Large   map[string]int  // tables whose rows are too many, with their number
}

// Take reads everything.
func Take(ctx context.Context, from Reader) (*Snapshot, error) {
	s := &Snapshot{Version: from.Release(ctx), Databases: map[config.Role]Contents{}}
	for _, role := range config.Roles {
		objects, err := from.Objects(ctx, role)
		if err != nil {
			return nil, err
		}
		c := Contents{Objects: objects, Rows: map[string]Rows{}, Large: map[string]int{}}
		for _, t := range objects.Tables {
			rows, large, err := from.Rows(ctx, role, t.Name)
			if err != nil {
				return nil, err
			}
			if c.Rows[t.Name] = rows; large > 0 {
				c.Large[t.Name] = large
			}
		}
		s.Databases[role] = c
	}
	return s, nil
}

// Release returns the release that was recorded.
func (s *Snapshot) Release(context.Context) string { return s.Version }

// Objects returns the definition of everything in one database.
func (s *Snapshot) Objects(_ context.Context, role config.Role) (Objects, error) {
	return s.Databases[role].Objects, nil
}

// Rows returns the rows of a table.
func (s *Snapshot) Rows(_ context.Context, role config.Role, table string) (Rows, int, error) {
	c := s.Databases[role]
	return c.Rows[table], c.Large[table], nil
}

// jsonRows is how rows are written down: values need be no text.
type jsonRows struct {
	Columns []Column
	Values  [][][]byte
}

// MarshalJSON writes rows down.
func (r Rows) MarshalJSON() ([]byte, error) {
	out := jsonRows{Columns: r.Columns}
	for _, row := range r.Values {
		var values [][]byte
		for _, v := range row {
			values = append(values, []byte(v))
		}
		out.Values = append(out.Values, values)
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON has written.
func (r *Rows) UnmarshalJSON(data []byte) error {
	var in jsonRows
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	*r = Rows{Columns: in.Columns}
	for _, row := range in.Values {
		var values []string
		for _, v := range row {
			values = append(values, string(v))
		}
		r.Values = append(r.Values, values)
	}
	return nil
}
