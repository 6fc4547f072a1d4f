package flow

import (
	"context"
	"os"
	"time"

	"omsinit/internal/msg"
	"omsinit/internal/pack"
	"omsinit/supervise"
	"omsinit/supervise/engine"
)

// readyLine is the last line of a container's log after a successful start.
// Other tools wait for exactly this text (oms-facts §4).
const readyLine = "OMS service start successfully"

// BootOptions are what only PID 1 needs to know.
type BootOptions struct {
	// OnReady is called once, after the ready line.
	OnReady func()
	// Hint is what a person does after a failure that needs one.
	Hint msg.Message
	// StopTimeout and ExitOnFatal are those of supervise.Options.
	StopTimeout time.Duration
	ExitOnFatal bool
	// MetricsPort is a port on 127.0.0.1 for Prometheus; 0 for none.
	MetricsPort int
}

// Boot is the container's entry point: it supervises the programs, and
// initialises the node as a child of PID 1. A node that was initialised in
// this container with the same inputs starts its programs at once.
func Boot(ctx context.Context, o Options, b BootOptions) (int, error) {
	o.setDefaults()
	// A broken pack must not keep the container from staying up: the child
	// says what is wrong with it, and nothing is started.
	release := ""
	if p, err := pack.Open(o.PackDir); err == nil {
		release = p.Release
	}
	self, err := os.Executable()
	if err != nil {
		return 1, msg.Errorf("cannot find omsinit itself: %w", err)
	}
	if b.Hint.IsZero() {
		b.Hint = msg.M("correct what is wrong, then initialise again: docker exec CONTAINER /root/docker_init.sh (or omsinit init)")
	}
	made := record{o.Layout.RenderedRecord()}
	fits := func() bool {
		in, err := readInputs(o, release)
		return err == nil && release != "" && initialised(o.Layout.InitFlag()) && made.matches(in)
	}
	// The signals are the supervisor's own: with the context as well, one
	// signal would count as two, and the second one hurries.
	return supervise.Run(context.WithoutCancel(ctx), engine.Options{
		ConfPath:    o.Layout.SupervisordConf(),
		SocketPath:  o.Layout.ControlSocket(),
		LockFile:    o.Layout.RunLock(),
		LogFile:     o.Layout.LogFile(),
		Env:         []string{rootEnv(o.Layout)},
		StopTimeout: b.StopTimeout,
		ExitOnFatal: b.ExitOnFatal,
		IgnoreUsers: o.Layout.Relocated(),
		Hold:        func() bool { return !fits() },
		Setup: &engine.Setup{
			Argv:   initCommand(self, o),
			Env:    []string{bootTimeEnv + "=" + o.Now().Format(logStamp)},
			Stdout: os.Stdout, Stderr: os.Stderr,
			ReadyLine: readyLine, OnReady: b.OnReady,
		},
		SetupHint: b.Hint,
		Lang:      o.Lang,
		Companion: companion(o, b.MetricsPort),
	})
}

// initCommand is what PID 1 runs as its child.
func initCommand(self string, o Options) []string {
	argv := []string{self, "init"}
	if o.Upgrade == "true" {
		argv = []string{self, "upgrade", "apply", "--unattended"}
	}
	argv = append(argv, "--root", o.Layout.Path("/"), "--config", o.ConfigFile, "--lang", string(o.Lang))
	if o.PackDir != o.Layout.PackDir() { // the usual place may be empty, one that was named may not
		argv = append(argv, "--pack", o.PackDir)
	}
	if o.TSDBOptional {
		argv = append(argv, "--tsdb-optional")
	}
	return argv
}
