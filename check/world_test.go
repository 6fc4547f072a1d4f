package check

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"omsinit/internal/finding"
	"omsinit/internal/layout"
)

// system lays out files of /proc and /sys.
func system(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for path, text := range files {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestResources(t *testing.T) {
	const gib = 1 << 20 // in kB
	for _, tc := range []struct {
		name   string
		files  map[string]string
		memory uint64
		cpus   float64 // 0: whatever this machine has
		warns  bool    // about memory
	}{
		{"16 GiB but for the kernel", map[string]string{"/proc/meminfo": "MemTotal: " + itoa(16*gib-300_000) +
			" kB\nMemFree: 1 kB\n"}, uint64(16*gib-300_000) << 10, 0, false},
		{"8 GiB", map[string]string{"/proc/meminfo": "MemTotal: " + itoa(8*gib) + " kB\n"}, 8 << 30, 0, true},
		{"a limit of cgroup v2", map[string]string{"/proc/meminfo": "MemTotal: " + itoa(64*gib) + " kB\n",
			"/sys/fs/cgroup/memory.max": "4294967296\n", "/sys/fs/cgroup/cpu.max": "50000 100000\n"}, 4 << 30,
			0.5, true},
		{"no limit of cgroup v2", map[string]string{"/proc/meminfo": "MemTotal: " + itoa(64*gib) + " kB\n",
			"/sys/fs/cgroup/memory.max": "max\n", "/sys/fs/cgroup/cpu.max": "max 100000\n"}, 64 << 30, 0, false},
		{"cgroup v1", map[string]string{"/proc/meminfo": "MemTotal: " + itoa(64*gib) + " kB\n",
			"/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
			"/sys/fs/cgroup/cpu/cpu.cfs_quota_us":         "100000\n",
			"/sys/fs/cgroup/cpu/cpu.cfs_period_us":        "100000\n"},
			64 << 30, 1, false},
		{"nothing is known", nil, 0, 0, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := outcome(t, Input{system: system(t, tc.files)}, nil, hostResources)
			if factOf(got, "memory_bytes") != tc.memory || tc.cpus != 0 && factOf(got, "cpus") != tc.cpus {
				t.Errorf("got %v", got.Facts)
			}
			if strings.Contains(ids(got), "host.memory") != tc.warns || strings.Contains(ids(got), "error") {
				t.Errorf("got %s", ids(got))
			}
		})
	}
}

func TestLimits(t *testing.T) {
	for _, tc := range []struct {
		name, release string
		files         map[string]string
		want          string // without host.processes, which is this machine's own
	}{
		{"as documented", "4.2.3-CE", map[string]string{"/sys/fs/cgroup/pids/pids.max": "max",
			"/proc/self/status": "Name: x\nCapEff:\t000001ffffffffff\n", "/proc/sys/net/ipv4/tcp_tw_recycle": "0"}, ""},
		{"cgroup v2, old", "4.2.3-CE", map[string]string{"/sys/fs/cgroup/cgroup.controllers": "cpu memory"},
			"warning host.cgroup"},
		{"cgroup v2, older", "feature_3.3.1-ce", map[string]string{"/sys/fs/cgroup/cgroup.controllers": "cpu memory"},
			"warning host.cgroup"},
		{"cgroup v2, new", "4.2.4-CE", map[string]string{"/sys/fs/cgroup/cgroup.controllers": "cpu memory"}, ""},
		{"cgroup v2, newer", "4.2.11-CE", map[string]string{"/sys/fs/cgroup/cgroup.controllers": "cpu memory"}, ""},
		{"few threads", "4.2.4-CE", map[string]string{"/sys/fs/cgroup/pids.max": "4096"}, "warning host.pids"},
		{"Docker's usual rights", "4.2.4-CE", map[string]string{"/proc/self/status": "CapEff:\t00000000a80425fb\n"},
			"warning host.privileges"},
		{"tcp_tw_recycle", "4.2.4-CE", map[string]string{"/proc/sys/net/ipv4/tcp_tw_recycle": "1\n"},
			"warning host.tcp-tw-recycle"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := outcome(t, Input{Release: tc.release, system: system(t, tc.files)}, nil, hostLimits)
			var rest []finding.Finding
			for _, f := range got.Findings {
				if f.ID != "host.processes" {
					rest = append(rest, f)
				}
			}
			if ids(Result{Findings: rest}) != tc.want {
				t.Errorf("got %s, want %s", ids(got), tc.want)
			}
		})
	}
}

func TestMounts(t *testing.T) {
	l := layout.New(t.TempDir())
	dirs := []string{l.LogDir(), l.StoreDir(), l.RunDir()}
	without := func(r Result) string { // this machine's free space is not the point
		var rest []finding.Finding
		for _, f := range r.Findings {
			if f.ID != "host.disk" {
				rest = append(rest, f)
			}
		}
		return ids(Result{Findings: rest})
	}
	if got := outcome(t, Input{Layout: l}, nil, hostMounts); without(got) != "" {
		t.Errorf("a relocated tree that is not there yet: %s", ids(got))
	}
	for _, dir := range dirs {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	got := outcome(t, Input{Layout: l}, nil, hostMounts)
	if without(got) != "" || factOf(got, "free_bytes:"+l.RunDir()) == nil {
		t.Errorf("got %s, %v", ids(got), got.Facts)
	}
	if err := os.Remove(l.RunDir()); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(l.RunDir(), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if got := outcome(t, Input{Layout: l}, nil, hostMounts); without(got) != "error host.mount-writable" {
		t.Errorf("a file in its place: %s", ids(got))
	}
}

// TestReplacedFile: a single-file mount whose file was renamed away.
func TestReplacedFile(t *testing.T) {
	const path = "/home/admin/conf/config.yaml"
	for root, want := range map[string]string{"/data/config.yaml": "",
		"/data/config.yaml//deleted": "warning config.replaced"} {
		table := "23 21 8:1 " + root + " " + path + " rw,relatime shared:1 - xfs /dev/sda1 rw\n"
		n := &node{Input: Input{ConfigFile: path, system: system(t, map[string]string{"/proc/self/mountinfo": table})}}
		f := &found{}
		n.replacedFile(f)
		if got := ids(Result{Findings: f.findings}); got != want {
			t.Errorf("%s: got %q, want %q", root, got, want)
		}
	}
}

// TestVolume: the mount point that a folder is on decides.
func TestVolume(t *testing.T) {
	const table = `21 1 0:20 / / rw - overlay overlay rw,lowerdir=x
22 21 0:21 / /proc rw - proc proc rw
23 21 8:1 /data/oms/logs /home/admin/logs rw,relatime shared:1 - xfs /dev/sda1 rw
24 21 0:30 / /home/ds/run rw - tmpfs tmpfs rw
25 21 8:1 /a\040b /home/with\040space rw - ext4 /dev/sda1 rw
`
	n := &node{Input: Input{system: system(t, map[string]string{"/proc/self/mountinfo": table})}}
	points := n.mountPoints()
	if points["/home/admin/logs"] != "xfs" || points["/home/with space"] != "ext4" || points["/"] != "overlay" {
		t.Fatalf("got %v", points)
	}
	// Folders that exist on this machine, and a table that puts them somewhere.
	dir := t.TempDir()
	for kind, want := range map[string]string{"xfs": "", "nfs4": "", "overlay": "warning host.mount",
		"tmpfs": "warning host.mount"} {
		f := &found{}
		n.volume(f, dir, map[string]string{"/": "overlay", dir: kind})
		if got := ids(Result{Findings: f.findings}); got != want {
			t.Errorf("%s: got %q, want %q", kind, got, want)
		}
	}
	f := &found{}
	n.volume(f, dir, map[string]string{"/": "overlay"})
	if got := ids(Result{Findings: f.findings}); got != "warning host.mount" {
		t.Errorf("in the container's own layer: got %q", got)
	}
}

func TestUpgradeMode(t *testing.T) {
	for _, tc := range []struct {
		name, value string
		environ     []string
		mentions    bool
		want        string
	}{
		{"not asked for", "", []string{"PATH=/bin", "OMS_HOST_IP=10.0.0.1"}, false, ""},
		{"asked for", "true", []string{"IS_UPGRADE=true"}, true, ""},
		{"false", "false", []string{"IS_UPGRADE=false"}, true, ""},
		{"True", "True", []string{"IS_UPGRADE=True"}, true, "error upgrade.flag"},
		{"1", "1", []string{"IS_UPGRADE=1"}, true, "error upgrade.flag"},
		{"lower case", "", []string{"is_upgrade=true"}, true, "error upgrade.flag"},
		{"no underscore", "", []string{"IsUpgrade=true"}, true, "error upgrade.flag"},
		{"lower case beside the right one", "true", []string{"is_upgrade=1", "IS_UPGRADE=true"}, true,
			"error upgrade.flag"},
		{"empty", "", []string{"is_upgrade="}, false, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			in := Input{Upgrade: tc.value, Environ: tc.environ}
			if n := (&node{Input: in}); n.mentionsUpgrade() != tc.mentions {
				t.Errorf("mentionsUpgrade is %v", n.mentionsUpgrade())
			}
			if got := outcome(t, in, nil, upgradeMode); ids(got) != tc.want {
				t.Errorf("got %s, want %s", ids(got), tc.want)
			}
		})
	}
}
