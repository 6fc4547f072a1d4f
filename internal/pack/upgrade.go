package pack

import (
	"slices"
	"strings"

	"omsinit/internal/msg"
)

// Upgrade is what the pack knows about upgrades to its release, and about those
// before it (oms-facts §7).
type Upgrade struct {
	// Stop are the programs that use the MetaDB, which stop for an upgrade.
	Stop   []string `yaml:"stop"`
	Routes []Route  `yaml:"routes"`
	// Lost are tables of the rm database whose new rows a rollback would lose.
	Lost []Watched `yaml:"lost"`
	// Busy are rows of the rm database that stand against an upgrade.
	Busy []Watched `yaml:"busy"`
}

// Route is from which releases one can upgrade directly.
type Route struct {
	Edition string `yaml:"edition"` // CE or EE
	To      string `yaml:"to"`
	// From are releases, or bounds such as ">=3.2.1 <4.0.1".
	From []string `yaml:"from"`
	// Requires names a step that people must do by hand before.
	Requires string `yaml:"requires"`
	// Schema is "none" for a release that changes no table.
	Schema string `yaml:"schema"`
}

// Watched is a table of the rm database, or some of its rows.
type Watched struct {
	Table string `yaml:"table"`
	// Name is the column that tells people which row it is.
	Name string `yaml:"name"`
	// Column and Values choose rows; all of them when there is no column.
	Column string   `yaml:"column"`
	Values []string `yaml:"values"`
	// Refuse makes the rows stop an upgrade; otherwise they are warned of.
	Refuse bool `yaml:"refuse"`
}

func (c *checker) upgrade(u Upgrade) {
	for i, r := range u.Routes {
		at := func(field string) []any { return []any{"upgrade", "routes", i, field} }
		if r.Edition != "CE" && r.Edition != "EE" {
			c.fail(msg.M("edition is %q; it is CE or EE", r.Edition), at("edition")...)
		}
		if !isRelease(r.To) {
			c.fail(msg.M("to is %q; it must be a release such as 4.2.3", r.To), at("to")...)
		}
		for _, from := range r.From {
			for bound := range strings.FieldsSeq(from) {
				if !isRelease(strings.TrimLeft(bound, "<>=")) {
					c.fail(msg.M("from is %q; it must be a release such as 4.2.2, or bounds such as \">=3.2.1 <4.0.1\"", from), at("from")...)
				}
			}
		}
		if r.Schema != "" && r.Schema != "none" {
			c.fail(msg.M("schema is %q; it is none, or not given", r.Schema), at("schema")...)
		}
	}
	for list, watched := range map[string][]Watched{"lost": u.Lost, "busy": u.Busy} {
		for i, w := range watched {
			if w.Table == "" || w.Name == "" || (w.Column == "") != (len(w.Values) == 0) {
				c.fail(msg.M("a table, the column with the name, and values with the column that they are in are needed"), "upgrade", list, i)
			}
		}
	}
}

// isRelease: numbers with dots between.
func isRelease(s string) bool {
	parts := strings.Split(s, ".")
	return len(parts) > 1 && !slices.ContainsFunc(parts, func(p string) bool {
		return p == "" || strings.Trim(p, "0123456789") != ""
	})
}
