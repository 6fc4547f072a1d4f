package api

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/internal/style"
)

// TestPrintSteps: how far the setup task is, what it does, and what it has found, errors first and without values.
func TestPrintSteps(t *testing.T) {
	now := time.Now()
	begun := now.Add(-75 * time.Second)
	st := Status{Setup: &SetupStatus{State: SetupRunning, Step: 2, StepName: msg.Text{English: "metadb"}, Since: begun,
		Steps: []SetupStep{
			{Name: "check", Title: msg.Text{English: "Check"}, State: SetupDone, StartedAt: &begun, Seconds: 0.42},
			{Name: "metadb", Title: msg.Text{English: "Create"}, State: SetupRunning, StartedAt: &begun},
			{Name: "rest", Title: msg.Text{English: "Rest"}},
		},
		Doing: []msg.Text{{English: "waiting for the lock"}},
		Findings: NewFindings([]finding.Finding{
			{ID: "b.warning", Severity: finding.Warning, Message: msg.M("look")},
			{ID: "c.note", Severity: finding.Note, Message: msg.M("fine")},
			{ID: "a.error", Severity: finding.Error,
				Place: finding.Place{File: "f", Line: 3, Key: "k", Value: "hidden"}, Message: msg.M("bad"),
				Fix: msg.M("mend it")},
		}),
	}}
	var b bytes.Buffer
	if err := st.Print(&b, msg.English, now); err != nil {
		t.Fatal(err)
	}
	want := `initialisation: running, at step 2 (metadb)
  Check   done     400ms
  Create  running  1m15s
  Rest    waiting
  waiting for the lock
  error [a.error]: f:3: k: bad
      fix: mend it
  warning [b.warning]: look
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &b, want)
	}
	st.Setup.State = SetupDone
	b.Reset()
	if err := st.Print(&b, msg.English, now); err != nil || strings.Contains(b.String(), "Check") {
		t.Errorf("steps of a task that is done: %v\n%s", err, &b)
	}
}

// TestPrintReason: why a task failed is said once, by what it has found or in its own words, whatever warnings there
// are.
func TestPrintReason(t *testing.T) {
	for severity, want := range map[finding.Severity]int{finding.Error: 0, finding.Warning: 1} {
		st := Status{Setup: &SetupStatus{State: SetupFailed, Step: 2, StepName: msg.Text{English: "metadb"},
			Message:  msg.Text{English: "the reason"},
			Findings: NewFindings([]finding.Finding{{ID: "an.id", Severity: severity, Message: msg.M("look")}})}}
		var b bytes.Buffer
		if err := st.Print(&b, msg.English, time.Now()); err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(b.String(), "the reason"); got != want {
			t.Errorf("with a finding of severity %v the reason stands there %d times, want %d:\n%s", severity,
				got, want, &b)
		}
	}
}

// TestNarrate: another answer of a probe is no news, and states have their colours.
func TestNarrate(t *testing.T) {
	var said []string
	narrate := Narrate(func(s style.Style, m msg.Message) { said = append(said, string(s)+" "+m.String()) })
	for _, e := range []Event{
		{Program: "cm", State: "STARTING"},
		{Program: "cm", State: "STARTING", Answer: msg.Text{English: "connection refused"}, ElapsedMS: 20},
		{Program: "nginx", State: "STARTING", WaitsFor: []string{"cm"}, ElapsedMS: 30},
		{Program: "cm", State: "RUNNING", Answer: msg.Text{English: "connection refused"}, ElapsedMS: 40},
		{Program: "cm", State: "RUNNING", Ready: true, ElapsedMS: 50},
		{Program: "nginx", State: "STARTING", Ready: true, ElapsedMS: 55},
		{Program: "nginx", State: "FATAL", Reason: msg.Text{English: "gone"}, ElapsedMS: 60},
	} {
		narrate(e)
	}
	want := []string{"33 cm: STARTING (0s)", "33 nginx: STARTING, waits for cm (30ms)", " cm: RUNNING (40ms)",
		"32 cm: RUNNING, ready (50ms)",
		"32 nginx: STARTING, ready (60ms)", "31 nginx: FATAL, gone (60ms)"}
	if !slices.Equal(said, want) {
		t.Errorf("%q\nwant %q", said, want)
	}
}
