package check

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"omsinit/internal/database"
	"omsinit/internal/msg"
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

// metaDBRights tries what step 2, backups and rollbacks do.
func metaDBRights(ctx context.Context, n *node, f *found) {
	name, err := n.probeName(ctx)
	if err != nil {
		f.query(n, err)
		return
	}
	quoted := database.Quote(name)
	_, err = n.db.ExecContext(ctx, "CREATE DATABASE "+quoted+" DEFAULT CHARACTER SET utf8mb4")
	if err != nil && !database.IsDenied(err) {
		// A connection that broke may have carried the statement through.
		n.dropProbe(ctx, name)
		f.query(n, err)
		return
	}
	if err != nil {
		n.rightsByGrant(ctx, f, err)
		return
	}
	for _, statement := range []string{
		"CREATE TABLE %s.probe (id INT PRIMARY KEY)",
		"ALTER TABLE %s.probe ADD COLUMN word VARCHAR(8)",
		"INSERT INTO %s.probe (id, word) VALUES (1, 'x')",
		"UPDATE %s.probe SET word = 'y'",
		"DELETE FROM %s.probe",
		"DROP TABLE %s.probe",
	} {
		if _, err := n.db.ExecContext(ctx, fmt.Sprintf(statement, quoted)); err != nil {
			n.dropProbe(ctx, name)
			if !database.IsDenied(err) {
				f.query(n, err)
				return
			}
			verb, _, _ := strings.Cut(statement, " %s")
			f.lacks(n, verb, err)
			return
		}
	}
	if err := n.dropProbe(ctx, name); err != nil {
		f.error("metadb.rights",
			msg.M("cannot remove the throw-away database %s: %v", name, database.Explain(n.cfg, err)),
			msg.M("remove it by hand: DROP DATABASE %s", name), fact("database", name))
	}
}

// probeName returns a new name of a throw-away database.
func (n *node) probeName(ctx context.Context) (string, error) {
	var now int64
	if err := n.db.QueryRowContext(ctx, "SELECT UNIX_TIMESTAMP()").Scan(&now); err != nil {
		return "", err
	}
	over := now + int64((rightsDeadlines*n.Deadline + grace + dropTimeout + probeMargin).Seconds())
	return probePrefix + strconv.FormatInt(over, 10) + "_" + strings.ToLower(rand.Text()[:8]), nil
}

// dropProbe removes the throw-away database, also when time is up.
func (n *node) dropProbe(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), dropTimeout)
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

var probeForm = regexp.MustCompile(`^` + probePrefix + `([0-9]{10})_[^/]{8}$`)

// probeEnd reads the time out of the name of a throw-away database. Names of another form are not ours.
func probeEnd(name string) (int64, bool) {
	m := probeForm.FindStringSubmatch(name)
	if m == nil {
		return 0, false
	}
	over, err := strconv.ParseInt(m[1], 10, 64)
	return over, err == nil
}

func (f *found) lacks(n *node, what string, err error) {
	f.error("metadb.rights", msg.M("the MetaDB user %s lacks a right (%s): %v", n.cfg.MetaUser, what, err),
		msg.M("grant it all rights on the databases %s, and the right to create them",
			strings.Join(names(n.cfg), ", ")),
		fact("oms_meta_user", n.cfg.MetaUser), fact("refused", what))
}

// needed are the rights that step 2, the components and a rollback use.
var needed = []string{"SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "DROP", "INDEX"}

// rightsByGrant is for an account that may not create a database of any name: it may have been granted these three
// alone, and then its grants show what it may do.
func (n *node) rightsByGrant(ctx context.Context, f *found, createErr error) {
	const granted = "SELECT table_schema, privilege_type FROM information_schema.schema_privileges"
	has := map[string][]string{} // database -> rights
	err := database.Each(ctx, n.db, granted, nil, func(rows *sql.Rows) error {
		var pattern, right string
		err := rows.Scan(&pattern, &right)
		for _, name := range names(n.cfg) {
			if matches(pattern, name) {
				has[name] = append(has[name], right)
			}
		}
		return err
	})
	if err != nil {
		f.query(n, err)
		return
	}
	for _, name := range names(n.cfg) {
		for _, right := range needed {
			if !slices.Contains(has[name], right) {
				f.lacks(n, right+" ON "+name+".*", createErr)
				return
			}
		}
	}
}

// matches follows GRANT: % and _ are wildcards unless a backslash is before them.
func matches(pattern, name string) bool {
	wildcards := strings.NewReplacer(`\\%`, "%", `\\_`, "_", "%", ".*", "_", ".")
	return regexp.MustCompile("^" + wildcards.Replace(regexp.QuoteMeta(pattern)) + "$").MatchString(name)
}
