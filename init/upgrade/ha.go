package upgrade

import (
	"context"

	"omsinit/internal/database"
	"omsinit/internal/ha"
	"omsinit/internal/msg"
)

// haEnabled reports whether a value of ha.config switches high availability on. Empty: there is no such row, and it is
// off.
func haEnabled(text string) (bool, error) {
	if text == "" {
		return false, nil
	}
	return ha.Enabled(text)
}

// changeHA changes ha.config by edit, under the lock of its row: fields that the console writes meanwhile stay. Where
// there is no such value, edit is not asked.
func (s *Session) changeHA(ctx context.Context, edit func(text string) (string, error)) error {
	var editErr error // as it is: it may be the journal's
	_, err := ha.Update(ctx, s.db, s.Config.RMDatabase, func(text string) (string, error) {
		if text == "" {
			return text, nil
		}
		text, editErr = edit(text)
		return text, editErr
	})
	if editErr != nil {
		return editErr
	}
	return newMetaDB(s.Config, err)
}

// takeOverHA takes over what an upgrade before this one owes: it had switched high availability off, and was undone,
// which leaves it off. Who has changed ha.config since has decided otherwise. This is not before the first change:
// whoever gives up until then leaves high availability as it was found.
func (s *Session) takeOverHA(ctx context.Context) error {
	if !s.AutoHA || s.rec.HA != "" {
		return nil
	}
	before, err := s.j.last(ctx, "id < ? AND state <> ? AND (ha IS NOT NULL OR state = ?)", s.rec.ID, Abandoned, Done)
	if err != nil || before == nil || before.State != Restored && before.State != RolledBack {
		return err
	}
	left, err := ha.Edit(before.HA, false)
	if err != nil {
		return err
	}
	now, _, err := ha.Read(ctx, s.db, s.Config.RMDatabase)
	if err != nil || now != left {
		return database.Explain(s.Config, err)
	}
	s.log(msg.M("the upgrade that was undone before had switched high availability off; it is on again after this one"))
	s.rec.HA = before.HA
	return s.save(ctx)
}
