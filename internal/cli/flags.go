package cli

import (
	"os"
	"slices"
	"strconv"
	"time"

	urfave "github.com/urfave/cli/v2"

	"omsinit/check"
	"omsinit/init/component"
	"omsinit/init/flow"
	"omsinit/internal/layout"
	"omsinit/internal/msg"
	"omsinit/internal/node"
	"omsinit/supervise/client"
)

// flags are those of a command. Each is declared with the place where its value goes, a field of the command.
type flags = []urfave.Flag

func textFlag(to *string, name, usage string) *urfave.StringFlag {
	return &urfave.StringFlag{Name: name, Destination: to, Usage: usage}
}

// choiceFlag is one of two words, the first by default.
func choiceFlag(to *string, name, env, usage string, words ...string) urfave.Flag {
	f := textFlag(to, name, usage)
	f.Value, f.EnvVars = words[0], []string{env}
	f.Action = must(func(value string) bool { return slices.Contains(words, value) },
		func(value string) msg.Message {
			return msg.M("--%s is %s or %s, not %q", name, words[0], words[1], value)
		})
	return f
}

func pageFlag(t translate, to *string) urfave.Flag {
	return choiceFlag(to, "page", "OMSINIT_PAGE",
		t("show in a browser, on the console's port, how far the node is until the console answers: on or off"),
		"on", "off")
}

func boolFlag(to *bool, name, usage string) *urfave.BoolFlag {
	return &urfave.BoolFlag{Name: name, Destination: to, DisableDefaultText: true, Usage: usage}
}

func numberFlag(to *int, name string, standard int, usage string) *urfave.IntFlag {
	return &urfave.IntFlag{Name: name, Value: standard, Destination: to, Usage: usage}
}

func durationFlag(to *time.Duration, name string, standard time.Duration, usage string) *urfave.DurationFlag {
	return &urfave.DurationFlag{Name: name, Value: standard, Destination: to, Usage: usage}
}

// must is the check of a flag: it refuses a value that is not ok.
func must[T any](ok func(T) bool, refusal func(T) msg.Message) func(*urfave.Context, T) error {
	return func(_ *urfave.Context, value T) error {
		if ok(value) {
			return nil
		}
		return usage(refusal(value))
	}
}

// positive refuses a time of 0 or less.
func positive(f *urfave.DurationFlag) urfave.Flag {
	f.Action = must(func(d time.Duration) bool { return d > 0 }, func(time.Duration) msg.Message {
		return msg.M("--%s must be longer than 0", f.Name)
	})
	return f
}

// listFlag is a flag that is given several times, or with commas.
func listFlag(to *[]string, name, usage string) urfave.Flag {
	return &urfave.StringSliceFlag{Name: name, Usage: usage, Action: func(_ *urfave.Context, values []string) error {
		*to = values
		return nil
	}}
}

// commonFlags are accepted before and after every command; the one after it wins.
func (a *app) commonFlags() flags {
	t := a.lang.Sprintf
	set := func(to *string) func(*urfave.Context, string) error {
		return func(_ *urfave.Context, value string) error { *to = value; return nil }
	}
	return flags{
		&urfave.StringFlag{Name: "root", Action: set(&a.root),
			Usage: t("find every path of the container under this folder")},
		&urfave.StringFlag{Name: "config", Action: set(&a.configFile),
			Usage: t("read this config.yaml (default: /home/admin/conf/config.yaml under the root)")},
		&urfave.StringFlag{Name: "pack", Action: set(&a.packDir),
			Usage: t("lay this folder over the built-in pack (default: /usr/share/omsinit/pack under the root)")},
		&urfave.StringFlag{Name: "lang", Usage: t("print texts in this language: en or zh"), Action: must(
			func(name string) bool { _, ok := msg.Parse(name); return ok },
			func(name string) msg.Message { return msg.M("--lang is en or zh, not %q", name) })},
	}
}

// Flags that several commands have.

func ignoreFlag(t translate, to *[]string) urfave.Flag {
	return listFlag(to, "ignore", t("treat these findings, by id, as warnings instead of errors (also OMSINIT_IGNORE)"))
}

func preferFlag(t translate, to *component.Side) urfave.Flag {
	return textFlag((*string)(to), "prefer", t("settle a key that was edited by hand in a file and has changed in config.yaml too: ours (config.yaml) or theirs (the file); without it such a key is an error"))
}

func tsdbOptionalFlag(t translate, to *bool) urfave.Flag {
	return boolFlag(to, "tsdb-optional", t(
		"continue without a time-series database that does not pass its check (also OMSINIT_TSDB_OPTIONAL)"))
}

func lockTimeoutFlag(t translate, to *time.Duration) urfave.Flag {
	return durationFlag(to, "lock-timeout", flow.DefaultLockTimeout, t("wait at most this long for another run to end"))
}

func readyTimeoutFlag(t translate, name string, to *time.Duration) urfave.Flag {
	return durationFlag(to, name, flow.DefaultReadyTimeout, t("wait at most this long for the components to be ready"))
}

func deadlineFlag(t translate, to *time.Duration) urfave.Flag {
	return positive(durationFlag(to, "deadline", check.DefaultDeadline, t("end each check after this time")))
}

func heartbeatAgeFlag(t translate, to *time.Duration) urfave.Flag {
	f := durationFlag(to, "heartbeat-age", 0, t("count a node as up when its last heartbeat is at most this old"))
	f.DefaultText = t("checkHostDownIntervalSec of ha.config")
	return positive(f)
}

func heartbeatsFlag(t translate, to *[]string) urfave.Flag {
	return listFlag(to, "heartbeat-db", t(
		"also back up this heartbeat database of another region, which is not found by itself"))
}

// target is what a command works on: the node, and the options of the flow, where flags go. Commands embed it.
type target struct {
	flow.Options
	node *node.Node
}

// flow returns the operations on the node.
func (o *target) flow() *flow.Flow { return flow.New(o.node, o.Options) }

// resolve fills in what does not come from the flags of the command itself.
func (o *target) resolve(a *app, u *urfave.Context) {
	o.node = node.New(node.Given{
		Layout: layout.New(a.root), ConfigFile: a.configFile, PackDir: a.packDir,
		HostIP: os.Getenv("OMS_HOST_IP"), IsUpgrade: os.Getenv("IS_UPGRADE"),
		UpgradeMode: os.Getenv("OMSINIT_UPGRADE"), Build: version, Lang: a.lang, Out: a.stdout, Err: a.stderr,
	})
	if !u.IsSet("tsdb-optional") { // the variable reaches commands without the flag, too
		o.TSDBOptional, _ = strconv.ParseBool(os.Getenv(tsdbOptionalEnv))
	}
}

const tsdbOptionalEnv = "OMSINIT_TSDB_OPTIONAL"

// readEnvironment takes the common options from the environment; flags are read later.
func (a *app) readEnvironment() {
	a.root, a.configFile, a.packDir = os.Getenv("OMSINIT_ROOT"), os.Getenv("OMSINIT_CONFIG"), os.Getenv("OMSINIT_PACK")
}

// checkCommon refuses common options and variables that cannot be used.
func (a *app) checkCommon() error {
	if a.packDir != "" {
		if info, err := os.Stat(a.packDir); err != nil || !info.IsDir() {
			return usage(msg.M("--pack %s is not a folder", a.packDir))
		}
	}
	value := os.Getenv(tsdbOptionalEnv)
	if _, err := strconv.ParseBool(value); err != nil && value != "" {
		return usage(msg.M("OMSINIT_TSDB_OPTIONAL is true or false, not %q", value))
	}
	return nil
}

// client returns the client of whoever supervises this node.
func (a *app) client() *client.Client { return flow.Client(layout.New(a.root)) }
