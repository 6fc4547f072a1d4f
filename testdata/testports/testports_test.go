package testports

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestFree asks in this process and in another one, past the end of a block and beside a port that is taken.
func TestFree(t *testing.T) {
	ports := Free(t, 2)
	taken, err := net.Listen("tcp", fmt.Sprintf(":%d", ports[1]+1))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	ports = append(ports, Free(t, block)...)
	if os.Getenv("OMSINIT_TEST_PORTS") != "" {
		fmt.Println("ports:", ports)
		return
	}
	other := exec.Command(os.Args[0], "-test.run", "^TestFree$", "-test.v")
	other.Env = append(os.Environ(), "OMSINIT_TEST_PORTS=print")
	out, err := other.CombinedOutput()
	_, list, ok := strings.Cut(string(out), "ports: [")
	if err != nil || !ok {
		t.Fatalf("%v\n%s", err, out)
	}
	list, _, _ = strings.Cut(list, "]")
	all := strings.Fields(list)
	for _, port := range ports {
		all = append(all, fmt.Sprint(port))
	}
	slices.Sort(all)
	if len(all) != 2*(block+2) || len(slices.Compact(all)) != 2*(block+2) || slices.Contains(all, fmt.Sprint(ports[1]+1)) {
		t.Errorf("not %d different ports: %v", 2*(block+2), all)
	}
}
