package upgrade

import (
	"bytes"
	"context"
	"database/sql"
	"io/fs"
	"path"
	"slices"
	"strings"

	"omsinit/init/metadb"
	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

// Gate stops an initialisation that would silently turn the MetaDB of another
// release into one of this release: a MetaDB records its releases in
// rm.oms_version (oms-facts §6). A MetaDB without that table, and an empty
// table, is a new one; so it is to a pack whose release has no such table.
func Gate(ctx context.Context, cfg *config.Config, p *pack.Pack) error {
	release := p.Release
	target, err := metadb.ParseVersion(release)
	if err != nil {
		return err
	}
	db, err := database.Open(cfg, "")
	if err != nil {
		return err
	}
	defer db.Close()
	// While one is undone the three databases may be away: that is no new MetaDB.
	last, err := (&journal{db: db, c: cfg}).newest(ctx)
	if err != nil {
		return err
	}
	if last != nil && last.State.open() {
		return msg.Errorf("an upgrade from %s to %s is unfinished (state %s, stage %s, node %s): continue it with `omsinit upgrade apply`, or undo it with `omsinit upgrade rollback`", last.From, last.To, last.State, last.Stage, last.Node)
	}
	recorded, err := recordedVersions(ctx, db, cfg)
	if err != nil {
		return err
	}
	if len(recorded) == 0 {
		if records, err := recordsVersions(p, target); err != nil || !records {
			return err
		}
		return refuseUnrecorded(ctx, db, cfg)
	}
	newest := slices.MaxFunc(recorded, func(a, b metadb.Version) int { return a.Compare(b) })
	switch newest.Compare(target) {
	case -1:
		return msg.Errorf("the MetaDB %s belongs to OMS %s, and this image is %s: an installation must be upgraded, not initialised again; start the container with -e IS_UPGRADE=true, or run `omsinit upgrade apply`, or start the old image", cfg.RMDatabase, newest.String(), release)
	case 1:
		return msg.Errorf("the MetaDB %s belongs to OMS %s, which is newer than this image (%s): start the image of that release", cfg.RMDatabase, newest.String(), release)
	}
	return nil
}

// recordsVersions reports whether the release has the table oms_version: a
// schema file of it, or of an earlier one, speaks of it.
func recordsVersions(p *pack.Pack, target metadb.Version) (bool, error) {
	files, err := fs.Glob(p.FS(), "schema/rm/*.sql")
	if err != nil {
		return false, err
	}
	for _, name := range files {
		version, err := metadb.ParseVersion(strings.TrimSuffix(path.Base(name), ".sql"))
		if err != nil || version.Compare(target) > 0 {
			continue // step 2 says what is wrong with the name
		}
		data, err := fs.ReadFile(p.FS(), name)
		if err != nil {
			return false, msg.Errorf("cannot read %s of the pack: %w", name, err)
		}
		if bytes.Contains(data, []byte("oms_version")) {
			return true, nil
		}
	}
	return false, nil
}

// refuseUnrecorded tells apart an installation that is older than the record of
// releases from a MetaDB that is new, or half-way through its first
// initialisation: only a finished one has regions. The words are the
// documented ones (oms-facts §7).
func refuseUnrecorded(ctx context.Context, db *sql.DB, cfg *config.Config) error {
	var regions int
	row := db.QueryRowContext(ctx, "SELECT count(*) FROM "+database.Quote(cfg.RMDatabase)+".cluster_info")
	if err := row.Scan(&regions); err != nil {
		return newMetaDB(cfg, err)
	}
	if regions > 0 {
		return msg.Errorf("Version before 4.1.1 is not allowed to upgrade. The database %s holds an OMS installation whose release is not recorded in the table oms_version; if it is 4.1.1 or later, upgrade it with `omsinit upgrade apply --from-version VERSION`", cfg.RMDatabase)
	}
	return nil
}

func recordedVersions(ctx context.Context, db *sql.DB, cfg *config.Config) ([]metadb.Version, error) {
	texts, err := database.Column(ctx, db, "SELECT version FROM "+database.Quote(cfg.RMDatabase)+".oms_version")
	if err != nil {
		return nil, newMetaDB(cfg, err)
	}
	var versions []metadb.Version
	for _, text := range texts {
		v, err := metadb.ParseVersion(text)
		if err != nil {
			return nil, msg.Errorf("the table oms_version of %s records %q, which is not a version", cfg.RMDatabase, text)
		}
		versions = append(versions, v)
	}
	return versions, nil
}

// hasSchema reports whether the pack has a schema file of exactly this release.
func hasSchema(p *pack.Pack, release metadb.Version) bool {
	files, _ := fs.Glob(p.FS(), "schema/*/*.sql")
	return slices.ContainsFunc(files, func(name string) bool {
		v, err := metadb.ParseVersion(strings.TrimSuffix(path.Base(name), ".sql"))
		return err == nil && v.Compare(release) == 0
	})
}

// hasSchemaUpTo reports whether the pack knows how each of the three databases
// looked at a release.
func hasSchemaUpTo(p *pack.Pack, release metadb.Version) bool {
	for _, role := range config.Roles {
		files, _ := fs.Glob(p.FS(), "schema/"+string(role)+"/*.sql")
		if !slices.ContainsFunc(files, func(name string) bool {
			v, err := metadb.ParseVersion(strings.TrimSuffix(path.Base(name), ".sql"))
			return err == nil && v.Compare(release) <= 0
		}) {
			return false
		}
	}
	return true
}

// newMetaDB turns "no such database" and "no such table" into no error.
func newMetaDB(cfg *config.Config, err error) error {
	if database.IsMissing(err) {
		return nil
	}
	return database.Explain(cfg, err)
}
