package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"omsinit/init/dialogue"
	"omsinit/init/flow"
	"omsinit/internal/atomicfile"
	"omsinit/internal/config"
	"omsinit/internal/msg"
	"omsinit/internal/prompt"
)

// configNew is `omsinit config new`.
type configNew struct {
	Folder, Answers, Start, Host, Image, Mount string
	Force, NoTry, Upgrade                      bool
	Assignments                                []string
	dialogue.Formats
}

func (c *configNew) flags(t translate) flags {
	folder := textFlag(&c.Folder, "out", t("write the files into this folder, and name it in the commands"))
	folder.Value = "."
	start := textFlag(&c.Start, "start", t(
		"begin with this config.yaml, and ask only for what is missing or wrong in it"))
	start.Aliases = []string{"c"} // as docker_remote_deploy.sh has it
	return flags{
		folder,
		textFlag(&c.Answers, "answers", t("take the answers from this file instead of asking; - is standard input")),
		start,
		textFlag(&c.Host, "host-ip", t("suggest this address for the node (OMS_HOST_IP)")),
		textFlag(&c.Image, "image", t("suggest this image")),
		textFlag(&c.Mount, "mount", t("suggest this folder of the host for the mounts")),
		boolFlag(&c.Upgrade, "upgrade", t("make commands that upgrade an OMS which is there (IS_UPGRADE=true)")),
		boolFlag(&c.Compose, "compose", t("also write a file for docker compose for each node")),
		boolFlag(&c.Kubernetes, "kubernetes", t("also write a manifest for Kubernetes for each region")),
		boolFlag(&c.NoTry, "no-try", t("do not connect to the MetaDB and the time-series database")),
		boolFlag(&c.Force, "force", t("replace files that are there already")),
	}
}

func (c *configNew) args() arguments { return arguments{usage: "[KEY=VALUE…]", rest: &c.Assignments} }

// Run holds the conversation, writes the files, and prints what to run on which host.
func (c *configNew) Run(ctx context.Context, a *app) error {
	if _, err := config.Accept("cm_nodes", c.Host); c.Host != "" && err != nil {
		return usage(msg.M("--host-ip: %v", err))
	}
	d := &dialogue.Dialogue{Say: a.paint, Host: c.Host, Image: c.Image, Mount: c.Mount, Upgrade: c.Upgrade}
	if !c.NoTry {
		d.MetaDB, d.TSDB = flow.TryMetaDB, flow.TryTSDB
	}
	if c.Start != "" {
		text, err := os.ReadFile(c.Start)
		if err != nil {
			return msg.Errorf("cannot read %s: %w", c.Start, reason(err))
		}
		d.Start = text
	}
	if err := c.asker(ctx, a, d); err != nil {
		return err
	}
	result, err := d.Run(ctx)
	if err != nil {
		return err
	}
	folder, err := filepath.Abs(c.Folder)
	if err != nil {
		return err
	}
	files, err := result.Files(a.lang, folder, c.Formats)
	if err != nil {
		return err
	}
	if err := c.write(d, files); err != nil {
		return err
	}
	for _, f := range files {
		a.say(msg.M("written: %s", filepath.Join(folder, f.Name)))
	}
	result.Print(a.stdout, a.lang, folder)
	return nil
}

// asker chooses who answers: a person, or a file and the arguments, which go first.
func (c *configNew) asker(ctx context.Context, a *app, d *dialogue.Dialogue) error {
	p := a.prompter(ctx)
	if c.Answers == "" && len(c.Assignments) == 0 {
		d.Asker = &person{p}
		return nil
	}
	answers := &dialogue.Answers{}
	if c.Answers != "" {
		name, read := c.Answers, os.ReadFile
		if name == "-" {
			name, read = "/dev/stdin", func(string) ([]byte, error) { return io.ReadAll(a.stdin) }
		}
		data, err := read(name)
		if err != nil {
			return msg.Errorf("cannot read the answers in %s: %w", name, reason(err))
		}
		if answers, err = dialogue.ReadAnswers(name, data); err != nil {
			return err
		}
	}
	values, err := assignments(p, c.Assignments)
	if err != nil {
		return err
	}
	for _, v := range values {
		if err := answers.Add(v.Key, v.Value.Reveal()); err != nil {
			return err
		}
	}
	d.Asker = answers
	return nil
}

// write writes all files, or none: what is there already with other contents is replaced only when somebody agrees.
func (c *configNew) write(asker dialogue.Asker, files []dialogue.File) error {
	if err := os.MkdirAll(c.Folder, 0o755); err != nil {
		return msg.Errorf("cannot create %s: %w", c.Folder, reason(err))
	}
	var existing, changed []string
	for _, f := range files {
		path := filepath.Join(c.Folder, f.Name)
		if _, err := os.Lstat(path); err != nil {
			continue
		}
		existing = append(existing, f.Name)
		if old, err := os.ReadFile(path); err != nil || !bytes.Equal(old, f.Data) {
			changed = append(changed, f.Name)
		}
	}
	replace := c.Force || len(changed) == 0
	if !replace && asker.Again() {
		var err error
		if replace, err = asker.Confirm("replace",
			msg.M("%s has %s already. Replace them?", c.Folder, msg.List(changed)), false); err != nil {
			return err
		}
	}
	if !replace {
		return msg.Errorf("nothing was written: %s has %s already; name another folder with --out, or replace them with --force",
			c.Folder, msg.List(changed))
	}
	var made []string
	for _, f := range files {
		mode := fs.FileMode(0o755)
		switch {
		case f.Secret:
			mode = 0o600
		case strings.HasSuffix(f.Name, ".yaml"):
			mode = 0o644
		}
		path := filepath.Join(c.Folder, f.Name)
		if err := atomicfile.Write(path, f.Data, atomicfile.Options{Mode: mode}); err != nil {
			for _, name := range made { // all or none; a file that was there has no copy to go back to
				_ = os.Remove(filepath.Join(c.Folder, name))
			}
			return msg.Errorf("cannot write %s: %w", path, reason(err))
		}
		if !slices.Contains(existing, f.Name) {
			made = append(made, f.Name)
		}
	}
	return nil
}

// reason returns an error of a file without its path.
func reason(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}

// person answers at the terminal, or line by line on the standard input.
type person struct{ *prompt.Prompter }

// Ask asks a person.
func (p *person) Ask(_ string, question msg.Message, suggestion string, secret bool) (string, error) {
	ask := p.Line
	if secret {
		ask = p.Secret
	}
	text := msg.M("%v:", question)
	if suggestion != "" {
		text = msg.M("%v [%s]:", question, suggestion)
	}
	answer, err := ask(text)
	if err == nil && strings.TrimSpace(answer) == "" {
		answer = suggestion
	}
	return answer, err
}

// Confirm asks a person for yes or no.
func (p *person) Confirm(_ string, question msg.Message, suggestion bool) (bool, error) {
	return p.Choose(question, suggestion)
}

// Again reports whether somebody is there to answer again.
func (p *person) Again() bool { return p.Terminal() }
