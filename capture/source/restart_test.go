package source

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"omsinit/internal/layout"
)

// TestWatchRestart: a program reads what it opens from its restart until it is calm, also through a link. What is
// opened whatever is restarted is read by somebody else; what is not running is left alone.
func TestWatchRestart(t *testing.T) {
	l := layout.New(t.TempDir())
	files := []string{"/u01/ds/a.conf", "/u01/ds/b.conf", "/u01/ds/late.conf", "/u01/ds/both.conf", "/u01/ds/gone.conf"}
	for _, name := range files[:4] {
		if err := errors.Join(os.MkdirAll(filepath.Dir(l.Path(name)), 0o755),
			os.WriteFile(l.Path(name), []byte("x\n"), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.MkdirAll(l.Path("/home"), 0o755), os.Symlink("/u01/ds", l.Path("/home/ds"))); err != nil {
		t.Fatal(err)
	}
	read := func(names ...string) {
		for _, name := range names {
			if _, err := os.ReadFile(name); err != nil {
				t.Error(err)
			}
		}
	}
	i := &Installation{Tree: l, Programs: Programs{List: []Program{{Name: "a", PID: 1}, {Name: "b", PID: 1},
		{Name: "down"}}}}
	var restarted []string
	restart := func(name string) error {
		restarted = append(restarted, name)
		read(l.Path("/u01/ds/both.conf"), l.Path("/u01/ds/"+name+".conf"))
		if name == "a" {
			time.AfterFunc(100*time.Millisecond, func() { read(l.Path("/u01/ds/late.conf")) })
		}
		return nil
	}
	if err := i.WatchRestart(t.Context(), files, restart); err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{"a": {"/u01/ds/a.conf", "/u01/ds/late.conf"}, "b": {"/u01/ds/b.conf"}}
	if d := cmp.Diff(want, i.Opened); d != "" || !slices.Equal(restarted, []string{"a", "b"}) {
		t.Errorf("restarted %v\n%s", restarted, d)
	}
	if paths := i.PathsOf(i.Programs.List[1]); !slices.Contains(paths, "/u01/ds/b.conf") ||
		slices.Contains(paths, "/u01/ds/both.conf") {
		t.Errorf("paths of b: %v", paths)
	}

	i.Programs.List = i.Programs.List[:1]
	if err := i.WatchRestart(t.Context(), files, restart); err != nil ||
		!slices.Contains(i.Opened["a"], "/u01/ds/both.conf") {
		t.Errorf("one program alone: %v, %v", i.Opened, err)
	}
	broken := errors.New("it does not start")
	if err := i.WatchRestart(t.Context(), files, func(string) error { return broken }); !errors.Is(err, broken) {
		t.Error(err)
	}
	// What is never calm does not hold up who interrupts.
	noisy, stop := context.WithCancel(t.Context())
	defer stop()
	began := time.Now()
	_ = i.WatchRestart(noisy, files, func(string) error {
		opener := time.NewTicker(50 * time.Millisecond)
		go func() {
			defer opener.Stop()
			for t.Context().Err() == nil {
				<-opener.C
				_, _ = os.ReadFile(l.Path("/u01/ds/a.conf"))
			}
		}()
		stop()
		return nil
	})
	if took := time.Since(began); took > unrest/2 {
		t.Errorf("interrupted, it went on for %s", took)
	}
	interrupted, cancel := context.WithCancelCause(t.Context())
	cancel(broken)
	if err := i.WatchRestart(interrupted, files, restart); err == nil || len(restarted) != 3 {
		t.Errorf("interrupted: %v, restarted %v", err, restarted)
	}
}
