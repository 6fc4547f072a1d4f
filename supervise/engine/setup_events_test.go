package engine

import (
	"io"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"omsinit/internal/msg"
	"omsinit/supervise/api"
)

func TestKilledRunByHandIsForgotten(t *testing.T) {
	s := &setup{log: slog.New(slog.NewTextHandler(io.Discard, nil)), state: api.SetupWaiting}
	const nobody = 1 << 22 // beyond any pid
	if err := s.reported(api.SetupReport{PID: nobody, State: api.SetupRunning}); err != nil {
		t.Fatal(err)
	}
	if st := s.Status(); st.State != api.SetupWaiting || st.ByHand {
		t.Errorf("%+v", st)
	}
}

// The lines that PID 1 prints are in its language.
func TestSetupSpeaksChinese(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	s := &setup{log: slog.New(slog.NewTextHandler(io.Discard, nil)), lang: msg.Chinese, attempt: 2, task: Setup{Stderr: w},
		after: func(time.Duration, func()) func() { return func() {} }}
	s.fail(api.SetupReport{State: api.SetupFailed, Transient: true, Message: msg.Text{English: "no answer", Chinese: "无应答"}})
	w.Close()
	text, _ := io.ReadAll(r)
	if !strings.HasPrefix(string(text), "第 2 次初始化失败：无应答；") {
		t.Errorf("%q", text)
	}
}
