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

// changeHA changes the parameter by edit, under the lock of its row: fields that
// the console writes meanwhile stay.
func (s *Session) changeHA(ctx context.Context, edit func(highAvailability) (highAvailability, error)) error {
	var editErr error // as it is: it may be the journal's
	_, err := ha.Update(ctx, s.db, s.Config.RMDatabase, func(text string) (string, error) {
		var edited highAvailability
		edited, editErr = edit(highAvailability(text))
		return string(edited), editErr
	})
	if editErr != nil {
		return editErr
	}
	return database.Explain(s.Config, err)
}

// switched returns the parameter with enable set to on.
func (h highAvailability) switched(on bool) (highAvailability, error) {
	text, err := ha.Edit(string(h), on)
	return highAvailability(text), err
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
