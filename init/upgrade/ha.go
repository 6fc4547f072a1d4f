package upgrade

import (
	"context"

	"omsinit/internal/ha"
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
