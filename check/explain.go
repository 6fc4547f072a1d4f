package check

import (
	_ "embed"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"omsinit/internal/msg"
)

// Explanation is the long help of a finding.
type Explanation struct {
	ID string
	// Cause is in one sentence what is behind the finding or comes of it.
	Cause msg.Message
	// Help is how it is checked, and how to look further.
	Help msg.Message
	// Mandatory: it cannot be ignored, for nothing can go on with it.
	Mandatory bool
}

// Print writes the help.
func (e Explanation) Print(w io.Writer, lang msg.Lang) {
	fmt.Fprintf(w, "%s\n\n%s\n\n%s\n", e.ID, e.Cause.In(lang), e.Help.In(lang))
	if e.Mandatory {
		fmt.Fprintf(w, "\n%s\n", lang.Sprintf("It cannot be ignored."))
	} else {
		fmt.Fprintf(w, "\n%s\n", lang.Sprintf("As an error it can be turned into a warning with --ignore %s.", e.ID))
	}
}

// List writes the checks with what each looks at, and the ids of all findings with what is behind them.
func List(w io.Writer, lang msg.Lang) error {
	rows := [][]string{{lang.Sprintf("CHECK"), lang.Sprintf("WHAT")}}
	for _, c := range checks() {
		rows = append(rows, []string{c.id, c.title.In(lang)})
	}
	if err := msg.PrintColumns(w, rows); err != nil {
		return err
	}
	rows = [][]string{{lang.Sprintf("FINDING"), lang.Sprintf("IGNORE"), lang.Sprintf("CAUSE")}}
	for _, e := range explanations() {
		ignore := lang.Sprintf("yes")
		if e.Mandatory {
			ignore = "-"
		}
		rows = append(rows, []string{e.ID, ignore, e.Cause.In(lang)})
	}
	fmt.Fprintln(w)
	return msg.PrintColumns(w, rows)
}

// explainText has for each finding a line with its id, followed by " !" when it cannot be ignored, a line with its
// cause, one with its help, and an empty line. The findings are in the order in which docs/check.md lists them.
//
//go:embed explain.txt
var explainText string

// explanations returns those of all findings, in the order of explain.txt.
var explanations = sync.OnceValue(func() []Explanation {
	var all []Explanation
	for block := range strings.SplitSeq(explainText, "\n\n") {
		lines := strings.Split(block, "\n")
		id, mandatory := strings.CutSuffix(lines[0], " !")
		all = append(all, Explanation{
			ID: id, Mandatory: mandatory, Cause: msg.Message{Format: lines[1]}, Help: msg.Message{Format: lines[2]},
		})
	}
	return all
})

// Explanations returns the help of all findings, in the order in which docs/check.md lists them.
func Explanations() []Explanation { return slices.Clone(explanations()) }

// Explain returns the explanation of a finding.
func Explain(id string) (Explanation, bool) {
	all := explanations()
	i := slices.IndexFunc(all, func(e Explanation) bool { return e.ID == id })
	if i < 0 {
		return Explanation{}, false
	}
	return all[i], true
}
