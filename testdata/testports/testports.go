// Package testports gives ports to tests that run side by side, in one process or in several.
package testports

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/gofrs/flock"
)

// Outgoing connections are given ports from 32768 on.
const (
	first = 20000
	block = 120 // for one process, and further ones when it has used them up
	last  = 32000
)

var (
	mu        sync.Mutex
	next, end int
	claims    []*flock.Flock // held until the process ends
)

// Free returns ports that nothing listens on, that no outgoing connection is given, and that no other test gets.
func Free(t testing.TB, count int) (ports []int) {
	t.Helper()
	mu.Lock()
	defer mu.Unlock()
	for len(ports) < count {
		if next == end {
			claim(t)
		}
		if l, err := net.Listen("tcp", fmt.Sprintf(":%d", next)); err == nil {
			l.Close()
			ports = append(ports, next)
		}
		next++
	}
	return ports
}

// claim takes a block that no other process has.
func claim(t testing.TB) {
	t.Helper()
	dir := filepath.Join(os.TempDir(), "omsinit-test-ports")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for at := first; at < last; at += block {
		lock := flock.New(filepath.Join(dir, fmt.Sprint(at)))
		ok, err := lock.TryLock()
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			claims = append(claims, lock)
			next, end = at, at+block
			return
		}
	}
	t.Fatal("no free ports left")
}
