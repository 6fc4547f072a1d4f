package upgrade

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"

	"omsinit/init/metadb/backup"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

// Rollback is how a person wants the last upgrade undone.
type Rollback struct {
	// Backup is where the recorded backup was moved to; empty: where it was made.
	Backup string
	// AcceptLoss goes on although rows from after the upgrade would be lost.
	AcceptLoss bool
	// Confirm asks a person; nil means yes.
	Confirm func(msg.Message) (bool, error)
}

// RollBack restores the backup of the last upgrade, and the files from before
// it. It gives the page that says what to do next.
func (u *Upgrade) RollBack(ctx context.Context, o Rollback) ([]msg.Message, error) {
	s, err := u.session()
	if err != nil {
		return nil, err
	}
	defer s.Close()
	if err := s.acquire(ctx); err != nil {
		return nil, err
	}
	if s.rec, err = s.wayBack(ctx); err != nil {
		return nil, err
	}
	if err := s.rollable(o); err != nil {
		return nil, err
	}
	s.noted = *s.rec
	if err := s.agree(ctx, o); err != nil {
		return nil, err
	}
	s.log(msg.M("rolling back from %s to %s, with the backup %s", s.rec.To, s.rec.From, s.rec.Backup))
	if err := s.undo(ctx, RollingBack); err != nil {
		return nil, msg.Errorf("the rollback is not complete: %w; run `omsinit upgrade rollback` again", err)
	}
	page := []msg.Message{msg.M("the backup %s is restored and verified: the databases belong to %s as before",
		s.rec.Backup, s.rec.From), s.haPage(ctx),
		msg.M("next, on every node: docker stop this container; make config.yaml equal %s; docker start the old container of %s", filepath.Join(s.rec.Backup, copyName), s.rec.From),
		msg.M("Full-Import and Incr-Sync components may have to be resumed by hand")}
	if path := s.writeReport(context.WithoutCancel(ctx)); path != "" {
		page = append(page, msg.M("the report is %s", path))
	}
	return page, nil
}

// wayBack is the upgrade that a rollback undoes: the last one that has changed
// something. Where there is only one that has not, that is said.
func (s *Session) wayBack(ctx context.Context) (*Record, error) {
	r, err := s.j.lastChange(ctx)
	if err != nil || r != nil {
		return r, err
	}
	return s.j.newest(ctx)
}

// rollable refuses what cannot or must not be rolled back.
func (s *Session) rollable(o Rollback) error {
	r := s.rec
	switch {
	case r == nil:
		return refused(msg.M("no upgrade of this OMS is on record, so there is nothing to roll back; a backup is restored with `omsinit metadb restore`"))
	case r.State == RolledBack || r.State == Restored:
		return refused(msg.M("the upgrade from %s to %s was undone already, at %s (%s): a rollback cannot be rolled back; to upgrade again run `omsinit upgrade apply`", r.From, r.To, r.Finished, r.State))
	case r.State == Abandoned || r.State == Running && !r.reached(firstChange):
		return refused(msg.M("the upgrade from %s to %s had changed nothing yet (stage %s), so there is nothing to roll back", r.From,
			r.To, r.Stage))
	}
	if o.Backup != "" {
		r.Backup = o.Backup
	}
	err := s.readBackup()
	if err != nil && r.Node != s.Node {
		g := &gates{Upgrade: s.Upgrade}
		g.elsewhere(r, err)
		return g.refusal()
	}
	return err
}

// agree makes sure that nobody writes, and that people know what is lost.
func (s *Session) agree(ctx context.Context, o Rollback) error {
	g := &gates{Upgrade: s.Upgrade, db: s.db}
	err := cmp.Or(g.alive(ctx, backup.Heartbeats(s.manifest.Databases), s.Node), g.refusal())
	if err != nil {
		return err
	}
	lost, err := s.lost(ctx)
	if err != nil {
		return err
	}
	goesOn := s.rec.State == RollingBack || s.rec.State == Restoring
	if goesOn {
		at, err := s.ranSinceRestore(ctx)
		if err != nil {
			return err
		}
		if at != "" {
			goesOn, lost = false, append(lost, msg.M("%s (%s)", s.Config.HeartbeatDatabase+".heart_beat", at))
		}
	}
	if len(lost) > 0 && !o.AcceptLoss {
		return refused(msg.M("rows that were made after the upgrade would be lost: %s; remove them in the console, or accept that with --accept-loss", lost))
	}
	if o.Confirm == nil || goesOn {
		return nil
	}
	yes, err := o.Confirm(msg.M("Drop the databases of OMS %s and restore those of %s from %s? What was written since %s is lost.", s.rec.To,
		s.rec.From, s.rec.Backup, s.rec.Started))
	if err == nil && !yes {
		err = msg.Errorf("nothing was changed")
	}
	return err
}

// lost lists what people made after the upgrade. An upgrade that did not get so
// far has no marks, and nothing was made after it.
func (s *Session) lost(ctx context.Context) (msg.Clauses, error) {
	if s.rec.Marks == "" || s.rec.State == RollingBack || s.rec.State == Restoring {
		return nil, nil // the databases may be away
	}
	var out msg.Clauses
	last := readMarks(s.rec.Marks)
	for _, w := range s.Pack.Upgrade.Lost {
		id, known := last[w.Table]
		if !known {
			continue
		}
		names, err := s.watched(ctx, s.db, pack.Watched{Table: w.Table, Name: w.Name}, fmt.Sprintf("id > %d", id))
		if err != nil {
			return nil, err
		}
		if len(names) > 0 {
			out = append(out, msg.M("%s (%s)", w.Table, msg.List(names).AtMost(fewNames)))
		}
	}
	return out, nil
}
