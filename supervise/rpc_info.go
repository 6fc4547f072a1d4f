package supervise

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/ochinchina/supervisord/faults"
	"github.com/ochinchina/supervisord/types"
)

// rpcService holds the XML-RPC methods. Arguments and replies are structures
// whose fields are the positional parameters.
type rpcService struct{ s *Supervisor }

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
	if r.s.isClosing() {
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
	p := r.s.find(args.Name)
	if p == nil {
		return fault(faults.BadName, args.Name)
	}
	reply.Value = processInfo(p.snapshot(), time.Now())
	return nil
}

func (r *rpcService) GetAllProcessInfo(_ *http.Request, _ *rpcNothing, reply *struct{ Value []types.ProcessInfo }) error {
	now := time.Now()
	for _, p := range r.s.all() {
		reply.Value = append(reply.Value, processInfo(p.snapshot(), now))
	}
	return nil
}

func processInfo(snap snapshot, now time.Time) types.ProcessInfo {
	info := types.ProcessInfo{
		Name: snap.def.Name, Group: snap.def.Group, Description: printable(describe(snap, now)), Now: int(now.Unix()),
		State: int(snap.state), Statename: snap.state.String(),
		Logfile: snap.def.Stdout.Path, StdoutLogfile: snap.def.Stdout.Path, StderrLogfile: snap.def.Stderr.Path, Pid: snap.pid,
	}
	if !snap.startedAt.IsZero() {
		info.Start = int(snap.startedAt.Unix())
	}
	if !snap.stoppedAt.IsZero() {
		info.Stop = int(snap.stoppedAt.Unix())
	}
	if snap.spawnErr != nil {
		info.Spawnerr = printable(supervisorReason(snap))
	}
	if snap.lastExit != nil && snap.pid == 0 {
		info.Exitstatus = snap.lastExit.Code
	}
	return info
}

// describe is the last column of supervisorctl status, in Supervisor's words.
func describe(snap snapshot, now time.Time) string {
	switch snap.state {
	case Running:
		return fmt.Sprintf("pid %d, uptime %s", snap.pid, uptime(now.Sub(snap.startedAt)))
	case Fatal, Backoff:
		if snap.spawnErr == nil {
			return fmt.Sprintf("unknown error (try \"tail %s\")", snap.def.Name)
		}
		return supervisorReason(snap)
	case Stopped, Exited:
		if snap.startedAt.IsZero() {
			return "Not started"
		}
		return snap.stoppedAt.Format("Jan 02 03:04 PM")
	}
	return ""
}

func supervisorReason(snap snapshot) string {
	if snap.quick {
		return "Exited too quickly (process log may have details)"
	}
	return snap.spawnErr.Error()
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
	r.s.mu.Lock()
	d := r.s.latest
	r.s.mu.Unlock()
	if d == nil {
		return nil
	}
	none := func(s string) string { return cmp.Or(s, "none") }
	for _, p := range d.Programs {
		reply.Value = append(reply.Value, rpcConfigInfo{
			Name: p.Name, Group: p.Group, GroupPriority: p.GroupPriority, Priority: p.Priority,
			InUse: r.s.find(p.FullName()) != nil, Autostart: p.Autostart, Command: printable(p.CommandLine),
			Directory: none(p.Directory), ExitCodes: p.ExitCodes, StartSecs: p.StartSecs, StartRetries: p.StartRetries,
			StopSignal: int(p.StopSignal), StopWaitSecs: p.StopWaitSecs, KillAsGroup: p.KillAsGroup,
			RedirectStderr: p.RedirectStderr, StdoutLog: none(p.Stdout.Path), StderrLog: none(p.Stderr.Path),
		})
	}
	slices.SortFunc(reply.Value, func(a, b rpcConfigInfo) int { return strings.Compare(a.Name, b.Name) })
	return nil
}
