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
	FirstProbe    = 50 * time.Millisecond
	LongestProbe  = time.Second
	probeBodySize = 1 << 20
	ProbeOutput   = 4 << 10                // bytes of a command's output that are kept
	ProbeGrace    = 100 * time.Millisecond // that a command's output may be open after its end
)

// probe reads the options of an [omsinit:NAME] section that begin with ready_
// or alive_.
func (r *optionReader) probe(prefix string) *Probe {
	p := &Probe{HTTP: r.Text(prefix+"http", ""), TCP: r.Text(prefix+"tcp", ""), Log: r.Text(prefix+"log", ""),
		Insecure: r.boolean(prefix+"insecure", false), Status: r.statuses(prefix + "status"),
		Interval: r.seconds(prefix+"interval", 0), Timeout: r.seconds(prefix+"attempt_timeout", 0)}
	if r.has(prefix + "command") {
		words, err := splitCommand(r.Text(prefix+"command", ""))
		switch {
		case err != nil:
			r.problem(prefix+"command", msg.M("%q cannot be split into words: %v", r.Text(prefix+"command", ""), err))
		case len(words) == 0:
			r.problem(prefix+"command", msg.M("the command is missing or empty"))
		}
		p.Command = words
	}
	given := ""
	for _, kind := range []string{"http", "tcp", "command", "log"} {
		if !r.has(prefix + kind) {
			continue
		}
		if given != "" {
			r.problem(prefix+kind, msg.M("give either %s or %s, not both", given, prefix+kind))
			return nil
		}
		given = prefix + kind
	}
	field := r.Text(prefix+"json", "")
	switch {
	case given == "" && (r.has(prefix+"interval") || r.has(prefix+"attempt_timeout")):
		r.problem(prefix+"interval", msg.M("there is no probe; give %shttp, %stcp or %scommand", prefix, prefix, prefix))
		return nil
	case p.HTTP == "" && (field != "" || p.Insecure || len(p.Status) > 0):
		r.problem(prefix+"http", msg.M("%sjson, %sstatus and %sinsecure need %shttp", prefix, prefix, prefix, prefix))
		return nil
	case p.TCP != "":
		if _, port, err := net.SplitHostPort(p.TCP); err != nil || port == "" {
			r.problem(prefix+"tcp", msg.M("%q is not an address such as 127.0.0.1:2023", p.TCP))
			return nil
		}
		return p
	case p.Log != "":
		if _, err := regexp.Compile(p.Log); err != nil {
			r.problem(prefix+"log", msg.M("%q is not a regular expression: %v", p.Log, err))
			return nil
		}
		return p
	case len(p.Command) > 0:
		return p
	case p.HTTP == "":
		return nil
	}
	u, err := url.Parse(p.HTTP)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		r.problem(prefix+"http", msg.M("%q is not an address such as http://127.0.0.1:8090/health", p.HTTP))
		return nil
	}
	if p.Insecure && !Loopback(u.Hostname()) {
		r.problem(prefix+"insecure", msg.M("%q is not on this host; certificates may only be left unverified on loopback", u.Host))
	}
	if field != "" {
		var ok bool
		if p.Field, p.Value, ok = strings.Cut(field, "="); !ok || strings.TrimSpace(p.Field) == "" {
			r.problem(prefix+"json", msg.M("%q is not field=value, such as data.healthy=true", field))
		}
		p.Field, p.Value = strings.TrimSpace(p.Field), strings.TrimSpace(p.Value)
	}
	return p
}

// statuses reads HTTP statuses.
func (r *optionReader) statuses(key string) []int {
	var out []int
	for _, word := range r.list(key) {
		n, err := strconv.Atoi(word)
		if err != nil || n < 100 || n > 599 {
			r.problem(key, msg.M("%q is not an HTTP status from 100 to 599", word))
			continue
		}
		out = append(out, n)
	}
	return out
}

// seconds reads a number of seconds, with decimals if need be.
func (r *optionReader) seconds(key string, missing time.Duration) time.Duration {
	if !r.has(key) {
		return missing
	}
	value := r.Text(key, "1")
	n, err := strconv.ParseFloat(value, 64)
	if err != nil || !(n >= 0.01 && n <= 86400) {
		r.problem(key, msg.M("%q is not a number of seconds from 0.01 to 86400", value))
		return missing
	}
	return time.Duration(n * float64(time.Second))
}

func Loopback(host string) bool {
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
