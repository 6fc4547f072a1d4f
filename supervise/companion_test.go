package supervise

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"omsinit/internal/msg"
)

// TestCompanion: what runs beside the programs sees them, answers on the
// socket, and its panics are its own.
func TestCompanion(t *testing.T) {
	s := newSupervisor(Options{}, slog.New(slog.DiscardHandler))
	defer s.release()
	s.processes["web:nginx"] = s.manage(Program{Name: "nginx", Group: "web"})
	seen := make(chan Observation, 1)
	ended := make(chan struct{})
	s.options.Companion = &Companion{
		Run: func(ctx context.Context, look func() Observation, _ *slog.Logger) {
			defer close(ended)
			seen <- look()
			<-ctx.Done()
			panic("at the end")
		},
		Handlers: map[string]http.Handler{"GET /x": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "y") })},
		Warnings: func() []msg.Message { return []msg.Message{msg.M("%s", "mind this")} },
	}
	s.accompany()
	o := <-seen
	if len(o.Programs) != 1 || o.Programs[0].Name != "web:nginx" || o.Programs[0].State != Stopped || o.StartedAt.IsZero() {
		t.Errorf("%+v", o)
	}
	mux := http.NewServeMux()
	s.options.Companion.handle(mux)
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/x", nil))
	if w.Body.String() != "y" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if st := s.status(); len(st.Warnings) != 1 || st.Warnings[0].English != "mind this" {
		t.Errorf("%+v", st.Warnings)
	}
	s.cancel()
	select {
	case <-ended:
	case <-time.After(60 * time.Second):
		t.Fatal("the companion was not told to end")
	}
	s.options.Companion.Warnings = func() []msg.Message { panic("no") }
	if st := s.status(); len(st.Warnings) != 0 {
		t.Errorf("%+v", st.Warnings)
	}
	// Without one there is nothing.
	s.options.Companion = nil
	s.accompany()
	s.options.Companion.handle(http.NewServeMux())
}
