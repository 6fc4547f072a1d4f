package upgrade

import (
	"strings"

	"omsinit/init/metadb"
	"omsinit/internal/pack"
)

// way is how one release becomes another.
type way struct {
	// stops are the releases one after the other, the target last; none when the
	// pack knows no way.
	stops []string
	// route is the one of a way without stops, nil for a build of the same release.
	route *pack.Route
}

// direct reports whether this image upgrades without a stop.
func (w way) direct() bool { return len(w.stops) == 1 }

// findWay looks for the way with the fewest stops (oms-facts §7). Builds and
// bundle patches of a release are that release.
func findWay(routes []pack.Route, edition string, from, to metadb.Version) way {
	if from.Core() == to.Core() {
		return way{stops: []string{to.String()}}
	}
	type at struct {
		version metadb.Version
		stops   []string
		route   *pack.Route
	}
	seen := map[string]bool{from.Core(): true}
	for queue := []at{{version: from}}; len(queue) > 0; queue = queue[1:] {
		here := queue[0]
		for i := range routes {
			r := &routes[i]
			next, err := metadb.ParseVersion(r.To)
			if err != nil || r.Edition != edition || next.Compare(to) > 0 && next.Core() != to.Core() ||
				seen[next.Core()] || !starts(r, here.version) {
				continue
			}
			stops := append(append([]string{}, here.stops...), r.To+"-"+edition)
			if next.Core() == to.Core() {
				stops[len(stops)-1] = to.String()
				return way{stops: stops, route: r}
			}
			seen[next.Core()] = true
			queue = append(queue, at{next, stops, r})
		}
	}
	return way{}
}

// starts reports whether a route begins at a release.
func starts(r *pack.Route, v metadb.Version) bool {
	for _, from := range r.From {
		all := from != ""
		for bound := range strings.FieldsSeq(from) {
			all = all && within(bound, v)
		}
		if all {
			return true
		}
	}
	return false
}

// within compares with one bound. A build of a release is neither newer nor
// older than it.
func within(bound string, v metadb.Version) bool {
	operator := bound[:len(bound)-len(strings.TrimLeft(bound, "<>="))]
	limit, err := metadb.ParseVersion(strings.TrimPrefix(bound, operator))
	if err != nil {
		return false
	}
	core, err := metadb.ParseVersion(v.Core())
	if err != nil {
		return false
	}
	switch c := core.Compare(limit); operator {
	case ">=":
		return c >= 0
	case ">":
		return c > 0
	case "<=":
		return c <= 0
	case "<":
		return c < 0
	case "", "=":
		return c == 0
	}
	return false
}

// sources lists what the pack upgrades to a release directly.
func sources(routes []pack.Route, edition string, to metadb.Version) []string {
	var out []string
	for _, r := range routes {
		if v, err := metadb.ParseVersion(r.To); err == nil && v.Core() == to.Core() && r.Edition == edition {
			out = append(out, r.From...)
		}
	}
	return out
}
