package listener

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func TestFind(t *testing.T) {
	for _, address := range []string{"127.0.0.7:0", "[::1]:0"} {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		at := l.Addr().(*net.TCPAddr)
		if h := Find(at.Port, nil); h.Process == nil || h.Process.PID != os.Getpid() ||
			h.Process.Command == "" || h.Own {
			t.Errorf("%s: %+v", address, h)
		}
		if ip := Address(os.Getpid(), at.Port); !ip.Equal(at.IP) {
			t.Errorf("%s: listens on %v", address, ip)
		}
		l.Close()
		if h := Find(at.Port, nil); h.Taken || h.Process != nil {
			t.Errorf("%s: closed, and yet %+v", address, h)
		}
		if ip := Address(os.Getpid(), at.Port); ip != nil {
			t.Errorf("%s: closed, and yet on %v", address, ip)
		}
	}
}

// TestAddressBelow: a start script is the program, and what it starts listens.
func TestAddressBelow(t *testing.T) {
	cmd := exec.Command("sh", "-c", `python3 -c '
import socket, sys
s = socket.socket(); s.bind(("127.0.0.9", 0)); s.listen()
print(s.getsockname()[1], flush=True)
sys.stdin.read()'; true`)
	stdin, _ := cmd.StdinPipe()
	stdout, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var port int
	if _, err := fmt.Fscan(stdout, &port); err != nil {
		t.Fatal(err)
	}
	if ip := Address(cmd.Process.Pid, port); !ip.Equal(net.IPv4(127, 0, 0, 9)) {
		t.Errorf("listens on %v", ip)
	}
	stdin.Close()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// roleVariable makes the test binary look up a port and print what it finds: Find's arguments, separated by commas.
const roleVariable = "LISTENER_TEST_FIND"

func TestMain(m *testing.M) {
	var numbers []int
	for _, word := range strings.Split(os.Getenv(roleVariable), ",") {
		if n, err := strconv.Atoi(word); err == nil {
			numbers = append(numbers, n)
		}
	}
	if len(numbers) == 0 {
		os.Exit(m.Run())
	}
	h := Find(numbers[0], nil, numbers[1:]...)
	if h.Process == nil {
		h.Process = &Process{}
	}
	fmt.Println(h.Taken, h.Own, h.Process.PID)
}

// findWithout looks a port up in a process that has not got some capabilities.
func findWithout(t *testing.T, capabilities string, port int, programs ...int) (taken, own bool, pid int) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("setpriv", "--bounding-set", capabilities, exe)
	cmd.Env = append(os.Environ(), roleVariable+"="+
		strings.ReplaceAll(strings.Trim(fmt.Sprint(append([]int{port}, programs...)), "[]"), " ", ","))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if _, err := fmt.Sscan(string(out), &taken, &own, &pid); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return taken, own, pid
}

// listenAs starts a process of another user that listens: with the user that it begins with, or with one that it takes
// on by itself, so that the kernel shows its files to nobody.
func listenAs(t *testing.T, uid int, byItself bool) (port, pid int) {
	t.Helper()
	code := `
import os, socket, sys
if sys.argv[1] == "True":
    os.setgid(65534); os.setuid(65534)
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen()
print(s.getsockname()[1], flush=True)
sys.stdin.read()`
	cmd := exec.Command("/usr/bin/python3", "-c", code, map[bool]string{true: "True"}[byItself])
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if !byItself {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}
	}
	stdin, _ := cmd.StdinPipe()
	stdout, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		_ = cmd.Wait()
	})
	if _, err := fmt.Fscan(stdout, &port); err != nil {
		t.Fatal(err)
	}
	return port, cmd.Process.Pid
}

// Docker's default capabilities have no CAP_SYS_PTRACE.
func TestOtherUsersWithoutPtrace(t *testing.T) {
	const without = "-sys_ptrace"
	port, pid := listenAs(t, 65534, false)
	if taken, own, holder := findWithout(t, without, port, pid); !taken || !own || holder != pid {
		t.Errorf("our own: taken %t, own %t, pid %d instead of %d", taken, own, holder, pid)
	}
	other, stranger := listenAs(t, 65534, false)
	if taken, own, holder := findWithout(t, without, other, pid); !taken || own || holder != stranger {
		t.Errorf("a stranger of the same user: taken %t, own %t, pid %d instead of %d", taken, own, holder, stranger)
	}
	// Not even root may look at one that has changed its user by itself.
	hiddenPort, hiddenPID := listenAs(t, 0, true)
	if taken, own, holder := findWithout(t, without, hiddenPort, hiddenPID); !taken || !own || holder != 0 {
		t.Errorf("hidden, inferred: taken %t, own %t, pid %d", taken, own, holder)
	}
	if taken, own, holder := findWithout(t, without, hiddenPort, pid); !taken || own || holder != 0 {
		t.Errorf("hidden, of nobody: taken %t, own %t, pid %d", taken, own, holder)
	}
	if taken, own, holder := findWithout(t, without+",-setuid,-setgid", port, pid); !taken || !own || holder != 0 {
		t.Errorf("without setuid, inferred: taken %t, own %t, pid %d", taken, own, holder)
	}
}
