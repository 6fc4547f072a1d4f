package flow

import (
	"context"
	"errors"
	"net/http"
	"time"

	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/metrics"
	"omsinit/supervise/api"
	"omsinit/supervise/client"
)

// reportTime bounds what a run tells PID 1, which may hang.
const reportTime = 2 * time.Second

// Report reports to PID 1 how far the initialisation is, when there is one.
func (f *Flow) Report(ctx context.Context, report api.SetupReport) {
	ctx, cancel := context.WithTimeout(ctx, reportTime)
	defer cancel()
	if err := f.client.ReportSetup(ctx, report); err != nil && !errors.Is(err, client.ErrNotRunning) {
		f.fail(msg.M("warning: cannot report the progress to PID 1: %v", err))
	}
}

// reportFailure reports to PID 1 why a run ended, and whether it is worth trying again. It must get through even when
// the run was interrupted.
func (f *Flow) reportFailure(ctx context.Context, report api.SetupReport, err error) {
	var locked *LockedError
	report.State, report.Message = api.SetupFailed, msg.ErrorText(err)
	report.Transient = finding.IsTransient(err) || finding.IsShortage(err) || errors.As(err, &locked) ||
		f.awaitsUpgrade(err)
	f.Report(context.WithoutCancel(ctx), report)
}

// reportStep reports to the metrics in PID 1 how a step ended. Nobody may be there, or a Python supervisord, which has
// no use for it.
func (f *Flow) reportStep(ctx context.Context, name string, took time.Duration, failed bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reportTime)
	defer cancel()
	step := metrics.Step{Name: name, Seconds: took.Seconds(), Failed: failed}
	_ = f.client.Call(ctx, http.MethodPost, metrics.StepPath, step, &struct{}{})
}

// unsupervised returns what to do where nobody supervises.
func unsupervised(err error) error {
	if errors.Is(err, client.ErrNotRunning) {
		return msg.Errorf("nobody supervises the components: start `omsinit run` first (in a container it is the entry point): %w", err)
	}
	return err
}
