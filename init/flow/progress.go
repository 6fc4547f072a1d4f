package flow

import (
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"omsinit/check"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/supervise/api"
)

// progress is how far the steps of a run are, as PID 1 is told.
type progress struct {
	mu       sync.Mutex // the pulse of a step reports beside it
	steps    []api.SetupStep
	findings []api.Finding
	checks   map[string]msg.Message // that step 1 has not finished, by their ids
}

// begin notes that the turn of a step has come.
func (p *progress) begin(step Phase, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.steps) == 0 {
		for _, each := range Phases {
			p.steps = append(p.steps, api.SetupStep{Name: each.Name, Title: msg.NewText(each.Banner)})
		}
	}
	p.steps[step.number()-1] = api.SetupStep{Name: step.Name, Title: msg.NewText(step.Banner), State: api.SetupRunning,
		StartedAt: &now}
}

// found notes what step 1 has found.
func (p *progress) found(list []finding.Finding) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.findings = api.NewFindings(list)
}

// checking notes that a check of step 1 begins or has ended.
func (p *progress) checking(id string, title msg.Message, runs bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !runs {
		delete(p.checks, id)
		return
	}
	if p.checks == nil {
		p.checks = map[string]msg.Message{}
	}
	p.checks[id] = title
}

// unfinished returns the checks of step 1 that run.
func (p *progress) unfinished() (list []msg.Message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(p.checks)) {
		list = append(list, msg.M("%s: %v", id, p.checks[id]))
	}
	return list
}

// end notes how a step has ended.
func (p *progress) end(step Phase, took time.Duration, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var failed *check.FailedError
	if step.Name != "check" && errors.As(err, &failed) {
		p.findings = append(p.findings, api.NewFindings(failed.Findings)...)
	}
	at := &p.steps[step.number()-1]
	at.State, at.Seconds = api.SetupDone, took.Seconds()
	if err != nil {
		at.State = api.SetupFailed
	}
}

// report returns a report with how far the run is.
func (p *progress) report(state string) api.SetupReport {
	p.mu.Lock()
	defer p.mu.Unlock()
	return api.SetupReport{State: state, Steps: slices.Clone(p.steps), Findings: slices.Clone(p.findings)}
}

// running returns the report of a step that runs.
func (f *Flow) running(p Phase) api.SetupReport {
	report := f.progress.report(api.SetupRunning)
	report.Step, report.StepName, report.Programs = p.number(), msg.Text{English: p.Name}, f.pack.Restart
	return report
}
