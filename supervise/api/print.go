package api

import (
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"time"

	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/internal/style"
)

// Message returns what happened, for people.
func (e Event) Message() msg.Message {
	elapsed := (time.Duration(e.ElapsedMS) * time.Millisecond).Round(10 * time.Millisecond)
	switch {
	case e.Ready:
		return msg.M("%s: %s, ready (%s)", e.Program, e.State, elapsed)
	case len(e.WaitsFor) > 0:
		return msg.M("%s: %s, waits for %s (%s)", e.Program, e.State, msg.List(e.WaitsFor), elapsed)
	case !e.Reason.IsZero():
		return msg.M("%s: %s, %v (%s)", e.Program, e.State, e.Reason, elapsed)
	}
	return msg.M("%s: %s (%s)", e.Program, e.State, elapsed)
}

// Narrate returns a function that says what happens in an operation, painted by what it means. An event that reads as
// the last one of its program, such as one with another answer of the probe, is left out.
func Narrate(say func(style.Style, msg.Message)) func(Event) {
	last := map[string]Event{}
	return func(e Event) {
		read := e
		read.ElapsedMS, read.Answer = 0, msg.Text{}
		if before, ok := last[e.Program]; ok && reflect.DeepEqual(before, read) {
			return
		}
		last[e.Program] = read
		painted := styleOf[e.State]
		switch {
		case e.Ready:
			painted = style.OK
		case e.State == Running.String():
			painted = style.Plain // it is not there yet
		}
		say(painted, e.Message())
	}
}

// Print writes the status as PrintStatus does.
func (st *Status) Print(w io.Writer, lang msg.Lang, now time.Time) error {
	if st.Supervisor != "" {
		fmt.Fprintln(w, lang.Sprintf("supervised by %s instead of omsinit run; probes are asked from here",
			st.Supervisor))
	}
	if st.Setup != nil {
		text := st.Setup.message(now).In(lang)
		if slices.ContainsFunc(st.Programs, func(p ProgramStatus) bool { return p.State == Fatal.String() }) {
			text, _, _ = strings.Cut(text, "\n") // the rest is said of the program
		}
		fmt.Fprintln(w, styleOf[st.Setup.State].Paint(w, text))
		st.Setup.printSteps(w, lang, now)
		if st.Setup.State == SetupDone && !st.Setup.Message.IsZero() {
			fmt.Fprintln(w, lang.Sprintf("the last run by hand failed at step %d (%s): %s", st.Setup.Step,
				st.Setup.StepName, st.Setup.Message))
		}
	}
	if st.Waiting {
		fmt.Fprintln(w, lang.Sprintf("programs wait until the initialisation has succeeded"))
	}
	if !st.Definitions.IsZero() {
		fmt.Fprintln(w, style.Error.Paint(w, lang.Sprintf("the program files are not in use: %s", st.Definitions)))
	}
	for _, warning := range st.Warnings {
		fmt.Fprintln(w, style.Warning.Paint(w, lang.Sprintf("warning: %s", warning)))
	}
	var rows [][]string
	for _, p := range st.Programs {
		state, ready := styleOf[p.State].Paint(w, p.State), p.readinessStyle().Paint(w, p.Readiness(lang))
		rows = append(rows, []string{p.Name, state, ready, p.Description(lang, now)})
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
		fmt.Fprintln(w, lang.Sprintf("%s: %d bytes of output are lost, the log file could not be written", p.Name,
			p.LostBytes))
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
	reason := msg.M(": %v", s.Message)
	if slices.ContainsFunc(s.Findings, Finding.IsError) { // they are printed with what they say
		reason = msg.M("%s", "")
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
		return msg.M("initialisation: failed at %v, attempt %d, next attempt in %s%v", step, s.Attempt, next, reason)
	}
	return msg.M("initialisation: failed at %v and waits for a person%v", step, reason)
}

// printSteps writes how far each step is, until all are done, and what was found.
func (s *SetupStatus) printSteps(w io.Writer, lang msg.Lang, now time.Time) {
	if s.State == SetupDone {
		return
	}
	var rows [][]string
	for _, step := range s.Steps {
		word := styleOf[step.State].Paint(w, step.Word().In(lang))
		rows = append(rows, []string{"  " + step.Title.In(lang), word, Took(step.Took(now))})
	}
	_ = msg.PrintColumns(w, rows)
	for _, doing := range s.Doing {
		fmt.Fprintln(w, "  "+doing.In(lang))
	}
	for _, f := range s.Findings {
		line := lang.Sprintf("%s [%s]: %v", f.Word(), f.ID, f.Headline())
		fmt.Fprintln(w, "  "+finding.Severity(f.Severity).Style().Paint(w, line))
		if !f.Fix.IsZero() {
			fmt.Fprintln(w, "      "+lang.Sprintf("fix: %v", f.Fix))
		}
	}
}

// Word returns the state of a step in a word.
func (s SetupStep) Word() msg.Message {
	switch s.State {
	case SetupRunning:
		return msg.M("running")
	case SetupDone:
		return msg.M("done")
	case SetupFailed:
		return msg.M("failed")
	}
	return msg.M("waiting")
}

// IsError reports whether nothing can go on with it.
func (f Finding) IsError() bool { return f.Severity == string(finding.Error) }

// Word returns the severity in a word.
func (f Finding) Word() msg.Message {
	if f.IsError() {
		return msg.M("error")
	}
	return msg.M("warning")
}

// Headline returns the place and the message.
func (f Finding) Headline() msg.Text {
	if f.Place == "" {
		return f.Message
	}
	return msg.NewText(msg.M("%s: %v", f.Place, f.Message))
}

// Took returns a duration as a person reads it; "" for none.
func Took(d time.Duration) string {
	switch {
	case d == 0:
		return ""
	case d < 100*time.Millisecond:
		return d.Round(time.Millisecond).String()
	case d < 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

// Readiness returns whether a program is ready in a word.
func (p *ProgramStatus) Readiness(lang msg.Lang) string {
	switch {
	case p.Stale:
		return lang.Sprintf("RESTART NEEDED")
	case p.Ready:
		return lang.Sprintf("READY")
	}
	return "-"
}

// styleOf is what a state of a program, of the setup task or of a step means.
var styleOf = map[string]style.Style{
	Running.String():  style.OK,
	Starting.String(): style.Warning, Backoff.String(): style.Warning, Stopping.String(): style.Warning,
	Exited.String(): style.Dim, Stopped.String(): style.Dim, Fatal.String(): style.Error, Unknown.String(): style.Error,
	SetupDone: style.OK, SetupRunning: style.Plain, SetupRetrying: style.Warning, SetupFailed: style.Error,
}

func (p *ProgramStatus) readinessStyle() style.Style {
	switch {
	case p.Stale:
		return style.Warning
	case p.Ready:
		return style.OK
	}
	return style.Plain
}

// Description returns the last column: supervisorctl's words where it has some.
func (p *ProgramStatus) Description(lang msg.Lang, now time.Time) string {
	var parts []string
	if p.PID != 0 {
		up := time.Duration(p.UptimeSeconds) * time.Second
		parts = append(parts, fmt.Sprintf("pid %d, uptime %d:%02d:%02d", p.PID, int(up.Hours()), int(up.Minutes())%60,
			int(up.Seconds())%60))
	}
	if len(p.WaitsFor) > 0 {
		parts = append(parts, lang.Sprintf("waits for %s", msg.List(p.WaitsFor)))
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
		parts = append(parts, lang.Sprintf("next attempt in %s",
			max(0, p.RetryAt.Sub(now)).Round(100*time.Millisecond)))
	}
	text := ""
	for i, part := range parts {
		if i == 0 {
			text = part
		} else {
			text = lang.Sprintf("%s, %s", text, part)
		}
	}
	return text
}

func since(now, then time.Time) time.Duration { return max(0, now.Sub(then)).Round(time.Second) }

// NotReady returns what keeps the node from being ready.
func (st *Status) NotReady() (bad []msg.Message) {
	if st.Stopping {
		bad = append(bad, msg.M("the supervisor is stopping"))
	}
	if !st.Definitions.IsZero() {
		bad = append(bad, msg.M("the program files are not in use: %s", st.Definitions))
	}
	if st.Setup != nil && st.Setup.State != SetupDone && st.Waiting {
		bad = append(bad, st.Setup.message(time.Now()))
	}
	for _, p := range st.Programs {
		ended := p.State == Exited.String() && p.ExitStatus != nil && *p.ExitStatus == 0
		if !p.Ready && !ended && (p.Autostart || st.asked(p)) {
			bad = append(bad, msg.M("%s is %s and not ready", p.Name, p.State))
		}
	}
	return bad
}

// asked reports whether the setup task starts a program. A Python supervisord does not know; there a program that is
// FATAL was asked for by somebody.
func (st *Status) asked(p ProgramStatus) bool {
	return st.Setup != nil && slices.Contains(st.Setup.Programs, p.Name) ||
		st.Supervisor != "" && p.State == Fatal.String()
}
