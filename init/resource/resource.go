// Package resource is step 5: it registers this region and its nodes. It waits
// for the CM, sends it the pack's requests, and writes the rows by which the
// console, the CM and obd know regions and nodes (oms-facts §4, §5, §6, §8).
//
// Rows are written when they are missing or differ, so a cm_url that moved to
// a VIP is corrected by running the step again. Regions that contradict each
// other are found before anything is sent or written.
package resource

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"net/http"
	"time"

	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

// Step is step 5 with everything it touches.
type Step struct {
	Config *config.Config
	Pack   *pack.Pack
	// HostIP is this node's own address (OMS_HOST_IP).
	HostIP string
	// HTTP talks to the CM; nil means a client without proxies.
	HTTP *http.Client
	// WaitCM is how long to wait for the CM, and how long each request to it is
	// tried again; 0 means 5 minutes.
	WaitCM time.Duration
	// Log takes progress; it may be nil.
	Log func(msg.Message)
}

// Result says what Apply changed.
type Result struct {
	CM    string   // address of the CM that answered
	Calls []string // names of the pack's requests that did something new
	Rows  []Row    // written
}

// Row is a row that was written.
type Row struct {
	Table    string // database.table
	Key      string // column=value
	Inserted bool   // false: updated
}

// Changed reports whether anything was registered or corrected. A request that
// the pack gives no "done" code for cannot tell, and does not count.
func (r Result) Changed() bool { return len(r.Calls) > 0 || len(r.Rows) > 0 }

// Apply registers the region and its nodes. A second run changes nothing.
// Errors of a CM or MetaDB that does not answer are marked passing; refusals
// and contradictions between regions are not.
//
// What was done before an error is in the Result.
func (s *Step) Apply(ctx context.Context) (Result, error) {
	if s.Pack.Register == pack.ByCalls {
		return s.calls(ctx)
	}
	var result Result
	want := wanted(s.Config, s.HostIP)
	db, err := database.Open(s.Config, "", database.As(s.HostIP))
	if err != nil {
		return result, err
	}
	defer db.Close()

	found, err := read(ctx, db, s.Config)
	if err != nil {
		return result, err
	}
	if err := found.conflict(want); err != nil {
		return result, err
	}

	if result.CM, err = s.waitForCM(ctx); err != nil {
		return result, err
	}
	if err := s.sendCalls(ctx, &result); err != nil {
		return result, err
	}

	if len(found.changes(want)) > 0 {
		if result.Rows, err = s.write(ctx, db, want); err != nil {
			return result, err
		}
	}
	s.warn(found, want)
	return result, nil
}

// write takes the MetaDB's lock, so that regions that start together come one
// after the other, looks again, and writes what is missing or differs.
func (s *Step) write(ctx context.Context, db *sql.DB, want region) ([]Row, error) {
	conn, unlock, err := s.lock(ctx, db)
	if err != nil {
		return nil, err
	}
	defer unlock()
	found, err := read(ctx, conn, s.Config)
	if err != nil {
		return nil, err
	}
	if err := found.conflict(want); err != nil {
		return nil, err
	}
	return s.commit(ctx, conn, found.changes(want))
}

func (s *Step) lock(ctx context.Context, db *sql.DB) (*sql.Conn, func(), error) {
	l, err := database.Acquire(ctx, s.Config, db, database.LockOptions{
		Waiting: func(h database.Holder) {
			s.log(msg.M("waiting for another node that works on the MetaDB: %v", h.Message()))
		},
	})
	switch {
	case err == nil:
		return l.Conn(), l.Release, nil
	case !errors.Is(err, database.ErrNoLocks):
		return nil, nil, err
	}
	// Step 2 has said that nodes must be initialised one after the other here.
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, nil, database.Explain(s.Config, err)
	}
	return conn, func() { conn.Close() }, nil
}

// warn says what is odd but does not stop this node.
func (s *Step) warn(found state, want region) {
	if !want.hasSelf() {
		s.log(msg.M("this node's address %s is not in cm_nodes of config.yaml, so it is not registered and gets no work", s.HostIP))
	}
	if !want.isDefault && !found.hasDefault(want) {
		s.log(msg.M("no region is the default one yet: cm_is_default must be true in exactly one region's config.yaml"))
	}
}

func (s *Step) waitCM() time.Duration { return cmp.Or(s.WaitCM, 5*time.Minute) }

func (s *Step) log(m msg.Message) {
	if s.Log != nil {
		s.Log(m)
	}
}
