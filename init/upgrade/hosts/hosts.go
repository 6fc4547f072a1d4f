// Package hosts makes the commands by which all hosts of an OMS come to a new release, and back: what omsinit itself
// cannot do from inside a container.
package hosts

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"omsinit/internal/config"
	"omsinit/internal/msg"
	"omsinit/internal/registry"
)

// Options are what the commands are about.
type Options struct {
	// Cluster asks for the commands; so do the other two.
	Cluster bool
	Image   string // the new one; empty: NEW_IMAGE
	Old     string // name of the old container on every host; empty: oms
	// Release names the new container; AutoHA is that of the upgrade.
	Release string
	AutoHA  bool
}

// Wanted reports whether there are to be commands.
func (o Options) Wanted() bool { return o.Cluster || o.Image != "" || o.Old != "" }

// Host is what is run on the host of one node: Stop on every host, then Run on every host, and Rollback only to go
// back. Its JSON form only ever grows.
type Host struct {
	Node     string   `json:"node"`
	Region   string   `json:"region"` // empty: not known
	Stop     []string `json:"stop"`
	Run      []string `json:"run"`
	Rollback []string `json:"rollback"`
}

// List returns the nodes of all regions with their commands. The first one upgrades, and has the backup.
func List(c *config.Config, regions []registry.Region, nodes []registry.Host, first string, o Options) []Host {
	var out []Host
	for _, node := range c.CMNodes {
		r, _ := registry.Find(regions, c.CMLocation)
		out = append(out, Host{Node: node, Region: cmp.Or(r.Name, c.CMRegion)})
	}
	for _, n := range nodes {
		if !registry.Lists(c.CMNodes, n.IP) {
			h := Host{Node: n.IP}
			if location, err := strconv.Atoi(n.Name); err == nil {
				r, _ := registry.Find(regions, location)
				h.Region = r.Name
			}
			out = append(out, h)
		}
	}
	if i := slices.IndexFunc(out, func(h Host) bool { return registry.SameAddress(h.Node, first) }); i > 0 {
		h := out[i]
		out = slices.Insert(slices.Delete(out, i, i+1), 0, h)
	}
	for i := range out {
		out[i].fill(o, i == 0)
	}
	return out
}

// fill makes the commands. The new container takes the mounts of the old one, which is stopped and stays.
func (h *Host) fill(o Options, first bool) {
	name := cmp.Or(o.Old, "oms")
	old, name, image := word(name), word(name+"-"+o.Release), word(cmp.Or(o.Image, "NEW_IMAGE"))
	h.Stop = []string{"docker stop " + old}
	h.Run = []string{fmt.Sprintf("docker run -dit --net host --volumes-from %s -e OMS_HOST_IP=%s -e IS_UPGRADE=true "+
		"--privileged=true --pids-limit -1 --ulimit nproc=65535:65535 --name %s %s", old, h.Node, name, image)}
	h.Rollback = []string{"docker stop " + name, "docker start " + old}
	if first {
		h.Rollback = append([]string{"docker exec -it " + name + " omsinit upgrade rollback"}, h.Rollback...)
		if o.AutoHA {
			h.Run = append(h.Run, "docker exec "+name+" omsinit upgrade apply --auto-ha")
		}
	}
}

// word quotes a word for a shell where that is needed.
func word(s string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:/@"
	if strings.Trim(s, plain) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// Print writes the commands in the order in which they are run, ready to paste.
func Print(w io.Writer, lang msg.Lang, list []Host) {
	part := func(m msg.Message) { fmt.Fprintf(w, "\n%s\n", m.In(lang)) }
	run := func(list []Host, commands func(Host) []string) {
		for _, h := range list {
			fmt.Fprintf(w, "# %s %s\n%s\n", h.Node, h.Region, strings.Join(commands(h), "\n"))
		}
	}
	part(msg.M("# 1. stop OMS: on every host, and wait a minute after the last one"))
	run(list, func(h Host) []string { return h.Stop })
	part(msg.M("# 2. start the new containers: on every host; those after the first one wait for it, in whatever order they start"))
	run(list, func(h Host) []string { return h.Run })
	part(msg.M("# back, if it must be: first on the other hosts, last on %s, which has the backup", list[0].Node))
	others := list[1:]
	run(others, func(h Host) []string { return h.Rollback[:1] })
	run(list[:1], func(h Host) []string { return h.Rollback })
	run(others, func(h Host) []string { return h.Rollback[1:] }) // when the old data is back
}
