package api

import (
	"encoding/json"
	"time"

	"omsinit/internal/finding"
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
	// Programs are those that the task starts, whether they start by themselves or not.
	Programs []string `json:"programs,omitempty"`
	// Steps are those of the task in their order, as far as it has got.
	Steps []SetupStep `json:"steps,omitempty"`
	// Doing is what the step in progress does or waits for, with the last answer.
	Doing []msg.Text `json:"doing,omitempty"`
	// Findings is what the run has found to be wrong so far.
	Findings []Finding `json:"findings,omitempty"`
	// Transient reports whether a failure may go away by itself. In JSON it is there as passing too, the name that it
	// had first: PID 1 and whoever reports to it may be of different releases.
	Transient bool `json:"transient,omitempty"`
	// Withdrawn says that what has succeeded does not hold any more: a failure of a task that is done.
	Withdrawn bool `json:"withdrawn,omitempty"`
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
	Since    time.Time  `json:"since"`              // of the state
	Programs []string   `json:"programs,omitempty"` // that the task starts, as its last run has reported
	// Steps, Doing and Findings are those of the last report.
	Steps    []SetupStep `json:"steps,omitempty"`
	Doing    []msg.Text  `json:"doing,omitempty"`
	Findings []Finding   `json:"findings,omitempty"`
}

// SetupStep is one step of the setup task.
type SetupStep struct {
	Name  string   `json:"name"`
	Title msg.Text `json:"title"`
	// "" when its turn has not come, else one of SetupRunning, SetupDone, SetupFailed
	State     string     `json:"state"`
	StartedAt *time.Time `json:"started_at,omitempty"`
	Seconds   float64    `json:"seconds,omitempty"` // that it took; 0 until it has ended
}

// Took returns how long the step has run.
func (s SetupStep) Took(now time.Time) time.Duration {
	if s.State == SetupRunning && s.StartedAt != nil {
		return max(0, now.Sub(*s.StartedAt))
	}
	return time.Duration(s.Seconds * float64(time.Second))
}

// Finding is a finding as PID 1 is told of it.
type Finding struct {
	ID       string   `json:"id"`
	Severity string   `json:"severity"`
	Place    string   `json:"place,omitempty"` // file, line and key, without the value
	Message  msg.Text `json:"message"`
	Fix      msg.Text `json:"fix,omitzero"`
}

// mostFindings bounds what one report holds.
const mostFindings = 100

// NewFindings returns findings for a report, errors first.
func NewFindings(list []finding.Finding) (out []Finding) {
	for _, severity := range []finding.Severity{finding.Error, finding.Warning} {
		for _, f := range list {
			if f.Severity != severity || len(out) == mostFindings {
				continue
			}
			f.Place.Value = ""
			out = append(out, Finding{ID: f.ID, Severity: string(severity), Place: f.Place.String(),
				Message: msg.NewText(f.Message), Fix: msg.NewText(f.Fix)})
		}
	}
	return out
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
