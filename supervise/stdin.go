package supervise

import (
	"errors"
	"net/http"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/ochinchina/supervisord/faults"
	"golang.org/x/sys/unix"
)

// inputs are our ends of the programs' standard inputs, by full name. As
// under Supervisor, a program reads from a pipe that nobody writes to unless
// somebody uses supervisorctl fg.
type inputs struct {
	mu    sync.Mutex
	pipes map[string]*os.File
}

// open makes the pipe of a program that is about to start.
func (in *inputs) open(name string) (theirs *os.File, closed func(), err error) {
	theirs, ours, err := newPipe(1)
	if err != nil {
		return nil, nil, err
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.pipes == nil {
		in.pipes = map[string]*os.File{}
	}
	in.pipes[name] = ours
	return theirs, func() {
		in.mu.Lock()
		defer in.mu.Unlock()
		ours.Close()
		if in.pipes[name] == ours {
			delete(in.pipes, name)
		}
	}, nil
}

// newPipe makes a pipe with one end for us, 0 to read or 1 to write, that does
// not block; programs expect that theirs does. (Both ends of os.Pipe do not.)
func newPipe(ours int) (r, w *os.File, err error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return nil, nil, err
	}
	if err := unix.SetNonblock(fds[ours], true); err != nil {
		unix.Close(fds[0])
		unix.Close(fds[1])
		return nil, nil, err
	}
	return os.NewFile(uintptr(fds[0]), "pipe"), os.NewFile(uintptr(fds[1]), "pipe"), nil
}

// write sends text to a program. A program that does not read, while its pipe
// is full, is given up after a while.
func (in *inputs) write(name, text string) error {
	in.mu.Lock()
	w := in.pipes[name]
	in.mu.Unlock()
	if w == nil {
		return os.ErrNotExist
	}
	_ = w.SetWriteDeadline(time.Now().Add(ioTimeout))
	_, err := w.WriteString(text)
	return err
}

func (r *rpcService) SendProcessStdin(_ *http.Request, args *struct{ Name, Chars string }, reply *rpcBool) error {
	if err := r.running(); err != nil {
		return err
	}
	p := r.s.find(args.Name)
	if p == nil {
		return fault(faults.BadName, args.Name)
	}
	if snap := p.snapshot(); snap.pid == 0 || snap.state == Stopping {
		return fault(faults.NotRunning, args.Name)
	}
	switch err := r.s.inputs.write(p.fullName, args.Chars); {
	case errors.Is(err, syscall.EPIPE):
		return fault(faults.NoFile, args.Name)
	case errors.Is(err, os.ErrNotExist), errors.Is(err, os.ErrClosed):
		return fault(faults.NotRunning, args.Name)
	case err != nil:
		return fault(faults.Failed, err.Error())
	}
	reply.Value = true
	return nil
}
