package e2e

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"omsinit/testdata/testmaria"
	"omsinit/testdata/testports"
)

// TestBadInput: each mistake stops at its step with one clear message and the
// documented exit status, PID 1 stays up, and a corrected second run succeeds.
func TestBadInput(t *testing.T) {
	db := testmaria.Start(t, testmaria.Password("LooksLikeASecret42"))
	for _, tc := range []struct {
		name   string
		spoil  func(t *testing.T, n *node)
		mend   func(n *node)
		step   string
		status int
		want   []string // all in the output
	}{
		{
			name:  "missing file",
			spoil: func(_ *testing.T, n *node) { os.Remove(n.configFile()) },
			step:  "step 1 (check)", status: 3, want: []string{"config.yaml"},
		}, {
			name: "a directory where the file should be",
			spoil: func(t *testing.T, n *node) {
				os.Remove(n.configFile())
				if err := os.Mkdir(n.configFile(), 0o755); err != nil {
					t.Fatal(err)
				}
			},
			mend: func(n *node) { os.Remove(n.configFile()) },
			step: "step 1 (check)", status: 3, want: []string{"director", "Docker"},
		}, {
			name:  "a tab",
			spoil: func(_ *testing.T, n *node) { n.write("oms_meta_host: 127.0.0.1\n\tcm_location: 1\n") },
			step:  "step 1 (check)", status: 3, want: []string{":2:", "tab"},
		}, {
			name: "no space after the colon",
			spoil: func(_ *testing.T, n *node) {
				n.writeConfig()
				data, _ := os.ReadFile(n.configFile())
				n.write(strings.Replace(string(data), "cm_location: 1", "cm_location:1", 1))
			},
			step: "step 1 (check)", status: 3, want: []string{"cm_location", "space"},
		}, {
			name:  "wrong type",
			spoil: func(_ *testing.T, n *node) { n.values["oms_meta_port"] = "many"; n.writeConfig() },
			mend:  func(n *node) { n.values["oms_meta_port"] = fmt.Sprint(db.Port) },
			step:  "step 1 (check)", status: 3, want: []string{"oms_meta_port", "many"},
		}, {
			name:  "missing required key",
			spoil: func(_ *testing.T, n *node) { delete(n.values, "drc_cm_db"); n.writeConfig() },
			mend:  func(n *node) { n.values["drc_cm_db"] = "oms_cm" },
			step:  "step 1 (check)", status: 3, want: []string{"drc_cm_db"},
		}, {
			name: "a port in use",
			spoil: func(t *testing.T, n *node) {
				l, err := net.Listen("tcp", fmt.Sprintf(":%d", n.ports["nginx_server_port"]))
				if err != nil {
					t.Fatal(err)
				}
				n.occupied = l
			},
			mend: func(n *node) { n.occupied.Close() },
			step: "step 1 (check)", status: 3,
			want: []string{"nginx_server_port", "already in use by process " + fmt.Sprint(os.Getpid())},
		}, {
			name:  "a refusing MetaDB",
			spoil: func(_ *testing.T, n *node) { n.values["oms_meta_password"] = "AnotherSecret43"; n.writeConfig() },
			mend:  func(n *node) { n.values["oms_meta_password"] = quote(db.Password) },
			step:  "step 1 (check)", status: 3, want: []string{"oms_meta_user", "oms_meta_password"},
		}, {
			name: "an unreachable MetaDB",
			spoil: func(t *testing.T, n *node) {
				n.values["oms_meta_port"] = fmt.Sprint(testports.Free(t, 1)[0])
				n.writeConfig()
			},
			mend: func(n *node) { n.values["oms_meta_port"] = fmt.Sprint(db.Port) },
			step: "step 1 (check)", status: 3, want: []string{"127.0.0.1", "metadb.unreachable", "SKIPPED"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n := newNode(t, db)
			// Every case has databases of its own on the one server.
			suffix := strings.ReplaceAll(strings.ReplaceAll(tc.name, " ", "_"), "-", "_")[:5] +
				fmt.Sprint(n.ports["nginx_server_port"])
			for key, value := range map[string]string{"drc_rm_db": "rm", "drc_cm_db": "cm",
				"drc_cm_heartbeat_db": "hb"} {
				n.values[key] = value + suffix
			}
			n.writeConfig()
			tc.spoil(t, n)
			r := n.boot()
			r.waitOutput(tc.step + " failed")
			out, errOut, status := n.omsinit("init")
			if status != tc.status {
				t.Errorf("exit status %d, want %d", status, tc.status)
			}
			for _, want := range tc.want {
				if !strings.Contains(out+errOut, want) {
					t.Errorf("%q is missing in\n%s%s", want, out, errOut)
				}
			}
			if got := strings.Count(errOut, "failed"); got != 1 {
				t.Errorf("want one message, got\n%s", errOut)
			}
			for _, secret := range []string{"LooksLikeASecret42", "AnotherSecret43"} {
				if strings.Contains(out+errOut+r.out.String(), secret) {
					t.Errorf("a password is shown:\n%s%s", out, errOut)
				}
			}
			if out, _, _ := n.omsinit("status"); !strings.Contains(out, tc.step[len("step 1 ("):len(tc.step)-1]) {
				t.Errorf("status does not name the step:\n%s", out)
			}
			if tc.mend != nil {
				tc.mend(n)
			}
			n.writeConfig()
			if out, errOut, status := n.omsinit("init"); status != 0 {
				t.Fatalf("the corrected run: status %d\n%s%s", status, out, errOut)
			}
			r.waitReady()
		})
	}
}

// TestUpgradeAsked: what stands in the way of an upgrade is told, all at once.
func TestUpgradeAsked(t *testing.T) {
	db := testmaria.Start(t)
	n := newNode(t, db)
	db.Exec("CREATE DATABASE oms_rm", "CREATE TABLE oms_rm.oms_normal_config (cfg_name varchar(64), cfg_value text)",
		"CREATE TABLE oms_rm.cluster_info (code int)", "INSERT INTO oms_rm.cluster_info VALUES (1)",
		`INSERT INTO oms_rm.oms_normal_config VALUES ('ha.config', '{"enable":true,"enableStore":true}')`)
	n.env = append(n.env, "IS_UPGRADE=true")
	out, errOut, status := n.omsinit("check")
	if status != 3 || !strings.Contains(out, "[upgrade.version]") ||
		!strings.Contains(out, "Version before 4.1.1 is not allowed to upgrade.") ||
		!strings.Contains(out, "--from-version 4.1.0-CE") {
		t.Errorf("status %d\n%s%s", status, out, errOut)
	}
	out, errOut, status = n.omsinit("upgrade", "plan", "--from-version", "4.1.0-CE")
	for _, id := range []string{"upgrade.ha", "upgrade.databases", "upgrade.mounts"} {
		if !strings.Contains(out, "[FAILED] "+id) {
			t.Errorf("no %s: status %d\n%s%s", id, status, out, errOut)
		}
	}
	db.Exec("DROP DATABASE oms_rm")
	if out, errOut, status := n.omsinit("upgrade", "plan"); status != 3 ||
		!strings.Contains(out, "holds no installation") {
		t.Errorf("status %d\n%s%s", status, out, errOut)
	}
}

// TestWrongUsage: contradictions of the command line end with status 64.
func TestWrongUsage(t *testing.T) {
	n := &node{t: t, root: t.TempDir(), env: os.Environ()}
	for _, args := range [][]string{
		{"init", "--only", "nonsense"}, {"init", "--only", "check", "--skip", "metadb"}, {"init", "--nonsense"},
		{"init", "bogus"}, {"init", "--pack", "/none"}, {"status", "--lang", "fr"}, {"nonsense"},
		{"status", "--output", "xml"}, {"restart"},
	} {
		out, errOut, status := n.omsinit(args...)
		if status != 64 || !strings.Contains(errOut, "omsinit: ") {
			t.Errorf("%v: status %d\n%s%s", args, status, out, errOut)
		}
	}
}

// TestBrokenPack: the container stays up and says what is wrong with the pack.
func TestBrokenPack(t *testing.T) {
	n := newNode(t, testmaria.Start(t))
	n.writeFile("/usr/share/omsinit/pack/pack.yaml", "version: 1\nrelease: [\n")
	r := n.boot()
	r.waitOutput("pack.yaml")
	eventually(t, "the reason in the status", func() bool {
		out, _, _ := n.omsinit("status")
		return strings.Contains(out, "pack.yaml") && strings.Contains(out, "waits for a person")
	})
	if err := os.Remove(n.path("/usr/share/omsinit/pack/pack.yaml")); err != nil {
		t.Fatal(err)
	}
	if out, errOut, status := n.omsinit("init"); status != 0 {
		t.Fatalf("the corrected run: status %d\n%s%s", status, out, errOut)
	}
	r.waitReady()
}
