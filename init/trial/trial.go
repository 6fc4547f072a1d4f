// Package trial makes a node that needs no prepared MetaDB: a MariaDB under
// the run mount is one more supervised program. It is for a first look, not
// for production.
package trial

import (
	"context"
	"fmt"
	"os"
	"time"

	"omsinit/init/component"
	"omsinit/init/flow"
	"omsinit/internal/config"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

// DefaultMetaDBPort is out of the way of a MariaDB that runs already.
const DefaultMetaDBPort = 13306

// Options are what trial mode adds to a run.
type Options struct {
	// Set are KEY=VALUE of config.yaml.
	Set        []string
	MetaDBPort int
}

// Run prepares the MetaDB and its configuration, and then boots the node as
// the container's entry point does. It returns when the node has stopped.
func Run(ctx context.Context, o flow.Options, t Options) (int, error) {
	if o.HostIP == "" {
		o.HostIP = "127.0.0.1"
		if err := os.Setenv("OMS_HOST_IP", o.HostIP); err != nil {
			return 1, err
		}
	}
	if err := hasComponents(o); err != nil {
		return 1, err
	}
	// Before anything is written: the running node reads those files.
	if status, err := flow.Client(o.Layout).Status(ctx); err == nil {
		return 1, msg.Errorf("a node runs under %s already (process %d); stop it first", o.Layout.Path("/"), status.PID)
	}
	db := metaDB{layout: o.Layout, port: t.MetaDBPort}
	if err := db.portIsFree(); err != nil {
		return 1, err
	}
	password, err := db.password()
	if err != nil {
		return 1, err
	}
	if err := writeConfig(o.ConfigFile, o.HostIP, password, t.MetaDBPort, t.Set); err != nil {
		return 1, err
	}
	fmt.Fprintln(o.Out, o.Lang.Sprintf("trial mode: the MetaDB is a MariaDB of its own in %s; its password is in %s", db.dataDir(), db.passwordFile()))
	if err := db.prepare(ctx, password); err != nil {
		return 1, err
	}
	if err := db.writeProgram(ctx, o); err != nil {
		return 1, err
	}
	return flow.Boot(ctx, o, flow.BootOptions{
		OnReady: func() { announce(ctx, o) },
		Hint:    msg.M("correct what is wrong (a port: --set KEY=PORT), then stop the trial with Ctrl-C and start it again"),
	})
}

// hasComponents makes sure that there is an OMS under the root to try.
func hasComponents(o flow.Options) error {
	script := o.Layout.Path("/home/admin/conf/command/start_oms_console.sh")
	if _, err := os.Stat(script); err != nil {
		return msg.Errorf("there are no OMS components under %s: %w; unpack an OMS image there, or lay out the stand-in with `oms-standin install %s`", o.Layout.Path("/"), err, o.Layout.Path("/"))
	}
	return nil
}

// writeProgram writes the program file of the MetaDB, and the main program
// file where the image has none, before PID 1 reads them.
func (m metaDB) writeProgram(ctx context.Context, o flow.Options) error {
	p, err := pack.Open(o.PackDir)
	if err != nil {
		return err
	}
	mariadbd, err := findProgram("mariadbd")
	if err != nil {
		return err
	}
	var files []pack.File
	for _, f := range p.Files {
		if o.Layout.Path(f.Path) == o.Layout.SupervisordConf() {
			files = append(files, f)
		}
	}
	step := component.Step{
		Pack: p, Layout: o.Layout, HostIP: o.HostIP, Files: append(files, p.Trial...),
		Values: map[string]any{
			"mariadbd": mariadbd, "datadir": m.dataDir(), "tmpdir": m.tempDir(), "port": m.port, "user": m.account(),
		},
	}
	_, err = step.Apply(ctx)
	return err
}

// announce shows what there is to look at.
func announce(ctx context.Context, o flow.Options) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	cfg, _, err := config.Load(o.ConfigFile)
	if err == nil {
		fmt.Fprintln(o.Out)
		err = flow.Client(o.Layout).PrintStatus(ctx, o.Out, o.Lang, time.Now())
	}
	if err != nil {
		fmt.Fprintln(o.Err, o.Lang.Sprintf("warning: %v", err))
		return
	}
	scheme := "http"
	if o.Layout.HTTPS() {
		scheme = "https"
	}
	fmt.Fprintln(o.Out, o.Lang.Sprintf("\nopen %s://%s:%d — look further with `omsinit status --root %s`; Ctrl-C stops everything", scheme, o.HostIP, cfg.NginxPort, o.Layout.Path("/")))
}
