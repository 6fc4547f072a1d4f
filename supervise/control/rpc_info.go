package control

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"omsinit/supervise/api"
	"omsinit/supervise/engine"
	"omsinit/supervise/program"
)

func (r *rpcService) getProcessInfo(c call) (any, error) {
	p, err := r.find(c.text(0))
	if err != nil {
		return nil, err
	}
	return processInfo(p.Snapshot(), time.Now()), nil
}

// getAllProcessInfo describes all programs, sorted by their names as in Supervisor.
func (r *rpcService) getAllProcessInfo(call) (any, error) {
	list := []any{}
	for _, p := range r.s.All() {
		list = append(list, processInfo(p.Snapshot(), time.Now()))
	}
	return list, nil
}

// info is the struct of getProcessInfo. Its members keep their order: clients that read answers with
// gorilla-xmlrpc, such as ochinchina's xmlrpcclient, fail on some others.
type info struct {
	Name          string `json:"name"`
	Group         string `json:"group"`
	Description   string `json:"description"`
	Start         int    `json:"start"`
	Stop          int    `json:"stop"`
	Now           int    `json:"now"`
	State         int    `json:"state"`
	StateName     string `json:"statename"`
	SpawnErr      string `json:"spawnerr"`
	ExitStatus    int    `json:"exitstatus"`
	LogFile       string `json:"logfile"`
	StdoutLogFile string `json:"stdout_logfile"`
	StderrLogFile string `json:"stderr_logfile"`
	PID           int    `json:"pid"`
}

func processInfo(snap engine.Snapshot, now time.Time) info {
	unix := func(t time.Time) int {
		if t.IsZero() {
			return 0
		}
		return int(t.Unix())
	}
	exit := 0 // Supervisor keeps none of a process that ended within startsecs
	if snap.LastExit != nil && snap.PID == 0 && !snap.ExitedTooQuickly() {
		exit = snap.LastExit.Code
	}
	reason := ""
	switch {
	case snap.State == api.Exited && !slices.Contains(snap.Def.ExitCodes, exit):
		reason = fmt.Sprintf("Bad exit code %d", exit)
	case snap.SpawnErr != nil && snap.State != api.Running:
		reason = program.Printable(supervisorReason(snap))
	}
	return info{
		Name: snap.Def.Name, Group: snap.Def.Group, Description: program.Printable(describe(snap, now)),
		State: int(snap.State), StateName: snap.State.String(), PID: snap.PID, SpawnErr: reason,
		ExitStatus: exit, Now: unix(now), Start: unix(snap.StartedAt), Stop: unix(snap.StoppedAt),
		LogFile: snap.Def.Stdout.Path, StdoutLogFile: snap.Def.Stdout.Path, StderrLogFile: snap.Def.Stderr.Path,
	}
}

// describe is the last column of supervisorctl status, in Supervisor's words.
func describe(snap engine.Snapshot, now time.Time) string {
	switch snap.State {
	case api.Running:
		return fmt.Sprintf("pid %d, uptime %s", snap.PID, uptime(now.Sub(snap.StartedAt)))
	case api.Fatal, api.Backoff:
		if snap.SpawnErr == nil {
			return fmt.Sprintf("unknown error (try \"tail %s\")", snap.Def.Name)
		}
		return supervisorReason(snap)
	case api.Stopped, api.Exited:
		if snap.StartedAt.IsZero() {
			return "Not started"
		}
		return snap.StoppedAt.Format("Jan 02 03:04 PM")
	}
	return ""
}

func supervisorReason(snap engine.Snapshot) string {
	if snap.ExitedTooQuickly() {
		return "Exited too quickly (process log may have details)"
	}
	return snap.SpawnErr.Error()
}

// uptime prints a duration as Python's timedelta does: 0:02:45, 1 day, 0:00:05.
func uptime(d time.Duration) string {
	seconds := int64(max(d, 0) / time.Second)
	days, seconds := seconds/86400, seconds%86400
	text := fmt.Sprintf("%d:%02d:%02d", seconds/3600, seconds/60%60, seconds%60)
	switch days {
	case 0:
		return text
	case 1:
		return "1 day, " + text
	}
	return fmt.Sprintf("%d days, %s", days, text)
}

// getAllConfigInfo is what supervisorctl avail prints. What has no effect here is off.
func (r *rpcService) getAllConfigInfo(call) (any, error) {
	list := []any{}
	d := r.s.LatestDefinitions()
	if d == nil {
		return list, nil
	}
	none := func(s string) string { return cmp.Or(s, "none") }
	byName := func(a, b program.Program) int { return strings.Compare(a.Name, b.Name) }
	for _, p := range slices.SortedStableFunc(slices.Values(d.Programs), byName) {
		inUse := r.s.Find(p.FullName()) != nil
		var uid any = "none"
		if u, err := program.LookupUser(p.User); p.User != "" && err == nil {
			uid, _ = strconv.Atoi(u.Uid) // Unix has numbers
		}
		info := map[string]any{
			"name": p.Name, "group": p.Group, "group_prio": p.GroupPriority, "process_prio": p.Priority, "inuse": inUse,
			"autostart": p.Autostart, "command": program.Printable(p.CommandLine), "directory": none(p.Directory),
			"uid": uid, "exitcodes": p.ExitCodes, "startsecs": p.StartSecs, "startretries": p.StartRetries,
			"stopsignal": int(p.StopSignal), "stopwaitsecs": p.StopWaitSecs, "killasgroup": p.KillAsGroup,
			"redirect_stderr": p.RedirectStderr, "serverurl": "none",
		}
		for name, f := range map[string]program.LogFile{"stdout": p.Stdout, "stderr": p.Stderr} {
			info[name+"_logfile"] = none(f.Path)
			if f.Auto && !inUse {
				info[name+"_logfile"] = "auto"
			}
			info[name+"_logfile_maxbytes"], info[name+"_logfile_backups"] = int(f.MaxBytes), f.Backups
			info[name+"_capture_maxbytes"], info[name+"_events_enabled"], info[name+"_syslog"] = 0, false, false
		}
		list = append(list, info)
	}
	return list, nil
}
