package style

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"
)

func TestWanted(t *testing.T) {
	for _, tc := range []struct {
		env            map[string]string
		terminal, pipe bool
	}{
		{nil, true, false},
		{map[string]string{"TERM": "xterm-256color"}, true, false},
		{map[string]string{"TERM": "dumb"}, false, false},
		{map[string]string{"NO_COLOR": "1"}, false, false},
		{map[string]string{"NO_COLOR": ""}, true, false},
		{map[string]string{"CLICOLOR": "0"}, false, false},
		{map[string]string{"CLICOLOR": "1"}, true, false},
		{map[string]string{"CLICOLOR_FORCE": "1"}, true, true},
		{map[string]string{"CLICOLOR_FORCE": "0"}, true, false},
		{map[string]string{"CLICOLOR_FORCE": "1", "TERM": "dumb"}, true, true},
		{map[string]string{"CLICOLOR_FORCE": "1", "CLICOLOR": "0"}, true, true},
		{map[string]string{"CLICOLOR_FORCE": "1", "NO_COLOR": "1"}, false, false},
	} {
		getenv := func(name string) string { return tc.env[name] }
		if got := Wanted(getenv, true); got != tc.terminal {
			t.Errorf("%v: on a terminal: %v", tc.env, got)
		}
		if got := Wanted(getenv, false); got != tc.pipe {
			t.Errorf("%v: in a pipe: %v", tc.env, got)
		}
	}
}

// Whatever the environment says, only the standard streams are coloured, and what is written before one of them.
func TestColored(t *testing.T) {
	t.Setenv("NO_COLOR", "")
	t.Setenv("CLICOLOR_FORCE", "1")
	file, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var buffer bytes.Buffer
	for _, w := range []io.Writer{file, &buffer, Before(&buffer, io.Discard)} {
		if got := Error.Paint(w, "text"); got != "text" {
			t.Errorf("%T: %q", w, got)
		}
	}
	for _, w := range []io.Writer{os.Stdout, os.Stderr, Before(os.Stdout, &buffer)} {
		got := Error.Paint(w, "文本")
		if got != "\x1b[31m文本\x1b[0m" || Strip(got) != "文本" {
			t.Errorf("%T: %q", w, got)
		}
	}
}

// The line ends around a text are not painted, nor is a text of nothing else.
func TestLineEnds(t *testing.T) {
	t.Setenv("NO_COLOR", "")
	t.Setenv("CLICOLOR_FORCE", "1")
	for text, want := range map[string]string{
		"":           "",
		"\n":         "\n",
		"\n\n":       "\n\n",
		"\na\n":      "\n\x1b[31ma\x1b[0m\n",
		"\na\n\nb\n": "\n\x1b[31ma\n\nb\x1b[0m\n",
	} {
		if got := Error.Paint(os.Stderr, text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
