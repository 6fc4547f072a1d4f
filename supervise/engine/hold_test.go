package engine

import (
	"errors"
	"io"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"omsinit/supervise/api"
	"omsinit/supervise/operation"
	"omsinit/supervise/program"
)

// rowEngine prepares the program a until b is prepared as well, and cannot prepare c.
type rowEngine struct {
	*fakeEngine
	prepared chan struct{}

	mu     sync.Mutex
	forked []string
}

func (e *rowEngine) spawn(p program.Program, at place, _ func(int, api.Exit)) (int, error) {
	switch p.Name {
	case "a":
		select {
		case <-e.prepared:
		case <-time.After(time.Minute):
			return 0, errors.New("b was not prepared meanwhile")
		}
	case "b":
		close(e.prepared)
	case "c":
		return 0, errors.New("c has no file")
	}
	at.await()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.forked = append(e.forked, p.Name)
	at.take()
	return len(e.forked), nil
}

func (e *rowEngine) after(time.Duration, func()) func() { return func() {} }

// TestPreparedTogetherForkedInOrder: while one program is prepared others are, too, and all the same they are forked in
// the order of their priorities, also behind one that cannot be.
func TestPreparedTogetherForkedInOrder(t *testing.T) {
	e := &rowEngine{fakeEngine: &fakeEngine{}, prepared: make(chan struct{})}
	var programs []operation.Program
	want := []string{"a", "b", "d", "e", "f", "g", "h"}
	for i, name := range []string{"h", "g", "f", "e", "d", "c", "b", "a"} {
		programs = append(programs, newProcess(program.Program{Name: name, Group: name, Priority: -i, StartSecs: 1,
			StartRetries: 3},
			e, slog.New(slog.NewTextHandler(io.Discard, nil))))
	}
	operation.Start(t.Context(), programs, nil, 0, nil)
	if !slices.Equal(e.forked, want) {
		t.Errorf("forked %v, want %v", e.forked, want)
	}
}
