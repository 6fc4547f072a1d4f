package check

import (
	"strings"

	"omsinit/internal/msg"
)

// jsonVersion is the version of the shape below, which only ever grows
// (docs/check.md).
const jsonVersion = 1

type jsonReport struct {
	Version  int         `json:"version"`
	Status   string      `json:"status"` // passed, warning, failed
	Config   string      `json:"config"`
	Release  string      `json:"release,omitempty"`
	Errors   int         `json:"errors"`
	Warnings int         `json:"warnings"`
	Passing  bool        `json:"passing"` // every error may go away by itself
	Checks   []jsonCheck `json:"checks"`
}

type jsonCheck struct {
	ID       string         `json:"id"`
	Category string         `json:"category"`
	Title    string         `json:"title"`
	Status   string         `json:"status"` // passed, warning, failed, skipped
	Because  []string       `json:"skipped_because,omitempty"`
	Facts    map[string]any `json:"facts,omitempty"`
	Findings []jsonFinding  `json:"findings"`
}

type jsonFinding struct {
	ID       string         `json:"id"`
	Severity Severity       `json:"severity"`
	Ignored  bool           `json:"ignored,omitempty"`
	Passing  bool           `json:"passing,omitempty"`
	Message  string         `json:"message"`
	Cause    string         `json:"cause,omitempty"`
	Fix      string         `json:"fix,omitempty"`
	Facts    map[string]any `json:"facts,omitempty"`
}

// JSON returns the JSON form of the report, with its texts in the language.
func (r Report) JSON(lang msg.Lang) any {
	r.giveCauses(func(Finding) bool { return true })
	errs := r.Errors()
	out := jsonReport{Version: jsonVersion, Status: "passed", Config: r.ConfigFile, Release: r.Release, Errors: len(errs), Warnings: len(r.having(Warning)), Checks: []jsonCheck{}}
	switch {
	case out.Errors > 0:
		out.Status, out.Passing = "failed", true
	case out.Warnings > 0:
		out.Status = "warning"
	}
	for _, f := range errs {
		out.Passing = out.Passing && f.Passing
	}
	for _, result := range r.Results {
		c := jsonCheck{ID: result.ID, Category: result.Category, Title: result.Title.In(lang), Status: strings.ToLower(result.Status()),
			Because: result.SkippedBecause, Facts: object(result.Facts), Findings: []jsonFinding{}}
		for _, f := range result.Findings {
			c.Findings = append(c.Findings, jsonFinding{ID: f.ID, Severity: f.Severity, Ignored: f.Ignored, Passing: f.Passing,
				Message: f.Message.In(lang), Cause: f.Cause.In(lang), Fix: f.Fix.In(lang), Facts: object(f.Facts)})
		}
		out.Checks = append(out.Checks, c)
	}
	return out
}

func object(facts []Fact) map[string]any {
	m := map[string]any{}
	for _, f := range facts {
		m[f.Name] = f.Value
	}
	return m
}
