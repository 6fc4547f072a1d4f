package upgrade

import (
	"slices"

	"omsinit/internal/pack"
	"omsinit/internal/release"
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
func findWay(routes []pack.Route, edition string, from, to release.Version) way {
	if from.Core() == to.Core() {
		return way{stops: []string{to.String()}}
	}
	type at struct {
		version release.Version
		stops   []string
		route   *pack.Route
	}
	seen := map[string]bool{from.Core(): true}
	for queue := []at{{version: from}}; len(queue) > 0; queue = queue[1:] {
		here := queue[0]
		for i := range routes {
			r := &routes[i]
			next, err := release.Parse(r.To)
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
func starts(r *pack.Route, v release.Version) bool {
	return slices.ContainsFunc(r.From, func(from string) bool {
		bounds, err := release.ParseBounds(from) // Open has read it before
		return err == nil && bounds.Contain(v)
	})
}

// sources lists what the pack upgrades to a release directly.
func sources(routes []pack.Route, edition string, to release.Version) []string {
	var out []string
	for _, r := range routes {
		if v, err := release.Parse(r.To); err == nil && v.Core() == to.Core() && r.Edition == edition {
			out = append(out, r.From...)
		}
	}
	return out
}
