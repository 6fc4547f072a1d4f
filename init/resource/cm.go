package resource

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"

	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
	"omsinit/internal/pattern"
	"omsinit/internal/registry"
)

const (
	dialTimeout = 5 * time.Second
	// attemptTimeout bounds one request with its answer.
	attemptTimeout = 20 * time.Second
	// maxAnswer bounds an answer; the documented ones have some 100 bytes.
	maxAnswer = 1 << 20
	// maxQuoted is how many characters of an answer an error quotes.
	maxQuoted = 300
)

// client returns the HTTP client. Redirects are not followed: a CM sends none,
// so one comes from something in between, and is named. There is no proxy
// either, whatever the environment says: the CM is on the node's own network.
func (s *Step) client() *http.Client {
	c := http.Client{Timeout: attemptTimeout, Transport: &http.Transport{
		DialContext:         (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSHandshakeTimeout: dialTimeout,
		DisableKeepAlives:   true, // a few requests, minutes apart
		// The documented answers have few and short headers.
		MaxResponseHeaderBytes: 64 << 10,
	}}
	if s.HTTP != nil {
		c = *s.HTTP
	}
	if c.CheckRedirect == nil {
		c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	return &c
}

// waitForCM waits until a CM answers GET / with 200 (oms-facts §5) and returns
// its address: cm_url, or this node's own CM while cm_url does not answer. A
// VIP often comes up only when the node behind it is initialised.
func (s *Step) waitForCM(ctx context.Context) (string, error) {
	client := s.client()
	configured, self := s.Config.CMURL, "http://"+net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Config.CMPort))
	waited := false
	return retry(ctx, s.waitCM(), func(ctx context.Context) (string, error) {
		err := ready(ctx, client, configured)
		if err == nil {
			return configured, nil
		}
		if !registry.SameURL(configured, self) && ready(ctx, client, self) == nil {
			// It may have come up just now, and cm_url is the same CM.
			if ready(ctx, client, configured) == nil {
				return configured, nil
			}
			s.log(msg.M("cm_url %s does not answer (%v), but this node's own CM does, so step 5 talks to %s; see to it that cm_url leads there, such as a VIP that is not up yet",
				configured, err, self))
			return self, nil
		}
		if permanent, ok := errors.AsType[*backoff.PermanentError](err); ok {
			return "", backoff.Permanent(msg.Errorf(
				"cannot talk to the CM at %s: %w; correct cm_url in config.yaml or the certificate there",
				configured, permanent.Err))
		}
		if !waited {
			waited = true
			s.log(msg.M("waiting for the CM at %s: %v", configured, err))
		}
		return "", err
	}, func(last error) error {
		return msg.Errorf("the CM did not answer GET %s/ with 200 within %s, the last answer was: %w; see omsinit status and omsinit logs oms_drc_cm, and whether cm_url in config.yaml is right",
			configured, s.waitCM(), last)
	})
}

// Ready asks once whether a CM answers GET / at an address with 200.
func Ready(ctx context.Context, base string) error {
	err := ready(ctx, (&Step{}).client(), base)
	if permanent, ok := errors.AsType[*backoff.PermanentError](err); ok {
		return permanent.Err
	}
	return err
}

func ready(ctx context.Context, client *http.Client, base string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/", nil)
	if err != nil {
		return backoff.Permanent(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return transportError(err)
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, maxAnswer)
	if resp.StatusCode != http.StatusOK {
		return statusError(resp)
	}
	return nil
}

// call sends one request of the pack and reports whether the CM did something
// new. That the work had been done before is success (oms-facts §5). It is
// tried again for as long as the limit.
func (s *Step) call(ctx context.Context, base string, call pack.Call, limit time.Duration) (isNew bool, err error) {
	request, err := s.Pack.Request(call, pack.Data{Config: s.Config, HostIP: s.HostIP})
	if err != nil {
		return false, err
	}
	client := s.client()
	client.Jar = s.cookies
	if seconds := time.Duration(call.Timeout) * time.Second; seconds > 0 {
		client.Timeout, limit = seconds, max(limit, seconds)
	}
	path, _, _ := strings.Cut(request.Target, "?")
	what := call.Method + " " + base + path
	return retry(ctx, limit, func(ctx context.Context) (bool, error) {
		isNew, err := send(ctx, client, base, request, call)
		if permanent, ok := errors.AsType[*backoff.PermanentError](err); ok {
			return false, backoff.Permanent(msg.Errorf("the CM did not accept %s (%s): %w",
				call.Name, what, permanent.Err))
		}
		return isNew, err
	}, func(last error) error {
		return msg.Errorf("the CM did not answer %s within %s, the last answer was: %w; see omsinit logs oms_drc_cm",
			what, limit.Round(100*time.Millisecond), last)
	})
}

func send(ctx context.Context, client *http.Client, base string, r pack.Request, call pack.Call) (
	isNew bool, err error,
) {
	req, err := http.NewRequestWithContext(ctx, r.Method, base+r.Target, strings.NewReader(r.Body))
	if err != nil {
		return false, backoff.Permanent(err)
	}
	if r.ContentType != "" {
		req.Header.Set("Content-Type", r.ContentType)
	}
	req.Header.Set("Accept", "application/json")
	for name, value := range r.Header {
		req.Header.Set(name, value)
	}
	resp, err := client.Do(req)
	if err != nil {
		return false, transportError(err)
	}
	defer resp.Body.Close()
	accepted := slices.Contains(call.Status, resp.StatusCode)
	switch {
	case accepted:
	case resp.StatusCode >= 500:
		return false, statusError(resp)
	case resp.StatusCode != http.StatusOK:
		return false, backoff.Permanent(statusError(resp))
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return false, msg.Errorf("the answer broke off after %d bytes: %w", len(text), err)
	}
	if len(text) > maxAnswer {
		return false, backoff.Permanent(msg.Errorf("the answer is larger than 1 MiB, so it is not a CM's"))
	}
	if call.Answer == pack.ByStatus {
		if isPage(resp, text) {
			return false, backoff.Permanent(foreignAnswer(resp, text))
		}
		return false, nil
	}
	return judge(resp, text, call.Done)
}

// answer is the CM's convention (oms-facts §5): HTTP status 200, and inside
// whether it worked.
type answer struct {
	IsSuccess *bool           `json:"isSuccess"`
	ErrCode   json.RawMessage `json:"errCode"`
	ErrMsg    string          `json:"errMsg"`
}

func judge(resp *http.Response, text []byte, done []int) (isNew bool, err error) {
	var a answer
	if json.Unmarshal(text, &a) != nil || a.IsSuccess == nil {
		return false, backoff.Permanent(foreignAnswer(resp, text))
	}
	if *a.IsSuccess {
		return len(done) > 0, nil
	}
	code := strings.Trim(string(a.ErrCode), `"`)
	if n, err := strconv.Atoi(code); err == nil && slices.Contains(done, n) {
		return false, nil
	}
	return false, backoff.Permanent(msg.Errorf("errCode %s, errMsg %q; see omsinit logs oms_drc_cm",
		code, msg.Shorten(a.ErrMsg, maxQuoted)))
}

var pageTitle = pattern.New(`(?is)<title[^>]*>(.*?)</title>`)

// foreignAnswer names what answers in the CM's place.
func foreignAnswer(resp *http.Response, text []byte) error {
	server := resp.Header.Get("Server")
	if isPage(resp, text) {
		title := ""
		if m := pageTitle().FindSubmatch(text); m != nil {
			title = strings.TrimSpace(string(m[1]))
		}
		return msg.Errorf("something other than the CM answers, with a web page titled %q (Server: %q); cm_url in config.yaml must lead to the CM's port (cm_server_port), not to the console, and not through a web proxy",
			msg.Shorten(title, maxQuoted), server)
	}
	return msg.Errorf("the answer is not a CM's: %q (Server: %q); cm_url in config.yaml must lead to the CM's port (cm_server_port)",
		msg.Shorten(string(bytes.TrimSpace(text)), maxQuoted), server)
}

// isPage reports whether an answer is a web page.
func isPage(resp *http.Response, text []byte) bool {
	return strings.Contains(resp.Header.Get("Content-Type"), "text/html") ||
		bytes.HasPrefix(bytes.TrimSpace(text), []byte("<"))
}

func statusError(resp *http.Response) error {
	if to := resp.Header.Get("Location"); to != "" {
		return msg.Errorf("HTTP %s to %s (Server: %q); a CM does not redirect, so cm_url leads to something else",
			resp.Status, to, resp.Header.Get("Server"))
	}
	return msg.Errorf("HTTP %s (Server: %q)", resp.Status, resp.Header.Get("Server"))
}

// transportError leaves out the address, which the sentence around it has, and
// which may carry a form. A certificate does not become valid by waiting, nor
// does a service learn TLS.
func transportError(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	var untrusted *tls.CertificateVerificationError
	var plain tls.RecordHeaderError
	switch {
	case errors.As(err, &untrusted):
		return backoff.Permanent(err)
	case errors.As(err, &plain), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return backoff.Permanent(msg.Errorf("cm_url begins with https, and what answers there does not speak TLS (%v)",
			err))
	}
	return err
}

// retry tries again, with growing pauses, until it works, is refused, or the
// time is over. Only the last kind of error is transient; failed makes it.
func retry[T any](ctx context.Context, limit time.Duration,
	try func(context.Context) (T, error), failed func(last error) error,
) (T, error) {
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval = 50*time.Millisecond, 5*time.Second
	var last error
	refused := false
	value, err := backoff.Retry(bounded, func() (T, error) {
		v, err := try(bounded)
		_, refused = errors.AsType[*backoff.PermanentError](err)
		// What the time limit cut off is no answer, if there was one before.
		if err != nil && (last == nil || bounded.Err() == nil) {
			last = err
		}
		return v, err
	}, backoff.WithBackOff(pause), backoff.WithMaxElapsedTime(limit))
	switch {
	case err == nil:
		return value, nil
	case ctx.Err() != nil:
		return value, ctx.Err()
	case refused:
		return value, err
	}
	return value, finding.Transient(failed(last))
}
