// Command oms-standin plays the three closed components of OMS: the console
// (Ghana), the cluster manager (CM) and the agent (OMS supervisor). It is not
// OceanBase's software and says so.
//
// It works from the files that omsinit generates and from nothing else, with
// the credentials it finds there, against the real MetaDB and TSDB. A wrong
// file, a missing key or a refused login ends it as documented (oms-facts §9
// and §11), so that a test of omsinit can fail for the same reasons as a real
// node.
//
//	oms-standin console [-Dspring.config.location=FILE]
//	oms-standin cm [-Djetty.base=DIR] [-DSTOP.PORT=PORT]
//	oms-standin supervisor [-DconfigDir=DIR] [-Dserver.port=PORT]
//	oms-standin install [--whole-link] [--programs] DIR
//	                              lay out what an OMS image ships, under DIR:
//	                              with one link for /home/ds instead of one for
//	                              each folder, and with program files
//
// Started with one of the documented JVM command lines (oms-facts §3), as the
// start scripts in tree/ do, it plays the component of that command line.
//
// Environment:
//
//	OMSINIT_ROOT              root of a relocated tree, for the default paths
//	OMS_STANDIN_START_DELAY   seconds to wait before doing anything, as a JVM does;
//	                          real components take a minute and more
//	OMS_STANDIN_PROMPT        service.sh passes on the signal that stops the agent,
//	                          where a real one is killed after stopwaitsecs
//	OMS_STANDIN_HEARTBEAT     seconds between heartbeats, at most 5 (default 5)
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

const usage = `usage: oms-standin console|cm|supervisor [-Dname=value ...]
       oms-standin install [--whole-link] [--programs] DIR
This is a stand-in for OMS's closed components. It is not OceanBase's software.
`

func main() {
	// A JVM prints a thread dump on SIGQUIT and goes on; OMS's own program
	// file stops the agent with it (oms-facts §3), so here it ends the program.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT)
	status := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// run is the program: 0 after a stop that was asked for, 1 after a death, 64
// for wrong usage.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	cl, err := parseCommandLine(args)
	if err != nil {
		fmt.Fprintf(stderr, "oms-standin: %v\n%s", err, usage)
		return 64
	}
	if cl.role == roleInstall {
		if err := install(cl.dir, cl.install); err != nil {
			fmt.Fprintf(stderr, "oms-standin: %v\n", err)
			return 1
		}
		return 0
	}
	fmt.Fprintf(stdout, "oms-standin: this is a stand-in for the %s, not OceanBase's software\n", cl.role.long())
	err = play(ctx, cl, getenv, slog.New(slog.NewTextHandler(stdout, nil)), stderr)
	if err == nil || ctx.Err() != nil {
		fmt.Fprintf(stdout, "oms-standin: %s stopped\n", cl.role)
		return 0
	}
	// The words of a death are quoted from the documents where they are known,
	// so nothing is put in front of them.
	fmt.Fprintln(stderr, err)
	return 1
}

// play runs one component until the context ends or the component dies.
func play(ctx context.Context, cl commandLine, getenv func(string) string, log *slog.Logger, stderr io.Writer) error {
	delay, err := seconds(getenv, "OMS_STANDIN_START_DELAY", 0)
	if err != nil {
		return err
	}
	heartbeat, err := seconds(getenv, "OMS_STANDIN_HEARTBEAT", 5*time.Second)
	if err != nil {
		return err
	}
	if heartbeat <= 0 || heartbeat > 5*time.Second {
		return errors.New("cannot use OMS_STANDIN_HEARTBEAT: it must be above 0 and at most 5 seconds")
	}
	if cl.jar != "" {
		if _, err := os.Stat(cl.jar); err != nil {
			return javaError("Error: Unable to access jarfile " + cl.jar)
		}
	}
	if err := wait(ctx, delay); err != nil {
		return err
	}
	root := getenv("OMSINIT_ROOT")
	switch cl.role {
	case roleConsole:
		return runConsole(ctx, cl.property("spring.config.location",
			root+"/home/ds/ghana/config/application-oms.properties"), log)
	case roleCM:
		return runCM(ctx, cl.property("jetty.base", root+"/home/ds/cm/package/deployapp"), cl.property("STOP.PORT", ""),
			heartbeat, log, stderr)
	default:
		return runAgent(ctx, cl.property("configDir", root+"/home/ds/supervisor/config"),
			cl.property("server.port", ""), heartbeat, log)
	}
}

// javaError is a death in the words of the Java program, as documents quote it.
type javaError string

func (e javaError) Error() string { return string(e) }

// seconds reads a number of seconds, fractions allowed, from the environment.
func seconds(getenv func(string) string, name string, otherwise time.Duration) (time.Duration, error) {
	v := getenv(name)
	if v == "" {
		return otherwise, nil
	}
	f, err := strconv.ParseFloat(v, 64)
	if err != nil || !(f >= 0 && f <= 86400) {
		return 0, fmt.Errorf("cannot use %s=%q: it must be a number of seconds", name, v)
	}
	return time.Duration(f * float64(time.Second)), nil
}

// wait lets d pass, or returns the context's error as soon as it ends.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
