package logs

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"omsinit/supervise/program"
)

func TestRotation(t *testing.T) {
	dir := t.TempDir()
	f := program.LogFile{Path: filepath.Join(dir, "log"), MaxBytes: 1000, Backups: 3}
	logs := NewFiles(slog.New(slog.NewTextHandler(io.Discard, nil)))
	defer logs.Close()
	w, ours, err := logs.Writer(f)
	if err != nil || ours {
		t.Fatal(err, ours)
	}
	const lines = 10000
	for i := range lines {
		fmt.Fprintf(w, "line %05d\n", i)
	}
	logs.Drain(f)
	next := lines
	for _, name := range []string{"log", "log.1", "log.2", "log.3"} {
		text := contents(t, filepath.Join(dir, name))
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
	f := program.LogFile{Path: filepath.Join(t.TempDir(), "log"), MaxBytes: 1000, Backups: 1}
	logs := NewFiles(slog.New(slog.NewTextHandler(io.Discard, nil)))
	defer logs.Close()
	w, _, err := logs.Writer(f)
	if err != nil {
		t.Fatal(err)
	}
	piece := strings.Repeat("x", 1<<16)
	for range 100 {
		io.WriteString(w, piece)
	}
	logs.Drain(f)
	if info, err := os.Stat(f.Path + ".1"); err != nil || info.Size() > 4<<16 {
		t.Errorf("%v, %v", info, err)
	}
}

// A disk that is full loses lines, and stops nobody.
func TestFullDisk(t *testing.T) {
	logs := NewFiles(slog.New(slog.NewTextHandler(io.Discard, nil)))
	defer logs.Close()
	path := filepath.Join(t.TempDir(), "log")
	s, err := newLogSink(program.LogFile{Path: path, MaxBytes: 1 << 20}, logs.log)
	if err != nil {
		t.Fatal(err)
	}
	defer s.end()
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
	if n := logs.Lost(s.limits); n < 5 || n > 50 { // as many as one read got
		t.Errorf("%d bytes counted as lost", n)
	}
	delete(logs.sinks, path)
	io.WriteString(s.w, "kept\n")
	s.drain()
	if text := contents(t, path); !strings.HasSuffix(text, "kept\n") {
		t.Errorf("%q", text)
	}
}

func TestSpecialLogFiles(t *testing.T) {
	logs := NewFiles(slog.New(slog.NewTextHandler(io.Discard, nil)))
	defer logs.Close()
	if w, _, err := logs.Writer(program.LogFile{}); w != nil || err != nil {
		t.Errorf("none: %v %v", w, err)
	}
	w, ours, err := logs.Writer(program.LogFile{Path: "/dev/null", MaxBytes: 1000})
	if err != nil || !ours {
		t.Errorf("/dev/null: %v %v", ours, err)
	} else {
		w.Close()
	}
	// One in which a line is looked for goes through a pipe, and is not rotated, at the second start either.
	device := program.LogFile{Path: "/dev/full", MaxBytes: 1000}
	defer logs.WatchLog([]program.LogFile{device}, "x", func(string) {})()
	for range 2 {
		if _, ours, err := logs.Writer(device); ours || err != nil {
			t.Errorf("%s: %v %v", device.Path, ours, err)
		}
		if most := logs.find(device.Path).limits.MaxBytes; most != 0 {
			t.Errorf("a device is rotated at %d bytes", most)
		}
	}
	for _, path := range []string{t.TempDir(), "/no/such/folder/log"} {
		if _, _, err := logs.Writer(program.LogFile{Path: path, MaxBytes: 1000}); err == nil {
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
		if _, got := program.LastWords(program.LogFile{Path: path}); got != want {
			t.Errorf("%.20q: %q, want %q", text, got, want)
		}
	}
	if _, got := program.LastWords(program.LogFile{Path: "/no/such/file"}, program.LogFile{Path: "/dev/zero"},
		program.LogFile{}); got != "" {
		t.Errorf("%q", got)
	}
}

// A log file that can be written is not made before it is needed, and one that cannot is refused at once.
func TestFileIsMadeLater(t *testing.T) {
	dir := t.TempDir()
	logs := NewFiles(slog.New(slog.NewTextHandler(io.Discard, nil)))
	defer logs.Close()
	silent := program.LogFile{Path: filepath.Join(dir, "silent"), MaxBytes: 1000}
	if _, _, err := logs.Writer(silent); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(silent.Path); err == nil {
		t.Error("the file was made while programs start")
	}
	logs.Drain(silent)
	if text := contents(t, silent.Path); text != "" {
		t.Errorf("%q", text)
	}

	old := program.LogFile{Path: filepath.Join(dir, "old"), MaxBytes: 10}
	if err := os.WriteFile(old.Path, []byte("123456789\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	w, _, err := logs.Writer(old)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, "next\n")
	logs.Drain(old)
	if text := contents(t, old.Path); text != "next\n" { // its size counts, though it was opened late
		t.Errorf("%q", text)
	}

	for name, target := range map[string]string{"nowhere": "no/such/folder", "file": "old/log"} {
		if err := os.Symlink(filepath.Join(dir, target), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		if _, _, err := logs.Writer(program.LogFile{Path: filepath.Join(dir, name), MaxBytes: 1000}); err == nil {
			t.Errorf("a link to %s is taken", target)
		}
	}
}

// A file that cannot be moved away, such as one that is mounted, grows where backups are to be kept, else it is emptied.
func TestFileThatStays(t *testing.T) {
	all := strings.Repeat("line\n", 200)
	for backups, want := range []string{all[:100], all} {
		file, err := os.Create(filepath.Join(t.TempDir(), "log"))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		f := program.LogFile{Path: fmt.Sprintf("/proc/self/fd/%d", file.Fd()), MaxBytes: 100, Backups: backups}
		logs := NewFiles(slog.New(slog.NewTextHandler(io.Discard, nil)))
		defer logs.Close()
		w, _, err := logs.Writer(f)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, all)
		logs.Drain(f)
		if text := contents(t, file.Name()); text != want {
			t.Errorf("%d backups: %d bytes instead of %d", backups, len(text), len(want))
		}
	}
}
