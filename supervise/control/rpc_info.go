package control

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/ochinchina/supervisord/types"

	"omsinit/supervise/api"
	"omsinit/supervise/engine"
	"omsinit/supervise/program"
)

// rpcService holds the XML-RPC methods. Arguments and replies are structures
// whose fields are the positional parameters.
type rpcService struct{ s *engine.Supervisor }

// Aliases of unnamed types, because gorilla/rpc wants exported names or none.
type (
	rpcNothing = struct{}
	rpcString  = struct{ Value string }
	rpcInt     = struct{ Value int }
	rpcBool    = struct{ Value bool }
	rpcAny     = struct{ Value any }
	rpcName    = struct{ Name string }
	rpcRange   = struct {
		Offset int
		Length int
	}
	rpcNameRange = struct {
		Name   string
		Offset int
		Length int
	}
)

// The versions that Supervisor 4.2.5 reports; supervisorctl refuses to talk
// to another API version.
const (
	rpcAPIVersion        = "3.0"
	rpcSupervisorVersion = "4.2.5"
)

func (r *rpcService) GetAPIVersion(_ *http.Request, _ *rpcNothing, reply *rpcString) error {
	reply.Value = rpcAPIVersion
	return nil
}

func (r *rpcService) GetSupervisorVersion(_ *http.Request, _ *rpcNothing, reply *rpcString) error {
	reply.Value = rpcSupervisorVersion
	return nil
}

func (r *rpcService) GetIdentification(_ *http.Request, _ *rpcNothing, reply *rpcString) error {
	reply.Value = "supervisor"
	return nil
}

func (r *rpcService) GetPID(_ *http.Request, _ *rpcNothing, reply *rpcInt) error {
	reply.Value = os.Getpid()
	return nil
}

type rpcState struct {
	Code int    `xml:"statecode"`
	Name string `xml:"statename"`
}

func (r *rpcService) GetState(_ *http.Request, _ *rpcNothing, reply *struct{ Value rpcState }) error {
	reply.Value = rpcState{1, "RUNNING"}
	if r.s.IsClosing() {
		reply.Value = rpcState{-1, "SHUTDOWN"}
	}
	return nil
}

func (r *rpcService) ListMethods(_ *http.Request, _ *rpcNothing, reply *struct{ Value []string }) error {
	for _, name := range slices.Sorted(maps.Keys(rpcMethods)) {
		reply.Value = append(reply.Value, "supervisor."+name)
	}
	reply.Value = append(reply.Value, "system.listMethods", "system.multicall")
	return nil
}

func (r *rpcService) GetProcessInfo(_ *http.Request, args *rpcName, reply *struct{ Value types.ProcessInfo }) error {
	p, err := r.find(args.Name)
	if err != nil {
		return err
	}
	reply.Value = processInfo(p.Snapshot(), time.Now())
	return nil
}

func (r *rpcService) GetAllProcessInfo(_ *http.Request, _ *rpcNothing,
	reply *struct{ Value []types.ProcessInfo }) error {
	now := time.Now()
	for _, p := range r.s.All() {
		reply.Value = append(reply.Value, processInfo(p.Snapshot(), now))
	}
	return nil
}

func processInfo(snap engine.Snapshot, now time.Time) types.ProcessInfo {
	info := types.ProcessInfo{
		Name: snap.Def.Name, Group: snap.Def.Group, Description: program.Printable(describe(snap,
			now)), Now: int(now.Unix()),
		State: int(snap.State), Statename: snap.State.String(),
		Logfile: snap.Def.Stdout.Path, StdoutLogfile: snap.Def.Stdout.Path,
		StderrLogfile: snap.Def.Stderr.Path, Pid: snap.Pid,
	}
	if !snap.StartedAt.IsZero() {
		info.Start = int(snap.StartedAt.Unix())
	}
	if !snap.StoppedAt.IsZero() {
		info.Stop = int(snap.StoppedAt.Unix())
	}
	if snap.SpawnErr != nil {
		info.Spawnerr = program.Printable(supervisorReason(snap))
	}
	if snap.LastExit != nil && snap.Pid == 0 {
		info.Exitstatus = snap.LastExit.Code
	}
	return info
}

// describe is the last column of supervisorctl status, in Supervisor's words.
func describe(snap engine.Snapshot, now time.Time) string {
	switch snap.State {
	case api.Running:
		return fmt.Sprintf("pid %d, uptime %s", snap.Pid, uptime(now.Sub(snap.StartedAt)))
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

// rpcConfigInfo is one row of supervisorctl avail.
type rpcConfigInfo struct {
	Name           string `xml:"name"`
	Group          string `xml:"group"`
	GroupPriority  int    `xml:"group_prio"`
	Priority       int    `xml:"process_prio"`
	InUse          bool   `xml:"inuse"`
	Autostart      bool   `xml:"autostart"`
	Command        string `xml:"command"`
	Directory      string `xml:"directory"`
	ExitCodes      []int  `xml:"exitcodes"`
	StartSecs      int    `xml:"startsecs"`
	StartRetries   int    `xml:"startretries"`
	StopSignal     int    `xml:"stopsignal"`
	StopWaitSecs   int    `xml:"stopwaitsecs"`
	KillAsGroup    bool   `xml:"killasgroup"`
	RedirectStderr bool   `xml:"redirect_stderr"`
	StdoutLog      string `xml:"stdout_logfile"`
	StderrLog      string `xml:"stderr_logfile"`
}

func (r *rpcService) GetAllConfigInfo(_ *http.Request, _ *rpcNothing, reply *struct{ Value []rpcConfigInfo }) error {
	d := r.s.LatestDefinitions()
	if d == nil {
		return nil
	}
	none := func(s string) string { return cmp.Or(s, "none") }
	for _, p := range d.Programs {
		reply.Value = append(reply.Value, rpcConfigInfo{
			Name: p.Name, Group: p.Group, GroupPriority: p.GroupPriority, Priority: p.Priority,
			InUse: r.s.Find(p.FullName()) != nil, Autostart: p.Autostart, Command: program.Printable(p.CommandLine),
			Directory: none(p.Directory), ExitCodes: p.ExitCodes, StartSecs: p.StartSecs, StartRetries: p.StartRetries,
			StopSignal: int(p.StopSignal), StopWaitSecs: p.StopWaitSecs, KillAsGroup: p.KillAsGroup,
			RedirectStderr: p.RedirectStderr, StdoutLog: none(p.Stdout.Path), StderrLog: none(p.Stderr.Path),
		})
	}
	slices.SortFunc(reply.Value, func(a, b rpcConfigInfo) int { return strings.Compare(a.Name, b.Name) })
	return nil
}
