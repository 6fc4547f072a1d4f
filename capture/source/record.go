package source

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"omsinit/internal/msg"
)

// Recorder stands in front of the CM, on loopback, and notes what it is sent.
// It is an HTTP proxy for programs that are told of it by http_proxy, and the
// CM itself for those that call its address.
type Recorder struct {
	// CM is cm_url.
	CM string

	mu        sync.Mutex
	exchanges []Exchange
	foreign   []string
}

// largestBody bounds what is kept of a request or an answer.
const largestBody = 1 << 20

// Run runs a command with the recorder in front of the CM, and gives what it
// sent, in order. The command finds the recorder in http_proxy, and its address
// in OMSINIT_RECORD_URL; its output goes to out.
func (r *Recorder) Run(ctx context.Context, command string, out io.Writer) ([]Exchange, error) {
	cm, err := url.Parse(r.CM)
	if err != nil || cm.Scheme != "http" {
		return nil, msg.Errorf("cannot record the calls to the CM at %s: only http:// can be listened to", r.CM)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, msg.Errorf("cannot listen on loopback: %w", err)
	}
	server := &http.Server{Handler: r.handler(cm), ReadHeaderTimeout: 30 * time.Second}
	go func() { _ = server.Serve(l) }()
	defer server.Close()
	address := "http://" + l.Addr().String()
	cmd := exec.CommandContext(ctx, "sh", "-c", command)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.WaitDelay = 5 * time.Second
	cmd.Env = append(withoutProxies(os.Environ()), "http_proxy="+address, "HTTP_PROXY="+address, "OMSINIT_RECORD_URL="+address)
	err = cmd.Run()
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, msg.Errorf("the command whose calls to the CM were to be recorded failed: %w; its output is above", err)
	case len(r.exchanges) == 0 && len(r.foreign) > 0:
		return nil, msg.Errorf("the command called %s and not the CM at %s; see cm_url in config.yaml", r.foreign[0], r.CM)
	case len(r.exchanges) == 0:
		return nil, msg.Errorf("the command sent nothing to the CM that could be recorded; if it does not use http_proxy, give it the address in OMSINIT_RECORD_URL in the place of cm_url")
	}
	return r.exchanges, nil
}

func withoutProxies(env []string) []string {
	var out []string
	for _, pair := range env {
		name, _, _ := strings.Cut(pair, "=")
		switch strings.ToLower(name) {
		case "http_proxy", "no_proxy", "all_proxy":
			continue
		}
		out = append(out, pair)
	}
	return out
}

// handler hands requests on, and keeps those for the CM.
func (r *Recorder) handler(cm *url.URL) http.Handler {
	proxy := &httputil.ReverseProxy{
		Transport: &http.Transport{DialContext: (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			DisableKeepAlives: true},
		Rewrite: func(p *httputil.ProxyRequest) {
			if p.In.URL.Host == "" {
				p.Out.URL.Scheme, p.Out.URL.Host = cm.Scheme, cm.Host
			}
			p.Out.Host = p.Out.URL.Host
		},
		ModifyResponse: func(resp *http.Response) error {
			e, ok := resp.Request.Context().Value(exchangeKey{}).(*Exchange)
			if !ok {
				return nil
			}
			body, err := io.ReadAll(io.LimitReader(resp.Body, largestBody))
			if err != nil {
				return err
			}
			resp.Body = readCloser{io.MultiReader(bytes.NewReader(body), resp.Body), resp.Body}
			e.Status, e.Answer = resp.StatusCode, body
			r.mu.Lock()
			r.exchanges = append(r.exchanges, *e)
			r.mu.Unlock()
			return nil
		},
		ErrorLog: nil,
	}
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Host != "" && req.URL.Host != cm.Host {
			r.mu.Lock()
			r.foreign = append(r.foreign, req.URL.Scheme+"://"+req.URL.Host)
			r.mu.Unlock()
			proxy.ServeHTTP(w, req)
			return
		}
		e := &Exchange{Method: req.Method, Path: req.URL.Path, Query: req.URL.Query(), ContentType: req.Header.Get("Content-Type")}
		body, err := io.ReadAll(io.LimitReader(req.Body, largestBody+1))
		if err != nil || len(body) > largestBody {
			http.Error(w, "the request cannot be recorded", http.StatusRequestEntityTooLarge)
			return
		}
		req.Body = io.NopCloser(bytes.NewReader(body))
		if strings.Contains(e.ContentType, "form") || e.ContentType == "" {
			if e.Form, err = url.ParseQuery(string(body)); err != nil {
				e.Form = nil
			}
		}
		proxy.ServeHTTP(w, req.WithContext(context.WithValue(req.Context(), exchangeKey{}, e)))
	})
}

type exchangeKey struct{}

type readCloser struct {
	io.Reader
	io.Closer
}

// Exchange is one request that was sent to the CM, with its answer.
type Exchange struct {
	Method, Path string
	Query, Form  url.Values
	// ContentType is that of the request.
	ContentType string
	Status      int
	Answer      []byte
}
