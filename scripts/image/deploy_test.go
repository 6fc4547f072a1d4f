package image

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// deployDocker answers as docker does: a run of omsinit writes what config new would, and everything is logged.
const deployDocker = `#!/bin/sh
echo "$*" >>"$DOCKER_LOG"
case "$1 $2" in
"ps -q") [ -z "${RUNNING:-}" ] || echo 0123 ;;
"inspect -f")
    case $3 in *'{{.Source}}/'*) RUNNING=$RUNNING/ ;; esac
    echo "/old $RUNNING "
    ;;
"run --rm")
    [ -z "${BROKEN:-}" ] || exit "$BROKEN"
    while [ $# -gt 0 ]; do
        [ "$1" != --out ] || out=$2
        shift
    done
    for ip in 10.0.0.1 10.0.0.2; do
        echo 'echo started $0 >>"$DOCKER_LOG"; exit ${RUN_STATUS:-0} # --name oms_1 \' >"$out/docker-run-$ip.sh"
    done
    ;;
esac
`

func TestRemoteDeploy(t *testing.T) {
	script, err := os.ReadFile("docker_remote_deploy.sh")
	if err != nil {
		t.Fatal(err)
	}
	const plain, upgrade = "docker_remote_deploy.sh", "docker_remote_deploy_410_up_423_version.sh"
	for name, tc := range map[string]struct {
		script, args, answer string
		running              bool
		status               int
		logged               []string
		absent               string
	}{
		"this host": {plain, "-o DIR/work -i 10.0.0.1 -d oms:1", "y", false, 0,
			[]string{"--net host",
				"oms:1 omsinit config new --out DIR/work --image oms:1 --host-ip 10.0.0.1 --mount DIR/work",
				"started DIR/work/docker-run-10.0.0.1.sh"}, "10.0.0.2.sh"},
		"not now":           {plain, "-o DIR/work -i 10.0.0.1 -d oms:1", "n", false, 0, nil, "started"},
		"no node":           {plain, "-o DIR/work -i 10.9.9.9 -d oms:1", "y", false, 0, nil, "started"},
		"nobody says which": {plain, "-o DIR/work -d oms:1", "y", false, 0, nil, "started"},
		"with a file": {plain, "-o DIR/work -c DIR/c.yaml -i 10.0.0.2 -d oms:1", "y", false, 0,
			[]string{"-v DIR/c.yaml:/tmp/start.yaml:ro", "--start /tmp/start.yaml", "docker-run-10.0.0.2.sh"},
			"--upgrade"},
		"a file that is not there": {plain, "-o DIR/work -c DIR/none.yaml -d oms:1", "y", false, 1, nil,
			"config new"},
		"no image":          {plain, "-o DIR/work", "y", false, 64, nil, "config new"},
		"an unknown option": {plain, "-o DIR/work -d x -z", "y", false, 64, nil, "config new"},
		"an upgrade": {upgrade, "-o DIR/work -c DIR/c.yaml -i 10.0.0.1 -d oms:1", "y", false, 0,
			[]string{"-v DIR/work/config_copy.yaml:/tmp/start.yaml:ro", "--mount DIR/work --upgrade --force",
				"started"}, ""},
		"the old container runs": {upgrade, "-o DIR/work -c DIR/c.yaml -i 10.0.0.1 -d oms:1", "y", true, 1, nil,
			"config new"},
		"an upgrade without a file": {upgrade, "-o DIR/work -i 10.0.0.1 -d oms:1", "y", false, 64, nil, "config new"},
		"others run beside a deploy": {plain, "-o DIR/work -i 10.0.0.1 -d oms:1", "y", true, 0,
			[]string{"started"}, ""},
	} {
		for _, shell := range shells {
			t.Run(shell+"/"+name, func(t *testing.T) {
				dir := t.TempDir()
				write(t, filepath.Join(dir, "bin", "docker"), deployDocker, 0o755)
				write(t, filepath.Join(dir, "c.yaml"), "oms_meta_password: x\n", 0o600)
				write(t, filepath.Join(dir, tc.script), string(script), 0o755)
				args := append([]string{filepath.Join(dir, tc.script)},
					strings.Fields(strings.ReplaceAll(tc.args, "DIR", dir))...)
				cmd := exec.Command(shell, args...)
				log := filepath.Join(dir, "log")
				cmd.Env = append(os.Environ(), "PATH="+filepath.Join(dir, "bin")+":"+os.Getenv("PATH"),
					"DOCKER_LOG="+log)
				if tc.running {
					cmd.Env = append(cmd.Env, "RUNNING="+filepath.Join(dir, "work"))
				}
				cmd.Stdin = strings.NewReader(tc.answer + "\n")
				out, status := run(t, cmd)
				data, _ := os.ReadFile(log) // there is none when docker was not called
				if status != tc.status {
					t.Errorf("status %d\n%s\n%s", status, out, data)
				}
				for _, want := range tc.logged {
					if want = strings.ReplaceAll(want, "DIR", dir); !strings.Contains(string(data), want) {
						t.Errorf("docker was not called with %q\n%s\n%s", want, out, data)
					}
				}
				if tc.absent != "" && strings.Contains(string(data), tc.absent) {
					t.Errorf("%q\n%s\n%s", tc.absent, out, data)
				}
				if info, err := os.Stat(filepath.Join(dir, "work", "config_copy.yaml")); tc.script == upgrade &&
					tc.status == 0 && (err != nil || info.Mode().Perm() != 0o600) {
					t.Errorf("the copy: %v, %v", info, err)
				}
			})
		}
	}
}

// TestRemoteDeployLeavesNothing: a conversation that is broken off leaves neither the folder nor a copy of the old
// container's config.yaml, and nothing that was there before is taken away.
func TestRemoteDeployLeavesNothing(t *testing.T) {
	script, err := os.ReadFile("docker_remote_deploy.sh")
	if err != nil {
		t.Fatal(err)
	}
	const plain, upgrade = "docker_remote_deploy.sh", "docker_remote_deploy_410_up_423_version.sh"
	for name, tc := range map[string]struct {
		script, args, before, after string
		lang                        []string
		option                      string // of docker; "!" before one that is not wanted
	}{
		"a new folder": {plain, "-o DIR/a -d oms:1", "", "", nil, "!OMS_LANG"},
		"a folder that is there": {plain, "-o DIR/a -d oms:1", "mine", "mine", []string{"LANG=zh_CN.UTF-8"},
			"-e OMS_LANG=zh "},
		"an upgrade": {upgrade, "-o DIR/a -c DIR/c.yaml -d oms:1", "mine", "mine",
			[]string{"OMS_LANG=en", "LANG=zh_CN.UTF-8"}, "-e OMS_LANG=en "},
		"an upgrade, begun anew": {upgrade, "-o DIR/a -c DIR/a/config_copy.yaml -d oms:1", "config_copy.yaml",
			"config_copy.yaml", []string{"LANG=C"}, "!OMS_LANG"},
	} {
		for _, shell := range shells {
			t.Run(shell+"/"+name, func(t *testing.T) {
				dir := t.TempDir()
				write(t, filepath.Join(dir, "bin", "docker"), deployDocker, 0o755)
				write(t, filepath.Join(dir, "c.yaml"), "oms_meta_password: x\n", 0o600)
				write(t, filepath.Join(dir, tc.script), string(script), 0o755)
				if tc.before != "" {
					write(t, filepath.Join(dir, "a", tc.before), "mine\n", 0o600)
				}
				args := append([]string{filepath.Join(dir, tc.script)},
					strings.Fields(strings.ReplaceAll(tc.args, "DIR", dir))...)
				cmd := exec.Command(shell, args...)
				log := filepath.Join(dir, "log")
				cmd.Env = append([]string{"PATH=" + filepath.Join(dir, "bin") + ":" + os.Getenv("PATH"),
					"DOCKER_LOG=" + log, "BROKEN=7"}, tc.lang...)
				out, status := run(t, cmd)
				data, err := os.ReadFile(log)
				if status != 7 || err != nil {
					t.Errorf("status %d, %v\n%s", status, err, out)
				}
				if option, absent := strings.CutPrefix(tc.option, "!"); strings.Contains(string(data),
					option) == absent {
					t.Errorf("%s\n%s", tc.option, data)
				}
				var after []string
				entries, err := os.ReadDir(filepath.Join(dir, "a"))
				for _, e := range entries {
					after = append(after, e.Name())
				}
				if got := strings.Join(after, " "); got != tc.after || (err != nil) != (tc.after == "") {
					t.Errorf("left: %q, %v", got, err)
				}
			})
		}
	}
}

// TestRemoteDeployName: where the old container has the name of the new one, docker advises to remove it; but it is the
// way back.
func TestRemoteDeployName(t *testing.T) {
	script, err := os.ReadFile("docker_remote_deploy.sh")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"docker_remote_deploy.sh", "docker_remote_deploy_410_up_423_version.sh"} {
		for _, shell := range shells {
			dir := t.TempDir()
			write(t, filepath.Join(dir, "bin", "docker"), deployDocker, 0o755)
			write(t, filepath.Join(dir, "c.yaml"), "oms_meta_password: x\n", 0o600)
			write(t, filepath.Join(dir, name), string(script), 0o755)
			cmd := exec.Command(shell, filepath.Join(dir, name), "-o", filepath.Join(dir, "work"),
				"-c", filepath.Join(dir, "c.yaml"), "-i", "10.0.0.1", "-d", "oms:1")
			cmd.Env = append(os.Environ(), "PATH="+filepath.Join(dir, "bin")+":"+os.Getenv("PATH"),
				"DOCKER_LOG="+filepath.Join(dir, "log"), "RUN_STATUS=125")
			cmd.Stdin = strings.NewReader("y\n")
			out, status := run(t, cmd)
			if upgrade := strings.Contains(name, "410"); status != 125 ||
				strings.Contains(out, "docker rename oms_1 oms_1-old") != upgrade {
				t.Errorf("%s %s: status %d\n%s", shell, name, status, out)
			}
		}
	}
}
