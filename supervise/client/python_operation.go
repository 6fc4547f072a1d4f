package client

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/ochinchina/supervisord/faults"

	"omsinit/internal/msg"
	"omsinit/supervise/api"
	"omsinit/supervise/program"
)

// pythonPoll is how often a Python supervisord is asked during an operation. It
// looks at its programs once a second itself.
const pythonPoll = 200 * time.Millisecond

// pythonOperation is start, stop or restart of several programs of a Python
// supervisord, in the order of their dependencies.
type pythonOperation struct {
	*python
	verb     api.Verb
	options  OperationOptions
	programs map[string]*pythonTurn // by full name
	status   *api.Status
	progress *api.Progress
}

// pythonTurn is how far one program is.
type pythonTurn struct {
	name  string
	phase int
	last  api.Event
}

const (
	toStop = iota
	beingStopped
	toStart
	beingStarted
	turnDone
	turnFailed
)

func (o *python) operate(ctx context.Context, v api.Verb, names []string, options OperationOptions,
	onEvent func(api.Event)) error {
	if options.Timeout <= 0 {
		options.Timeout = api.DefaultTimeout
	}
	deadline, cancel := context.WithTimeout(ctx, options.Timeout)
	defer cancel()
	t := &pythonOperation{python: o, verb: v, options: options, programs: map[string]*pythonTurn{},
		progress: api.NewProgress(onEvent)}
	if err := t.begin(deadline, names); err != nil {
		return err
	}
	ticker := time.NewTicker(pythonPoll)
	defer ticker.Stop()
	for t.step(deadline) {
		select {
		case <-ticker.C:
			status, err := o.Status(deadline)
			if err != nil && deadline.Err() == nil {
				return err
			}
			if err == nil && deadline.Err() != nil {
				keepAnswers(status, t.status) // the deadline cut the probes off
			}
			if err == nil {
				t.status = status
			}
		case <-deadline.Done():
		}
		if deadline.Err() != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			t.giveUp()
			break
		}
	}
	return t.progress.Err()
}

// begin finds the programs.
func (t *pythonOperation) begin(ctx context.Context, names []string) (err error) {
	if len(names) == 0 {
		return msg.Errorf("no program is named; name some, or all")
	}
	if t.status, err = t.python.Status(ctx); err != nil {
		return err
	}
	var unknown, known []string
	for _, name := range names {
		found := name == "all"
		for _, p := range t.status.Programs {
			if named([]string{name}, p.Name) {
				phase := toStop
				if t.verb == api.Start {
					phase = toStart
				}
				t.programs[p.Name] = &pythonTurn{name: p.Name, phase: phase}
				found = true
			}
		}
		if !found {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	for _, p := range t.status.Programs {
		known = append(known, p.Name)
	}
	if len(known) == 0 {
		return msg.Errorf("there is no program %s: no programs are defined", strings.Join(unknown, ", "))
	}
	return msg.Errorf("there is no program %s; there are %s", strings.Join(unknown, ", "), strings.Join(known, ", "))
}

// step moves every program on as far as it can, and reports whether there is
// anything left to wait for.
func (t *pythonOperation) step(ctx context.Context) (more bool) {
	for moved := true; moved && ctx.Err() == nil; {
		moved, more = false, false
		for i := range t.status.Programs {
			p := &t.status.Programs[i]
			turn := t.programs[p.Name]
			if turn == nil || turn.phase >= turnDone {
				continue
			}
			before := turn.phase
			waits := t.move(ctx, turn, p)
			t.report(turn, p, waits)
			moved = moved || turn.phase != before
			more = more || turn.phase < turnDone
		}
	}
	return more
}

func (t *pythonOperation) move(ctx context.Context, turn *pythonTurn, p *api.ProgramStatus) (waits []string) {
	down := api.State(p.StateCode).Down()
	switch turn.phase {
	case toStop:
		for _, other := range t.status.Programs {
			o := t.programs[other.Name]
			if o != nil && o.phase <= beingStopped && slices.Contains(other.DependsOn, ownName(p.Name)) {
				return nil
			}
		}
		turn.phase = beingStopped
		if down {
			break
		}
		if _, err := t.rpc(ctx, "supervisor.stopProcess", p.Name, false); err != nil && !isFault(err, faults.NotRunning) {
			t.fail(turn, msg.M("%s did not stop: %v", p.Name, err))
		}
		p.State, p.StateCode = api.Stopping.String(), int(api.Stopping) // until it is asked again
	case beingStopped:
		if down && t.verb == api.Stop {
			turn.phase = turnDone
		} else if down {
			turn.phase = toStart
		}
	case toStart:
		return t.start(ctx, turn, p)
	case beingStarted:
		t.check(turn, p)
	}
	return nil
}

// start starts a program once all that it depends on is ready.
func (t *pythonOperation) start(ctx context.Context, turn *pythonTurn, p *api.ProgramStatus) (waits []string) {
	for _, name := range p.DependsOn {
		dep := t.Find(name)
		if dep == nil {
			continue
		}
		switch other := t.programs[dep.Name]; {
		case other != nil && other.phase == turnFailed:
			t.fail(turn, msg.M("%s was not started: it waits for %s, which is %s", p.Name, dep.Name, dep.State))
			return nil
		case other != nil && other.phase != turnDone, other == nil && !dep.Ready && !api.State(dep.StateCode).Down():
			waits = append(waits, dep.Name)
		case other == nil && !dep.Ready:
			t.fail(turn, api.NotInOperation(p.Name, dep.Name, dep.State))
			return nil
		}
	}
	if len(waits) > 0 {
		return waits
	}
	turn.phase = beingStarted
	// A program that ended at once may be tried again, and its next state tells
	// more than the fault does.
	_, err := t.rpc(ctx, "supervisor.startProcess", p.Name, false)
	if err != nil && !isFault(err, faults.AlreadyStated) && !isFault(err, faults.SpawnError) {
		t.fail(turn, msg.M("%s could not be started: %v", p.Name, err))
		return nil
	}
	if api.State(p.StateCode).Down() { // until it is asked again
		p.State, p.StateCode, p.Ready = api.Starting.String(), int(api.Starting), false
	}
	return nil
}

func (t *pythonOperation) check(turn *pythonTurn, p *api.ProgramStatus) {
	switch state := api.State(p.StateCode); {
	case p.Ready, t.options.RunningOnly && state == api.Running, state == api.Exited && p.ExitStatus != nil &&
		*p.ExitStatus == 0:
		turn.phase = turnDone
	case state == api.Fatal:
		t.fail(turn, t.explain(msg.M("%s could not be started", p.Name), p))
	case state == api.Exited:
		t.fail(turn, t.explain(msg.M("%s has ended", p.Name), p))
	case state == api.Stopped, state == api.Stopping:
		t.fail(turn, msg.M("%s was stopped meanwhile by another operation", p.Name))
	}
}

// keepAnswers puts the last answers of probes in the place of later ones that
// say nothing about the program.
func keepAnswers(s, before *api.Status) {
	for i := range s.Programs {
		p := &s.Programs[i]
		for _, old := range before.Programs {
			if old.Name == p.Name && !old.ProbeAnswer.IsZero() && !p.ProbeAnswer.IsZero() {
				p.ProbeAnswer = old.ProbeAnswer
			}
		}
	}
}

// giveUp names what the deadline cut off.
func (t *pythonOperation) giveUp() {
	after := t.progress.Elapsed()
	for _, p := range t.status.Programs {
		turn := t.programs[p.Name]
		if turn == nil {
			continue
		}
		switch turn.phase {
		case toStop, beingStopped:
			t.fail(turn, msg.M("%s did not stop: %v", p.Name, msg.M("state %s", p.State)))
		case toStart:
			t.fail(turn, msg.M("%s was not started within %s: it waits for %s", p.Name, after, strings.Join(turn.last.WaitsFor, ", ")))
		case beingStarted:
			t.fail(turn, t.explain(msg.M("%s did not become ready within %s", p.Name, after), &p))
		}
	}
}

// explain adds the reason, the last answer of the probe and the last lines of
// the log, when it is in our file system.
func (t *pythonOperation) explain(m msg.Message, p *api.ProgramStatus) msg.Message {
	trouble := program.Trouble{State: msg.M("state %s", p.State), Logs: []program.LogFile{{Path: p.StderrLog}, {Path: p.StdoutLog}}}
	if !p.Reason.IsZero() {
		trouble.State = msg.M("%v, %v", trouble.State, p.Reason)
	}
	if !p.ProbeAnswer.IsZero() {
		trouble.Probe, trouble.Answer = p.Probe, p.ProbeAnswer
	}
	if p.ExitStatus != nil {
		trouble.LastExit = msg.M("exit status %d", *p.ExitStatus)
	}
	return trouble.Explain(m)
}

func (t *pythonOperation) fail(turn *pythonTurn, m msg.Message) {
	turn.phase = turnFailed
	t.progress.Fail(m)
}

func (t *pythonOperation) Find(name string) *api.ProgramStatus {
	for i := range t.status.Programs {
		if p := &t.status.Programs[i]; p.Name == name || ownName(p.Name) == name {
			return p
		}
	}
	return nil
}

// report emits an event when there is something new.
func (t *pythonOperation) report(turn *pythonTurn, p *api.ProgramStatus, waits []string) {
	e := api.Event{Program: p.Name, State: p.State, Ready: p.Ready &&
		turn.phase == turnDone, WaitsFor: waits, Answer: p.ProbeAnswer}
	t.progress.Report(&turn.last, e)
}

// ownName is a program's name without its group.
func ownName(full string) string {
	if _, own, grouped := strings.Cut(full, ":"); grouped {
		return own
	}
	return full
}
