package main

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"time"
)

// takeHeartbeat is the stand-ins' own call: an agent says that it is alive.
// How the real ones speak is not documented, only the row that comes of it.
func (c *cm) takeHeartbeat(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
	if err := r.ParseForm(); err != nil {
		refuse(w, codeBadCall, "cannot read the form: "+err.Error())
		return
	}
	ip := r.Form.Get("hostIp")
	if _, err := netip.ParseAddr(ip); err != nil {
		refuse(w, codeBadCall, fmt.Sprintf("hostIp %q is not an IP address", ip))
		return
	}
	if err := c.beat(r.Context(), ip); err != nil {
		c.log.Error("cannot write the heartbeat", "host", ip, "error", err)
		refuse(w, codeDatabase, "cannot write to the heartbeat database: "+err.Error())
		return
	}
	answer(w, struct {
		IsSuccess bool `json:"isSuccess"`
	}{true})
}

// beat brings the host's row up to now, by the MetaDB's clock
// (oms-facts §6: healthy means gmt_modified is about now).
func (c *cm) beat(ctx context.Context, ip string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	res, err := c.heartbeat.ExecContext(ctx,
		"UPDATE heart_beat SET gmt_modified = NOW() WHERE task_name = 'supervisor' AND host_ip = ?", ip)
	if err != nil {
		return err
	}
	// The connection counts matched rows, so a beat within the same second is
	// an update too.
	if n, err := res.RowsAffected(); err != nil || n > 0 {
		return err
	}
	// Where the table has a unique key, another node's CM may have been first.
	_, err = c.heartbeat.ExecContext(ctx, `INSERT INTO heart_beat (task_type, task_name, host_ip, gmt_created, gmt_modified)
		VALUES ('supervisor', 'supervisor', ?, NOW(), NOW()) ON DUPLICATE KEY UPDATE gmt_modified = NOW()`, ip)
	return err
}

// count adds a row to heatbeat_sequence at every interval. A MetaDB that is
// away for a while is told of once and outlived.
func (c *cm) count(ctx context.Context, interval time.Duration) error {
	for last := ""; ; {
		insert, cancel := context.WithTimeout(ctx, 10*time.Second)
		_, err := c.heartbeat.ExecContext(insert,
			"INSERT INTO heatbeat_sequence (gmt_created, gmt_modified) VALUES (NOW(), NOW())")
		cancel()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		now := ""
		if err != nil {
			now = err.Error()
		}
		switch {
		case now == last:
		case err != nil:
			c.log.Error("cannot write the heartbeat sequence", "error", err)
		default:
			c.log.Info("heartbeat sequence written again")
		}
		last = now
		if err := wait(ctx, interval); err != nil {
			return err
		}
	}
}
