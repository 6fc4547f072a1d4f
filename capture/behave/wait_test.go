package behave

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// shorten makes the waits of this test short, and returns a file that commands write the PIDs of what they leave
// behind to, which is ended with the test.
func shorten(t *testing.T) string {
	t.Helper()
	kill, output := killTime, outputTime
	killTime, outputTime = 500*time.Millisecond, 200*time.Millisecond
	pids := filepath.Join(t.TempDir(), "pids")
	t.Cleanup(func() {
		killTime, outputTime = kill, output
		data, _ := os.ReadFile(pids)
		for _, text := range strings.Fields(string(data)) {
			if pid, err := strconv.Atoi(text); err == nil {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
	})
	return pids
}

// within fails a test whose function does not return in time.
func within(t *testing.T, do func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); do() }()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatal("it waits for what was left in the background")
	}
}

// TestOutputHeldOpen: a command has ended when it has, although something that it left keeps its output open.
func TestOutputHeldOpen(t *testing.T) {
	pids := shorten(t)
	leave := "sleep 300 & echo $! >>" + pids + "; echo done"
	within(t, func() {
		if out, err := new(Proof).command(t.Context(), "", "sh", "-c", leave); err != nil || out != "done" {
			t.Errorf("a command: %q, %v", out, err)
		}
		if out, err := new(Proof).command(t.Context(), "", "sh", "-c", leave+"; exit 3"); err == nil || out != "done" {
			t.Errorf("one that fails: %q, %v", out, err)
		}
	})
	fakeDocker(t, leave)
	within(t, func() {
		if out, err := docker(t.Context(), "create"); err != nil || out != "done" {
			t.Errorf("docker: %q, %v", out, err)
		}
	})
}

// TestDockerHangs: a docker that answers nothing does not keep a proof that was interrupted.
func TestDockerHangs(t *testing.T) {
	pids := shorten(t)
	started := filepath.Join(t.TempDir(), "started")
	fakeDocker(t, `case $1 in
create) echo c0ffee ;;
cp) ;;
*) echo $$ >>`+pids+`; [ "$1" != start ] || echo >`+started+`; exec sleep 300 ;;
esac`)
	if err := syscall.Mkfifo(started, 0o600); err != nil {
		t.Fatal(err)
	}
	bundle := filepath.Join(t.TempDir(), "bundle")
	if err := os.WriteFile(bundle, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		_, _ = os.ReadFile(started) // when docker start runs
		cancel()
	}()
	within(t, func() {
		_, err := Image{Name: "image", From: bundle}.Boot(ctx, t.TempDir())
		if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "c0ffee") {
			t.Errorf("%v", err)
		}
	})
}

// fakeDocker puts a script in the place of docker.
func fakeDocker(t *testing.T, script string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "docker"), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}
