// Package client talks to whoever supervises the programs of this node: omsinit run over its control socket, or
// Python's supervisord.
package client

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"

	"omsinit/internal/msg"
	"omsinit/supervise/api"
	"omsinit/supervise/program"
)

// ErrNotRunning is returned when nobody answers on the control socket.
var ErrNotRunning = msg.Errorf("omsinit run is not running here; start it, or the container")

// Client talks to a running supervisor over its control socket: to omsinit
// run, and, made by DialFile, to a Python supervisord as well.
type Client struct {
	endpoint
	conf     string // supervisord.conf, "" when it is not known
	env      []string
	fallback string // address of [supervisorctl] serverurl, "" unless it is TCP
}

// endpoint is an address that a supervisor may answer on.
type endpoint struct {
	address            string // as a person would write it
	base               string // of the URLs
	username, password string
	http               http.Client
}

// Dial returns a client. It connects at each call.
func Dial(socketPath string) *Client {
	c := &Client{endpoint: endpoint{address: socketPath, base: "http://localhost"}}
	c.http.Transport = &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			d := net.Dialer{Timeout: api.IoTimeout}
			return d.DialContext(ctx, "unix", socketPath)
		},
	}
	return c
}

// DialFile returns a client of whoever supervises the programs of
// supervisord.conf, omsinit or Python's supervisord: over the socket that the
// file names, else socketPath, else the TCP port of its [supervisorctl]
// section. env are KEY=value pairs that the file may use.
func DialFile(conf, socketPath string, env ...string) *Client {
	at := program.ReadAddresses(conf, env...)
	c := Dial(cmp.Or(at.Socket, socketPath))
	c.conf, c.env = conf, env
	c.username, c.password, c.fallback = at.Username, at.Password, at.URL
	return c
}

// OperationOptions say how far Start and Restart wait.
type OperationOptions struct {
	Timeout time.Duration // of the whole operation; 0 is 300 s
	// RunningOnly waits for the state RUNNING instead of readiness.
	RunningOnly bool
	// Setup reports whether the setup task asks: it may start the programs that wait
	// for it.
	Setup bool
}

// Status returns the state of everything.
func (c *Client) Status(ctx context.Context) (*api.Status, error) {
	st := new(api.Status)
	err := c.either(ctx, http.MethodGet, "/v1/status", nil, st, func(o *python) (err error) {
		st, err = o.Status(ctx)
		return err
	})
	return st, err
}

// Update makes the supervisor read its program files again and apply them.
func (c *Client) Update(ctx context.Context) (*api.UpdateResult, error) {
	r := new(api.UpdateResult)
	err := c.either(ctx, http.MethodPost, "/v1/update", struct{}{}, r, func(o *python) (err error) {
		r, err = o.update(ctx)
		return err
	})
	return r, err
}

// Start starts programs in the order of their dependencies and waits until
// they are ready. Programs that run already are left alone. Names are NAME,
// GROUP:NAME, GROUP:* or all. The events are those of the programs, as they
// happen; onEvent may be nil.
func (c *Client) Start(ctx context.Context, names []string, o OperationOptions, onEvent func(api.Event)) error {
	return c.operate(ctx, api.Start, names, o, onEvent)
}

// Stop stops programs, those that depend on others first.
func (c *Client) Stop(ctx context.Context, names []string, o OperationOptions, onEvent func(api.Event)) error {
	return c.operate(ctx, api.Stop, names, o, onEvent)
}

// Restart stops programs and starts them again, as one operation.
func (c *Client) Restart(ctx context.Context, names []string, o OperationOptions, onEvent func(api.Event)) error {
	return c.operate(ctx, api.Restart, names, o, onEvent)
}

// ReportSetup reports to PID 1 how a run of the setup task is doing. The run is
// this process. A Python supervisord knows of no setup task and is not told.
func (c *Client) ReportSetup(ctx context.Context, r api.SetupReport) error {
	r.PID = os.Getpid()
	return c.either(ctx, http.MethodPost, "/v1/setup", r, &struct{}{}, func(*python) error { return nil })
}

// Shutdown asks the supervisor to stop everything and end. It does not wait
// for that.
func (c *Client) Shutdown(ctx context.Context) error {
	return c.either(ctx, http.MethodPost, "/v1/shutdown", struct{}{}, &struct{}{}, func(o *python) error {
		return o.rpc(ctx, nil, "shutdown")
	})
}

// either calls omsinit run, or, where a Python supervisord answers in its place, other.
func (c *Client) either(ctx context.Context, method, path string, body, into any, other func(o *python) error) error {
	err := c.Call(ctx, method, path, body, into)
	if err != nil {
		if o := c.python(ctx, err); o != nil {
			return other(o)
		}
	}
	return err
}

func (c *Client) operate(ctx context.Context, v api.Verb, names []string, o OperationOptions,
	onEvent func(api.Event)) error {
	req := api.OperationRequest{Names: names, TimeoutSeconds: int((o.Timeout + time.Second - 1) / time.Second),
		Setup: o.Setup}
	if o.RunningOnly {
		req.Wait = "running"
	}
	resp, err := c.ask(ctx, http.MethodPost, "/v1/"+v.String(), req)
	if err != nil {
		if py := c.python(ctx, err); py != nil {
			return py.operate(ctx, v, names, o, onEvent)
		}
		return err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, api.BodyLimit)
	for lines.Scan() {
		var line struct {
			api.Event
			api.OperationEnd
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return msg.Errorf("the supervisor's answer is not understood: %v", err)
		}
		if line.Done {
			return line.Error.Err()
		}
		if onEvent != nil {
			onEvent(line.Event)
		}
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return msg.Errorf("the supervisor ended before the operation did; see its log")
}

// Call sends one request to omsinit run, or to its companion, and decodes the JSON answer.
func (c *Client) Call(ctx context.Context, method, path string, body, into any) error {
	resp, err := c.ask(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return msg.Errorf("the supervisor's answer is not understood: %v", err)
	}
	return nil
}

// ask sends a request, and turns refusals into errors.
func (c *Client) ask(ctx context.Context, method, path string, body any) (*http.Response, error) {
	var reader io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		reader = bytes.NewReader(data)
	}
	resp, err := c.do(ctx, method, path, "application/json", reader)
	if err != nil || resp.StatusCode == http.StatusOK {
		return resp, err
	}
	defer resp.Body.Close()
	data, _ := io.ReadAll(io.LimitReader(resp.Body, api.BodyLimit))
	var f api.Failure
	if json.Unmarshal(data, &f) == nil && !f.Error.IsZero() {
		return nil, f.Error.Err()
	}
	return nil, c.foreign(resp)
}

// foreignError is returned when somebody answers who does not know our interface.
type foreignError struct{ msg.Message }

func (e *foreignError) Error() string { return e.String() }

func (e *endpoint) foreign(resp *http.Response) error {
	return &foreignError{msg.M("the supervisor on %s answered %s; it is not omsinit run, or another version",
		e.address, resp.Status)}
}

// do sends a request.
func (e *endpoint) do(ctx context.Context, method, path, kind string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, e.base+path, body)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", kind)
	}
	if e.username != "" {
		req.SetBasicAuth(e.username, e.password)
	}
	resp, err := e.http.Do(req)
	if err != nil {
		return nil, e.explain(ctx, err)
	}
	return resp, nil
}

func (e *endpoint) explain(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return msg.Errorf("nobody answers on the control socket %s: %w", e.address, ErrNotRunning)
	case errors.Is(err, fs.ErrPermission):
		return msg.Errorf("cannot use the control socket %s: permission denied; run this as the user that omsinit run runs as", e.address)
	}
	return msg.Errorf("cannot talk to the supervisor: %w", err)
}

// Text returns what a handler of the companion answers, as it is.
func (c *Client) Text(ctx context.Context, path string) (string, error) {
	resp, err := c.ask(ctx, http.MethodGet, path, nil)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, textLimit))
	if err != nil {
		return "", c.explain(ctx, err)
	}
	return string(data), nil
}

const textLimit = 16 << 20
