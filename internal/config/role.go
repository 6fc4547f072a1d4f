package config

// Role is which of the three databases of OMS a database is (docs/oms-facts.md §6). It is spelled as its folder in the
// schema of a pack, and as the kind of a database in a backup.
type Role string

// The roles.
const (
	RM        Role = "rm" // of the console; all regions share it
	CM        Role = "cm" // the metadata of the CM; all regions share it
	Heartbeat Role = "hb" // the heartbeats of one region
)

// Roles are all roles, in the order in which the databases are made.
var Roles = []Role{RM, CM, Heartbeat}

// Key returns the key of config.yaml that names the database.
func (r Role) Key() string {
	switch r {
	case RM:
		return "drc_rm_db"
	case CM:
		return "drc_cm_db"
	}
	return "drc_cm_heartbeat_db"
}

// Database returns the name of a database in the MetaDB.
func (c *Config) Database(r Role) string {
	switch r {
	case RM:
		return c.RMDatabase
	case CM:
		return c.CMDatabase
	}
	return c.HeartbeatDatabase
}
