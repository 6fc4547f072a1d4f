package coredump

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestMain is also the process that crashes, and its child.
func TestMain(m *testing.M) {
	switch os.Getenv("COREDUMP_TEST") {
	case "crash":
		Forbid()
		Forbid()
		Inherit(func() {
			out, err := exec.Command("sh", "-c", "ulimit -Sc").Output()
			if err != nil {
				out = []byte(err.Error())
			}
			os.Stdout.Write(out)
		})
		unix.Kill(os.Getpid(), unix.SIGABRT)
		select {}
	case "":
		os.Exit(m.Run())
	}
}

// TestForbid: Go is asked to dump core, and the limits allow it: there is none, and a child has the limit of before.
func TestForbid(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ limit, child string }{{"100000:200000", "195"}, {"0:0", "0"}} {
		dir := t.TempDir()
		cmd := exec.Command("prlimit", "--core="+tc.limit, self)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "COREDUMP_TEST=crash", "GOTRACEBACK=crash")
		out, err := cmd.Output()
		var exit *exec.ExitError
		if err == nil {
			t.Fatal("it did not crash")
		}
		if exit, _ = err.(*exec.ExitError); exit == nil ||
			exit.Sys().(interface{ Signal() unix.Signal }).Signal() != unix.SIGABRT {
			t.Errorf("it did not end by SIGABRT: %v", err)
		} else if exit.Sys().(interface{ CoreDump() bool }).CoreDump() {
			t.Error("the kernel says that it dumped core")
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
			t.Errorf("it left %v", left)
		}
		if units := strings.TrimSpace(string(out)); units != tc.child && units != "97" { // blocks of 512 or 1024 bytes
			t.Errorf("limit %s: the child has %s", tc.limit, units)
		}
	}
}
