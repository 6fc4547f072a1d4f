package dialogue

import (
	"context"
	"errors"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/internal/pattern"
	"omsinit/internal/style"
)

// conversation is about one region.
type conversation struct {
	*Dialogue
	ctx     context.Context
	draft   config.Draft
	only    map[string]bool // the keys that are asked for; nil: all
	further bool            // a region after the first
}

// group is a part of the conversation, which is confirmed as a whole.
type group struct {
	name msg.Message
	// keys are those of config.yaml that belong to it.
	keys []string
	// shared: it is the same in all regions, and asked for once.
	shared bool
	// server is the key of the server that it names, which is tried also when there is nothing to ask for.
	server string
	ask    func(*conversation) error
}

var (
	tsdbKeys  = []string{"tsdb_enabled", "tsdb_service", "tsdb_url", "tsdb_username", "tsdb_password"}
	auditKeys = []string{"apsara_audit_enable", "apsara_audit_sls_access_key", "apsara_audit_sls_access_secret",
		"apsara_audit_sls_endpoint", "apsara_audit_sls_ops_site_topic", "apsara_audit_sls_user_site_topic"}
)

var groups = []group{
	{msg.M("MetaDB"), []string{"oms_meta_host", "oms_meta_port", "oms_meta_user", "oms_meta_password", "drc_rm_db",
		"drc_cm_db"},
		true, "oms_meta_host", (*conversation).metadb},
	{msg.M("region"), ofRegion, false, "", (*conversation).place},
	{msg.M("time-series database"), tsdbKeys, true, "tsdb_url", (*conversation).tsdb},
	{msg.M("audit log"), auditKeys, true, "", (*conversation).audit},
	{msg.M("ports"), config.KeysOf(config.ComponentPort), true, "", (*conversation).ports},
	{msg.M("containers"), nil, true, "", (*conversation).containers},
}

// group asks for a group, when it is this region's to answer.
func (c *conversation) group(g group) error {
	if g.shared && c.further {
		return nil
	}
	wanted := func(key string) bool { return c.only[key] }
	tried := g.server != "" && c.draft[g.server] != ""
	if c.only != nil && g.keys != nil && !tried && !slices.ContainsFunc(g.keys, wanted) {
		return nil
	}
	if c.Again() {
		c.Say(style.Heading, msg.M("\n[%v]", g.name))
	}
	for {
		if err := g.ask(c); err != nil {
			return err
		}
		if c.only != nil || !c.Again() || !c.list(g.keys) {
			return nil // nobody is there to confirm it
		}
		ok, err := c.Confirm(Correct, msg.M("Is this correct?"), true)
		if err != nil || ok {
			return err
		}
	}
}

// list prints the settings of the draft with these names, without secrets, and reports whether it is worth a question.
func (c *conversation) list(names []string) bool {
	var lines []string
	for _, k := range config.Keys() {
		text, ok := c.draft[k.Name]
		if !ok || !slices.Contains(names, k.Name) {
			continue
		}
		value := text.Reveal()
		if k.Secret {
			value = text.String()
		}
		lines = append(lines, "  "+k.Name+": "+value)
	}
	if len(lines) < 2 {
		return false
	}
	c.Say(style.Plain, msg.M("%s", strings.Join(lines, "\n")))
	return true
}

// change asks which group is to be answered again; the one that an error is about is suggested.
func (c *conversation) change(wrong error) error {
	var names []string
	suggestion := 0
	for i, g := range groups {
		if g.shared && c.further {
			continue
		}
		if suggestion == 0 && slices.Contains(g.keys, wrongKey(wrong)) {
			suggestion = len(names)
		}
		names = append(names, strconv.Itoa(i+1))
		c.Say(style.Plain, msg.M("  %d %v", i+1, g.name))
	}
	number, err := c.until("change", msg.M("Which part is to be changed?"), names[suggestion], false,
		func(text string) (string, error) {
			if !slices.Contains(names, text) {
				return "", msg.Errorf("the answer is one of %s", msg.List(names))
			}
			return text, nil
		})
	if err != nil {
		return err
	}
	i, _ := strconv.Atoi(number)
	c.only = nil
	return groups[i-1].ask(c)
}

// wrongKey returns the first key that an error of config.yaml is about.
func wrongKey(err error) string {
	var e *config.Error
	if !errors.As(err, &e) || len(e.Findings) == 0 {
		return ""
	}
	return e.Findings[0].Place.Key
}

// key asks for a key of config.yaml. What the draft has is suggested, or else the suggestion.
func (c *conversation) key(name, suggestion string) error {
	if c.only != nil && !c.only[name] {
		return nil
	}
	k := config.Keys()[slices.IndexFunc(config.Keys(), func(k config.Key) bool { return k.Name == name })]
	old, answered := c.draft[name]
	about := k.Description
	if k.Max > 0 {
		about = msg.M("%v (%d-%d)", about, k.Min, k.Max)
	}
	question := msg.M("%v\n  %s", about, name)
	switch {
	case answered && k.Secret:
		question = msg.M("%v\n  %s (Enter keeps it)", about, name)
	case answered:
		suggestion = old.Reveal()
	}
	text, err := c.until(name, question, suggestion, k.Secret, func(text string) (string, error) {
		if text == "" && answered && k.Secret {
			return old.Reveal(), nil
		}
		if text == "" && (k.Required || k.With != "") {
			return "", msg.Errorf("the value is empty")
		}
		if text == "" {
			return "", nil
		}
		good, err := config.Accept(name, text)
		if err == nil {
			err = c.unlike(name, good)
		}
		return good, err
	})
	if err != nil {
		return err
	}
	if text == "" {
		delete(c.draft, name)
		return nil
	}
	c.draft[name] = config.Secret(text)
	if k.Secret && text != old.Reveal() {
		delete(c.draft, k.FileKey())
	}
	return nil
}

// unlike reports what another region of this conversation has already and this one may not have, too.
func (c *conversation) unlike(name, text string) error {
	for _, r := range c.regions {
		switch other := r.Draft[name].Reveal(); {
		case name == "cm_nodes":
			for _, node := range strings.Split(text, ",") {
				if slices.Contains(strings.Split(other, ","), node) {
					return msg.Errorf("%s is a node of the region %s already", node, r.Config.CMRegion)
				}
			}
		case text == other && (name == "cm_region" || name == "cm_url"):
			return msg.Errorf("the region %d has the same; each region has its own %s", r.Config.CMLocation, name)
		}
	}
	return nil
}

// yes asks for a boolean key.
func (c *conversation) yes(name string, question msg.Message, suggestion bool) (bool, error) {
	if c.only != nil && !c.only[name] {
		on, _ := strconv.ParseBool(c.draft[name].Reveal())
		return on, nil
	}
	if old, ok := c.draft[name]; ok {
		suggestion, _ = strconv.ParseBool(old.Reveal())
	}
	on, err := c.Confirm(name, question, suggestion)
	if err == nil {
		c.draft[name] = config.Secret(strconv.FormatBool(on))
	}
	return on, err
}

// tryTime is how long a server may take to answer.
const tryTime = 15 * time.Second

// tsdb asks for the time-series database and tries it.
func (c *conversation) tsdb() error {
	for {
		on, err := c.yes("tsdb_enabled", msg.M("Is there a time-series database (InfluxDB 1.8) for OMS to report to?"),
			false)
		if err != nil || !on {
			for _, k := range tsdbKeys[1:] {
				delete(c.draft, k)
			}
			return err
		}
		c.draft["tsdb_service"] = "INFLUXDB" // the only one that is supported at present (docs/oms-facts.md §9)
		for _, k := range []string{"tsdb_url", "tsdb_username", "tsdb_password"} {
			if err := c.key(k, ""); err != nil {
				return err
			}
		}
		if c.TSDB == nil {
			return nil
		}
		ctx, cancel := context.WithTimeout(c.ctx, tryTime)
		err = c.TSDB(ctx, c.part(tsdbKeys...))
		cancel()
		switch {
		case c.ctx.Err() != nil:
			return context.Cause(c.ctx)
		case err == nil:
			c.Say(style.OK, msg.M("the time-series database answers"))
			return nil
		case finding.IsTransient(err):
			c.Say(style.Warning, msg.M("the time-series database was not tried: %v", err))
			return nil
		case !c.Again():
			return err
		}
		c.Say(style.Error, msg.M("%v", err))
		keep, err := c.Confirm("keep", msg.M("Keep these settings all the same?"), false)
		if err != nil || keep {
			return err
		}
		c.only = nil
	}
}

// audit asks for the audit log in SLS.
func (c *conversation) audit() error {
	keys := auditKeys
	on, err := c.yes(keys[0], msg.M("Is the audit log to be written to Simple Log Service (SLS) of Alibaba Cloud?"),
		false)
	for _, k := range keys[1:] {
		switch {
		case err != nil:
			return err
		case on:
			err = c.key(k, "")
		default:
			delete(c.draft, k)
		}
	}
	return err
}

// ports asks for the ports of the components, when they are to be other ones.
func (c *conversation) ports() error {
	if c.only == nil {
		change, err := c.Confirm(Ports, msg.M(
			"Are the ports of the components to be changed? (8089 console, 8090, 8088, 9000, 2023)"), false)
		if err != nil || !change {
			return err
		}
	}
	before := c.ownURL()
	for _, name := range config.KeysOf(config.ComponentPort) {
		k := config.Keys()[slices.IndexFunc(config.Keys(), func(k config.Key) bool { return k.Name == name })]
		if err := c.key(name, k.Default); err != nil {
			return err
		}
	}
	if now := c.ownURL(); now != before && c.draft["cm_url"].Reveal() == before {
		c.draft["cm_url"] = config.Secret(now)
		c.Say(style.Plain, msg.M("cm_url follows the port of the CM: %s", now))
	}
	return nil
}

// hostPath is a path of a host that needs no quotes in a command or in YAML.
var hostPath = pattern.New(`^/[\w./+@-]+$`)

func acceptPath(text string) (string, error) {
	text = strings.TrimSpace(text)
	if !hostPath().MatchString(text) {
		return "", msg.Errorf("write an absolute path of letters, digits and ./_+@-")
	}
	return path.Clean(text), nil
}

// imageName and containerName are what Docker takes.
var (
	imageName     = pattern.New(`^[\w][\w./:@-]*$`)
	containerName = pattern.New(`^[a-zA-Z0-9][\w.-]*$`)
)

func matching(pattern *regexp.Regexp) func(string) (string, error) {
	return func(text string) (string, error) {
		if text = strings.TrimSpace(text); !pattern.MatchString(text) {
			if text == "" {
				return "", msg.Errorf("a name is needed, for example oms:4.2.3-ce for an image")
			}
			return "", msg.Errorf("Docker takes no such name as %q: letters, digits and . _ - are allowed, in an image also / : @", text)
		}
		return text, nil
	}
}

// containers asks for what the containers are made of.
func (c *conversation) containers() (err error) {
	s := &c.shared
	first := func(a, b string) string {
		if a != "" {
			return a
		}
		return b
	}
	if s.mount, err = c.until(Mount, msg.M(
		"Folder of the host for logs, Store data and running tasks; it should be large"),
		first(s.mount, first(c.Mount, "/data/oms")), false, acceptPath); err != nil {
		return err
	}
	if s.image, err = c.until(Image, msg.M("Image: REPOSITORY:TAG or ID as docker images shows it"),
		first(s.image, c.Image), false,
		matching(imageName())); err != nil {
		return err
	}
	if s.container, err = c.until(Container, msg.M("Name of the container"), first(s.container, "oms"), false,
		matching(containerName())); err != nil {
		return err
	}
	on, err := c.Confirm(HTTPS, msg.M(
		"Is the console to be opened with HTTPS? (a certificate and its key, as PEM files on each host)"), s.cert != "")
	if err != nil {
		return err
	}
	if !on {
		s.cert, s.key = "", ""
		return nil
	}
	if s.cert, err = c.until(HTTPSCert, msg.M("File of the host with the certificate"),
		first(s.cert, path.Join(s.mount, "https_crt")),
		false, acceptPath); err != nil {
		return err
	}
	s.key, err = c.until(HTTPSKey, msg.M("File of the host with its key"),
		first(s.key, path.Join(s.mount, "https_key")), false,
		func(text string) (string, error) {
			text, err := acceptPath(text)
			if err == nil && text == s.cert {
				err = msg.Errorf("this is the file of the certificate; the key is another one")
			}
			return text, err
		})
	return err
}

// show prints all settings of the region, without secrets.
func (c *conversation) show() {
	c.Say(style.Heading, msg.M("\n[all settings]"))
	var names []string
	for _, k := range config.Keys() {
		names = append(names, k.Name)
	}
	c.list(names)
	s := c.shared
	c.Say(style.Plain, msg.M("%s", "  "+Mount+": "+s.mount+", "+Image+": "+s.image+", "+Container+": "+s.container))
	if s.cert != "" {
		c.Say(style.Plain, msg.M("%s", "  "+HTTPSCert+": "+s.cert+", "+HTTPSKey+": "+s.key))
	}
}
