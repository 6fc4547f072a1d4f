package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"omsinit/init/flow"
	"omsinit/internal/config"
	"omsinit/internal/msg"
	"omsinit/internal/prompt"
)

// setting is what config set, config ports and metadb switch have in common: they change keys of config.yaml in place,
// and apply that.
type setting struct {
	target
	Yes                  bool
	MoveCMURL, KeepCMURL bool
	InitMetaDB, OnlyFile bool
	Force                bool
	Assignments          []string
}

func (c *setting) flags(t translate) flags {
	return flags{
		boolFlag(&c.Yes, "yes", t(
			"ask nothing: continue, and let cm_url follow the CM's port in a region of one node")),
		boolFlag(&c.MoveCMURL, "move-cm-url", t("move the port in cm_url too when the CM's port moves")),
		boolFlag(&c.KeepCMURL, "keep-cm-url", t("leave cm_url as it is (a VIP) when the CM's port moves")),
		boolFlag(&c.InitMetaDB, "init-metadb", t("create the databases and tables that a new MetaDB lacks")),
		boolFlag(&c.OnlyFile, "no-apply", t("change config.yaml and nothing else")),
		boolFlag(&c.Force, "force", t(
			"write a key that OMS does not know, although it looks like a slip of one that it knows")),
		preferFlag(t, &c.Prefer),
		lockTimeoutFlag(t, &c.LockTimeout), readyTimeoutFlag(t, "ready-timeout", &c.ReadyTimeout),
	}
}

func (c *setting) args() arguments { return arguments{usage: "[KEY=VALUE…]", rest: &c.Assignments} }

// configSet is `omsinit config set`.
type configSet struct{ setting }

func (c *configSet) args() arguments {
	return arguments{usage: "KEY=VALUE…", rest: &c.Assignments,
		missing: msg.M("give KEY=VALUE, for example nginx_server_port=18089")}
}

// Run changes the keys.
func (c *configSet) Run(ctx context.Context, a *app) error {
	p := a.prompter(ctx)
	values, err := assignments(p, c.Assignments)
	if err != nil {
		return err
	}
	return c.set(ctx, p, values)
}

// configPorts is `omsinit config ports`: it asks what docker_update_app_port.sh asked (docs/oms-facts.md §4).
type configPorts struct{ setting }

// Run asks for the ports and changes them.
func (c *configPorts) Run(ctx context.Context, a *app) error {
	c.InitMetaDB = false
	return c.change(ctx, a, nil,
		"nginx_server_port", "ghana_server_port", "cm_server_port", "supervisor_server_port", "sshd_server_port")
}

// metadbSwitch is `omsinit metadb switch`: it asks what docker_update_meta_db.sh asked (docs/oms-facts.md §4).
type metadbSwitch struct{ setting }

// Run asks for the MetaDB and switches to it.
func (c *metadbSwitch) Run(ctx context.Context, a *app) error {
	return c.change(ctx, a, func(p *prompt.Prompter) (err error) {
		if !c.InitMetaDB && !c.Yes {
			c.InitMetaDB, err = p.Confirm(msg.M(
				"Create the databases and tables that the new MetaDB lacks? (n: they must be there)"))
		}
		return err
	}, "oms_meta_host", "oms_meta_port", "oms_meta_user", "oms_meta_password")
}

// change takes the keys from the arguments, or else asks for them; asks what else there is to ask, and whether to go
// on; and sets them.
func (c *setting) change(ctx context.Context, a *app, ask func(*prompt.Prompter) error, keys ...string) error {
	p := a.prompter(ctx)
	values, err := assignments(p, c.Assignments)
	if err != nil {
		return err
	}
	for _, v := range values {
		if !slices.Contains(keys, v.Key) {
			return usage(msg.M("the keys here are %s; for others see `omsinit config set`", msg.List(keys)))
		}
	}
	if len(values) == 0 {
		if values, err = c.askAll(p, keys); err != nil {
			return err
		}
		if len(values) == 0 {
			a.say(msg.M("omsinit: nothing is to be changed"))
			return nil
		}
	}
	if ask != nil {
		if err := ask(p); err != nil {
			return err
		}
	}
	if err := c.agreed(p, values); err != nil {
		return err
	}
	return c.set(ctx, p, values)
}

// assignments reads KEY=VALUE. A password is never one: everybody on the host can see arguments.
func assignments(p *prompt.Prompter, args []string) ([]config.Assignment, error) {
	var out []config.Assignment
	for _, arg := range args {
		key, value, given := strings.Cut(arg, "=")
		if slices.ContainsFunc(out, func(s config.Assignment) bool { return s.Key == key }) {
			return nil, usage(msg.M("%s is given twice", key))
		}
		secret := config.SoundsSecret(key) ||
			slices.ContainsFunc(config.Keys(), func(k config.Key) bool { return k.Name == key && k.Secret })
		if given && secret {
			return nil, usage(msg.M("everybody on this host can see the arguments of a command: write %s alone, and type its value when it is asked for, or send it to the standard input", key))
		}
		if !given {
			ask := p.Line
			if secret {
				ask = p.Secret
			}
			var err error
			if value, err = ask(msg.M("%s:", key)); err != nil {
				return nil, err
			}
		}
		out = append(out, config.Assignment{Key: key, Value: config.Secret(value)})
	}
	return out, nil
}

// askAll asks for each key; Enter alone keeps what is there.
func (c *setting) askAll(p *prompt.Prompter, keys []string) ([]config.Assignment, error) {
	cfg, err := c.node.Config()
	if err != nil {
		return nil, err
	}
	var out []config.Assignment
	for _, key := range keys {
		current := cfg.Values()[key]
		_, secret := current.(config.Secret)
		ask := p.Line
		if secret {
			ask = p.Secret
		}
		answer, err := ask(msg.M("%s [%v]:", key, current))
		if err != nil {
			return nil, err
		}
		if answer == "" || !secret && answer == fmt.Sprint(current) {
			continue
		}
		out = append(out, config.Assignment{Key: key, Value: config.Secret(answer)})
	}
	return out, nil
}

// scripted reports whether a program wrote the whole command: nobody is there to ask.
func (c *setting) scripted(p *prompt.Prompter) bool { return !p.Terminal() && len(c.Assignments) > 0 }

// agreed asks once more before components restart.
func (c *setting) agreed(p *prompt.Prompter, values []config.Assignment) error {
	if c.Yes || c.scripted(p) {
		return nil
	}
	var keys []string
	for _, v := range values {
		keys = append(keys, v.Key)
	}
	yes, err := p.Confirm(msg.M("Change %s in config.yaml, and restart the components that use them?", msg.List(keys)))
	if err == nil && !yes {
		err = msg.Errorf("nothing was changed")
	}
	return err
}

// set changes config.yaml and applies it.
func (c *setting) set(ctx context.Context, p *prompt.Prompter, values []config.Assignment) error {
	if c.MoveCMURL && c.KeepCMURL {
		return usage(msg.M("--move-cm-url and --keep-cm-url contradict each other"))
	}
	follow, err := c.followCMURL(p, values)
	if err != nil {
		return err
	}
	return c.flow().Set(ctx, flow.Settings{
		Values: append(values, follow...), InitMetaDB: c.InitMetaDB, OnlyFile: c.OnlyFile, Force: c.Force,
	})
}

// followCMURL asks whether cm_url follows the port of the CM. It asks before anything is locked: a question can stay
// open for long.
func (c *setting) followCMURL(p *prompt.Prompter, values []config.Assignment) ([]config.Assignment, error) {
	cfg, err := c.node.Config()
	if as[*config.Error](err) {
		return nil, nil // the setting may be what corrects it
	}
	if err != nil {
		return nil, err
	}
	from, to := cfg.CMURL, cfg.CMURLFor(values)
	if to == "" || c.KeepCMURL {
		return nil, nil
	}
	follow := c.MoveCMURL || c.Yes && len(cfg.CMNodes) == 1
	if !follow && !c.Yes {
		if c.scripted(p) {
			return nil, usage(msg.M("the port of the CM moves, and cm_url is %s: say whether it becomes %s with --move-cm-url, or stays with --keep-cm-url", from, to))
		}
		follow, err = p.Confirm(msg.M(
			"The port of the CM moves. Change cm_url from %s to %s? (one node: y; a VIP in front of several: n)", from,
			to))
	}
	if err != nil || !follow {
		return nil, err
	}
	return []config.Assignment{{Key: "cm_url", Value: config.Secret(to)}}, nil
}
