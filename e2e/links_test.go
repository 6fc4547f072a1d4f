package e2e

import (
	"io/fs"
	"os"
	"strings"
	"testing"

	"omsinit/testdata/testmaria"
)

// TestImageLinks: /u01/ds is the real folder in an OMS image, and /home/ds or
// each folder in it is a link (oms-facts §14.1). A node boots either way, a
// changed key restarts the programs that read it, and no link is replaced.
func TestImageLinks(t *testing.T) {
	for name, tt := range map[string]struct {
		install []string
		links   []string
	}{
		"one link": {[]string{"--whole-link"}, []string{"/home/ds"}},
		"a link for each folder": {nil, []string{"/home/ds/cm", "/home/ds/ghana", "/home/ds/run", "/home/ds/store",
			"/home/ds/supervisor"}},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t, testmaria.Start(t), tt.install...)
			n.boot().waitReady()
			if status, healthy := n.health(); status != 200 || !healthy {
				t.Errorf("GET /oms/health: status %d, healthy %v", status, healthy)
			}
			before := n.pids()
			if out, errOut, status := n.omsinit("config", "set", "cm_region=cn-hangzhou",
				"cm_region_cn=x"); status != 0 {
				t.Fatalf("config set: status %d\n%s%s", status, out, errOut)
			}
			after := n.pids()
			for _, program := range []string{"oms_drc_cm", "oms_console"} {
				if before[program] == after[program] {
					t.Errorf("%s was not restarted: %v, %v", program, before, after)
				}
			}
			if before["sshd"] != after["sshd"] {
				t.Error("sshd was restarted")
			}
			for _, link := range tt.links {
				if info, err := os.Lstat(n.path(link)); err != nil || info.Mode()&fs.ModeSymlink == 0 {
					t.Errorf("%s is a link no more: %v", link, err)
				}
			}
			if data, err := os.ReadFile(n.path("/u01/ds/cm/package/config/drc-cm.properties")); err != nil ||
				!strings.Contains(string(data), "region=cn-hangzhou") {
				t.Errorf("%v: %s", err, data)
			}
			if out, errOut, status := n.omsinit("plan"); status != 0 {
				t.Errorf("plan: status %d\n%s%s", status, out, errOut)
			}
		})
	}
}
