// Package check is step 1: what must hold before anything is touched.
//
// Checks are data (checks.go). They run side by side, each with a deadline;
// what depends on a failed check is skipped because of it. All of them run,
// then there is one verdict.
package check

import (
	"omsinit/internal/finding"
	"omsinit/internal/msg"
)

// Severity says whether a finding stops the initialisation.
type Severity string

// The severities.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Finding is one thing that is not as it should be.
type Finding struct {
	// ID is stable and dotted, for example "port.in-use". Explain tells more.
	ID       string
	Severity Severity
	// Message is one sentence that names the key or file and the value.
	Message msg.Message
	// Cause says what is behind it, or what comes of it. Run gives it to
	// errors, JSON to the others.
	Cause msg.Message
	// Fix says what to do. It may be empty where the message says it all.
	Fix msg.Message
	// Facts are the measured and configured values behind the finding.
	Facts []Fact
	// Passing says that it may go away by itself.
	Passing bool
	// Ignored says that it was an error until somebody chose to ignore it.
	Ignored bool
}

// Fact is one value behind a verdict. Values are numbers, texts, booleans and
// lists of texts; never secrets.
type Fact struct {
	Name  string // stable, as JSON spells it
	Value any
}

// Result is one check with what it found.
type Result struct {
	ID       string // stable and dotted
	Category string // the part of the ID before the dot
	Title    msg.Message
	Findings []Finding
	Facts    []Fact
	// Skipped says why the check did not run; empty when it did.
	Skipped msg.Message
	// SkippedBecause are the failed checks that this one needs.
	SkippedBecause []string
}

// Status is the word that people know from the old deployment tool.
func (r Result) Status() string {
	if !r.Skipped.IsZero() {
		return "SKIPPED"
	}
	status := "PASSED"
	for _, f := range r.Findings {
		if f.Severity == Error {
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

// Errors gives the findings that stop the initialisation.
func (r Report) Errors() []Finding { return r.having(Error) }

func (r Report) having(s Severity) []Finding {
	var found []Finding
	for _, result := range r.Results {
		for _, f := range result.Findings {
			if f.Severity == s {
				found = append(found, f)
			}
		}
	}
	return found
}

// Err is nil when nothing stops the initialisation. Otherwise it names the
// first error and how many there are; it is a passing error when all of them
// may go away by themselves.
func (r Report) Err() error {
	errs := r.Errors()
	if len(errs) == 0 {
		return nil
	}
	err := error(&FailedError{Findings: errs})
	for _, f := range errs {
		if !f.Passing {
			return err
		}
	}
	return finding.Transient(err)
}

// FailedError says that the checks found errors. They were printed already.
type FailedError struct {
	Findings []Finding
}

// Error gives the English words.
func (e *FailedError) Error() string { return e.In(msg.English) }

// In gives the words in a language.
func (e *FailedError) In(lang msg.Lang) string {
	if n := len(e.Findings); n > 1 {
		return lang.Sprintf("the check found %d errors, the first one: %s", n, e.Findings[0].Message)
	}
	return lang.Sprintf("the check found an error: %s", e.Findings[0].Message)
}
