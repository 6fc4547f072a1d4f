package flow

import (
	"context"
	"os"
	"time"

	"omsinit/internal/config"
	"omsinit/internal/msg"
	"omsinit/supervise"
	"omsinit/supervise/engine"
	"omsinit/supervise/page"
)

// readyLine is the last line of a container's log after a successful start. Other tools wait for exactly this text
// (docs/oms-facts.md §4).
const readyLine = "OMS service start successfully"

// BootOptions are what only PID 1 needs to know.
type BootOptions struct {
	// OnReady is called once, after the ready line.
	OnReady func()
	// OnStop is called once, when the programs begin to be stopped.
	OnStop func()
	// Hint is what a person does after a failure that needs one; the zero value is what helps in a container.
	Hint msg.Message
	// StopTimeout and ExitOnFatal are those of engine.Options.
	StopTimeout time.Duration
	ExitOnFatal bool
	// NoPage leaves out the page that shows in a browser how far the node is.
	NoPage bool
	// Metrics is an address and port for Prometheus; empty for none.
	Metrics string
}

// Boot is the container's entry point: it supervises the programs, and initialises the node as a child of PID 1. A node
// that was initialised in this container with the same inputs starts its programs at once. The first result is an exit
// status.
func (f *Flow) Boot(ctx context.Context, o BootOptions) (int, error) {
	self, err := os.Executable()
	if err != nil {
		return 1, msg.Errorf("cannot find omsinit itself: %w", err)
	}
	if o.Hint.IsZero() {
		o.Hint = msg.M("correct what is wrong, then initialise again: docker exec CONTAINER /root/docker_init.sh (or omsinit init); docker exec CONTAINER omsinit doctor ranks what may be wrong")
	}
	// In both languages: who cannot read the one has to find out how to get the other.
	f.say(msg.M("language: English; 切换为中文：docker run -e OMS_LANG=zh …"))
	// The signals are the supervisor's own: with the context as well, one signal would count as two, and the second one
	// hurries.
	return supervise.Run(context.WithoutCancel(ctx), engine.Options{
		ConfPath:    f.Layout.SupervisordConf(),
		SocketPath:  f.Layout.ControlSocket(),
		LockFile:    f.Layout.RunLock(),
		LogFile:     f.Layout.LogFile(),
		Env:         []string{rootEnv(f.Layout)},
		StopTimeout: o.StopTimeout,
		ExitOnFatal: o.ExitOnFatal,
		IgnoreUsers: f.Layout.Relocated(),
		// PID 1 lives long, and people edit config.yaml meanwhile. A broken pack must not keep the container from
		// staying up: the child says what is wrong with it, and nothing is started.
		Hold: func() bool { return !finished(f.Again()) },
		Setup: &engine.Setup{
			Argv:   f.initCommand(self),
			Env:    []string{bootTimeEnv + "=" + f.Now().Format(logStamp)},
			Stdout: os.Stdout, Stderr: os.Stderr,
			ReadyLine: readyLine, OnReady: o.OnReady,
		},
		SetupHint: o.Hint,
		OnStop:    o.OnStop,
		Lang:      f.Lang,
		Companion: f.companion(o.Metrics),
	}, f.page(o))
}

// page returns what PID 1 shows on the console's port as long as nginx does not run, nil for nothing.
func (f *Flow) page(o BootOptions) *page.Options {
	if o.NoPage {
		return nil
	}
	seen := f.Again()
	return &page.Options{Socket: f.Layout.PageSocket(), Where: func() page.Place {
		seen.Refresh() // a person may have edited it since
		port := config.ConsolePort(seen.Snapshot().Text)
		place := page.Place{Port: port.Number, Program: port.Program}
		if f.Layout.HTTPS() {
			place.CertFile, place.KeyFile = f.Layout.CertFile(), f.Layout.KeyFile()
		}
		return place
	}}
}

// initCommand is what PID 1 runs as its child.
func (f *Flow) initCommand(self string) []string {
	argv := []string{self, "init"}
	if f.IsUpgrade == "true" {
		argv = []string{self, "upgrade", "apply", "--unattended"}
	}
	argv = append(argv, "--root", f.Layout.Path("/"), "--config", f.ConfigFile, "--lang", string(f.Lang))
	if f.PackDir != f.Layout.PackDir() { // the usual place may be empty, one that was named may not
		argv = append(argv, "--pack", f.PackDir)
	}
	if f.TSDBOptional {
		argv = append(argv, "--tsdb-optional")
	}
	return argv
}
