package cli

import (
	"bytes"
	"cmp"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"omsinit/init/flow"
	"omsinit/internal/atomicfile"
	"omsinit/internal/msg"
)

// configEdit is `omsinit config edit`. A config.yaml in a container is a single-file mount, which editors and sed -i
// that write a new file and rename it cannot replace; so a copy is edited, and written back in place.
type configEdit struct {
	target
	InitMetaDB, OnlyFile bool
}

func (c *configEdit) flags(t translate) flags {
	return flags{
		boolFlag(&c.InitMetaDB, "init-metadb", t("create the databases and tables that a new MetaDB lacks")),
		boolFlag(&c.OnlyFile, "no-apply", t("change config.yaml and nothing else")),
		preferFlag(t, &c.Prefer),
		lockTimeoutFlag(t, &c.LockTimeout), readyTimeoutFlag(t, "ready-timeout", &c.ReadyTimeout),
	}
}

// Run opens the editor until what it leaves can be used, or the person gives up.
func (c *configEdit) Run(ctx context.Context, a *app) error {
	p := a.prompter(ctx)
	if !p.Terminal() {
		return usage(msg.M("config edit opens an editor, which needs a terminal (docker exec -it); without one use config set KEY=VALUE"))
	}
	snapshot := c.node.Snapshot()
	if snapshot.Text == nil {
		return snapshot.Err
	}
	editor, err := editorCommand()
	if err != nil {
		return err
	}
	dir, err := atomicfile.TempDir("edit") // 0700: the copy has the passwords
	if err != nil {
		return msg.Errorf("cannot make a copy to edit: %w", err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(path, snapshot.Text, 0o600); err != nil {
		return msg.Errorf("cannot make a copy to edit: %w", err)
	}
	for {
		text, err := edited(ctx, editor, path)
		if err != nil {
			return err
		}
		if bytes.Equal(text, snapshot.Text) {
			a.say(msg.M("omsinit: nothing is to be changed"))
			return nil
		}
		err = c.flow().Replace(ctx, snapshot.Text, text, flow.Settings{InitMetaDB: c.InitMetaDB, OnlyFile: c.OnlyFile})
		if err == nil {
			return nil
		}
		c.node.Refresh()
		if !bytes.Equal(c.node.Snapshot().Text, snapshot.Text) {
			return err // it was written, and a later step failed
		}
		if !printed(err) {
			a.say(msg.M("omsinit: %v", err))
		}
		again, askErr := p.Confirm(msg.M("Edit it again? (n: nothing is changed)"))
		if askErr != nil || !again {
			return errFailed
		}
	}
}

// editorCommand returns the command of the person's editor, or else of one that images often have.
func editorCommand() ([]string, error) {
	if command := strings.Fields(cmp.Or(os.Getenv("VISUAL"), os.Getenv("EDITOR"))); len(command) > 0 {
		return command, nil
	}
	names := []string{"vi", "vim", "nano", "editor"}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return []string{path}, nil
		}
	}
	return nil, msg.Errorf("there is no editor here (%s): set EDITOR, use config set KEY=VALUE, or edit the file on the host in place and run omsinit reconfigure",
		msg.List(names))
}

// edited runs the editor on the file and returns what it leaves.
func edited(ctx context.Context, editor []string, path string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, editor[0], append(editor[1:], path)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return nil, msg.Errorf("the editor %s failed, so nothing was changed: %w", editor[0], err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, msg.Errorf("cannot read what was edited, so nothing was changed: %w", err)
	}
	return text, nil
}
