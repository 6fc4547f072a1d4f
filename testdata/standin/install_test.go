package main

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// TestMain lets the test program, which install copies, be the stand-in.
func TestMain(m *testing.M) {
	if os.Getenv("OMS_STANDIN_TEST_MAIN") != "" {
		main()
	}
	os.Exit(m.Run())
}

func TestInstall(t *testing.T) {
	for name, o := range map[string]installOptions{"a link for each folder": {}, "one link": {wholeLink: true}} {
		t.Run(name, func(t *testing.T) { testInstall(t, o) })
	}
}

func testInstall(t *testing.T, o installOptions) {
	root := filepath.Join(t.TempDir(), "new", "tree")
	generated := filepath.Join(root, "home/ds/ghana/config/application-oms.properties")
	for range 2 {
		if err := install(root, o); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(generated, []byte("kept"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"start_oms_console.sh", "start_oms_cm.sh", "start_nginx.sh", "start_sshd.sh"} {
		script := filepath.Join(root, "home/admin/conf/command", name)
		if info, err := os.Stat(script); err != nil || info.Mode().Perm() != 0o755 {
			t.Errorf("%s: %v %v", name, info, err)
		}
		if out, err := exec.Command("sh", "-n", script).CombinedOutput(); err != nil {
			t.Errorf("%s: %v %s", name, err, out)
		}
	}
	for _, path := range []string{"u01/ds/supervisor/service.sh", "home/ds/cm/package/deployapp",
		"opt/alibaba/java/bin/java", "home/ds/supervisor/package/config"} {
		if _, err := os.Stat(filepath.Join(root, path)); err != nil {
			t.Error(err)
		}
	}
	if data, err := os.ReadFile(generated); err != nil || string(data) != "kept" {
		t.Errorf("a generated file was touched: %q %v", data, err)
	}
	if _, err := os.Stat(filepath.Join(root, "etc/supervisor")); err == nil {
		t.Error("install writes program files, which are the pack's")
	}
	if info, err := os.Lstat(filepath.Join(root, "home/ds")); err != nil ||
		(info.Mode()&os.ModeSymlink != 0) != o.wholeLink {
		t.Errorf("home/ds: %v, %v", info, err)
	}
	if real, err := filepath.EvalSymlinks(filepath.Join(root, "home/ds/store")); err != nil ||
		real != filepath.Join(root, "u01/ds/store") {
		t.Errorf("home/ds/store leads to %s, %v", real, err)
	}
	left, err := filepath.Glob(filepath.Join(root, "*/*/*/*/*.new"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// The program files of an image have the documented sizes, and are moved with a
// relocated tree.
func TestInstallPrograms(t *testing.T) {
	for name, size := range map[string]int{"drc_cm.ini": 338, "drc_supervisor.ini": 397, "oms_console.ini": 351,
		"oms_nginx.ini": 316} {
		text, err := programs.ReadFile("programs/" + name)
		if err != nil || len(text) != size {
			t.Errorf("%s has %d bytes, want %d; %v", name, len(text), size, err)
		}
	}
	root := t.TempDir()
	if err := install(root, installOptions{programs: true}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"supervisord.conf":          "files = " + root + "/etc/supervisor/conf.d/*.ini\n",
		"conf.d/oms_nginx.ini":      "directory = " + root + "/root\n",
		"conf.d/drc_supervisor.ini": "environment=OMS_STORE_DEPLOY_DIR=" + root + "/home/ds/store\n",
	} {
		if text, err := os.ReadFile(filepath.Join(root, "etc/supervisor", name)); err != nil ||
			!strings.Contains(string(text), want) {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
	}
}

func TestInstallRefuses(t *testing.T) {
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "home"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := install(root, installOptions{}); err == nil {
		t.Error("a file in the way is not seen")
	}
	root = write(t, map[string]string{"home/ds/cm/other": "x"})
	for _, o := range []installOptions{{}, {wholeLink: true}} {
		if err := install(root, o); err == nil || !strings.Contains(err.Error(), "something else is there") {
			t.Errorf("a folder in the place of a link: %v", err)
		}
	}
}

func TestLookUp(t *testing.T) {
	dir := write(t, map[string]string{"passwd": "root:x:0:0::/root:/bin/sh\nds:x:500:501::/home/ds:/bin/bash\n",
		"bad": "ds:x:x:1:::\n"})
	if uid, gid, found, err := lookUp(filepath.Join(dir, "passwd"), "ds"); uid != 500 || gid != 501 || !found ||
		err != nil {
		t.Errorf("%d %d %v %v", uid, gid, found, err)
	}
	if _, _, found, err := lookUp(filepath.Join(dir, "passwd"), "admin"); found || err != nil {
		t.Errorf("%v %v", found, err)
	}
	if _, _, found, err := lookUp(filepath.Join(dir, "none"), "ds"); found || err != nil {
		t.Errorf("%v %v", found, err)
	}
	if _, _, _, err := lookUp(filepath.Join(dir, "bad"), "ds"); err == nil {
		t.Error("a broken line is taken")
	}
}

// The start scripts run in an installed tree, and the signals that program
// files may stop them with end them in order.
func TestStartScripts(t *testing.T) {
	root := t.TempDir()
	if err := install(root, installOptions{}); err != nil {
		t.Fatal(err)
	}
	env := append(os.Environ(), "OMSINIT_ROOT="+root, "OMS_STANDIN_TEST_MAIN=1")
	script := func(name string, args ...string) *exec.Cmd {
		cmd := exec.Command("bash", append([]string{filepath.Join(root, name)}, args...)...)
		cmd.Env, cmd.Dir = env, root
		return cmd
	}

	out, err := script("home/admin/conf/command/start_oms_console.sh").CombinedOutput()
	if err == nil || !strings.Contains(string(out),
		"\njava.lang.IllegalArgumentException: spring.application.name must be configured!\n") {
		t.Errorf("the console without its file: %v\n%s", err, out)
	}
	out, err = script("home/admin/conf/command/start_oms_cm.sh").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "drc-cm.properties: no such file") {
		t.Errorf("the CM without its file: %v\n%s", err, out)
	}
	if out, err := script("home/ds/supervisor/service.sh", "stop").CombinedOutput(); err == nil {
		t.Errorf("service.sh stop: %s", out)
	}

	port := freePort(t)
	config := "cm.url=http://127.0.0.1:1\nbind.ip=10.1.2.3\nserver.port=" + strconv.Itoa(port) + "\n"
	if err := os.WriteFile(filepath.Join(root, "home/ds/supervisor/config/drc.properties"), []byte(config),
		0o600); err != nil {
		t.Fatal(err)
	}
	answers := func() bool { s, _ := get(http.MethodGet, (&node{}).url(port)+"/", nil); return s == 200 }
	start := func(option string) (*exec.Cmd, *output) {
		agent := script("home/ds/supervisor/service.sh", "start", "foreground")
		said := &output{}
		agent.Stdout, agent.Stderr, agent.SysProcAttr = said, said, &syscall.SysProcAttr{Setpgid: true}
		agent.Env = append(agent.Env, option)
		if err := agent.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { syscall.Kill(-agent.Process.Pid, syscall.SIGKILL) })
		eventually(t, "the agent answers", answers)
		return agent, said
	}
	for _, signal := range []syscall.Signal{syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGINT} {
		agent, said := start("OMS_STANDIN_PROMPT=1")
		if err := agent.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		if err := agent.Wait(); err != nil || answers() {
			t.Errorf("%v: %v\n%s", signal, err, said)
		}
	}
	if log, err := os.ReadFile(filepath.Join(root, "u01/ds/supervisor/data/async_command/standin.log")); err != nil ||
		strings.Count(string(log), "start\n") != 3 {
		t.Errorf("the data folder: %q %v", log, err)
	}

	// As it is in an image: bash ignores QUIT, and who kills it leaves java behind.
	agent, said := start("OMS_STANDIN_PROMPT=")
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", agent.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, ignored, _ := strings.Cut(string(status), "\nSigIgn:\t")
	ignored, _, _ = strings.Cut(ignored, "\n")
	if mask, err := strconv.ParseUint(ignored, 16, 64); err != nil || mask&(1<<(syscall.SIGQUIT-1)) == 0 {
		t.Errorf("QUIT is not ignored: %s, %v", ignored, err)
	}
	agent.Process.Kill()
	agent.Process.Wait()
	if !answers() {
		t.Error("java ended with its shell")
	}
	if said.String() != "" {
		t.Errorf("printed: %s", said)
	}
	if log, err := os.ReadFile(filepath.Join(root, "u01/ds/supervisor/log/out.log")); err != nil ||
		!strings.Contains(string(log), "supervisor stopped") {
		t.Errorf("out.log: %v\n%s", err, log)
	}
}
