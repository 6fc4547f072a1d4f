// Package cli is the command line of omsinit: each command makes one call into the rooms.
package cli

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	urfave "github.com/urfave/cli/v2"

	"omsinit/init/component"
	"omsinit/init/flow"
	"omsinit/init/trial"
	"omsinit/internal/layout"
	"omsinit/internal/msg"
	"omsinit/supervise"
)

// version is set by the build.
var version = "dev"

// Exit statuses beside 0 and 1 (see `omsinit help`).
const (
	exitUsage    = 64
	exitFindings = 3
	exitNotFound = 127 // of `run COMMAND`, as a shell has it
)

// Main runs the command line and returns the exit status.
func Main(args []string) int {
	// Scripts ask for the version all the time: building the whole command line
	// for it would take as long as everything else.
	if len(args) == 2 && args[1] == "version" {
		fmt.Println("omsinit " + version)
		return 0
	}
	lang := language(args[1:])
	localizeHelp(lang)
	return exitCode(lang, newApp(lang).Run(args))
}

// exitCode prints an error that nobody printed yet, and gives its exit status.
func exitCode(lang msg.Lang, err error) int {
	// Not errors.As: the exit status of a program that we ran is not ours.
	if code, ok := err.(urfave.ExitCoder); ok {
		if text := code.Error(); text != "" {
			fmt.Fprintln(os.Stderr, text)
		}
		return code.ExitCode()
	}
	if err != nil && !flow.Printed(err) {
		fmt.Fprintln(os.Stderr, "omsinit: "+lang.Text(err))
	}
	return flow.ExitCode(err)
}

func newApp(lang msg.Lang) *urfave.App {
	t := lang.Sprintf
	usage := func(_ *urfave.Context, err error, _ bool) error {
		return urfave.Exit(t("omsinit: %v; see `omsinit help`", err), exitUsage)
	}
	app := &urfave.App{
		Name:            "omsinit",
		Usage:           t("initialise, supervise and operate an OMS container"),
		Description:     t("Exit status: 0 done, 1 failed, 2 a plan has something to do, 3 a check or a gate found errors, 4 another run holds the lock, 64 wrong usage.\nEnvironment: OMS_HOST_IP is the IP address of this node; OMSINIT_ROOT, OMSINIT_CONFIG, OMSINIT_PACK and OMS_LANG stand for --root, --config, --pack and --lang."),
		HideVersion:     true,
		HideHelpCommand: true, // it has one of its own, in both languages
		UsageText:       t("omsinit [options] COMMAND [options]"),
		ExitErrHandler:  func(*urfave.Context, error) {},
		OnUsageError:    usage,
		Flags: append(commonFlags(lang),
			&urfave.StringFlag{Name: "check", Usage: t("old name of: check FILE"), TakesFile: true},
			&urfave.BoolFlag{Name: "init-db", DisableDefaultText: true, Usage: t("old name of: init --only metadb")},
			&urfave.BoolFlag{Name: "init-config-file", DisableDefaultText: true, Usage: t("old name of: init --only component")},
			preferFlag(lang),
		),
		Action: oldNames(lang),
		Commands: []*urfave.Command{
			{Name: "run", Usage: t("be the container's entry point (PID 1)"), ArgsUsage: "[COMMAND…]",
				Flags:       []urfave.Flag{onFatalFlag(lang), tsdbOptionalFlag(lang), metricsPortFlag(lang)},
				Description: t("Supervises the components, and initialises the node. With a COMMAND, runs that instead."),
				Action:      func(c *urfave.Context) error { return runNode(c, lang) }},
			{Name: "init", Usage: t("initialise this node: the five steps (docker_init.sh)"),
				Description: t("The steps are %s. A finished node is left as it is; an interrupted run is continued.", flow.PhaseNames()),
				Flags:       append(flowFlags(lang), preferFlag(lang)),
				Action: func(c *urfave.Context) error {
					return flow.Run(c.Context, initOptions(c, lang, c.StringSlice("only"), c.StringSlice("skip")))
				}},
			checkCommand(lang),
			{Name: "trial", Usage: t("a node with its own MetaDB, to look at; not for production"),
				Flags:  trialFlags(lang),
				Action: func(c *urfave.Context) error { return runTrial(c, lang) }},
			{Name: "status", Usage: t("how far the initialisation is, and what runs"),
				Flags:  append(watchFlags(lang), outputFlag(lang)),
				Action: func(c *urfave.Context) error { return showStatus(c, lang) }},
			operation(lang, "start", t("start programs")),
			operation(lang, "stop", t("stop programs")),
			operation(lang, "restart", t("restart programs, in the order of their dependencies")),
			planCommand(lang),
			reconfigureCommand(lang),
			configCommand(lang),
			packCommand(lang),
			metadbCommand(lang),
			clusterCommand(lang),
			haCommand(lang),
			metricsCommand(lang),
			upgradeCommand(lang),
			{Name: "add_resource", Usage: t("old name of: init --only resource"),
				Action: func(c *urfave.Context) error {
					return flow.Run(c.Context, initOptions(c, lang, []string{"resource"}, nil))
				}},
			{Name: "help", Aliases: []string{"h"}, Usage: t("show this page, or the page of a command"), ArgsUsage: "[COMMAND…]",
				Action: func(c *urfave.Context) error { return showHelp(c, lang) }},
			{Name: "version", Usage: t("print the version"),
				Action: func(c *urfave.Context) error { _, err := fmt.Fprintln(c.App.Writer, "omsinit "+version); return err }},
		},
	}
	app.Flags = append(app.Flags, urfave.HelpFlag) // it is left out where a command is called help
	app.Commands = append(app.Commands, programCommands(lang)...)
	app.Before = stopAtSignal
	for _, command := range app.Commands {
		dress(command, command.Name, lang, usage)
	}
	return app
}

// dress gives a command, and those below it, what all of them have.
func dress(command *urfave.Command, name string, lang msg.Lang, usage urfave.OnUsageErrorFunc) {
	if len(command.Subcommands) > 0 {
		command.Action = func(c *urfave.Context) error {
			if c.Args().Present() {
				return urfave.Exit(lang.Sprintf("omsinit: there is no command %q; see `omsinit help`", name+" "+c.Args().First()), exitUsage)
			}
			return urfave.ShowSubcommandHelp(c)
		}
	} else {
		refuseStrayArguments(command, name, lang)
	}
	command.Before = checkCommon(lang)
	command.UsageText = lang.Sprintf("omsinit %s [options] %s", name, command.ArgsUsage)
	command.HideHelpCommand = true
	command.Flags = append(command.Flags, commonFlags(lang)...)
	command.OnUsageError = usage
	for _, below := range command.Subcommands {
		dress(below, name+" "+below.Name, lang, usage)
	}
}

// refuseStrayArguments keeps a command that takes few arguments, or none, from
// doing its work when it was given more, and one that takes many from taking an
// option for one of them: the person meant something else.
func refuseStrayArguments(command *urfave.Command, name string, lang msg.Lang) {
	action, most := command.Action, len(strings.Fields(command.ArgsUsage))
	many := strings.Contains(command.ArgsUsage, "…")
	if name == "run" || name == "help" { // a command with its own options, and whatever one asks about
		return
	}
	command.Action = func(c *urfave.Context) error {
		for _, word := range c.Args().Slice() {
			if many && strings.HasPrefix(word, "--") {
				return urfave.Exit(lang.Sprintf("omsinit: options come before the arguments: write %s right behind omsinit %s", word, name), exitUsage)
			}
		}
		if !many && c.NArg() > most {
			return urfave.Exit(lang.Sprintf("omsinit: %s takes no argument %q; see `omsinit help %s`", name, c.Args().Get(most), name), exitUsage)
		}
		return action(c)
	}
}

// checkCommon checks what the common flags say, wherever they stand.
func checkCommon(lang msg.Lang) urfave.BeforeFunc {
	return func(c *urfave.Context) error {
		if name := common(c, "lang"); name != "" {
			if _, known := msg.Parse(name); !known {
				return urfave.Exit(lang.Sprintf("omsinit: --lang is en or zh, not %q", name), exitUsage)
			}
		}
		if dir := common(c, "pack"); dir != "" {
			if info, err := os.Stat(dir); err != nil || !info.IsDir() {
				return urfave.Exit(lang.Sprintf("omsinit: --pack %s is not a folder", dir), exitUsage)
			}
		}
		return checkTSDBOptional(lang)
	}
}

// stopAtSignal lets a command end in order when it is interrupted.
func stopAtSignal(c *urfave.Context) error {
	if words := c.Args().Slice(); len(words) > 0 && (words[0] == "version" || words[0] == "check" && slices.Contains(words, "--offline")) {
		return nil // over before a signal comes: this would take longer than the command
	}
	c.Context, _ = signal.NotifyContext(c.Context, syscall.SIGINT, syscall.SIGTERM)
	return nil
}

func showHelp(c *urfave.Context, lang msg.Lang) error {
	root := c.Lineage()[len(c.Lineage())-2] // the last one has no application
	name := c.Args().First()
	if name == "" {
		return urfave.ShowAppHelp(root)
	}
	command := c.App.Command(name)
	if command == nil {
		return urfave.Exit(lang.Sprintf("omsinit: there is no command %q; see `omsinit help`", name), exitUsage)
	}
	if len(command.Subcommands) > 0 {
		return c.App.RunContext(c.Context, append(append([]string{c.App.Name}, c.Args().Slice()...), "--help"))
	}
	return urfave.ShowCommandHelp(root, name)
}

// commonFlags are accepted before and after the command.
func commonFlags(lang msg.Lang) []urfave.Flag {
	t := lang.Sprintf
	return []urfave.Flag{
		&urfave.StringFlag{Name: "root", Usage: t("the folder under which every path of the container is")},
		&urfave.StringFlag{Name: "config", Usage: t("config.yaml (default: /home/admin/conf/config.yaml under the root)")},
		&urfave.StringFlag{Name: "pack", Usage: t("folder that is laid over the built-in pack (default: /usr/share/omsinit/pack under the root)")},
		&urfave.StringFlag{Name: "lang", Usage: t("en or zh")},
	}
}

func flowFlags(lang msg.Lang) []urfave.Flag {
	t := lang.Sprintf
	return []urfave.Flag{
		&urfave.StringSliceFlag{Name: "only", Usage: t("only these steps")},
		&urfave.StringSliceFlag{Name: "skip", Usage: t("all but these steps")},
		ignoreFlag(lang),
		&urfave.DurationFlag{Name: "lock-timeout", Value: flow.DefaultLockTimeout, Usage: t("how long to wait for another run")},
		&urfave.DurationFlag{Name: "ready-timeout", Value: flow.DefaultReadyTimeout, Usage: t("how long to wait for the components to be ready")},
		tsdbOptionalFlag(lang),
	}
}

func trialFlags(lang msg.Lang) []urfave.Flag {
	t := lang.Sprintf
	return []urfave.Flag{
		&urfave.StringSliceFlag{Name: "set", Usage: t("a KEY=VALUE of config.yaml, for example nginx_server_port=18089")},
		&urfave.IntFlag{Name: "metadb-port", Value: trial.DefaultMetaDBPort, Usage: t("port of the trial MetaDB, on 127.0.0.1")},
	}
}

// operation is one of start, stop and restart.
func operation(lang msg.Lang, name, usage string) *urfave.Command {
	return &urfave.Command{Name: name, Usage: usage, ArgsUsage: "PROGRAM…",
		Flags: []urfave.Flag{&urfave.DurationFlag{Name: "timeout", Value: flow.DefaultReadyTimeout, Usage: lang.Sprintf("how long to wait for the components to be ready")}},
		Action: func(c *urfave.Context) error {
			if !c.Args().Present() {
				return urfave.Exit(lang.Sprintf("omsinit: name the programs, or all"), exitUsage)
			}
			return client(c).Operate(c.Context, name, c.Args().Slice(), c.Duration("timeout"), c.App.Writer, lang)
		}}
}

// oldNames serves what the Python scripts of OMS were called with.
func oldNames(lang msg.Lang) urfave.ActionFunc {
	return func(c *urfave.Context) error {
		if err := checkCommon(lang)(c); err != nil {
			return err
		}
		switch {
		case c.Args().Present():
			return urfave.Exit(lang.Sprintf("omsinit: there is no command %q; see `omsinit help`", c.Args().First()), exitUsage)
		case c.IsSet("check"):
			return runCheck(c, lang, c.String("check"), flow.CheckOptions{})
		case c.Bool("init-db"):
			return flow.Run(c.Context, initOptions(c, lang, []string{"metadb"}, nil))
		case c.Bool("init-config-file"):
			return flow.Run(c.Context, initOptions(c, lang, []string{"component"}, nil))
		}
		return urfave.ShowAppHelp(c)
	}
}

func initOptions(c *urfave.Context, lang msg.Lang, only, skip []string) flow.Options {
	l := layout.New(common(c, "root"))
	return flow.Options{
		Layout: l, ConfigFile: or(common(c, "config"), l.ConfigFile()), PackDir: or(common(c, "pack"), l.PackDir()), Lang: lang,
		Ignore: c.StringSlice("ignore"), TSDBOptional: tsdbOptional(c), Prefer: component.Side(c.String("prefer")),
		HostIP: os.Getenv("OMS_HOST_IP"), Upgrade: os.Getenv("IS_UPGRADE"), Build: version, Only: only, Skip: skip,
		LockTimeout: c.Duration("lock-timeout"), ReadyTimeout: c.Duration("ready-timeout"), Out: c.App.Writer, Err: os.Stderr,
	}
}

func runNode(c *urfave.Context, lang msg.Lang) error {
	if c.Args().Present() {
		err := supervise.Exec(c.Args().Slice())
		return urfave.Exit("omsinit: "+lang.Text(err), exitNotFound)
	}
	boot, err := bootOptions(c, lang)
	if err != nil {
		return err
	}
	return exit(flow.Boot(c.Context, initOptions(c, lang, nil, nil), boot))
}

func runTrial(c *urfave.Context, lang msg.Lang) error {
	return exit(trial.Run(c.Context, initOptions(c, lang, nil, nil), trial.Options{Set: c.StringSlice("set"), MetaDBPort: c.Int("metadb-port")}))
}

func showStatus(c *urfave.Context, lang msg.Lang) error {
	if c.Bool("watch") {
		return watchStatus(c, lang)
	}
	status, err := client(c).Status(c.Context)
	if err != nil {
		return err
	}
	return print(c, lang, status, func(w io.Writer, lang msg.Lang) error { return status.Print(w, lang, time.Now()) })
}

func client(c *urfave.Context) *supervise.Client {
	return flow.Client(layout.New(common(c, "root")))
}

// exit hands on the exit status of a program that ended in order.
func exit(code int, err error) error {
	if err == nil && code != 0 {
		return urfave.Exit("", code)
	}
	return err
}

// common gives a common flag: after the command, before it, or the environment.
func common(c *urfave.Context, name string) string {
	for _, level := range c.Lineage() {
		if level.IsSet(name) {
			return level.String(name)
		}
	}
	return os.Getenv("OMSINIT_" + map[string]string{"root": "ROOT", "config": "CONFIG", "pack": "PACK"}[name])
}

func or(value, fallback string) string {
	if value != "" {
		return value
	}
	return fallback
}
