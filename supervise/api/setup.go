package api

import (
	"encoding/json"
	"time"

	"omsinit/internal/msg"
)

// SetupReport is what a run of the setup task tells PID 1 over the socket. A
// run started by hand reports as well.
type SetupReport struct {
	PID      int      `json:"pid"`   // filled in by the client
	State    string   `json:"state"` // running, done or failed
	Step     int      `json:"step,omitempty"`
	StepName msg.Text `json:"step_name"`
	Message  msg.Text `json:"message"`
	// Transient reports whether a failure may go away by itself. In JSON it is there as passing too, the name that it
	// had first: PID 1 and whoever reports to it may be of different releases.
	Transient bool `json:"transient,omitempty"`
}

type plainReport SetupReport

type compatibleReport struct {
	plainReport
	Passing bool `json:"passing,omitempty"`
}

// MarshalJSON writes Transient by both of its names.
func (r SetupReport) MarshalJSON() ([]byte, error) {
	return json.Marshal(compatibleReport{plainReport(r), r.Transient})
}

// UnmarshalJSON reads Transient by either of its names.
func (r *SetupReport) UnmarshalJSON(data []byte) error {
	var c compatibleReport
	if err := json.Unmarshal(data, &c); err != nil {
		return err
	}
	*r = SetupReport(c.plainReport)
	r.Transient = r.Transient || c.Passing
	return nil
}

// SetupStatus is the setup task as GET /v1/status shows it.
type SetupStatus struct {
	State    string     `json:"state"`
	Step     int        `json:"step,omitempty"`
	StepName msg.Text   `json:"step_name,omitzero"`
	Message  msg.Text   `json:"message,omitzero"`  // of the last failure
	Attempt  int        `json:"attempt"`           // PID 1's own attempts so far
	PID      int        `json:"pid,omitempty"`     // of the run in progress
	ByHand   bool       `json:"by_hand,omitempty"` // the run in progress was started by a person
	NextTry  *time.Time `json:"next_try,omitempty"`
	Since    time.Time  `json:"since"` // of the state
}

// The states of the setup task.
const (
	SetupRunning  = "running"
	SetupRetrying = "retrying" // failed for a transient reason, tried again at NextTry
	SetupWaiting  = "waiting"  // failed, and a person must act
	SetupDone     = "done"
	// SetupFailed is only ever reported: what follows from it is retrying or
	// waiting.
	SetupFailed = "failed"
)
