package engine

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"omsinit/internal/msg"
	"omsinit/supervise/api"
	"omsinit/supervise/program"
)

// fakeEngine records what a process does, and lets a test run its timers.
type fakeEngine struct {
	clock    time.Time
	pid      int
	exited   func(pid int, e api.Exit)
	spawnErr error
	did      []string
	timers   []fakeTimer
	group    bool // the process group has members
	left     bool // there is something else that the process has left behind
	answer   bool // of the probe
	found    func(line string)
	fatals   int
}

type fakeTimer struct {
	d         time.Duration
	f         func()
	cancelled *bool
}

func (e *fakeEngine) spawn(_ program.Program, _ place, exited func(int, api.Exit)) (int, error) {
	if e.spawnErr != nil {
		return 0, e.spawnErr
	}
	e.pid++
	e.exited = exited
	e.did = append(e.did, "spawn")
	return e.pid, nil
}

func (e *fakeEngine) kill(pid int, sig syscall.Signal, group bool) error {
	what := "signal " + api.SignalName(sig)
	if group {
		what += " group"
	}
	e.did = append(e.did, what)
	return nil
}

func (e *fakeEngine) alive(r rest) bool  { return r.group && e.group || !r.group && e.left }
func (e *fakeEngine) children(int) []int { return []int{7} }

func (e *fakeEngine) ignores(int, syscall.Signal) bool { return false }

func (e *fakeEngine) signalRest(r rest, sig syscall.Signal) {
	switch {
	case r.group && sig == syscall.SIGKILL:
		e.did = append(e.did, "kill group")
	case !r.group:
		e.did = append(e.did, "rest "+api.SignalName(sig))
	}
}

func (e *fakeEngine) now() time.Time        { return e.clock }
func (e *fakeEngine) drain(program.Program) {}
func (e *fakeEngine) changed()              {}

func (e *fakeEngine) after(d time.Duration, f func()) func() {
	cancelled := new(bool)
	e.timers = append(e.timers, fakeTimer{d, f, cancelled})
	return func() { *cancelled = true }
}

func (e *fakeEngine) ready(context.Context, program.Program, int) (bool, msg.Message) {
	return e.answer, msg.M("%s", "asked")
}

func (e *fakeEngine) healthy(context.Context, program.Program, int) (bool, msg.Message) {
	return e.answer, msg.M("%s", "asked")
}

func (e *fakeEngine) watchLog(_ program.Program, _ string, found func(string)) func() {
	e.found = found
	return func() {}
}

func (e *fakeEngine) fatal(p program.Program, _ *api.Exit) { e.fatals++ }

// pass lets time go by and runs the timers that are due.
func (e *fakeEngine) pass(d time.Duration) {
	end := e.clock.Add(d)
	for i := range len(e.timers) { // not those that the timers add
		t := e.timers[i]
		e.timers[i].d -= d
		if *t.cancelled || t.d > d {
			continue
		}
		*e.timers[i].cancelled = true
		e.clock = end
		t.f()
	}
	e.clock = end
}

func newTestProcess(change func(*program.Program)) (*Process, *fakeEngine) {
	def := program.Program{Name: "p", Group: "p", Command: []string{"p"}, ExitCodes: []int{0}, StartSecs: 1,
		StartRetries: 3,
		StopSignal:   syscall.SIGTERM, StopWaitSecs: 10}
	if change != nil {
		change(&def)
	}
	e := &fakeEngine{clock: time.Unix(1000, 0)}
	return newProcess(def, e, slog.New(slog.NewTextHandler(io.Discard, nil))), e
}

// The events of the table.
var events = map[string]func(p *Process, e *fakeEngine){
	"start":     func(p *Process, e *fakeEngine) { p.Start(context.Background()) },
	"stop":      func(p *Process, e *fakeEngine) { p.Stop(context.Background(), false) },
	"restart":   func(p *Process, e *fakeEngine) { p.Stop(context.Background(), true) },
	"kill":      func(p *Process, e *fakeEngine) { p.kill() },
	"startsecs": func(p *Process, e *fakeEngine) { e.pass(time.Second) },
	"long":      func(p *Process, e *fakeEngine) { e.pass(time.Minute) },
	"stopwait":  func(p *Process, e *fakeEngine) { e.pass(10 * time.Second) },
	"grace":     func(p *Process, e *fakeEngine) { e.pass(groupGrace) },
	"backoff":   func(p *Process, e *fakeEngine) { e.pass(longestBackoff) },
	"exit 0":    func(p *Process, e *fakeEngine) { e.exited(p.pid, api.Exit{Code: 0}) },
	"exit 1":    func(p *Process, e *fakeEngine) { e.exited(p.pid, api.Exit{Code: 1}) },
	"killed":    func(p *Process, e *fakeEngine) { e.exited(p.pid, api.Exit{Code: -1, Signal: syscall.SIGKILL}) },
	"group gone": func(p *Process, e *fakeEngine) {
		e.group, e.left = false, false
		p.groupChanged()
	},
	"sick": func(p *Process, e *fakeEngine) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.died(3, msg.M("%s", "no answer"))
	},
	"spawn fails": func(p *Process, e *fakeEngine) { e.spawnErr = errors.New("no such file") },
	"spawn works": func(p *Process, e *fakeEngine) { e.spawnErr = nil },
}

func TestStates(t *testing.T) {
	with := func(change func(*program.Program)) func(*program.Program) { return change }
	for _, test := range []struct {
		name   string
		change func(*program.Program)
		group  bool
		left   bool
		events string // separated by commas
		state  api.State
		wanted bool
		ready  bool
		did    string
	}{
		{name: "start", events: "start", state: api.Starting, wanted: true, did: "spawn"},
		{name: "running", events: "start,startsecs", state: api.Running, wanted: true, ready: true, did: "spawn"},
		{name: "startsecs 0", change: with(func(p *program.Program) { p.StartSecs = 0 }), events: "start",
			state: api.Running, wanted: true, ready: true, did: "spawn"},
		{name: "start twice", events: "start,start,startsecs,start", state: api.Running, wanted: true, ready: true,
			did: "spawn"},
		{name: "stop", events: "start,startsecs,stop", state: api.Stopping, did: "spawn,signal SIGTERM"},
		{name: "stopped", events: "start,startsecs,stop,killed", state: api.Stopped, did: "spawn,signal SIGTERM"},
		{name: "stop while starting", events: "start,stop,exit 0", state: api.Stopped, did: "spawn,signal SIGTERM"},
		{name: "stop kills", events: "start,startsecs,stop,stopwait,killed", state: api.Stopped,
			did: "spawn,signal SIGTERM,signal SIGKILL"},
		{name: "stop kills once", events: "start,startsecs,stop,stopwait,stopwait", state: api.Stopping,
			did: "spawn,signal SIGTERM,signal SIGKILL"},
		{name: "start while stopping", events: "start,startsecs,stop,start", state: api.Stopping, wanted: true,
			did: "spawn,signal SIGTERM"},
		{name: "start while stopping is not lost", events: "start,startsecs,stop,start,killed", state: api.Starting,
			wanted: true, did: "spawn,signal SIGTERM,spawn"},
		{name: "stop after start while stopping", events: "start,startsecs,stop,start,stop,killed", state: api.Stopped,
			did: "spawn,signal SIGTERM"},
		{name: "stop when stopped", events: "stop", state: api.Stopped},
		{name: "clean exit", events: "start,startsecs,exit 0", state: api.Exited, wanted: true, did: "spawn"},
		{name: "expected exit code", change: with(func(p *program.Program) { p.ExitCodes = []int{1, 2} }),
			events: "start,startsecs,exit 1", state: api.Exited, wanted: true, did: "spawn"},
		{name: "crash restarts at once", events: "start,startsecs,exit 1,grace", state: api.Starting, wanted: true,
			did: "spawn,spawn"},
		{name: "kill -9 restarts", events: "start,startsecs,killed,grace", state: api.Starting, wanted: true,
			did: "spawn,spawn"},
		{name: "autorestart true", change: with(func(p *program.Program) { p.Autorestart = program.RestartAlways }),
			events: "start,startsecs,exit 0,grace", state: api.Starting, wanted: true, did: "spawn,spawn"},
		{name: "autorestart false", change: with(func(p *program.Program) { p.Autorestart = program.RestartNever }),
			events: "start,startsecs,exit 1,grace", state: api.Exited, wanted: true, did: "spawn"},
		{name: "too quick", events: "start,exit 0", state: api.Backoff, wanted: true, did: "spawn"},
		{name: "too quick, again", events: "start,exit 0,backoff", state: api.Starting, wanted: true,
			did: "spawn,spawn"},
		{name: "retries 0", change: with(func(p *program.Program) { p.StartRetries = 0 }), events: "start,exit 1",
			state: api.Fatal, wanted: true, did: "spawn"},
		{name: "retries 1", change: with(func(p *program.Program) { p.StartRetries = 1 }),
			events: "start,exit 1,backoff,exit 1", state: api.Fatal, wanted: true, did: "spawn,spawn"},
		{name: "a good start forgets failures", change: with(func(p *program.Program) { p.StartRetries = 1 }),
			events: "start,exit 1,backoff,startsecs,exit 1,backoff,exit 1", state: api.Backoff, wanted: true,
			did: "spawn,spawn,spawn"},
		{name: "start from fatal", change: with(func(p *program.Program) { p.StartRetries = 0 }),
			events: "start,exit 1,start", state: api.Starting, wanted: true, did: "spawn,spawn"},
		{name: "start from exited", events: "start,startsecs,exit 0,start", state: api.Starting, wanted: true,
			did: "spawn,spawn"},
		{name: "stop from fatal", change: with(func(p *program.Program) { p.StartRetries = 0 }),
			events: "start,exit 1,stop", state: api.Fatal, did: "spawn"},
		{name: "stop in backoff", events: "start,exit 1,stop,backoff", state: api.Stopped, did: "spawn"},
		{name: "start in backoff", events: "start,exit 1,start", state: api.Starting, wanted: true, did: "spawn,spawn"},
		{name: "spawn fails", events: "spawn fails,start", state: api.Backoff, wanted: true},
		{name: "spawn fails for good", change: with(func(p *program.Program) { p.StartRetries = 0 }),
			events: "spawn fails,start", state: api.Fatal, wanted: true},
		{name: "spawn fails once", events: "spawn fails,start,spawn works,backoff,startsecs", state: api.Running,
			wanted: true, ready: true, did: "spawn"},
		{name: "signal to the group", change: with(
			func(p *program.Program) { p.StopAsGroup, p.KillAsGroup = true, true }), events: "start,stop,stopwait",
			state: api.Stopping, did: "spawn,signal SIGTERM group,signal SIGKILL group"},
		{name: "the group outlives the script",
			change: with(func(p *program.Program) { p.StopAsGroup, p.KillAsGroup = true, true }), group: true,
			events: "start,startsecs,stop,killed", state: api.Stopping, did: "spawn,signal SIGTERM group"},
		{name: "the group ends", change: with(func(p *program.Program) { p.StopAsGroup, p.KillAsGroup = true, true }),
			group:  true,
			events: "start,startsecs,stop,start,killed,group gone", state: api.Starting, wanted: true,
			did: "spawn,signal SIGTERM group,spawn"},
		{name: "the group is killed", change: with(
			func(p *program.Program) { p.StopAsGroup, p.KillAsGroup = true, true }), group: true,
			events: "start,startsecs,stop,killed,stopwait,group gone", state: api.Stopped,
			did: "spawn,signal SIGTERM group,kill group"},
		{name: "the group cannot be killed",
			change: with(func(p *program.Program) { p.StopAsGroup, p.KillAsGroup = true, true }), group: true,
			events: "start,startsecs,stop,killed,stopwait,grace", state: api.Stopped,
			did: "spawn,signal SIGTERM group,kill group"},
		{name: "a crash kills its group", change: with(func(p *program.Program) { p.KillAsGroup = true }), group: true,
			events: "start,startsecs,killed,group gone,grace", state: api.Starting, wanted: true,
			did: "spawn,kill group,spawn"},
		{name: "stop while a crashed group ends", change: with(func(p *program.Program) { p.KillAsGroup = true }),
			group:  true,
			events: "start,startsecs,killed,stop,group gone", state: api.Stopped, did: "spawn,kill group"},
		{name: "the group outlives a process that outlived SIGKILL",
			change: with(func(p *program.Program) { p.StopAsGroup = true }), group: true,
			events: "start,startsecs,stop,stopwait,grace,killed,grace", state: api.Stopped,
			did: "spawn,signal SIGTERM group,signal SIGKILL,kill group"},
		{name: "nothing is left behind", events: "start,startsecs,stop,killed", state: api.Stopped,
			did: "spawn,signal SIGTERM"},
		{name: "what is left behind ends", left: true, events: "start,startsecs,stop,start,stopwait,killed,group gone",
			state: api.Starting, wanted: true,
			did: "spawn,signal SIGTERM,signal SIGKILL,rest SIGTERM,spawn"},
		{name: "what is left behind is killed", left: true, events: "start,startsecs,stop,killed,grace,group gone",
			state: api.Stopped,
			did:   "spawn,signal SIGTERM,rest SIGTERM,rest SIGKILL"},
		{name: "what is left behind cannot be killed", left: true, events: "start,startsecs,stop,killed,grace,grace",
			state: api.Stopped,
			did:   "spawn,signal SIGTERM,rest SIGTERM,rest SIGKILL"},
		{name: "a crash leaves something behind", left: true, events: "start,startsecs,killed,grace,group gone,grace",
			state: api.Starting, wanted: true,
			did: "spawn,rest SIGTERM,rest SIGKILL,spawn"},
		{name: "stop while what a crash left behind ends", left: true, events: "start,startsecs,killed,stop,group gone",
			state: api.Stopped,
			did:   "spawn,rest SIGTERM"},
		{name: "not alive", events: "start,startsecs,sick", state: api.Stopping, wanted: true,
			did: "spawn,signal SIGTERM"},
		{name: "not alive, restarted", events: "start,startsecs,sick,exit 0,grace", state: api.Starting, wanted: true,
			did: "spawn,signal SIGTERM,spawn"},
		{name: "not alive, killed", events: "start,startsecs,sick,stopwait,killed,grace", state: api.Starting,
			wanted: true, did: "spawn,signal SIGTERM,signal SIGKILL,spawn"},
		{name: "stop while not alive", events: "start,startsecs,sick,stop,exit 0,long", state: api.Stopped,
			did: "spawn,signal SIGTERM"},
		{name: "start while not alive", events: "start,startsecs,sick,start,exit 0", state: api.Starting, wanted: true,
			did: "spawn,signal SIGTERM,spawn"},
		{name: "not alive when it is down", events: "start,startsecs,stop,killed,sick", state: api.Stopped,
			did: "spawn,signal SIGTERM"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, e := newTestProcess(test.change)
			e.group, e.left = test.group, test.left
			for _, name := range strings.Split(test.events, ",") {
				events[name](p, e)
			}
			did := strings.Join(e.did, ",")
			if p.state.outside() != test.state || p.goal.up() != test.wanted || p.ready != test.ready ||
				did != test.did {
				t.Errorf("after %s: state %s, wanted %t, ready %t, did %q\nwant state %s, wanted %t, ready %t, did %q",
					test.events, p.state.outside(), p.goal.up(), p.ready, did, test.state, test.wanted,
					test.ready, test.did)
			}
		})
	}
}

func TestExitOfAnotherRunIsIgnored(t *testing.T) {
	p, e := newTestProcess(nil)
	p.Start(context.Background())
	old := p.pid
	e.exited(old, api.Exit{Code: 1})
	e.pass(longestBackoff)
	e.exited(old, api.Exit{Code: 1}) // too late
	if p.state != starting || p.pid == old {
		t.Errorf("state %s, pid %d", p.state.outside(), p.pid)
	}
}

func TestCrashLoopBacksOff(t *testing.T) {
	p, e := newTestProcess(func(p *program.Program) { p.StartSecs = 0 })
	p.Start(context.Background())
	var delays []time.Duration
	for range 10 {
		e.exited(p.pid, api.Exit{Code: 1})
		delays = append(delays, p.retryAt.Sub(e.clock))
		e.pass(longestBackoff)
	}
	if delays[0] != 0 || delays[1] == 0 || delays[1] > time.Second || delays[9] < longestBackoff/2 ||
		!slices.IsSorted(delays[:5]) {
		t.Errorf("delays %v", delays)
	}
	e.pass(goodRun)
	e.exited(p.pid, api.Exit{Code: 1})
	if d := p.retryAt.Sub(e.clock); d != 0 {
		t.Errorf("after a good run the first retry waits %v", d)
	}
}

func TestReadinessIsPolledOnlyUntilReady(t *testing.T) {
	p, e := newTestProcess(func(p *program.Program) { p.Probe, p.StartSecs = &program.Probe{TCP: "x:1"}, 10 })
	p.Start(context.Background())
	for range 20 {
		e.pass(time.Second / 4)
	}
	if p.ready || p.answer.IsZero() {
		t.Errorf("ready %t, answer %v", p.ready, p.answer)
	}
	e.answer = true
	e.pass(program.LongestProbe)
	if !p.ready || p.state != starting {
		t.Errorf("ready %t in state %s", p.ready, p.state.outside())
	}
	before := len(e.timers)
	e.pass(time.Hour)
	if len(e.timers) != before {
		t.Error("it is still asked after it was ready")
	}
	e.answer = false
	e.exited(p.pid, api.Exit{Code: 1})
	if p.ready {
		t.Error("ready after its end")
	}
	e.pass(longestBackoff)
	if p.ready {
		t.Error("ready again without an answer")
	}
}

func TestPendingStart(t *testing.T) {
	for name, test := range map[string]struct {
		between func(p *Process)
		state   api.State
	}{
		"nothing": {func(p *Process) {}, api.Starting},
		"stop":    {func(p *Process) { p.Stop(context.Background(), false) }, api.Stopped},
		"start":   {func(p *Process) { p.Start(context.Background()) }, api.Starting},
		"hold":    {func(p *Process) { p.Hold(context.Background()) }, api.Stopped},
	} {
		t.Run(name, func(t *testing.T) {
			p, e := newTestProcess(nil)
			ctx := p.Hold(context.Background())
			p.WaitFor(ctx, []string{"other"})
			test.between(p)
			p.Start(ctx)
			if p.state.outside() != test.state || len(e.did) > 1 {
				t.Errorf("state %s, did %v", p.state.outside(), e.did)
			}
		})
	}
}

func TestBackoffDelay(t *testing.T) {
	for n, want := range []time.Duration{0, 0, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second} {
		for range 100 {
			d := backoffDelay(n, time.Second, time.Minute)
			if d < want*3/4 || d > want*5/4 {
				t.Fatalf("try %d waits %v, want about %v", n, d, want)
			}
		}
	}
	if d := backoffDelay(1000, time.Second, time.Minute); d < 45*time.Second || d > time.Minute {
		t.Errorf("try 1000 waits %v", d)
	}
}
