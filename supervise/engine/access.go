package engine

import (
	"context"
	"log/slog"

	"omsinit/supervise/api"
	"omsinit/supervise/program"
)

// lifetime ends when everything is to stop.
func (s *Supervisor) Lifetime() context.Context { return s.ctx }

// terminate asks everything to stop, as SIGTERM does.
func (s *Supervisor) Terminate() { s.cancel() }

// logger returns PID 1's own log.
func (s *Supervisor) Logger() *slog.Logger { return s.log }

// settings returns what the supervisor was made with.
func (s *Supervisor) Settings() Options { return s.options }

// exitStatus returns the exit status of PID 1; see Options.ExitOnFatal.
func (s *Supervisor) ExitStatus() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.exit
}

// latestDefinitions returns the program files as they were read last, nil when they never could be.
func (s *Supervisor) LatestDefinitions() *program.Definitions {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.latest
}

// reportSetup takes the report of a run of the setup task. A run by hand beside a supervisor that has no setup task of
// its own reports to nobody.
func (s *Supervisor) ReportSetup(r api.SetupReport) error {
	if s.setup == nil {
		return nil
	}
	return s.setup.reported(r)
}

// writeInput writes to the standard input of a program.
func (s *Supervisor) WriteInput(name, text string) error { return s.inputs.write(name, text) }

// clearLog empties a log file and removes its backups.
func (s *Supervisor) ClearLog(f program.LogFile) error { return s.logs.Clear(f) }

// drainLog writes what a program has said so far to its log file.
func (s *Supervisor) DrainLog(f program.LogFile) { s.logs.Drain(f) }

// quietly returns an operation whose events nobody sees. A start is loose: it is asked for and not waited for.
func (s *Supervisor) Quietly(v api.Verb, programs ...*Managed) *Operation {
	return &Operation{s: s, verb: v, programs: programs, loose: v == api.Start, Emit: func(api.Event) {}}
}
