package engine

import (
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
