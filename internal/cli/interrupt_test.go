package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"omsinit/internal/interrupt"
	"omsinit/internal/msg"
)

// TestStopped: a command that a signal has ended says so, in both languages, and never "context canceled".
func TestStopped(t *testing.T) {
	root := t.TempDir()
	conf := filepath.Join(root, "home/admin/conf/config.yaml")
	sample, err := os.ReadFile("../../deploy/compose/config/region-1.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(conf), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(conf, bytes.ReplaceAll(sample, []byte("10.213.0."), []byte("127.0.0.")), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("OMS_HOST_IP", "10.213.1.1")
	reason := interrupt.Signal(syscall.SIGTERM)
	ctx, stop := context.WithCancelCause(t.Context())
	stop(reason)
	for _, lang := range []msg.Lang{msg.English, msg.Chinese} {
		run := func(args ...string) string {
			var out bytes.Buffer
			a := &app{lang: lang, stdin: os.Stdin, stdout: &out, stderr: &out, root: root}
			a.main(ctx, args)
			return out.String()
		}
		for _, l := range leftBehind {
			for _, name := range l.commands {
				args := strings.Fields(name)
				command := find((&app{lang: lang}).application().Commands, args[0])
				if command != nil && len(args) == 2 {
					command = find(command.Subcommands, args[1])
				}
				if command == nil {
					t.Errorf("there is no command %s", name)
					continue
				}
				required, _, _ := strings.Cut(command.ArgsUsage, "[")
				for range strings.Fields(required) {
					args = append(args, t.TempDir())
				}
				if text := run(args...); strings.Contains(text, "cancel") {
					t.Errorf("%s: %s", name, text)
				}
			}
		}
		want := msg.M("omsinit: %v; %v", reason, leftBehind[0].what).In(lang) + "\n"
		if text := run("metadb", "status"); text != want {
			t.Errorf("%s, not %s", text, want)
		}
	}
}
