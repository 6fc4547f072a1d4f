package client

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync"

	"github.com/ochinchina/supervisord/faults"

	"omsinit/internal/msg"
	"omsinit/supervise/api"
	"omsinit/supervise/operation"
	"omsinit/supervise/program"
	"omsinit/supervise/xmlrpc"
)

// supervisor is the address at which XML-RPC is understood: by omsinit run and
// by a Python supervisord alike.
func (c *Client) supervisor(ctx context.Context) (*endpoint, error) {
	err := c.rpc(ctx, nil, "getSupervisorVersion")
	if err == nil {
		return &c.endpoint, nil
	}
	if py := c.python(ctx, err); py != nil {
		return py.endpoint, nil
	}
	return nil, err
}

// Signal sends a signal (TERM, SIGTERM or 15) to programs: NAME, GROUP:NAME,
// GROUP:* or all.
func (c *Client) Signal(ctx context.Context, signal string, names []string) error {
	e, err := c.supervisor(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		var answer any
		if name == "all" {
			err = e.rpc(ctx, &answer, "signalAllProcesses", signal)
		} else {
			err = e.rpc(ctx, &answer, "signalProcess", name, signal)
		}
		if err == nil {
			err = firstFault(answer)
		}
		switch {
		case isFault(err, faults.BadSignal):
			return msg.Errorf("%q is not a signal such as TERM, HUP, INT, QUIT, KILL, USR1 or USR2", signal)
		case isFault(err, faults.BadName):
			return c.noSuchProgram(ctx, name)
		case isFault(err, faults.NotRunning):
			return msg.Errorf("cannot send a signal to %s: it does not run", name)
		case err != nil:
			return msg.Errorf("cannot send a signal to %s: %w", name, err)
		}
	}
	return nil
}

// firstFault finds a refusal in the results of a call about several programs.
func firstFault(answer any) error {
	list, _ := answer.([]any)
	for _, item := range list {
		r, _ := item.(map[string]any)
		if status, _ := r["status"].(int); status != faults.Success {
			return xmlrpc.Fault{Code: status, Text: fmt.Sprintf("%v: %v", r["name"], r["description"])}
		}
	}
	return nil
}

func (c *Client) noSuchProgram(ctx context.Context, name string) error {
	st, err := c.Status(ctx)
	if err != nil {
		return err
	}
	return operation.NoSuchProgram([]string{name}, st.Names())
}

// LogOptions say what of a program's log is shown.
type LogOptions struct {
	Lines  int  // last ones; at least 1
	Follow bool // and what is added, until the context ends
}

// bytesPerLine is how much is read for each line that is asked for.
const bytesPerLine = 400

// Tail writes the end of one log of a program, stdout or stderr. Following
// begins with the last kilobyte, as supervisorctl does.
func (c *Client) Tail(ctx context.Context, name, stream string, o LogOptions, w io.Writer) error {
	if stream != "stdout" && stream != "stderr" {
		return msg.Errorf("%q is not a log; there are stdout and stderr", stream)
	}
	e, err := c.supervisor(ctx)
	if err != nil {
		return err
	}
	if o.Follow {
		return c.follow(ctx, e, name, stream, func(line string) { fmt.Fprintln(w, line) })
	}
	text, err := c.lastLines(ctx, e, name, stream, o.Lines)
	if err == nil && text != "" {
		_, err = fmt.Fprintln(w, text)
	}
	return err
}

func (c *Client) lastLines(ctx context.Context, e *endpoint, name, stream string, count int) (string, error) {
	method := map[string]string{"stdout": "readProcessStdoutLog", "stderr": "readProcessStderrLog"}[stream]
	bytes := min(max(count, 1)*bytesPerLine, api.AnswerLimit/2)
	var text string
	err := e.rpc(ctx, &text, method, name, -bytes, 0)
	switch {
	case isFault(err, faults.BadName):
		return "", c.noSuchProgram(ctx, name)
	case isFault(err, faults.NoFile):
		return "", &noLogError{msg.M("%s has no %s log, or has not written to it yet", name, stream)}
	case err != nil:
		return "", msg.Errorf("cannot read the log of %s: %w", name, err)
	}
	return program.Tail(text, len(text) >= bytes, count), nil
}

// noLogError is returned when there is nothing to show.
type noLogError struct{ msg.Message }

func (e *noLogError) Error() string { return e.String() }

// follow calls f for each line of a log until the context ends, which is no
// error, or the supervisor does.
func (c *Client) follow(ctx context.Context, e *endpoint, name, stream string, f func(line string)) error {
	// With "Connection: close" a Python supervisord collects 64 KB before it
	// sends anything.
	transport := e.http.Transport.(*http.Transport).Clone()
	transport.DisableKeepAlives = false
	defer transport.CloseIdleConnections()
	streaming := &endpoint{address: e.address, base: e.base, username: e.username, password: e.password,
		http: http.Client{Transport: transport}}
	resp, err := streaming.do(ctx, http.MethodGet, "/logtail/"+url.PathEscape(name)+"/"+stream, "", nil)
	if err != nil {
		return ended(ctx, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		if _, err := c.lastLines(ctx, e, name, stream, 1); err != nil {
			return ended(ctx, err)
		}
		return e.foreign(resp)
	}
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, api.BodyLimit)
	for lines.Scan() {
		f(program.Printable(lines.Text()))
	}
	if err := lines.Err(); err != nil {
		return ended(ctx, msg.Errorf("cannot read the log of %s: %w", name, err))
	}
	return nil
}

// ended makes an interruption by a person no error.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// Logs writes the ends of both logs of several programs, all programs when
// none is named. While following, each line begins with its program.
func (c *Client) Logs(ctx context.Context, programs []string, o LogOptions, w io.Writer) error {
	st, err := c.Status(ctx)
	if err != nil {
		return err
	}
	e, err := c.supervisor(ctx)
	if err != nil {
		return err
	}
	if len(programs) == 0 {
		programs = []string{"all"}
	}
	selected, err := operation.Select(programs, st.Names())
	if err != nil {
		return err
	}
	type source struct{ program, stream, file string }
	var sources []source
	for _, p := range st.Programs {
		if !slices.Contains(selected, p.Name) {
			continue
		}
		sources = append(sources, source{p.Name, "stdout", p.StdoutLog})
		if p.StderrLog != "" {
			sources = append(sources, source{p.Name, "stderr", p.StderrLog})
		}
	}
	if o.Follow {
		var wg sync.WaitGroup
		var mu sync.Mutex
		errs := make([]error, len(sources))
		for i, s := range sources {
			wg.Go(func() {
				errs[i] = c.follow(ctx, e, s.program, s.stream, func(line string) {
					mu.Lock()
					defer mu.Unlock()
					fmt.Fprintf(w, "%s %s | %s\n", s.program, s.stream, line)
				})
			})
		}
		wg.Wait()
		return withoutNoLog(errs)
	}
	for _, s := range sources {
		text, err := c.lastLines(ctx, e, s.program, s.stream, o.Lines)
		if noLog := (*noLogError)(nil); errors.As(err, &noLog) || err == nil && text == "" {
			continue
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "==> %s %s (%s) <==\n%s\n\n", s.program, s.stream, s.file, text)
	}
	return nil
}

// withoutNoLog returns the first error that is more than a missing log file.
func withoutNoLog(errs []error) error {
	for _, err := range errs {
		if noLog := (*noLogError)(nil); err != nil && !errors.As(err, &noLog) {
			return err
		}
	}
	return nil
}
