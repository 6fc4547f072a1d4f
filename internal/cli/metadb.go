package cli

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	urfave "github.com/urfave/cli/v2"

	"omsinit/init/flow"
	"omsinit/init/metadb"
	"omsinit/init/metadb/backup"
	"omsinit/internal/msg"
)

// metadbCommand is `omsinit metadb`.
func metadbCommand(lang msg.Lang) *urfave.Command {
	t := lang.Sprintf
	wait := &urfave.DurationFlag{Name: "lock-timeout", Value: flow.DefaultLockTimeout, Usage: t("how long to wait for another run")}
	heartbeats := &urfave.StringSliceFlag{Name: "heartbeat-db", Usage: t("a heartbeat database of another region that is not found by itself")}
	return &urfave.Command{
		Name: "metadb", Usage: t("the MetaDB: see, migrate, back up, restore"), ArgsUsage: "COMMAND",
		Description: t("`omsinit metadb COMMAND --help` tells more about each."),
		Subcommands: []*urfave.Command{
			{Name: "status", Usage: t("which schema files are applied, and what the databases lack"),
				Flags:  []urfave.Flag{outputFlag(lang)},
				Action: func(c *urfave.Context) error { return metadbStatus(c, lang) }},
			{Name: "migrate", Usage: t("create and complete the three databases: step 2 alone"),
				Flags: []urfave.Flag{wait,
					&urfave.BoolFlag{Name: "dry-run", DisableDefaultText: true, Usage: t("print the SQL that would run; exit status 2 if there is any")},
					&urfave.BoolFlag{Name: "adopt", DisableDefaultText: true, Usage: t("accept databases that hold something else too; that stays as it is")},
					&urfave.GenericFlag{Name: "reinit-metadb", Value: &confirmation{}, Usage: t("back up, DROP and create the databases again; give the name of drc_rm_db here, or type it when asked")},
					&urfave.StringFlag{Name: "backup-dir", Usage: t("where the backup before --reinit-metadb goes (default: metadb-backup/TIME in the run mount)")},
				},
				Action: func(c *urfave.Context) error { return metadbMigrate(c, lang) }},
			{Name: "backup", Usage: t("dump all databases of this OMS into an empty folder, with a manifest"), ArgsUsage: "DIR",
				Flags:  []urfave.Flag{wait, heartbeats},
				Action: func(c *urfave.Context) error { return metadbBackup(c, lang) }},
			{Name: "restore", Usage: t("bring a backup back and verify it"), ArgsUsage: "DIR",
				Flags:  []urfave.Flag{wait, &urfave.StringFlag{Name: "replace", Usage: t("the name of drc_rm_db: drop what the databases hold now")}},
				Action: func(c *urfave.Context) error { return metadbRestore(c, lang) }},
			metadbSwitch(lang),
		},
	}
}

// confirmation is a flag that may stand alone or have a value.
type confirmation struct {
	set  bool
	name string
}

// Set implements flag.Value; "true" is a flag that stands alone.
func (f *confirmation) Set(value string) error {
	f.set = true
	if value != "true" {
		f.name = value
	}
	return nil
}

func (f *confirmation) String() string   { return f.name }
func (f *confirmation) IsBoolFlag() bool { return true }

func metadbStatus(c *urfave.Context, lang msg.Lang) error {
	step, err := flow.MetaDB(initOptions(c, lang, nil, nil))
	if err != nil {
		return err
	}
	status, err := step.Status(c.Context)
	if err != nil {
		return err
	}
	return print(c, lang, status, status.Print)
}

func metadbMigrate(c *urfave.Context, lang msg.Lang) error {
	o := initOptions(c, lang, nil, nil)
	step, err := flow.MetaDB(o)
	if err != nil {
		return err
	}
	step.Adopt = c.Bool("adopt")
	if c.Bool("dry-run") {
		changes, err := step.DryRun(c.Context, c.App.Writer)
		if err == nil && changes {
			return urfave.Exit("", exitChanges)
		}
		return err
	}
	if again := c.Generic("reinit-metadb").(*confirmation); again.set {
		return metadbReinit(c, lang, o, step, again.name)
	}
	result, err := flow.Migrate(c.Context, step)
	if err == nil && !result.Changed() {
		fmt.Fprintln(c.App.Writer, lang.Sprintf("the MetaDB is up to date"))
	}
	return err
}

func metadbReinit(c *urfave.Context, lang msg.Lang, o flow.Options, step *metadb.Step, name string) error {
	if name == "" {
		fmt.Fprint(os.Stderr, lang.Sprintf("This drops the databases %s, %s and %s with everything in them. Type the name of the first one to go on: ",
			step.Config.RMDatabase, step.Config.CMDatabase, step.Config.HeartbeatDatabase))
		line, _ := bufio.NewReader(os.Stdin).ReadString('\n')
		name = strings.TrimSpace(line)
	}
	dir, err := flow.ReinitMetaDB(c.Context, o, step, name, c.String("backup-dir"), showProgress(lang, "dumped"))
	if dir != "" {
		fmt.Fprintln(c.App.Writer, lang.Sprintf("the backup is in %s", dir))
	}
	return err
}

func metadbBackup(c *urfave.Context, lang msg.Lang) error {
	job, err := metadbJob(c, lang)
	if err != nil {
		return err
	}
	job.Heartbeats, job.Progress = c.StringSlice("heartbeat-db"), showProgress(lang, "dumped")
	m, err := job.Backup(c.Context)
	if err == nil {
		fmt.Fprintln(c.App.Writer, lang.Sprintf("the backup of %d databases is complete: %s", len(m.Databases), filepath.Join(job.Dir, backup.ManifestFile)))
	}
	return err
}

func metadbRestore(c *urfave.Context, lang msg.Lang) error {
	job, err := metadbJob(c, lang)
	if err != nil {
		return err
	}
	job.Progress = showProgress(lang, "restored")
	m, err := job.Restore(c.Context, c.String("replace"))
	if err == nil {
		fmt.Fprintln(c.App.Writer, lang.Sprintf("%d databases are restored and verified", len(m.Databases)))
	}
	return err
}

func metadbJob(c *urfave.Context, lang msg.Lang) (*backup.Job, error) {
	if c.NArg() != 1 {
		return nil, urfave.Exit(lang.Sprintf("omsinit: name the folder of the backup"), exitUsage)
	}
	return flow.MetaDBBackup(initOptions(c, lang, nil, nil), c.Args().First())
}

// showProgress tells how far it is on standard error: a line that changes on a
// terminal, one line per database elsewhere.
func showProgress(lang msg.Lang, what string) func(backup.Progress) {
	info, err := os.Stderr.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0
	last := int64(-1)
	return func(p backup.Progress) {
		const mb = 1 << 20
		text := lang.Sprintf("%s: %d MB dumped, tables: %d", p.Database, p.Bytes/mb, p.Tables)
		if what == "restored" {
			text = lang.Sprintf("%s: %d of %d MB restored", p.Database, p.Bytes/mb, p.Total/mb)
		}
		switch {
		case p.Done && terminal:
			fmt.Fprintf(os.Stderr, "\r\x1b[K%s\n", text)
		case p.Done:
			fmt.Fprintln(os.Stderr, text)
		case terminal && p.Bytes/mb != last:
			last = p.Bytes / mb
			fmt.Fprintf(os.Stderr, "\r\x1b[K%s", text)
		}
	}
}
