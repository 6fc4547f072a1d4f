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
