package flow

import (
	"context"
	"slices"
	"time"

	"omsinit/internal/msg"
)

// pulseInterval is the time between two lines of a step that takes long: whoever follows docker logs sees that it
// lives.
const pulseInterval = 10 * time.Second

// reportInterval is the time between two looks at such a step for PID 1, which shows it to whoever asks.
const reportInterval = time.Second

// pulse prints at intervals how long a step has run and what it waits for, until stop is called, and reports what has
// changed of that to PID 1.
func (f *Flow) pulse(ctx context.Context, p Phase) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	start, done := time.Now(), make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(min(f.pulseInterval, reportInterval))
		defer ticker.Stop()
		var reported []msg.Text
		for next := start.Add(f.pulseInterval); ; {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			waiting := f.awaited(ctx, p)
			if ctx.Err() != nil {
				return
			}
			if doing := f.doing(waiting); f.whole && !slices.Equal(doing, reported) {
				report := f.running(p)
				report.Doing, reported = doing, doing
				f.Report(ctx, report)
			}
			if now := time.Now(); now.Before(next) {
				continue
			}
			next = next.Add(f.pulseInterval)
			took := time.Since(start).Round(time.Second)
			if len(waiting) == 0 {
				f.remark(msg.M("  step %d (%s) has run for %s", p.number(), p.Name, took))
			}
			for _, m := range waiting {
				f.remark(msg.M("  step %d (%s) has run for %s, waiting for %v", p.number(), p.Name,
					took, m))
			}
		}
	}()
	return func() { cancel(); <-done }
}

// doing returns what a step does for PID 1: what it waits for, else what it said last.
func (f *Flow) doing(waiting []msg.Message) (list []msg.Text) {
	for _, m := range waiting {
		list = append(list, msg.NewText(msg.M("waiting for %v", m)))
	}
	if last := f.lastSaid(); len(list) == 0 && !last.IsZero() {
		list = append(list, msg.NewText(last))
	}
	return list
}

// awaited returns the checks that step 1 waits for, or the programs that step 4 waits for, with their state and the
// last answer of their probe.
func (f *Flow) awaited(ctx context.Context, p Phase) (list []msg.Message) {
	switch p.Name {
	case "check":
		return f.progress.unfinished()
	case "restart":
	default:
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, f.pulseInterval)
	defer cancel()
	status, err := f.client.Status(ctx)
	if err != nil {
		return nil
	}
	for _, program := range status.Programs {
		switch {
		case !slices.Contains(f.pack.Restart, program.Name) || program.Ready:
		case !program.ProbeAnswer.IsZero():
			list = append(list, msg.M("%s (%s): %v", program.Name, program.State, program.ProbeAnswer))
		default:
			list = append(list, msg.M("%s (%s)", program.Name, program.State))
		}
	}
	return list
}
