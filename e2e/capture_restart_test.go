package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// TestCaptureWatchesRestarts: a file that a program opens only when it starts, under a name that stands nowhere, has
// its reader when the restarts were watched, here those by Python's supervisord; each program was restarted, and runs.
func TestCaptureWatchesRestarts(t *testing.T) {
	root, err := os.MkdirTemp("", "watch-") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(root) })
	n := &node{t: t, root: root, env: []string{"PATH=" + os.Getenv("PATH"), "OMS_LANG=en", "OMS_HOST_IP=10.0.0.2",
		"HOME=" + root}}
	n.write(copyConfig)
	conf := n.path("/etc/supervisor/supervisord.conf")
	n.writeFile("/etc/supervisor/supervisord.conf",
		"[unix_http_server]\nfile = "+root+"/s.sock\n[supervisord]\nnodaemon = true\nlogfile = "+root+
			"/s.log\npidfile = "+root+"/s.pid\n"+
			"[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n[supervisorctl]\nserverurl = unix://"+root+"/s.sock\n"+
			"[include]\nfiles = "+root+"/etc/supervisor/conf.d/*.ini\n")
	// The name of what each reads is put together by the program.
	for name, reads := range map[string]string{"oms_drc_cm": "cm", "oms_console": "console"} {
		n.writeFile("/bin/"+name, "d="+root+"; d=$d/etc/o; cat ${d}ms/"+reads+
			".conf ${d}ms/all.conf >/dev/null\nexec sleep 1000\n")
		n.writeFile("/etc/supervisor/conf.d/"+name+".ini", "[program:"+name+"]\ncommand = sh "+root+"/bin/"+name+
			"\nstartsecs = 1\n")
	}
	for _, file := range []string{"cm", "console", "all"} {
		n.writeFile("/etc/oms/"+file+".conf", "url=http://10.0.0.2:8088\n")
	}
	supervisord := exec.Command("supervisord", "-n", "-c", conf)
	supervisord.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := supervisord.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		supervisord.Process.Signal(syscall.SIGTERM)
		supervisord.Wait()
	})
	ctl := func() string {
		out, _ := exec.Command("supervisorctl", "-c", conf, "status").Output()
		return string(out)
	}
	eventually(t, "both programs", func() bool { return strings.Count(ctl(), "RUNNING") == 2 })

	dir := t.TempDir()
	readers := func(name string, options ...string) map[string][]string {
		t.Helper()
		bundle, out := filepath.Join(dir, name), filepath.Join(dir, name+".pack")
		n.says(0, nil, append([]string{"pack", "capture", "--no-metadb", "--bundle", bundle}, options...)...)
		if o, e, status := n.omsinit("pack", "capture", "--no-metadb", "--release", "4.2.7-CE", "--from", bundle,
			"--out", out); status != 0 {
			t.Fatalf("status %d\n%s%s", status, o, e)
		}
		return readersIn(t, out)
	}
	if got := readers("still"); len(got["/etc/oms/cm.conf"])+len(got["/etc/oms/console.conf"]) > 0 {
		t.Errorf("without a restart: %v", got)
	}
	before := ctl()
	got := readers("watched", "--watch-restart")
	for file, want := range map[string][]string{"cm": {"oms_drc_cm"}, "console": {"oms_console"}, "all": nil} {
		if !slices.Equal(got["/etc/oms/"+file+".conf"], want) {
			t.Errorf("readers of %s.conf: %v, want %v", file, got["/etc/oms/"+file+".conf"], want)
		}
	}
	after := ctl()
	if strings.Count(after, "RUNNING") != 2 {
		t.Errorf("after the restarts:\n%s", after)
	}
	for line := range strings.Lines(before) {
		if pid := strings.Fields(line)[3]; strings.Contains(after, " "+pid) {
			t.Errorf("not restarted: %s", line)
		}
	}
	n.says(64, nil, "pack", "capture", "--from", filepath.Join(dir, "still"), "--watch-restart", "--out",
		filepath.Join(dir, "no"))
}
