package pack

import (
	"slices"

	"omsinit/internal/msg"
	"omsinit/internal/pattern"
	"omsinit/internal/release"
)

// Server is a database server that is known to suit the release as its MetaDB,
// or known not to.
type Server struct {
	Kind string `yaml:"kind"` // MySQL, MariaDB or OceanBase
	// Versions are bounds such as ">=5.7 <8.0"; all versions when empty.
	Versions string `yaml:"versions,omitempty"`
	Works    bool   `yaml:"works"`
	// Symptom is what people see where it does not work.
	Symptom string `yaml:"symptom,omitempty"`
	// Source is where that is known from.
	Source string `yaml:"source"`
}

// ServerKinds are the kinds of servers that Server.Kind names.
var ServerKinds = []string{"MySQL", "MariaDB", "OceanBase"}

func (c *checker) metadb(servers []Server) {
	for i, s := range servers {
		if !slices.Contains(ServerKinds, s.Kind) {
			c.fail(msg.M("kind is %q; it is MySQL, MariaDB or OceanBase", s.Kind), "metadb", i, "kind")
		}
		if s.Versions != "" {
			if _, err := release.ParseBounds(s.Versions); err != nil {
				c.fail(msg.M("versions is %q; it must be bounds such as \">=5.7 <8.0\"", s.Versions), "metadb", i,
					"versions")
			}
		}
		if s.Source == "" || s.Works == (s.Symptom != "") {
			c.fail(msg.M("a source is needed, and a symptom where the server does not work"), "metadb", i)
		}
	}
}

var leadingNumbers = pattern.New(`[0-9]+\.[0-9]+(\.[0-9]+)?`)

// Suiting returns the first entry that fits a server, as it names itself, or
// nil when nothing is known about it.
func (m Manifest) Suiting(kind, version string) *Server {
	numbers, err := release.Parse(leadingNumbers().FindString(version))
	for i, s := range m.MetaDB {
		if s.Kind != kind {
			continue
		}
		bounds, boundsErr := release.ParseBounds(s.Versions)
		if s.Versions == "" || err == nil && boundsErr == nil && bounds.Contain(numbers) {
			return &m.MetaDB[i]
		}
	}
	return nil
}
