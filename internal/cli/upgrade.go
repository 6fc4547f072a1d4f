package cli

import (
	"cmp"
	"context"
	"path/filepath"
	"slices"
	"time"

	urfave "github.com/urfave/cli/v2"

	"omsinit/init/flow"
	"omsinit/init/metadb/backup"
	"omsinit/init/upgrade"
	"omsinit/internal/msg"
)

// upgrading is what the commands work on that upgrade, or take backups as an upgrade does.
type upgrading struct {
	target
	Up upgrade.Options
}

// gateFlags are those that the gates of an upgrade look at.
func (o *upgrading) gateFlags(t translate) flags {
	return flags{
		textFlag(&o.Up.From, "from-version",
			t("assume this release for an installation that records none, such as 4.1.0-CE")),
		boolFlag(&o.Up.AutoHA, "auto-ha", t("switch high availability off before and on again after")),
		boolFlag(&o.Up.OthersRun, "others-run", t("upgrade while other nodes run, as docker_hot_update_init.sh does; what they write after the backup is lost when it is restored")),
		listFlag(&o.Up.Confirmed, "confirm", t("confirm a step by hand that was done, such as correction-jar")),
		ignoreFlag(t, &o.Ignore),
	}
}

// backupFlags are those of commands that take a backup.
func (o *upgrading) backupFlags(t translate) flags {
	return flags{
		heartbeatsFlag(t, &o.Up.Heartbeats),
		numberFlag(&o.Up.Keep, "keep", upgrade.DefaultKeep, t("keep this many backups; one in use is never removed")),
	}
}

// upgradePlan is `omsinit upgrade plan`.
type upgradePlan struct {
	upgrading
	output
}

func (c *upgradePlan) flags(t translate) flags {
	of := &c.Up.Hosts
	return slices.Concat(flags{c.flag(t), boolFlag(&of.Cluster, "cluster",
		t("also print the commands for the host of each node: stop, start, and back")),
		textFlag(&of.Image, "image", t("name this image in the commands of --cluster (default: NEW_IMAGE)")),
		textFlag(&of.Old, "container", t(
			"name the old containers like this in the commands of --cluster (default: oms)")),
	}, c.gateFlags(t), c.backupFlags(t))
}

// Run prints the plan, and returns errFindings when a gate refuses it.
func (c *upgradePlan) Run(ctx context.Context, a *app) error {
	plan, err := c.flow().PlanUpgrade(ctx, c.Up)
	if err := c.print(a, err, plan, plan.Print); err != nil || !plan.Refused() {
		return err
	}
	return errFindings
}

// upgradeApply is `omsinit upgrade apply`.
type upgradeApply struct{ upgrading }

func (c *upgradeApply) flags(t translate) flags {
	keep := boolFlag(&c.Up.KeepFailed, "keep-failed",
		t("leave a failed upgrade as it is, for inspection, instead of restoring the backup"))
	keep.Aliases = []string{"no-auto-rollback"}
	unattended := boolFlag(&c.Up.Unattended, "unattended", "")
	unattended.Hidden = true // for PID 1
	lock := nodesTimeoutFlag(t, &c.LockTimeout, &c.Up.LockTimeout)
	ready := readyTimeoutFlag(t, "ready-timeout", &c.ReadyTimeout)
	own := flags{keep, unattended, lock, ready, preferFlag(t, &c.Prefer), proveFlag(t, &c.Up.Prove)}
	return slices.Concat(own, c.gateFlags(t), c.backupFlags(t))
}

// nodesTimeoutFlag is --lock-timeout where other nodes may take longer than a run of this one: unless it is given, they
// are waited for as long as an upgrade takes.
func nodesTimeoutFlag(t translate, run, nodes *time.Duration) urfave.Flag {
	f := durationFlag(run, "lock-timeout", flow.DefaultLockTimeout,
		t("wait at most this long for another run on this node, and for another node that upgrades"))
	f.DefaultText = t("%v on this node, %v for another one", flow.DefaultLockTimeout, upgrade.DefaultLockTimeout)
	f.Action = func(_ *urfave.Context, d time.Duration) error {
		*nodes = d
		return nil
	}
	return f
}

// proveFlag is --prove.
func proveFlag(t translate, to *backup.ProofMode) urfave.Flag {
	f := &urfave.StringFlag{Name: "prove", Usage: t("restore this much of the backup on trial: full, or sample for the structure and some rows (default: full, sample where it would take too long)")}
	f.Action = must(func(mode string) bool {
		*to = backup.ProofMode(mode)
		return *to == backup.Full || *to == backup.Sample
	}, func(mode string) msg.Message { return msg.M("--prove is full or sample, not %q", mode) })
	return f
}

// Run upgrades.
func (c *upgradeApply) Run(ctx context.Context, _ *app) error {
	return c.flow().Upgrade(ctx, c.Up)
}

// upgradeRollback is `omsinit upgrade rollback`.
type upgradeRollback struct {
	target
	upgrade.Rollback
	Nodes time.Duration // to wait for others
	Yes   bool
}

func (c *upgradeRollback) flags(t translate) flags {
	return flags{
		boolFlag(&c.Yes, "yes", t("do not ask")),
		boolFlag(&c.AcceptLoss, "accept-loss", t("continue although projects from after the upgrade would be lost")),
		textFlag(&c.Backup, "backup", t("read the recorded backup from this folder, to which it was copied")),
		nodesTimeoutFlag(t, &c.LockTimeout, &c.Nodes),
	}
}

// Run undoes the last upgrade.
func (c *upgradeRollback) Run(ctx context.Context, a *app) (err error) {
	if c.Backup != "" {
		if c.Backup, err = filepath.Abs(c.Backup); err != nil {
			return err
		}
	}
	if !c.Yes {
		c.Confirm = a.prompter(ctx).Confirm
	}
	return c.flow().RollBack(ctx, c.Rollback, c.Nodes)
}

// upgradeBackup is `omsinit upgrade backup`.
type upgradeBackup struct {
	upgrading
	Dir string
}

func (c *upgradeBackup) args() arguments { return arguments{usage: "[DIR]", first: []*string{&c.Dir}} }

func (c *upgradeBackup) flags(t translate) flags {
	return append(c.backupFlags(t), lockTimeoutFlag(t, &c.Up.LockTimeout))
}

// Run takes the backup.
func (c *upgradeBackup) Run(ctx context.Context, a *app) error {
	c.Up.Progress = a.progress(dumped)
	u, err := c.flow().Upgrader(c.Up)
	if err != nil {
		return err
	}
	dir, m, err := u.TakeBackup(ctx, c.Dir)
	if err != nil {
		return err
	}
	return a.backedUp(dir, m)
}

// upgradeBackups is `omsinit upgrade backups`.
type upgradeBackups struct{ report }

// Run lists the backups, also when nobody answers which are in use.
func (c *upgradeBackups) Run(ctx context.Context, a *app) error {
	u, err := c.flow().Upgrader(upgrade.Options{})
	if err != nil {
		return err
	}
	list, asked := u.Backups(ctx)
	return cmp.Or(c.print(a, nil, list, list.Print), asked)
}

// upgradeVerify is `omsinit upgrade verify`.
type upgradeVerify struct {
	target
	Backup string
	Deep   bool
}

func (c *upgradeVerify) args() arguments { return backupFolder("BACKUP", &c.Backup) }

func (c *upgradeVerify) flags(t translate) flags {
	return flags{boolFlag(&c.Deep, "deep", t(
		"also restore it into databases beside the real ones, and compare the rows"))}
}

// Run compares the backup.
func (c *upgradeVerify) Run(ctx context.Context, a *app) error {
	var o upgrade.Options
	if c.Deep {
		o.Progress = a.progress(restored)
	}
	u, err := c.flow().Upgrader(o)
	if err != nil {
		return err
	}
	m, err := u.Verify(ctx, c.Backup, c.Deep)
	if err != nil {
		return err
	}
	return a.print(msg.M("the backup is whole: %d databases of OMS %v, made at %s", len(m.Databases), m.Releases,
		m.Created))
}
