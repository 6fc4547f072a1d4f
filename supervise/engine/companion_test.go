package engine

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"omsinit/internal/msg"
	"omsinit/supervise/api"
	"omsinit/supervise/program"
)

// TestCompanion: what runs beside the programs sees them, and its panics are its own.
func TestCompanion(t *testing.T) {
	s := New(Options{}, slog.New(slog.DiscardHandler), nil)
	defer s.Release()
	s.processes["web:nginx"] = newProcess(program.Program{Name: "nginx", Group: "web"}, s, s.log)
	seen := make(chan Observation, 1)
	ended := make(chan struct{})
	s.options.Companion = &Companion{
		Run: func(ctx context.Context, look func() Observation, _ *slog.Logger) {
			defer close(ended)
			seen <- look()
			<-ctx.Done()
			panic("at the end")
		},
		Warnings: func() []msg.Message { return []msg.Message{msg.M("%s", "mind this")} },
	}
	s.Accompany()
	o := <-seen
	if len(o.Programs) != 1 || o.Programs[0].Name != "web:nginx" || o.Programs[0].State != api.Stopped ||
		o.StartedAt.IsZero() {
		t.Errorf("%+v", o)
	}
	if st := s.Status(); len(st.Warnings) != 1 || st.Warnings[0].English != "mind this" {
		t.Errorf("%+v", st.Warnings)
	}
	s.cancel()
	select {
	case <-ended:
	case <-time.After(60 * time.Second):
		t.Fatal("the companion was not told to end")
	}
	s.options.Companion.Warnings = func() []msg.Message { panic("no") }
	if st := s.Status(); len(st.Warnings) != 0 {
		t.Errorf("%+v", st.Warnings)
	}
	// Without one there is nothing.
	s.options.Companion = nil
	s.Accompany()
}
