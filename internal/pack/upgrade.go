package pack

import (
	"strings"

	"omsinit/internal/msg"
	"omsinit/internal/release"
)

// Upgrade is what the pack knows about upgrades to its release, and about those
// before it (oms-facts §7).
type Upgrade struct {
	// Stop are the programs that use the MetaDB, which stop for an upgrade.
	Stop   []string `yaml:"stop,flow,omitempty"`
	Routes []Route  `yaml:"routes,omitempty"`
	// Lost are tables of the rm database whose new rows a rollback would lose.
	Lost []Watched `yaml:"lost,omitempty"`
	// Busy are rows of the rm database that stand against an upgrade.
	Busy []Watched `yaml:"busy,omitempty"`
}

// Route is from which releases one can upgrade directly.
type Route struct {
	Edition string `yaml:"edition"` // CE or EE
	To      string `yaml:"to"`
	// From are releases, or bounds such as ">=3.2.1 <4.0.1".
	From []string `yaml:"from,flow"`
	// Requires names steps that people must do by hand before, with spaces between.
	Requires string `yaml:"requires,omitempty"`
	// Schema is "none" for a release that changes no table.
	Schema string `yaml:"schema,omitempty"`
}

// Watched is a table of the rm database, or some of its rows.
type Watched struct {
	Table string `yaml:"table"`
	// Name is the column that tells people which row it is.
	Name string `yaml:"name"`
	// Column and Values choose rows; all of them when there is no column.
	Column string   `yaml:"column,omitempty"`
	Values []string `yaml:"values,flow,omitempty"`
	// Refuse makes the rows stop an upgrade; otherwise they are warned of.
	Refuse bool `yaml:"refuse,omitempty"`
}

func (c *checker) upgrade(u Upgrade) {
	for i, r := range u.Routes {
		at := func(field string) []any { return []any{"upgrade", "routes", i, field} }
		if r.Edition != "CE" && r.Edition != "EE" {
			c.fail(msg.M("edition is %q; it is CE or EE", r.Edition), at("edition")...)
		}
		if to, err := release.Parse(r.To); err != nil || !strings.HasPrefix(to.Core(), r.To) {
			c.fail(msg.M("to is %q; it must be a release such as 4.2.3", r.To), at("to")...)
		}
		for _, from := range r.From {
			if _, err := release.ParseBounds(from); err != nil {
				c.fail(msg.M("from is %q; it must be a release such as 4.2.2, or bounds such as \">=3.2.1 <4.0.1\"",
					from), at("from")...)
			}
		}
		if r.Schema != "" && r.Schema != "none" {
			c.fail(msg.M("schema is %q; it is none, or not given", r.Schema), at("schema")...)
		}
	}
	for list, watched := range map[string][]Watched{"lost": u.Lost, "busy": u.Busy} {
		for i, w := range watched {
			if w.Table == "" || w.Name == "" || (w.Column == "") != (len(w.Values) == 0) {
				c.fail(msg.M(
					"a table, the column with the name, and values with the column that they are in are needed"),
					"upgrade", list, i)
			}
		}
	}
}
