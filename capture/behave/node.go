package behave

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"omsinit/capture/prove"
	"omsinit/internal/config"
	"omsinit/internal/msg"
	"omsinit/supervise/api"
)

// configure writes a config.yaml that no installation has.
func (p *Proof) configure(ctx context.Context, c *config.Config) error {
	address, err := ownAddress(c)
	if err != nil {
		return err
	}
	values := map[string]any{"drc_rm_db": c.RMDatabase, "drc_cm_db": c.CMDatabase,
		"drc_cm_heartbeat_db": c.HeartbeatDatabase, "cm_location": (c.CMLocation + 37) % 100,
		"cm_region": "omsinit-proof", "cm_region_cn": "验证's 1", "cm_is_default": true,
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
