package metrics

import (
	"cmp"
	"strconv"

	"omsinit/internal/config"
)

// identity are the tags of every point: all regions report to one TSDB.
type identity struct{ region, node string }

// Region is the tag of a region: cm_region, or the number of the region where
// it has no name, as with a single one (oms-facts §8).
func Region(cfg *config.Config) string {
	return cmp.Or(cfg.CMRegion, strconv.Itoa(cfg.CMLocation))
}
