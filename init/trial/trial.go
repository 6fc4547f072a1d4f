// Package trial makes a node that needs no prepared MetaDB: a MariaDB under the run mount is one more supervised
// program. It is for a first look, not for production.
package trial

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"omsinit/init/component"
	"omsinit/init/flow"
	"omsinit/internal/msg"
	"omsinit/internal/node"
	"omsinit/internal/pack"
)

// DefaultMetaDBPort is out of the way of a MariaDB that runs already.
const DefaultMetaDBPort = 13306

// Options are what trial mode adds to a run.
type Options struct {
	// Set are KEY=VALUE of config.yaml.
	Set []string
	// MetaDBPort is the port of the trial MetaDB, on 127.0.0.1.
	MetaDBPort int
	// NoPage is that of flow.BootOptions.
	NoPage bool
}

// Run prepares the MetaDB and its configuration, and then boots the node as the container's entry point does. It
// returns an exit status when the node has stopped.
func Run(ctx context.Context, n *node.Node, steps flow.Options, o Options) (int, error) {
	if n.HostIP == "" {
		n.HostIP = "127.0.0.1"
		if err := os.Setenv("OMS_HOST_IP", n.HostIP); err != nil { // for the child of PID 1
			return 1, err
		}
	}
	if err := prepare(ctx, n, o); err != nil {
		return 1, err
	}
	return flow.New(n, steps).Boot(ctx, flow.BootOptions{
		OnReady: func() { announce(ctx, n) }, NoPage: o.NoPage,
		OnStop: func() {
			n.Tell(msg.M("stopping %s", "omsinit trial"))
		},
		Hint: msg.M(
			"correct what is wrong (a port: --set KEY=PORT), then stop the trial with Ctrl-C and start it again"),
	})
}

// prepare makes what a prepared node has. Everything that can stand in the way is looked for before anything is
// written.
func prepare(ctx context.Context, n *node.Node, o Options) error {
	l := n.Layout
	if _, err := os.Stat(l.Path("/home/admin/conf/command/start_oms_console.sh")); err != nil {
		return msg.Errorf("there are no OMS components under %s: %w; unpack an OMS image there, or lay out the stand-in with `oms-standin install %s`", l.Path("/"), err, l.Path("/"))
	}
	if status, err := flow.Client(l).Status(ctx); err == nil {
		return msg.Errorf("a node runs under %s already (process %d); stop it first", l.Path("/"), status.PID)
	}
	db, err := newMetaDB(l, o.MetaDBPort)
	if err != nil {
		return err
	}
	if err := db.portIsFree(); err != nil {
		return err
	}
	password, err := db.password()
	if err != nil {
		return err
	}
	if err := writeConfig(n.ConfigFile, n.HostIP, password, o.MetaDBPort, o.Set); err != nil {
		return err
	}
	fmt.Fprintln(n.Out, n.Lang.Sprintf("trial mode: the MetaDB is a MariaDB of its own in %s; its password is in %s",
		db.dataDir(), db.passwordFile()))
	if err := db.prepare(ctx, password); err != nil {
		return err
	}
	return db.writeProgram(ctx, n)
}

// writeProgram writes the program file of the MetaDB, and the main program file where the image has none, before PID 1
// reads them.
func (m metaDB) writeProgram(ctx context.Context, n *node.Node) error {
	p, err := n.Pack()
	if err != nil {
		return err
	}
	mariadbd, err := findProgram("mariadbd")
	if err != nil {
		return err
	}
	files := slices.DeleteFunc(slices.Clone(p.Files), func(f pack.File) bool {
		return n.Layout.Path(f.Path) != n.Layout.SupervisordConf()
	})
	step := component.Step{
		Pack: p, Layout: n.Layout, HostIP: n.HostIP, Files: append(files, p.Trial...),
		Values: map[string]any{
			"mariadbd": mariadbd, "datadir": m.dataDir(), "tmpdir": m.tempDir(), "port": m.port,
			"user": m.account.Username,
		},
	}
	_, err = step.Apply(ctx)
	return err
}

// announce shows what there is to look at.
func announce(ctx context.Context, n *node.Node) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	cfg, err := n.Config()
	if err == nil {
		fmt.Fprintln(n.Out)
		err = flow.Client(n.Layout).PrintStatus(ctx, n.Out, n.Lang, time.Now())
	}
	if err != nil {
		n.Tell(msg.M("warning: %v", err))
		return
	}
	scheme := map[bool]string{false: "http", true: "https"}[n.Layout.HTTPS()]
	fmt.Fprintln(n.Out, n.Lang.Sprintf(
		"\nopen %s://%s:%d — look further with `%s status --root %s`; Ctrl-C stops everything", scheme, n.HostIP,
		cfg.NginxPort, os.Args[0], n.Layout.Path("/")))
}
