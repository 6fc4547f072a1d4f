package doctor

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"omsinit/internal/config"
	"omsinit/internal/console"
	"omsinit/internal/database"
)

// settings are the settings of the server that matter to OMS.
var settings = []string{
	"version", "version_comment", "time_zone", "system_time_zone", "sql_mode", "character_set_server",
	"collation_server",
	"lower_case_table_names", "max_connections", "max_allowed_packet", "wait_timeout", "innodb_lock_wait_timeout",
	"explicit_defaults_for_timestamp", "tx_isolation", "transaction_isolation", "read_only", "super_read_only",
	"ob_query_timeout", "ob_trx_timeout",
}

// metadb reads settings, locked users and when OMS was upgraded. Tables that this release does not have are no error.
func (in Input) metadb(ctx context.Context) (func(*Facts), error) {
	out, err := readMetaDB(ctx, in.Config)
	return func(f *Facts) { f.MetaDB = &out }, err
}

func readMetaDB(ctx context.Context, cfg *config.Config) (out MetaDB, err error) {
	db, err := database.Open(cfg, "")
	if err != nil {
		return out, err
	}
	defer db.Close()
	out = MetaDB{Settings: map[string]string{}, LockedUsers: []string{}}
	err = database.Each(ctx, db, "SHOW VARIABLES", nil, func(rows *sql.Rows) error {
		var name, value string
		err := rows.Scan(&name, &value)
		if slices.Contains(settings, name) {
			out.Settings[name] = value
		}
		return err
	})
	if err != nil {
		return out, database.Explain(cfg, err)
	}
	users, err := console.Locked(ctx, db, cfg.RMDatabase)
	if err != nil {
		return out, database.Explain(cfg, err)
	}
	out.LockedUsers = append(out.LockedUsers, users...)
	var ages []int64
	err = database.Each(ctx, db, "SELECT TIMESTAMPDIFF(SECOND, gmt_modified, NOW()) FROM "+
		database.Quote(cfg.RMDatabase)+
		".oms_version ORDER BY gmt_modified DESC", nil, func(rows *sql.Rows) error {
		var age sql.NullInt64
		err := rows.Scan(&age)
		ages = append(ages, age.Int64)
		return err
	})
	if len(ages) > 1 {
		out.UpgradedAgo = time.Duration(max(ages[0], 1)) * time.Second
	}
	if database.IsMissing(err) {
		err = nil
	}
	return out, database.Explain(cfg, err)
}
