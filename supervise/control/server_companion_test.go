package control

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"omsinit/supervise/engine"
)

// TestCompanionHandlers: the handlers of the companion answer on the control socket.
func TestCompanionHandlers(t *testing.T) {
	mux := http.NewServeMux()
	addCompanion(mux, nil)
	addCompanion(mux, &engine.Companion{Handlers: map[string]http.Handler{
		"GET /x": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "y") }),
	}})
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/x", nil))
	if w.Body.String() != "y" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
