// Package behave proves a pack by what it does: it boots the pack with the components of an image, under a
// configuration that no installation has, changes that, and looks at what happens. It is done in a container that is
// thrown away, on databases of its own.
package behave

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"omsinit/capture/report"
	"omsinit/capture/source"
	"omsinit/capture/tables"
	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/finding"
	"omsinit/internal/layout"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
	"omsinit/supervise/client"
)

// Proof boots a pack.
type Proof struct {
	Layout layout.Layout // of the container that is thrown away
	Pack   *pack.Pack
	Dir    string // of the pack
	// Installations are those that the pack was captured from. The MetaDB of the first one is used.
	Installations []*source.Installation
	Client        *client.Client // of the container
	Log           func(msg.Message)
	RowsTime      time.Duration // how long to wait for rows that components write; 0 is a minute

	config  *config.Config // as it is now
	holders []holder
	account string // empty where there may be none but the installation's
	env     []string
	output  bytes.Buffer // of omsinit run
	found   []finding.Finding
}

// How long to wait: for a node to be ready, for an account to be dropped, and for a node to stop.
const (
	bootTime = 10 * time.Minute
	dropTime = time.Minute
	stopTime = 2 * time.Minute
)

// How long to wait for docker to stop a container, and for the output of a command that has ended: what it has left in
// the background may keep that open for ever. Tests shorten them.
var (
	killTime   = time.Minute
	outputTime = 5 * time.Second
)

// mostAttempts is how often the initialisation may fail although its failure may pass.
const mostAttempts = 2

// Run returns everything in which the pack does not do what it should.
func (p *Proof) Run(ctx context.Context) ([]finding.Finding, error) {
	if p.from().DB == nil {
		return nil, msg.Errorf("the MetaDB of the captured installation does not answer here; the pack is booted on databases of its own in it")
	}
	if _, err := p.Client.Status(ctx); err == nil {
		return nil, msg.Errorf("a node runs here already; boot the pack in a container that can be thrown away")
	}
	if info, err := os.Stat(p.Layout.InitFlag()); err == nil && info.Size() > 0 {
		return nil, msg.Errorf("this container is initialised already; boot the pack in one that can be thrown away")
	}
	scratch := tables.Scratch{DB: p.from().DB, Config: p.from().Config, Create: p.databases, Log: p.Log}
	defer p.dropAccount(ctx)
	err := scratch.Use(ctx, p.Pack, func(c *config.Config) error {
		if err := p.configure(ctx, c); err != nil {
			return err
		}
		return p.boot(ctx)
	})
	return p.found, err
}

func (p *Proof) from() *source.Installation { return p.Installations[0] }

func (p *Proof) differs(part string, m msg.Message) {
	p.found = append(p.found, report.Difference("boot", finding.Place{File: part}, m))
}

// databases makes empty databases, and an account whose password can be changed.
func (p *Proof) databases(ctx context.Context, c *config.Config, _ *pack.Pack) error {
	db := p.from().DB
	for _, role := range config.Roles {
		_, err := db.ExecContext(ctx, "CREATE DATABASE "+database.Quote(c.Database(role))+
			" DEFAULT CHARACTER SET utf8mb4")
		if err != nil {
			return msg.Errorf("cannot create databases to boot the pack on: %w", database.Explain(c, err))
		}
	}
	p.account = tables.Account(strings.TrimSuffix(c.RMDatabase, "_rm"))
	statements := []string{"CREATE USER " + p.quoted() + " IDENTIFIED BY '" + firstPassword + "'"}
	for _, role := range config.Roles {
		statements = append(statements, "GRANT ALL ON "+database.Quote(c.Database(role))+".* TO "+p.quoted())
	}
	for _, s := range statements {
		if _, err := db.ExecContext(ctx, s); err != nil {
			p.dropAccount(ctx)
			p.differs("oms_meta_password", msg.M(
				"the account of the MetaDB may not create another one, so a changed password was not tried: %v",
				database.Explain(c, err)))
			return nil
		}
	}
	return nil
}

// The passwords of the account, which is dropped in the end.
const (
	firstPassword  = "A1b#first%x"
	secondPassword = "B2c#second&y z"
)

func (p *Proof) quoted() string { return "'" + p.account + "'@'%'" }

func (p *Proof) dropAccount(ctx context.Context) {
	if p.account == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), dropTime)
	defer cancel()
	if _, err := p.from().DB.ExecContext(ctx, "DROP USER IF EXISTS "+p.quoted()); err != nil {
		p.Log(msg.M("cannot drop the account %s, drop it by hand: %v", p.account,
			database.Explain(p.from().Config, err)))
	}
	p.account = ""
}

// boot runs the node, and everything that is tried on it.
func (p *Proof) boot(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return msg.Errorf("cannot find omsinit itself: %w", err)
	}
	p.numbers(ctx, self)
	run := exec.Command(self, "run")
	run.Env, run.Stdout, run.Stderr = p.env, &p.output, &p.output
	run.SysProcAttr, run.WaitDelay = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}, outputTime
	if err := run.Start(); err != nil {
		return msg.Errorf("cannot start omsinit run: %w", err)
	}
	ended := make(chan struct{})
	go func() { _ = run.Wait(); close(ended) }()
	defer func() {
		_ = run.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(stopTime):
			_ = run.Process.Kill()
			<-ended
		}
	}()
	p.Log(msg.M("booting the pack with another configuration; the node's programs start on ports of their own"))
	if !p.ready(ctx, ended) {
		return ctx.Err()
	}
	for _, stage := range []struct {
		says msg.Message
		try  func(context.Context, string) error
	}{
		{msg.M("it is ready; waiting for the rows that the installation has, too"), p.rows},
		{msg.M("looking at what its rows refer to, and which values of config.yaml they hold"), p.holds},
		{msg.M("initialising a second time"), p.again},
		{msg.M("changing each port"), p.port},
		{msg.M("changing the password of the MetaDB's account"), p.password},
		{msg.M("adding two nodes"), p.node},
	} {
		p.Log(stage.says)
		if err := stage.try(ctx, self); err != nil {
			return err
		}
	}
	return ctx.Err()
}
