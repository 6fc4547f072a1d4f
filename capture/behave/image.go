package behave

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"omsinit/internal/atomicfile"
	"omsinit/internal/msg"
)

// stagedAt is the folder, in a container, of what the proof needs.
const stagedAt = "/tmp/omsinit-boot"

// Image is an image whose components a pack is booted with.
type Image struct {
	Name    string
	From    string   // the bundle of the captured installation
	Compare []string // those of further ones
	Out     io.Writer
	Err     io.Writer
}

// Boot runs pack verify --boot-here in a container of the image, with the docker command of this host, and removes the
// container. further are options of pack verify. It returns the exit status.
func (m Image) Boot(ctx context.Context, dir string, further ...string) (status int, err error) {
	if m.From == "" {
		return 1, msg.Errorf("name the bundle of the captured installation with --from: the pack is booted beside its databases")
	}
	self, err := os.Executable()
	if err != nil {
		return 1, msg.Errorf("cannot find omsinit itself: %w", err)
	}
	staged, err := atomicfile.TempDir("boot")
	if err != nil {
		return 1, msg.Errorf("cannot make a temporary folder: %w", err)
	}
	defer os.RemoveAll(staged)
	args := append([]string{"pack", "verify", "--boot-here"}, further...)
	copies := map[string]string{"omsinit": self, "from.bundle": m.From}
	args = append(args, "--from", filepath.Join(stagedAt, "from.bundle"))
	var compare []string
	for n, file := range m.Compare {
		name := "compare" + string(rune('a'+n)) + ".bundle"
		copies[name] = file
		compare = append(compare, filepath.Join(stagedAt, name))
	}
	args = append(args, "--compare", strings.Join(compare, ","), filepath.Join(stagedAt, "pack"))
	for name, from := range copies {
		if err := copyFile(filepath.Join(staged, name), from); err != nil {
			return 1, err
		}
	}
	if err := os.CopyFS(filepath.Join(staged, "pack"), os.DirFS(dir)); err != nil {
		return 1, msg.Errorf("cannot copy the pack: %w", err)
	}
	create := append([]string{"create", "--network", "host", "--entrypoint", filepath.Join(stagedAt, "omsinit"),
		m.Name}, args...)
	id, err := docker(ctx, create...)
	if err != nil {
		return 1, err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), killTime)
		defer cancel()
		if _, left := docker(ctx, "rm", "-f", "-v", id); left != nil {
			err = errors.Join(err, msg.Errorf("cannot remove the container %s, remove it by hand: %w", id, left))
		}
	}()
	if _, err := docker(ctx, "cp", staged, id+":"+stagedAt); err != nil {
		return 1, err
	}
	cmd := exec.CommandContext(ctx, "docker", "start", "-a", id)
	cmd.Stdout, cmd.Stderr = m.Out, m.Err
	// The terminal's interruption is not docker's: whoever is in the container hears of it once, from here, drops its
	// databases and account, and ends.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), killTime)
		defer cancel()
		_, err := docker(ctx, "kill", "--signal", "TERM", id)
		return err
	}
	cmd.WaitDelay = 3 * killTime
	err = cmd.Run()
	if ctx.Err() != nil {
		return 1, ctx.Err()
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), nil
	}
	return 0, err
}

// docker runs a command of the host's docker, and returns what it prints.
func docker(ctx context.Context, args ...string) (string, error) {
	var problem strings.Builder
	cmd := exec.CommandContext(ctx, "docker", args...)
	cmd.Stderr, cmd.WaitDelay = &problem, outputTime
	out, err := cmd.Output()
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil // it has ended well
	}
	if err != nil {
		return "", msg.Errorf("docker %s fails: %w: %s", args[0], err, strings.TrimSpace(problem.String()))
	}
	return strings.TrimSpace(string(out)), nil
}

func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return msg.Errorf("cannot read %s: %w", from, err)
	}
	defer in.Close()
	mode := fs.FileMode(0o600)
	if filepath.Base(to) == "omsinit" {
		mode = 0o755
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode)
	if err != nil {
		return msg.Errorf("cannot write %s: %w", to, err)
	}
	_, err = io.Copy(out, in)
	if err = errors.Join(err, out.Close()); err != nil {
		return msg.Errorf("cannot write %s: %w", to, err)
	}
	return nil
}
