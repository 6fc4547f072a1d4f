package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ochinchina/supervisord/faults"

	"omsinit/internal/msg"
	"omsinit/supervise/api"
	"omsinit/supervise/program"
)

// python is a Python supervisord, as an OMS image has it whose entry point was
// not replaced. What it does not know (readiness, order, progress) is done on
// this side: probes are asked and dependencies kept from here.
type python struct {
	*endpoint
	conf string
	env  []string
}

// python returns access to the Python supervisord that an error speaks of: one
// that answers on the socket and does not know our interface, or one that is
// reached over TCP only. nil when there is none.
func (c *Client) python(ctx context.Context, err error) *python {
	o := &python{endpoint: &c.endpoint, conf: c.conf, env: c.env}
	if foreign := (*foreignError)(nil); errors.As(err, &foreign) {
		if _, err := o.rpc(ctx, "supervisor.getSupervisorVersion"); err != nil {
			return nil
		}
		return o
	}
	if !errors.Is(err, ErrNotRunning) || c.fallback == "" {
		return nil
	}
	o.endpoint = &endpoint{address: c.fallback, base: c.fallback, username: c.username, password: c.password,
		http: http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
	// On a host's network the port may be that of another container.
	pid, err := o.rpc(ctx, "supervisor.getPID")
	if err != nil {
		return nil
	}
	command, err := os.ReadFile(fmt.Sprintf("/proc/%v/cmdline", pid))
	if err != nil || !strings.Contains(string(command), "supervisord") {
		return nil
	}
	return o
}

// definitions are what the program files say. Without them there are no
// probes and no order, and Supervisor does what it always did.
func (o *python) definitions() (map[string]*program.Program, error) {
	found := map[string]*program.Program{}
	if o.conf == "" {
		return found, nil
	}
	d, err := program.Load(o.conf, o.env...)
	if err != nil {
		return found, err
	}
	for i := range d.Programs {
		found[d.Programs[i].FullName()] = &d.Programs[i]
	}
	return found, nil
}

// Status asks Supervisor for the states, and the probes for the readiness.
func (o *python) Status(ctx context.Context) (*api.Status, error) {
	version, err := o.rpc(ctx, "supervisor.getSupervisorVersion")
	if err != nil {
		return nil, err
	}
	pid, err := o.rpc(ctx, "supervisor.getPID")
	if err != nil {
		return nil, err
	}
	all, err := o.rpc(ctx, "supervisor.getAllProcessInfo")
	if err != nil {
		return nil, err
	}
	st := &api.Status{Version: 1, File: o.conf, Programs: []api.ProgramStatus{}, Supervisor: fmt.Sprintf("supervisord %v", version)}
	st.PID, _ = pid.(int)
	definitions, err := o.definitions()
	if err != nil {
		st.Definitions = msg.ErrorText(err)
	}
	list, _ := all.([]any)
	for _, item := range list {
		if info, ok := item.(api.Struct); ok {
			p := pythonProgram(info)
			st.Programs = append(st.Programs, p)
		}
	}
	slices.SortFunc(st.Programs, func(a, b api.ProgramStatus) int { return cmp.Compare(a.Name, b.Name) })
	var wg sync.WaitGroup
	for i := range st.Programs {
		if def := definitions[st.Programs[i].Name]; def != nil {
			wg.Go(func() { define(ctx, &st.Programs[i], def) })
		}
	}
	wg.Wait()
	return st, nil
}

// pythonProgram is one answer of getProcessInfo. Without a probe, a program is
// ready when it is RUNNING.
func pythonProgram(info api.Struct) api.ProgramStatus {
	def := program.Program{Name: info.Text("name"), Group: info.Text("group")}
	p := api.ProgramStatus{Name: def.FullName(), State: info.Text("statename"), StateCode: info.Number("state"), PID: info.Number("pid"),
		StdoutLog: info.Text("stdout_logfile"), StderrLog: info.Text("stderr_logfile"), Autostart: true}
	p.Ready = p.State == api.Running.String()
	now, start := info.Number("now"), info.Number("start")
	if start > 0 {
		at := time.Unix(int64(start), 0)
		p.StartedAt, p.Since = &at, at
	}
	if p.PID != 0 {
		p.UptimeSeconds = int64(now - start)
	} else if stop := info.Number("stop"); stop > 0 {
		p.Since = time.Unix(int64(stop), 0)
		// In the other states Supervisor says 0 whatever it was.
		if status, ok := info["exitstatus"].(int); ok && p.State == api.Exited.String() {
			p.ExitStatus = &status
		}
	}
	if reason := info.Text("spawnerr"); reason != "" {
		p.Reason = msg.Text{English: reason}
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
	ready, answer := def.Probe.Ask(ctx, runHere(def))
	p.Ready = ready
	if !ready {
		p.ProbeAnswer = msg.NewText(answer)
	}
}

// processStart is when a process was started: to a hundredth of a second where
// it can be seen, else what Supervisor says.
func processStart(pid int, said *time.Time) time.Time {
	stat, err1 := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	up, err2 := os.ReadFile("/proc/uptime")
	now := time.Now()
	if err1 == nil && err2 == nil {
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		first, _, _ := strings.Cut(string(up), " ")
		uptime, err := strconv.ParseFloat(first, 64)
		if err == nil && len(fields) > 19 {
			if ticks, err := strconv.ParseFloat(fields[19], 64); err == nil {
				return now.Add(-time.Duration((uptime - ticks/100) * float64(time.Second)))
			}
		}
	}
	if said != nil {
		return *said
	}
	return now
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
	answer, err := o.rpc(ctx, "supervisor.reloadConfig")
	if err != nil {
		return nil, msg.Errorf("cannot update the programs: %w", err)
	}
	outer, _ := answer.([]any)
	if len(outer) != 1 {
		return nil, msg.Errorf("the supervisor's answer is not understood: %v", answer)
	}
	lists, _ := outer[0].([]any)
	if len(lists) != 3 {
		return nil, msg.Errorf("the supervisor's answer is not understood: %v", answer)
	}
	groups := make([][]string, 3)
	for i, list := range lists {
		names, _ := list.([]any)
		for _, name := range names {
			groups[i] = append(groups[i], fmt.Sprint(name))
		}
	}
	r := &api.UpdateResult{Added: groups[0], Changed: groups[1], Removed: groups[2]}
	for _, group := range append(slices.Clone(r.Removed), r.Changed...) {
		for _, method := range []string{"supervisor.stopProcessGroup", "supervisor.removeProcessGroup"} {
			if _, err := o.rpc(ctx, method, group); err != nil && !isFault(err, faults.BadName) {
				return r, msg.Errorf("cannot update the program group %s: %w", group, err)
			}
		}
	}
	for _, group := range append(slices.Clone(r.Changed), r.Added...) {
		if _, err := o.rpc(ctx, "supervisor.addProcessGroup", group); err != nil && !isFault(err, faults.AlreadyAdded) {
			return r, msg.Errorf("cannot update the program group %s: %w", group, err)
		}
	}
	return r, nil
}

func isFault(err error, codes ...int) bool {
	fault := (*rpcFault)(nil)
	return errors.As(err, &fault) && slices.Contains(codes, fault.Code)
}
