package page

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"omsinit/internal/msg"
	"omsinit/supervise/api"
)

// Paths of the page. Every other path is one of the program whose port it is.
const (
	homePath   = "/omsinit/"
	statusPath = "/omsinit/status"
	eventsPath = "/omsinit/events"
)

// mark is the header by which the page knows itself: the program that has the port does not set it.
const mark = "X-Omsinit-Page"

func (p *Page) answer(w http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(w)
	_ = control.SetWriteDeadline(time.Now().Add(writeTime))
	h := w.Header()
	h.Set(mark, "1")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "only for looking", http.StatusMethodNotAllowed)
		return
	}
	status, html := http.StatusServiceUnavailable, strings.Contains(r.Header.Get("Accept"), "text/html")
	switch r.URL.Path {
	case statusPath:
		status, html = http.StatusOK, false
	case homePath, strings.TrimSuffix(homePath, "/"):
		status, html = http.StatusOK, true
	case eventsPath:
		if !plain(r.Context()) {
			p.stream(w, r)
			return
		}
	}
	switch {
	case html && plain(r.Context()):
		http.Redirect(w, r, "https://"+r.Host+r.URL.RequestURI(), http.StatusFound)
	case html:
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Security-Policy", policy())
		h.Set("Vary", "Accept, Accept-Language")
		retryAfter(h, status)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(document(p.view(r))))
	default:
		h.Set("Content-Type", "application/json")
		retryAfter(h, status)
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(p.look.now(p.Status))
	}
}

func retryAfter(h http.Header, status int) {
	if status == http.StatusServiceUnavailable {
		h.Set("Retry-After", "5")
	}
}

// stream sends what has changed as server-sent events (html.spec.whatwg.org, section 9.2), until the browser leaves.
func (p *Page) stream(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	select {
	case p.events <- struct{}{}:
		defer func() { <-p.events }()
	default:
		retryAfter(h, http.StatusServiceUnavailable)
		http.Error(w, "too many are looking", http.StatusServiceUnavailable)
		return
	}
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // nginx hands each one on at once
	if r.Method == http.MethodHead {
		return
	}
	control := http.NewResponseController(w)
	const (
		interval = time.Second
		silence  = 15 // intervals after which something is sent: a browser that has left is noticed
	)
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for last, quiet := "", 0; ; {
		now := body(p.view(r))
		piece := ": still here\n\n"
		if now != last {
			data, _ := json.Marshal(now)
			piece, last, quiet = "retry: 500\ndata: "+string(data)+"\n\n", now, 0
		} else if quiet++; quiet >= silence {
			quiet = 0
		} else {
			piece = ""
		}
		if piece != "" {
			_ = control.SetWriteDeadline(time.Now().Add(writeTime))
			if _, err := w.Write([]byte(piece)); err != nil || control.Flush() != nil {
				return
			}
		}
		select {
		case <-ticker.C:
		case <-r.Context().Done():
			return
		case <-p.ctx.Done():
			return
		}
	}
}

// view is what one browser is shown.
type view struct {
	lang   msg.Lang
	status api.Status
	hint   msg.Message
	now    time.Time
}

func (p *Page) view(r *http.Request) view {
	return view{lang: language(r, p.Lang), status: p.look.now(p.Status), hint: p.Hint, now: time.Now()}
}

// language returns the one of ?lang=, else the one that the browser wants, else usual.
func language(r *http.Request, usual msg.Lang) msg.Lang {
	if l, ok := msg.Parse(r.URL.Query().Get("lang")); ok {
		return l
	}
	for wanted := range strings.SplitSeq(r.Header.Get("Accept-Language"), ",") {
		wanted, _, _ = strings.Cut(wanted, ";")
		if l, ok := msg.Parse(wanted); ok {
			return l
		}
	}
	return usual
}

// snapshot is a status that is not asked for more often than anybody can see.
type snapshot struct {
	mu     sync.Mutex
	at     time.Time
	status api.Status
}

const freshness = 500 * time.Millisecond

func (s *snapshot) now(ask func() api.Status) api.Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.at) > freshness {
		s.status, s.at = public(ask()), time.Now()
	}
	return s.status
}

// public leaves out what is not for strangers: log lines, files, addresses of probes, and values where the findings say
// it without them.
func public(st api.Status) api.Status {
	out := api.Status{Version: st.Version, StartedAt: st.StartedAt, Stopping: st.Stopping, Waiting: st.Waiting,
		Programs: []api.ProgramStatus{}}
	if st.Setup != nil {
		setup := *st.Setup
		if slices.ContainsFunc(setup.Findings, api.Finding.IsError) {
			setup.Message = msg.Text{}
		}
		out.Setup = &setup
	}
	for _, p := range st.Programs {
		out.Programs = append(out.Programs, api.ProgramStatus{
			Name: p.Name, State: p.State, StateCode: p.StateCode, PID: p.PID, Since: p.Since,
			StartedAt: p.StartedAt, UptimeSeconds: p.UptimeSeconds, Ready: p.Ready, ProbeAnswer: p.ProbeAnswer,
			WaitsFor: p.WaitsFor, DependsOn: p.DependsOn, Stale: p.Stale, Starts: p.Starts, ExitStatus: p.ExitStatus,
			ExitSignal: p.ExitSignal, Reason: p.Reason, RetryAt: p.RetryAt, Autostart: p.Autostart,
		})
	}
	return out
}
