// Package api is what goes over the control socket: the states of programs, the status, operations with their events,
// and the reports of the setup task.
package api

// State is a program's state, with Supervisor's names and codes
// (supervisord.org/subprocess.html).
type State int

// The states there are.
const (
	Stopped  State = 0
	Starting State = 10
	Running  State = 20
	Backoff  State = 30
	Stopping State = 40
	Exited   State = 100
	Fatal    State = 200
	Unknown  State = 1000
)

// String is the name that supervisorctl prints.
func (s State) String() string {
	switch s {
	case Stopped:
		return "STOPPED"
	case Starting:
		return "STARTING"
	case Running:
		return "RUNNING"
	case Backoff:
		return "BACKOFF"
	case Stopping:
		return "STOPPING"
	case Exited:
		return "EXITED"
	case Fatal:
		return "FATAL"
	}
	return "UNKNOWN"
}

// Active are the states in which Supervisor says "already started".
func (s State) Active() bool { return s == Starting || s == Running || s == Backoff }

// Down are the states in which no process is there and none is coming.
func (s State) Down() bool { return s == Stopped || s == Exited || s == Fatal || s == Unknown }
