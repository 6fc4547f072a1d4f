package metrics

import (
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Mount is a folder whose file system is watched.
type Mount struct{ Name, Path string }

// mountPatience is how long a file system may take to answer. One that hangs
// must not keep the other figures back.
const mountPatience = 500 * time.Millisecond

// mounts asks file systems, each at most once at a time: statfs of a server
// that is away never returns.
type mounts struct {
	list   []Mount
	statfs func(path string, buf *unix.Statfs_t) error // unix.Statfs; tests have their own

	mu   sync.Mutex
	busy map[string]bool
}

func newMounts(list []Mount) *mounts {
	return &mounts{list: list, statfs: unix.Statfs, busy: map[string]bool{}}
}

// points are the figures of the mounts that answer.
func (m *mounts) points() []point {
	type result struct {
		Mount
		stat unix.Statfs_t
		err  error
	}
	results := make(chan result, len(m.list))
	asked := 0
	for _, mount := range m.list {
		m.mu.Lock()
		busy := m.busy[mount.Name]
		m.busy[mount.Name] = true
		m.mu.Unlock()
		if busy {
			continue
		}
		asked++
		go func() {
			r := result{Mount: mount}
			r.err = m.statfs(mount.Path, &r.stat)
			m.mu.Lock()
			m.busy[mount.Name] = false
			m.mu.Unlock()
			results <- r
		}()
	}
	var out []point
	late := time.NewTimer(mountPatience)
	defer late.Stop()
	for range asked {
		select {
		case r := <-results:
			if r.err == nil {
				out = append(out, mountPoint(r.Name, r.stat))
			}
		case <-late.C:
			return out
		}
	}
	return out
}

func mountPoint(name string, s unix.Statfs_t) point {
	block := int64(s.Bsize)
	return point{"omsinit_mount", []string{name}, map[string]any{
		"size_bytes": int64(s.Blocks) * block, "used_bytes": int64(s.Blocks-s.Bfree) * block,
		"free_bytes": int64(s.Bavail) * block,
		"inodes":     int64(s.Files), "inodes_free": int64(s.Ffree),
	}}
}
