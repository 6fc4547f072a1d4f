package doctor

import (
	"context"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"omsinit/internal/cgroup"
)

// Memory is what this container uses of what it may use.
type Memory struct {
	Bytes     uint64  `json:"bytes"` // that it may use
	Used      uint64  `json:"used_bytes"`
	Percent   float64 `json:"used_percent"`
	OOMKills  uint64  `json:"oom_kills"`
	Processes uint64  `json:"processes"`      // and threads
	Most      uint64  `json:"processes_most"` // 0: no limit
	Limited   bool    `json:"limited"`        // by a cgroup, not by the host
	CPUs      float64 `json:"cpus"`
	Events    string  `json:"memory_events,omitempty"` // of the cgroup, as the kernel writes them
}

// Disk is a file system that OMS writes to.
type Disk struct {
	Path       string  `json:"path"`
	Bytes      uint64  `json:"bytes"`
	Free       uint64  `json:"free_bytes"`
	Percent    float64 `json:"used_percent"`
	Inodes     uint64  `json:"inodes"` // 0 where the file system has no fixed number
	FreeInodes uint64  `json:"free_inodes"`
}

// Name is a name of config.yaml that must resolve.
type Name struct {
	Key       string   `json:"key"`
	Host      string   `json:"host"`
	Addresses []string `json:"addresses"`
	Error     string   `json:"error,omitempty"`
}

// Thresholds are those beyond which OMS gives a machine nothing new, in percent.
type Thresholds struct {
	Memory float64 `json:"memory_percent"`
	Disk   float64 `json:"disk_percent"`
	CPU    float64 `json:"cpu_percent"`
}

// movesNothing is the percentage of CPU, memory or disk from which on high availability moves no component to a
// machine (docs/oms-facts.md §14.6).
const movesNothing = 80

func (in Input) read(path string) string {
	data, err := os.ReadFile(filepath.Join(in.System, path))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

func (in Input) memory(context.Context) (func(*Facts), error) {
	own := cgroup.Self(in.System)
	usage := own.Usage()
	m := Memory{Bytes: own.Memory(), CPUs: own.CPUs(), OOMKills: uint64(usage.OOMKills.Value),
		Processes: uint64(usage.Processes.Value), Most: own.MostProcesses(), Events: own.MemoryEvents()}
	total, available := in.hostMemory()
	m.Limited = m.Bytes > 0 && m.Bytes < total
	m.Used = total - min(available, total)
	if m.Limited {
		m.Used = uint64(usage.Memory.Value)
	}
	if m.Bytes > 0 {
		m.Percent = 100 * float64(m.Used) / float64(m.Bytes)
	}
	return func(f *Facts) { f.Memory = &m }, nil
}

// hostMemory returns what the host has, and what is available of it, in bytes.
func (in Input) hostMemory() (total, available uint64) {
	for line := range strings.Lines(in.read("/proc/meminfo")) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		kilobytes, _ := strconv.ParseUint(fields[1], 10, 64)
		switch fields[0] {
		case "MemTotal:":
			total = kilobytes << 10
		case "MemAvailable:":
			available = kilobytes << 10
		}
	}
	return total, available
}

// thresholds reads those of the CM, which people edit by hand; without them the documented ones (docs/oms-facts.md
// §2).
func (in Input) thresholds() Thresholds {
	t := Thresholds{Memory: 85, Disk: 90, CPU: 85}
	data, _ := os.ReadFile(in.Layout.Path("/home/ds/cm/package/config/drc-cm.properties"))
	for line := range strings.Lines(string(data)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		share, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if err != nil || share <= 0 || share > 1 {
			continue
		}
		switch strings.TrimSpace(key) {
		case "drcCfg.memUsedPercentThresHold":
			t.Memory = 100 * share
		case "drcCfg.diskUsedPercentThresHold":
			t.Disk = 100 * share
		case "drcCfg.cpuUsedPercentThresHold":
			t.CPU = 100 * share
		}
	}
	return t
}

// disks looks at the mounts, and at where the state and temporary files are.
func (in Input) disks(context.Context) (func(*Facts), error) {
	var list []Disk
	for _, dir := range []string{in.Layout.LogDir(), in.Layout.StoreDir(), in.Layout.RunDir(),
		in.Layout.StateDir(), in.Layout.Path("/tmp")} {
		var s unix.Statfs_t
		if unix.Statfs(dir, &s) != nil || s.Blocks == 0 {
			continue // the check says what is wrong with a mount
		}
		unit := uint64(s.Bsize)
		used := s.Blocks - s.Bfree
		d := Disk{Path: dir, Bytes: s.Blocks * unit, Free: s.Bavail * unit, Inodes: s.Files, FreeInodes: s.Ffree}
		if used+s.Bavail > 0 { // as df counts: what only root may use is neither
			d.Percent = 100 * float64(used) / float64(used+s.Bavail)
		}
		same := func(o Disk) bool { return o.Bytes == d.Bytes && o.Inodes == d.Inodes && o.Free == d.Free }
		if !slices.ContainsFunc(list, same) {
			list = append(list, d)
		}
	}
	return func(f *Facts) { f.Disks = list }, nil
}

// names resolves what config.yaml names.
func (in Input) names(ctx context.Context) (func(*Facts), error) {
	c := in.Config
	list := []Name{{Key: "oms_meta_host", Host: c.MetaHost}}
	if u, err := url.Parse(c.CMURL); err == nil {
		list = append(list, Name{Key: "cm_url", Host: u.Hostname()})
	}
	if host, _, err := net.SplitHostPort(c.TSDBURL); err == nil && c.TSDBEnabled {
		list = append(list, Name{Key: "tsdb_url", Host: host})
	}
	list = slices.DeleteFunc(list, func(n Name) bool {
		_, err := netip.ParseAddr(n.Host)
		return err == nil || n.Host == ""
	})
	ctx, cancel := context.WithTimeout(ctx, 4*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for i := range list {
		wg.Go(func() {
			var err error
			if list[i].Addresses, err = net.DefaultResolver.LookupHost(ctx, list[i].Host); err != nil {
				list[i].Error = err.Error()
			}
		})
	}
	wg.Wait()
	return func(f *Facts) { f.Names = list }, nil
}
