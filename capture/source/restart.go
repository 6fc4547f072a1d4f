package source

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"omsinit/internal/msg"
)

const (
	// calm is how long no file is opened by a program that has read what it reads, and unrest how long it may take to
	// come to that once it runs. A guess: nobody has seen how long the closed components read.
	calm   = 2 * time.Second
	unrest = 30 * time.Second
)

// WatchRestart restarts the programs that run, one after the other, and notes in Opened which files each of them opens
// while it starts: what reads its configuration and closes it leaves no other trace. A file that is opened whatever
// program is restarted says nothing: somebody else reads it. It ends between two programs when ctx does.
func (i *Installation) WatchRestart(ctx context.Context, files []string, restart func(name string) error) error {
	var running []string
	for _, p := range i.Programs.List {
		if p.PID > 0 {
			running = append(running, p.Name)
		}
	}
	opened, times := map[string][]string{}, map[string]int{}
	for _, name := range running {
		if err := ctx.Err(); err != nil {
			return err
		}
		names, err := i.opens(ctx, files, func() error { return restart(name) })
		if err != nil {
			return msg.Errorf("cannot watch the restart of %s: %w", name, err)
		}
		opened[name] = names
		for _, file := range names {
			times[file]++
		}
	}
	for name, files := range opened {
		opened[name] = slices.DeleteFunc(files, func(file string) bool {
			return len(running) > 1 && times[file] == len(running)
		})
	}
	i.Opened = opened
	return nil
}

// opens returns which files are opened while something is done, and after it until it is calm or ctx ends.
func (i *Installation) opens(ctx context.Context, files []string, do func() error) ([]string, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, err
	}
	events := os.NewFile(uintptr(fd), "inotify")
	defer events.Close()
	watched := map[int32]string{}
	for _, file := range files {
		n, err := unix.InotifyAddWatch(fd, i.Disk(file), unix.IN_OPEN)
		if errors.Is(err, unix.ENOENT) {
			continue // it is gone
		}
		if err != nil {
			return nil, err
		}
		watched[int32(n)] = i.Real(file)
	}
	if err := do(); err != nil {
		return nil, err
	}
	var out []string
	buffer := make([]byte, 64<<10)
	for end := time.Now().Add(unrest); time.Now().Before(end) && ctx.Err() == nil; {
		if err := events.SetReadDeadline(time.Now().Add(calm)); err != nil {
			return nil, err
		}
		n, err := events.Read(buffer)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		if err != nil {
			return nil, err
		}
		// Of each event: the number of the watch, its kind, a cookie, and the size of the name that follows.
		for in := buffer[:n]; len(in) >= unix.SizeofInotifyEvent; {
			if name, ok := watched[int32(binary.NativeEndian.Uint32(in))]; ok {
				out = append(out, name)
			}
			in = in[unix.SizeofInotifyEvent+binary.NativeEndian.Uint32(in[12:]):]
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}
