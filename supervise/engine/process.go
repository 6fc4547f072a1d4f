package engine

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"syscall"
	"time"

	"omsinit/internal/finding"
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
	// groupGrace is how long after a signal what is left of a program may still be there: after SIGTERM before it is
	// killed, after SIGKILL before it is given up.
	groupGrace = 2 * time.Second
)

// engine is what a process needs of the outside. Tests bring their own.
type engine interface {
	// spawn forks the program, when it has its place; exited is called once, in another goroutine.
	spawn(p program.Program, at place, exited func(pid int, e api.Exit)) (pid int, err error)
	kill(pid int, sig syscall.Signal, group bool) error
	// ignores reports whether a process ignores a signal.
	ignores(pid int, sig syscall.Signal) bool
	// children returns the children of a start script.
	children(pid int) []int
	alive(r rest) bool
	signalRest(r rest, sig syscall.Signal)
	after(d time.Duration, f func()) (cancel func())
	now() time.Time
	// ready asks the readiness probe of a process once, healthy the liveness probe.
	ready(ctx context.Context, p program.Program, pid int) (bool, msg.Message)
	healthy(ctx context.Context, p program.Program, pid int) (bool, msg.Message)
	// watchLog calls found, once and in another goroutine, when the program
	// writes a line that the regular expression matches.
	watchLog(p program.Program, expression string, found func(line string)) (cancel func())
	// fatal is called, in whatever goroutine, for each program that is given up.
	fatal(p program.Program, e *api.Exit)
	drain(p program.Program) // writes what the program has said so far to its log files
	changed()                // is called at each change
}

// Process is one supervised program: its state machine, and the lock of the operations on it. Each event is one method:
// lock, switch on the state, move, unlock. Timers call those methods. What a
// person asked for is kept in goal, so that no start is lost whatever the
// state was when it came.
type Process struct {
	engine engine
	log    *slog.Logger

	Name, Group, FullName string // as in def, and never changed

	operation chan struct{} // has one token while an operation changes the program

	// mu may be held while the supervisor's lock is taken, never the other
	// way round.
	mu    sync.Mutex
	def   program.Program
	state state
	goal  goal
	// cancelPending is not nil while a start waits for its dependencies, and ends that.
	cancelPending context.CancelFunc
	waitsFor      []string

	pid       int   // also the id of its session and its process group
	children  []int // of a start script, when it was ready or when it was stopped
	rest      rest  // of the process that has ended
	failures  int   // failed starts in a row
	shortages int   // starts in a row for which there was no room
	crashes   int   // crashes in a row, good runs between them forget
	starts    int
	spawnErr  error // why it is not running: the start failed, or it ended
	stopErr   error // why the stop takes long, or was no ordinary one
	lastExit  *api.Exit
	digest    string
	startedAt time.Time
	stoppedAt time.Time
	since     time.Time // of the state that clients see
	retryAt   time.Time

	ready    bool
	answer   msg.Message // of the last probe
	probeCtx context.CancelFunc
	aliveCtx context.CancelFunc

	cancelTimer func()
	turn        int           // counts moves; a timer of an older turn does nothing
	changed     chan struct{} // closed at each change
}

func newProcess(def program.Program, e engine, log *slog.Logger) *Process {
	p := &Process{Name: def.Name, Group: def.Group, FullName: def.FullName(), def: def, engine: e,
		log:       log.With("program", def.FullName()),
		operation: make(chan struct{}, 1), since: e.now(), changed: make(chan struct{})}
	p.refuse()
	return p
}

// refuse makes a program FATAL whose section cannot be used, and reports whether it is one. Callers hold the lock.
func (p *Process) refuse() bool {
	if p.def.Problem == nil {
		return false
	}
	p.spawnErr = p.def.Problem.Err()
	p.move(fatal)
	return true
}

// Definition returns what the program files say about the program.
func (p *Process) Definition() program.Program {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.def
}

// Stop is the event that the program is not to run, or, with again, that it is to end before it is started again.
func (p *Process) Stop(_ context.Context, again bool) error {
	g := goalDown
	if again {
		g = goalRestart
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.release()
	p.goal = g
	switch p.state {
	case starting, running:
		p.terminate()
	case startFailed, crashed:
		p.move(stoppingGroup) // it was signalled already
		p.timer(p.stopWait(), p.stopWaitElapsed)
	case backoff:
		p.stoppedAt = p.engine.now()
		p.move(stopped)
	default:
		p.notify()
	}
	return nil
}

// FlushLogs writes what the program has said so far to its log files.
func (p *Process) FlushLogs() { p.engine.drain(p.Definition()) }

// terminate sends the stop signal and arms the timer of SIGKILL. Callers hold the lock.
func (p *Process) terminate() {
	p.move(stopping)
	p.timer(p.stopWait(), p.stopWaitElapsed)
	p.children = p.engine.children(p.pid)
	if !p.def.StopAsGroup && p.engine.ignores(p.pid, p.def.StopSignal) {
		p.stopErr = msg.Errorf("the process ignores %s and is killed after %d s (stopsignal, stopwaitsecs)",
			api.SignalName(p.def.StopSignal), p.def.StopWaitSecs)
	}
	if err := p.engine.kill(p.pid, p.def.StopSignal, p.def.StopAsGroup); err != nil {
		p.log.Info("cannot send the stop signal, the process has probably just ended", "pid", p.pid, "error", err)
	}
}

func (p *Process) stopWait() time.Duration { return time.Duration(p.def.StopWaitSecs) * time.Second }

// kill is the event that stopping must not take any longer.
func (p *Process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopWaitElapsed()
}

// stopWaitElapsed: stopwaitsecs have passed since the stop signal.
func (p *Process) stopWaitElapsed() {
	if p.state != stopping && p.state != stoppingGroup {
		return
	}
	p.log.Warn("killing the program, it did not stop in time", "pid", p.pid, "stopwaitsecs", p.def.StopWaitSecs)
	if p.state == stoppingGroup {
		p.move(killingGroup)
		p.engine.signalRest(p.rest, syscall.SIGKILL)
	} else {
		p.stopErr = msg.Errorf("killed, as it did not end within %d s after %s (stopwaitsecs, stopsignal)",
			p.def.StopWaitSecs, api.SignalName(p.def.StopSignal))
		p.move(killing)
		if err := p.engine.kill(p.pid, syscall.SIGKILL, p.def.KillAsGroup); err != nil {
			p.log.Info("cannot kill the program, it has probably just ended", "pid", p.pid, "error", err)
		}
	}
	p.timer(groupGrace, p.groupTimeElapsed)
}

// Signal sends any signal without a change of state.
func (p *Process) Signal(sig syscall.Signal) (running bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch p.state.outside() {
	case api.Starting, api.Running, api.Stopping:
		return true, p.engine.kill(p.pid, sig, false)
	}
	return false, nil
}

// fork starts the process, as spawn does. Callers hold the lock.
func (p *Process) fork(at place) {
	if p.refuse() {
		p.log.Error("cannot start the program", "error", p.spawnErr)
		p.engine.fatal(p.def, nil)
		return
	}
	p.spawnErr, p.stopErr, p.retryAt, p.children = nil, nil, time.Time{}, nil
	p.startedAt = p.engine.now()
	p.digest = digestFiles(p.def.Files)
	p.move(starting)
	p.answer = msg.Message{}
	if p.def.Probe != nil {
		p.watch() // before the process can write a line
	}
	pid, err := p.engine.spawn(p.def, at, p.exited)
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
func (p *Process) startsecsElapsed() {
	if p.state != starting {
		return
	}
	p.failures, p.shortages = 0, 0
	p.move(running)
	p.makeLogs()
	if p.def.Probe == nil {
		p.becomeReady()
	}
}

// makeLogs makes the log files of a program that has said nothing yet; not with the lock held, a disk may hang.
func (p *Process) makeLogs() { go p.engine.drain(p.def) }

// exited: the process has ended. Called by the reaper.
func (p *Process) exited(pid int, e api.Exit) {
	p.FlushLogs() // before anybody reads the last lines of the log
	p.mu.Lock()
	defer p.mu.Unlock()
	if pid != p.pid || p.state.groupOnly() {
		return
	}
	p.stoppedAt = p.engine.now()
	p.lastExit = &e
	p.unready()
	asked := !p.state.up()
	p.rest = rest{p.def, pid, p.children, p.def.KillAsGroup || asked && p.def.StopAsGroup}
	if !p.engine.alive(p.rest) {
		p.gone()
		return
	}
	// A start script that does not exec leaves its program behind. The
	// next one would find the port taken, so wait for the rest to end.
	switch p.state {
	case starting:
		p.move(startFailed)
	case running:
		p.move(crashed)
	case stopping:
		p.move(stoppingGroup)
	case killing:
		p.move(killingGroup)
	}
	switch {
	case !p.rest.group:
		p.engine.signalRest(p.rest, syscall.SIGTERM)
		p.timer(groupGrace, p.restTimeElapsed)
	case p.state != stoppingGroup: // which got its signal when the process did
		p.engine.signalRest(p.rest, syscall.SIGKILL)
		p.timer(groupGrace, p.groupTimeElapsed)
	}
}

// restTimeElapsed: what the program has left behind got SIGTERM and is still there.
func (p *Process) restTimeElapsed() {
	if p.state.groupOnly() {
		p.engine.signalRest(p.rest, syscall.SIGKILL)
		p.timer(groupGrace, p.groupTimeElapsed)
	}
}

// groupTimeElapsed: what was left of the program was killed and is still
// there.
func (p *Process) groupTimeElapsed() {
	if p.state.groupOnly() {
		p.log.Warn("what is left of the program does not end; it is given up", "session", p.pid)
		p.gone()
	}
}

// groupChanged: an orphan was reaped, which may have been the last of our
// group.
func (p *Process) groupChanged() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state.groupOnly() && !p.engine.alive(p.rest) {
		p.gone()
	}
}

// gone moves on after the process, and its group where that matters, has
// ended. Callers hold the lock.
func (p *Process) gone() {
	e, ran := *p.lastExit, p.stoppedAt.Sub(p.startedAt)
	p.pid = 0
	p.log.Info("program ended", "state", p.state.outside().String(), "exit", e.Message().String(), "ran", ran.String())
	switch {
	case p.state == starting, p.state == startFailed:
		p.spawnErr = &tooQuick{msg.Errorf("exited too quickly (%v after %d ms)", e.Message(), ran.Milliseconds())}
		p.failed()
	case p.state == running, p.state == crashed:
		p.move(exited)
		p.crash(ran, p.restarts(e))
	case p.goal == goalRecover:
		p.goal = goalUp
		p.move(exited)
		p.crash(ran, true)
	default:
		p.move(stopped)
		if p.goal == goalUp {
			p.failures, p.crashes = 0, 0
			p.fork(place{})
		}
	}
}

// crash counts an end that nobody asked for, after a run of some time, and
// retries where again is set. Callers hold the lock.
func (p *Process) crash(ran time.Duration, again bool) {
	if ran >= goodRun {
		p.crashes = 0
	}
	if again {
		p.crashes++
		p.retry(p.crashes)
	}
}

// tooQuick is the error of a process that ended within startsecs.
type tooQuick struct{ error }

func (e *tooQuick) Unwrap() error { return e.error }

// exitedTooQuickly reports whether an error is a tooQuick.
func exitedTooQuickly(err error) bool {
	_, quick := errors.AsType[*tooQuick](err)
	return quick
}

// restarts returns what autorestart asks for after an exit while RUNNING.
func (p *Process) restarts(e api.Exit) bool {
	switch p.def.Autorestart {
	case program.RestartAlways:
		return p.goal.up()
	case program.RestartNever:
		return false
	}
	for _, code := range p.def.ExitCodes {
		if code == e.Code {
			return false
		}
	}
	p.spawnErr = msg.Errorf("ended unexpectedly (%v)", e.Message())
	return p.goal.up()
}

// failed counts a start that did not succeed, and retries or gives up.
// Callers hold the lock.
func (p *Process) failed() {
	p.unready()
	if p.stoppedAt.Before(p.startedAt) {
		p.stoppedAt = p.engine.now() // it never ran
	}
	if finding.IsShortage(p.spawnErr) { // it is no fault of the program
		p.shortages++
		p.retry(p.shortages + 1) // at once would be too soon
		return
	}
	p.failures++
	if p.failures > p.def.StartRetries {
		p.move(fatal)
		p.log.Error("giving up, too many failed starts", "startretries", p.def.StartRetries, "reason", p.spawnErr)
		last := p.lastExit
		if !exitedTooQuickly(p.spawnErr) {
			last = nil // it did not even run
		}
		p.engine.fatal(p.def, last)
		return
	}
	p.retry(p.failures)
}

// retry waits in BACKOFF for try number n.
func (p *Process) retry(n int) {
	delay := backoffDelay(n, firstBackoff, longestBackoff)
	p.move(backoff)
	p.retryAt = p.engine.now().Add(delay)
	p.timer(delay, p.backoffElapsed)
}

// backoffElapsed: it is time for the next try.
func (p *Process) backoffElapsed() {
	if p.state == backoff && p.goal.up() {
		p.fork(place{})
	}
}

// move changes the state. One that clients see as another state also ends the
// timer of the old one. Callers hold the lock.
func (p *Process) move(to state) {
	if to.outside() != p.state.outside() {
		p.turn++
		if p.cancelTimer != nil {
			p.cancelTimer()
			p.cancelTimer = nil
		}
		p.since = p.engine.now()
		p.log.Debug("state", "state", to.outside().String())
	}
	p.state = to
	if !to.up() {
		p.unready()
	}
	p.notify()
}

// timer calls f, with the lock held, after d unless the state has changed.
func (p *Process) timer(d time.Duration, f func()) {
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
func (p *Process) notify() {
	close(p.changed)
	p.changed = make(chan struct{})
	p.engine.changed()
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
