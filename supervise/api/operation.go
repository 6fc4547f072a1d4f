package api

import "omsinit/internal/msg"

// Event is one step of an operation, as POST /v1/restart streams them.
type Event struct {
	Program   string   `json:"program,omitempty"`
	State     string   `json:"state,omitempty"`
	Ready     bool     `json:"ready"`
	WaitsFor  []string `json:"waits_for,omitempty"`   // dependencies that are not ready
	Answer    msg.Text `json:"probe_answer,omitzero"` // of the last probe that failed
	Reason    msg.Text `json:"reason,omitzero"`       // why it is not running, or why its stop takes long
	ElapsedMS int64    `json:"elapsed_ms"`            // since the operation began
}

// Verb is what an operation does.
type Verb int

// String returns the last part of the path of POST /v1/…
func (v Verb) String() string { return [...]string{"start", "stop", "restart"}[v] }

// The operations.
const (
	Start Verb = iota
	Stop
	Restart
)

// Failure is the answer to a request that is refused.
type Failure struct {
	Error msg.Text `json:"error"`
}

// OperationRequest is the body of POST /v1/start, /v1/stop and /v1/restart.
type OperationRequest struct {
	Names          []string `json:"names"`
	TimeoutSeconds int      `json:"timeout_seconds,omitempty"` // 0 is 300
	Wait           string   `json:"wait,omitempty"`            // ready (default) or running
	Setup          bool     `json:"setup,omitempty"`           // the setup task asks
}

// OperationEnd is the last line of an operation's answer.
type OperationEnd struct {
	Done  bool     `json:"done"`
	Error msg.Text `json:"error,omitzero"`
}
