package metrics

import (
	"path/filepath"
	"slices"
	"time"

	"github.com/prometheus/procfs"

	"omsinit/internal/cgroup"
)

// Observation is what PID 1 says of its programs.
type Observation struct {
	StartedAt  time.Time // of PID 1
	SetupState string    // "", running, retrying, waiting or done
	Programs   []Program
}

// Program is one program.
type Program struct {
	Name      string
	State     int // Supervisor's code
	StateName string
	PID       int // 0 when no process is there
	StartedAt time.Time
	Ready     bool
	Starts    int
	LostBytes int64
}

// Supervisor's codes of the states that are counted.
const (
	running = 20
	fatal   = 200
)

var setupStates = []string{"", "running", "retrying", "waiting", "done"}

// collector looks at the node. Its fields are what it looks at.
type collector struct {
	look    func() Observation
	root    string // where /proc and /sys are
	mounts  *mounts
	version string
}

// collect makes the points of one moment, but for those of the reporter itself.
func (c *collector) collect(now time.Time) (points []point, leftOut int) {
	o := c.look()
	points = append(points, c.node(o, now))
	if len(o.Programs) > MostPrograms {
		leftOut = len(o.Programs) - MostPrograms
		o.Programs = o.Programs[:MostPrograms] // they come by name
	}
	points = append(points, c.programs(o.Programs, now)...)
	points = append(points, c.container())
	return append(points, c.mounts.points()...), leftOut
}

func (c *collector) node(o Observation, now time.Time) point {
	values := map[string]any{
		"setup_state": int64(max(0, slices.Index(setupStates, o.SetupState))), "programs": int64(len(o.Programs)),
		"uptime_seconds": seconds(now, o.StartedAt), "version": c.version,
	}
	var up, ready, broken int64
	for _, p := range o.Programs {
		up += one(p.State == running)
		ready += one(p.Ready)
		broken += one(p.State == fatal)
	}
	values["programs_running"], values["programs_ready"], values["programs_fatal"] = up, ready, broken
	return point{"omsinit_node", nil, values}
}

func (c *collector) programs(programs []Program, now time.Time) []point {
	var mains []int
	for _, p := range programs {
		if p.PID > 0 {
			mains = append(mains, p.PID)
		}
	}
	byPID := trees(processes(c.root), mains)
	points := make([]point, 0, len(programs))
	for _, p := range programs {
		values := map[string]any{
			"state": int64(p.State), "state_name": p.StateName, "ready": one(p.Ready),
			"starts_total": int64(p.Starts), "restarts_total": int64(max(0, p.Starts-1)), "uptime_seconds": 0.0,
			"processes": int64(0), "memory_bytes": int64(0), "open_files": int64(0),
			"lost_log_bytes_total": p.LostBytes,
		}
		if p.PID > 0 {
			values["uptime_seconds"] = seconds(now, p.StartedAt)
			c.figures(values, byPID[p.PID])
		}
		points = append(points, point{"omsinit_program", []string{p.Name}, values})
	}
	return points
}

// figures are those of a program that runs. What is not known is left out.
func (c *collector) figures(values map[string]any, t *tree) {
	if t == nil {
		delete(values, "processes")
		delete(values, "memory_bytes")
		delete(values, "open_files")
		return
	}
	values["processes"], values["memory_bytes"], values["cpu_seconds_total"] = int64(len(t.pids)), t.memory, t.cpu
	if n, ok := openFiles(c.root, t.pids); ok {
		values["open_files"] = n
	} else {
		delete(values, "open_files")
	}
}

func (c *collector) container() point {
	g := cgroup.Self(c.root)
	u := g.Usage()
	values := map[string]any{"cpu_limit_cores": g.CPUs()}
	if limit := g.Memory(); limit > 0 {
		values["memory_limit_bytes"] = int64(limit)
	}
	for name, f := range map[string]cgroup.Figure{
		"memory_bytes": u.Memory, "processes": u.Processes, "processes_limit": g.ProcessLimit(),
		"oom_kills_total": u.OOMKills,
	} {
		if f.Has {
			values[name] = int64(f.Value)
		}
	}
	for name, f := range map[string]cgroup.Figure{"cpu_seconds_total": u.CPU,
		"cpu_throttled_seconds_total": u.Throttled} {
		if f.Has {
			values[name] = f.Value
		}
	}
	return point{"omsinit_container", nil, values}
}

// ownMemory is the resident memory of this process, in bytes.
func ownMemory(root string) (int64, bool) {
	fs, err := procfs.NewFS(filepath.Join(root, "/proc"))
	if err != nil {
		return 0, false
	}
	self, err := fs.Self()
	if err != nil {
		return 0, false
	}
	p, ok := readProcess(self)
	return p.memory, ok
}

func one(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}

// seconds never goes below 0: clocks are set.
func seconds(now, since time.Time) float64 {
	if since.IsZero() {
		return 0
	}
	return max(0, now.Sub(since).Seconds())
}
