package listener

import (
	"maps"
	"slices"
)

// HeldBy returns which of some programs, by their names with the ids of their first processes, listens on a port; ""
// when none does.
func HeldBy(port int, programs map[string]int) string {
	if holder := Find(port, nil, slices.Collect(maps.Values(programs))...); !holder.Own {
		return ""
	}
	for _, name := range slices.Sorted(maps.Keys(programs)) {
		if Find(port, nil, programs[name]).Own {
			return name
		}
	}
	return ""
}
