package supervise

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestRotation(t *testing.T) {
	dir := t.TempDir()
	f := LogFile{Path: filepath.Join(dir, "log"), MaxBytes: 1000, Backups: 3}
	logs := newLogFiles(slog.New(slog.NewTextHandler(io.Discard, nil)))
	defer logs.close()
	w, ours, err := logs.writer(f)
	if err != nil || ours {
		t.Fatal(err, ours)
	}
	const lines = 10000
	for i := range lines {
		fmt.Fprintf(w, "line %05d\n", i)
	}
	logs.drain(f)
	next := lines
	for _, name := range []string{"log", "log.1", "log.2", "log.3"} {
		text := mustRead(t, filepath.Join(dir, name))
		if len(text) > 1000 || text != "" && !strings.HasSuffix(text, "\n") {
			t.Errorf("%s has %d bytes, ends %q", name, len(text), text[max(len(text)-5, 0):])
		}
		all := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
		for i := len(all) - 1; i >= 0 && text != ""; i-- {
			next--
			if want := fmt.Sprintf("line %05d", next); all[i] != want {
				t.Fatalf("%s has %q instead of %q", name, all[i], want)
			}
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "log.4")); err == nil {
		t.Error("one backup too many")
	}
	if next > lines-270 {
		t.Errorf("only %d lines are kept", lines-next)
	}
}

func TestLongLinesAreCut(t *testing.T) {
	f := LogFile{Path: filepath.Join(t.TempDir(), "log"), MaxBytes: 1000, Backups: 1}
	logs := newLogFiles(slog.New(slog.NewTextHandler(io.Discard, nil)))
	defer logs.close()
	w, _, err := logs.writer(f)
	if err != nil {
		t.Fatal(err)
	}
	piece := strings.Repeat("x", 1<<16)
	for range 100 {
		io.WriteString(w, piece)
	}
	logs.drain(f)
	if info, err := os.Stat(f.Path + ".1"); err != nil || info.Size() > 4<<16 {
		t.Errorf("%v, %v", info, err)
	}
}

// A disk that is full loses lines, and stops nobody.
func TestFullDisk(t *testing.T) {
	logs := newLogFiles(slog.New(slog.NewTextHandler(io.Discard, nil)))
	defer logs.close()
	path := filepath.Join(t.TempDir(), "log")
	s, err := newLogSink(LogFile{Path: path, MaxBytes: 1 << 20}, logs.log)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	s.file = full
	s.mu.Unlock()
	for range 10 {
		io.WriteString(s.w, "lost\n")
	}
	s.drain()
	logs.sinks[path] = s
	if n := logs.lost(s.limits); n < 5 || n > 50 { // as many as one read got
		t.Errorf("%d bytes counted as lost", n)
	}
	delete(logs.sinks, path)
	io.WriteString(s.w, "kept\n")
	s.drain()
	if text := mustRead(t, path); !strings.HasSuffix(text, "kept\n") {
		t.Errorf("%q", text)
	}
}

func TestSpecialLogFiles(t *testing.T) {
	logs := newLogFiles(slog.New(slog.NewTextHandler(io.Discard, nil)))
	defer logs.close()
	if w, _, err := logs.writer(LogFile{}); w != nil || err != nil {
		t.Errorf("none: %v %v", w, err)
	}
	w, ours, err := logs.writer(LogFile{Path: "/dev/null", MaxBytes: 1000})
	if err != nil || !ours {
		t.Errorf("/dev/null: %v %v", ours, err)
	} else {
		w.Close()
	}
	for _, path := range []string{t.TempDir(), "/no/such/folder/log"} {
		if _, _, err := logs.writer(LogFile{Path: path, MaxBytes: 1000}); err == nil {
			t.Errorf("%s was opened", path)
		}
	}
}

func TestLastLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	for text, want := range map[string]string{
		"":                                       "",
		"one\n":                                  "one",
		"a\x1b[31m\xffb":                         "a?[31m?b",
		strings.Repeat("x\n", 20) + "end\n":      strings.Repeat("x\n", 9) + "end",
		strings.Repeat("y", 5000) + "\nlast\n\n": "last",
	} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if got := lastLines(path); got != want {
			t.Errorf("%.20q: %q, want %q", text, got, want)
		}
	}
	if got := lastLines("/no/such/file") + lastLines("/dev/zero") + lastLines(""); got != "" {
		t.Errorf("%q", got)
	}
}

// A grandchild keeps the output open: the program still ends, restarts and
// stops, and what the grandchild says is still logged.
func TestGrandchildHoldsTheOutput(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "[program:p]\ncommand=%(here)s/start\nstartsecs=0\n")
	h.write("start", "#!/bin/sh\nsetsid sh -c 'sleep 0.5; echo late; exec sleep 1000' &\necho parent\nexec sleep 1000\n")
	h.start()
	h.until("the parent speaks", func() bool { return strings.Contains(h.read("p-stdout.log"), "parent") })
	syscall.Kill(h.program("p").PID, syscall.SIGKILL)
	h.until("it was restarted", func() bool { p := h.program("p"); return p.Starts == 2 && p.State == "RUNNING" })
	if err := h.restart("p"); err != nil {
		t.Fatal(err)
	}
	h.until("the grandchild speaks", func() bool { return strings.Contains(h.read("p-stdout.log"), "late") })
	began := time.Now()
	if code := h.stop(syscall.SIGTERM); code != 0 || time.Since(began) > 60*time.Second {
		t.Errorf("exit status %d after %v", code, time.Since(began))
	}
}

func TestLogsAreReopened(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "[program:p]\ncommand=/bin/sh -c 'while :; do echo line; sleep 0.05; done'\nstartsecs=0\n").start()
	h.until("it speaks", func() bool { return h.read("p-stdout.log") != "" })
	os.Rename(h.path("p-stdout.log"), h.path("moved"))
	os.Rename(h.path("omsinit.log"), h.path("moved.own"))
	h.cmd.Process.Signal(syscall.SIGUSR2)
	h.until("there is a new file", func() bool { return h.read("p-stdout.log") != "" })
	if h.program("p").State == "RUNNING" {
		h.restart("p")
	}
	h.until("there is a new log of PID 1", func() bool { return strings.Contains(h.read("omsinit.log"), "program started") })
}
