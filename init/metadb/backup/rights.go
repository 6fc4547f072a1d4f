package backup

import (
	"omsinit/internal/config"
	"omsinit/internal/database"
)

// Uses returns the rights that backups and restores need: in the databases themselves, and in those beside them that
// dumps are read into.
func Uses(c *config.Config) (uses []database.Use) {
	for _, d := range config.Roles {
		name := c.Database(d)
		uses = append(uses,
			database.Use{Database: name, Later: true, Rights: []database.Right{
				database.Select, database.Insert, database.Delete, database.Create, database.Drop, database.Alter}},
			database.Use{Database: name + scratchSuffix, Later: true, Rights: []database.Right{
				database.Select, database.Insert, database.Create, database.Drop, database.Alter}})
	}
	return uses
}
