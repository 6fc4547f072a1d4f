package engine

import (
	"strings"
	"testing"

	"omsinit/supervise/api"
	"omsinit/supervise/program"
)

func TestStateOutside(t *testing.T) {
	for s, want := range map[state]api.State{
		stopped: api.Stopped, starting: api.Starting, startFailed: api.Starting, running: api.Running,
		crashed: api.Running, backoff: api.Backoff, stopping: api.Stopping, killing: api.Stopping,
		stoppingGroup: api.Stopping, killingGroup: api.Stopping, exited: api.Exited, fatal: api.Fatal,
		fatal + 1: api.Unknown,
	} {
		if got := s.outside(); got != want {
			t.Errorf("state %d is %s outside, want %s", s, got, want)
		}
	}
}

// TestHiddenStates follows programs through the states that have no name of their own outside.
func TestHiddenStates(t *testing.T) {
	group := func(p *program.Program) { p.StopAsGroup, p.KillAsGroup = true, true }
	for _, test := range []struct {
		name   string
		group  bool   // the process leaves its group behind
		events string // separated by commas
		state  state
		goal   goal
	}{
		{name: "nobody has asked", events: "startsecs", state: stopped, goal: goalNone},
		{name: "stop", events: "start,startsecs,stop", state: stopping, goal: goalDown},
		{name: "stop to restart", events: "start,startsecs,restart", state: stopping, goal: goalRestart},
		{name: "stopped to restart", events: "start,startsecs,restart,exit 0", state: stopped, goal: goalRestart},
		{name: "the start that follows", events: "start,startsecs,restart,exit 0,start", state: starting, goal: goalUp},
		{name: "a stop ends a restart", events: "start,startsecs,restart,stop,exit 0", state: stopped, goal: goalDown},
		{name: "start while stopping", events: "start,startsecs,stop,start", state: stopping, goal: goalUp},
		{name: "killing", events: "start,startsecs,stop,stopwait", state: killing, goal: goalDown},
		{name: "killed at once", events: "start,startsecs,stop,kill", state: killing, goal: goalDown},
		{name: "start while killing", events: "start,startsecs,stop,stopwait,start,killed", state: starting,
			goal: goalUp},
		{name: "kill what runs", events: "start,startsecs,kill", state: running, goal: goalUp},
		{name: "unhealthy", events: "start,startsecs,sick", state: stopping, goal: goalRecover},
		{name: "unhealthy, killing", events: "start,startsecs,sick,stopwait", state: killing, goal: goalRecover},
		{name: "unhealthy, gone", events: "start,startsecs,sick,exit 0", state: backoff, goal: goalUp},
		{name: "unhealthy, stopped by hand", events: "start,startsecs,sick,stop", state: stopping, goal: goalDown},
		{name: "unhealthy, started by hand", events: "start,startsecs,sick,start", state: stopping, goal: goalUp},
		{name: "sick twice", events: "start,startsecs,stop,sick", state: stopping, goal: goalDown},
		{name: "start failed", group: true, events: "start,exit 1", state: startFailed, goal: goalUp},
		{name: "start failed, startsecs pass", group: true, events: "start,exit 1,startsecs", state: startFailed,
			goal: goalUp},
		{name: "start failed, group gone", group: true, events: "start,exit 1,group gone", state: backoff,
			goal: goalUp},
		{name: "start failed, group given up", group: true, events: "start,exit 1,grace", state: backoff, goal: goalUp},
		{name: "start failed, stop", group: true, events: "start,exit 1,stop", state: stoppingGroup, goal: goalDown},
		{name: "crashed", group: true, events: "start,startsecs,exit 1", state: crashed, goal: goalUp},
		{name: "crashed, sick", group: true, events: "start,startsecs,exit 1,sick", state: crashed, goal: goalUp},
		{name: "crashed, group given up", group: true, events: "start,startsecs,exit 1,grace", state: backoff,
			goal: goalUp},
		{name: "crashed, stop", group: true, events: "start,startsecs,exit 1,stop", state: stoppingGroup,
			goal: goalDown},
		{name: "stopping the group", group: true, events: "start,startsecs,stop,exit 0", state: stoppingGroup,
			goal: goalDown},
		{name: "killing the group", group: true, events: "start,startsecs,stop,exit 0,stopwait", state: killingGroup,
			goal: goalDown},
		{name: "killing, then the group", group: true, events: "start,startsecs,stop,stopwait,killed",
			state: killingGroup, goal: goalDown},
		{name: "group given up", group: true, events: "start,startsecs,stop,exit 0,stopwait,grace", state: stopped,
			goal: goalDown},
		{name: "unhealthy group", group: true, events: "start,startsecs,sick,exit 0", state: stoppingGroup,
			goal: goalRecover},
		{name: "unhealthy group gone", group: true, events: "start,startsecs,sick,exit 0,group gone", state: backoff,
			goal: goalUp},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, e := newTestProcess(group)
			e.group = test.group
			for _, name := range strings.Split(test.events, ",") {
				events[name](p, e)
			}
			if p.state != test.state || p.goal != test.goal {
				t.Errorf("after %s: state %d, goal %d, want state %d, goal %d", test.events, p.state, p.goal,
					test.state, test.goal)
			}
			if snap := p.Snapshot(); p.state.groupOnly() && snap.PID != 0 {
				t.Errorf("a process that has ended is shown with pid %d", snap.PID)
			}
		})
	}
}

func TestHiddenMoveKeepsTime(t *testing.T) {
	p, e := newTestProcess(func(p *program.Program) { p.StopAsGroup = true })
	e.group = true
	for _, name := range []string{"start", "startsecs", "stop"} {
		events[name](p, e)
	}
	since := p.since
	e.pass(p.stopWait() / 2)
	events["exit 0"](p, e)
	if p.state != stoppingGroup || !p.since.Equal(since) {
		t.Errorf("state %d since %v, stopping since %v", p.state, p.since, since)
	}
	e.pass(p.stopWait() / 2) // the rest of stopwaitsecs, which the exit did not renew
	if p.state != killingGroup {
		t.Errorf("state %d after stopwaitsecs", p.state)
	}
}
