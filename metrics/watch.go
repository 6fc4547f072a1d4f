package metrics

import (
	"context"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// watch returns a channel that gets a token when one of the files may have changed, so that nobody has to look again
// and again; nil where the kernel cannot say it. A file may be a mount of its own, which its folder knows nothing of,
// and may be replaced, which only its folder knows.
func watch(ctx context.Context, files ...string) <-chan struct{} {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil
	}
	events := os.NewFile(uintptr(fd), "inotify")
	add := func(path string) bool {
		_, err := unix.InotifyAddWatch(fd, path, unix.IN_CLOSE_WRITE|unix.IN_MODIFY|unix.IN_CREATE|unix.IN_MOVED_TO|
			unix.IN_MOVED_FROM|unix.IN_DELETE)
		return err == nil
	}
	for _, file := range files {
		add(file) // it may not be there yet
		if !add(filepath.Dir(file)) {
			events.Close()
			return nil
		}
	}
	stop := context.AfterFunc(ctx, func() { events.Close() })
	changes := make(chan struct{}, 1)
	go func() {
		defer stop()
		buffer := make([]byte, 4096)
		for {
			if _, err := events.Read(buffer); err != nil {
				return
			}
			for _, file := range files {
				add(file) // another one may have its name now; the same one is not watched twice
			}
			signal(changes)
		}
	}()
	return changes
}
