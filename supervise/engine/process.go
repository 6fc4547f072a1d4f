package engine

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"syscall"
	"time"

	"omsinit/internal/msg"
	"omsinit/supervise/api"
	"omsinit/supervise/program"
)

const (
	firstBackoff   = 500 * time.Millisecond
	longestBackoff = 30 * time.Second
	// goodRun is how long a program must have run for its next crash to count
	// as the first one again.
	goodRun = 10 * time.Second
	// groupGrace is how long after SIGKILL the rest of a process group may
	// still be there before it is given up.
	groupGrace = 2 * time.Second
)

// engine is what a process needs of the outside. Tests bring their own.
type engine interface {
	// spawn forks the program; exited is called once, in another goroutine.
	spawn(p program.Program, exited func(pid int, e api.Exit)) (pid int, err error)
	kill(pid int, sig syscall.Signal, group bool) error
	groupAlive(pgid int) bool
	killGroup(pgid int)
	after(d time.Duration, f func()) (cancel func())
	now() time.Time
	Ask(ctx context.Context, p program.Program, probe *program.Probe) (bool, msg.Message)
	// WatchLog calls found, once and in another goroutine, when the program
	// writes a line that the regular expression matches.
	WatchLog(p program.Program, expression string, found func(line string)) (cancel func())
	// fatal is told, in whatever goroutine, of each program that is given up.
	fatal(p program.Program, e *api.Exit)
	Drain(p program.Program) // writes what the program has said so far to its log files
}

// process is the state machine of one program. Each event is one method:
// lock, switch on the state, move, unlock. Timers call those methods. What a
// person asked for is kept in wanted, so that no start is lost whatever the
// state was when it came.
type process struct {
	engine engine
	log    *slog.Logger

	Name, Group, FullName string // as in def, and never changed

	// mu may be held while the supervisor's lock is taken, never the other
	// way round.
	mu     sync.Mutex
	def    program.Program
	state  api.State
	wanted bool
	// restarting reports whether it was stopped only to be started again.
	restarting bool
	// touched reports whether it was asked to start or stop at least once.
	touched bool
	// held is not nil while a wanted start waits for its dependencies.
	held     context.CancelFunc
	waitsFor []string

	pid       int
	leaving   *api.Exit // the process is gone, the rest of its group is not yet
	forced    bool      // SIGKILL was sent
	failures  int       // failed starts in a row
	crashes   int       // crashes in a row, good runs between them forget
	starts    int
	spawnErr  error
	quick     bool // spawnErr says that it exited too quickly
	lastExit  *api.Exit
	digest    string
	startedAt time.Time
	stoppedAt time.Time
	since     time.Time // of the state
	retryAt   time.Time

	ready    bool
	answer   msg.Message // of the last probe
	probeCtx context.CancelFunc
	aliveCtx context.CancelFunc
	dead     bool // it is stopped because the liveness probe failed

	cancelTimer func()
	turn        int           // counts moves; a timer of an older turn does nothing
	changed     chan struct{} // closed at each change
}

func newProcess(def program.Program, e engine, log *slog.Logger) *process {
	return &process{Name: def.Name, Group: def.Group, FullName: def.FullName(), def: def, engine: e,
		log:   log.With("program", def.FullName()),
		since: e.now(), changed: make(chan struct{})}
}

// start is the event that the program is to run now.
func (p *process) start() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.begin()
}

// begin is start with the lock held.
func (p *process) begin() {
	p.Release()
	p.wanted, p.restarting, p.touched, p.dead = true, false, true, false
	switch p.state {
	case api.Stopped, api.Exited, api.Fatal, api.Unknown, api.Backoff:
		p.failures, p.crashes = 0, 0
		p.fork()
	default:
		p.notify() // in STOPPING it starts when the old process is gone
	}
}

// Stop is the event that the program is not to run.
func (p *process) Stop() { p.end(false) }

// stopToRestart is the event that the program is to end before it is started
// again.
func (p *process) stopToRestart() { p.end(true) }

func (p *process) end(restarting bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.Release()
	p.wanted, p.restarting, p.touched, p.dead = false, restarting, true, false
	switch p.state {
	case api.Starting, api.Running:
		p.move(api.Stopping)
		p.forced = false
		p.Terminate()
	case api.Backoff:
		p.stoppedAt = p.engine.now()
		p.move(api.Stopped)
	default:
		p.notify()
	}
}

// Terminate sends the stop signal and arms the timer of the last one.
func (p *process) Terminate() {
	p.timer(time.Duration(p.def.StopWaitSecs)*time.Second, p.killTimeElapsed)
	if p.leaving != nil {
		return // only the rest of the group is left, and it was signalled
	}
	if err := p.engine.kill(p.pid, p.def.StopSignal, p.def.StopAsGroup); err != nil {
		p.log.Info("cannot send the stop signal, the process has probably just ended", "pid", p.pid, "error", err)
	}
}

// kill is the event that stopping must not take any longer.
func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state == api.Stopping && !p.forced {
		p.force()
	}
}

// killTimeElapsed: stopwaitsecs have passed since the stop signal.
func (p *process) killTimeElapsed() {
	switch {
	case p.state != api.Stopping:
	case !p.forced:
		p.force()
	default:
		p.groupTimeElapsed()
	}
}

func (p *process) force() {
	p.forced = true
	p.log.Warn("killing the program, it did not stop in time", "pid", p.pid, "stopwaitsecs", p.def.StopWaitSecs)
	if p.leaving != nil {
		p.engine.killGroup(p.pid)
	} else if err := p.engine.kill(p.pid, syscall.SIGKILL, p.def.KillAsGroup); err != nil {
		p.log.Info("cannot kill the program, it has probably just ended", "pid", p.pid, "error", err)
	}
	p.timer(groupGrace, p.killTimeElapsed)
}

// Signal sends any signal without a change of state.
func (p *process) Signal(sig syscall.Signal) (running bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch p.state {
	case api.Starting, api.Running, api.Stopping:
		return true, p.engine.kill(p.pid, sig, false)
	}
	return false, nil
}

// fork starts the process. Callers hold the lock.
func (p *process) fork() {
	p.spawnErr, p.quick, p.leaving, p.retryAt = nil, false, nil, time.Time{}
	p.startedAt = p.engine.now()
	p.digest = digestFiles(p.def.Files)
	p.move(api.Starting)
	p.answer = msg.Message{}
	if p.def.Probe != nil {
		p.watch() // before the process can write a line
	}
	pid, err := p.engine.spawn(p.def, p.exited)
	if err != nil {
		p.spawnErr = err
		p.log.Error("cannot start the program", "error", err)
		p.failed()
		return
	}
	p.pid = pid
	p.starts++
	p.log.Info("program started", "pid", pid)
	if p.def.StartSecs == 0 {
		p.startsecsElapsed()
	} else {
		p.timer(time.Duration(p.def.StartSecs)*time.Second, p.startsecsElapsed)
	}
}

// startsecsElapsed: the process has stayed up for startsecs.
func (p *process) startsecsElapsed() {
	if p.state != api.Starting || p.leaving != nil {
		return
	}
	p.failures = 0
	p.move(api.Running)
	if p.def.Probe == nil {
		p.becomeReady()
	}
}

// exited: the process has ended. Called by the reaper.
func (p *process) exited(pid int, e api.Exit) {
	p.mu.Lock()
	def := p.def
	p.mu.Unlock()
	p.engine.Drain(def) // before anybody reads the last lines of the log
	p.mu.Lock()
	defer p.mu.Unlock()
	if pid != p.pid || p.leaving != nil {
		return
	}
	p.stoppedAt = p.engine.now()
	p.lastExit = &e
	p.unready()
	stopping := p.state == api.Stopping
	if (p.def.KillAsGroup || stopping && p.def.StopAsGroup) && p.engine.groupAlive(pid) {
		// A start script that does not exec leaves its program behind. The
		// next one would find the port taken, so wait for the group to end.
		p.leaving = &e
		if !stopping {
			p.engine.killGroup(pid)
			p.timer(groupGrace, p.groupTimeElapsed)
		}
		p.notify()
		return
	}
	p.gone(e)
}

// groupTimeElapsed: what a crashed program left behind was killed and is
// still there.
func (p *process) groupTimeElapsed() {
	if p.leaving != nil {
		p.log.Warn("the process group does not end; it is given up", "pgid", p.pid)
		p.gone(*p.leaving)
	}
}

// groupChanged: an orphan was reaped, which may have been the last of our
// group.
func (p *process) groupChanged() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.leaving != nil && !p.engine.groupAlive(p.pid) {
		p.gone(*p.leaving)
	}
}

// gone moves on after the process, and its group where that matters, has
// ended. Callers hold the lock.
func (p *process) gone(e api.Exit) {
	ran := p.stoppedAt.Sub(p.startedAt)
	p.pid, p.leaving = 0, nil
	p.log.Info("program ended", "state", p.state.String(), "exit", e.Message().String(), "ran", ran.String())
	switch p.state {
	case api.Starting:
		p.quick = true
		p.spawnErr = msg.Errorf("exited too quickly (%v after %d ms)", e.Message(), ran.Milliseconds())
		p.failed()
	case api.Running:
		p.move(api.Exited)
		if ran >= goodRun {
			p.crashes = 0
		}
		if !p.restarts(e) {
			return
		}
		p.crashes++
		p.retry(p.crashes)
	case api.Stopping:
		if p.dead {
			p.dead = false
			p.move(api.Exited)
			if ran >= goodRun {
				p.crashes = 0
			}
			p.crashes++
			p.retry(p.crashes)
			return
		}
		p.move(api.Stopped)
		if p.wanted {
			p.failures, p.crashes = 0, 0
			p.fork()
		}
	}
}

// restarts returns what autorestart asks for after an exit while RUNNING.
func (p *process) restarts(e api.Exit) bool {
	switch p.def.Autorestart {
	case program.RestartAlways:
		return p.wanted
	case program.RestartNever:
		return false
	}
	for _, code := range p.def.ExitCodes {
		if code == e.Code {
			return false
		}
	}
	p.spawnErr = msg.Errorf("ended unexpectedly (%v)", e.Message())
	return p.wanted
}

// failed counts a start that did not succeed, and retries or gives up.
// Callers hold the lock.
func (p *process) failed() {
	p.unready()
	p.failures++
	if p.stoppedAt.Before(p.startedAt) {
		p.stoppedAt = p.engine.now() // it never ran
	}
	if p.failures > p.def.StartRetries {
		p.move(api.Fatal)
		p.log.Error("giving up, too many failed starts", "startretries", p.def.StartRetries, "reason", p.spawnErr)
		last := p.lastExit
		if !p.quick {
			last = nil // it did not even run
		}
		p.engine.fatal(p.def, last)
		return
	}
	p.retry(p.failures)
}

// retry waits in BACKOFF for try number n.
func (p *process) retry(n int) {
	delay := backoffDelay(n, firstBackoff, longestBackoff)
	p.move(api.Backoff)
	p.retryAt = p.engine.now().Add(delay)
	p.timer(delay, p.backoffElapsed)
}

// backoffElapsed: it is time for the next try.
func (p *process) backoffElapsed() {
	if p.state == api.Backoff && p.wanted {
		p.fork()
	}
}

// move changes the state, which ends the timers of the old one.
func (p *process) move(to api.State) {
	p.turn++
	if p.cancelTimer != nil {
		p.cancelTimer()
		p.cancelTimer = nil
	}
	p.state, p.since = to, p.engine.now()
	switch to {
	case api.Stopping, api.Backoff, api.Exited, api.Fatal, api.Stopped:
		p.unready()
	}
	p.log.Debug("state", "state", to.String())
	p.notify()
}

// timer calls f, with the lock held, after d unless the state has changed.
func (p *process) timer(d time.Duration, f func()) {
	if p.cancelTimer != nil {
		p.cancelTimer()
	}
	turn := p.turn
	p.cancelTimer = p.engine.after(d, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.turn == turn {
			f()
		}
	})
}

// notify wakes everybody who watches the process.
func (p *process) notify() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// backoffDelay is how long to wait before try number n, counted from 1: at
// once first, then first doubling up to longest, a quarter more or less so
// that programs that fail together do not retry together.
func backoffDelay(n int, first, longest time.Duration) time.Duration {
	if n <= 1 {
		return 0
	}
	d := longest
	if n-2 < 32 {
		d = min(first<<(n-2), longest)
	}
	return min(time.Duration(float64(d)*(0.75+rand.Float64()/2)), longest)
}
