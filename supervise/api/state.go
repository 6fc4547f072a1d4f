// Package api is what goes over the control socket: the states of programs, the status, operations with their events,
// and the reports of the setup task.
package api

import "cmp"

// State is a program's state, with Supervisor's names and codes
// (supervisord.org/subprocess.html).
type State int

// The states.
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

var stateNames = map[State]string{Stopped: "STOPPED", Starting: "STARTING", Running: "RUNNING", Backoff: "BACKOFF",
	Stopping: "STOPPING", Exited: "EXITED", Fatal: "FATAL"}

// String returns the name that supervisorctl prints.
func (s State) String() string { return cmp.Or(stateNames[s], "UNKNOWN") }

// Active reports whether Supervisor would say "already started" of a program in the state.
func (s State) Active() bool { return s == Starting || s == Running || s == Backoff }

// Down reports whether no process is there and none is coming.
func (s State) Down() bool { return s == Stopped || s == Exited || s == Fatal || s == Unknown }
