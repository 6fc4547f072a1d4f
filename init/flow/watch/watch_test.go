package watch

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"omsinit/init/upgrade"
	"omsinit/internal/layout"
	"omsinit/supervise/api"
	"omsinit/supervise/engine"
)

// node counts the looks, and breaks.
type node struct {
	Node
	looks chan struct{}
}

func (n *node) Foreign(context.Context) (*upgrade.ForeignError, bool, error) {
	n.looks <- struct{}{}
	panic(errors.New("a driver that trusts what it reads"))
}

// TestAsk: whoever asks how the node is has the MetaDB asked, once the initialisation is done. Whatever a look does,
// PID 1 lives on.
func TestAsk(t *testing.T) {
	for _, state := range []string{api.SetupRunning, api.SetupDone} {
		n := &node{looks: make(chan struct{}, 10)}
		w := New(layout.New(t.TempDir()), func() Node { return n })
		if err := os.MkdirAll(filepath.Dir(w.layout.InitLock()), 0o755); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			w.Run(ctx, func() engine.Observation { return engine.Observation{SetupState: state} },
				slog.New(slog.NewTextHandler(io.Discard, nil)))
			close(ended)
		}()
		for range 3 {
			w.Ask()
		}
		if state == api.SetupDone {
			<-n.looks
		}
		time.Sleep(50 * time.Millisecond)
		cancel()
		<-ended
		if len(n.looks) > 0 {
			t.Errorf("%s: another look at once", state)
		}
	}
}
