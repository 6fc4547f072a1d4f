package cli

import (
	"slices"
	"strconv"
	"strings"

	urfave "github.com/urfave/cli/v2"

	"omsinit/init/flow"
	"omsinit/internal/config"
	"omsinit/internal/msg"
)

func setFlags(lang msg.Lang) []urfave.Flag {
	t := lang.Sprintf
	return []urfave.Flag{
		&urfave.BoolFlag{Name: "yes", DisableDefaultText: true, Usage: t("ask nothing: go on, and let cm_url follow the CM's port on a region of one node")},
		&urfave.BoolFlag{Name: "move-cm-url", DisableDefaultText: true, Usage: t("when the CM's port moves, move the port in cm_url too")},
		&urfave.BoolFlag{Name: "keep-cm-url", DisableDefaultText: true, Usage: t("when the CM's port moves, leave cm_url as it is (a VIP)")},
		&urfave.BoolFlag{Name: "init-metadb", DisableDefaultText: true, Usage: t("create the databases and tables that a new MetaDB lacks")},
		&urfave.BoolFlag{Name: "no-apply", DisableDefaultText: true, Usage: t("change config.yaml and nothing else")},
		preferFlag(lang),
		&urfave.DurationFlag{Name: "lock-timeout", Value: flow.DefaultLockTimeout, Usage: t("how long to wait for another run")},
		&urfave.DurationFlag{Name: "ready-timeout", Value: flow.DefaultReadyTimeout, Usage: t("how long to wait for the components to be ready")},
	}
}

func configSet(lang msg.Lang) *urfave.Command {
	t := lang.Sprintf
	return &urfave.Command{Name: "set", Usage: t("change keys of config.yaml in place, and bring the node to them"), ArgsUsage: "KEY=VALUE…", Flags: setFlags(lang),
		Description: t("A KEY alone is asked for, without echo, or read from the standard input, a line each; passwords are taken in no other way. Comments, order and quotes of the file stay, and what it was is kept beside it. Everything is checked first: a new MetaDB is tried before the file is changed."),
		Action: func(c *urfave.Context) error {
			if !c.Args().Present() {
				return urfave.Exit(t("omsinit: give KEY=VALUE, for example nginx_server_port=18089"), exitUsage)
			}
			p := newPrompter(c.Context, lang)
			values, err := settings(p, c.Args().Slice())
			if err != nil {
				return err
			}
			return set(c, lang, p, values, c.Bool("init-metadb"))
		}}
}

// settings reads KEY=VALUE. A password is never one: everybody on the host can
// see arguments.
func settings(p *prompter, args []string) ([]config.Assignment, error) {
	var out []config.Assignment
	for _, arg := range args {
		key, value, given := strings.Cut(arg, "=")
		secret := config.SoundsSecret(key) || slices.ContainsFunc(config.Keys(), func(k config.Key) bool { return k.Name == key && k.Secret })
		switch {
		case strings.HasPrefix(arg, "-"):
			return nil, urfave.Exit(p.lang.Sprintf("omsinit: %s stands after KEY=VALUE; options come first", key), exitUsage)
		case slices.ContainsFunc(out, func(s config.Assignment) bool { return s.Key == key }):
			return nil, urfave.Exit(p.lang.Sprintf("omsinit: %s is given twice", key), exitUsage)
		case given && secret:
			return nil, urfave.Exit(p.lang.Sprintf("omsinit: everybody on this host can see the arguments of a command: write %s alone, and type its value when it is asked for, or send it to the standard input", key), exitUsage)
		case secret:
			text, err := p.secret(msg.M("%s:", key))
			if err != nil {
				return nil, err
			}
			value = text
		case !given:
			text, err := p.line(msg.M("%s:", key))
			if err != nil {
				return nil, err
			}
			value = text
		}
		out = append(out, config.Assignment{Key: key, Value: config.Secret(value)})
	}
	return out, nil
}

// set changes config.yaml and applies it.
func set(c *urfave.Context, lang msg.Lang, p *prompter, values []config.Assignment, initMetaDB bool) error {
	if c.Bool("move-cm-url") && c.Bool("keep-cm-url") {
		return urfave.Exit(lang.Sprintf("omsinit: --move-cm-url and --keep-cm-url contradict each other"), exitUsage)
	}
	o := initOptions(c, lang, nil, nil)
	follow, err := followCMURL(c, lang, p, o, values)
	if err != nil {
		return err
	}
	return flow.Set(c.Context, o, flow.Settings{Values: append(values, follow...), InitMetaDB: initMetaDB, OnlyFile: c.Bool("no-apply")})
}

// followCMURL asks whether cm_url follows the port of the CM. It asks before
// anything is locked: a question can stay open for long.
func followCMURL(c *urfave.Context, lang msg.Lang, p *prompter, o flow.Options, values []config.Assignment) ([]config.Assignment, error) {
	from, to, single, err := flow.CMURLToFollow(o, values)
	if err != nil || to == "" || c.Bool("keep-cm-url") {
		return nil, err
	}
	follow := c.Bool("move-cm-url") || c.Bool("yes") && single
	if !follow && !c.Bool("yes") {
		if !p.terminal() && c.Args().Present() {
			return nil, urfave.Exit(lang.Sprintf("omsinit: the port of the CM moves, and cm_url is %s: say whether it becomes %s with --move-cm-url, or stays with --keep-cm-url", from, to), exitUsage)
		}
		follow, err = p.confirm(msg.M("The port of the CM moves. Change cm_url from %s to %s? (one node: y; a VIP in front of several: n)", from, to))
	}
	if err != nil || !follow {
		return nil, err
	}
	return []config.Assignment{{Key: "cm_url", Value: config.Secret(to)}}, nil
}

// configPorts asks what docker_update_app_port.sh asked (oms-facts §4).
func configPorts(lang msg.Lang) *urfave.Command {
	t := lang.Sprintf
	return &urfave.Command{Name: "ports", Usage: t("change the ports of the components, with questions (docker_update_app_port.sh)"), ArgsUsage: "[KEY=VALUE…]", Flags: setFlags(lang),
		Description: t("With KEY=VALUE nothing is asked about the ports."),
		Action: func(c *urfave.Context) error {
			p := newPrompter(c.Context, lang)
			keys := []string{"nginx_server_port", "ghana_server_port", "cm_server_port", "supervisor_server_port", "sshd_server_port"}
			values, err := known(p, c.Args().Slice(), keys)
			if err != nil {
				return err
			}
			if len(values) == 0 {
				if values, err = askAll(c, lang, p, keys); err != nil {
					return err
				}
			}
			if err := agreed(c, p, values); err != nil {
				return err
			}
			return set(c, lang, p, values, false)
		}}
}

// configMetaDB asks what docker_update_meta_db.sh asked (oms-facts §4).
func metadbSwitch(lang msg.Lang) *urfave.Command {
	t := lang.Sprintf
	return &urfave.Command{Name: "switch", Usage: t("change the address and the account of the MetaDB, with questions (docker_update_meta_db.sh)"), ArgsUsage: "[KEY=VALUE…]", Flags: setFlags(lang),
		Description: t("Without arguments oms_meta_host, oms_meta_port, oms_meta_user and oms_meta_password are asked for. The new MetaDB is tried first."),
		Action: func(c *urfave.Context) error {
			p := newPrompter(c.Context, lang)
			keys := []string{"oms_meta_host", "oms_meta_port", "oms_meta_user", "oms_meta_password"}
			values, err := known(p, c.Args().Slice(), keys)
			if err != nil {
				return err
			}
			if len(values) == 0 {
				if values, err = askAll(c, lang, p, keys); err != nil {
					return err
				}
			}
			create := c.Bool("init-metadb")
			if !create && !c.Bool("yes") {
				if create, err = p.confirm(msg.M("Create the databases and tables that the new MetaDB lacks? (n: they must be there)")); err != nil {
					return err
				}
			}
			if err := agreed(c, p, values); err != nil {
				return err
			}
			return set(c, lang, p, values, create)
		}}
}

// known takes KEY=VALUE of these keys only.
func known(p *prompter, args, keys []string) ([]config.Assignment, error) {
	values, err := settings(p, args)
	if err != nil {
		return nil, err
	}
	for _, v := range values {
		if !slices.Contains(keys, v.Key) {
			return nil, urfave.Exit(p.lang.Sprintf("omsinit: the keys here are %s; for others see `omsinit config set`", strings.Join(keys, ", ")), exitUsage)
		}
	}
	return values, nil
}

// askAll asks for each key; Enter alone keeps what is there.
func askAll(c *urfave.Context, lang msg.Lang, p *prompter, keys []string) ([]config.Assignment, error) {
	cfg, _, err := config.Load(initOptions(c, lang, nil, nil).ConfigFile)
	if err != nil {
		return nil, err
	}
	var out []config.Assignment
	for _, key := range keys {
		current := cfg.Values()[key]
		ask := p.line
		if _, secret := current.(config.Secret); secret {
			ask = p.secret
		}
		answer, err := ask(msg.M("%s [%v]:", key, current))
		if err != nil {
			return nil, err
		}
		now, isText := current.(string)
		if number, ok := current.(int); ok {
			now, isText = strconv.Itoa(number), true
		}
		if answer == "" || isText && answer == now {
			continue
		}
		out = append(out, config.Assignment{Key: key, Value: config.Secret(answer)})
	}
	if len(out) == 0 {
		return nil, urfave.Exit(lang.Sprintf("omsinit: nothing is to be changed"), 0)
	}
	return out, nil
}

// agreed asks once more before components restart.
func agreed(c *urfave.Context, p *prompter, values []config.Assignment) error {
	if c.Bool("yes") {
		return nil
	}
	if !p.terminal() && c.Args().Present() {
		return nil // a program wrote the whole command
	}
	var keys []string
	for _, v := range values {
		keys = append(keys, v.Key)
	}
	yes, err := p.confirm(msg.M("Change %s in config.yaml, and restart the components that use them?", strings.Join(keys, ", ")))
	if err == nil && !yes {
		err = urfave.Exit(p.lang.Sprintf("omsinit: nothing was changed"), 1)
	}
	return err
}
