package cgroup

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// tree writes the files of a /proc and /sys.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for path, text := range files {
		full := filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestUsage(t *testing.T) {
	const meminfo = "MemTotal:       16384 kB\nMemFree: 1 kB\n"
	all := Usage{Memory: Figure{900, true}, CPU: Figure{2.5, true}, Throttled: Figure{0.5, true},
		Processes: Figure{42, true}, OOMKills: Figure{3, true}}
	v2 := func(dir string) map[string]string {
		return map[string]string{
			"/proc/meminfo": meminfo, dir + "/memory.current": "1000\n",
			dir + "/memory.stat": "anon 5\ninactive_file 100\n",
			dir + "/memory.max":  "2048\n", dir + "/memory.events": "low 0\noom_kill 3\n",
			dir + "/pids.current": "42\n",
			dir + "/cpu.stat":     "usage_usec 2500000\nthrottled_usec 500000\n", dir + "/cpu.max": "50000 100000\n",
		}
	}
	v1 := func(below string) map[string]string {
		dir := func(controller string) string { return "/sys/fs/cgroup/" + controller + below }
		return map[string]string{
			"/proc/meminfo": meminfo, dir("memory") + "/memory.usage_in_bytes": "1000",
			dir("memory") + "/memory.stat":           "inactive_file 7\ntotal_inactive_file 100",
			dir("memory") + "/memory.limit_in_bytes": "2048",
			dir("memory") + "/memory.oom_control":    "under_oom 0\noom_kill 3",
			dir("pids") + "/pids.current":            "42", dir("cpuacct") + "/cpuacct.usage": "2500000000",
			dir("cpu") + "/cpu.stat":         "nr_throttled 4\nthrottled_time 500000000",
			dir("cpu") + "/cpu.cfs_quota_us": "50000", dir("cpu") + "/cpu.cfs_period_us": "100000",
		}
	}
	with := func(files map[string]string, own string) map[string]string {
		files["/proc/self/cgroup"] = own
		return files
	}
	v1Lines := "5:memory:/docker/ab\n4:pids:/docker/ab\n3:cpu,cpuacct:/docker/ab\n1:name=systemd:/x:y\n"
	for _, tc := range []struct {
		name   string
		files  map[string]string
		want   Usage
		cpus   float64
		memory uint64
	}{
		{"v2, a namespace of its own", with(v2("/sys/fs/cgroup"), "0::/\n"), all, 0.5, 2048},
		{"v2, the host's namespace", with(v2("/sys/fs/cgroup/system.slice/oms"), "0::/system.slice/oms\n"), all,
			0.5, 2048},
		{"v2, a path that is not mounted", with(v2("/sys/fs/cgroup"), "0::/system.slice/docker-ab.scope\n"), all,
			0.5, 2048},
		{"v1 within a container", with(v1(""), v1Lines), all, 0.5, 2048},
		{"v1 on the host", with(v1("/docker/ab"), v1Lines), all, 0.5, 2048},
		{"no cgroup", map[string]string{"/proc/meminfo": meminfo}, Usage{}, float64(runtime.NumCPU()), 16384 << 10},
		{"nothing at all", nil, Usage{}, float64(runtime.NumCPU()), 0},
		{"no limits", map[string]string{"/proc/meminfo": meminfo, "/sys/fs/cgroup/memory.max": "max\n",
			"/sys/fs/cgroup/cpu.max": "max 100000"}, Usage{}, float64(runtime.NumCPU()), 16384 << 10},
		{"files that cannot be understood", map[string]string{"/sys/fs/cgroup/memory.current": "x",
			"/sys/fs/cgroup/cpu.stat": "usage_usec\n"}, Usage{}, float64(runtime.NumCPU()), 0},
		{"more cache than memory", map[string]string{"/sys/fs/cgroup/memory.current": "5",
			"/sys/fs/cgroup/memory.stat": "inactive_file 9"}, Usage{Memory: Figure{0, true}},
			float64(runtime.NumCPU()), 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := Self(tree(t, tc.files))
			if got := g.Usage(); got != tc.want {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
			if got := g.CPUs(); got != min(tc.cpus, float64(runtime.NumCPU())) {
				t.Errorf("CPUs: %v, want %v", got, tc.cpus)
			}
			if got := g.Memory(); got != tc.memory {
				t.Errorf("memory: %d, want %d", got, tc.memory)
			}
		})
	}
}
