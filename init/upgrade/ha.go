package upgrade

import (
	"context"
	"database/sql"
	"math"
	"strconv"
	"time"

	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/ha"
)

// highAvailability is the system parameter ha.config as the console keeps it
// (oms-facts §6). Empty: there is no such row, and it is off.
type highAvailability string

// readHA reads the parameter. A MetaDB without the table has none.
func readHA(ctx context.Context, db *sql.DB, c *config.Config) (highAvailability, error) {
	text, _, err := ha.Read(ctx, db, c.RMDatabase)
	return highAvailability(text), newMetaDB(c, err)
}

// write stores the parameter. The time of the row stays: what omsinit switches
// is switched back.
func (h highAvailability) write(ctx context.Context, db *sql.DB, c *config.Config) error {
	keep := ""
	var has int
	err := db.QueryRowContext(ctx, "SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = ? AND table_name = 'oms_normal_config' AND column_name = 'gmt_modified'", c.RMDatabase).Scan(&has)
	if has > 0 {
		keep = ", gmt_modified = gmt_modified"
	}
	if err == nil {
		_, err = db.ExecContext(ctx, "UPDATE "+database.Quote(c.RMDatabase)+".oms_normal_config SET cfg_value = ?"+keep+" WHERE cfg_name = 'ha.config'", string(h))
	}
	return database.Explain(c, err)
}

func (h highAvailability) enabled() (bool, error) {
	if h == "" {
		return false, nil
	}
	return ha.Enabled(string(h))
}

// refetchMinutes is refetchStoreIntervalMin, 0 when it is not there.
func (h highAvailability) refetchMinutes() int {
	value, _ := ha.Field(string(h), "refetchStoreIntervalMin")
	n, _ := strconv.Atoi(value)
	return n
}

// backOn returns the parameter for after an outage: enable is on, and
// refetchStoreIntervalMin is greater than the outage, unless the checkpoints of
// the stores' clients are looked at (oms-facts §7).
func (h highAvailability) backOn(outage time.Duration) (highAvailability, error) {
	on, err := ha.Edit(string(h), true)
	if err != nil {
		return h, err
	}
	looked, err := ha.Field(on, "perceiveStoreClientCheckpoint")
	least := int(math.Floor(outage.Minutes())) + 1
	if err == nil && looked != "true" && h.refetchMinutes() < least {
		on, err = ha.Set(on, "refetchStoreIntervalMin", strconv.Itoa(least))
	}
	return highAvailability(on), err
}
