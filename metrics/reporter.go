package metrics

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"omsinit/internal/config"
	"omsinit/internal/msg"
)

// DefaultInterval is the time between two batches.
const DefaultInterval = 10 * time.Second

// Options are what a Reporter needs to know.
type Options struct {
	ConfigFile string
	// AppliedFile reports whether, and where, to report (Applied). It is followed
	// while the reporter runs.
	AppliedFile string
	// Node is this node's address, as config.yaml and the environment have it.
	Node    func(*config.Config) string
	Mounts  []Mount
	Version string
	// Listen is the address and port that serve the text form of Prometheus; empty for none.
	Listen string
	// Interval between two batches; 0 is DefaultInterval.
	Interval time.Duration

	root string // where /proc and /sys are; "" is "/"
}

// Reporter reports how this node is doing. It lives in PID 1, in goroutines of
// its own: it never makes anybody wait, its memory is bounded, and its faults
// stay its own.
type Reporter struct {
	o          Options
	collect    *collector // nil until Run
	log        *slog.Logger
	poke       chan struct{} // holds a token: look at the files now
	wake       chan struct{} // holds a token: there is something to send
	collecting chan struct{} // holds a token while nobody collects

	mu        sync.Mutex
	id        identity
	condition condition
	session   *session // nil while nothing is sent
	queue     queue
	steps     steps
	figures   figures
	last      collection
	stamp     [2]fileStamp // of ConfigFile and AppliedFile, as looked at last
	port      portState
}

// condition is whether it reports, and why not.
type condition struct {
	state  string // starting, on, off, left_out, waiting
	reason msg.Message
}

// The further states of a reporter, beside those of Applied.
const (
	starting = "starting" // step 3 has not decided yet
	waiting  = "waiting"  // config.yaml has other values than the node runs with
)

// session is a TSDB that is reported to.
type session struct {
	applied Applied
	server  *server
	to      place
	cancel  context.CancelFunc
	ctx     context.Context
}

// figures are the reporter's own.
type figures struct {
	batchesSent, pointsSent       int64
	batchesDropped, pointsDropped int64
	batchesRefused, pointsRefused int64
	failures, panics, collections int64
	leftOut                       int
	lastSent                      time.Time
	lastBatch                     time.Time // the moment that was sent last
	lastError                     msg.Message
	lastErrorAt                   time.Time
	logged                        string    // the error that the log has
	failingSince                  time.Time // zero while it works
	nextTry                       time.Time
}

// collection is what was collected last.
type collection struct {
	at     time.Time
	took   time.Duration
	points []point
}

// New makes a reporter, which does nothing before Run.
func New(o Options) *Reporter {
	if o.Interval == 0 {
		o.Interval = DefaultInterval
	}
	if o.root == "" {
		o.root = "/"
	}
	r := &Reporter{o: o, poke: make(chan struct{}, 1), wake: make(chan struct{}, 1), collecting: make(chan struct{}, 1),
		condition: condition{state: starting}, steps: steps{}, log: slog.New(slog.DiscardHandler)}
	r.collecting <- struct{}{}
	return r
}

// Run reports until ctx ends. look must be cheap, and safe to call at any time.
func (r *Reporter) Run(ctx context.Context, look func() Observation, log *slog.Logger) {
	r.mu.Lock()
	r.log = log
	r.collect = &collector{look: look, root: r.o.root, mounts: newMounts(r.o.Mounts), version: r.o.Version}
	r.mu.Unlock()
	var workers sync.WaitGroup
	workers.Go(func() { r.keep(ctx, r.send) })
	workers.Go(func() { r.keep(ctx, r.listen) })
	changes := watch(ctx, r.o.ConfigFile, r.o.AppliedFile)
	ticker := time.NewTicker(r.o.Interval)
	defer ticker.Stop()
	for due, ticks := true, true; ; {
		if due {
			r.contain(func() { r.tick(ctx) })
		}
		// With nothing to send, nothing wakes PID 1 but a change of the files.
		if needed := changes == nil || r.sends(); needed != ticks {
			if ticks = needed; ticks {
				ticker.Reset(r.o.Interval)
			} else {
				ticker.Stop()
			}
		}
		select {
		case <-ctx.Done():
			workers.Wait()
			r.stop()
			return
		case <-ticker.C:
			due = true
		case <-changes:
			r.contain(func() { r.follow(ctx) })
			due = r.fresh()
		case <-r.poke:
			r.contain(func() { r.follow(ctx) })
			due = r.fresh() // what has just begun does not wait for its time
		}
	}
}

// sends reports whether there is somebody to report to.
func (r *Reporter) sends() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.session != nil
}

// fresh reports whether a session has begun and has no batch yet.
func (r *Reporter) fresh() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.session != nil && len(r.queue.list) == 0 && r.figures.lastBatch.IsZero()
}

// tick is one interval: follow what was decided, and make a batch.
func (r *Reporter) tick(ctx context.Context) {
	r.follow(ctx)
	if !r.sends() {
		return
	}
	c, err := r.observe(ctx, 0)
	if err != nil {
		r.note(err)
		return
	}
	if err := r.enqueue(c); err != nil {
		r.note(err)
	}
}

// collectPatience is how long one waits for another collection to end.
const collectPatience = 5 * time.Second

// observe collects, unless what was collected last is young enough.
func (r *Reporter) observe(ctx context.Context, young time.Duration) (collection, error) {
	ctx, cancel := context.WithTimeout(ctx, collectPatience)
	defer cancel()
	select {
	case <-r.collecting:
		defer func() { r.collecting <- struct{}{} }()
	case <-ctx.Done():
		return collection{}, msg.Errorf("the figures of this node are not to be had in time: a file system may hang")
	}
	now := time.Now()
	r.mu.Lock()
	c, last := r.collect, r.last
	r.mu.Unlock()
	if c == nil {
		return collection{}, msg.Errorf("PID 1 is starting; ask again")
	}
	if !last.at.IsZero() && now.Sub(last.at) < young && !now.Before(last.at) {
		return last, nil
	}
	points, leftOut := c.collect(now)
	memory, ok := ownMemory(r.o.root)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.figures.collections++
	r.figures.leftOut = leftOut
	points = append(append(points, r.steps.points()...), r.own(now, memory, ok))
	r.last = collection{at: now, took: time.Since(now), points: points}
	return r.last, nil
}

// own are the figures of the reporter itself. Callers hold the lock.
func (r *Reporter) own(now time.Time, memory int64, ok bool) point {
	f := r.figures
	values := map[string]any{
		"batches_sent_total": f.batchesSent, "points_sent_total": f.pointsSent,
		"batches_dropped_total": f.batchesDropped, "points_dropped_total": f.pointsDropped,
		"batches_refused_total": f.batchesRefused, "points_refused_total": f.pointsRefused,
		"send_failures_total": f.failures,
		"queue_batches":       int64(len(r.queue.list)), "queue_bytes": int64(r.queue.bytes),
		"late_seconds":      r.late(now),
		"collections_total": f.collections, "collect_seconds": r.last.took.Seconds(), "panics_total": f.panics,
		"programs_left_out": int64(f.leftOut),
	}
	if ok {
		values["memory_bytes"] = memory
	}
	return point{"omsinit_reporter", nil, values}
}

// late is the age of the oldest batch that waits, in seconds.
func (r *Reporter) late(now time.Time) float64 {
	if b := r.queue.first(); b != nil {
		return seconds(now, b.at)
	}
	return 0
}

// enqueue makes a batch of what was collected.
func (r *Reporter) enqueue(c collection) error {
	r.mu.Lock()
	id := r.id
	r.mu.Unlock()
	text, err := lines(c.points, id, c.at)
	if err != nil {
		return err
	}
	data, err := zipped(text)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.session == nil {
		return nil
	}
	for _, b := range r.queue.add(&batch{at: c.at, points: len(c.points), data: data}) {
		r.figures.batchesDropped++
		r.figures.pointsDropped += int64(b.points)
	}
	signal(r.wake)
	return nil
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// contain runs a piece of work and keeps its panic. ok is false then.
func (r *Reporter) contain(work func()) (ok bool) {
	defer func() {
		if p := recover(); p != nil {
			r.mu.Lock()
			r.figures.panics++
			r.mu.Unlock()
			r.note(fmt.Errorf("panic: %v", p))
		}
	}()
	work()
	return true
}

// keep runs a worker, and again after a fault of its own. A panic of a goroutine
// that nobody contains would end PID 1.
func (r *Reporter) keep(ctx context.Context, worker func(context.Context)) {
	for !r.contain(func() { worker(ctx) }) {
		select {
		case <-ctx.Done():
			return
		case <-time.After(r.o.Interval):
		}
	}
}

// note keeps an error for people, and logs it when it is a new one.
func (r *Reporter) note(err error) {
	r.mu.Lock()
	f := &r.figures
	f.lastError, f.lastErrorAt = msg.M("%v", err), time.Now()
	log := r.log
	if f.logged == err.Error() {
		log = nil
	}
	f.logged = err.Error()
	r.mu.Unlock()
	if log != nil {
		log.Warn("metrics are not reported", "error", err)
	}
}

// fileStamp identifies one state of a file.
type fileStamp struct {
	mod  time.Time
	size int64
}

func stampOf(path string) fileStamp {
	info, err := os.Stat(path)
	if err != nil {
		return fileStamp{}
	}
	return fileStamp{info.ModTime(), info.Size()}
}

// follow brings the reporter to what step 3 decided. Credentials are read from
// config.yaml when a session begins, and only if they are those that step 3
// has tried.
func (r *Reporter) follow(ctx context.Context) {
	stamp := [2]fileStamp{stampOf(r.o.ConfigFile), stampOf(r.o.AppliedFile)}
	r.mu.Lock()
	same := stamp == r.stamp
	r.mu.Unlock()
	if same {
		return
	}
	applied, decided := LoadApplied(r.o.AppliedFile)
	cfg, _, err := config.Load(r.o.ConfigFile)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stamp = stamp
	if err == nil && (r.session == nil || applied.Fits(cfg)) { // else the tags, too, stay as the node runs with
		r.id = identity{region: Region(cfg), node: r.o.Node(cfg)}
	}
	switch {
	case !decided:
		r.end(condition{state: starting})
	case applied.State == LeftOut:
		r.end(condition{LeftOut, msg.M("%v", applied.Reason)})
	case applied.State != On:
		r.end(condition{state: Off})
	case r.session != nil && (err != nil || !applied.Fits(cfg)):
		// It goes on as the components do, until config.yaml is applied.
		r.condition = condition{On, differs()}
	case err != nil:
		r.condition = condition{waiting, msg.M("%v", err)}
	case !applied.Fits(cfg):
		r.condition = condition{waiting, differs()}
	default:
		r.begin(ctx, applied, cfg)
	}
}

// begin reports to a TSDB, unless that is what it does already. What waits goes
// to the new one. Callers hold the lock.
func (r *Reporter) begin(ctx context.Context, applied Applied, cfg *config.Config) {
	r.condition = condition{state: On}
	if r.session != nil && r.session.applied.digest(cfg) == r.session.applied.Digest &&
		r.session.applied.Into == applied.Into {
		return
	}
	s, err := dial(cfg)
	if err != nil {
		r.condition = condition{waiting, msg.M("%v", err)}
		return
	}
	if r.session != nil {
		r.session.stop()
	}
	r.session = &session{applied: applied, server: s, to: place{applied.Into.Database, applied.Into.RetentionPolicy}}
	r.session.ctx, r.session.cancel = context.WithCancel(ctx)
	r.figures.nextTry, r.figures.failingSince = time.Time{}, time.Time{}
	r.log.Info("metrics are reported", "tsdb_url", cfg.TSDBURL, "database", applied.Into.Database)
	signal(r.wake)
}

// end stops reporting: no connection is left, and nothing waits. Callers hold
// the lock.
func (r *Reporter) end(c condition) {
	r.condition = c
	if r.session == nil {
		return
	}
	r.session.stop()
	r.session = nil
	r.queue.clear()
	r.figures.nextTry, r.figures.failingSince, r.figures.lastBatch = time.Time{}, time.Time{}, time.Time{}
	r.log.Info("metrics are not reported any more", "state", c.state)
}

func (s *session) stop() {
	s.cancel()
	s.server.close()
}

func (r *Reporter) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.session != nil {
		r.session.stop()
	}
}
