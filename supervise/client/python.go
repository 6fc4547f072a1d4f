package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/ochinchina/supervisord/faults"
	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/supervise/api"
	"omsinit/supervise/program"
)

// python is a Python supervisord, as an OMS image has it whose entry point was
// not replaced. What it does not know (readiness, order, progress) is done on
// this side: probes are asked and dependencies kept from here.
type python struct {
	*endpoint
	conf    string
	env     []string
	version string
	pid     int
}

// python returns access to the Python supervisord that an error speaks of: one
// that answers on the socket and does not know our interface, or one that is
// reached over TCP only. nil when there is none.
func (c *Client) python(ctx context.Context, err error) *python {
	o := &python{endpoint: &c.endpoint, conf: c.conf, env: c.env}
	_, foreign := errors.AsType[*foreignError](err)
	if !foreign && (!errors.Is(err, ErrNotRunning) || c.fallback == "") {
		return nil
	}
	if !foreign {
		o.endpoint = &endpoint{address: c.fallback, base: c.fallback, username: c.username, password: c.password,
			http: http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
	}
	if o.rpc(ctx, &o.version, "getSupervisorVersion") != nil || o.rpc(ctx, &o.pid, "getPID") != nil {
		return nil
	}
	if foreign {
		return o
	}
	// On a host's network the port may be that of another container.
	command, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", o.pid))
	if err != nil || !strings.Contains(string(command), "supervisord") {
		return nil
	}
	return o
}

// look returns the states as Supervisor has them, the readiness as the probes answer, and what the program files say of
// each program. Without them there are no probes and no order, and Supervisor does what it always did.
func (o *python) look(ctx context.Context) (*api.Status, map[string]program.Program, error) {
	st := &api.Status{Version: 1, PID: o.pid, File: o.conf, Supervisor: "supervisord " + o.version,
		Programs: []api.ProgramStatus{}}
	var all []processInfo
	if err := o.rpc(ctx, &all, "getAllProcessInfo"); err != nil {
		return nil, nil, err
	}
	found := map[string]program.Program{}
	if o.conf != "" {
		d, err := program.Load(o.conf, o.env...)
		if err != nil {
			st.Definitions, d = msg.ErrorText(err), &program.Definitions{}
		}
		for _, def := range d.Programs {
			found[def.FullName()] = def
		}
		for _, f := range d.Findings {
			if f.Severity == finding.Error { // with which Supervisor does not start again
				st.Warnings = append(st.Warnings, msg.ErrorText(f.Err()))
			}
		}
	}
	for _, info := range all {
		st.Programs = append(st.Programs, info.status())
	}
	sort.Slice(st.Programs, func(i, j int) bool { return st.Programs[i].Name < st.Programs[j].Name })
	var probing sync.WaitGroup
	for i := range st.Programs {
		p := &st.Programs[i]
		def, ok := found[p.Name]
		if ok {
			probing.Go(func() { define(ctx, p, &def) })
		} else {
			def.Group, def.Name, _ = strings.Cut(p.Name, ":")
			def.Name, def.ExitCodes = cmp.Or(def.Name, def.Group), []int{0}
		}
		def.Stdout.Path, def.Stderr.Path = p.StdoutLog, p.StderrLog // Supervisor chooses names for some
		found[p.Name] = def
	}
	probing.Wait()
	return st, found, nil
}

// Status returns the states as Supervisor has them, and the readiness as the probes answer.
func (o *python) Status(ctx context.Context) (*api.Status, error) {
	st, _, err := o.look(ctx)
	return st, err
}

// processInfo is one answer of getProcessInfo.
type processInfo struct {
	Name          string `json:"name"`
	Group         string `json:"group"`
	State         int    `json:"state"`
	StateName     string `json:"statename"`
	PID           int    `json:"pid"`
	Now           int64  `json:"now"`
	Start         int64  `json:"start"`
	Stop          int64  `json:"stop"`
	ExitStatus    int    `json:"exitstatus"`
	SpawnErr      string `json:"spawnerr"`
	StdoutLogfile string `json:"stdout_logfile"`
	StderrLogfile string `json:"stderr_logfile"`
}

// status returns it in our form. Without a probe, a program is ready when it is RUNNING.
func (info *processInfo) status() api.ProgramStatus {
	def := program.Program{Name: info.Name, Group: info.Group}
	p := api.ProgramStatus{Name: def.FullName(), State: info.StateName, StateCode: info.State, PID: info.PID,
		StdoutLog: info.StdoutLogfile, StderrLog: info.StderrLogfile, Autostart: true,
		Ready: info.StateName == api.Running.String(), Reason: msg.Text{English: info.SpawnErr}}
	if info.Start > 0 {
		at := time.Unix(info.Start, 0)
		p.StartedAt, p.Since = &at, at
	}
	if p.PID != 0 {
		p.UptimeSeconds = info.Now - info.Start
	} else if info.Stop > 0 {
		p.Since = time.Unix(info.Stop, 0)
		// In the other states Supervisor says 0 whatever it was.
		if p.State == api.Exited.String() {
			p.ExitStatus = &info.ExitStatus
		}
	}
	return p
}

// define adds what the program files know.
func define(ctx context.Context, p *api.ProgramStatus, def *program.Program) {
	p.Autostart, p.Early, p.DependsOn, p.Probe = def.Autostart, def.Early, def.DependsOn, def.Probe.String()
	p.Stale = p.PID != 0 && changedSince(def.Files, processStart(p.PID, p.StartedAt))
	if p.PID == 0 || def.Probe == nil || def.Probe.Log != "" {
		return // a line in a log may have been rotated away long ago
	}
	ready, answer := def.Ready(ctx, runHere(def), p.PID)
	p.Ready = ready
	if !ready {
		p.ProbeAnswer = msg.NewText(answer)
	}
}

// processStart returns when a process was started: to a hundredth of a second where it can be seen, else what
// Supervisor says.
func processStart(pid int, said *time.Time) time.Time {
	if proc, err := procfs.NewProc(pid); err == nil {
		stat, err1 := proc.Stat()
		var now unix.Timespec
		if err1 == nil && unix.ClockGettime(unix.CLOCK_BOOTTIME, &now) == nil {
			return time.Now().Add(time.Duration(stat.Starttime)*10*time.Millisecond - time.Duration(now.Nano()))
		}
	}
	if said != nil {
		return *said
	}
	return time.Now()
}

// changedSince reports whether one of the files was written after a moment.
func changedSince(files []string, then time.Time) bool {
	return slices.ContainsFunc(files, func(name string) bool {
		info, err := os.Stat(name)
		return err == nil && info.ModTime().After(then)
	})
}

// update does what supervisorctl update does.
func (o *python) update(ctx context.Context) (*api.UpdateResult, error) {
	var answer [][][]string
	if err := o.rpc(ctx, &answer, "reloadConfig"); err != nil {
		return nil, msg.Errorf("cannot update the programs: %w", err)
	}
	if len(answer) != 1 || len(answer[0]) != 3 {
		return nil, msg.Errorf("the supervisor's answer is not understood: %v", answer)
	}
	groups := answer[0]
	r := &api.UpdateResult{Added: groups[0], Changed: groups[1], Removed: groups[2]}
	for _, group := range append(slices.Clone(r.Removed), r.Changed...) {
		for _, method := range []string{"stopProcessGroup", "removeProcessGroup"} {
			if err := o.rpc(ctx, nil, method, group); err != nil && !isFault(err, faults.BadName) {
				return r, msg.Errorf("cannot update the program group %s: %w", group, err)
			}
		}
	}
	for _, group := range append(slices.Clone(r.Changed), r.Added...) {
		if err := o.rpc(ctx, nil, "addProcessGroup", group); err != nil && !isFault(err, faults.AlreadyAdded) {
			return r, msg.Errorf("cannot update the program group %s: %w", group, err)
		}
	}
	return r, nil
}
