package check

import (
	"strings"

	"omsinit/internal/finding"
	"omsinit/internal/msg"
)

// jsonVersion is the version of the shape below, which only ever grows (docs/check.md).
const jsonVersion = 1

type jsonReport struct {
	Version  int    `json:"version"`
	Status   string `json:"status"` // passed, warning, failed
	Config   string `json:"config"`
	Release  string `json:"release,omitempty"`
	Errors   int    `json:"errors"`
	Warnings int    `json:"warnings"`
	// Every error may go away by itself. Passing is the name that Transient had first.
	Transient bool        `json:"transient"`
	Passing   bool        `json:"passing"`
	Checks    []jsonCheck `json:"checks"`
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
	ID        string           `json:"id"`
	Severity  finding.Severity `json:"severity"`
	Ignored   bool             `json:"ignored,omitempty"`
	Transient bool             `json:"transient,omitempty"`
	Passing   bool             `json:"passing,omitempty"` // as Transient
	Message   string           `json:"message"`
	Cause     string           `json:"cause,omitempty"`
	Fix       string           `json:"fix,omitempty"`
	Facts     map[string]any   `json:"facts,omitempty"`
}

// JSON returns the JSON form of the report, with its texts in the language.
func (r Report) JSON(lang msg.Lang) any {
	transient := r.transient()
	out := jsonReport{
		Version: jsonVersion, Status: "passed", Config: r.ConfigFile, Release: r.Release,
		Errors: len(r.Errors()), Warnings: len(r.having(finding.Warning)),
		Transient: transient, Passing: transient, Checks: []jsonCheck{},
	}
	switch {
	case out.Errors > 0:
		out.Status = "failed"
	case out.Warnings > 0:
		out.Status = "warning"
	}
	for _, result := range r.Results {
		c := jsonCheck{
			ID: result.ID, Category: result.Category(), Title: result.Title.In(lang),
			Status: strings.ToLower(result.Status()), Because: result.SkippedBecause,
			Facts: finding.Facts(result.Facts), Findings: []jsonFinding{},
		}
		for _, f := range result.Findings {
			c.Findings = append(c.Findings, jsonFinding{
				ID: f.ID, Severity: f.Severity, Ignored: f.Ignored, Transient: f.Transient, Passing: f.Transient,
				Message: f.Headline().In(lang), Cause: f.Cause.In(lang), Fix: f.Fix.In(lang),
				Facts: finding.Facts(f.Facts),
			})
		}
		out.Checks = append(out.Checks, c)
	}
	return out
}
