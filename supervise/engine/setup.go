package engine

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/supervise/api"
)

// Setup is a task that PID 1 runs as its child when it starts, and again
// while it fails for a transient reason.
type Setup struct {
	Argv []string // absolute path first
	Env  []string // KEY=value, beside PID 1's own
	// Stdout and Stderr are those of the first attempt, and take PID 1's own
	// few lines. Later attempts write to /dev/null, and to their own log.
	Stdout, Stderr *os.File
	// ReadyLine is printed on Stdout, once, when the task has succeeded.
	// Nothing is printed after it.
	ReadyLine string
	// OnReady, if set, is called once, after the ready line.
	OnReady func()
}

// goAborted is the exit status of a Go program that could not get memory or a thread. Like one that a signal has ended,
// such as that of the kernel for want of memory, it is worth another try.
const goAborted = 2

const (
	firstSetupRetry   = time.Second
	longestSetupRetry = time.Minute
)

// setup runs the setup task. Like a program it is a state machine of small
// events: started, reported, exited, retryElapsed.
type setup struct {
	task  Setup
	hint  msg.Message
	lang  msg.Lang
	log   *slog.Logger
	spawn func(task Setup, quiet bool, exited func(pid int, e api.Exit)) (pid int, err error)
	kill  func(pid int, sig syscall.Signal, group bool) error
	after func(d time.Duration, f func()) (cancel func())
	hold  func() bool
	// finished is called once, when the task has succeeded for the first time.
	finished func()
	changed  func() // is called at each change of the state

	mu      sync.Mutex
	state   string
	since   time.Time
	attempt int
	pid     int             // of our own child
	gone    chan struct{}   // closed when our own child has ended
	report  api.SetupReport // last one of our own child
	latest  api.SetupReport // last one of any run
	manual  api.SetupReport // last one of a run by hand; PID 0 when none is in progress
	failure api.SetupReport // last failure
	// programs are those that the task starts, as it has reported.
	programs []string
	nextTry  time.Time
	cancel   func()
	closing  bool
	done     bool // succeeded at least once
	printed  bool // the ready line is out: nothing follows it
	// withdrawn: it was done, and does not hold any more.
	withdrawn bool
}

// start is the event that PID 1 is up.
func (s *setup) start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.try()
}

// try starts an attempt. Callers hold the lock.
func (s *setup) try() {
	if s.closing {
		return
	}
	s.attempt++
	s.report, s.nextTry = api.SetupReport{}, time.Time{}
	pid, err := s.spawn(s.task, s.attempt > 1, s.exited)
	if err != nil {
		s.log.Error("cannot start the setup task", "error", err)
		s.fail(api.SetupReport{Message: msg.ErrorText(err), Transient: finding.IsShortage(err)})
		return
	}
	s.pid, s.gone = pid, make(chan struct{})
	s.log.Info("setup task started", "pid", pid, "attempt", s.attempt)
	s.move(api.SetupRunning)
}

// reported: a run of the task said how it is doing.
func (s *setup) reported(r api.SetupReport) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch r.State {
	case api.SetupRunning, api.SetupDone, api.SetupFailed:
	default:
		return fmt.Errorf("unknown setup state %q", r.State)
	}
	if len(r.Programs) > 0 {
		s.programs = r.Programs
	}
	s.latest = r
	if r.PID == s.pid && s.pid != 0 {
		s.report = r // what it means is decided when the child has ended
		return nil
	}
	switch r.State {
	case api.SetupRunning:
		s.manual = r
	case api.SetupDone:
		s.log.Info("a setup run by hand has succeeded", "pid", r.PID)
		s.manual = api.SetupReport{}
		s.succeed()
	case api.SetupFailed:
		s.log.Warn("a setup run by hand has failed", "pid", r.PID, "step", r.Step, "message", r.Message.English)
		s.manual, s.failure = api.SetupReport{}, r
		if r.Withdrawn && s.pid == 0 {
			s.done, s.withdrawn = false, true
			s.fail(r)
		}
	}
	return nil
}

// exited: our own child has ended.
func (s *setup) exited(pid int, e api.Exit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pid = 0
	close(s.gone)
	s.log.Info("setup task ended", "pid", pid, "exit", e.Message().String())
	switch {
	case e.Code == 0:
		s.succeed()
	case s.done:
		s.succeed() // a run by hand has done it meanwhile
	case s.report.State == api.SetupFailed:
		s.fail(s.report)
	default:
		r := s.report
		r.Message = msg.NewText(msg.M("the setup task ended without saying why (%v)", e.Message()))
		r.Transient = e.Signal != 0 || e.Code == goAborted
		s.fail(r)
	}
}

// fail retries, or waits for a person. Callers hold the lock.
func (s *setup) fail(r api.SetupReport) {
	s.failure = r
	if s.closing {
		return
	}
	text, _, _ := strings.Cut(r.Message.In(s.lang), "\n") // the task printed it all, and the status has it
	message := msg.M("%s", text)
	if !r.Transient {
		s.move(api.SetupWaiting)
		if s.attempt > 1 || r.State != api.SetupFailed { // else it said it itself
			s.say(msg.M("setup failed: %v", message))
		}
		s.say(s.hint)
		return
	}
	delay := backoffDelay(s.attempt+1, firstSetupRetry, longestSetupRetry)
	s.move(api.SetupRetrying)
	s.nextTry = s.since.Add(delay)
	s.say(msg.M("setup attempt %d failed: %v; next attempt in %d s", s.attempt, message, int(delay.Seconds()+0.5)))
	s.wait(delay)
}

// wait arms the timer of the next attempt. Callers hold the lock.
func (s *setup) wait(delay time.Duration) {
	s.cancel = s.after(delay, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.retryElapsed(delay)
	})
}

// retryElapsed: it is time for the next attempt. A run by hand that is in
// progress goes first.
func (s *setup) retryElapsed(delay time.Duration) {
	if s.state != api.SetupRetrying || s.closing {
		return
	}
	if s.byHand() {
		s.nextTry = time.Now().Add(delay)
		s.wait(delay)
		return
	}
	s.try()
}

// byHand reports whether a run by hand is in progress; one that was killed is
// not. Callers hold the lock.
func (s *setup) byHand() bool {
	if s.manual.PID != 0 && syscall.Kill(s.manual.PID, 0) == syscall.ESRCH {
		s.manual = api.SetupReport{}
	}
	return s.manual.PID != 0
}

// succeed ends the task for good. The ready line waits for our own child,
// which might still print. Callers hold the lock.
func (s *setup) succeed() {
	if s.cancel != nil {
		s.cancel()
	}
	s.nextTry = time.Time{}
	if s.pid != 0 {
		s.done = true
		return
	}
	s.failure, s.withdrawn = api.SetupReport{}, false
	s.move(api.SetupDone)
	if s.printed {
		return
	}
	s.printed, s.done = true, true
	if s.task.ReadyLine != "" && s.task.Stdout != nil {
		fmt.Fprintln(s.task.Stdout, s.task.ReadyLine)
	}
	go func() {
		s.finished()
		if s.task.OnReady != nil {
			s.task.OnReady()
		}
	}()
}

// say prints a line for the people who read the container's log.
func (s *setup) say(m msg.Message) {
	s.log.Info("said", "text", m.String())
	if s.printed || m.IsZero() || s.task.Stderr == nil {
		return
	}
	_, _ = io.WriteString(s.task.Stderr, m.In(s.lang)+"\n")
}

func (s *setup) move(state string) {
	s.state, s.since = state, time.Now()
	s.changed()
}

// holds reports whether programs that start by themselves wait for the task.
func (s *setup) holds() bool {
	s.mu.Lock()
	done, withdrawn := s.printed, s.withdrawn
	s.mu.Unlock()
	return withdrawn || !done && s.hold != nil && s.hold()
}

// status returns the task as GET /v1/status shows it.
func (s *setup) status() api.SetupStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := api.SetupStatus{State: s.state, Attempt: s.attempt, Since: s.since, Programs: s.programs}
	current := s.report
	switch {
	case s.byHand():
		st.State, st.PID, st.ByHand, current = api.SetupRunning, s.manual.PID, true, s.manual
	case s.state == api.SetupRunning:
		st.PID = s.pid
	default:
		current = s.failure
	}
	st.Step, st.StepName, st.Message = current.Step, current.StepName, s.failure.Message
	st.Steps, st.Findings = s.latest.Steps, s.latest.Findings
	if st.State == api.SetupRunning {
		st.Doing = s.latest.Doing
		if st.Step <= 1 && len(st.Findings) == 0 {
			st.Findings = s.failure.Findings // until it is known better
		}
	}
	if !s.nextTry.IsZero() {
		next := s.nextTry
		st.NextTry = &next
	}
	return st
}

// stop ends our own child, and every later attempt. It returns a channel that
// is closed when no child is left.
func (s *setup) stop(sig syscall.Signal) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closing = true
	if s.cancel != nil {
		s.cancel()
	}
	if s.pid == 0 {
		none := make(chan struct{})
		close(none)
		return none
	}
	if err := s.kill(s.pid, sig, sig == syscall.SIGKILL); err != nil {
		s.log.Info("cannot signal the setup task, it has probably just ended", "pid", s.pid, "error", err)
	}
	return s.gone
}
