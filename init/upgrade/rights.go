package upgrade

import (
	"omsinit/internal/config"
	"omsinit/internal/database"
)

// Uses returns the rights that the journal of upgrades needs in its database.
func Uses(c *config.Config) []database.Use {
	return []database.Use{{Database: journalDatabase(c), Later: true, Rights: []database.Right{
		database.Select, database.Insert, database.Update, database.Create}}}
}
