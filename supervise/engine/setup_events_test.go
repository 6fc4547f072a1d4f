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
	s := &setup{changed: func() {}, log: slog.New(slog.NewTextHandler(io.Discard, nil)), state: api.SetupWaiting}
	const nobody = 1 << 22 // beyond any pid
	if err := s.reported(api.SetupReport{PID: nobody, State: api.SetupRunning}); err != nil {
		t.Fatal(err)
	}
	if st := s.status(); st.State != api.SetupWaiting || st.ByHand {
		t.Errorf("%+v", st)
	}
}

// The lines that PID 1 prints are in its language.
func TestSetupSpeaksChinese(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	s := &setup{changed: func() {}, log: slog.New(slog.NewTextHandler(io.Discard, nil)), lang: msg.Chinese, attempt: 2,
		task:  Setup{Stderr: w},
		after: func(time.Duration, func()) func() { return func() {} }}
	s.fail(api.SetupReport{State: api.SetupFailed, Transient: true,
		Message: msg.Text{English: "no answer", Chinese: "无应答"}})
	w.Close()
	text, _ := io.ReadAll(r)
	if !strings.HasPrefix(string(text), "第 2 次初始化失败：无应答；") {
		t.Errorf("%q", text)
	}
}

// TestLastReportIsShown: the steps of the last report stay, and the findings until the next run knows better.
func TestLastReportIsShown(t *testing.T) {
	s := &setup{changed: func() {}, log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		after: func(time.Duration, func()) func() { return func() {} },
		pid:   7, gone: make(chan struct{}), state: api.SetupRunning}
	report := api.SetupReport{PID: 7, State: api.SetupFailed, Transient: true, Step: 1,
		Message: msg.Text{English: "no"},
		Steps:   []api.SetupStep{{Name: "check", State: api.SetupFailed}}, Findings: []api.Finding{{ID: "a"}}}
	if err := s.reported(report); err != nil {
		t.Fatal(err)
	}
	s.exited(7, api.Exit{Code: 1})
	if st := s.status(); st.State != api.SetupRetrying || len(st.Steps) != 1 || len(st.Findings) != 1 ||
		len(st.Doing) != 0 {
		t.Errorf("after the failure: %+v", st)
	}
	s.state, s.pid = api.SetupRunning, 8
	next := api.SetupReport{PID: 8, State: api.SetupRunning, Step: 1, Steps: report.Steps,
		Doing: []msg.Text{{English: "looking"}}}
	if err := s.reported(next); err != nil {
		t.Fatal(err)
	}
	if st := s.status(); len(st.Findings) != 1 || len(st.Doing) != 1 {
		t.Errorf("while it is looked again: %+v", st)
	}
	next.Step = 2
	if err := s.reported(next); err != nil {
		t.Fatal(err)
	}
	if st := s.status(); len(st.Findings) != 0 {
		t.Errorf("step 1 has found nothing any more: %+v", st)
	}
}

// TestWithdrawn: what has succeeded may be withdrawn. Then programs wait for it again, and it is tried again if that
// may help; a task that fails then is not taken for one that had succeeded.
func TestWithdrawn(t *testing.T) {
	for _, transient := range []bool{false, true} {
		retries := 0
		s := &setup{changed: func() {}, log: slog.New(slog.NewTextHandler(io.Discard, nil)), finished: func() {},
			hold:  func() bool { return false },
			after: func(time.Duration, func()) func() { retries++; return func() {} }}
		s.succeed()
		if s.holds() || s.status().State != api.SetupDone {
			t.Fatalf("%+v", s.status())
		}
		withdrawal := api.SetupReport{PID: 1, State: api.SetupFailed, Withdrawn: true, Transient: transient,
			Message: msg.Text{English: "no more"}}
		if err := s.reported(withdrawal); err != nil {
			t.Fatal(err)
		}
		want := api.SetupWaiting
		if transient {
			want = api.SetupRetrying
		}
		if st := s.status(); !s.holds() || st.State != want || st.Message.English != "no more" ||
			retries > 0 != transient {
			t.Errorf("%v: %+v, %d retries", transient, st, retries)
		}
		s.pid, s.gone = 7, make(chan struct{}) // tried again
		s.exited(7, api.Exit{Code: 1})
		if st := s.status(); st.State == api.SetupDone || !s.holds() {
			t.Errorf("%v: failed again, %+v", transient, st)
		}
		if err := s.reported(api.SetupReport{PID: 9, State: api.SetupDone}); err != nil {
			t.Fatal(err)
		}
		if st := s.status(); st.State != api.SetupDone || s.holds() || !st.Message.IsZero() {
			t.Errorf("%v: done again, %+v", transient, st)
		}
	}
}
