// Package behave proves a pack by what it does: it boots the pack with the components of an image, under a
// configuration that no installation has, changes that, and looks at what happens. It is done in a container that is
// thrown away, on databases of its own.
package behave

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"omsinit/capture/prove"
	"omsinit/capture/report"
	"omsinit/capture/source"
	"omsinit/capture/tables"
	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/finding"
	"omsinit/internal/layout"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
	"omsinit/supervise/api"
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
		_, err := db.ExecContext(ctx, "CREATE DATABASE "+database.Quote(c.Database(role))+" DEFAULT CHARACTER SET utf8mb4")
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
			p.differs("oms_meta_password", msg.M("the account of the MetaDB may not create another one, so a changed password was not tried: %v", database.Explain(c, err)))
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
		p.Log(msg.M("cannot drop the account %s, drop it by hand: %v", p.account, database.Explain(p.from().Config, err)))
	}
	p.account = ""
}

// configure writes a config.yaml that no installation has.
func (p *Proof) configure(ctx context.Context, c *config.Config) error {
	address, err := ownAddress(c)
	if err != nil {
		return err
	}
	values := map[string]any{"drc_rm_db": c.RMDatabase, "drc_cm_db": c.CMDatabase,
		"drc_cm_heartbeat_db": c.HeartbeatDatabase, "cm_location": (c.CMLocation + 37) % 100, "cm_region": "omsinit-proof", "cm_region_cn": "验证's 1", "cm_is_default": true,
		"cm_nodes": []string{address}, "tsdb_enabled": false}
	if p.account != "" {
		_, tenant, found := strings.Cut(c.MetaUser, "@")
		values["oms_meta_user"], values["oms_meta_password"] = p.account, firstPassword
		if found {
			values["oms_meta_user"] = p.account + "@" + tenant
		}
	}
	for _, key := range config.KeysOf(config.ComponentPort) {
		if values[key], err = freePort(); err != nil {
			return err
		}
	}
	values["cm_url"] = "http://" + net.JoinHostPort(address, fmt.Sprint(values["cm_server_port"]))
	text, err := prove.ConfigText(c, values)
	if err != nil {
		return err
	}
	name := p.Layout.ConfigFile()
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, text, 0o600)); err != nil {
		return msg.Errorf("cannot write %s: %w", name, err)
	}
	p.env = append(os.Environ(), "OMSINIT_ROOT="+p.Layout.Root(), "OMSINIT_PACK="+p.Dir, "OMS_HOST_IP="+address,
		"IS_UPGRADE=", "OMS_LANG=en")
	p.config, _, err = config.Parse(name, text)
	return err
}

// ownAddress is the one by which this container reaches the MetaDB.
func ownAddress(c *config.Config) (string, error) {
	conn, err := net.Dial("udp", net.JoinHostPort(c.MetaHost, strconv.Itoa(c.MetaPort)))
	if err != nil {
		return "", msg.Errorf("cannot find the address by which this container reaches the MetaDB: %w", err)
	}
	defer conn.Close()
	host, _, err := net.SplitHostPort(conn.LocalAddr().String())
	return host, err
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		return 0, msg.Errorf("cannot find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
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
	run.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
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

// ready waits until the node is initialised and every program is ready.
func (p *Proof) ready(ctx context.Context, ended <-chan struct{}) bool {
	limit := time.After(bootTime)
	for {
		var why msg.Message
		status, err := p.Client.Status(ctx)
		switch {
		case err != nil:
			why = msg.M("%v", err)
		case gaveUp(status.Setup):
			p.differs("run", msg.M("the node was not initialised, %v: %s", status.Setup.Message, p.tail()))
			return false
		case status.Setup == nil || status.Setup.State != "done":
			why = msg.M("the initialisation has not finished")
		default:
			if why = p.unready(status); why.IsZero() {
				return true
			}
		}
		select {
		case <-ctx.Done():
			return false
		case <-ended:
			p.differs("run", msg.M("omsinit run has ended: %s", p.tail()))
			return false
		case <-limit:
			p.differs("run", msg.M("the node was not ready within %s: %v: %s", bootTime, why, p.tail()))
			return false
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// gaveUp reports whether the initialisation has failed, for good or as often as it may.
func gaveUp(s *api.SetupStatus) bool {
	again := s != nil && s.State != api.SetupDone && s.Attempt > mostAttempts
	return again || s != nil && s.State == api.SetupWaiting ||
		s != nil && s.State == api.SetupRetrying && s.Attempt == mostAttempts
}

// unready names a program that is not ready.
func (p *Proof) unready(status *api.Status) msg.Message {
	for _, program := range status.Programs {
		down := program.State == "FATAL" || program.State == "BACKOFF"
		if down || slices.Contains(p.Pack.Restart, program.Name) && !program.Ready {
			return msg.M("%s is %s and not ready", program.Name, program.State)
		}
	}
	return msg.Message{}
}

// tail are the last lines of the node's output. omsinit run prints no secret.
func (p *Proof) tail() string {
	lines := strings.Split(strings.TrimSpace(p.output.String()), "\n")
	return strings.Join(lines[max(0, len(lines)-5):], " | ")
}

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

// port changes each that a program listens on, but for the CM's. Whoever speaks HTTP must answer afterwards as before:
// a program that still goes to the old port of another shows only then.
func (p *Proof) port(ctx context.Context, self string) error {
	before := p.answers(ctx)
	tried := false
	for _, key := range config.KeysOf(config.ComponentPort) {
		old, _ := p.config.Values()[key].(int)
		if key == "cm_server_port" || !p.listens(old) {
			continue // cm_url, which other nodes have too, names the CM's
		}
		tried = true
		port, err := freePort()
		if err != nil {
			return err
		}
		if err := p.set(ctx, self, key, strconv.Itoa(port)); err != nil {
			return err
		}
		if p.listens(old) || !p.listens(port) {
			p.differs(key, msg.M("after the port was changed, nothing listens on the new one, or something still does on the old one"))
		}
		after := p.answers(ctx)
		deadline := time.Now().Add(answerTime)
		for !maps.Equal(before, after) && time.Now().Before(deadline) && ctx.Err() == nil {
			time.Sleep(500 * time.Millisecond)
			after = p.answers(ctx)
		}
		for _, place := range slices.Sorted(maps.Keys(before)) {
			if before[place] != after[place] {
				p.differs(key, msg.M("after the port was changed, %s answers with HTTP %d and not %d as before: some program still goes to the old port; see readers in pack.yaml", place, after[place], before[place]))
			}
		}
		before = after
		if err := p.held(ctx, key, answerTime); err != nil {
			return err
		}
	}
	if !tried {
		p.differs("ports", msg.M("no program listens on a port of config.yaml"))
	}
	return nil
}

// answerTime is how long a program that was restarted may take to answer as before.
const answerTime = 30 * time.Second

// paths are what is asked of whoever speaks HTTP: its front page, and what is documented (oms-facts §5).
var paths = []string{"/", "/oms/health"}

// answers are the HTTP statuses of the ports of config.yaml, by key and path; 0 is no HTTP.
func (p *Proof) answers(ctx context.Context) map[string]int {
	out := map[string]int{}
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, key := range config.KeysOf(config.ComponentPort) {
		port, _ := p.config.Values()[key].(int)
		for _, host := range p.hosts() {
			if !listens(host, port) {
				continue
			}
			for _, path := range paths {
				place := key + " " + path
				out[place] = 0
				to := "http://" + net.JoinHostPort(host, strconv.Itoa(port)) + path
				req, err := http.NewRequestWithContext(ctx, http.MethodGet, to, nil)
				if err != nil {
					continue
				}
				if resp, err := client.Do(req); err == nil {
					resp.Body.Close()
					out[place] = resp.StatusCode
				}
			}
			break
		}
	}
	return out
}

// hosts are the addresses that a program of this node may listen on.
func (p *Proof) hosts() []string { return []string{"127.0.0.1", p.config.CMNodes[0]} }

func (p *Proof) listens(port int) bool {
	return slices.ContainsFunc(p.hosts(), func(host string) bool { return listens(host, port) })
}

func listens(host string, port int) bool {
	conn, err := net.DialTimeout("tcp", net.JoinHostPort(host, strconv.Itoa(port)), 2*time.Second)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// password changes that of the MetaDB's account.
func (p *Proof) password(ctx context.Context, self string) error {
	if p.account == "" {
		return nil // that is said already
	}
	if _, err := p.from().DB.ExecContext(ctx, "ALTER USER "+p.quoted()+" IDENTIFIED BY '"+secondPassword+"'"); err != nil {
		p.differs("oms_meta_password", msg.M("the account of the MetaDB may not change the password of another one: %v", database.Explain(p.config, err)))
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
	cmd.Env, cmd.Stdin = p.env, strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return strings.Join(lines[max(0, len(lines)-5):], " | "), err
}
