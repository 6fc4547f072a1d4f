package flow

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"omsinit/init/upgrade"
	"omsinit/testdata/testmaria"
)

// hold takes the lock as another process does, and returns what gives it back.
func (w *world) hold() (release func()) {
	w.t.Helper()
	w.write(w.layout.InitLock(), "4711\n")
	other := flock.New(w.layout.InitLock())
	if err := other.Lock(); err != nil {
		w.t.Fatal(err)
	}
	release = func() { other.Unlock() }
	w.t.Cleanup(release)
	return release
}

// TestLockedOut: every operation that changes the node waits for another run, says for whom, and gives up in time. PID
// 1 is told that an initialisation is worth another try.
func TestLockedOut(t *testing.T) {
	w := newWorld(t, nil)
	w.hold()
	o := Options{LockTimeout: time.Millisecond}
	for name, operation := range map[string]func(*Flow) error{
		"init":        func(f *Flow) error { return f.Init(t.Context(), Steps{}) },
		"reconfigure": func(f *Flow) error { return f.Reconfigure(t.Context()) },
		"upgrade":     func(f *Flow) error { return f.Upgrade(t.Context(), upgrade.Options{}) },
		"rollback":    func(f *Flow) error { return f.RollBack(t.Context(), upgrade.Rollback{}, 0) },
		"set":         func(f *Flow) error { return f.Set(t.Context(), Settings{Values: assign("cm_region", "x")}) },
		"set, file": func(f *Flow) error {
			return f.Set(t.Context(), Settings{Values: assign("cm_region", "x"), OnlyFile: true})
		},
	} {
		w.pid1.forget()
		err := operation(w.with(o))
		var locked *LockedError
		if !errors.As(err, &locked) || !strings.Contains(err.Error(), "process 4711) still runs after 1ms") {
			t.Errorf("%s: %v", name, err)
		}
		w.said("another initialisation is running (process 4711); waiting for it to end, at most 1ms")
		want := "[]"
		if name == "init" || name == "upgrade" {
			want = "[failed transient]"
		}
		if got := fmt.Sprint(w.pid1.told()); got != want {
			t.Errorf("%s: PID 1 was told %s", name, got)
		}
	}
}

// TestLookersDoNotWait: what changes nothing goes on while a run holds the lock.
func TestLookersDoNotWait(t *testing.T) {
	w := newWorld(t, testmaria.Start(t))
	w.hold()
	if _, err := w.with(Options{LockTimeout: time.Millisecond}).Plan(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := w.with(Options{LockTimeout: time.Millisecond}).Check(t.Context(), CheckOptions{}); err != nil {
		t.Error(err)
	}
}

// TestLockOnFullDisk: the lock is taken, though the process cannot be named in it.
func TestLockOnFullDisk(t *testing.T) {
	w := newWorld(t, nil)
	w.write(w.layout.InitLock(), "")
	if err := errors.Join(os.Remove(w.layout.InitLock()), os.Symlink("/dev/full", w.layout.InitLock())); err != nil {
		t.Fatal(err)
	}
	unlock, err := w.flow().lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	other := flock.New("/dev/full")
	if locked, err := other.TryLock(); locked || err != nil {
		t.Errorf("another one has the lock: %t, %v", locked, err)
	}
	unlock()
}

// TestWaitForTheLock: who comes second reads config.yaml when its turn has come, not before.
func TestWaitForTheLock(t *testing.T) {
	db := testmaria.Start(t)
	w := newWorld(t, db)
	f := w.flow()
	if _, err := f.Config(); err != nil { // as a command that asks a person first
		t.Fatal(err)
	}
	release := w.hold()
	done := make(chan error)
	go func() { done <- f.Init(t.Context(), Steps{Only: []string{"metadb"}}) }()
	time.Sleep(200 * time.Millisecond)
	w.values["drc_rm_db"] = "oms_later"
	w.writeConfig()
	select {
	case err := <-done:
		t.Fatalf("it did not wait: %v", err)
	default:
	}
	release()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if sums := checksums(t, db); !strings.Contains(sums, "oms_later.") || strings.Contains(sums, "oms_rm.") {
		t.Errorf("not the databases of the new file:\n%s", sums)
	}
	if pid := w.read(w.layout.InitLock()); pid != fmt.Sprintln(os.Getpid()) {
		t.Errorf("the lock names process %s", pid)
	}
}

// TestInterruptedWhileWaiting: Ctrl-C ends the wait for the lock.
func TestInterruptedWhileWaiting(t *testing.T) {
	w := newWorld(t, nil)
	w.hold()
	err := w.flow().Init(canceled(t), Steps{})
	if err == nil || !strings.Contains(err.Error(), "interrupted while waiting for another initialisation") {
		t.Errorf("got %v", err)
	}
}

// TestNoLockFolder: a state folder that cannot be made is an error with its path.
func TestNoLockFolder(t *testing.T) {
	w := newWorld(t, nil)
	w.write(w.layout.Path("/var"), "a file")
	if err := w.flow().Init(t.Context(), Steps{}); err == nil || !strings.Contains(err.Error(), w.layout.StateDir()) {
		t.Errorf("got %v", err)
	}
}
