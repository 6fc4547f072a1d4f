// Package dialogue makes config.yaml by question and answer, as the legacy deployment tool did (docs/oms-facts.md §4),
// and the lines that start a container on each host. It connects to no other host: it prints what to run there.
//
// Each answer is judged when it is given, by the rules of config.yaml. Nothing is written before the end.
package dialogue

import (
	"context"
	"net"
	"slices"
	"strconv"
	"strings"

	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/internal/style"
)

// Asker asks a person, or looks answers up.
type Asker interface {
	// Ask asks for the value of a key, one of config.yaml or of the Keys of this package. An empty answer takes the
	// suggestion.
	Ask(key string, question msg.Message, suggestion string, secret bool) (string, error)
	// Confirm asks a question of yes or no.
	Confirm(key string, question msg.Message, suggestion bool) (bool, error)
	// Again reports whether a wrong answer is asked for once more.
	Again() bool
}

// The keys of answers that are none of config.yaml.
const (
	Mode      = "mode"      // single, nodes or regions
	Prefix    = "db_prefix" // of the names of the databases
	Mount     = "mount"     // folder of the host
	Image     = "image"
	Container = "container"
	HTTPS     = "https"     // whether there is a certificate
	HTTPSCert = "https_crt" // file of the host
	HTTPSKey  = "https_key"
	Ports     = "ports" // whether to change them
	Correct   = "correct"
	Existing  = "existing_databases" // whether to go on with them
	More      = "another_region"
)

// Keys returns the keys of answers that are none of config.yaml.
func Keys() []string {
	return []string{Mode, Prefix, Mount, Image, Container, HTTPSCert, HTTPSKey, Existing}
}

// Modes returns the answers to Mode.
func Modes() []string { return []string{single, nodes, regions} }

// Found is what is in a MetaDB already.
type Found struct {
	Databases  []string // of the three
	Regions    []string // "7 cn-beijing"
	Locations  []int    // their numbers
	HasDefault bool
}

// Dialogue is one conversation.
type Dialogue struct {
	Asker
	// Say prints a text, painted by what it means.
	Say func(style.Style, msg.Message)
	// MetaDB looks into the MetaDB of a configuration; TSDB tries its time-series database. nil: not tried.
	MetaDB func(context.Context, *config.Config) (Found, error)
	TSDB   func(context.Context, *config.Config) error
	// Host is this host's address, Image the image, and Mount the folder of the host; "" when they are not known.
	Host, Image, Mount string
	// Upgrade: the containers upgrade an OMS that is there.
	Upgrade bool
	// Start is a config.yaml to begin with; only what is missing or wrong in it is asked for. nil: everything is.
	Start []byte

	regions []Region
	found   Found
	shared  deployment
}

// Region is one region with its config.yaml.
type Region struct {
	Draft  config.Draft
	Config *config.Config
}

// deployment is what the containers of all regions have in common.
type deployment struct{ mode, prefix, mount, image, container, cert, key string }

// The modes of deployment, in the words of the documentation.
const (
	single  = "single"
	nodes   = "nodes"
	regions = "regions"
)

// Run asks until all regions are complete and confirmed.
func (d *Dialogue) Run(ctx context.Context) (*Result, error) {
	if err := d.begin(); err != nil {
		return nil, err
	}
	for {
		r, err := d.region(ctx)
		if err != nil {
			return nil, err
		}
		d.regions = append(d.regions, r)
		if d.shared.mode != regions {
			break
		}
		more, err := d.Confirm(More, msg.M("Regions so far: %s. Is there another region?", msg.List(d.taken())), false)
		if err != nil {
			return nil, err
		}
		if !more {
			break
		}
	}
	if err := d.defaults(); err != nil {
		return nil, err
	}
	return d.result(), nil
}

// begin asks for the mode.
func (d *Dialogue) begin() error {
	suggestion := single
	if d.Start != nil {
		draft, _ := config.ReadDraft("config.yaml", d.Start)
		if strings.Contains(draft["cm_nodes"].Reveal(), ",") {
			suggestion = nodes
		}
		// One region may have a name as well; one that is not the default one has others beside it.
		if draft["cm_is_default"] == "false" {
			suggestion = regions
		}
	}
	if d.Again() {
		d.Say(style.Plain, msg.M(
			"The modes are: single (one node), nodes (several nodes in one region), regions (several regions)."))
	}
	mode, err := d.choose(Mode, msg.M("Mode of deployment"), suggestion, Modes()...)
	d.shared.mode = mode
	return err
}

// region asks for one region, and goes on until the person confirms it. A further region repeats only what differs.
func (d *Dialogue) region(ctx context.Context) (Region, error) {
	draft := config.Draft{}
	ask := map[string]bool{} // nil: everything
	switch {
	case len(d.regions) > 0:
		for key, value := range d.regions[0].Draft {
			draft[key] = value
		}
		for _, key := range ofRegion {
			delete(draft, key)
		}
		ask = nil
	case d.Start != nil:
		var wrong []finding.Finding
		draft, wrong = config.ReadDraft("config.yaml", d.Start)
		for _, f := range wrong {
			d.Say(style.Error, msg.M("%v", f))
			ask[f.Place.Key] = true
			if secret, ok := config.SecretOf(f.Place.Key); ok { // its file cannot be read here
				ask[secret] = true
			}
		}
	default:
		ask = nil
	}
	c := &conversation{d, ctx, draft, ask, len(d.regions) > 0}
	for _, g := range groups {
		if err := c.group(g); err != nil {
			return Region{}, err
		}
	}
	for {
		cfg, warnings, err := config.Parse("config.yaml", draft.File(msg.English))
		for _, w := range warnings {
			d.Say(style.Warning, msg.M("%v", w))
		}
		if err != nil {
			d.Say(style.Error, msg.M("%v", err))
			if !d.Again() {
				return Region{}, msg.Errorf("the answers make no config.yaml that can be used")
			}
		} else {
			c.show()
			ok, err := d.Confirm(Correct, msg.M("Is all of this correct?"), true)
			if err != nil {
				return Region{}, err
			}
			if ok {
				return Region{draft, cfg}, nil
			}
		}
		if err := c.change(err); err != nil {
			return Region{}, err
		}
	}
}

// ofRegion are the keys that differ from one region to the next.
var ofRegion = []string{"drc_cm_heartbeat_db", "cm_url", "cm_location", "cm_region", "cm_region_cn", "cm_is_default",
	"cm_nodes"}

// taken lists the regions of this conversation and of the MetaDB.
func (d *Dialogue) taken() []string {
	list := slices.Clone(d.found.Regions)
	for _, r := range d.regions {
		list = append(list, strconv.Itoa(r.Config.CMLocation)+" "+r.Config.CMRegion)
	}
	return list
}

// locations lists the numbers of these regions.
func (d *Dialogue) locations() []int {
	list := slices.Clone(d.found.Locations)
	for _, r := range d.regions {
		list = append(list, r.Config.CMLocation)
	}
	return list
}

func (d *Dialogue) hasDefault() bool {
	return d.found.HasDefault || slices.ContainsFunc(d.regions, func(r Region) bool { return r.Config.CMIsDefault })
}

// defaults makes sure that one region is the default one.
func (d *Dialogue) defaults() error {
	if d.hasDefault() {
		return nil
	}
	d.Say(style.Plain, msg.M("no region is the default one: %s becomes it", d.regions[0].Config.CMRegion))
	d.regions[0].Draft["cm_is_default"] = "true"
	cfg, _, err := config.Parse("config.yaml", d.regions[0].Draft.File(msg.English))
	d.regions[0].Config = cfg
	return err
}

// choose asks for one of several words, which may be abbreviated.
func (d *Dialogue) choose(key string, question msg.Message, suggestion string, words ...string) (string, error) {
	question = msg.M("%v (%s)", question, msg.List(words))
	return d.until(key, question, suggestion, false, func(text string) (string, error) {
		for _, w := range words {
			if text != "" && strings.HasPrefix(w, strings.ToLower(text)) {
				return w, nil
			}
		}
		return "", msg.Errorf("the answer is one of %s", msg.List(words))
	})
}

// until asks until the answer is good.
func (d *Dialogue) until(
	key string, question msg.Message, suggestion string, secret bool, judge func(string) (string, error),
) (string, error) {
	for {
		text, err := d.Ask(key, question, suggestion, secret)
		if err != nil {
			return "", err
		}
		good, err := judge(text)
		if err == nil {
			return good, nil
		}
		if !d.Again() {
			return "", msg.Errorf("%s: %w", key, err)
		}
		d.Say(style.Error, msg.M("  %v", err))
	}
}

// join makes an address of a host and a port.
func join(host string, port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }
