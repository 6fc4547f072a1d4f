package upgrade

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/msg"
)

// highAvailability is the system parameter ha.config (oms-facts §6). Only its
// field enable switches it on: enableStore and the like are true by default.
type highAvailability struct {
	text string // as the console keeps it; empty: there is no such row
}

const haRow = " WHERE cfg_name = 'ha.config'"

func haTable(c *config.Config) string { return database.Quote(c.RMDatabase) + ".oms_normal_config" }

// readHA reads the parameter. A MetaDB without the table has none.
func readHA(ctx context.Context, db *sql.DB, c *config.Config) (highAvailability, error) {
	var ha highAvailability
	err := db.QueryRowContext(ctx, "SELECT cfg_value FROM "+haTable(c)+haRow).Scan(&ha.text)
	if errors.Is(err, sql.ErrNoRows) {
		return ha, nil
	}
	return ha, newMetaDB(c, err)
}

// write stores the parameter. The time of the row stays: what omsinit switches
// is switched back.
func (ha highAvailability) write(ctx context.Context, db *sql.DB, c *config.Config) error {
	keep := ""
	var has int
	err := db.QueryRowContext(ctx, "SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = ? AND table_name = 'oms_normal_config' AND column_name = 'gmt_modified'", c.RMDatabase).Scan(&has)
	if has > 0 {
		keep = ", gmt_modified = gmt_modified"
	}
	if err == nil {
		_, err = db.ExecContext(ctx, "UPDATE "+haTable(c)+" SET cfg_value = ?"+keep+haRow, ha.text)
	}
	return database.Explain(c, err)
}

// enabled reports whether high availability is on.
func (ha highAvailability) enabled() (bool, error) {
	fields, err := ha.fields()
	if err != nil {
		return false, err
	}
	return strings.EqualFold(strings.Trim(string(fields["enable"].value), `"`), "true"), nil
}

// refetchMinutes is refetchStoreIntervalMin, 0 when it is not there.
func (ha highAvailability) refetchMinutes() int {
	fields, _ := ha.fields()
	n, _ := strconv.Atoi(strings.Trim(string(fields["refetchStoreIntervalMin"].value), `"`))
	return n
}

// with gives the parameter with a field set, and all others as they were,
// byte for byte. Neither the name nor the value needs escaping.
func (ha highAvailability) with(field, value string) (highAvailability, error) {
	fields, err := ha.fields()
	if err != nil {
		return ha, err
	}
	if f, ok := fields[field]; ok {
		return highAvailability{ha.text[:f.start] + value + ha.text[f.end:]}, nil
	}
	open := strings.Index(ha.text, "{") + 1
	comma := ","
	if len(fields) == 0 {
		comma = ""
	}
	return highAvailability{ha.text[:open] + `"` + field + `":` + value + comma + ha.text[open:]}, nil
}

// haField is a value and its place in the text.
type haField struct {
	value      json.RawMessage
	start, end int
}

func (ha highAvailability) fields() (map[string]haField, error) {
	out := map[string]haField{}
	if ha.text == "" {
		return out, nil
	}
	d := json.NewDecoder(strings.NewReader(ha.text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, notHA(err)
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, notHA(err)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, notHA(err)
		}
		end := int(d.InputOffset())
		out[key.(string)] = haField{value, end - len(value), end}
	}
	if _, err := d.Token(); err != nil {
		return nil, notHA(err)
	}
	return out, nil
}

func notHA(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return msg.Errorf("the system parameter ha.config is not a JSON object: %w", err)
}

// backOn gives the parameter for after an outage: enable is on, and
// refetchStoreIntervalMin is greater than the outage, unless the checkpoints of
// the stores' clients are looked at (oms-facts §7).
func (ha highAvailability) backOn(outage time.Duration) (highAvailability, error) {
	on, err := ha.with("enable", "true")
	if err != nil {
		return ha, err
	}
	fields, _ := ha.fields()
	if strings.Trim(string(fields["perceiveStoreClientCheckpoint"].value), `"`) == "true" {
		return on, nil
	}
	if least := int(math.Floor(outage.Minutes())) + 1; ha.refetchMinutes() < least {
		return on.with("refetchStoreIntervalMin", strconv.Itoa(least))
	}
	return on, nil
}
