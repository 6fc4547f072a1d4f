package api

import (
	"fmt"
	"io"
	"strings"
	"time"

	"omsinit/internal/msg"
)

// Message returns what happened, for people.
func (e Event) Message() msg.Message {
	elapsed := (time.Duration(e.ElapsedMS) * time.Millisecond).Round(10 * time.Millisecond)
	switch {
	case e.Ready:
		return msg.M("%s: %s, ready (%s)", e.Program, e.State, elapsed)
	case len(e.WaitsFor) > 0:
		return msg.M("%s: %s, waits for %s (%s)", e.Program, e.State, strings.Join(e.WaitsFor, ", "), elapsed)
	}
	return msg.M("%s: %s (%s)", e.Program, e.State, elapsed)
}

// Print writes the status as PrintStatus does.
func (st *Status) Print(w io.Writer, lang msg.Lang, now time.Time) error {
	if st.Supervisor != "" {
		fmt.Fprintln(w, lang.Sprintf("supervised by %s instead of omsinit run; probes are asked from here", st.Supervisor))
	}
	if st.Setup != nil {
		fmt.Fprintln(w, st.Setup.message(now).In(lang))
		if st.Setup.State == SetupDone && !st.Setup.Message.IsZero() {
			fmt.Fprintln(w, lang.Sprintf("the last run by hand failed at step %d (%s): %s", st.Setup.Step, st.Setup.StepName, st.Setup.Message))
		}
	}
	if st.Held {
		fmt.Fprintln(w, lang.Sprintf("programs wait until the initialisation has succeeded"))
	}
	if !st.Definitions.IsZero() {
		fmt.Fprintln(w, lang.Sprintf("the program files are not in use: %s", st.Definitions))
	}
	for _, warning := range st.Warnings {
		fmt.Fprintln(w, lang.Sprintf("warning: %s", warning))
	}
	var rows [][]string
	for _, p := range st.Programs {
		rows = append(rows, []string{p.Name, p.State, p.readiness(lang), p.description(lang, now)})
	}
	if err := msg.PrintColumns(w, rows); err != nil {
		return err
	}
	for _, p := range st.Programs {
		p.printTroubles(w, lang)
	}
	return nil
}

// printTroubles returns what does not fit into the table.
func (p *ProgramStatus) printTroubles(w io.Writer, lang msg.Lang) {
	if p.LostBytes > 0 {
		fmt.Fprintln(w, lang.Sprintf("%s: %d bytes of output are lost, the log file could not be written", p.Name, p.LostBytes))
	}
	if p.State != Fatal.String() {
		return
	}
	switch {
	case p.ExitSignal != "":
		fmt.Fprintln(w, lang.Sprintf("%s: ended by %s", p.Name, p.ExitSignal))
	case p.ExitStatus != nil:
		fmt.Fprintln(w, lang.Sprintf("%s: exit status %d", p.Name, *p.ExitStatus))
	}
	if p.LastLines != "" {
		fmt.Fprintln(w, lang.Sprintf("%s: last lines of %s:", p.Name, p.LastLog))
		fmt.Fprintln(w, "  "+strings.ReplaceAll(p.LastLines, "\n", "\n  "))
	}
}

// message returns how far the setup task is, and why it is not further.
func (s *SetupStatus) message(now time.Time) msg.Message {
	step := msg.M("step %d (%s)", s.Step, s.StepName)
	if s.Step == 0 {
		step = msg.M("the beginning")
	}
	switch s.State {
	case SetupDone:
		return msg.M("initialisation: done, %s ago", since(now, s.Since))
	case SetupRunning:
		return msg.M("initialisation: running, at %v", step)
	case SetupRetrying:
		next := time.Duration(0)
		if s.NextTry != nil {
			next = max(0, s.NextTry.Sub(now)).Round(time.Second)
		}
		return msg.M("initialisation: failed at %v, attempt %d, next attempt in %s: %v", step, s.Attempt, next, s.Message)
	}
	return msg.M("initialisation: failed at %v and waits for a person: %v", step, s.Message)
}

func (p *ProgramStatus) readiness(lang msg.Lang) string {
	switch {
	case p.Stale:
		return lang.Sprintf("RESTART NEEDED")
	case p.Ready:
		return lang.Sprintf("READY")
	}
	return "-"
}

// description is the last column: supervisorctl's words where it has some.
func (p *ProgramStatus) description(lang msg.Lang, now time.Time) string {
	var parts []string
	if p.PID != 0 {
		up := time.Duration(p.UptimeSeconds) * time.Second
		parts = append(parts, fmt.Sprintf("pid %d, uptime %d:%02d:%02d", p.PID, int(up.Hours()), int(up.Minutes())%60, int(up.Seconds())%60))
	}
	if len(p.WaitsFor) > 0 {
		parts = append(parts, lang.Sprintf("waits for %s", strings.Join(p.WaitsFor, ", ")))
	}
	if p.PID != 0 && !p.Ready && !p.ProbeAnswer.IsZero() {
		parts = append(parts, lang.Sprintf("not ready: %s", p.ProbeAnswer))
	}
	if (p.PID == 0 || p.State == Stopping.String()) && !p.Reason.IsZero() {
		parts = append(parts, p.Reason.In(lang))
	} else if p.PID == 0 && p.ExitSignal != "" {
		parts = append(parts, lang.Sprintf("ended by %s", p.ExitSignal))
	} else if p.PID == 0 && p.ExitStatus != nil {
		parts = append(parts, lang.Sprintf("exit status %d", *p.ExitStatus))
	}
	if p.RetryAt != nil {
		parts = append(parts, lang.Sprintf("next attempt in %s", max(0, p.RetryAt.Sub(now)).Round(100*time.Millisecond)))
	}
	return strings.Join(parts, ", ")
}

func since(now, then time.Time) time.Duration { return max(0, now.Sub(then)).Round(time.Second) }

// NotReady is what keeps the node from being ready.
func (st *Status) NotReady() (bad []msg.Message) {
	if st.Stopping {
		bad = append(bad, msg.M("the supervisor is stopping"))
	}
	if !st.Definitions.IsZero() {
		bad = append(bad, msg.M("the program files are not in use: %s", st.Definitions))
	}
	if st.Setup != nil && st.Setup.State != SetupDone && st.Held {
		bad = append(bad, st.Setup.message(time.Now()))
	}
	for _, p := range st.Programs {
		ended := p.State == Exited.String() && p.ExitStatus != nil && *p.ExitStatus == 0
		if p.Autostart && !p.Ready && !ended {
			bad = append(bad, msg.M("%s is %s and not ready", p.Name, p.State))
		}
	}
	return bad
}
