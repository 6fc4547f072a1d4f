package pack

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"text/template"

	"omsinit/internal/msg"
	"omsinit/internal/pattern"
)

// Request is a call with the values of a node.
type Request struct {
	Method string
	Target string // path and query
	// ContentType is that of Body; empty where there is none, or where it is not said.
	ContentType string
	Body        string
	Header      map[string]string
}

// callTemplates are the templates of one call.
type callTemplates struct {
	path, body          *template.Template // body is nil where there is none
	query, form, header map[string]*template.Template
}

// IsMethod reports whether a word may be the method of a call.
func IsMethod(word string) bool {
	return word != "" && !strings.ContainsFunc(word, func(r rune) bool { return r < 'A' || r > 'Z' })
}

// headerName is what a header may be called. What belongs to the connection is not the pack's.
var headerName = pattern.New(`^[A-Za-z0-9!#$%&'*+.^_|~-]+$`)

var connectionHeaders = []string{"Host", "Content-Length", "Content-Type", "Connection", "Transfer-Encoding", "Upgrade",
	"Te", "Trailer"}

// mostSeconds bounds how long an attempt may take.
const mostSeconds = 3600

const formType = "application/x-www-form-urlencoded"

// Script is the image's own step 5, the last resort: what it does cannot be planned, compared or masked, and it may not
// stand a second run.
type Script struct {
	// Command is run by sh -c, as the user of omsinit, before the requests. It reads config.yaml itself.
	Command string `yaml:"command"`
	// Timeout is in seconds; 0 means 600.
	Timeout int `yaml:"timeout,omitempty"`
}

func (c *checker) script(s *Script) {
	switch {
	case s == nil:
	case strings.TrimSpace(s.Command) == "":
		c.fail(msg.M("the script has no command"), "script")
	case s.Timeout < 0 || s.Timeout > mostSeconds:
		c.fail(msg.M("timeout is %d; it is a number of seconds up to %d", s.Timeout, mostSeconds), "script", "timeout")
	}
}

func (c *checker) calls(calls []Call) {
	for i, call := range calls {
		if _, again := c.pack.calls[call.Name]; again || call.Name == "" {
			c.fail(msg.M("the name %q stands in the list twice, or is empty", call.Name), "calls", i, "name")
		}
		c.evidence(call.Evidence, "calls", i)
		if !IsMethod(call.Method) {
			c.fail(msg.M("method is %q; it is a word such as GET, POST or PUT", call.Method), "calls", i, "method")
		}
		for _, name := range slices.Sorted(maps.Keys(call.Header)) {
			if !headerName().MatchString(name) || slices.Contains(connectionHeaders, http.CanonicalHeaderKey(name)) {
				c.fail(msg.M("%q is no header that a call may have", name), "calls", i, "header", name)
			}
		}
		if call.Timeout < 0 || call.Timeout > mostSeconds {
			c.fail(msg.M("timeout is %d; it is a number of seconds up to %d", call.Timeout, mostSeconds), "calls",
				i, "timeout")
		}
		if call.Answer != ByField && call.Answer != ByStatus {
			c.fail(msg.M("answer is %q; it is %s, or left out", call.Answer, ByStatus), "calls", i, "answer")
		}
		if !strings.HasPrefix(call.Path, "/") {
			c.fail(msg.M("path is %q; it must start with a slash", call.Path), "calls", i, "path")
		}
		if call.Body != "" && len(call.Form) > 0 {
			c.fail(msg.M("a call has body or form, not both"), "calls", i, "body")
		}
		parse := func(text string, format Format, at ...any) *template.Template {
			place := fmt.Sprintf("%s:%d", c.place, line(c.root, append([]any{"calls", i}, at...)))
			t, _, err := parseTemplate(place, text, format, Standard, c.keys)
			if err != nil && c.err == nil {
				c.err = err
			}
			return t
		}
		all := func(field string, values map[string]string) map[string]*template.Template {
			out := map[string]*template.Template{}
			for key, text := range values {
				out[key] = parse(text, Plain, field, key)
			}
			return out
		}
		t := callTemplates{path: parse(call.Path, Plain, "path"), query: all("query", call.Query),
			form:   all("form", call.Form),
			header: all("header", call.Header)}
		if call.Body != "" {
			format := Plain
			if strings.Contains(call.ContentType, "json") {
				format = JSON
			}
			t.body = parse(call.Body, format, "body")
		}
		c.pack.calls[call.Name] = t
	}
}

// Request fills in a call to the CM.
func (p *Pack) Request(c Call, d Data) (Request, error) {
	t := p.calls[c.Name]
	var failed error
	fill := func(field string, t *template.Template) string {
		text, err := render(t, d, p.Release, nil)
		if err != nil && failed == nil {
			failed = msg.Errorf("cannot fill in %s of the CM call %s: %w", field, c.Name, err)
		}
		return text
	}
	values := func(templates map[string]*template.Template) url.Values {
		out := url.Values{}
		for _, key := range slices.Sorted(maps.Keys(templates)) {
			out.Set(key, fill(key, templates[key]))
		}
		return out
	}
	r := Request{Method: c.Method, Target: fill("path", t.path)}
	query, form := values(t.query), values(t.form)
	for _, name := range slices.Sorted(maps.Keys(t.header)) {
		if r.Header == nil {
			r.Header = map[string]string{}
		}
		r.Header[name] = fill(name, t.header[name])
	}
	switch {
	case t.body != nil:
		r.Body, r.ContentType = fill("body", t.body), c.ContentType
	case c.Method == http.MethodGet, c.Method == http.MethodHead:
		for key := range form {
			query.Set(key, form.Get(key))
		}
	default:
		r.Body, r.ContentType = form.Encode(), formType
	}
	if len(query) > 0 {
		mark := "?"
		if strings.Contains(r.Target, "?") { // of a path with fields that are sent several times
			mark = "&"
		}
		r.Target += mark + query.Encode()
	}
	return r, failed
}
