package source

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"omsinit/internal/msg"
)

// Recorder stands in front of the CM, on loopback, and notes what it is sent.
// It is an HTTP proxy for programs that are told of it by http_proxy and https_proxy, and the
// CM itself for those that call its address.
type Recorder struct {
	// CM is cm_url.
	CM string
	// Limit is how long the command may take; 0 is half an hour.
	Limit time.Duration
	// Roots are who may have signed the certificate of a CM at https; nil: whom this host trusts.
	Roots *x509.CertPool
	// Before and After are called around each request that the CM is handed, one at a time; nil: nothing.
	Before, After func()

	mu        sync.Mutex
	turn      sync.Mutex // held while the CM is asked
	exchanges []Exchange
	foreign   []string
	failed    error // why the CM did not answer
}

const (
	// largestBody bounds what is kept of a request or an answer.
	largestBody = 1 << 20
	recordTime  = 30 * time.Minute
	stopTime    = 5 * time.Second
	dialTime    = 5 * time.Second
)

// Run runs a command with the recorder in front of the CM, and gives what it
// sent, in order. The command finds the recorder in http_proxy and https_proxy, and its address
// in OMSINIT_RECORD_URL; its output goes to out.
func (r *Recorder) Run(ctx context.Context, command string, out io.Writer) ([]Exchange, error) {
	cm, err := url.Parse(r.CM)
	if err != nil || cm.Scheme != "http" && cm.Scheme != "https" || cm.Host == "" {
		return nil, msg.Errorf("cannot record the calls to the CM at %s: cm_url is no address such as http://10.0.0.1:8088", r.CM)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, msg.Errorf("cannot listen on loopback: %w", err)
	}
	env := append(withoutProxies(os.Environ()), "OMSINIT_RECORD_URL=http://"+l.Addr().String())
	for _, name := range []string{"http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"} {
		env = append(env, name+"=http://"+l.Addr().String())
	}
	var signs *authority
	if cm.Scheme == "https" {
		if signs, err = newAuthority(cm.Hostname()); err != nil {
			l.Close()
			return nil, err
		}
		defer signs.Close()
		env = append(env, signs.Env()...)
	}
	handler := tunnels(address(cm), signs, r.handler(cm), r.other)
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 30 * time.Second}
	go func() { _ = server.Serve(l) }()
	defer server.Close()
	limited, cancel := context.WithTimeout(ctx, cmp.Or(r.Limit, recordTime))
	defer cancel()
	cmd := exec.CommandContext(limited, "sh", "-c", command)
	cmd.Stdout, cmd.Stderr, cmd.Env = out, out, env
	// The whole group ends with it: the command may have started others.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = stopTime
	err = cmd.Run()
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil // it has ended well, and what it has left in the background keeps its output open
	}
	if limited.Err() != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what SIGTERM has not ended
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case limited.Err() != nil:
		return nil, msg.Errorf("the command whose calls to the CM were to be recorded did not end within %s, and was stopped; its output is above", cmp.Or(r.Limit, recordTime))
	case r.failed != nil:
		return nil, msg.Errorf("the CM at %s could not be asked what the command sends: %w; see omsinit logs oms_drc_cm, and for a certificate of your own set SSL_CERT_FILE to its authority", r.CM, r.failed)
	case err != nil:
		return nil, msg.Errorf("the command whose calls to the CM were to be recorded failed: %w; its output is above",
			err)
	case len(r.exchanges) == 0 && len(r.foreign) > 0:
		return nil, msg.Errorf("the command called %s and not the CM at %s; see cm_url in config.yaml",
			r.foreign[0], r.CM)
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
		case "http_proxy", "https_proxy", "no_proxy", "all_proxy":
			continue
		}
		out = append(out, pair)
	}
	return out
}

// address is the host and port that a URL leads to.
func address(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// other notes a request that is not for the CM.
func (r *Recorder) other(to string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.foreign = append(r.foreign, to)
}

// handler hands requests on, and keeps those for the CM.
func (r *Recorder) handler(cm *url.URL) http.Handler {
	transport := &http.Transport{DialContext: (&net.Dialer{Timeout: dialTime}).DialContext, DisableKeepAlives: true,
		TLSClientConfig: &tls.Config{RootCAs: r.Roots}}
	proxy := &httputil.ReverseProxy{
		Transport: transport,
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
			e.Status, e.Answer, e.Took = resp.StatusCode, body, time.Since(e.began)
			e.SetsCookie = len(resp.Cookies()) > 0
			r.mu.Lock()
			r.exchanges, r.failed = append(r.exchanges, *e), nil
			r.mu.Unlock()
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, req *http.Request, err error) {
			if _, ok := req.Context().Value(exchangeKey{}).(*Exchange); ok && !errors.Is(err, context.Canceled) {
				r.mu.Lock()
				r.failed = err
				r.mu.Unlock()
			}
			w.WriteHeader(http.StatusBadGateway)
		},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Host != "" && address(req.URL) != address(cm) {
			r.other(req.URL.Scheme + "://" + req.URL.Host)
			proxy.ServeHTTP(w, req)
			return
		}
		e := &Exchange{Method: req.Method, Path: req.URL.EscapedPath(), Query: req.URL.Query(),
			ContentType: req.Header.Get("Content-Type"), Headers: map[string]string{}}
		for name, values := range req.Header {
			e.Headers[name] = strings.Join(values, ", ")
		}
		body, err := io.ReadAll(io.LimitReader(req.Body, largestBody+1))
		if err != nil || len(body) > largestBody {
			http.Error(w, "the request cannot be recorded", http.StatusRequestEntityTooLarge)
			return
		}
		req.Body = io.NopCloser(bytes.NewReader(body))
		e.Body = body
		if isForm(e.ContentType, body) {
			if e.Form, err = url.ParseQuery(string(body)); err == nil {
				e.Body = nil
			}
		}
		r.turn.Lock()
		defer r.turn.Unlock()
		if r.Before != nil {
			r.Before()
		}
		e.began = time.Now()
		proxy.ServeHTTP(w, req.WithContext(context.WithValue(req.Context(), exchangeKey{}, e)))
		if r.After != nil {
			r.After()
		}
	})
}

// isForm reports whether a body is a form. One that does not say what it is may be one.
func isForm(contentType string, body []byte) bool {
	return strings.Contains(contentType, "x-www-form-urlencoded") ||
		contentType == "" && !bytes.ContainsAny(body, "{[<\n")
}

type exchangeKey struct{}

type readCloser struct {
	io.Reader
	io.Closer
}

// Exchange is one request that was sent to the CM, with its answer.
type Exchange struct {
	Method string
	Path   string // as it was sent, with its escapes
	Query  url.Values
	Form   url.Values // of a body that is a form
	Body   []byte     // of one that is none
	// ContentType is that of the body, and Headers are all headers.
	ContentType string
	Headers     map[string]string
	Status      int
	Answer      []byte
	SetsCookie  bool
	Took        time.Duration // until the answer was there

	began time.Time
}
