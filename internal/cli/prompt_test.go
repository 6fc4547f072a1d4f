package cli

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
)

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
			// The test keeps the terminal open: what was printed last may be lost when it goes.
			person, terminal, err := pty.Open()
			if err != nil {
				t.Fatal(err)
			}
			defer person.Close()
			defer terminal.Close()
			cmd.Stdin, cmd.Stdout, cmd.Stderr = terminal, terminal, terminal
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			guard := time.AfterFunc(60*time.Second, func() { cmd.Process.Kill(); terminal.Close() })
			defer guard.Stop()
			var shown bytes.Buffer
			until := func(text string) {
				for piece := make([]byte, 1024); !strings.Contains(shown.String(), text); {
					n, err := person.Read(piece)
					if err != nil {
						t.Fatalf("%v\n%s", err, shown.String())
					}
					shown.Write(piece[:n])
				}
			}
			until(tc.question)
			if _, err := person.Write([]byte{3}); err != nil {
				t.Fatal(err)
			}
			until("nothing was changed")
			err = cmd.Wait()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != 1 {
				t.Errorf("%v\n%s", err, shown.String())
			}
		})
	}
}
