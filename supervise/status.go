package supervise

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
	Supervisor  string          `json:"supervisor,omitempty"`
	Definitions msg.Text        `json:"definitions_error,omitzero"` // why the program files are not in use
	Warnings    []msg.Text      `json:"warnings,omitempty"`
	Held        bool            `json:"held"` // programs wait for the setup task
	Setup       *SetupStatus    `json:"setup,omitempty"`
	Programs    []ProgramStatus `json:"programs"` // by group and name
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
	// Stale says that a configuration file of the program has changed since
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

// snapshot is a process at one moment.
type snapshot struct {
	process *process // for identity only
	def     Program
	state   State
	wanted  bool // to run, now or after it has stopped for a restart
	held    bool

	waitsFor  []string
	pid       int
	starts    int
	spawnErr  error
	quick     bool
	lastExit  *Exit
	digest    string
	startedAt time.Time
	stoppedAt time.Time
	since     time.Time
	retryAt   time.Time
	ready     bool
	answer    msg.Message     // of the last probe
	changed   <-chan struct{} // closed at the next change
}

func (p *process) snapshot() snapshot {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := snapshot{process: p, def: p.def, state: p.state, wanted: p.wanted || p.restarting, held: p.held != nil,
		waitsFor: p.waitsFor, pid: p.pid, starts: p.starts, spawnErr: p.spawnErr, quick: p.quick,
		lastExit: p.lastExit, digest: p.digest, startedAt: p.startedAt, stoppedAt: p.stoppedAt,
		since: p.since, retryAt: p.retryAt, ready: p.ready, answer: p.answer, changed: p.changed}
	if p.leaving != nil {
		s.pid = 0 // the process itself is gone
	}
	return s
}

// stale reports whether a configuration file changed since the start.
func (s *snapshot) stale() bool {
	return s.pid != 0 && len(s.def.Files) > 0 && s.digest != digestFiles(s.def.Files)
}

func (s *snapshot) status(now time.Time) ProgramStatus {
	st := ProgramStatus{
		Name: s.def.FullName(), State: s.state.String(), StateCode: int(s.state), PID: s.pid, Since: s.since,
		Ready: s.ready, Probe: s.def.Probe.String(), ProbeAnswer: msg.NewText(s.answer), WaitsFor: s.waitsFor,
		DependsOn: s.def.DependsOn, Stale: s.stale(), Starts: s.starts, Autostart: s.def.Autostart,
		Early: s.def.Early, Essential: s.def.Essential, Alive: s.def.Alive.String(), StdoutLog: s.def.Stdout.Path, StderrLog: s.def.Stderr.Path,
	}
	if !s.startedAt.IsZero() {
		st.StartedAt = &s.startedAt
	}
	if s.pid != 0 {
		st.UptimeSeconds = int64(now.Sub(s.startedAt) / time.Second)
	}
	if s.lastExit != nil {
		st.ExitStatus = &s.lastExit.Code
		if s.lastExit.Signal != 0 {
			st.ExitSignal = signalName(s.lastExit.Signal)
		}
	}
	if s.spawnErr != nil && s.state != Running && s.state != Starting {
		st.Reason = msg.ErrorText(s.spawnErr)
	}
	if s.state == Backoff {
		st.RetryAt = &s.retryAt
	}
	return st
}
