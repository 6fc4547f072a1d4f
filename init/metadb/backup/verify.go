package backup

import (
	"context"

	mysql "omsinit/internal/database"
)

// Prove reads every dump of a backup into a database of its own beside the
// real one, compares its rows with the manifest, and drops it again. The real
// databases are not touched. It takes as long as a restore, and as much space
// in the MetaDB.
func (j *Job) Prove(ctx context.Context) (*Manifest, error) {
	m, err := Read(j.Dir)
	if err != nil {
		return nil, err
	}
	ctx, w, err := j.workshop(ctx)
	if err != nil {
		return nil, err
	}
	defer w.leave()
	err = sideBySide(ctx, m.Databases, func(ctx context.Context, d Database) error {
		err := j.prove(ctx, w, d)
		// Also of a backup that is not proven.
		if _, dropErr := w.db.ExecContext(context.WithoutCancel(ctx),
			"DROP DATABASE IF EXISTS "+mysql.Quote(d.Name+scratchSuffix)); err == nil {
			err = mysql.Explain(j.Config, dropErr)
		}
		return err
	})
	if err != nil {
		return nil, lostCause(ctx, err)
	}
	return m, nil
}

// Tools finds the programs of the server that a backup and a restore need.
func Tools(ctx context.Context) error {
	if _, err := findDumper(ctx); err != nil {
		return err
	}
	_, err := findClient(ctx)
	return err
}
