package api

import "omsinit/internal/msg"

// Event is one step of an operation, as POST /v1/restart streams them.
type Event struct {
	Program   string   `json:"program,omitempty"`
	State     string   `json:"state,omitempty"`
	Ready     bool     `json:"ready"`
	WaitsFor  []string `json:"waits_for,omitempty"`   // dependencies that are not ready
	Answer    msg.Text `json:"probe_answer,omitzero"` // of the last probe that failed
	ElapsedMS int64    `json:"elapsed_ms"`            // since the operation began
}

// What an operation does.
type Verb int

func (v Verb) String() string { return [...]string{"start", "stop", "restart"}[v] }

const (
	Start Verb = iota
	Stop
	Restart
)

type Failure struct {
	Error msg.Text `json:"error"`
}

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
