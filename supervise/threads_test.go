package supervise

import (
	"os"
	"regexp"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// TestReserveDescriptors looks at the kernel's table of descriptors, which is not to grow while programs are started.
func TestReserveDescriptors(t *testing.T) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	reserveDescriptors()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	size := regexp.MustCompile(`(?m)^FDSize:\s*(\d+)$`).FindSubmatch(status)
	if size == nil {
		t.Fatalf("no FDSize in\n%s", status)
	}
	if n, _ := strconv.ParseUint(string(size[1]), 10, 64); n < min(limit.Cur, mostDescriptors) {
		t.Errorf("there is room for %d descriptors, at most %d are allowed", n, limit.Cur)
	}
}
