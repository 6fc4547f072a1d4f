// Package cli is the command line of omsinit. A command is a struct whose fields are its flags and arguments and whose
// Run makes one call into the rooms. Shared flags, the formats of results and the exit statuses have a file each.
package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	urfave "github.com/urfave/cli/v2"

	"omsinit/init/dialogue"
	"omsinit/init/flow"
	"omsinit/internal/coredump"
	"omsinit/internal/helppage"
	"omsinit/internal/interrupt"
	"omsinit/internal/msg"
	"omsinit/internal/prompt"
	"omsinit/internal/style"
)

// Main runs the command line and returns the exit status. SIGINT and SIGTERM let a command end in order.
func Main(args []string) int {
	coredump.Forbid()
	ctx, stop := interrupt.Context(context.Background())
	defer stop()
	a := &app{lang: language(args[1:]), stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}
	a.readEnvironment()
	return a.main(ctx, args[1:])
}

// app is one call of omsinit: its language, its streams, and the options that every command has.
type app struct {
	lang           msg.Lang
	stdin          *os.File
	stdout, stderr io.Writer

	root, configFile, packDir string
	running                   string // the command, without the name of the program
}

// main runs a command line without the name of the program, prints the error, and returns the exit status.
func (a *app) main(ctx context.Context, args []string) int {
	err := a.run(ctx, args)
	if err != nil {
		a.fail(ctx, err)
	}
	return exitStatus(err)
}

// run runs a command line without the name of the program.
func (a *app) run(ctx context.Context, args []string) error {
	u := a.application()
	return u.RunContext(ctx, append([]string{u.Name}, arrange(u.Flags, u.Commands, args)...))
}

// say prints a text beside the results.
func (a *app) say(m msg.Message) { a.paint(style.Plain, m) }

// complain prints an error.
func (a *app) complain(m msg.Message) { a.paint(style.Error, m) }

// paint prints a text by what it means.
func (a *app) paint(s style.Style, m msg.Message) {
	fmt.Fprintln(a.stderr, s.Paint(a.stderr, msg.Fold(m.In(a.lang), style.Columns(a.stderr))))
}

// prompter asks on the error stream: what is printed is for others.
func (a *app) prompter(ctx context.Context) *prompt.Prompter {
	return prompt.New(ctx, a.stdin, a.stderr, a.lang)
}

// print prints a text that is itself the result.
func (a *app) print(m msg.Message) error {
	_, err := fmt.Fprintln(a.stdout, m.In(a.lang))
	return err
}

// A command is one command of omsinit; its flags and arguments are its fields. Commands with flags have a method
// flags, those with arguments a method args.
type command interface {
	Run(ctx context.Context, a *app) error
}

// translate returns a text in the language of the call.
type translate func(format string, args ...any) string

// commands are all commands, in the order of the help page.
func (a *app) commands() []*urfave.Command {
	t := a.lang.Sprintf
	return []*urfave.Command{
		a.command(runName, t("act as the container's entry point (PID 1)"), &runCommand{},
			t("Supervises the components, and initialises the node. With a COMMAND, runs that instead.")),
		a.command("init", t("initialise this node: the five steps (docker_init.sh)"), &initCommand{},
			t("The steps are %s. A finished node is left as it is; an interrupted run is continued.",
				flow.PhaseNames())),
		a.command("check", t("check config.yaml, this host and what it connects to: step 1 alone"), &checkCommand{},
			t("All findings are reported at once. FILE or --config may be - for standard input. Nothing is changed, but for a throw-away database in the MetaDB and in the time-series database, which is removed again.")),
		a.command("trial", t("start a node with its own MetaDB, to look at; not for production"), &trialCommand{}),
		a.command("status", t("show how far the initialisation is, and what runs"), &statusCommand{}),
		a.command("start", t("start programs"), &operateCommand{name: "start"}),
		a.command("stop", t("stop programs"), &operateCommand{name: "stop"}),
		a.command("restart", t("restart programs, in the order of their dependencies"),
			&operateCommand{name: "restart"}),
		a.command("doctor", t(
			"find out why this node does not work: everything that can be known, and a ranked list of causes"),
			&doctorCommand{},
			t("Runs all of check and cluster check, and looks at programs, logs, disks, memory, files, databases and names, each with a time limit: at most 15 s in all. What hangs is itself a line. Each cause comes with the command to go on with. Nothing is changed. Exit status 3: there are errors among the causes.")),
		a.command("support", t("write a bundle for somebody who helps: one tar.gz without secrets"), &supportCommand{},
			t("Holds what doctor says, report.html with charts, config.yaml and the generated files, the ends of logs, and what the system says. Every secret is masked by its value, in whatever spelling it stands. Works while PID 1, the MetaDB or the disk does not: docker exec CONTAINER omsinit support --out - > FILE.")),
		a.group("console", t("help users of the console"),
			a.command("unlock", t("let a user log in again who was locked by wrong passwords"), &consoleUnlock{},
				t("Five wrong passwords lock a user for half an hour. Sets login_failure_times and is_locked of its row of oms_user to 0, and asks first. Exit status 3: there is no such user."))),
		a.command("plan", t("show what init would change, without touching anything"), &planCommand{},
			t("Exit status: 0 nothing to do, 2 there is something to do, 1 it cannot be told.")),
		a.command("reconfigure", t("check, render the files anew, restart the programs that read a changed one"),
			&reconfigureCommand{}),
		a.group("config", t("show, change and restore config.yaml and the files made from it"),
			a.command("new", t("make config.yaml by question and answer, and the commands that start OMS on each host"),
				&configNew{},
				t("Asks for what the legacy deployment tool asked for: one node, several, or several regions. Each answer is checked when it is given; the MetaDB and the time-series database are tried where they can be reached. Nothing is written before the end, and no other host is contacted. Answers in a file or as KEY=VALUE have the keys of config.yaml, and: %s; what is not answered is what Enter would take. In a file those that differ between several regions are in a list called regions.", msg.List(dialogue.Keys()))),
			a.command("show", t("show the effective value of every key, and where it comes from"), &configShow{}),
			a.command("schema", t("print a JSON Schema of config.yaml, for editors"), &configSchema{}),
			a.command("set", t("change keys of config.yaml in place, and bring the node to them"), &configSet{},
				t("A KEY alone is asked for, without echo, or read from the standard input, a line each; passwords are taken in no other way. Comments, order and quotes of the file stay, and what it was is kept beside it. Everything is checked first: a new MetaDB is tried before the file is changed.")),
			a.command("edit", t(
				"open config.yaml in an editor, check what was edited, write it in place, and bring the node to it"),
				&configEdit{},
				t("The editor is that of VISUAL or EDITOR. It gets a copy: editors that rename a new file over the old one, as sed -i does, cannot replace a file that Docker mounts.")),
			a.command("ports", t("change the ports of the components, with questions (docker_update_app_port.sh)"),
				&configPorts{},
				t("With KEY=VALUE nothing is asked about the ports.")),
			a.command("history", t("list the last ten sets of files that a run replaced"), &configHistory{}),
			a.command("diff", t("show what would change if an earlier version were put back"), &configDiff{},
				t("VERSION is one of `omsinit config history`; without it the last one. Secrets are not shown.")),
			a.command("restore", t("put an earlier version of files back, and restart the programs that read them"),
				&configRestore{},
				t("VERSION is one of `omsinit config history`, or last. What is replaced becomes a version itself. A config.yaml that is put back brings the other files with it."))),
		a.group("pack", t(
			"show, capture and check what differs between OMS releases: templates, schema, program files"),
			a.command("list", t("list the files of the pack, where each comes from, and what is made from it"),
				&packList{}),
			a.command("show", t("print a file of the pack"), &packShow{}),
			a.command("export", t("write the files of the pack into a folder, to be edited there"), &packExport{},
				t("Without NAME all of them. What is in the folder already is not overwritten. The folder can be used with --pack, or put at /usr/share/omsinit/pack of an image; it needs only the files that differ.")),
			a.command("capture", t("learn the pack of a release from an initialised installation"), &packCapture{},
				t("Run it inside an initialised container, or with --root on a copy of its files. The installation and its MetaDB are only read; the proof at the end creates three scratch databases called omsinit_scratch_…, and drops them. Exit status 3: the pack was written but does not make everything again.")),
			a.command("verify", t("compare what a pack makes with what an installation has"), &packVerify{},
				t("Files to the byte, the schema through information_schema in scratch databases called omsinit_scratch_…, and whether the programs can be read. Exit status 3: something differs.")),
			a.command("lint", t("find what is wrong with a pack"), &packLint{},
				t("Unknown keys, files that nothing is made from, missing escapes, secrets as text or in files that others may read, schema files that are never applied. Exit status 3: there are errors.")),
			a.command("diff", t("show how two packs, such as those of two releases, differ"), &packDiff{},
				t("A dash in the place of a folder is the built-in pack. Exit status 2: they differ.")),
			a.command("schema", t("print the JSON Schema of pack.yaml"), &packSchema{})),
		a.group("metadb", t("show, migrate, back up and restore the MetaDB"),
			a.command("status", t("show which schema files are applied, and what the databases lack"), &metadbStatus{}),
			a.command("migrate", t("create and complete the three databases: step 2 alone"), &metadbMigrate{}),
			a.command("backup", t("dump all databases of this OMS into an empty folder, with a manifest"),
				&metadbBackup{}),
			a.command("restore", t("restore a backup and verify it"), &metadbRestore{}),
			a.command("switch", t(
				"change the address and the account of the MetaDB, with questions (docker_update_meta_db.sh)"),
				&metadbSwitch{},
				t("Without arguments oms_meta_host, oms_meta_port, oms_meta_user and oms_meta_password are asked for. The new MetaDB is tried first."))),
		a.group("cluster", t("show, check and reduce the regions and nodes of this OMS"),
			a.command("show", t("show regions, nodes, their state and last heartbeat"), &clusterShow{}),
			a.command("check", t(
				"find out why a machine is shown as down: causes and fixes; exit status 3 if there are errors"),
				&clusterCheck{}),
			a.command("remove", t(
				"delete the row of a node that was stopped for good, as the documented scale-in does"),
				&clusterRemove{},
				t("Refused, with exit status 3, while OMS runs on the node or has components there. What is deleted is kept in docker_init.log.<date>.")),
			a.command("remove-region", t("delete a region with all its nodes"), &clusterRemoveRegion{},
				t("REGION is a cm_location or a cm_region. Run it on a node of another region. Refused, with exit status 3, while OMS runs on a node of it, and for the default region. Its heartbeat database is left."))),
		a.group("ha", t("show and switch high availability (ha.config), for all regions"),
			a.command("show", t("show the value, and how many nodes each region has"), &haShow{}),
			a.command("on", t("switch it on; the other fields stay as they are"), &haOn{}),
			a.command("off", t("switch it off; the other fields stay as they are"), &haOff{})),
		a.group("metrics", t("try the time-series database, and show what is reported to it"),
			a.command("check", t("try the time-series database as step 3 does; exit status 3 when it fails"),
				&metricsCheck{},
				t("Connects, logs in, looks for the database and the retention policy, writes a point and reads it back. Creates neither; where one is missing, a throw-away database is written to, and removed again.")),
			a.command("show", t("show what PID 1 reports: how much, how late, what was dropped, the last error"),
				&metricsShow{},
				t("As prometheus, the figures themselves are printed."))),
		a.group("upgrade", t("upgrade this OMS to the release of the image, and back"),
			a.command("plan", t("show what an upgrade would do; exit status 3 when a gate refuses it"), &upgradePlan{}),
			a.command("apply", t(
				"back up, change the schema and start, or continue an upgrade that was interrupted (IS_UPGRADE=true)"), &upgradeApply{}),
			a.command("rollback", t("restore the backup from before the last upgrade"), &upgradeRollback{}),
			a.command("backup", t("take a backup now, beside those of upgrades or in DIR"), &upgradeBackup{}),
			a.command("backups", t("list the backups on this node"), &upgradeBackups{}),
			a.command("verify", t("compare a backup with its manifest"), &upgradeVerify{})),
		a.command("add_resource", t("old name of: init --only resource"), &addResourceCommand{}),
		a.command("help", t("show this page, or the page of a command"), &helpCommand{}),
		a.command("version", t("print the version, what it was built from, and the release of the pack"),
			&versionCommand{}),
		a.command("completion", t("print the script that completes commands in a shell"), &completionCommand{},
			t("For one session: . <(omsinit completion bash). The image has it where bash and zsh look for it.")),
		a.command("signal", t("send a signal to programs"), &signalCommand{}),
		a.command("tail", t("print the end of a program's log"), &tailCommand{}),
		a.command("logs", t("print the ends of both logs of several programs, or of all"), &logsCommand{}),
		a.command("healthcheck", t("check that this node is ready, for Docker and Kubernetes: exit status 0"),
			&healthcheckCommand{},
			t("Ready: PID 1 answers, the initialisation is done, and every program that starts by itself is ready.\nWith --live: PID 1 answers, and no essential program is FATAL.")),
	}
}

// application returns the command line in the words of the library that parses it.
func (a *app) application() *urfave.App {
	t := a.lang.Sprintf
	helppage.Localize(a.lang, commandGroups)
	common := a.commonFlags()
	root := a.command("omsinit", t("initialise, supervise and operate an OMS container"), &oldNames{},
		statusText(t)+"\n"+
			t("Environment: OMS_HOST_IP is the IP address of this node; OMSINIT_ROOT, OMSINIT_CONFIG, OMSINIT_PACK and OMS_LANG stand for --root, --config, --pack and --lang."))
	u := &urfave.App{
		Name: root.Name, Usage: root.Usage, UsageText: t("omsinit [options] COMMAND [options]"),
		Description: root.Description,
		// The library leaves the help flag out where there is a command called help.
		Flags:    slices.Concat(common, root.Flags, flags{urfave.HelpFlag}),
		Commands: a.commands(), Action: root.Action, OnUsageError: usageOf,
		Writer: a.stdout, ErrWriter: a.stderr, ExitErrHandler: func(*urfave.Context, error) {},
		HideVersion: true, HideHelpCommand: true, // they are commands of ours, in both languages
	}
	for _, c := range u.Commands {
		a.complete(c, c.Name, common)
	}
	find(u.Commands, "help").Aliases = []string{"h"}
	return u
}

// command puts a command into the words of the library.
func (a *app) command(name, about string, c command, description ...string) *urfave.Command {
	u := &urfave.Command{Name: name, Usage: about, Description: strings.Join(description, "\n")}
	if c, ok := c.(interface{ flags(translate) flags }); ok {
		u.Flags = c.flags(a.lang.Sprintf)
	}
	var args arguments
	if c, ok := c.(interface{ args() arguments }); ok {
		args = c.args()
	}
	u.ArgsUsage = args.usage
	u.Action = func(u *urfave.Context) error {
		a.running = strings.TrimPrefix(u.Command.HelpName, "omsinit ")
		if err := args.take(u.Command.HelpName, u.Args().Slice()); err != nil {
			return err
		}
		if err := a.checkCommon(); err != nil {
			return err
		}
		if c, ok := c.(interface{ resolve(*app, *urfave.Context) }); ok {
			c.resolve(a, u)
		}
		return c.Run(u.Context, a)
	}
	return u
}

// group is a command that has commands.
func (a *app) group(name, about string, commands ...*urfave.Command) *urfave.Command {
	return &urfave.Command{
		Name: name, Usage: about, ArgsUsage: "COMMAND", Subcommands: commands,
		Description: a.lang.Sprintf("Each command has a page: `omsinit help %s COMMAND`.", name),
		Action: func(u *urfave.Context) error {
			if u.Args().Present() {
				return noCommand(name+" ", u.Args().First(), commands)
			}
			return urfave.ShowSubcommandHelp(u)
		},
	}
}

// complete adds to a command, and to those below it, what all of them have.
func (a *app) complete(c *urfave.Command, name string, common flags) {
	c.UsageText = a.lang.Sprintf("omsinit %s [options] %s", name, helppage.Arguments(a.lang, c.ArgsUsage))
	c.Flags, c.OnUsageError, c.HideHelpCommand = append(c.Flags, common...), usageOf, true
	for _, below := range c.Subcommands {
		a.complete(below, name+" "+below.Name, common)
	}
}
