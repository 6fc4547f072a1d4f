package behave

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"

	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/msg"
)

// again initialises a second time, which must change nothing.
func (p *Proof) again(ctx context.Context, self string) error {
	files, err := p.made()
	if err != nil {
		return err
	}
	programs, err := p.programs(ctx)
	if err != nil {
		return err
	}
	out, err := p.command(ctx, "", self, "init")
	if err != nil {
		p.differs("docker_init.sh", msg.M("a second initialisation fails: %v: %s", err, out))
		return nil
	}
	after, err := p.made()
	if err != nil {
		return err
	}
	for path, data := range files {
		if after[path] != data {
			p.differs(path, msg.M("a second initialisation changes this file"))
		}
	}
	return p.restarted(ctx, "docker_init.sh", programs, nil)
}

// made are the generated files.
func (p *Proof) made() (map[string]string, error) {
	out := map[string]string{}
	for _, f := range p.Pack.Files {
		data, err := os.ReadFile(p.Layout.Path(f.Path))
		if err != nil && !os.IsNotExist(err) {
			return nil, msg.Errorf("cannot read %s: %w", f.Path, err)
		}
		out[f.Path] = string(data)
	}
	return out, nil
}

// password changes that of the MetaDB's account.
func (p *Proof) password(ctx context.Context, self string) error {
	if p.account == "" {
		return nil // that is said already
	}
	if _, err := p.from().DB.ExecContext(ctx, "ALTER USER "+p.quoted()+" IDENTIFIED BY '"+secondPassword+
		"'"); err != nil {
		p.differs("oms_meta_password", msg.M("the account of the MetaDB may not change the password of another one: %v",
			database.Explain(p.config, err)))
		return nil
	}
	return p.set(ctx, self, "oms_meta_password", secondPassword)
}

// node adds two nodes, which are other hosts and not up.
func (p *Proof) node(ctx context.Context, self string) error {
	return p.set(ctx, self, "cm_nodes", p.config.CMNodes[0]+",192.0.2.77,192.0.2.78")
}

// set changes a key, and looks which programs restart: exactly those that read a file that is another now.
func (p *Proof) set(ctx context.Context, self, key, value string) error {
	before, err := p.made()
	if err != nil {
		return err
	}
	programs, err := p.programs(ctx)
	if err != nil {
		return err
	}
	if out, err := p.command(ctx, value+"\n", self, "config", "set", "--yes", key); err != nil {
		p.differs(key, msg.M("config set fails: %v: %s", err, out))
		return nil
	}
	text, err := os.ReadFile(p.Layout.ConfigFile())
	if err == nil {
		p.config, _, err = config.Parse(p.Layout.ConfigFile(), text)
	}
	if err != nil {
		return err
	}
	after, err := p.made()
	if err != nil {
		return err
	}
	var readers []string
	for _, f := range p.Pack.Files {
		if before[f.Path] != after[f.Path] {
			readers = append(readers, f.Readers...)
		}
	}
	return p.restarted(ctx, key, programs, readers)
}

// programs are the processes of the programs that run.
func (p *Proof) programs(ctx context.Context) (map[string]int, error) {
	status, err := p.Client.Status(ctx)
	if err != nil {
		return nil, err
	}
	out := map[string]int{}
	for _, program := range status.Programs {
		if program.PID > 0 {
			out[program.Name] = program.PID
		}
	}
	return out, nil
}

// restarted compares which programs have been restarted with which should have, and sees that all are ready.
func (p *Proof) restarted(ctx context.Context, key string, before map[string]int, readers []string) error {
	status, err := p.Client.Status(ctx)
	if err != nil {
		return err
	}
	for _, program := range status.Programs {
		first, ran := before[program.Name]
		due := slices.Contains(readers, program.Name)
		switch {
		case !ran:
		case due && program.PID == first:
			p.differs(key, msg.M("%s reads a file that has changed, and was not restarted", program.Name))
		case !due && program.PID != first:
			p.differs(key, msg.M("%s was restarted, although no file that it reads has changed", program.Name))
		}
	}
	if why := p.unready(status); !why.IsZero() {
		p.differs(key, why)
	}
	return nil
}

// command runs omsinit with an input, and returns its last lines.
func (p *Proof) command(ctx context.Context, input, self string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, bootTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Env, cmd.Stdin, cmd.WaitDelay = p.env, strings.NewReader(input), outputTime
	out, err := cmd.CombinedOutput()
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil // it has ended well
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return strings.Join(lines[max(0, len(lines)-5):], " | "), err
}
