package engine

import (
	"context"
	"errors"
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
// person asked for is kept in goal, so that no start is lost whatever the
// state was when it came.
type process struct {
	engine engine
	log    *slog.Logger

	Name, Group, FullName string // as in def, and never changed

	// mu may be held while the supervisor's lock is taken, never the other
	// way round.
	mu    sync.Mutex
	def   program.Program
	state state
	goal  goal
	// held is not nil while a wanted start waits for its dependencies.
	held     context.CancelFunc
	waitsFor []string

	pid       int // also the id of its process group
	failures  int // failed starts in a row
	crashes   int // crashes in a row, good runs between them forget
	starts    int
	spawnErr  error // why it is not running: the start failed, or it ended
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
	p.goal = goalUp
	switch p.state {
	case stopped, exited, fatal, backoff:
		p.failures, p.crashes = 0, 0
		p.fork()
	default:
		p.notify() // what is stopping starts when the old process is gone
	}
}

// Stop is the event that the program is not to run.
func (p *process) Stop() { p.end(goalDown) }

// stopToRestart is the event that the program is to end before it is started
// again.
func (p *process) stopToRestart() { p.end(goalRestart) }

func (p *process) end(g goal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.Release()
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
}

// terminate sends the stop signal and arms the timer of SIGKILL. Callers hold the lock.
func (p *process) terminate() {
	p.move(stopping)
	p.timer(p.stopWait(), p.stopWaitElapsed)
	if err := p.engine.kill(p.pid, p.def.StopSignal, p.def.StopAsGroup); err != nil {
		p.log.Info("cannot send the stop signal, the process has probably just ended", "pid", p.pid, "error", err)
	}
}

func (p *process) stopWait() time.Duration { return time.Duration(p.def.StopWaitSecs) * time.Second }

// kill is the event that stopping must not take any longer.
func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopWaitElapsed()
}

// stopWaitElapsed: stopwaitsecs have passed since the stop signal.
func (p *process) stopWaitElapsed() {
	if p.state != stopping && p.state != stoppingGroup {
		return
	}
	p.log.Warn("killing the program, it did not stop in time", "pid", p.pid, "stopwaitsecs", p.def.StopWaitSecs)
	if p.state == stoppingGroup {
		p.move(killingGroup)
		p.engine.killGroup(p.pid)
	} else {
		p.move(killing)
		if err := p.engine.kill(p.pid, syscall.SIGKILL, p.def.KillAsGroup); err != nil {
			p.log.Info("cannot kill the program, it has probably just ended", "pid", p.pid, "error", err)
		}
	}
	p.timer(groupGrace, p.groupTimeElapsed)
}

// Signal sends any signal without a change of state.
func (p *process) Signal(sig syscall.Signal) (running bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch p.state.outside() {
	case api.Starting, api.Running, api.Stopping:
		return true, p.engine.kill(p.pid, sig, false)
	}
	return false, nil
}

// fork starts the process. Callers hold the lock.
func (p *process) fork() {
	p.spawnErr, p.retryAt = nil, time.Time{}
	p.startedAt = p.engine.now()
	p.digest = digestFiles(p.def.Files)
	p.move(starting)
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
	if p.state != starting {
		return
	}
	p.failures = 0
	p.move(running)
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
	if pid != p.pid || p.state.groupOnly() {
		return
	}
	p.stoppedAt = p.engine.now()
	p.lastExit = &e
	p.unready()
	asked := !p.state.up()
	if !(p.def.KillAsGroup || asked && p.def.StopAsGroup) || !p.engine.groupAlive(pid) {
		p.gone()
		return
	}
	// A start script that does not exec leaves its program behind. The
	// next one would find the port taken, so wait for the group to end.
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
	if !asked {
		p.engine.killGroup(pid)
		p.timer(groupGrace, p.groupTimeElapsed)
	}
}

// groupTimeElapsed: what was left of the process group was killed and is still
// there.
func (p *process) groupTimeElapsed() {
	if p.state.groupOnly() {
		p.log.Warn("the process group does not end; it is given up", "pgid", p.pid)
		p.gone()
	}
}

// groupChanged: an orphan was reaped, which may have been the last of our
// group.
func (p *process) groupChanged() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state.groupOnly() && !p.engine.groupAlive(p.pid) {
		p.gone()
	}
}

// gone moves on after the process, and its group where that matters, has
// ended. Callers hold the lock.
func (p *process) gone() {
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
			p.fork()
		}
	}
}

// crash counts an end that nobody asked for, after a run of some time, and
// retries where again is set. Callers hold the lock.
func (p *process) crash(ran time.Duration, again bool) {
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
func (p *process) restarts(e api.Exit) bool {
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
func (p *process) failed() {
	p.unready()
	p.failures++
	if p.stoppedAt.Before(p.startedAt) {
		p.stoppedAt = p.engine.now() // it never ran
	}
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
func (p *process) retry(n int) {
	delay := backoffDelay(n, firstBackoff, longestBackoff)
	p.move(backoff)
	p.retryAt = p.engine.now().Add(delay)
	p.timer(delay, p.backoffElapsed)
}

// backoffElapsed: it is time for the next try.
func (p *process) backoffElapsed() {
	if p.state == backoff && p.goal.up() {
		p.fork()
	}
}

// move changes the state. One that clients see as another state also ends the
// timer of the old one. Callers hold the lock.
func (p *process) move(to state) {
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
