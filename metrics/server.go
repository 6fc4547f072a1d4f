package metrics

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"
	"unicode"

	client "github.com/influxdata/influxdb1-client/v2"

	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
)

const (
	requestTimeout = 5 * time.Second
	// answerLimit bounds what is read of an answer. Ours are short.
	answerLimit = 1 << 20
	ceresDB     = "CERESDB"
)

// server is the HTTP interface of the TSDB: InfluxDB 1.x, or CERESDB, which
// takes line protocol and queries below /influxdb/v1 (HoraeDB's documentation,
// ecosystem/influxdb). The requests are not those of influxdb1-client: it reads
// answers without a bound, follows redirects, and takes the page of a proxy for
// a write that was accepted.
type server struct {
	address  string // as tsdb_url has it
	base     string
	user     string
	password config.Secret
	ceres    bool
	http     http.Client
}

// dial makes a server. It connects at the first request.
func dial(cfg *config.Config) (*server, error) {
	s := &server{address: cfg.TSDBURL, base: "http://" + cfg.TSDBURL, user: cfg.TSDBUsername,
		password: cfg.TSDBPassword, ceres: cfg.TSDBService == ceresDB}
	if u, err := url.Parse(s.base); err != nil || u.Host != cfg.TSDBURL || u.Hostname() == "" {
		return nil, msg.Errorf("tsdb_url %q is not an address of the form host:port", cfg.TSDBURL)
	}
	if s.ceres {
		s.base += "/influxdb/v1"
	}
	s.http = http.Client{
		// No proxy of the environment: the TSDB is reached as config.yaml says.
		Transport: &http.Transport{
			DialContext:     (&net.Dialer{Timeout: requestTimeout}).DialContext,
			MaxConnsPerHost: 2, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return s, nil
}

func (s *server) close() { s.http.CloseIdleConnections() }

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// request sends one request. What is no answer of a TSDB comes back as an
// error, a *refusal where the TSDB itself said no.
func (s *server) request(
	ctx context.Context, method, path string, values url.Values, encoding string, body []byte,
) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	address := s.base + path
	if len(values) > 0 {
		address += "?" + values.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, msg.Errorf("tsdb_url %q is not an address of the form host:port", s.address)
	}
	req.Header.Set("User-Agent", "omsinit")
	if encoding != "" {
		req.Header.Set("Content-Encoding", encoding)
	}
	if s.user != "" {
		req.SetBasicAuth(s.user, s.password.Reveal())
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return nil, s.unreachable(err)
	}
	defer resp.Body.Close()
	a := &answer{status: resp.StatusCode, header: resp.Header}
	if a.body, err = io.ReadAll(io.LimitReader(resp.Body, answerLimit)); err != nil {
		return nil, s.unreachable(err)
	}
	return a, s.judge(a)
}

// unreachable words an error of the network. All may go away by themselves but
// another protocol.
func (s *server) unreachable(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	var timeout net.Error
	switch {
	case errors.Is(err, context.Canceled):
		return finding.Transient(err)
	case errors.As(err, &timeout) && timeout.Timeout():
		return finding.Transient(msg.Errorf("the time-series database at tsdb_url %s gives no whole answer in time; see whether it is overloaded, or whether a firewall drops the packets", s.address))
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET),
		errors.Is(err, syscall.EPIPE), strings.Contains(err.Error(), "server closed idle connection"):
		return finding.Transient(msg.Errorf("the time-series database at tsdb_url %s breaks its answer off", s.address))
	// it spoke first, as sshd and MySQL do
	case strings.Contains(err.Error(), "malformed"), strings.Contains(err.Error(), "readLoopPeekFail"):
		return msg.Errorf("what answers at tsdb_url %s does not speak HTTP; the documented port of the time-series database is 8086", s.address)
	}
	return finding.Transient(msg.Errorf("cannot reach the time-series database at tsdb_url %s: %w", s.address, err))
}

// refusal is an answer that is no success, with its HTTP status.
type refusal struct {
	error
	status int
}

func (r *refusal) Unwrap() error { return r.error }

// judge finds out who answered, and what.
func (s *server) judge(a *answer) error {
	text := strings.TrimSpace(string(a.body))
	lower := strings.ToLower(text)
	version := a.header.Get("X-Influxdb-Version")
	page := strings.Contains(lower, "<html") || strings.Contains(lower, "<!doctype")
	refuse := func(err error) error {
		if a.status >= 500 {
			err = finding.Transient(err)
		}
		return &refusal{err, a.status}
	}
	switch {
	case version != "" && !strings.HasPrefix(strings.TrimPrefix(version, "v"), "1."):
		return msg.Errorf("the time-series database at tsdb_url %s is InfluxDB %s; OMS needs InfluxDB 1.8", s.address,
			shorten(version))
	case version == "" && a.status == http.StatusUnauthorized && strings.Contains(lower, `"code":"unauthorized"`):
		return msg.Errorf("the time-series database at tsdb_url %s is InfluxDB %s; OMS needs InfluxDB 1.8",
			s.address, "2.x")
	case page:
		return refuse(msg.Errorf("what answers at tsdb_url %s is a web page, not InfluxDB 1.x", s.address))
	case a.status >= 300 && a.status < 400:
		return msg.Errorf("what answers at tsdb_url %s sends elsewhere, to %s; it is not InfluxDB 1.x", s.address,
			shorten(a.header.Get("Location")))
	case a.status == http.StatusUnauthorized, a.status == http.StatusForbidden:
		return refuse(msg.Errorf(
			"the time-series database at tsdb_url %s refuses tsdb_username %q with the configured tsdb_password: %s", s.address, s.user, shorten(reason(a.body))))
	case a.status < 200 || a.status >= 300:
		return refuse(msg.Errorf("the time-series database at tsdb_url %s answered with status %d: %s", s.address,
			a.status, shorten(reason(a.body))))
	}
	return nil
}

// reason is the error within a JSON answer, or the whole of it.
func reason(body []byte) string {
	var said struct {
		Error   string `json:"error"`
		Message string `json:"message"`
	}
	_ = json.Unmarshal(body, &said) // else it is no JSON, and quoted as it is
	return cmp.Or(said.Error, said.Message, strings.TrimSpace(string(body)), "-")
}

// ping returns the version of the server. CERESDB has no /ping.
func (s *server) ping(ctx context.Context) (version string, err error) {
	a, err := s.request(ctx, http.MethodGet, "/ping", nil, "", nil)
	if err != nil {
		return "", err
	}
	version = a.header.Get("X-Influxdb-Version")
	if version == "" {
		return "", msg.Errorf("the time-series database at tsdb_url %s does not answer as InfluxDB 1.x does: %s",
			s.address, shorten(string(a.body)))
	}
	return strings.TrimPrefix(version, "v"), nil
}

// query reads. A refusal may come with status 200.
func (s *server) query(ctx context.Context, statement string) (*client.Response, error) {
	return s.run(ctx, http.MethodGet, statement)
}

// command changes something.
func (s *server) command(ctx context.Context, statement string) error {
	_, err := s.run(ctx, http.MethodPost, statement)
	return err
}

func (s *server) run(ctx context.Context, method, statement string) (*client.Response, error) {
	a, err := s.request(ctx, method, "/query", url.Values{"q": {statement}, "epoch": {"ms"}}, "", nil)
	if err != nil {
		return nil, err
	}
	var resp client.Response
	dec := json.NewDecoder(bytes.NewReader(a.body))
	dec.UseNumber()
	if err := dec.Decode(&resp); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, finding.Transient(msg.Errorf("the time-series database at tsdb_url %s breaks its answer off",
				s.address))
		}
		return nil, msg.Errorf("the time-series database at tsdb_url %s does not answer as InfluxDB 1.x does: %s",
			s.address, shorten(string(a.body)))
	}
	if err := resp.Error(); err != nil {
		status := http.StatusBadRequest
		if lower := strings.ToLower(err.Error()); strings.Contains(lower, "authoriz") ||
			strings.Contains(lower, "authenticat") {
			return nil, &refusal{msg.Errorf("the time-series database at tsdb_url %s refuses tsdb_username %q with the configured tsdb_password: %s", s.address, s.user, shorten(err.Error())), http.StatusForbidden}
		}
		return nil, &refusal{msg.Errorf("the time-series database at tsdb_url %s refuses %q: %s", s.address, statement,
			shorten(err.Error())), status}
	}
	return &resp, nil
}

// write sends points in line protocol, with times in milliseconds: CERESDB
// knows no other unit, and neither a database nor gzip.
func (s *server) write(ctx context.Context, to place, lines []byte, encoding string) error {
	values := url.Values{"precision": {"ms"}}
	if !s.ceres {
		values.Set("db", to.database)
		values.Set("rp", to.policy)
	}
	a, err := s.request(ctx, http.MethodPost, "/write", values, encoding, lines)
	if err == nil && a.status != http.StatusNoContent && !s.ceres {
		return msg.Errorf("the time-series database at tsdb_url %s does not answer as InfluxDB 1.x does: %s", s.address,
			shorten(string(a.body)))
	}
	return err
}

// place is where points go.
type place struct{ database, policy string }

// names are the values of the first column that an answer to SHOW … has.
func names(resp *client.Response) []string {
	var out []string
	for _, result := range resp.Results {
		for _, series := range result.Series {
			for _, row := range series.Values {
				if len(row) > 0 {
					if name, ok := row[0].(string); ok {
						out = append(out, name)
					}
				}
			}
		}
	}
	return out
}

// shorten keeps a foreign server's answer to one line of bearable length.
func shorten(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?' // a terminal would act upon it
	}, strings.Join(strings.Fields(strings.ToValidUTF8(s, "?")), " "))
	if r := []rune(s); len(r) > 200 {
		return string(r[:200]) + "…"
	}
	return s
}
