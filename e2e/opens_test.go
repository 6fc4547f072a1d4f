package e2e

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"omsinit/testdata/testmaria"
)

// TestOneOpen: a command opens config.yaml once at most, whatever it does with it. PID 1 sees that the file stays as it
// is, and does not open it meanwhile.
func TestOneOpen(t *testing.T) {
	n := newNode(t, testmaria.Start(t))
	n.boot().waitReady()
	for command, want := range map[string]int{
		"init": 1, "init --only component": 1, "check": 1, "check --offline": 1, "plan": 1, "reconfigure": 1,
		"config show": 1, "metadb status": 1, "cluster show": 1, "cluster check": 1, "ha show": 1, "metrics check": 1,
		"upgrade plan": 1,
		"status":       0, "metrics show": 0, "healthcheck": 0, "version": 0, "pack list": 0, "config history": 0,
	} {
		t.Run(command, func(t *testing.T) {
			n.t = t
			fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(fd)
			// Equal events in a row become one, so those between two that open it are asked for as well.
			if _, err := unix.InotifyAddWatch(fd, n.path("/home/admin/conf/config.yaml"),
				unix.IN_OPEN|unix.IN_CLOSE); err != nil {
				t.Fatal(err)
			}
			out, errOut, status := n.omsinit(strings.Fields(command)...)
			if status != 0 {
				t.Fatalf("status %d\n%s%s", status, out, errOut)
			}
			events, opened := make([]byte, 64<<10), 0
			size, err := unix.Read(fd, events)
			if err != nil && !errors.Is(err, unix.EAGAIN) {
				t.Fatal(err)
			}
			for ; size > 0; size -= unix.SizeofInotifyEvent {
				if binary.NativeEndian.Uint32(events[size-unix.SizeofInotifyEvent+4:])&unix.IN_OPEN != 0 {
					opened++
				}
			}
			if opened != want {
				t.Errorf("opened %d times, want %d", opened, want)
			}
		})
	}
}
