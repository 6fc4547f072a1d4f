package engine

import (
	"omsinit/internal/msg"
	"omsinit/supervise/program"
)

// Port is a TCP port that follows the program files.
type Port interface {
	// Follow opens, moves or closes the port; t is nil where the files want none.
	Follow(t *program.TCPServer) error
}

// OpenPort lets a port follow the definitions from now on. A port that is taken is no reason not to start: the control
// socket is there.
func (s *Supervisor) OpenPort(p Port) {
	s.mu.Lock()
	s.port = p
	s.mu.Unlock()
	s.followPort()
}

// Front is a listener of PID 1 itself on a port that one of the programs is to have.
type Front interface {
	// Yield frees the port before a program is started that is to have it; all are those that are defined. back is
	// called when the program has ended.
	Yield(starts program.Program, all []program.Program) (back func())
	// Look is called when something has happened that may have to do with the port. It does not block.
	Look()
	// Port returns the port while it is not yielded, else 0.
	Port() int
}

// Give lets a front have the port that it yields, from before the first program is started.
func (s *Supervisor) Give(f Front) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.front = f
}

func (s *Supervisor) yield(p program.Program) (back func()) {
	if front := s.fronted(); front != nil {
		return front.Yield(p, s.inUse().Programs)
	}
	return func() {}
}

// fronted returns the front, nil when there is none.
func (s *Supervisor) fronted() Front {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.front
}

// Warn prints a warning into the container's log, unless nothing may follow what stands there.
func (s *Supervisor) Warn(m msg.Message) {
	defer s.Answered() // looking for what to say has taken memory, too
	if s.setup != nil {
		s.setup.mu.Lock()
		defer s.setup.mu.Unlock()
		s.setup.say(m)
	}
}

func (s *Supervisor) followPort() {
	s.mu.Lock()
	port := s.port
	s.mu.Unlock()
	if port == nil || s.IsClosing() {
		return
	}
	problem := port.Follow(s.inUse().TCP)
	if problem != nil {
		s.log.Error("the TCP control port is not open", "error", problem)
	}
	s.mu.Lock()
	s.tcpProblem = problem
	s.mu.Unlock()
}
