package page

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html"
	"slices"
	"strings"
	"sync"

	"omsinit/internal/msg"
	"omsinit/supervise/api"
)

// layout is the whole page, with marks for what is in it.
//
//go:embed page.html
var layout string

// policy lets the page run what is embedded here, and nothing else.
var policy = sync.OnceValue(func() string {
	return "default-src 'none'; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'" +
		"; style-src 'sha256-" + digest("style") + "'; script-src 'sha256-" + digest("script") + "'"
})

// digest is that of the text of an element.
func digest(element string) string {
	_, text, _ := strings.Cut(layout, "<"+element+">")
	text, _, _ = strings.Cut(text, "</"+element+">")
	sum := sha256.Sum256([]byte(text))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// document returns the page.
func document(v view) string {
	other, name := msg.Chinese, "中文"
	if v.lang == msg.Chinese {
		other, name = msg.English, "English"
	}
	footer := msg.M("This page is of omsinit and only shows. The same in a terminal: %s",
		"docker exec CONTAINER omsinit status")
	return strings.NewReplacer(
		"{{lang}}", string(v.lang), "{{title}}", v.text(v.headline()), "{{main}}", body(v),
		"{{footer}}", v.text(footer), "{{other}}", string(other), "{{otherName}}", name,
	).Replace(layout)
}

// text returns a message as HTML.
func (v view) text(m msg.Message) string { return html.EscapeString(m.In(v.lang)) }

// headline returns how far the node is, in a few words.
func (v view) headline() msg.Message {
	setup := v.status.Setup
	switch {
	case v.status.Stopping:
		return msg.M("OMS is being stopped")
	case setup == nil:
		return msg.M("OMS is supervised")
	}
	switch setup.State {
	case api.SetupRunning:
		return msg.M("OMS is being initialised")
	case api.SetupRetrying:
		return msg.M("The initialisation of OMS has failed and is tried again")
	case api.SetupWaiting:
		return msg.M("The initialisation of OMS has failed and waits for a person")
	case api.SetupDone:
		for _, p := range v.status.Programs {
			if p.State == api.Fatal.String() {
				return msg.M("%s is FATAL; why: docker exec CONTAINER omsinit doctor", p.Name)
			}
		}
		return msg.M("OMS is initialised; the console is opened here as soon as it answers")
	}
	return msg.M("OMS is about to be initialised")
}

// body returns what changes in the page.
func body(v view) string {
	var b strings.Builder
	put := func(parts ...string) {
		for _, part := range parts {
			b.WriteString(part)
		}
	}
	put("<h1>", v.text(v.headline()), "</h1>")
	urgent := false // what is wrong comes first, what is only to be looked at last
	if s := v.status.Setup; s != nil {
		urgent = slices.ContainsFunc(s.Findings, api.Finding.IsError)
		v.outcome(s, put)
		if urgent {
			v.findings(s, put)
		}
		v.steps(s, put)
	}
	if len(v.status.Programs) > 0 {
		put("<h2>", v.text(msg.M("Programs")), "</h2><table id=\"programs\">")
		for _, p := range v.status.Programs {
			v.program(p, put)
		}
		put("</table>")
	}
	if s := v.status.Setup; s != nil && !urgent {
		v.findings(s, put)
	}
	return b.String()
}

// outcome writes what has become of the setup task, and what comes next.
func (v view) outcome(s *api.SetupStatus, put func(...string)) {
	if s.State == api.SetupRetrying && s.NextTry != nil {
		put("<p>", v.text(msg.M("Attempt %d; the next one in %s", s.Attempt, api.Took(max(0, s.NextTry.Sub(v.now))))),
			"</p>")
	}
	if s.State == api.SetupWaiting && !v.hint.IsZero() {
		put("<p>", v.text(v.hint), "</p>")
	}
	if failed := s.State == api.SetupRetrying || s.State == api.SetupWaiting; failed && !s.Message.IsZero() {
		put("<p id=\"reason\" class=\"bad\">", html.EscapeString(s.Message.In(v.lang)), "</p>")
	}
}

func (v view) steps(s *api.SetupStatus, put func(...string)) {
	if len(s.Steps) > 0 {
		put("<h2>", v.text(msg.M("Steps")), "</h2><ol id=\"steps\">")
		for _, step := range s.Steps {
			v.step(s, step, put)
		}
		put("</ol>")
	}
}

func (v view) findings(s *api.SetupStatus, put func(...string)) {
	if len(s.Findings) > 0 {
		put("<h2>", v.text(msg.M("Findings")), "</h2><ul id=\"findings\">")
		for _, f := range s.Findings {
			v.finding(f, put)
		}
		put("</ul>")
	}
}

// signs are how the states of a step look.
var signs = map[string][2]string{
	"": {"soft", "○"}, api.SetupRunning: {"now", "●"}, api.SetupDone: {"good", "✓"}, api.SetupFailed: {"bad", "✗"},
}

func (v view) step(s *api.SetupStatus, step api.SetupStep, put func(...string)) {
	sign := signs[step.State]
	put("<li data-step=\"", html.EscapeString(step.Name), "\" data-state=\"", html.EscapeString(step.State),
		"\"><b class=\"", sign[0],
		"\" aria-hidden=\"true\">", sign[1], "</b><span class=\"time\">", v.text(step.Word()), " ",
		api.Took(step.Took(v.now)), "</span>",
		html.EscapeString(step.Title.In(v.lang)))
	if step.State == api.SetupRunning {
		for _, doing := range s.Doing {
			put("<div class=\"doing\">", html.EscapeString(strings.TrimSpace(doing.In(v.lang))), "</div>")
		}
	}
	put("</li>")
}

func (v view) finding(f api.Finding, put func(...string)) {
	class := "warn"
	if f.IsError() {
		class = "bad"
	}
	put("<li data-id=\"", html.EscapeString(f.ID), "\"><b class=\"", class, "\">", v.text(f.Word()), "</b><code>",
		html.EscapeString(f.ID), "</code>")
	if f.Place != "" {
		put("<div><code>", html.EscapeString(f.Place), "</code></div>")
	}
	put("<div>", html.EscapeString(f.Message.In(v.lang)), "</div>")
	if !f.Fix.IsZero() {
		put("<div class=\"soft\">", v.text(msg.M("fix: %v", f.Fix)), "</div>")
	}
	put("</li>")
}

func (v view) program(p api.ProgramStatus, put func(...string)) {
	class, ready := "soft", ""
	if p.Ready || p.Stale {
		ready = p.Readiness(v.lang)
	}
	switch {
	case p.Ready:
		class = "good"
	case p.State == api.Fatal.String() || p.State == api.Backoff.String():
		class = "bad"
	case p.State == api.Starting.String() || p.State == api.Running.String():
		class = "now"
	}
	put("<tr data-program=\"", html.EscapeString(p.Name), "\" data-state=\"", p.State, "\"><th>",
		html.EscapeString(p.Name),
		"</th><td class=\"", class, "\">", p.State, "</td><td>", html.EscapeString(ready), "</td><td class=\"soft\">",
		html.EscapeString(p.Description(v.lang, v.now)), "</td></tr>")
}
