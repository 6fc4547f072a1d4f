package component

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"omsinit/internal/config"
	"omsinit/internal/layout"
	"omsinit/internal/mask"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

// validatorTime bounds a validator. nginx -t takes milliseconds; it hangs when
// it must resolve a name and the name server does not answer.
const validatorTime = 30 * time.Second

// validate checks the changed files before they go live: each in its own
// syntax, and by the program that will read it where the pack names one. Those
// programs read a copy in a folder that nobody else can enter.
func (s *Step) validate(ctx context.Context, changes []change) error {
	var programs []change
	for _, c := range changes {
		if err := checkFormat(c.Format, c.data); err != nil {
			return msg.Errorf("%s as made from %s is not valid, nothing was changed: %w", c.Path,
				s.Pack.Source(c.Template), err)
		}
		if c.Validate != "" {
			programs = append(programs, c)
		}
	}
	if len(programs) == 0 {
		return nil
	}
	staging := stagingFolder(s.Layout)
	if err := os.RemoveAll(staging); err != nil { // of a run that was killed
		return fileError(staging, err)
	}
	if err := os.MkdirAll(filepath.Dir(staging), 0o755); err != nil {
		return fileError(filepath.Dir(staging), err)
	}
	if err := os.Mkdir(staging, 0o700); err != nil {
		return fileError(staging, err)
	}
	defer os.RemoveAll(staging)
	for _, c := range programs {
		if err := s.runValidator(ctx, staging, c); err != nil {
			return err
		}
	}
	return nil
}

// runValidator has one file checked by its program.
func stagingFolder(l layout.Layout) string { return filepath.Join(l.StateDir(), "staging") }

func (s *Step) runValidator(ctx context.Context, staging string, c change) error {
	v := s.Pack.Validators[c.Validate]
	program, err := layout.FindProgram(v.Command[0])
	if err != nil {
		s.say(msg.M("%s could not be checked before it was written: %s is not installed here", c.Path, v.Command[0]))
		return nil
	}
	staged := filepath.Join(staging, filepath.Base(c.real))
	if err := os.WriteFile(staged, c.data, 0o600); err != nil {
		return fileError(staged, err)
	}
	args, err := arguments(v, staging, staged)
	if err != nil {
		return err
	}
	within, cancel := context.WithTimeout(ctx, validatorTime)
	defer cancel()
	cmd := exec.CommandContext(within, program, args...)
	cmd.Dir = staging
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.WaitDelay = time.Second // for a child that keeps the output open
	output, err := cmd.CombinedOutput()
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	said := s.clean(string(output), staged, c.Path)
	if reason, ok := unable(v, said); ok {
		s.say(msg.M("%s could not be checked before it was written: %s says %q", c.Path, c.Validate, reason))
		return nil
	}
	command := strings.Join(append([]string{v.Command[0]}, slices.Clone(v.Command[1:])...), " ")
	command = strings.NewReplacer("{file}", c.Path).Replace(command)
	if errors.Is(within.Err(), context.DeadlineExceeded) {
		return msg.Errorf("%s could not be checked, nothing was changed: `%s` did not end within %s; its output:\n%s",
			c.Path, command, validatorTime, said)
	}
	return msg.Errorf("%s as made from %s is not valid, nothing was changed: `%s`: %w; its output:\n%s", c.Path,
		s.Pack.Source(c.Template), command, err, said)
}

// arguments fills in the placeholders of a command.
func arguments(v pack.Validator, staging, staged string) ([]string, error) {
	var args []string
	for _, arg := range v.Command[1:] {
		if strings.Contains(arg, "{hostkey}") {
			key := filepath.Join(staging, "hostkey")
			if err := writeHostKey(key); err != nil {
				return nil, err
			}
			arg = strings.ReplaceAll(arg, "{hostkey}", key)
		}
		args = append(args, strings.ReplaceAll(arg, "{file}", staged))
	}
	return args, nil
}

// writeHostKey makes a host key for sshd -t, which refuses to check anything
// without one. The real keys are made when sshd starts for the first time.
func writeHostKey(path string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("cannot make a throw-away host key: %w", err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return fmt.Errorf("cannot make a throw-away host key: %w", err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return fileError(path, err)
	}
	return nil
}

func unable(v pack.Validator, said string) (string, bool) {
	for _, text := range v.Unable {
		if strings.Contains(said, text) {
			return text, true
		}
	}
	return "", false
}

// clean makes a validator's words fit to be shown: the real name of the file,
// no secret that it quotes from the file, and no more than fits a screen.
func (s *Step) clean(said, staged, path string) string {
	said = mask.New(s.secrets()).Text(strings.ReplaceAll(said, staged, path))
	lines := strings.Split(strings.TrimSpace(said), "\n")
	const most = 20
	if len(lines) > most {
		lines = lines[len(lines)-most:]
	}
	return strings.Join(lines, "\n")
}

// secrets are the texts that must not be shown, the longest first: one may be
// part of another.
func (s *Step) secrets() []string {
	if s.Config == nil {
		return nil
	}
	var out []string
	for _, value := range s.Config.Values() {
		if secret, ok := value.(config.Secret); ok && secret.Reveal() != "" {
			out = append(out, secret.Reveal())
		}
	}
	slices.SortFunc(out, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	return out
}
