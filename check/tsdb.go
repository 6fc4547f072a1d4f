package check

import (
	"context"

	"omsinit/internal/msg"
)

// tsdbConnect tries the time-series database before it is switched on anywhere: one that does not answer sends the
// agent into a restart loop (docs/oms-facts.md §9).
func tsdbConnect(ctx context.Context, n *node, f *found) {
	f.tsdb(n, "tsdb.connect", n.TSDB(ctx, n.cfg))
}

func tsdbWrite(ctx context.Context, n *node, f *found) {
	f.tsdb(n, "tsdb.write", n.TSDBWrite(ctx, n.cfg))
}

func (f *found) tsdb(n *node, id string, err error) {
	if err == nil {
		return
	}
	f.failure(id, err,
		msg.M("mend the tsdb_* keys of config.yaml or the database, or set tsdb_enabled to false; --tsdb-optional goes on without it"),
		fact("tsdb_url", n.cfg.TSDBURL), fact("tsdb_username", n.cfg.TSDBUsername))
}
