package api

import "time"

// The limits of the control socket.
const (
	BodyLimit      = 1 << 20           // bytes of a request, and of a line of an answer
	IoTimeout      = 10 * time.Second  // to read a request, or to write a piece of an answer
	DefaultTimeout = 300 * time.Second // of an operation
)

// AnswerLimit bounds what one call reads from a log.
const AnswerLimit = 16 << 20

// What PID 1 does at the same time at most. Each may keep a thread of the operating system busy, and those are made
// when PID 1 starts: later there may be none to be had.
const (
	MostClients   = 24 // connections to the control socket and to the TCP port together
	MostLogWrites = 8
	MostExits     = 8 // exits of processes that are being handled
	MostStarts    = 4 // programs whose start is being prepared
)
