package engine

import "omsinit/supervise/api"

// state is where a program is. Supervisor has one name for several of them: see outside.
type state int

const (
	// stopped: never started, or ended as it was asked to.
	stopped state = iota
	// starting: the process is there, for less than startsecs.
	starting
	// startFailed: the process ended within startsecs; the rest of its group is being killed.
	startFailed
	// running: the process has stayed up for startsecs.
	running
	// crashed: the process ended while running; the rest of its group is being killed.
	crashed
	// backoff: waiting for the next try.
	backoff
	// stopping: the stop signal was sent.
	stopping
	// killing: SIGKILL was sent, stopping took too long.
	killing
	// stoppingGroup: the process has ended, the rest of its group got the stop signal and is still there.
	stoppingGroup
	// killingGroup: as stoppingGroup, after SIGKILL.
	killingGroup
	// exited: ended by itself while running.
	exited
	// fatal: given up after too many failed starts.
	fatal
)

var outside = map[state]api.State{stopped: api.Stopped, starting: api.Starting, startFailed: api.Starting,
	running: api.Running, crashed: api.Running, backoff: api.Backoff, stopping: api.Stopping, killing: api.Stopping,
	stoppingGroup: api.Stopping, killingGroup: api.Stopping, exited: api.Exited, fatal: api.Fatal}

// outside returns the one of Supervisor's states that clients see.
func (s state) outside() api.State {
	if seen, ok := outside[s]; ok {
		return seen
	}
	return api.Unknown
}

// up reports whether the process runs and nobody has asked it to end.
func (s state) up() bool { return s == starting || s == running }

// groupOnly reports whether the process has ended and only the rest of its group is still there.
func (s state) groupOnly() bool {
	return s == startFailed || s == crashed || s == stoppingGroup || s == killingGroup
}

// goal is what is wanted of a program, whatever its state is. It decides what follows a stop, so that no start is lost.
type goal int

const (
	// goalNone: nobody has asked for a start or a stop yet. The program is down.
	goalNone goal = iota
	// goalDown: stop, and stay down.
	goalDown
	// goalRestart: stop; a start will follow.
	goalRestart
	// goalUp: run. What still stops is started as soon as it is gone.
	goalUp
	// goalRecover: run, but this process does not answer any more. It is stopped, and counts as crashed.
	goalRecover
)

// up reports whether the program is to run now, or again after its process has ended.
func (g goal) up() bool { return g == goalUp || g == goalRecover }
