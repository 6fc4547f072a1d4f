package api

import (
	"slices"
	"sync"
	"time"

	"omsinit/internal/msg"
)

// Progress collects what an operation reports: events while it runs, and in the end what failed. Several goroutines may
// use it.
type Progress struct {
	emit  func(Event)
	began time.Time

	mu       sync.Mutex
	failures []msg.Message
}

// NewProgress returns the progress of an operation that begins now. emit gets the events, and may be nil.
func NewProgress(emit func(Event)) *Progress { return &Progress{emit: emit, began: time.Now()} }

// Elapsed returns how long the operation has taken so far, in milliseconds, for people.
func (p *Progress) Elapsed() string { return time.Since(p.began).Round(time.Millisecond).String() }

// Report emits an event unless it says the same as last, and makes it the last one.
func (p *Progress) Report(last *Event, e Event) {
	same := last.State == e.State && last.Ready == e.Ready && slices.Equal(last.WaitsFor, e.WaitsFor) &&
		last.Answer == e.Answer
	if same {
		return
	}
	*last = e
	e.ElapsedMS = time.Since(p.began).Milliseconds()
	if p.emit != nil {
		p.emit(e)
	}
}

// Fail adds a sentence about a program for which the operation failed.
func (p *Progress) Fail(m msg.Message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failures = append(p.failures, m)
}

// Err returns an error with a line for each failure, nil without one.
func (p *Progress) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.failures) == 0 {
		return nil
	}
	text := p.failures[0]
	for _, m := range p.failures[1:] {
		text = msg.M("%v\n%v", text, m)
	}
	return msg.Errorf("%v", text)
}

// NotInOperation is the failure of a program whose dependency is down, in some state, and is not going to be started.
func NotInOperation(program, dependency, state string) msg.Message {
	return msg.M("%s was not started: it depends on %s, which is %s and not part of this operation; start %s too",
		program, dependency, state, dependency)
}
