package upgrade

import (
	"bytes"
	"context"
	"database/sql"
	"io/fs"
	"path"
	"slices"
	"strings"

	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
	"omsinit/internal/release"
)

// Gate stops an initialisation that would silently turn the MetaDB of another
// release into one of this release: a MetaDB records its releases in
// rm.oms_version (oms-facts §6). A MetaDB without that table, and an empty
// table, is a new one; so it is to a pack whose release has no such table.
func Gate(ctx context.Context, cfg *config.Config, p *pack.Pack) error {
	s, err := (&Upgrade{Config: cfg, Pack: p}).surveyVersions(ctx)
	if err != nil {
		return err
	}
	// While one is undone the three databases may be away: that is no new MetaDB.
	if last := s.newest; open(last) {
		return msg.Errorf("an upgrade from %s to %s is unfinished (state %s, stage %s, node %s): continue it with `omsinit upgrade apply`, or undo it with `omsinit upgrade rollback`", last.From, last.To, last.State, last.Stage, last.Node)
	}
	switch order := s.from.Compare(s.to); {
	case s.cut != nil:
		return finding.Transient(s.cut)
	case len(s.recorded) == 0:
		// Only a finished installation has regions. The words are the documented ones (docs/oms-facts.md §7).
		if records, err := recordsVersions(p, s.to); err != nil || !records || !s.installed {
			return err
		}
		return msg.Errorf("Version before 4.1.1 is not allowed to upgrade. The database %s holds an OMS installation whose release is not recorded in the table oms_version; if it is 4.1.1 or later, upgrade it with `omsinit upgrade apply --from-version VERSION`", cfg.RMDatabase)
	case order < 0:
		return msg.Errorf("the MetaDB %s belongs to OMS %s, and this image is %s: an installation must be upgraded, not initialised again; start the container with -e IS_UPGRADE=true, or run `omsinit upgrade apply`, or start the old image", cfg.RMDatabase, s.from.String(), p.Release)
	case order > 0:
		return msg.Errorf("the MetaDB %s belongs to OMS %s, which is newer than this image (%s): start the image of that release", cfg.RMDatabase, s.from.String(), p.Release)
	}
	return nil
}

// ForeignError is a MetaDB that belongs to another release, or is between two.
type ForeignError struct {
	msg.Message
	// Ahead says that the node is not of a later release than the MetaDB is, or is to be: another node upgrades it, or
	// has done so, while this one runs on, which --others-run is for.
	Ahead bool
}

// Error returns the English words.
func (e *ForeignError) Error() string { return e.String() }

// Foreign returns a *ForeignError when the MetaDB belongs to another release than the one that a node ran last, or is
// just being turned into another one or back: the node's programs must not run. Other errors say that this is not
// known.
func Foreign(ctx context.Context, cfg *config.Config, ran string) error {
	p := &pack.Pack{}
	p.Release = ran
	s, err := (&Upgrade{Config: cfg, Pack: p}).surveyVersions(ctx)
	if err != nil {
		return err
	}
	last := s.newest
	switch {
	case open(last) && (last.reached(firstChange) || last.State == Restoring || last.State == RollingBack):
		return &ForeignError{
			msg.M("an upgrade of the MetaDB from %s to %s is unfinished (state %s, stage %s, node %s)", last.From,
				last.To, last.State, last.Stage, last.Node),
			last.To != ran,
		}
	case s.cut != nil:
		return &ForeignError{Message: s.cut.Message}
	case len(s.recorded) > 0 && s.from.Compare(s.to) != 0:
		return &ForeignError{
			msg.M("the MetaDB %s belongs to OMS %s, and this node ran %s last", cfg.RMDatabase, s.from.String(), ran),
			s.from.Compare(s.to) > 0,
		}
	}
	return nil
}

// IsDue reports whether there is an upgrade to do, or to go on with.
func (u *Upgrade) IsDue(ctx context.Context) (bool, error) {
	s, err := u.surveyVersions(ctx)
	return err == nil && (open(s.newest) || s.due()), err
}

func (u *Upgrade) surveyVersions(ctx context.Context) (*survey, error) {
	db, err := u.open()
	if err != nil {
		return nil, err
	}
	defer db.Close()
	return u.versions(ctx, db)
}

// recordsVersions reports whether the release has the table oms_version: a
// schema file of it, or of an earlier one, speaks of it.
func recordsVersions(p *pack.Pack, target release.Version) (bool, error) {
	for name, v := range schemaVersions(p, config.RM) {
		if v.Compare(target) > 0 {
			continue
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

// schemaVersions returns the schema files of a database, each with its release.
// Step 2 says what is wrong with a name that is none.
func schemaVersions(p *pack.Pack, role config.Role) map[string]release.Version {
	files, _ := fs.Glob(p.FS(), "schema/"+string(role)+"/*.sql")
	out := map[string]release.Version{}
	for _, name := range files {
		if v, err := release.Parse(strings.TrimSuffix(path.Base(name), ".sql")); err == nil {
			out[name] = v
		}
	}
	return out
}

func recordedVersions(ctx context.Context, db *sql.DB, cfg *config.Config) ([]release.Version, error) {
	texts, err := database.Column(ctx, db, "SELECT version FROM "+database.Quote(cfg.RMDatabase)+".oms_version")
	if err != nil {
		return nil, newMetaDB(cfg, err)
	}
	var versions []release.Version
	for _, text := range texts {
		v, err := release.Parse(text)
		if err != nil {
			return nil, msg.Errorf("the table oms_version of %s records %q, which is not a version",
				cfg.RMDatabase, text)
		}
		versions = append(versions, v)
	}
	return versions, nil
}

// hasSchema reports whether the pack has a schema file of exactly this release.
func hasSchema(p *pack.Pack, target release.Version) bool {
	return slices.ContainsFunc(config.Roles, func(role config.Role) bool {
		return anyOrder(schemaVersions(p, role), target, func(order int) bool { return order == 0 })
	})
}

// hasSchemaUpTo reports whether the pack knows how each of the three databases
// looked at a release.
func hasSchemaUpTo(p *pack.Pack, target release.Version) bool {
	return !slices.ContainsFunc(config.Roles, func(role config.Role) bool {
		return !anyOrder(schemaVersions(p, role), target, func(order int) bool { return order <= 0 })
	})
}

func anyOrder(files map[string]release.Version, target release.Version, good func(order int) bool) bool {
	for _, v := range files {
		if good(v.Compare(target)) {
			return true
		}
	}
	return false
}

// newMetaDB turns "no such database" and "no such table" into no error.
func newMetaDB(cfg *config.Config, err error) error {
	if database.IsMissing(err) {
		return nil
	}
	return database.Explain(cfg, err)
}
