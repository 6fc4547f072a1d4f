package engine

import (
	"os"
	"sync"
	"time"

	"omsinit/supervise/api"
	"omsinit/supervise/logs"
)

// inputs are our ends of the programs' standard inputs, by full name. As
// under Supervisor, a program reads from a pipe that nobody writes to unless
// somebody uses supervisorctl fg.
type inputs struct {
	mu    sync.Mutex
	pipes map[string]*os.File
}

// Open makes the pipe of a program that is about to start.
func (in *inputs) Open(name string) (theirs *os.File, closed func(), err error) {
	theirs, ours, err := logs.NewPipe(1)
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

// write sends text to a program. A program that does not read, while its pipe
// is full, is given up after a while.
func (in *inputs) write(name, text string) error {
	in.mu.Lock()
	w := in.pipes[name]
	in.mu.Unlock()
	if w == nil {
		return os.ErrNotExist
	}
	_ = w.SetWriteDeadline(time.Now().Add(api.IoTimeout))
	_, err := w.WriteString(text)
	return err
}
