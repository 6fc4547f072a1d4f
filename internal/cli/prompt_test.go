package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"omsinit/internal/msg"
)

func echoes(t *testing.T, f *os.File) bool {
	t.Helper()
	state, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return state.Lflag&unix.ECHO != 0
}

func TestSecretIsNotEchoed(t *testing.T) {
	person, program, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer person.Close()
	defer program.Close()
	ctx, interrupt := context.WithCancel(context.Background())
	defer interrupt()
	p := &prompter{ctx: ctx, file: program, in: bufio.NewReader(program), out: io.Discard, lang: msg.English}
	type answer struct {
		text string
		err  error
	}
	answers := make(chan answer)
	ask := func() {
		go func() {
			text, err := p.secret(msg.M("%s:", "oms_meta_password"))
			answers <- answer{text, err}
		}()
		for deadline := time.Now().Add(60 * time.Second); echoes(t, program); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("what is typed is shown")
			}
		}
	}
	ask()
	if _, err := person.WriteString("gehe im\n"); err != nil {
		t.Fatal(err)
	}
	if got := <-answers; got.text != "gehe im" || got.err != nil {
		t.Errorf("%+v", got)
	}
	if !echoes(t, program) {
		t.Error("the terminal stays silent")
	}

	ask()
	interrupt()
	if got := <-answers; got.err == nil || !strings.Contains(got.err.Error(), "interrupted") {
		t.Errorf("%+v", got)
	}
	if !echoes(t, program) {
		t.Error("the terminal stays silent after an interrupt")
	}
	person.WriteString("\n") // lets the reader go
}

func TestConfirm(t *testing.T) {
	for input, want := range map[string]string{"y\n": "true", "YES\n": "true", "是\n": "true", "n\n": "false", "\n": "false", "maybe\n": "must be y or n", "": "no answer"} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		w.WriteString(input)
		w.Close()
		p := &prompter{ctx: context.Background(), file: r, in: bufio.NewReader(r), out: io.Discard, lang: msg.English}
		yes, err := p.confirm(msg.M("%s", "sure?"))
		got := fmt.Sprint(yes)
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) {
			t.Errorf("%q: %s, want %s", input, got, want)
		}
		r.Close()
	}
}

// TestInterruptAtPrompt presses Ctrl-C at each kind of question.
func TestInterruptAtPrompt(t *testing.T) {
	sample, err := filepath.Abs(filepath.Join("..", "..", "testdata", "config", "obd.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		args     []string
		question string
	}{
		"the name of a database": {[]string{"metadb", "migrate", "--reinit-metadb"}, "drops the databases"},
		"a line":                 {[]string{"config", "ports"}, "nginx_server_port"},
		"a secret":               {[]string{"config", "set", "oms_meta_password"}, "oms_meta_password"},
		"yes or no":              {[]string{"config", "ports", "nginx_server_port=18099"}, "[y/N]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(os.Args[0], append(tc.args, "--config", sample, "--root", t.TempDir())...)
			cmd.Env = append(os.Environ(), "OMSINIT_TEST_MAIN=1", "OMS_LANG=en")
			person, err := pty.Start(cmd)
			if err != nil {
				t.Fatal(err)
			}
			defer person.Close()
			guard := time.AfterFunc(60*time.Second, func() { cmd.Process.Kill() })
			defer guard.Stop()
			var shown bytes.Buffer
			for piece := make([]byte, 1024); !strings.Contains(shown.String(), tc.question); {
				n, err := person.Read(piece)
				if err != nil {
					t.Fatalf("%v\n%s", err, shown.String())
				}
				shown.Write(piece[:n])
			}
			if _, err := person.Write([]byte{3}); err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(&shown, person) // fails when the terminal is gone, as it should
			err = cmd.Wait()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(shown.String(), "nothing was changed") {
				t.Errorf("%v\n%s", err, shown.String())
			}
		})
	}
}
