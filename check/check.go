// Package check is step 1: what must hold before anything is touched.
//
// Checks are data, listed in checks.go. They run side by side, each with a deadline; what depends on a failed check is
// skipped because of it. All of them run, then there is one verdict.
package check

import (
	"slices"
	"strings"

	"omsinit/internal/finding"
	"omsinit/internal/msg"
)

// Result is one check with what it found.
type Result struct {
	ID       string // stable and dotted
	Title    msg.Message
	Findings []finding.Finding
	Facts    []finding.Fact
	// SkippedBecause are the failed checks that this one needs, so that it did not run; empty when it did.
	SkippedBecause []string
}

// Category returns the part of the ID before the dot.
func (r Result) Category() string {
	category, _, _ := strings.Cut(r.ID, ".")
	return category
}

// Status returns the word of the legacy deployment tool.
func (r Result) Status() string {
	if len(r.SkippedBecause) > 0 {
		return "SKIPPED"
	}
	status := "PASSED"
	for _, f := range r.Findings {
		if f.Severity == finding.Error {
			return "FAILED"
		}
		status = "WARNING"
	}
	return status
}

// Report is the verdict on a node.
type Report struct {
	ConfigFile string
	Release    string // of the pack
	Results    []Result
}

// Findings returns all findings.
func (r Report) Findings() (all []finding.Finding) {
	for _, result := range r.Results {
		all = append(all, result.Findings...)
	}
	return all
}

// Errors returns the findings that stop the initialisation.
func (r Report) Errors() []finding.Finding { return r.having(finding.Error) }

func (r Report) having(s finding.Severity) []finding.Finding {
	var found []finding.Finding
	for _, result := range r.Results {
		for _, f := range result.Findings {
			if f.Severity == s {
				found = append(found, f)
			}
		}
	}
	return found
}

// Err returns nil when nothing stops the initialisation. Otherwise it names the first error and how many there are; it
// is transient when all of them are.
func (r Report) Err() error {
	errs := r.Errors()
	if len(errs) == 0 {
		return nil
	}
	if r.transient() {
		return finding.Transient(&FailedError{Findings: errs})
	}
	return &FailedError{Findings: errs}
}

// transient reports whether there are errors, and all of them may go away by themselves.
func (r Report) transient() bool {
	errs := r.Errors()
	lasting := slices.ContainsFunc(errs, func(f finding.Finding) bool { return !f.Transient })
	return len(errs) > 0 && !lasting
}

// FailedError is the error of checks that found errors. They were printed already.
type FailedError struct {
	Findings []finding.Finding
}

// IDs lists what was found, each id once.
func (e *FailedError) IDs() string {
	var ids []string
	for _, f := range e.Findings {
		if !slices.Contains(ids, f.ID) {
			ids = append(ids, f.ID)
		}
	}
	return strings.Join(ids, " ")
}

// Error returns the English words.
func (e *FailedError) Error() string { return e.In(msg.English) }

// In returns the words in a language.
func (e *FailedError) In(lang msg.Lang) string {
	if n := len(e.Findings); n > 1 {
		return lang.Sprintf("the check found %d errors, the first one: %s", n, e.Findings[0].Headline())
	}
	return lang.Sprintf("the check found an error: %s", e.Findings[0].Headline())
}
