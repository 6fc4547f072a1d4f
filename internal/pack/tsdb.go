package pack

import (
	"cmp"
	"strings"

	"omsinit/internal/msg"
)

// TSDB is where in the time-series database the metrics of this OMS go. The
// name of the database is not documented (oms-facts §9, §13), so it is data.
type TSDB struct {
	Database string `yaml:"database" json:"database"`
	// RetentionPolicy is made in the database when it has none of that name.
	RetentionPolicy string `yaml:"retention_policy" json:"retention_policy"`
	// Duration is how long the policy keeps data, as InfluxQL writes it: 30d.
	Duration string `yaml:"duration" json:"duration"`
}

// tsdb fills in what a pack leaves out, and refuses names that would have to be
// quoted in InfluxQL: people will type them.
func (c *checker) tsdb(t *TSDB) {
	t.Database = cmp.Or(t.Database, "oms")
	t.RetentionPolicy = cmp.Or(t.RetentionPolicy, "oms_30d")
	t.Duration = cmp.Or(t.Duration, "30d")
	c.plainName("database", t.Database)
	c.plainName("retention_policy", t.RetentionPolicy)
	number := strings.TrimRight(t.Duration, "hdw")
	if len(number) != len(t.Duration)-1 || number == "" || strings.Trim(number, "0123456789") != "" ||
		number[0] == '0' || len(number) > 5 {
		c.fail(msg.M("duration is %q; it must be a number of hours, days or weeks such as 30d", t.Duration), "tsdb",
			"duration")
	}
}

func (c *checker) plainName(key, name string) {
	for i, r := range name {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if len(name) > 64 || !letter && (i == 0 || r != '_' && (r < '0' || r > '9')) {
			c.fail(msg.M("%s is %q; it must be a name of letters, digits and _ that starts with a letter", key, name),
				"tsdb", key)
			return
		}
	}
}
