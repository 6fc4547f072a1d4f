package dialogue

import (
	"net"
	"slices"
	"strconv"
	"strings"

	"omsinit/internal/config"
	"omsinit/internal/msg"
	"omsinit/internal/style"
)

// place asks for the region: its name, nodes, address and number.
func (c *conversation) place() error {
	if c.shared.mode == regions {
		if err := c.key("cm_region", ""); err != nil {
			return err
		}
		if c.draft["cm_region"] == "" {
			if !c.Again() {
				return msg.Errorf("%s: %w", "cm_region", msg.Errorf("with several regions each needs a name"))
			}
			c.Say(style.Error, msg.M("  %v", msg.M("with several regions each needs a name")))
			if c.only != nil {
				c.only["cm_region"] = true
			}
			return c.place()
		}
		if err := c.key("cm_region_cn", c.draft["cm_region"].Reveal()); err != nil {
			return err
		}
	}
	before := c.ownURL()
	if err := c.members(); err != nil {
		return err
	}
	suggestion := c.ownURL()
	if c.only == nil && before != "" && c.draft["cm_url"].Reveal() == before {
		delete(c.draft, "cm_url") // it follows the node
	}
	if suggestion == "" {
		c.Say(style.Plain, msg.M("With several nodes cm_url is a VIP or a domain name that leads to ports 8088 and 8089 of all of them; http:// may be left out."))
	}
	if err := c.key("cm_url", suggestion); err != nil {
		return err
	}
	if err := c.number(); err != nil {
		return err
	}
	switch {
	case c.only != nil && !c.only["cm_is_default"]: // it is right in the file, also where it is not there
	case c.shared.mode == regions && !c.hasDefault():
		if _, err := c.yes("cm_is_default", msg.M("Is this region the default one? (true for exactly one)"),
			len(c.regions) == 0); err != nil {
			return err
		}
	default: // where the MetaDB has but one region, a single one is that
		alone := c.shared.mode != regions && len(c.found.Locations) < 2
		c.draft["cm_is_default"] = config.Secret(strconv.FormatBool(alone || !c.hasDefault()))
	}
	return c.heartbeat()
}

// members asks for the nodes until there are as many as the mode has.
func (c *conversation) members() error {
	for {
		if err := c.key("cm_nodes", c.Host); err != nil {
			return err
		}
		several := len(c.nodes()) > 1
		switch {
		case c.only != nil, c.shared.mode == regions, several == (c.shared.mode == nodes):
			return nil
		case several:
			c.Say(style.Error, msg.M("  one node is a single address; for several answer the mode with nodes"))
		default:
			c.Say(style.Error, msg.M("  give the addresses of all nodes, separated by commas"))
		}
		if !c.Again() {
			return msg.Errorf("cm_nodes does not fit the mode %s", c.shared.mode)
		}
		delete(c.draft, "cm_nodes")
	}
}

// ownURL returns where the CM of a region of one node is, and "" with several nodes.
func (c *conversation) ownURL() string {
	list := c.nodes()
	if len(list) != 1 {
		return ""
	}
	port := c.draft["cm_server_port"].Reveal()
	if port == "" {
		port = "8088"
	}
	return "http://" + net.JoinHostPort(list[0], port)
}

func (c *conversation) nodes() []string {
	return strings.FieldsFunc(c.draft["cm_nodes"].Reveal(), func(r rune) bool { return r == ',' })
}

// number asks for cm_location, and shows those that are taken.
func (c *conversation) number() error {
	if c.only != nil && !c.only["cm_location"] {
		return nil // it is right in the file: the MetaDB may have this very region
	}
	taken := c.locations()
	free := 0
	for slices.Contains(taken, free) {
		free++
	}
	if list := c.Dialogue.taken(); len(list) > 0 {
		c.Say(style.Plain, msg.M("taken: %s", msg.List(list)))
	}
	if c.shared.mode != regions && len(taken) == 1 { // the MetaDB of this region, which is deployed anew
		free = taken[0]
	}
	for {
		if err := c.key("cm_location", strconv.Itoa(free)); err != nil {
			return err
		}
		n, _ := strconv.Atoi(c.draft["cm_location"].Reveal())
		if !slices.Contains(taken, n) || c.shared.mode != regions {
			return nil
		}
		c.Say(style.Error, msg.M("  %d is taken", n))
		if !c.Again() {
			return msg.Errorf("cm_location %d is taken: %s", n, msg.List(c.Dialogue.taken()))
		}
		delete(c.draft, "cm_location")
	}
}

// heartbeat names the heartbeat database, another one in each region.
func (c *conversation) heartbeat() error {
	if c.further {
		c.draft["drc_cm_heartbeat_db"] = config.Secret(c.shared.prefix + "_cm_hb_" + c.draft["cm_location"].Reveal())
		if c.shared.prefix == "" { // the names were in a file
			c.draft["drc_cm_heartbeat_db"] = config.Secret(
				c.regions[0].Draft["drc_cm_heartbeat_db"].Reveal() + "_" + c.draft["cm_location"].Reveal())
		}
		return nil
	}
	if c.draft["drc_cm_heartbeat_db"] == "" {
		return c.key("drc_cm_heartbeat_db", "oms_cm_hb")
	}
	return nil
}
