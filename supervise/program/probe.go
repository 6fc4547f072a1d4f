package program

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"omsinit/internal/msg"
	"omsinit/supervise/api"
)

// Probe is how to find out that a program is ready, or still alive: an HTTP
// address, a TCP address that must accept a connection, a command that must
// exit with status 0, or a line that the program must write. Exactly one of
// HTTP, TCP, Command and Log is set.
type Probe struct {
	HTTP     string
	Status   []int  // that HTTP may answer with, 200 when empty
	Field    string // dotted path into the JSON answer, "" none
	Value    string // what the field must be
	Insecure bool   // HTTPS without verification, loopback only
	TCP      string
	Command  []string
	Log      string // regular expression for a line of the program's output
	// AnyProcess reports whether a process that does not belong to the program, such as a proxy, may answer.
	AnyProcess bool

	Interval time.Duration // between two attempts; 0: 50 ms growing to 1 s
	Timeout  time.Duration // of one attempt
}

// String is the address that is asked.
func (p *Probe) String() string {
	switch {
	case p == nil:
		return ""
	case p.TCP != "":
		return "tcp://" + p.TCP
	case len(p.Command) > 0:
		return "command " + strings.Join(p.Command, " ")
	case p.Log != "":
		return "log " + p.Log
	}
	return p.HTTP
}

const (
	probeTimeout  = 5 * time.Second // one attempt
	FirstProbe    = 10 * time.Millisecond
	LongestProbe  = time.Second
	probeBodySize = 1 << 20
	ProbeOutput   = 4 << 10                // bytes of a command's output that are kept
	ProbeGrace    = 100 * time.Millisecond // that a command's output may be open after its end
)

// probe reads the options of an [omsinit:NAME] section that begin with ready_ or alive_. What cannot be read is no
// probe.
func (r *optionReader) probe(prefix string, kinds ...string) *Probe {
	p := &Probe{AnyProcess: get(r, prefix+"any_process", false, boolean),
		Insecure: get(r, prefix+"insecure", false, boolean), Status: get(r, prefix+"status", nil, statuses),
		Interval: get(r, prefix+"interval", 0, seconds), Timeout: get(r, prefix+"attempt_timeout", 0, seconds)}
	field := r.Text(prefix+"json", "")
	kind := ""
	for _, k := range kinds {
		switch {
		case !r.has(prefix + k):
		case kind != "":
			r.report(prefix+k, msg.M("give either %s or %s, not both", prefix+kind, prefix+k))
			return nil
		default:
			kind = k
		}
	}
	text := r.Text(prefix+kind, "")
	switch {
	case kind == "" && (p.Interval != 0 || p.Timeout != 0):
		r.report(prefix+"interval", msg.M("there is no probe; give %shttp, %stcp or %scommand", prefix, prefix, prefix))
	case kind != "http" && (field != "" || p.Insecure || len(p.Status) > 0):
		r.report(prefix+"http", msg.M("%sjson, %sstatus and %sinsecure need %shttp", prefix, prefix, prefix, prefix))
	}
	switch kind {
	case "tcp":
		if _, port, err := net.SplitHostPort(text); err != nil || port == "" {
			r.report(prefix+"tcp", msg.M("%q is not an address such as 127.0.0.1:2023", text))
			return nil
		}
		p.TCP = text
	case "log":
		if _, err := regexp.Compile(text); err != nil || text == "" {
			r.report(prefix+"log", msg.M("%q is not a regular expression: %v", text, err))
			return nil
		}
		p.Log = text
	case "command":
		if p.Command = r.words(prefix + "command"); len(p.Command) == 0 {
			return nil
		}
	case "http":
		return p.readHTTP(r, prefix, text, field)
	default:
		return nil
	}
	return p
}

// readHTTP reads what only an HTTP probe has.
func (p *Probe) readHTTP(r *optionReader, prefix, address, field string) *Probe {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		r.report(prefix+"http", msg.M("%q is not an address such as http://127.0.0.1:8090/health", address))
		return nil
	}
	if p.Insecure && !IsLoopback(u.Hostname()) {
		r.report(prefix+"insecure", msg.M(
			"%q is not on this host; certificates may only be left unverified on loopback", u.Host))
		p.Insecure = false
	}
	p.HTTP = address
	if name, value, ok := strings.Cut(field, "="); ok && strings.TrimSpace(name) != "" {
		p.Field, p.Value = strings.TrimSpace(name), strings.TrimSpace(value)
	} else if field != "" {
		r.report(prefix+"json", msg.M("%q is not field=value, such as data.healthy=true", field))
	}
	return p
}

// statuses reads HTTP statuses.
func statuses(text string) (out []int, err error) {
	words, _ := list(text)
	for _, word := range words {
		n, err := strconv.Atoi(word)
		if err != nil || n < 100 || n > 599 {
			return nil, msg.Errorf("%q is not an HTTP status from 100 to 599", word)
		}
		out = append(out, n)
	}
	return out, nil
}

// seconds reads a number of seconds, with decimals if need be.
func seconds(text string) (time.Duration, error) {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || !(n >= 0.01 && n <= 86400) {
		return 0, msg.Errorf("%q is not a number of seconds from 0.01 to 86400", text)
	}
	return time.Duration(n * float64(time.Second)), nil
}

// IsLoopback reports whether a host name or address is one of this host alone.
func IsLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// CommandRunner runs the command of a probe. The output is its beginning.
type CommandRunner func(ctx context.Context, argv []string) (e api.Exit, output []byte, err error)

// Ask runs the probe once. The message is what was answered, good or bad. A
// log is not asked: see watchLog.
func (p *Probe) Ask(ctx context.Context, run CommandRunner) (ready bool, answer msg.Message) {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(p.Timeout, probeTimeout))
	defer cancel()
	if len(p.Command) > 0 {
		e, output, err := run(ctx, p.Command)
		switch {
		case ctx.Err() != nil:
			return false, msg.M("%s did not end within %s", p.String(), cmp.Or(p.Timeout, probeTimeout).String())
		case err != nil:
			return false, msg.M("%v", err)
		case len(output) == 0:
			return e.Code == 0, msg.M("%s: %v", p.String(), e.Message())
		}
		return e.Code == 0, msg.M("%s: %v: %s", p.String(), e.Message(), excerpt(output))
	}
	if p.TCP != "" {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", p.TCP)
		if err != nil {
			return false, msg.M("%v", err)
		}
		conn.Close()
		return true, msg.M("%s accepts connections", p.TCP)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	if p.Insecure {
		transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} // loopback only, checked when read
	}
	client := &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.HTTP, nil)
	if err != nil {
		return false, msg.M("%v", err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return false, msg.M("%v", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, probeBodySize))
	switch {
	case resp.StatusCode != http.StatusOK && len(p.Status) == 0, len(p.Status) > 0 &&
		!slices.Contains(p.Status, resp.StatusCode):
		return false, msg.M("%s answered %s: %s", p.HTTP, resp.Status, excerpt(body))
	case err != nil:
		return false, msg.M("%v", err)
	case p.Field == "":
		return true, msg.M("%s answered %s", p.HTTP, resp.Status)
	}
	value, ok := jsonField(body, p.Field)
	switch {
	case !ok:
		return false, msg.M("%s answered without a field %s: %s", p.HTTP, p.Field, excerpt(body))
	case value != p.Value:
		return false, msg.M("%s answered %s = %s instead of %s", p.HTTP, p.Field, value, p.Value)
	}
	return true, msg.M("%s answered %s = %s", p.HTTP, p.Field, value)
}

// jsonField finds a dotted path in a JSON document, as text.
func jsonField(body []byte, path string) (string, bool) {
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return "", false
	}
	for _, name := range strings.Split(path, ".") {
		object, ok := v.(map[string]any)
		if !ok {
			return "", false
		}
		if v, ok = object[name]; !ok {
			return "", false
		}
	}
	return fmt.Sprint(v), true
}

// excerpt is the beginning of an answer on one line.
func excerpt(body []byte) string {
	const most = 200
	text := strings.Join(strings.Fields(strings.ToValidUTF8(string(body), "?")), " ")
	if r := []rune(text); len(r) > most {
		return string(r[:most]) + "…"
	}
	return text
}
