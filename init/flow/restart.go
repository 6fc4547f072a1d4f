package flow

import (
	"context"
	"slices"
	"strings"
	"time"

	"omsinit/internal/finding"
	"omsinit/internal/listener"
	"omsinit/internal/msg"
	"omsinit/internal/style"
	"omsinit/supervise/api"
	"omsinit/supervise/client"
)

// settling is how long a program may run without being ready before it is taken for stuck. A JVM takes its time.
const settling = 2 * time.Minute

// restart is step 4: restart what runs with files that have changed since it was started, start what does not run, and
// wait until all are ready. What is just starting, as after a restart of the container, is waited for.
func (f *Flow) restart(ctx context.Context) error {
	if _, err := f.client.Update(ctx); err != nil {
		return unsupervised(err)
	}
	status, err := f.client.Status(ctx)
	if err != nil {
		return err
	}
	d := f.due(status)
	f.displace(&d, status)
	if len(d.defined) == 0 {
		return msg.Errorf("none of the programs %s is defined in %s", msg.List(f.pack.Restart),
			f.Layout.SupervisordConf())
	}
	if len(d.coming)+len(d.restart) == 0 {
		f.say(msg.M("all components are ready, and run with their current files: %s", strings.Join(d.defined, " ")))
		return nil
	}
	o := client.OperationOptions{Timeout: f.ReadyTimeout, Setup: true}
	progress := api.Narrate(func(s style.Style, m msg.Message) { f.sayAs(s, msg.M("  %v", m)) })
	// A component that cannot work yet, because the MetaDB went away meanwhile, may work later: both are worth another
	// try.
	if len(d.restart) > 0 {
		f.say(msg.M("restarting %s", strings.Join(d.restart, " ")))
		if err := f.client.Restart(ctx, d.restart, o, progress); err != nil {
			return finding.Transient(err)
		}
	}
	if len(d.coming) > 0 {
		f.say(msg.M("waiting for %s", strings.Join(d.coming, " ")))
		if err := f.client.Start(ctx, d.coming, o, progress); err != nil {
			return finding.Transient(err)
		}
	}
	f.say(msg.M("all components are ready: %s", strings.Join(d.defined, " ")))
	return nil
}

// due is what step 4 has to do: the programs of the pack that are defined, and of those the ones to wait for, and the
// ones to restart, which include those that do not run.
type due struct{ defined, coming, restart []string }

func (f *Flow) due(status *api.Status) (d due) {
	programs := byName(status)
	for _, name := range f.pack.Restart {
		p, ok := programs[name]
		if !ok {
			continue
		}
		d.defined = append(d.defined, name)
		switch {
		case p.Ready && !p.Stale:
		case !p.Stale && (starting(p) || len(p.WaitsFor) > 0):
			d.coming = append(d.coming, name)
		default:
			d.restart = append(d.restart, name)
		}
	}
	return d
}

// displace also restarts a program that holds the port of one that is not ready: a CM that was started while nginx was
// down has nginx's port on loopback, for Jetty's stop command, until it ends (docs/oms-facts.md §14.2).
func (f *Flow) displace(d *due, status *api.Status) {
	cfg := f.Snapshot().Config
	if cfg == nil {
		return
	}
	programs := processes(status)
	for _, port := range cfg.Ports() {
		if !slices.Contains(d.restart, port.Program) && !slices.Contains(d.coming, port.Program) {
			continue
		}
		holder := listener.HeldBy(port.Number, programs)
		if holder == port.Program || !slices.Contains(d.defined, holder) {
			continue
		}
		f.say(msg.M("%s holds port %d, which %s needs: both are restarted", holder, port.Number, port.Program))
		for _, name := range []string{port.Program, holder} {
			d.coming = slices.DeleteFunc(d.coming, func(other string) bool { return other == name })
			if !slices.Contains(d.restart, name) {
				d.restart = append(d.restart, name)
			}
		}
	}
}

// byName returns the programs by their names.
func byName(status *api.Status) map[string]api.ProgramStatus {
	programs := map[string]api.ProgramStatus{}
	for _, p := range status.Programs {
		programs[p.Name] = p
	}
	return programs
}

// starting reports whether a program runs, and not for so long that it should be ready.
func starting(p api.ProgramStatus) bool {
	return p.PID != 0 && time.Duration(p.UptimeSeconds)*time.Second < settling
}

// noneFatal returns an error when one of the components has been given up.
func (f *Flow) noneFatal(ctx context.Context) error {
	status, err := f.client.Status(ctx)
	if err != nil {
		return unsupervised(err)
	}
	programs := byName(status)
	for _, name := range f.pack.Restart {
		if p := programs[name]; p.State == api.Fatal.String() {
			return finding.Transient(msg.Errorf("%s is FATAL: %v; see `omsinit status`", name, p.Reason))
		}
	}
	return nil
}
