// Package resource is step 5: it registers this region and its nodes. It waits
// for the CM, sends it the pack's requests, and writes the rows by which the
// console, the CM and obd know regions and nodes (oms-facts §4, §5, §6, §8).
//
// Rows are written when they are missing or differ, so a cm_url that moved to
// a VIP is corrected by running the step again; that of a node that was taken out
// of cm_nodes is deleted by Remove alone. Regions that contradict each other are
// found before anything is sent or written, also when they start together.
package resource

import (
	"cmp"
	"context"
	"database/sql"
	"net/http"
	"time"

	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/layout"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
	"omsinit/internal/registry"
)

// Step is step 5 with everything it touches.
type Step struct {
	Config *config.Config
	Pack   *pack.Pack
	// HostIP is this node's own address (OMS_HOST_IP).
	HostIP string
	// Layout is where this node keeps its files.
	Layout layout.Layout
	// HTTP talks to the CM; nil means a client without proxies.
	HTTP *http.Client
	// WaitCM is how long to wait for the CM, and how long each request to it is
	// tried again; 0 means 5 minutes.
	WaitCM time.Duration
	// LockTimeout is how long to wait for other nodes; 0 means 10 minutes.
	LockTimeout time.Duration
	// Log takes progress; it may be nil.
	Log func(msg.Message)

	cookies http.CookieJar // of the CM, while the requests are sent
}

// Result is what Apply changed.
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
	Deleted  bool
}

// Changed reports whether anything was registered or corrected. A request that
// the pack gives no "done" code for cannot tell, and does not count.
func (r Result) Changed() bool { return len(r.Calls) > 0 || len(r.Rows) > 0 }

// Apply registers the region and its nodes. A second run changes nothing.
// Errors of a CM or MetaDB that does not answer are transient; refusals
// and contradictions between regions are not.
//
// What was done before an error is in the Result.
func (s *Step) Apply(ctx context.Context) (Result, error) {
	result, err := s.apply(ctx)
	if err == nil {
		s.remembered(true)
	}
	return result, err
}

func (s *Step) apply(ctx context.Context) (Result, error) {
	if s.Pack.Register == pack.ByCalls {
		return s.byCalls(ctx)
	}
	var result Result
	w := want(s.Config, s.HostIP)
	db, found, err := s.open(ctx)
	if err != nil {
		return result, err
	}
	defer db.Close()
	if result.CM, err = s.waitForCM(ctx); err != nil {
		return result, err
	}
	if s.Pack.Script != nil {
		if err := s.script(ctx); err != nil {
			return result, err
		}
		if found, err = read(ctx, db, s.Config); err != nil {
			return result, err
		}
	}
	if len(found.changes(w)) == 0 {
		// The region is this one's already: nothing to be first with.
		err = s.calls(ctx, &result, s.waitCM())
	} else {
		found, err = s.register(ctx, db, w, &result)
	}
	if err == nil {
		s.warn(found, w)
		err = s.awaitRows(ctx, db, &result, min(s.waitCM(), listTime))
	}
	return result, err
}

// open connects to the MetaDB and reads it.
func (s *Step) open(ctx context.Context) (*sql.DB, state, error) {
	db, err := database.Open(s.Config, "", database.As(s.HostIP))
	if err != nil {
		return nil, state{}, err
	}
	found, err := read(ctx, db, s.Config)
	if err != nil {
		db.Close()
	}
	return db, found, err
}

// register takes the MetaDB's lock, so that regions that start together come
// one after the other, looks again, and only then tells the CM and writes what
// is missing or differs: whoever loses a race has sent and written nothing.
func (s *Step) register(ctx context.Context, db *sql.DB, w wanted, result *Result) (state, error) {
	lock, err := s.lock(ctx, db)
	if err != nil {
		return state{}, err
	}
	defer lock.Release()
	found, err := read(ctx, lock.Conn(), s.Config)
	if err != nil {
		return found, err
	}
	if err := s.calls(ctx, result, min(s.waitCM(), lockedWait)); err != nil {
		return found, err
	}
	if !found.HasLocations() {
		s.log(msg.M("the table %s.location_cm has other columns than are known, so its rows are left to the CM",
			s.Config.CMDatabase))
	}
	result.Rows, err = s.commit(ctx, lock.Conn(), lock.Condition(), found.changes(w), found.Columns)
	return found, err
}

func (s *Step) lock(ctx context.Context, db *sql.DB) (*database.Lock, error) {
	return database.Acquire(ctx, s.Config, db, database.LockOptions{
		Timeout: s.LockTimeout, Lease: true, LeaseTime: 2 * lockedWait, Node: s.HostIP,
		Waiting: func(h database.Holder) {
			s.log(msg.M("waiting for another node that works on the MetaDB: %v", h.Message()))
		},
	})
}

// lockedWait is how long the requests may take while others wait for the lock.
// The CM has just answered, so they take milliseconds.
const lockedWait = 20 * time.Second

// warn logs what is odd but does not stop this node.
func (s *Step) warn(found state, w wanted) {
	if w.self == "" {
		s.log(msg.M(
			"this node's address %s is not in cm_nodes of config.yaml, so it is not registered and gets no work",
			s.HostIP))
	}
	if !registry.HasDefault(s.Config, found.Regions) {
		s.log(msg.M("no region is the default one yet: cm_is_default must be true in exactly one region's config.yaml"))
	}
	for _, host := range found.unlisted(w) {
		if beat, ok := registry.FindBeat(found.beats, host.IP); ok && beat.Alive() {
			s.log(msg.M("the node %s is not in cm_nodes, but sends heartbeats (the last one %s ago): if it was taken out, stop its container, and a minute later run omsinit cluster remove %s; if not, correct cm_nodes here",
				host.IP, beat.Age, host.IP))
			continue
		}
		s.log(msg.M("the node %s is not in cm_nodes, and still registered: omsinit cluster remove %s deletes its row",
			host.IP, host.IP))
	}
}

func (s *Step) waitCM() time.Duration { return cmp.Or(s.WaitCM, 5*time.Minute) }

func (s *Step) log(m msg.Message) {
	if s.Log != nil {
		s.Log(m)
	}
}
