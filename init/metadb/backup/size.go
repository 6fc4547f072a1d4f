package backup

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	"omsinit/internal/config"
	"omsinit/internal/database"
)

// Size is how large one database is. Rows and bytes are estimates of the server. Its JSON form only ever grows.
type Size struct {
	Kind      config.Role `json:"kind"`
	Name      string      `json:"name"`
	Rows      int64       `json:"rows"`
	Bytes     int64       `json:"bytes"`
	DumpBytes int64       `json:"dump_bytes"`
}

// Measure returns the sizes of databases, and of the dumps that a backup makes of them.
func (j *Job) Measure(ctx context.Context, db *sql.DB, databases []Database) (sizes []Size, err error) {
	conn, err := fresh(ctx, db)
	if err != nil {
		return nil, database.Explain(j.Config, err)
	}
	defer conn.Close()
	for _, d := range databases {
		size, err := j.measure(ctx, conn, d)
		if err != nil {
			return nil, err
		}
		sizes = append(sizes, size)
	}
	return sizes, nil
}

// measure asks the server for the size of a database, on a connection of its own. A binary value takes two characters a
// byte in a dump.
func (j *Job) measure(ctx context.Context, conn *sql.Conn, d Database) (Size, error) {
	s := Size{Kind: d.Kind, Name: d.Name}
	// In one question with the sizes this takes the server a second.
	binary, err := database.Column(ctx, conn, "SELECT DISTINCT table_name FROM information_schema.columns WHERE table_schema = ? AND data_type IN ('blob', 'tinyblob', 'mediumblob', 'longblob', 'binary', 'varbinary', 'bit')", d.Name)
	if err != nil {
		return s, database.Explain(j.Config, err)
	}
	files := fileSizes(ctx, conn, d.Name)
	err = database.Each(ctx, conn, "SELECT table_name, COALESCE(table_rows, 0), COALESCE(data_length, 0), COALESCE(index_length, 0) FROM information_schema.tables WHERE table_schema = ? AND table_type = 'BASE TABLE'",
		[]any{d.Name}, func(rows *sql.Rows) error {
			var name string
			var count, bytes, index int64
			if err := rows.Scan(&name, &count, &bytes, &index); err != nil {
				return err
			}
			bytes = max(bytes, files[name]-index-emptyFile)
			s.Rows, s.Bytes = s.Rows+count, s.Bytes+bytes
			switch {
			case name == "heatbeat_sequence": // trimmed before
			case slices.Contains(binary, name):
				s.DumpBytes += 2*bytes + 4096
			default:
				s.DumpBytes += bytes + bytes/5 + 4096
			}
			return nil
		})
	return s, database.Explain(j.Config, err)
}

// emptyFile is what the file of a table takes that holds nothing.
const emptyFile = 128 << 10

// fresh returns a connection on which the server's figures are not those of yesterday: MySQL 8 keeps them for a day.
// Others do not know the variable.
func fresh(ctx context.Context, db *sql.DB) (*sql.Conn, error) {
	conn, err := db.Conn(ctx)
	if err == nil {
		_, _ = conn.ExecContext(ctx, "SET SESSION information_schema_stats_expiry = 0")
	}
	return conn, err
}

// fileSizes returns the sizes of the files of a database's tables: InnoDB's own figures may be old, such as after a
// load. An account without the right PROCESS learns nothing, and the figures have to do.
func fileSizes(ctx context.Context, conn *sql.Conn, name string) map[string]int64 {
	sizes := map[string]int64{}
	for _, table := range []string{"innodb_tablespaces", "innodb_sys_tablespaces"} { // MySQL 8, MariaDB
		_ = database.Each(ctx, conn, "SELECT name, file_size FROM information_schema."+table, nil,
			func(rows *sql.Rows) error {
				var file string
				var bytes int64
				err := rows.Scan(&file, &bytes)
				folder, file, _ := strings.Cut(file, "/")
				file, _, _ = strings.Cut(file, "#") // a partition
				if folder == name {
					sizes[file] += bytes
				}
				return err
			})
	}
	return sizes
}
