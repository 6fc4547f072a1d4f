package flow

import (
	"errors"
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
	checks   []check.Result // of step 1 that have not finished
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
	if runs {
		p.checks = append(p.checks, check.Result{ID: id, Title: title})
		return
	}
	for i, c := range p.checks {
		if c.ID == id {
			p.checks = append(p.checks[:i:i], p.checks[i+1:]...)
			return
		}
	}
}

// unfinished returns the checks of step 1 that run.
func (p *progress) unfinished() (list []msg.Message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.checks {
		list = append(list, msg.M("%s: %v", c.ID, c.Title))
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
