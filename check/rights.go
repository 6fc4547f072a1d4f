package check

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"omsinit/internal/database"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/internal/pattern"
)

// A throw-away database is named after the second at which nobody uses it any more, by the server's clock:
// omsinit_check_1767225600_4fzyo82m. Whoever comes later removes those whose time is over, so a run that was killed
// leaves nothing for long.
const (
	probePrefix = "omsinit_check_"
	// rightsDeadlines: each statement on a schema may take seconds on OceanBase, and a server that is slow with them is
	// not one that is away.
	rightsDeadlines = 6
	// probeMargin is for the removal itself.
	probeMargin = 10 * time.Second
	// dropTimeout is for removing the throw-away database when the deadline of the check is over.
	dropTimeout = 5 * time.Second
)

// metaDBRights asks for every right that will be used, tries them in a throw-away database where the account may make
// one, and takes the lock of the MetaDB, or what stands in for it.
func metaDBRights(ctx context.Context, n *node, f *found) {
	var uses []database.Use
	if n.Uses != nil {
		var err error
		if uses, err = n.Uses(n.cfg); err != nil {
			f.failure("metadb.rights", err, msg.Message{})
			return
		}
	}
	name, err := n.probeName(ctx)
	if err != nil {
		f.query(n, err)
		return
	}
	mayProbe, err := database.Lacking(ctx, n.db, name, probeRights...)
	if err != nil {
		f.query(n, err)
		return
	}
	if len(mayProbe) == 0 {
		_, err = n.db.ExecContext(ctx, "CREATE DATABASE "+database.Quote(name)+" DEFAULT CHARACTER SET utf8mb4")
		if database.IsDenied(err) { // the server looks whether a thing is there before it looks at the rights
			n.rightsByGrant(ctx, f, uses)
			n.tryLock(ctx, f, "")
			return
		}
		if err == nil {
			err = n.tryRights(ctx, f, name)
		}
		// A connection that broke may have carried the statement through.
		dropErr := n.dropProbe(ctx, name)
		if err != nil {
			f.query(n, err)
			return
		}
		if dropErr != nil {
			f.error("metadb.rights",
				msg.M("cannot remove the throw-away database %s: %v", name, database.Explain(n.cfg, dropErr)),
				msg.M("remove it by hand: DROP DATABASE %s", name), fact("database", name))
		}
	} else {
		n.tryLock(ctx, f, "")
	}
	var lacking []database.Use
	for _, use := range uses {
		use.Rights, err = database.Lacking(ctx, n.db, use.Database, use.Rights...)
		if err != nil {
			f.query(n, err)
			return
		}
		if len(use.Rights) > 0 {
			lacking = append(lacking, use)
		}
	}
	n.lacks(ctx, f, lacking, uses)
}

// probeRights are those that tryRights needs.
var probeRights = []database.Right{database.Create, database.Drop, database.Alter, database.Select, database.Insert,
	database.Update, database.Delete}

// tryRights does in a throw-away database what step 2 and the components do. The server has said that it may be done.
func (n *node) tryRights(ctx context.Context, f *found, name string) error {
	for _, statement := range []string{
		"CREATE TABLE %s.probe (id INT PRIMARY KEY)",
		"ALTER TABLE %s.probe ADD COLUMN word VARCHAR(8)",
		"INSERT INTO %s.probe (id, word) VALUES (1, 'x')",
		"UPDATE %s.probe SET word = 'y'",
		"DELETE FROM %s.probe",
		"DROP TABLE %s.probe",
	} {
		_, err := n.db.ExecContext(ctx, fmt.Sprintf(statement, database.Quote(name)))
		if database.IsDenied(err) {
			verb, _, _ := strings.Cut(statement, " %s")
			f.error("metadb.rights", msg.M("the MetaDB user %s lacks a right (%s): %v", n.cfg.MetaUser, verb, err),
				msg.M("grant it all rights on the databases %s, and the right to create them",
					msg.List(names(n.cfg))),
				fact("oms_meta_user", n.cfg.MetaUser), fact("refused", verb))
			return nil
		}
		if err != nil {
			return err
		}
	}
	n.tryLock(ctx, f, name)
	return nil
}

// tryLock takes a lock as step 2 does, and lets it go: in a throw-away database, where a lease has its table too, or,
// without one, a lock of the server's alone.
func (n *node) tryLock(ctx context.Context, f *found, name string) {
	c := *n.cfg
	c.RMDatabase, c.CMDatabase = name, rand.Text() // nobody else waits for this lock
	lock, err := database.Acquire(ctx, &c, n.db, database.LockOptions{Timeout: n.Deadline + n.login, Lease: name != ""})
	if errors.Is(err, database.ErrNoLocks) {
		return // step 2 takes a lease in a table, which is tried by the rights on the database
	}
	if err != nil {
		f.failure("metadb.lock", err, msg.M("see whether the MetaDB, or the cluster or proxy in front of it, lets this account lock: with GET_LOCK, or by an UPDATE of a row"))
		return
	}
	f.fact("lock", lock.Kind())
	lock.Release()
}

// lacks reports the rights that the account lacks, those of an initialisation as an error, those of later as a warning.
// The fix is the statements that grant all that is used in these databases.
func (n *node) lacks(ctx context.Context, f *found, lacking, uses []database.Use) {
	complete := len(lacking) == 0
	f.publish = func() { n.complete = complete }
	var more database.Demands
	if !complete && n.Demands != nil {
		var err error
		if more, err = n.Demands(ctx, n.db, n.cfg); err != nil {
			f.query(n, err)
			return
		}
		uses, lacking = append(uses, more.Uses...), append(lacking, more.Lacking...)
	}
	var reported []string
	for _, later := range []bool{false, true} {
		var texts, grants, databases []string
		for _, use := range lacking {
			for _, right := range use.Rights {
				text := string(right) + " ON " + use.On()
				if use.Later == later && !slices.Contains(reported, text) && !slices.Contains(texts, text) {
					texts, databases = append(texts, text), append(databases, use.Database)
				}
			}
		}
		reported = append(reported, texts...)
		slices.Sort(databases)
		for _, name := range slices.Compact(databases) {
			var all []database.Right
			for _, use := range uses {
				if use.Database == name {
					all = append(all, use.Rights...)
				}
			}
			slices.Sort(all)
			grant, err := database.Grant(ctx, n.db, name, slices.Compact(all)...)
			if err != nil {
				f.query(n, err)
				return
			}
			grants = append(grants, grant+";")
		}
		if len(texts) == 0 {
			continue
		}
		fix := msg.M("run as an administrator of the MetaDB: %s", strings.Join(grants, " "))
		facts := []finding.Fact{fact("oms_meta_user", n.cfg.MetaUser), fact("lacking", texts), fact("grants", grants)}
		if len(more.Unseen) > 0 {
			fix = msg.M("%v; then check again: the databases may hold what this account does not see before, and what needs more rights: %s",
				fix, msg.List(more.Unseen))
			facts, more.Unseen = append(facts, fact("unseen", more.Unseen)), nil
		}
		switch {
		case !later:
			f.error("metadb.rights", msg.M("the MetaDB user %s lacks rights that an initialisation and the components use: %s",
				n.cfg.MetaUser, msg.List(texts)), fix, facts...)
		default:
			report := f.warning
			if n.upgrading() {
				report = f.error
			}
			report("metadb.later-rights", msg.M("the MetaDB user %s lacks rights that backups, restores and upgrades use: %s",
				n.cfg.MetaUser, msg.List(texts)), fix, facts...)
		}
	}
}

// metaDBRestore tries what a backup, a restore and an upgrade do with what the databases hold. An initialisation does
// without.
func metaDBRestore(ctx context.Context, n *node, f *found) {
	against, err := n.Restorable(ctx, n.cfg)
	if err != nil {
		f.query(n, err)
		return
	}
	for _, one := range against {
		if one.Severity == finding.Error {
			one.Severity = finding.Warning
		}
		f.add(one)
	}
}

// probeName returns a new name of a throw-away database.
func (n *node) probeName(ctx context.Context) (string, error) {
	var now int64
	if err := n.db.QueryRowContext(ctx, "SELECT UNIX_TIMESTAMP()").Scan(&now); err != nil {
		return "", err
	}
	over := now + int64((rightsDeadlines*(n.Deadline+n.login) + n.login + grace + dropTimeout + probeMargin).Seconds())
	return probePrefix + strconv.FormatInt(over, 10) + "_" + strings.ToLower(rand.Text()[:8]), nil
}

// dropProbe removes the throw-away database, also when time is up.
func (n *node) dropProbe(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), dropTimeout+n.login)
	defer cancel()
	_, err := n.db.ExecContext(ctx, "DROP DATABASE IF EXISTS "+database.Quote(name))
	return err
}

// removeLeftovers removes what killed runs left. It matters to nobody when that fails: the next run tries again.
func (n *node) removeLeftovers(ctx context.Context, probes []string) {
	if len(probes) == 0 {
		return
	}
	var now int64
	if n.db.QueryRowContext(ctx, "SELECT UNIX_TIMESTAMP()").Scan(&now) != nil {
		return
	}
	for _, name := range probes {
		if over, ok := probeEnd(name); ok && over < now {
			_ = n.dropProbe(ctx, name)
		}
	}
}

var probeForm = pattern.New(`^` + probePrefix + `([0-9]{10})_[^/]{8}$`)

// probeEnd reads the time out of the name of a throw-away database. Names of another form are not ours.
func probeEnd(name string) (int64, bool) {
	m := probeForm().FindStringSubmatch(name)
	if m == nil {
		return 0, false
	}
	over, err := strconv.ParseInt(m[1], 10, 64)
	return over, err == nil
}

// rightsByGrant is for servers that look whether a thing is there before they look at the rights, as OceanBase may, and
// an account that may not create a database of any name: its grants show what it may do.
func (n *node) rightsByGrant(ctx context.Context, f *found, uses []database.Use) {
	const granted = "SELECT table_schema, privilege_type FROM information_schema.schema_privileges" +
		" UNION ALL SELECT '%', privilege_type FROM information_schema.user_privileges"
	type grant struct{ pattern, right string }
	grants, err := database.All(ctx, n.db, granted, nil, func(g *grant) []any { return []any{&g.pattern, &g.right} })
	if err != nil {
		f.query(n, err)
		return
	}
	var lacking []database.Use
	for _, use := range uses {
		use.Rights = slices.DeleteFunc(slices.Clone(use.Rights), func(right database.Right) bool {
			return slices.ContainsFunc(grants, func(g grant) bool {
				return g.right == string(right) && database.Matches(g.pattern, use.Database)
			})
		})
		if len(use.Rights) > 0 {
			lacking = append(lacking, use)
		}
	}
	n.lacks(ctx, f, lacking, uses)
}
