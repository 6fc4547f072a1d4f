package supervise

import (
	"testing"

	"github.com/prometheus/procfs"
)

// TestMemoryComesBackAfterAClient: what answering a client has brought into memory goes again.
func TestMemoryComesBackAfterAClient(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "").start()
	mapped := func() uint64 {
		p, err := procfs.NewProc(h.cmd.Process.Pid)
		if err != nil {
			t.Fatal(err)
		}
		status, err := p.NewStatus()
		if err != nil {
			t.Fatal(err)
		}
		return status.RssFile
	}
	before := mapped()
	h.until("it is quiet after the start", func() bool { return mapped() < before/2 })
	quiet := mapped()
	h.status()
	busy := mapped()
	if busy <= quiet {
		t.Fatalf("%d bytes of files were mapped before an answer, %d after it", quiet, busy)
	}
	h.until("it is quiet after the client", func() bool { return mapped() < (quiet+busy)/2 })
}
