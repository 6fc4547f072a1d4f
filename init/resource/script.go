package resource

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"omsinit/internal/mask"
	"omsinit/internal/msg"
)

const (
	// scriptTime is how long a script may take where the pack does not say.
	scriptTime = 10 * time.Minute
	// scriptEnd is how long what it has started may take to end after it was told to.
	scriptEnd = 5 * time.Second
	// shownLines of what it has printed are in the error when it fails.
	shownLines = 5
)

// script runs the old step 5 of a pack whose requests cannot be sent again. What it prints may hold passwords, and is
// shown only when it fails, its last lines without them.
func (s *Step) script(ctx context.Context) error {
	run := s.Pack.Script
	if run == nil {
		return nil
	}
	limit := cmp.Or(time.Duration(run.Timeout)*time.Second, scriptTime)
	s.log(msg.M(
		"running the image's own script for step 5, as pack.yaml says, for at most %s; what it does is not known here", limit))
	within, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	printed := &tail{room: 64 << 10}
	cmd := exec.CommandContext(within, "sh", "-c", run.Command)
	cmd.Stdout, cmd.Stderr = printed, printed
	// The whole group ends with it: it may have started others.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = scriptEnd
	err := cmd.Run()
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil // it has ended well, and what it has left in the background keeps its output open
	}
	if within.Err() != nil && cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what SIGTERM has not ended
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case within.Err() != nil:
		return msg.Errorf("the image's script for step 5 did not end within %s, and was stopped; its last lines: %s",
			limit, s.last(printed))
	case err != nil:
		return msg.Errorf("the image's script for step 5 failed: %w; its last lines: %s", err, s.last(printed))
	}
	return nil
}

// Script returns the command of the old step 5, "" where the pack has none.
func (s *Step) Script() string {
	if s.Pack.Script == nil {
		return ""
	}
	return s.masked(s.Pack.Script.Command)
}

// masked returns a text without secrets.
func (s *Step) masked(text string) string {
	secrets := append(mask.Revealed(s.Config.Values()), mask.Revealed(s.Config.Extra)...)
	return strings.TrimSpace(mask.New(secrets, s.Config.MetaUser, s.Config.TSDBUsername).Text(text))
}

// last returns the last lines of an output, without secrets.
func (s *Step) last(printed *tail) string {
	lines := strings.Split(s.masked(string(printed.text)), "\n")
	return strings.Join(lines[max(0, len(lines)-shownLines):], " | ")
}

// tail keeps the end of what is written, in whole lines.
type tail struct {
	text []byte
	room int
}

func (t *tail) Write(p []byte) (int, error) {
	t.text = append(t.text, p...)
	if len(t.text) > 2*t.room {
		// What is left of a line may hold half a secret.
		_, t.text, _ = bytes.Cut(t.text[len(t.text)-t.room:], []byte("\n"))
	}
	return len(p), nil
}
