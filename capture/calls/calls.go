// Package calls turns what was sent to the CM into the calls of a pack.
package calls

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"omsinit/capture/match"
	"omsinit/capture/report"
	"omsinit/capture/secrets"
	"omsinit/capture/source"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
	"omsinit/internal/pattern"
)

// alreadyExists is the CM's code for work that was done before (oms-facts §5).
const alreadyExists = 302

// Reader turns the calls of an installation into templates.
type Reader struct {
	Words   *match.Vocabulary
	Report  *report.Report
	Secrets *secrets.Guard
}

// Calls returns the calls of the pack. Questions that only ask whether the CM is there are left out.
func (r *Reader) Calls() []pack.Call {
	var out []pack.Call
	names := map[string]int{}
	list := r.Words.From.Calls
	answers := answered{}
	for i, e := range list {
		if e.Method == http.MethodGet && strings.Trim(e.Path, "/") == "" || repeated(list, i) {
			continue
		}
		second := r.second(i)
		before := len(r.Report.Findings)
		c := r.call(e, second)
		r.incomplete(e, second, c, answers)
		answers.add(e)
		if slices.ContainsFunc(r.Report.Findings[before:], report.IsCall) {
			continue
		}
		c.Name = strings.Trim(wordBreak().ReplaceAllString(expression().ReplaceAllString(c.Path, ""), "-"), "-")
		if names[c.Name]++; names[c.Name] > 1 {
			c.Name += "-" + strconv.Itoa(names[c.Name])
		}
		out = append(out, c)
	}
	return out
}

// call turns one call into templates.
func (r *Reader) call(e, second source.Exchange) pack.Call {
	c := pack.Call{Method: e.Method, Path: r.path(e, second), Evidence: pack.Observed, Header: r.headers(e, second)}
	query, listed := r.fields(e, e.Query, second.Query)
	if c.Query = query; listed != "" {
		c.Path += "?" + listed
	}
	switch c.Form, listed = r.fields(e, e.Form, second.Form); {
	case listed != "":
		c.Body, c.ContentType = joined(listed, c.Form), e.ContentType
		c.Form = nil
	case len(e.Body) > 0:
		c.Body, c.ContentType = r.body(e, second), e.ContentType
	case e.Method == http.MethodGet, e.Method == http.MethodHead:
		c.Query, c.Form = nil, c.Query // as the documented packs have it
	}
	if e.Took > usualTime {
		c.Timeout = int(math.Ceil((3 * e.Took).Seconds()))
	}
	if c.Done = done(e); !saysSuccess(e.Answer) {
		c.Answer, c.Done = pack.ByStatus, nil
	}
	if e.Status != http.StatusOK && e.Status != 0 {
		c.Status = []int{e.Status}
	}
	return c
}

// usualTime is how long a call may take without being given a time of its own.
const usualTime = 7 * time.Second

// repeated reports whether a call that did not succeed was made again later: of those that wait for something, or try
// again, the last one counts.
func repeated(list []source.Exchange, i int) bool {
	e := list[i]
	if e.Status < 500 && !refused(e.Answer) {
		return false
	}
	return slices.ContainsFunc(list[i+1:], func(later source.Exchange) bool {
		return later.Method == e.Method && later.Path == e.Path && later.Query.Encode() == e.Query.Encode() &&
			later.Form.Encode() == e.Form.Encode() && bytes.Equal(later.Body, e.Body)
	})
}

// expression is one of a template.
var expression = pattern.New(`\{\{[^}]*\}\}`)

// plainHeaders are those that every client sends, and that say nothing to a CM.
var plainHeaders = []string{"Accept", "Accept-Charset", "Accept-Encoding", "Accept-Language", "Cache-Control",
	"Connection",
	"Content-Length", "Content-Type", "Expect", "Host", "If-Modified-Since", "If-None-Match", "Keep-Alive", "Pragma",
	"Proxy-Connection",
	"Te", "Trailer", "Transfer-Encoding", "Upgrade", "Upgrade-Insecure-Requests", "User-Agent", "Via"}

// headers turns the headers that may matter into templates. Cookies are not among them where the CM has set some: those
// are sent back anyway.
func (r *Reader) headers(e, second source.Exchange) map[string]string {
	var out map[string]string
	for _, name := range slices.Sorted(maps.Keys(e.Headers)) {
		if slices.Contains(plainHeaders, name) || name == "Cookie" && r.setsCookie() {
			continue
		}
		var other *string
		if value, ok := second.Headers[name]; ok {
			other = &value
		}
		if out == nil {
			out = map[string]string{}
		}
		out[name] = r.value(finding.Place{File: e.Path, Key: name}, e.Headers[name], other)
	}
	return out
}

func (r *Reader) setsCookie() bool {
	return slices.ContainsFunc(r.Words.From.Calls, func(e source.Exchange) bool { return e.SetsCookie })
}

// incomplete notes what of a call cannot be sent again.
func (r *Reader) incomplete(e, second source.Exchange, c pack.Call, answers answered) {
	note := func(key string, m msg.Message) {
		r.Report.Note(report.Call, finding.Place{File: e.Method + " " + e.Path, Key: key}, m)
	}
	switch {
	case !utf8.Valid(e.Body):
		note("", msg.M("its body is no text (%s) and cannot be sent again", e.ContentType))
	case !pack.IsMethod(e.Method):
		note("", msg.M("its method cannot be sent again"))
	case e.Status >= 500, e.Status >= 300 && e.Method != http.MethodGet && e.Method != http.MethodHead:
		note("", msg.M("the CM answered it with HTTP %d, so that it is not known what it does; record again when the CM accepts it", e.Status))
	}
	within := answers.within(c)
	for _, key := range slices.Sorted(maps.Keys(within)) {
		if place := e.Path + ":" + key; slices.Contains(r.Secrets.Keep, place) {
			r.Report.Note(report.Differs, finding.Place{File: e.Path, Key: key},
				msg.M("the value is kept as it is in the first installation"))
		} else {
			note(key, msg.M("%s is what the CM answered to %s, and another each time, so that it cannot be sent again; where it is the same on every node, --text %s sends it", key, within[key], place))
		}
	}
}

// second returns the same call of the second installation: with the same path, or else the same shape, as often before
// it, or else at the same place. It is empty where it was not recorded.
func (r *Reader) second(i int) source.Exchange {
	if r.Words.Second == nil {
		return source.Exchange{}
	}
	first, second := r.Words.From.Calls, r.Words.Second.Calls
	for _, name := range []func(*source.Installation, source.Exchange) string{
		func(_ *source.Installation, e source.Exchange) string { return e.Method + " " + e.Path }, shape,
	} {
		own := name(r.Words.From, first[i])
		count := 0
		for k, before := range first[:i] {
			if name(r.Words.From, before) == own && !repeated(first, k) {
				count++
			}
		}
		for k, other := range second {
			if name(r.Words.Second, other) != own || repeated(second, k) {
				continue
			}
			if count == 0 {
				return other
			}
			count--
		}
	}
	if len(first) == len(second) && second[i].Method == first[i].Method &&
		strings.Count(second[i].Path, "/") == strings.Count(first[i].Path, "/") {
		return second[i]
	}
	return source.Exchange{}
}

// shape is a call with a star in the place of each part of its path that is a value of its config.yaml.
func shape(i *source.Installation, e source.Exchange) string {
	values := []string{i.HostIP}
	for _, v := range i.Config.Values() {
		switch v := v.(type) {
		case string, int:
			values = append(values, fmt.Sprint(v))
		case []string:
			values = append(values, v...)
		}
	}
	parts := strings.Split(e.Path, "/")
	for n, part := range parts {
		if text, err := url.PathUnescape(part); err == nil && part != "" && slices.Contains(values, text) {
			parts[n] = "*"
		}
	}
	return e.Method + " " + strings.Join(parts, "/")
}

var wordBreak = pattern.New(`[^A-Za-z0-9]+`)
