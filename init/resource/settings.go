package resource

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"omsinit/internal/atomicfile"
	"omsinit/internal/database"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

// settingsRecord is what config.yaml gave for rows of the MetaDB when this node looked last, as digests: a value may be
// a secret.
type settingsRecord struct {
	Salt   string            `json:"salt"`
	Values map[string]string `json:"values"` // by table, key and column
	registered
}

// loadSettings reads the record. One that is not there, or cannot be read, is empty: then no row is changed.
func loadSettings(name string) settingsRecord {
	var r settingsRecord
	data, err := os.ReadFile(name)
	if err != nil || json.Unmarshal(data, &r) != nil || r.Salt == "" {
		r = settingsRecord{Salt: rand.Text()}
	}
	if r.Values == nil {
		r.Values = map[string]string{}
	}
	return r
}

func (r settingsRecord) write(name string) error {
	data, err := json.Marshal(r)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(name), 0o755)
	}
	if err == nil {
		err = atomicfile.Write(name, data, atomicfile.Options{Mode: 0o600})
	}
	if err != nil {
		return msg.Errorf("cannot write %s: %w", name, err)
	}
	return nil
}

// digest is that of a value; JSON counts as what it says.
func (r settingsRecord) digest(text string) string {
	sum := sha256.Sum256([]byte(r.Salt + "\n" + saying(text)))
	return hex.EncodeToString(sum[:])
}

// saying returns a value, or JSON in one spelling: a server may write it otherwise.
func saying(text string) string {
	if !isJSON(text) {
		return text
	}
	var value any
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if d.Decode(&value) == nil {
		if data, err := json.Marshal(plainNumbers(value)); err == nil {
			return string(data)
		}
	}
	return text
}

// plainNumbers writes the fractions of a JSON value in one way; whole numbers may have more digits than a float.
func plainNumbers(value any) any {
	switch v := value.(type) {
	case json.Number:
		if f, err := v.Float64(); err == nil && strings.ContainsAny(v.String(), ".eE") {
			return f
		}
	case []any:
		for i := range v {
			v[i] = plainNumbers(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = plainNumbers(v[key])
		}
	}
	return value
}

// isJSON reports whether a value is a JSON object, or a list of something.
func isJSON(text string) bool {
	trimmed := strings.TrimSpace(text)
	return (strings.HasPrefix(trimmed, "{") || strings.HasPrefix(trimmed, "[")) && json.Valid([]byte(text))
}

// Settings brings the pack's rows of settings to a changed config.yaml. A value that is another than what config.yaml
// gave before is left alone, and named: somebody has changed it, or another region.
func (s *Step) Settings(ctx context.Context) (Result, error) {
	rows, err := s.filled(true)
	if err != nil || len(rows) == 0 {
		return Result{}, err
	}
	name := s.Layout.SettingsRecord()
	record := loadSettings(name)
	before := maps.Clone(record.Values)
	result, err := s.settings(ctx, rows, record, true)
	if !maps.Equal(before, record.Values) {
		err = errors.Join(err, record.write(name))
	}
	return result, err
}

// settings compares the rows of settings with the MetaDB, and with write brings them to config.yaml.
func (s *Step) settings(ctx context.Context, rows []pack.FilledRow, record settingsRecord, write bool) (
	result Result, err error,
) {
	db, err := database.Open(s.Config, "", database.As(s.HostIP))
	if err != nil {
		return result, err
	}
	defer db.Close()
	conn, err := db.Conn(ctx)
	if err != nil {
		return result, database.Explain(s.Config, err)
	}
	defer conn.Close()
	for _, row := range rows {
		done, err := s.setting(ctx, conn, row, record, write)
		if err != nil {
			return result, msg.Errorf("cannot write a row of %s: %w", row.Table, database.Explain(s.Config, err))
		}
		if done != nil {
			result.Rows = append(result.Rows, *done)
		}
	}
	return result, nil
}

// setting is one row of settings.
func (s *Step) setting(ctx context.Context, conn *sql.Conn, row pack.FilledRow, record settingsRecord, write bool) (
	done *Row, err error,
) {
	name := s.Config.Database(row.Database)
	table := database.Quote(name) + "." + database.Quote(row.Table)
	shown := Row{Table: name + "." + row.Table, Key: keyOf(row.Row, row.Values)}
	where, key := terms(row.Key, row.Values)
	for _, column := range sortedWithout(row.Values, row.Key) {
		at, want := shown.Table+" "+shown.Key+" "+column, row.Values[column]
		before, looked := record.Values[at]
		if looked && before == record.digest(want) {
			continue
		}
		var have sql.NullString
		query := fmt.Sprintf("SELECT CAST(%s AS CHAR) FROM %s WHERE %s", database.Quote(column), table,
			strings.Join(where, " AND "))
		err := conn.QueryRowContext(ctx, query, key...).Scan(&have)
		isThere := !errors.Is(err, sql.ErrNoRows)
		switch {
		case !isThere && !looked:
			shown.Inserted = true
			return &shown, s.insertSetting(ctx, conn, table, row, shown, record, write)
		case err != nil && isThere:
			return nil, err
		case !isThere, have.Valid && record.digest(have.String) == record.digest(want):
			// Somebody has deleted it, or it is as it should be.
		case !looked || !have.Valid || record.digest(have.String) != before:
			if write {
				s.log(msg.M("%s of the row %s %s is another than config.yaml gives, and stays: somebody, or another region, has set it",
					column, shown.Table, shown.Key))
			}
		case !write:
			done = &shown
		default:
			query = fmt.Sprintf("UPDATE %s SET %s = ? WHERE %s", table, database.Quote(column),
				strings.Join(where, " AND "))
			if _, err := conn.ExecContext(ctx, query, append([]any{want}, key...)...); err != nil {
				return nil, err
			}
			done = &shown
			s.log(msg.M("%s of the row %s %s follows config.yaml; a program that reads it only when it starts must be restarted",
				column, shown.Table, shown.Key))
		}
		if write {
			record.Values[at] = record.digest(want)
		}
	}
	return done, nil
}

// insertSetting makes a row that there was no reason to have before.
func (s *Step) insertSetting(ctx context.Context, conn *sql.Conn, table string, row pack.FilledRow, shown Row,
	record settingsRecord, write bool,
) error {
	if !write {
		return nil
	}
	if err := insertRow(ctx, conn, table, row.Row, row.Values); err != nil {
		return err
	}
	s.log(shown.Message())
	for _, column := range sortedWithout(row.Values, row.Key) {
		record.Values[shown.Table+" "+shown.Key+" "+column] = record.digest(row.Values[column])
	}
	return nil
}

func sortedWithout(values map[string]string, key []string) (out []string) {
	for column := range values {
		if !slices.Contains(key, column) {
			out = append(out, column)
		}
	}
	slices.Sort(out)
	return out
}
