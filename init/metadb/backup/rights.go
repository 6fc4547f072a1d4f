package backup

import (
	"slices"

	"omsinit/internal/config"
	"omsinit/internal/database"
)

// seeing are the rights without which an account does not see whether a database holds triggers, events or routines.
var seeing = []database.Right{database.Trigger, database.Event, database.Execute}

// Uses returns the rights that backups and restores need: in the databases themselves, and in those beside them that
// dumps are read into.
func Uses(c *config.Config) (uses []database.Use) {
	for _, d := range config.Roles {
		name := c.Database(d)
		rights := []database.Right{
			database.Select, database.Insert, database.Create, database.Drop, database.Alter}
		own := slices.Concat(rights, seeing, []database.Right{database.Delete})
		uses = append(uses,
			database.Use{Database: name, Later: true, Rights: own},
			database.Use{Database: name + scratchSuffix, Later: true, Rights: append(rights, database.CreateView)})
	}
	return uses
}
