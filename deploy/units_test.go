// Package deploy holds the units of deploy/quadlet and deploy/systemd against podman's generator and systemd itself.
package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// quadlet returns the service that podman of Debian 13 makes of oms.container. Debian 12's has no quadlet.
func quadlet(t *testing.T) string {
	t.Helper()
	root, err := exec.Command("../scripts/dev/server-root.sh", "podman").Output()
	if err != nil {
		t.Fatalf("no root with podman: %v", err)
	}
	generate := exec.Command(filepath.Join(strings.TrimSpace(string(root)), "bin", "quadlet"), "--dryrun")
	folder, err := filepath.Abs("quadlet")
	if err != nil {
		t.Fatal(err)
	}
	generate.Env = append(os.Environ(), "QUADLET_UNIT_DIRS="+folder)
	var complaints strings.Builder
	generate.Stderr = &complaints
	out, err := generate.Output()
	if err != nil || strings.Contains(complaints.String(), "unsupported key") {
		t.Fatalf("quadlet: %v\n%s", err, complaints.String())
	}
	_, service, found := strings.Cut(string(out), "---oms.service---\n")
	if !found {
		t.Fatalf("quadlet made no oms.service:\n%s%s", out, complaints.String())
	}
	return service
}

// TestUnits: systemd takes both units without a word, and both run what the documented docker run does.
func TestUnits(t *testing.T) {
	plain, err := os.ReadFile("systemd/oms.service")
	if err != nil {
		t.Fatal(err)
	}
	for name, unit := range map[string]string{"quadlet": quadlet(t), "systemd": string(plain)} {
		t.Run(name, func(t *testing.T) {
			verify(t, unit)
			unit = strings.Join(strings.Fields(strings.ReplaceAll(unit, "\\\n", " ")), " ")
			for _, want := range []string{
				`(--net(work)?[ =])host `, `--privileged`, `--pids-limit[ =]-1 `, `--ulimit[ =]nproc=65535:65535 `,
				`--health-cmd[ =]?"?/usr/local/bin/omsinit healthcheck"?`,
				`/data/config\.yaml:/home/admin/conf/config\.yaml `, `/data/oms/oms_logs:/home/admin/logs `,
				`/data/oms/oms_store:/home/ds/store `, `/data/oms/oms_run:/home/ds/run `,
				`:/run/secrets/oms:ro |--secret oms_meta_password,type=mount,target=/run/secrets/oms/oms_meta_password,mode=0400 `,
			} {
				if !regexp.MustCompile(want).MatchString(unit) {
					t.Errorf("%s is not in it:\n%s", want, unit)
				}
			}
			programs, container, service := seconds(t, unit, `OMSINIT_STOP_TIMEOUT=(\w+)`),
				seconds(t, unit, `--stop-timeout[ =](\d+)`), seconds(t, unit, `TimeoutStopSec=(\d+)`)
			if !(programs < container && container < service) {
				t.Errorf("programs %v, container %v, service %v: each needs less than the next", programs,
					container, service)
			}
		})
	}
}

// seconds returns the time that a pattern finds in a unit.
func seconds(t *testing.T, unit, pattern string) time.Duration {
	t.Helper()
	found := regexp.MustCompile(pattern).FindStringSubmatch(unit)
	if found == nil {
		t.Fatalf("%s is not in\n%s", pattern, unit)
	}
	limit, err := time.ParseDuration(strings.TrimSuffix(found[1], "s") + "s")
	if err != nil {
		t.Fatal(err)
	}
	return limit
}

// verify asks systemd about a unit, on a machine where the engines' programs and services are.
func verify(t *testing.T, unit string) {
	t.Helper()
	dir := t.TempDir()
	unit = regexp.MustCompile(`/usr/bin/(docker|podman)\b`).ReplaceAllString(unit, "/bin/true")
	files := map[string]string{"oms.service": unit, "docker.service": "[Service]\nExecStart=/bin/true\n"}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	check := exec.Command("systemd-analyze", "verify", "--man=no", filepath.Join(dir, "oms.service"))
	check.Env = append(os.Environ(), "SYSTEMD_UNIT_PATH="+dir+":") // ours, then systemd's own
	out, err := check.CombinedOutput()
	if err != nil || strings.Contains(string(out), dir) || strings.Contains(string(out), "oms.service") {
		t.Errorf("systemd-analyze: %v\n%s", err, out)
	}
}
