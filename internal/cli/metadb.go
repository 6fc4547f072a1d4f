package cli

import (
	"cmp"
	"context"
	"path/filepath"
	"strings"
	"time"

	urfave "github.com/urfave/cli/v2"

	"omsinit/init/flow"
	"omsinit/init/metadb"
	"omsinit/init/metadb/backup"
	"omsinit/internal/msg"
)

// metadbStatus is `omsinit metadb status`.
type metadbStatus struct{ report }

// Run prints the status.
func (c *metadbStatus) Run(ctx context.Context, a *app) error {
	step, err := c.flow().MetaDB()
	if err != nil {
		return err
	}
	status, err := step.Status(ctx)
	return c.print(a, err, status, status.Print)
}

// metadbMigrate is `omsinit metadb migrate`.
type metadbMigrate struct {
	target
	DryRun, Adopt bool
	Reinit        confirmation
	BackupDir     string
}

func (c *metadbMigrate) flags(t translate) flags {
	return flags{
		lockTimeoutFlag(t, &c.LockTimeout),
		boolFlag(&c.DryRun, "dry-run", t("print the SQL that would run; exit status 2 if there is any")),
		boolFlag(&c.Adopt, "adopt", t("accept databases that hold something else too; that stays as it is")),
		&urfave.GenericFlag{Name: "reinit-metadb", Value: &c.Reinit,
			Usage: t(
				"back up, DROP and create the databases again; give the name of drc_rm_db here, or type it when asked")},
		textFlag(&c.BackupDir, "backup-dir",
			t("put the backup before --reinit-metadb into this folder (default: metadb-backup/TIME in the run mount)")),
	}
}

// confirmation is a flag that may stand alone or have a value behind an equals sign.
type confirmation struct {
	given bool
	name  string
}

// Set implements flag.Value; "true" is a flag that stands alone.
func (f *confirmation) Set(value string) error {
	f.given = true
	if value != "true" {
		f.name = value
	}
	return nil
}

// String implements flag.Value.
func (f *confirmation) String() string { return f.name }

// IsBoolFlag reports that the flag may stand alone.
func (f *confirmation) IsBoolFlag() bool { return true }

// Run changes the databases, or prints what it would do.
func (c *metadbMigrate) Run(ctx context.Context, a *app) error {
	step, err := c.flow().MetaDB()
	if err != nil {
		return err
	}
	step.Adopt = c.Adopt
	switch {
	case c.DryRun:
		changes, err := step.DryRun(ctx, a.stdout)
		return found(err, changes, errChanges)
	case c.Reinit.given:
		return c.reinit(ctx, a, step)
	}
	result, err := flow.Migrate(ctx, step)
	if err == nil && !result.Changed() && result.Deviating == 0 {
		return a.print(msg.M("the MetaDB is up to date"))
	}
	return err
}

// reinit drops the databases and creates them again, once their name was typed.
func (c *metadbMigrate) reinit(ctx context.Context, a *app, step *metadb.Step) (err error) {
	name := c.Reinit.name
	if name == "" {
		p := a.prompter(ctx)
		question := msg.M(
			"This drops the databases %s, %s and %s with everything in them. Type the name of the first one to go on:",
			step.Config.RMDatabase, step.Config.CMDatabase, step.Config.HeartbeatDatabase)
		if !p.Terminal() {
			a.say(question)
		}
		if name, err = p.Line(question); ctx.Err() != nil {
			return err
		} // no answer is a wrong name, which is refused
	}
	dir, err := c.flow().ReinitMetaDB(ctx, step, strings.TrimSpace(name), c.BackupDir, a.progress(dumped))
	if dir != "" {
		_ = a.print(msg.M("the backup is in %s", dir))
	}
	return err
}

// metadbBackup is `omsinit metadb backup`.
type metadbBackup struct {
	target
	Dir        string
	Heartbeats []string
	Prove      proving
}

// proving is the flag --prove, which may stand alone or have a mode behind an equals sign.
type proving struct{ backup.ProofMode }

// Set implements flag.Value; "true" is a flag that stands alone.
func (f *proving) Set(value string) error {
	f.ProofMode = backup.ProofMode(value)
	if value == "true" {
		f.ProofMode = backup.Auto
	}
	switch f.ProofMode {
	case backup.Auto, backup.Full, backup.Sample:
		return nil
	}
	return msg.Errorf("--prove is full or sample, not %q", value)
}

// String implements flag.Value.
func (f *proving) String() string { return string(f.ProofMode) }

// Get implements flag.Getter.
func (f *proving) Get() any { return f.ProofMode }

// IsBoolFlag reports that the flag may stand alone.
func (f *proving) IsBoolFlag() bool { return true }

// proveTime is how long a proof may take before a sample has to do.
const proveTime = 30 * time.Minute

func (c *metadbBackup) args() arguments { return backupFolder("DIR", &c.Dir) }

func (c *metadbBackup) flags(t translate) flags {
	return flags{lockTimeoutFlag(t, &c.LockTimeout), heartbeatsFlag(t, &c.Heartbeats),
		&urfave.GenericFlag{Name: "prove", Value: &c.Prove, Usage: t("then restore it on trial, beside the databases; --prove=full or --prove=sample, for the structure and some rows (default: full, sample where it takes more than 30 minutes)")}}
}

// backupFolder is the argument of commands that work on a backup.
func backupFolder(usage string, dir *string) arguments {
	return arguments{usage: usage, first: []*string{dir}, missing: msg.M("name the folder of the backup")}
}

// Run dumps the databases.
func (c *metadbBackup) Run(ctx context.Context, a *app) error {
	job, err := c.flow().Backup(c.Dir)
	if err != nil {
		return err
	}
	job.Heartbeats, job.Progress = c.Heartbeats, a.progress(dumped)
	m, err := job.Backup(ctx)
	if err == nil {
		err = a.backedUp(job.Dir, m)
	}
	if err != nil || c.Prove.ProofMode == "" {
		return err
	}
	job.Progress = a.progress(restored)
	proof, err := job.Prove(ctx, c.Prove.ProofMode, backup.Limits{Time: proveTime})
	if err != nil {
		return msg.Errorf("the backup is not proven: %w", err)
	}
	return a.print(proof.Message())
}

// backedUp prints that a backup is complete.
func (a *app) backedUp(dir string, m *backup.Manifest) error {
	return a.print(msg.M("the backup of %d databases is complete: %s", len(m.Databases),
		filepath.Join(dir, backup.ManifestFile)))
}

// metadbRestore is `omsinit metadb restore`.
type metadbRestore struct {
	target
	Dir, Replace string
	Collations   map[string]string
}

func (c *metadbRestore) args() arguments { return backupFolder("DIR", &c.Dir) }

func (c *metadbRestore) flags(t translate) flags {
	return flags{
		lockTimeoutFlag(t, &c.LockTimeout),
		textFlag(&c.Replace, "replace", t("drop what the databases hold now; give the name of drc_rm_db")),
		c.collationFlag(t),
	}
}

func (c *metadbRestore) collationFlag(t translate) urfave.Flag {
	return &urfave.StringSliceFlag{Name: "collation",
		Usage: t("use another collation or character set that this server knows, as OLD=NEW"),
		Action: func(_ *urfave.Context, values []string) error {
			c.Collations = map[string]string{}
			for _, v := range values {
				from, to, ok := strings.Cut(v, "=")
				if !ok || from == "" || to == "" {
					return usage(msg.M("--collation is OLD=NEW, not %q", v))
				}
				c.Collations[from] = to
			}
			return nil
		}}
}

// Run restores the databases.
func (c *metadbRestore) Run(ctx context.Context, a *app) error {
	f := c.flow()
	job, err := f.Backup(c.Dir)
	if err != nil {
		return err
	}
	job.Progress, job.Collations = a.progress(restored), c.Collations
	m, err := job.Restore(ctx, c.Replace)
	if err != nil {
		return err
	}
	err = a.print(msg.M("%d databases are restored and verified", len(m.Databases)))
	return cmp.Or(err, f.StandDown(ctx)) // they may be of another release than this node
}
