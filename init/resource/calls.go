package resource

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http/cookiejar"
	"reflect"
	"time"

	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
	"omsinit/internal/registry"
)

// byCalls is the whole of step 5 for a pack whose requests register regions and
// nodes by themselves, as those of a captured release do: its tables need not
// be the documented ones, so none but cluster_info is written here.
func (s *Step) byCalls(ctx context.Context) (result Result, err error) {
	if result.CM, err = s.waitForCM(ctx); err != nil {
		return result, err
	}
	if err = s.script(ctx); err == nil {
		err = s.calls(ctx, &result, s.waitCM())
	}
	if err == nil {
		err = s.confirm(ctx, &result)
	}
	return result, err
}

// How long a CM may take to write what its requests ask for: before this node lists the region itself, and in all.
const (
	listTime    = 5 * time.Second
	confirmTime = 30 * time.Second
)

// confirm returns nil when the region and this node are in the MetaDB. Without their rows nothing works, and nobody
// says why. Where the tables are not as documented (docs/oms-facts.md §6) it cannot be told, which stops nothing.
func (s *Step) confirm(ctx context.Context, result *Result) error {
	db, err := database.Open(s.Config, "", database.As(s.HostIP))
	if err != nil {
		return err
	}
	defer db.Close()
	referred := s.packRows(ctx, db, result)
	if _, missing := errors.AsType[*missingRowError](referred); referred != nil && !missing {
		return referred
	}
	missing, err := s.await(ctx, db, min(s.waitCM(), listTime))
	if err == nil && missing == s.regionRow() {
		if err = s.list(ctx, db, result); err == nil {
			missing, err = s.await(ctx, db, min(s.waitCM(), confirmTime))
		}
	}
	if referred != nil { // the rows that the others refer to may be there now
		if failed := s.awaitRows(ctx, db, result, min(s.waitCM(), confirmTime)); failed != nil {
			return failed
		}
	}
	switch {
	case database.IsMissing(err), database.Is(err, database.ErrBadField):
		s.log(msg.M(
			"whether this region and node are registered cannot be told, because the tables are not as documented: %v",
			err))
		return nil
	case err != nil:
		return msg.Errorf("cannot read the registered regions and nodes: %w", database.Explain(s.Config, err))
	case missing != "":
		return finding.Transient(msg.Errorf("the CM has answered every request of step 5, and still has no row %s; see omsinit logs oms_drc_cm, and whether the pack has all calls of this release (omsinit pack show pack.yaml)",
			missing))
	}
	return nil
}

// await waits until the region and this node are registered, and returns the first row that is not there, or "".
func (s *Step) await(ctx context.Context, db *sql.DB, limit time.Duration) (missing string, err error) {
	for deadline := time.Now().Add(limit); ; {
		missing, err = s.unregistered(ctx, db)
		if err != nil || missing == "" || time.Now().After(deadline) {
			return missing, err
		}
		select {
		case <-ctx.Done():
			return missing, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// list writes the region's row of cluster_info, which is the old init's own work and not the CM's (docs/oms-facts.md
// §6), where the table takes it.
func (s *Step) list(ctx context.Context, db *sql.DB, result *Result) error {
	columns, err := registry.ReadColumns(ctx, db, s.Config.RMDatabase, s.Config.CMDatabase)
	if err != nil || !columns.Fit("cluster_info", "region", "region_cn", "cm_url", "code", "is_default_cm") {
		return err
	}
	lock, err := s.lock(ctx, db)
	if err != nil {
		return err
	}
	defer lock.Release()
	regions, err := registry.ReadRegions(ctx, lock.Conn(), s.Config.RMDatabase)
	if err != nil {
		return err
	}
	if found := registry.RegionConflicts(s.Config, regions); len(found) > 0 {
		return found[0].Err()
	}
	row := clusterInfo(registry.Configured(s.Config))
	rows, err := s.commit(ctx, lock.Conn(), lock.Condition(), []change{row}, columns)
	result.Rows = append(result.Rows, rows...)
	return err
}

func (s *Step) regionRow() string {
	return fmt.Sprintf("%s.cluster_info code=%d", s.Config.RMDatabase, s.Config.CMLocation)
}

// unregistered returns the first row that is not there, as table and key, or "".
func (s *Step) unregistered(ctx context.Context, db *sql.DB) (string, error) {
	regions, err := registry.ReadRegions(ctx, db, s.Config.RMDatabase)
	if err != nil {
		return "", err
	}
	if _, ok := registry.Find(regions, s.Config.CMLocation); !ok {
		return s.regionRow(), nil
	}
	hosts, err := registry.ReadHosts(ctx, db, s.Config.CMDatabase)
	if err != nil {
		return "", err
	}
	if _, ok := registry.FindHost(hosts, s.HostIP); !ok && registry.Lists(s.Config.CMNodes, s.HostIP) {
		return fmt.Sprintf("%s.host ip=%s", s.Config.CMDatabase, s.HostIP), nil
	}
	return "", nil
}

// Sends reports whether the requests of the pack are others than with another configuration, so that the CM is to be
// told; with a script, whether anything is another. was is that one.
func (s *Step) Sends(was *config.Config) (bool, error) {
	before := *was
	before.CMPort = s.Config.CMPort // other nodes have it too: cm_url names the CM's
	if s.Pack.Script != nil && !reflect.DeepEqual(before.Values(), s.Config.Values()) {
		return true, nil // whatever it tells
	}
	for _, call := range s.Pack.Calls {
		then, err := s.Pack.Request(call, pack.Data{Config: &before, HostIP: s.HostIP})
		if err != nil {
			return false, err
		}
		now, err := s.Pack.Request(call, pack.Data{Config: s.Config, HostIP: s.HostIP})
		if err != nil || !reflect.DeepEqual(then, now) {
			return err == nil, err
		}
	}
	return false, nil
}

// calls sends the pack's requests, all of them within the limit.
func (s *Step) calls(ctx context.Context, result *Result, limit time.Duration) error {
	for _, what := range s.Pack.Missing {
		s.log(msg.M("warning: not done, because the pack cannot: %s; the old step 5 does it, so do it by hand", what))
	}
	s.cookies, _ = cookiejar.New(nil) // it never fails
	deadline := time.Now().Add(limit)
	for _, call := range s.Pack.Calls {
		isNew, err := s.call(ctx, result.CM, call, max(time.Until(deadline), time.Second))
		if err != nil {
			return err
		}
		if isNew {
			result.Calls = append(result.Calls, call.Name)
			s.log(msg.M("the CM accepted %s", call.Name))
		}
	}
	return nil
}
