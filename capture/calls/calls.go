// Package calls turns what was sent to the CM into the calls of a pack.
package calls

import (
	"bytes"
	"encoding/json"
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
	"omsinit/internal/config"
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
var plainHeaders = []string{"Accept", "Accept-Charset", "Accept-Encoding", "Accept-Language", "Cache-Control", "Connection",
	"Content-Length", "Content-Type", "Expect", "Host", "If-Modified-Since", "If-None-Match", "Keep-Alive", "Pragma", "Proxy-Connection",
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
			r.Report.Note(report.Differs, finding.Place{File: e.Path, Key: key}, msg.M("the value is kept as it is in the first installation"))
		} else {
			note(key, msg.M("%s is what the CM answered to %s, and another each time, so that it cannot be sent again; where it is the same on every node, --text %s sends it", key, within[key], place))
		}
	}
}

// second returns the same call of the second installation; an empty one where it was not recorded. It is the one of the
// second returns the same call of the second installation; an empty one where it was not recorded. It is that of the
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

// path turns the parts of a path into templates, the one before being the name of each.
func (r *Reader) path(e, second source.Exchange) string {
	parts, others := strings.Split(e.Path, "/"), strings.Split(second.Path, "/")
	for i, part := range parts {
		at := finding.Place{File: e.Method + " " + e.Path, Key: parts[max(0, i-1)]}
		var other *string
		if len(others) == len(parts) {
			other = &others[i]
		}
		parts[i] = freeValue().ReplaceAllStringFunc(r.value(at, part, other), func(s string) string {
			if key := freeValue().FindStringSubmatch(s)[1]; match.FreeText(key) {
				return "{{urlpath ." + key + "}}"
			}
			return s
		})
	}
	return strings.Join(parts, "/")
}

// freeValue is a value as it is in config.yaml.
var freeValue = pattern.New(`\{\{\.(\w+)\}\}`)

// fields turns the fields of a query or a form into templates. Those that are sent several times, such as once for each
// node, are not among them: listed is the part of the query or form that they are.
func (r *Reader) fields(e source.Exchange, values, second url.Values) (out map[string]string, listed string) {
	for _, key := range slices.Sorted(maps.Keys(values)) {
		at := finding.Place{File: e.Path, Key: key}
		if len(values[key]) > 1 || len(second[key]) > 1 {
			if listed != "" {
				listed += "&"
			}
			listed += r.several(at, values[key], second[key])
			continue
		}
		var other *string
		if len(second[key]) > 0 {
			other = &second[key][0]
		}
		if out == nil {
			out = map[string]string{}
		}
		out[key] = r.value(at, values.Get(key), other)
	}
	return out, listed
}

// several is a field that is sent several times: once for each node, or as often as in the installation.
func (r *Reader) several(at finding.Place, values, second []string) string {
	name := match.Literal(url.QueryEscape(at.Key), true) + "="
	perNode := slices.Equal(values, r.Words.From.Config.CMNodes)
	if perNode && (second == nil || slices.Equal(second, r.Words.Second.Config.CMNodes)) {
		return "{{range $i, $n := .cm_nodes}}{{if $i}}&{{end}}" + name + "{{urlquery $n}}{{end}}"
	}
	if second != nil && len(values) != len(second) {
		r.differs(at)
	}
	var parts []string
	for i, text := range values {
		var other *string
		if len(values) == len(second) {
			other = &second[i]
		}
		parts = append(parts, name+escaped(r.value(at, text, other)))
	}
	return strings.Join(parts, "&")
}

// joined is a form of fields that are sent several times, and of others.
func joined(listed string, fields map[string]string) string {
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		listed += "&" + match.Literal(url.QueryEscape(key), true) + "=" + escaped(fields[key])
	}
	return listed
}

// escaped is a template of a value as one of a value within a query.
func escaped(template string) string {
	var b strings.Builder
	for len(template) > 0 {
		before, rest, found := strings.Cut(template, "{{")
		b.WriteString(url.QueryEscape(before))
		if !found {
			break
		}
		inner, after, _ := strings.Cut(rest, "}}")
		switch {
		case freeValue().MatchString("{{" + inner + "}}"):
			b.WriteString("{{urlquery " + inner + "}}")
		case strings.HasPrefix(inner, `"`):
			b.WriteString(url.QueryEscape(strings.Trim(inner, `"`)))
		default:
			b.WriteString("{{" + inner + "}}")
		}
		template = after
	}
	return b.String()
}

// differs notes a value that is another in the second installation and that nothing explains: sent as the first one has
// it, it would be wrong in every other. Keep lets it through.
func (r *Reader) differs(at finding.Place) {
	if slices.Contains(r.Secrets.Keep, at.File+":"+at.Key) {
		r.Report.Note(report.Differs, at, msg.M("the value is kept as it is in the first installation"))
		return
	}
	r.Report.Note(report.Call, at, msg.M("%s is another in the second installation, and nothing in config.yaml explains it; --text %s:%s sends it as the first one does", at.Key, at.File, at.Key))
}

// body turns a body that is no form into a template, as a file of its format.
func (r *Reader) body(e, second source.Exchange) string {
	f := &match.File{Path: e.Path, Data: e.Body, Second: second.Body, Format: pack.Plain}
	if strings.Contains(e.ContentType, "json") {
		f.Format = pack.JSON
	}
	f.Explained = r.Words.ExplainFile(f)
	for n, line := range f.Lines {
		for _, s := range line {
			at := finding.Place{File: e.Path, Line: f.Items[n].Line, Key: s.Key}
			switch {
			case len(s.Unsure) > 0:
				r.may(report.Text, at, match.Expressions(s.Unsure))
			case s.Value != nil:
				r.may(report.Likely, at, s.Rivals())
			}
		}
	}
	for _, n := range f.Differs {
		r.differs(finding.Place{File: e.Path, Key: keyOf(f, n)})
	}
	if len(f.Extra) > 0 {
		r.differs(finding.Place{File: e.Path, Key: "body"})
	}
	template := string(f.Explained.Template())
	for _, line := range strings.Split(template, "\n") {
		for _, sp := range match.Spans(f.Format, line) {
			if match.NamesSecret(sp.Key) && match.LooksLikeSecret(line[sp.Start:sp.End]) {
				r.Secrets.Sounds(finding.Place{File: e.Path, Key: sp.Key}, second.Body != nil, len(f.Differs) > 0)
			}
		}
	}
	return template
}

// may notes what a value of a call may come from, if anything.
func (r *Reader) may(kind report.Kind, at finding.Place, others []string) {
	if len(others) > 0 {
		r.Report.NoteCandidates(kind, at, msg.M("%s of the call may come from %s", at.Key, msg.List(others)), "", others)
	}
}

var wordBreak = pattern.New(`[^A-Za-z0-9]+`)

// verdict is what the CM says of a call (oms-facts §5).
type verdict struct {
	IsSuccess *bool           `json:"isSuccess"`
	ErrCode   json.RawMessage `json:"errCode"`
}

// saysSuccess reports whether an answer says whether the call succeeded. One that was not recorded does.
func saysSuccess(answer []byte) bool {
	var v verdict
	return answer == nil || json.Unmarshal(answer, &v) == nil && v.IsSuccess != nil
}

func refused(answer []byte) bool {
	var v verdict
	return json.Unmarshal(answer, &v) == nil && v.IsSuccess != nil && !*v.IsSuccess
}

// done are the codes that count as success: the documented one, and the one
// that this call was answered with although the old step went on.
func done(e source.Exchange) []int {
	codes := []int{alreadyExists}
	var v verdict
	if refused(e.Answer) && json.Unmarshal(e.Answer, &v) == nil {
		if n, err := strconv.Atoi(strings.Trim(string(v.ErrCode), `"`)); err == nil && n != alreadyExists {
			codes = append(codes, n)
		}
	}
	return codes
}

// answered are the texts that the CM has answered with, and to what, but for those that it was told before.
type answered map[string]string

const (
	// shortestToken is the length from which on a text of an answer is told from a word, and shortestPart that from
	// which on it counts within another text, too.
	shortestToken = 8
	shortestPart  = 16
	// longestAnswer is that of an answer that is nothing but an id.
	longestAnswer = 64
)

func (a answered) add(e source.Exchange) {
	from := e.Method + " " + e.Path
	sent := e.Path + "\n" + e.Query.Encode() + "\n" + e.Form.Encode() + "\n" + string(e.Body)
	token := func(key, text string) {
		told := slices.Contains(tokens().FindAllString(sent, -1), text)
		if isID(key) && !told && !usualAnswer(text) && tokens().FindString(text) == text {
			a[idMark+text] = from
		}
		told = strings.Contains(sent, text) || strings.Contains(sent, url.QueryEscape(text))
		if len(text) >= shortestToken && !told {
			a[text] = from
		}
	}
	var value any
	if json.Unmarshal(e.Answer, &value) != nil {
		if text := strings.TrimSpace(string(e.Answer)); len(text) <= longestAnswer {
			token("id", text)
		}
		return
	}
	var look func(string, any)
	look = func(key string, value any) {
		switch v := value.(type) {
		case float64:
			if isID(key) {
				token(key, strconv.FormatFloat(v, 'f', -1, 64))
			}
		case string:
			token(key, v)
		case []any:
			for _, x := range v {
				look(key, x)
			}
		case map[string]any:
			for name, x := range v {
				look(name, x)
			}
		}
	}
	look("id", value)
}

// usualAnswer reports whether an answer is a word that says how a call went.
func usualAnswer(text string) bool {
	return slices.Contains([]string{"", "ok", "success", "created", "true", "false", "done"}, strings.ToLower(text))
}

// idMark tells ids, which may be short, from other texts.
const idMark = "\x00"

var (
	// tokens are what ids are made of.
	tokens = pattern.New(`[\w.-]+`)
	// idMember is a member of a JSON object with a text, a number, or a list of those; idField is a field of a form.
	idMember = pattern.New(`"(\w+)"\s*:\s*("[^"]*"|\[[^\[\]{}]*\]|[\w.-]+)`)
	idField  = pattern.New(`(?:^|[?&])([\w.-]+)=([^&]*)`)
)

// isID reports whether a field is named like the id of something that the CM has made.
func isID(key string) bool {
	key = strings.ToLower(key)
	return key == "data" || strings.HasSuffix(key, "id") || strings.HasSuffix(key, "ids")
}

// isIDOf reports whether a field is named like an id, or like what a call made: group, for what /resource/group/create
// has answered.
func isIDOf(key, from string) bool {
	return isID(key) || slices.Contains(match.Words(from), strings.ToLower(key))
}

// within are the fields of a call that have an answer as their value, with what it was the answer to.
func (a answered) within(c pack.Call) map[string]string {
	out := map[string]string{}
	path, query, _ := strings.Cut(c.Path, "?")
	for text, from := range a {
		text, id := strings.CutPrefix(text, idMark)
		is := func(key, value string) {
			literal := expression().ReplaceAllString(value, "")
			if id && isIDOf(key, from) && slices.Contains(tokens().FindAllString(literal, -1), text) {
				out[key] = from
			}
		}
		long := len(text) >= shortestPart
		for _, fields := range []map[string]string{c.Query, c.Form, c.Header} {
			for key, value := range fields {
				is(key, value)
				if !id && (strings.HasSuffix(value, text) || long && strings.Contains(value, text)) {
					out[key] = from
				}
			}
		}
		for _, m := range idMember().FindAllStringSubmatch(c.Body, -1) {
			is(m[1], m[2])
		}
		for _, fields := range []string{query, c.Body} {
			for _, m := range idField().FindAllStringSubmatch(fields, -1) {
				is(m[1], m[2])
			}
		}
		if slices.Contains(strings.Split(path, "/"), url.PathEscape(text)) || !id && path == text {
			out["path"] = from
		}
		if !id && (strings.Contains(c.Body, `"`+text+`"`) || strings.Contains(c.Body, "="+url.QueryEscape(text)) ||
			long && strings.Contains(c.Body, text)) {
			out["body"] = from
		}
	}
	return out
}

// value turns one value of a form into a template.
func (r *Reader) value(at finding.Place, text string, second *string) string {
	l := match.Line{A: text, Parent: strings.ReplaceAll(at.File, "/", " "),
		Spans: []match.Span{{Key: at.Key, Start: 0, End: len(text)}}}
	if second != nil {
		l.B = *second
	}
	segments, differs := r.Words.ExplainValue(pack.Plain, "", l, second != nil)
	if differs {
		r.differs(at)
	}
	out := string(match.Explained{Lines: [][]match.Segment{segments}}.Template())
	for _, s := range segments {
		switch {
		case len(s.Unsure) > 0:
			r.may(report.Text, at, match.Expressions(s.Unsure))
		case s.Value != nil:
			r.may(report.Likely, at, s.Rivals())
		case second == nil && s.Text == text:
			r.may(report.Text, at, wholeValues(r.Words.Known(pack.Plain, pack.Standard), text))
		}
	}
	if config.SoundsSecret(at.Key) && match.LooksLikeSecret(out) {
		r.Secrets.Sounds(at, second != nil, differs)
	}
	return out
}

// keyOf names the place of a line in a body.
func keyOf(f *match.File, n int) string {
	if spans := match.Spans(f.Format, f.Items[n].Text); len(spans) > 0 && spans[0].Key != "" {
		return spans[0].Key
	}
	return "body"
}

// wholeValues are the keys whose value a text is.
func wholeValues(values []match.Value, text string) []string {
	var out []*match.Value
	for i := range values {
		if v := &values[i]; v.A == text && v.Tier == 0 && !v.Secret {
			out = append(out, v)
		}
	}
	return match.Expressions(out)
}
