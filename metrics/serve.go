package metrics

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"omsinit/internal/msg"
)

// The paths on the control socket.
const (
	TextPath   = "/metrics"
	ReportPath = "/v1/metrics"
	StepPath   = "/v1/metrics/step"
)

// Handlers answer on the control socket, by pattern of http.ServeMux.
func (r *Reporter) Handlers() map[string]http.Handler {
	return map[string]http.Handler{
		"GET " + TextPath:   http.HandlerFunc(r.serveText),
		"GET " + ReportPath: http.HandlerFunc(r.serveReport),
		"POST " + StepPath:  http.HandlerFunc(r.serveStep),
	}
}

// young is how old figures may be that are given to one who asks: several who
// ask at once cost one collection.
const young = time.Second

func (r *Reporter) serveText(w http.ResponseWriter, req *http.Request) {
	c, err := r.observe(req.Context(), young)
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	r.mu.Lock()
	id := r.id
	r.mu.Unlock()
	var b bytes.Buffer
	if err := writeText(&b, c.points, id); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", prometheusType)
	_, _ = w.Write(b.Bytes()) // one who went away is no error
}

func (r *Reporter) serveReport(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(r.report(time.Now()))
}

// serveStep takes the end of a step. It is also the moment at which what step 3
// decided may have changed.
func (r *Reporter) serveStep(w http.ResponseWriter, req *http.Request) {
	var step Step
	if err := json.NewDecoder(io.LimitReader(req.Body, 4<<10)).Decode(&step); err != nil {
		http.Error(w, "the request is not understood: "+err.Error(), http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	kept := r.steps.ended(step, time.Now())
	r.mu.Unlock()
	signal(r.poke)
	if !kept {
		http.Error(w, "too many steps", http.StatusBadRequest)
		return
	}
	_, _ = io.WriteString(w, "{}\n")
}

// ListenAddress returns address and port of --metrics-port: a port is one of 127.0.0.1. It is empty for what is neither
// a port nor an IP address with one.
func ListenAddress(text string) string {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		host, port = "127.0.0.1", text
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || number == 0 || host != "" && net.ParseIP(host) == nil {
		return ""
	}
	return net.JoinHostPort(host, port)
}

// portState is the port of --metrics-port.
type portState struct {
	address string // that it listens on, "" while it does not
	problem error
}

// listen serves the text form on the address of --metrics-port until ctx ends. A port that is taken, or an address that
// this host does not have yet, is tried again: it is no reason not to be there.
func (r *Reporter) listen(ctx context.Context) {
	address := r.o.Listen
	if address == "" {
		return
	}
	for ctx.Err() == nil {
		l, err := net.Listen("tcp", address)
		if err == nil {
			r.mu.Lock()
			r.port = portState{address: address}
			r.mu.Unlock()
			err = r.serve(ctx, l)
		}
		r.mu.Lock()
		r.port = portState{problem: err}
		r.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-time.After(r.o.Interval):
		}
	}
}

func (r *Reporter) serve(ctx context.Context, l net.Listener) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+TextPath, func(w http.ResponseWriter, req *http.Request) {
		// A web page that got the address of a loopback under its own name is kept out.
		host, _, err := net.SplitHostPort(req.Host)
		if err != nil {
			host = req.Host
		}
		at, _ := l.Addr().(*net.TCPAddr)
		if ip := net.ParseIP(host); at.IP.IsLoopback() && !ip.IsLoopback() && !strings.EqualFold(host, "localhost") {
			http.Error(w, "only for programs on this host", http.StatusForbidden)
			return
		}
		r.serveText(w, req)
	})
	s := &http.Server{Handler: mux, ReadTimeout: requestTimeout, WriteTimeout: 2 * requestTimeout,
		IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
	stop := context.AfterFunc(ctx, func() { s.Close() })
	defer stop()
	err := s.Serve(l)
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// failingLong is how long sending may fail before the status shows it.
const failingLong = time.Minute

// Warnings are what the status of the node shows about reporting.
func (r *Reporter) Warnings() (out []msg.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	switch c := r.condition; {
	case c.state == LeftOut:
		out = append(out, msg.M("the time-series database is left out although tsdb_enabled is true (--tsdb-optional): %v; `omsinit init` switches it on once it passes its check", c.reason))
	case r.session != nil && !r.figures.failingSince.IsZero() && now.Sub(r.figures.failingSince) > failingLong:
		out = append(out, msg.M(
			"no metrics have reached the time-series database for %s: %v; see `omsinit metrics show`",
			now.Sub(r.figures.failingSince).Round(time.Second), r.figures.lastError))
	}
	if r.port.problem != nil {
		out = append(out, msg.M("the port of --metrics-port is not open: %v", r.port.problem))
	}
	return out
}
