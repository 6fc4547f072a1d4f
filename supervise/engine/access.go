package engine

import (
	"context"
	"log/slog"

	"omsinit/supervise/api"
	"omsinit/supervise/program"
)

// Lifetime ends when everything is to stop.
func (s *Supervisor) Lifetime() context.Context { return s.ctx }

// Terminate asks everything to stop, as SIGTERM does.
func (s *Supervisor) Terminate() { s.cancel() }

// Logger returns PID 1's own log.
func (s *Supervisor) Logger() *slog.Logger { return s.log }

// Settings returns what the supervisor was made with.
func (s *Supervisor) Settings() Options { return s.options }

// ExitStatus returns the exit status of PID 1; see Options.ExitOnFatal.
func (s *Supervisor) ExitStatus() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.exit
}

// LatestDefinitions returns the program files as they were read last, nil when they never could be.
func (s *Supervisor) LatestDefinitions() *program.Definitions {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.latest
}

// ReportSetup takes the report of a run of the setup task. A run by hand beside a supervisor that has no setup task of
// its own reports to nobody.
func (s *Supervisor) ReportSetup(r api.SetupReport) error {
	if s.setup == nil {
		return nil
	}
	if err := s.setup.reported(r); err != nil {
		return err
	}
	if front := s.fronted(); front != nil {
		front.Look()
	}
	return nil
}

// WriteInput writes to the standard input of a program.
func (s *Supervisor) WriteInput(name, text string) error { return s.inputs.write(name, text) }

// ClearLog empties a log file and removes its backups.
func (s *Supervisor) ClearLog(f program.LogFile) error { return s.logs.Clear(f) }

// DrainLog writes what a program has said so far to its log file.
func (s *Supervisor) DrainLog(f program.LogFile) { s.logs.Drain(f) }
