package check

import (
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"

	"github.com/mattn/go-runewidth"

	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/internal/style"
)

// categories are the headings, by the part of a check's id before the dot.
var categories = map[string]msg.Message{
	"config":  msg.M("config.yaml"),
	"host":    msg.M("this host"),
	"port":    msg.M("ports"),
	"https":   msg.M("HTTPS"),
	"metadb":  msg.M("MetaDB"),
	"regions": msg.M("regions"),
	"upgrade": msg.M("upgrade"),
	"tsdb":    msg.M("time-series database"),
	"cluster": msg.M("this OMS"),
	"program": msg.M("program files"),
}

// Print writes the report: the checks in the form of the legacy deployment tool (docs/oms-facts.md §4) under a heading
// for each category, errors before warnings, with cause and fix; then what was skipped, and a summary.
func (r Report) Print(w io.Writer, lang msg.Lang) {
	category, skipped := "", map[string][]string{}
	var because []string // the keys of skipped, in their order
	causes := map[string]bool{}
	for _, result := range r.Results {
		if len(result.SkippedBecause) > 0 {
			why := strings.Join(r.errorIDs(result.SkippedBecause), " ")
			if skipped[why] == nil {
				because = append(because, why)
			}
			skipped[why] = append(skipped[why], result.ID)
			continue
		}
		if next := result.Category(); next != category {
			category = next
			heading := categories[category].In(lang)
			columns := 60
			if narrow := style.Columns(w) - 1; narrow > 0 {
				columns = min(columns, narrow)
			}
			rule := strings.Repeat("-", max(3, columns-runewidth.StringWidth(heading)))
			fmt.Fprintln(w, style.Heading.Paint(w, heading+" "+rule))
		}
		fmt.Fprintf(w, "[CHECK] %s\n", result.Title.In(lang))
		for _, f := range errorsFirst(result.Findings) {
			printFinding(w, lang, f, causes)
		}
		status := result.Status()
		color := map[string]style.Style{"PASSED": style.OK, "WARNING": style.Warning, "FAILED": style.Error}[status]
		fmt.Fprintf(w, "%s\n", color.Paint(w, "["+status+"]"))
	}
	for _, why := range because {
		const mark = "[SKIPPED]"
		text := fold(w, mark+" "+lang.Sprintf("not checked because of %s: %s", why, strings.Join(skipped[why], " ")))
		fmt.Fprintln(w, style.Dim.Paint(w, mark)+strings.TrimPrefix(text, mark))
	}
	r.summary(w, lang)
}

// errorIDs returns the ids of the errors that checks have found.
func (r Report) errorIDs(checks []string) (ids []string) {
	for _, result := range r.Results {
		for _, f := range result.Findings {
			if slices.Contains(checks, result.ID) && f.Severity == finding.Error && !slices.Contains(ids, f.ID) {
				ids = append(ids, f.ID)
			}
		}
	}
	if len(ids) == 0 {
		return checks
	}
	return ids
}

// errorsFirst returns the findings in the order in which they are printed: errors first, both in the order of their
// places.
func errorsFirst(findings []finding.Finding) []finding.Finding {
	weight := func(f finding.Finding) int {
		if f.Severity == finding.Error {
			return 0
		}
		return 1
	}
	list := slices.Clone(findings)
	sort.SliceStable(list, func(i, j int) bool { return weight(list[i]) < weight(list[j]) })
	return list
}

// printFinding prints one. A cause that several errors have is printed with the first.
func printFinding(w io.Writer, lang msg.Lang, f finding.Finding, causes map[string]bool) {
	color, line := style.Warning, msg.M("warning: %s", f.Headline())
	switch {
	case f.Ignored:
		line = msg.M("warning (an error that is ignored): %s", f.Headline())
	case f.Severity == finding.Error:
		color, line = style.Error, msg.M("error: %s", f.Headline())
	}
	id := "[" + f.ID + "]"
	text := strings.TrimPrefix(fold(w, "  "+indent(line.In(lang))+" "+id), "  ")
	headline := strings.TrimRight(strings.TrimSuffix(text, id), " \n")
	gap := strings.TrimSuffix(text[len(headline):], id)
	fmt.Fprintf(w, "  %s%s%s\n", color.Paint(w, headline), gap, style.Dim.Paint(w, id))
	printSource(w, f)
	cause := f.Cause.In(lang)
	if cause != "" && f.Severity == finding.Error && !causes[cause] {
		causes[cause] = true
		fmt.Fprintln(w, fold(w, "    "+lang.Sprintf("cause: %s", f.Cause)))
	}
	if !f.Fix.IsZero() {
		fmt.Fprintln(w, fold(w, "    "+lang.Sprintf("fix: %s", f.Fix)))
	}
}

// fold breaks lines that are wider than the terminal.
func fold(w io.Writer, text string) string { return msg.Fold(text, style.Columns(w)) }

// printSource shows the line of the file with a caret under the column.
func printSource(w io.Writer, f finding.Finding) {
	if f.Source == "" {
		return
	}
	const tab = "    "
	number := fmt.Sprintf("%6d | ", f.Place.Line)
	before := []rune(f.Source)
	before = before[:min(max(f.Place.Column-1, 0), len(before))]
	caret := strings.Repeat(" ", len(number)-2) + "| " +
		strings.Repeat(" ", runewidth.StringWidth(strings.ReplaceAll(string(before), "\t", tab))) + "^"
	fmt.Fprintf(w, "%s\n%s\n", style.Dim.Paint(w, number)+strings.ReplaceAll(f.Source, "\t", tab),
		style.Dim.Paint(w, caret))
}

// summary prints in one line what the report comes to.
func (r Report) summary(w io.Writer, lang msg.Lang) {
	passed, skipped := 0, 0
	for _, result := range r.Results {
		switch result.Status() {
		case "PASSED":
			passed++
		case "SKIPPED":
			skipped++
		}
	}
	errors, warnings := len(r.Errors()), len(r.having(finding.Warning))
	counts := lang.Sprintf("errors: %d, warnings: %d; checks: %d, of which passed: %d, skipped: %d", errors, warnings,
		len(r.Results), passed, skipped)
	color, next := style.OK, msg.Message{}
	switch {
	case r.transient():
		color, next = style.Error, msg.M("the errors may go away by themselves")
	case errors > 0:
		color, next = style.Error, msg.M("correct what is named, and run the same command again; omsinit check --explain ID says more about one")
	case warnings > 0:
		color = style.Warning
	}
	if !next.IsZero() {
		counts = lang.Sprintf("%v; %v", counts, next)
	}
	fmt.Fprintln(w, color.Paint(w, fold(w, counts)))
}

func indent(s string) string { return strings.ReplaceAll(s, "\n", "\n    ") }
