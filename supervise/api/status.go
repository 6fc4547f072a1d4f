package api

import (
	"time"

	"omsinit/internal/msg"
)

// Status is what GET /v1/status answers.
type Status struct {
	Version   int       `json:"version"` // 1; fields are only ever added
	PID       int       `json:"pid"`
	StartedAt time.Time `json:"started_at"`
	Stopping  bool      `json:"stopping"`
	File      string    `json:"file"` // supervisord.conf
	// Supervisor is empty for omsinit run, else the name and version of who
	// supervises instead.
	Supervisor  string       `json:"supervisor,omitempty"`
	Definitions msg.Text     `json:"definitions_error,omitzero"` // why the program files are not in use
	Warnings    []msg.Text   `json:"warnings,omitempty"`
	Waiting     bool         `json:"held"` // programs wait for the setup task
	Setup       *SetupStatus `json:"setup,omitempty"`
	// on which PID 1 itself listens, for browsers, until a program has it
	PagePort int             `json:"page_port,omitempty"`
	Programs []ProgramStatus `json:"programs"` // by group and name
}

// Names returns the full names of the programs.
func (st *Status) Names() (names []string) {
	for _, p := range st.Programs {
		names = append(names, p.Name)
	}
	return names
}

// ProgramStatus is one program.
type ProgramStatus struct {
	Name      string     `json:"name"` // as supervisorctl prints it
	State     string     `json:"state"`
	StateCode int        `json:"state_code"`
	PID       int        `json:"pid,omitempty"`
	Since     time.Time  `json:"since"` // of the state
	StartedAt *time.Time `json:"started_at,omitempty"`
	// UptimeSeconds is 0 when no process is there.
	UptimeSeconds int64    `json:"uptime_seconds"`
	Ready         bool     `json:"ready"`
	Probe         string   `json:"probe,omitempty"`
	ProbeAnswer   msg.Text `json:"probe_answer,omitzero"`
	WaitsFor      []string `json:"waits_for,omitempty"` // dependencies that are not ready
	DependsOn     []string `json:"depends_on,omitempty"`
	// Stale reports whether a configuration file of the program has changed since
	// the program was started.
	Stale      bool       `json:"stale"`
	Starts     int        `json:"starts"`                // since PID 1 started
	ExitStatus *int       `json:"exit_status,omitempty"` // of the last run; -1 after a signal
	ExitSignal string     `json:"exit_signal,omitempty"`
	Reason     msg.Text   `json:"reason,omitzero"` // why it is not running
	RetryAt    *time.Time `json:"retry_at,omitempty"`
	Autostart  bool       `json:"autostart"`
	Early      bool       `json:"early,omitempty"`
	Essential  bool       `json:"essential,omitempty"`
	Alive      string     `json:"alive_probe,omitempty"`
	// LastLines are the last ones of the error log, else of the output, of a
	// program that is FATAL.
	LastLines string `json:"last_lines,omitempty"`
	LastLog   string `json:"last_log,omitempty"` // the file they are from
	// LostBytes of output could not be written to the log files.
	LostBytes int64  `json:"lost_log_bytes,omitempty"`
	StdoutLog string `json:"stdout_log,omitempty"`
	StderrLog string `json:"stderr_log,omitempty"`
}

// UpdateResult is what an update of the program files changed, by full
// program name.
type UpdateResult struct {
	Added   []string `json:"added"`
	Changed []string `json:"changed"`
	Removed []string `json:"removed"`
}
