// Package style paints texts by what they mean, where a person looks at them on a terminal that shows colours. The
// decision goes with the writer: a buffer, a file or a pipe never gets an escape sequence.
package style

import (
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"omsinit/internal/pattern"
)

// Style is what a text means. Its value is the parameter of ECMA-48's SGR; the eight colours of the terminal's own
// palette can be read on dark and on light.
type Style string

// The meanings.
const (
	Plain   Style = ""
	Error   Style = "31" // red
	Warning Style = "33" // yellow
	OK      Style = "32" // green
	Dim     Style = "2"
	Heading Style = "1" // bold
)

// Paint returns the text as it is written to w. The line ends around it are not painted.
func (s Style) Paint(w io.Writer, text string) string {
	body := strings.Trim(text, "\n")
	if s == Plain || body == "" || !Colored(w) {
		return text
	}
	before, after, _ := strings.Cut(text, body)
	return before + "\x1b[" + string(s) + "m" + body + "\x1b[0m" + after
}

// Colored reports whether to write colours to w: to the standard streams where Wanted says so, and to what stands
// before one of them (Before, or a writer with a method Colored).
func Colored(w io.Writer) bool {
	switch w := w.(type) {
	case interface{ Colored() bool }:
		return w.Colored()
	case *os.File:
		return (w == os.Stdout || w == os.Stderr) && Wanted(os.Getenv, term.IsTerminal(int(w.Fd())))
	}
	return false
}

// Wanted reports whether a stream shows colours, by the environment: NO_COLOR (https://no-color.org), CLICOLOR and
// CLICOLOR_FORCE (https://bixense.com/clicolors), TERM.
func Wanted(getenv func(string) string, terminal bool) bool {
	force := getenv("CLICOLOR_FORCE")
	switch {
	case getenv("NO_COLOR") != "":
		return false
	case force != "" && force != "0":
		return true
	}
	return terminal && getenv("CLICOLOR") != "0" && getenv("TERM") != "dumb"
}

// Columns returns how wide the terminal is that w, or what stands behind it, writes to; 0 where it is none, or does not
// say.
func Columns(w io.Writer) int {
	switch w := w.(type) {
	case interface{ Columns() int }:
		return w.Columns()
	case *os.File:
		if columns, _, err := term.GetSize(int(w.Fd())); err == nil {
			return columns
		}
	}
	return 0
}

// Before returns a writer to b, whose text goes on to w.
func Before(w io.Writer, b io.Writer) io.Writer { return &before{b, Colored(w), Columns(w)} }

type before struct {
	io.Writer
	colored bool
	columns int
}

func (b *before) Colored() bool { return b.colored }

func (b *before) Columns() int { return b.columns }

// Diff returns a unified diff as it is written to w: what goes red, what comes green.
func Diff(w io.Writer, diff string) string {
	lines := strings.Split(diff, "\n")
	for i, line := range lines {
		switch {
		case strings.HasPrefix(line, "@@"):
			lines[i] = Dim.Paint(w, line)
		case strings.HasPrefix(line, "-"):
			lines[i] = Error.Paint(w, line)
		case strings.HasPrefix(line, "+"):
			lines[i] = OK.Paint(w, line)
		}
	}
	return strings.Join(lines, "\n")
}

var sequence = pattern.New(`\x1b\[[0-9;]*m`)

// Strip returns a text without what Paint adds.
func Strip(text string) string { return sequence().ReplaceAllString(text, "") }
