package upgrade

import (
	"context"
	"database/sql"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"omsinit/init/metadb/backup"
	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/ha"
	"omsinit/internal/msg"
	"omsinit/internal/release"
)

func (s *Session) switchHAOff(ctx context.Context) error {
	if !s.AutoHA && s.rec.HA == "" {
		return nil
	}
	return s.changeHA(ctx, func(now string) (string, error) {
		on, err := ha.Enabled(now)
		if err != nil || !on {
			return now, err
		}
		s.rec.HA = now
		if err := s.save(ctx); err != nil {
			return now, err
		}
		s.log(msg.M("high availability is switched off for the upgrade"))
		return ha.Edit(now, false)
	})
}

// stop stops the programs, and makes sure that they are held back when the
// container is started again, until the node has been initialised.
func (s *Session) stop(ctx context.Context) error {
	if err := s.forgetNode(); err != nil {
		return err
	}
	running, err := s.Programs.Running(ctx, s.Pack.Upgrade.Stop)
	if err != nil {
		return err
	}
	s.stopped = s.now()
	if len(running) == 0 {
		return nil
	}
	s.halted = running
	s.log(msg.M("stopping %s", strings.Join(running, " ")))
	return s.Programs.Stop(ctx, running)
}

// startAgain undoes stop, after an upgrade that changed nothing.
func (s *Session) startAgain(ctx context.Context) error {
	for path, data := range s.initialised {
		if err := private(path, data); err != nil {
			return err
		}
	}
	if len(s.halted) == 0 {
		return nil
	}
	s.log(msg.M("starting %s again", strings.Join(s.halted, " ")))
	return s.Programs.Start(ctx, s.halted)
}

// backupStamp names the folder of a backup by the time.
const backupStamp = "20060102T150405.000"

// backupPrefix begins the names of the backups that retention knows.
const backupPrefix = "upgrade-"

func (s *Session) takeBackup(ctx context.Context) error {
	if s.rec.Backup == "" {
		s.rec.Backup = filepath.Join(s.Layout.BackupDir(),
			backupPrefix+s.now().Format(backupStamp)+"-"+fileName(s.rec.From)+"-"+fileName(s.rec.To))
		if err := s.save(ctx); err != nil {
			return err
		}
	}
	if m, err := backup.Read(s.rec.Backup); err == nil {
		s.manifest = m // it was finished by the try before, which lost its lock
		return nil
	}
	s.log(msg.M("backing up the databases into %s", s.rec.Backup))
	var err error
	if s.beats, err = s.heartbeats(ctx); err != nil {
		return err
	}
	job := s.job(s.rec.Backup)
	job.Quiet = true // OMS is stopped
	s.manifest, err = job.Backup(ctx)
	return err
}

// verifyBackup reads the backup again and compares it with the databases,
// which nobody may have changed meanwhile.
func (s *Session) verifyBackup(ctx context.Context) error {
	var err error
	if s.manifest, err = backup.Read(s.rec.Backup); err != nil {
		return err
	}
	for _, d := range s.manifest.Databases {
		for _, t := range d.Tables {
			n, err := s.count(ctx, d.Name, t.Name)
			if err != nil {
				return err
			}
			if n != t.Rows && !s.OthersRun {
				return msg.Errorf("the table %s.%s has %d rows, and its backup %d: somebody writes to it; stop OMS on all nodes", d.Name, t.Name, n, t.Rows)
			}
		}
	}
	if err := s.nobodyRuns(ctx); err != nil {
		return err
	}
	if err := s.mark(ctx); err != nil {
		return err
	}
	s.rec.Made = s.manifest.Created
	s.log(msg.M("the backup is verified: %d databases, %d MB", len(s.manifest.Databases), s.manifest.Size()>>20))
	return nil
}

// proveBackup restores the backup on trial, with the account, the programs and the statements of a later way back:
// without that no upgrade reaches its first change.
func (s *Session) proveBackup(ctx context.Context) error {
	s.log(msg.M("restoring the backup on trial, into databases beside the real ones"))
	proof, err := s.job(s.rec.Backup).Prove(ctx, s.Prove, proveLimits)
	if err != nil {
		return err
	}
	s.manifest.Proof = proof
	what := msg.M("everything")
	if proof.Mode == backup.Sample {
		what = msg.M("the structure of everything, and a sample of the rows")
	}
	s.log(msg.M("the backup is proven in %d s: %v was restored and compared; tables: %d, rows: %d, views and other objects: %d",
		int(proof.Seconds), what, proof.Tables, proof.Rows, proof.Objects))
	if proof.Reason != nil {
		s.log(msg.M("%v", *proof.Reason))
	}
	return s.nobodyRuns(ctx)
}

func (s *Session) count(ctx context.Context, name, table string) (n int64, err error) {
	err = s.db.QueryRowContext(ctx, database.Unhurried+"COUNT(*) FROM "+database.Quote(name)+"."+
		database.Quote(table)).Scan(&n)
	return n, database.Explain(s.Config, err)
}

// adopt is the first change. It records the stated release, and gives the
// databases journals that say which schema files they had before: what the new
// release adds is told from it afterwards, also in the heartbeat databases of
// other regions, which do not record a release. Where the pack begins later
// than the old release there is nothing to note.
func (s *Session) adopt(ctx context.Context) error {
	if err := s.takeOverHA(ctx); err != nil {
		return err
	}
	recorded, err := recordedVersions(ctx, s.db, s.Config)
	if err == nil && len(recorded) == 0 {
		err = s.record(ctx, s.rec.From)
	}
	if err != nil {
		return err
	}
	from, err := release.Parse(s.rec.From)
	if err != nil || !hasSchemaUpTo(s.Pack, from) {
		return err
	}
	old := *s.Pack
	old.Release = s.rec.From
	regions, err := s.regions(ctx)
	if err != nil {
		return err
	}
	for _, c := range regions {
		step := s.step(c)
		step.Pack = &old
		if _, err := step.Apply(ctx); err != nil {
			return err
		}
	}
	return nil
}

// regions returns the configurations of all regions. On another node the
// backup, which lists their databases, may be out of reach.
func (s *Session) regions(ctx context.Context) ([]*config.Config, error) {
	if s.manifest == nil {
		s.manifest, _ = backup.Read(s.rec.Backup)
	}
	if s.manifest != nil {
		return s.configs(backup.Heartbeats(s.manifest.Databases)), nil
	}
	found, err := s.find(ctx, s.db)
	return s.configs(backup.Heartbeats(found)), err
}

// changeSchema brings the databases of all regions to the new release, and
// records it at the end.
func (s *Session) changeSchema(ctx context.Context) error {
	regions, err := s.regions(ctx)
	if err == nil {
		s.statements, err = s.pending(ctx, regions)
	}
	if err != nil {
		return err
	}
	s.writeReport(ctx) // should this run not live to the end
	for _, c := range slices.Backward(regions) {
		if _, err := s.step(c).Apply(ctx); err != nil {
			return err
		}
	}
	if err := s.recordTarget(ctx); err != nil {
		return err
	}
	if s.distrusted {
		return nil // the marks of the backup tell what it does not hold
	}
	return s.mark(ctx)
}

// mark notes the greatest id of each watched table.
func (s *Session) mark(ctx context.Context) error {
	m := marks{}
	for _, w := range s.Pack.Upgrade.Lost {
		var last sql.NullInt64
		err := s.db.QueryRowContext(ctx, "SELECT MAX(id) FROM "+database.Quote(s.Config.RMDatabase)+"."+
			database.Quote(w.Table)).Scan(&last)
		switch {
		case err == nil:
			m[w.Table] = last.Int64
		case !database.Is(err, database.ErrBadField) && newMetaDB(s.Config, err) != nil:
			return database.Explain(s.Config, err)
		}
	}
	s.rec.Marks = m.text()
	return s.save(ctx)
}

// versionDDL is documented word for word (oms-facts §6).
const versionDDL = "(`version` varchar(64) NOT NULL COMMENT 'version', `gmt_modified` timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (`version`)) DEFAULT CHARSET = utf8mb4 COMMENT = 'version table'"

// recordTarget records the new release where its schema does not know the
// table: without it the next upgrade would begin where this one did.
func (s *Session) recordTarget(ctx context.Context) error {
	recorded, err := recordedVersions(ctx, s.db, s.Config)
	if err != nil || slices.ContainsFunc(recorded, func(v release.Version) bool { return v.String() == s.rec.To }) {
		return err
	}
	return s.record(ctx, s.rec.To)
}

// record writes a release into oms_version, as documented.
func (s *Session) record(ctx context.Context, release string) error {
	table := database.Quote(s.Config.RMDatabase) + ".oms_version"
	if _, err := s.db.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS "+table+" "+versionDDL); err != nil {
		return database.Explain(s.Config, err)
	}
	if _, err := s.db.ExecContext(ctx, "REPLACE INTO "+table+" (version) VALUES (?)", release); err != nil {
		return database.Explain(s.Config, err)
	}
	s.log(msg.M("release %s recorded in %s.%s", release, s.Config.RMDatabase, "oms_version"))
	return nil
}

func (s *Session) switchHAOn(ctx context.Context) error {
	if s.rec.HA == "" {
		return nil
	}
	var seconds int64
	if err := s.db.QueryRowContext(ctx, "SELECT COALESCE(TIMESTAMPDIFF(SECOND, ?, NOW()), 0)",
		s.rec.OutageSince).Scan(&seconds); err != nil {
		return database.Explain(s.Config, err)
	}
	on := ""
	err := s.changeHA(ctx, func(off string) (_ string, err error) {
		on, err = ha.BackOn(off, time.Duration(max(seconds, 0))*time.Second)
		return on, err
	})
	if err == nil && on != "" {
		s.log(msg.M("high availability is on again, refetchStoreIntervalMin is %d, OMS was away for %d s",
			ha.RefetchMinutes(on), seconds))
	}
	return err
}

// fileName makes a version fit for the name of a file.
func fileName(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '.' || r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, s)
}
