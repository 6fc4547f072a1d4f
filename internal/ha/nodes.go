package ha

import (
	"strconv"

	"omsinit/internal/registry"
)

// Region is a region with the number of its nodes.
type Region struct {
	Location int    `json:"cm_location"`
	Name     string `json:"cm_region"`
	Nodes    int    `json:"nodes"`
}

// Regions counts the nodes of each region.
func Regions(r registry.Registry) []Region {
	regions := []Region{}
	for _, row := range r.Regions {
		region := Region{Location: row.Location, Name: row.Name}
		for _, h := range r.Hosts {
			if h.Name == strconv.Itoa(row.Location) {
				region.Nodes++
			}
		}
		regions = append(regions, region)
	}
	return regions
}

// TooSmall returns the regions in which no task could move to another node.
func TooSmall(regions []Region) (small []Region) {
	for _, r := range regions {
		if r.Nodes < LeastNodes {
			small = append(small, r)
		}
	}
	return small
}
