package dialogue

import (
	"context"

	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/internal/style"
)

// metadb asks for the MetaDB, tries it, and names the databases.
func (c *conversation) metadb() error {
	for {
		for _, k := range [][2]string{{"oms_meta_host", ""}, {"oms_meta_port", "2883"}, {"oms_meta_user", ""},
			{"oms_meta_password", ""}} {
			if err := c.key(k[0], k[1]); err != nil {
				return err
			}
		}
		if err := c.databases(); err != nil {
			return err
		}
		again, err := c.tryMetaDB()
		if err != nil || !again {
			return err
		}
		c.only = nil
	}
}

// databases asks for the prefix of the names, or for names that are missing in a file that was given.
func (c *conversation) databases() (err error) {
	if c.only != nil {
		for _, name := range []string{"drc_rm_db", "drc_cm_db"} {
			if err := c.key(name, ""); err != nil {
				return err
			}
		}
		return nil
	}
	suggestion := "oms"
	if c.shared.prefix != "" {
		suggestion = c.shared.prefix
	}
	c.shared.prefix, err = c.until(Prefix, msg.M(
		"Prefix of the names of the databases, such as oms for oms_rm, oms_cm and oms_cm_hb"),
		suggestion, false, func(text string) (string, error) { return text, acceptable("drc_rm_db", text+"_rm") })
	c.draft["drc_rm_db"] = config.Secret(c.shared.prefix + "_rm")
	c.draft["drc_cm_db"] = config.Secret(c.shared.prefix + "_cm")
	c.draft["drc_cm_heartbeat_db"] = config.Secret(c.shared.prefix + "_cm_hb")
	return err
}

func acceptable(key, text string) error {
	_, err := config.Accept(key, text)
	return err
}

// tryMetaDB looks into the MetaDB, and reports whether to ask for it again.
func (c *conversation) tryMetaDB() (again bool, err error) {
	if c.MetaDB == nil {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(c.ctx, tryTime)
	defer cancel()
	cfg := c.part("oms_meta_host", "oms_meta_port", "oms_meta_user", "oms_meta_password", "drc_rm_db", "drc_cm_db",
		"drc_cm_heartbeat_db")
	found, err := c.MetaDB(ctx, cfg)
	switch {
	case c.ctx.Err() != nil:
		return false, context.Cause(c.ctx)
	case err != nil && finding.IsTransient(err):
		// It may be that only the OMS hosts reach it.
		c.Say(style.Warning, msg.M("the MetaDB was not tried: %v", err))
		return false, nil
	case err != nil && !c.Again():
		return false, err
	case err != nil:
		c.Say(style.Error, msg.M("%v", err))
		keep, err := c.Confirm("keep", msg.M("Keep these settings all the same?"), false)
		return !keep, err
	}
	c.found = found
	if len(found.Databases) == 0 {
		if c.Upgrade {
			c.Say(style.Warning, msg.M("the MetaDB answers, and has none of these databases: the OMS to be upgraded has others, or another MetaDB"))
			return false, nil
		}
		c.Say(style.OK, msg.M("the MetaDB answers, and has none of these databases yet"))
		return false, nil
	}
	goOn, err := c.Confirm(Existing, msg.M(
		"The MetaDB has these databases already: %s. Their data is kept and completed. Continue?",
		msg.List(found.Databases)), c.Upgrade || c.Start != nil)
	if err == nil && !goOn && !c.Again() {
		err = msg.Errorf("the MetaDB has these databases already: %s", msg.List(found.Databases))
	}
	return !goOn, err
}

// part returns a configuration with the keys of the draft that are named; others are whatever passes.
func (c *conversation) part(names ...string) *config.Config {
	d := config.Draft{
		"oms_meta_host": "127.0.0.1", "oms_meta_port": "1", "oms_meta_user": "x", "oms_meta_password": "x",
		"drc_rm_db": "x_rm",
		"drc_cm_db": "x_cm", "drc_cm_heartbeat_db": "x_hb", "cm_url": "http://10.0.0.1:8088", "cm_location": "1",
		"cm_nodes": "10.0.0.1",
	}
	for _, name := range names {
		if text, ok := c.draft[name]; ok {
			d[name] = text
		}
	}
	cfg, _, err := config.Parse("config.yaml", d.File(msg.English))
	if err != nil {
		return &config.Config{}
	}
	return cfg
}
