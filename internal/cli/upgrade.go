package cli

import (
	"fmt"
	"io"
	"path/filepath"

	urfave "github.com/urfave/cli/v2"

	"omsinit/init/flow"
	"omsinit/init/metadb/backup"
	"omsinit/init/upgrade"
	"omsinit/internal/msg"
)

// upgradeCommand is `omsinit upgrade`.
func upgradeCommand(lang msg.Lang) *urfave.Command {
	t := lang.Sprintf
	output := outputFlag(lang)
	about := []urfave.Flag{
		&urfave.StringFlag{Name: "from-version", Usage: t("the release of an installation that records none, such as 4.1.0-CE")},
		&urfave.BoolFlag{Name: "auto-ha", DisableDefaultText: true, Usage: t("switch high availability off before and on again after")},
		&urfave.StringSliceFlag{Name: "confirm", Usage: t("a step by hand that was done, such as correction-jar")},
		ignoreFlag(lang),
	}
	taking := []urfave.Flag{
		&urfave.StringSliceFlag{Name: "heartbeat-db", Usage: t("a heartbeat database of another region that is not found by itself")},
		&urfave.IntFlag{Name: "keep", Value: upgrade.DefaultKeep, Usage: t("how many backups are kept; one in use is never removed")},
	}
	return &urfave.Command{
		Name: "upgrade", Usage: t("upgrade this OMS to the release of the image, and back"), ArgsUsage: "COMMAND",
		Description: t("`omsinit upgrade COMMAND --help` tells more about each."),
		Subcommands: []*urfave.Command{
			{Name: "plan", Usage: t("what an upgrade would do; exit status 3 when something stands against it"),
				Flags:  append(append([]urfave.Flag{output}, about...), taking...),
				Action: func(c *urfave.Context) error { return upgradePlan(c, lang) }},
			{Name: "apply", Usage: t("upgrade: back up, change the schema, start; also goes on with an upgrade that was cut (IS_UPGRADE=true)"),
				Flags: append(append([]urfave.Flag{
					&urfave.BoolFlag{Name: "keep-failed", Aliases: []string{"no-auto-rollback"}, DisableDefaultText: true, Usage: t("leave a failed upgrade as it is, to look first, instead of restoring the backup")},
					&urfave.BoolFlag{Name: "unattended", Hidden: true},
					&urfave.DurationFlag{Name: "lock-timeout", Value: flow.DefaultLockTimeout, Usage: t("how long to wait for another run")},
					&urfave.DurationFlag{Name: "ready-timeout", Value: flow.DefaultReadyTimeout, Usage: t("how long to wait for the components to be ready")},
					preferFlag(lang),
				}, about...), taking...),
				Action: func(c *urfave.Context) error {
					o := upgradeOptions(c, lang)
					o.Upgrade = "true"
					return flow.Run(c.Context, o)
				}},
			{Name: "rollback", Usage: t("restore the backup from before the last upgrade"),
				Flags: []urfave.Flag{
					&urfave.BoolFlag{Name: "yes", DisableDefaultText: true, Usage: t("do not ask")},
					&urfave.BoolFlag{Name: "accept-loss", DisableDefaultText: true, Usage: t("go on although projects from after the upgrade would be lost")},
					&urfave.StringFlag{Name: "backup", Usage: t("where the recorded backup was copied to")},
				},
				Action: func(c *urfave.Context) error { return upgradeRollback(c, lang) }},
			{Name: "backup", Usage: t("take a backup now, beside those of upgrades or in DIR"), ArgsUsage: "[DIR]", Flags: taking,
				Action: func(c *urfave.Context) error { return upgradeBackup(c, lang) }},
			{Name: "backups", Usage: t("list the backups on this node"), Flags: []urfave.Flag{output},
				Action: func(c *urfave.Context) error { return upgradeBackups(c, lang) }},
			{Name: "verify", Usage: t("compare a backup with its manifest"), ArgsUsage: "BACKUP",
				Flags:  []urfave.Flag{&urfave.BoolFlag{Name: "deep", DisableDefaultText: true, Usage: t("also read it into databases beside the real ones, and compare the rows")}},
				Action: func(c *urfave.Context) error { return upgradeVerify(c, lang) }},
		},
	}
}

func upgradeOptions(c *urfave.Context, lang msg.Lang) flow.Options {
	o := initOptions(c, lang, nil, nil)
	o.Up = flow.UpgradeOptions{
		From: c.String("from-version"), AutoHA: c.Bool("auto-ha"), Confirmed: c.StringSlice("confirm"), KeepFailed: c.Bool("keep-failed"),
		Unattended: c.Bool("unattended"), Heartbeats: c.StringSlice("heartbeat-db"), Keep: c.Int("keep"),
	}
	if c.IsSet("lock-timeout") {
		o.Up.LockTimeout = o.LockTimeout
	}
	return o
}

func upgradePlan(c *urfave.Context, lang msg.Lang) error {
	plan, err := flow.PlanUpgrade(c.Context, upgradeOptions(c, lang))
	if err != nil {
		return err
	}
	err = print(c, lang, plan, plan.Print)
	if err == nil && plan.Refused() {
		return urfave.Exit("", exitFindings)
	}
	return err
}

func upgradeRollback(c *urfave.Context, lang msg.Lang) error {
	how := upgrade.Rollback{Backup: c.String("backup"), AcceptLoss: c.Bool("accept-loss")}
	if how.Backup != "" {
		path, err := filepath.Abs(how.Backup)
		if err != nil {
			return err
		}
		how.Backup = path
	}
	if !c.Bool("yes") {
		how.Confirm = newPrompter(c.Context, lang).confirm
	}
	return flow.RollBack(c.Context, initOptions(c, lang, nil, nil), how)
}

func upgradeBackup(c *urfave.Context, lang msg.Lang) error {
	o := upgradeOptions(c, lang)
	o.Up.Progress = showProgress(lang, "dumped")
	u, err := flow.Upgrade(o)
	if err != nil {
		return err
	}
	dir, m, err := u.TakeBackup(c.Context, c.Args().First())
	if err == nil {
		fmt.Fprintln(c.App.Writer, lang.Sprintf("the backup of %d databases is complete: %s", len(m.Databases), filepath.Join(dir, backup.ManifestFile)))
	}
	return err
}

func upgradeBackups(c *urfave.Context, lang msg.Lang) error {
	u, err := flow.Upgrade(upgradeOptions(c, lang))
	if err != nil {
		return err
	}
	// The list is worth showing, also when it is not known which are in use.
	list, asked := u.Backups(c.Context)
	err = print(c, lang, upgrade.BackupsJSON(list), func(w io.Writer, lang msg.Lang) error {
		return upgrade.PrintBackups(w, lang, list)
	})
	if err == nil {
		err = asked
	}
	return err
}

func upgradeVerify(c *urfave.Context, lang msg.Lang) error {
	if c.NArg() != 1 {
		return urfave.Exit(lang.Sprintf("omsinit: name the folder of the backup"), exitUsage)
	}
	o := upgradeOptions(c, lang)
	if c.Bool("deep") {
		o.Up.Progress = showProgress(lang, "restored")
	}
	u, err := flow.Upgrade(o)
	if err != nil {
		return err
	}
	m, err := u.Verify(c.Context, c.Args().First(), c.Bool("deep"))
	if err == nil {
		fmt.Fprintln(c.App.Writer, lang.Sprintf("the backup is whole: %d databases of OMS %v, made at %s", len(m.Databases), m.Releases, m.Created))
	}
	return err
}
