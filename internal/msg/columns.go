package msg

import (
	"fmt"
	"io"
	"strings"

	"github.com/mattn/go-runewidth"

	"omsinit/internal/style"
)

// PrintColumns writes rows of cells with their columns aligned and two spaces between them. text/tabwriter cannot:
// a Chinese character takes two cells of a terminal.
func PrintColumns(w io.Writer, rows [][]string) error {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], width(cell))
		}
	}
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			line.WriteString(cell)
			line.WriteString(strings.Repeat(" ", widths[i]-width(cell)+2))
		}
		if _, err := fmt.Fprintln(w, strings.TrimRight(line.String(), " ")); err != nil {
			return err
		}
	}
	return nil
}

// terminal knows how many cells of a terminal a character takes. What Unicode
// calls ambiguous (…, —, ①) takes one, whatever the locale of the process is.
var terminal = runewidth.Condition{StrictEmojiNeutral: true}

// width returns the number of cells that a text takes on a terminal, in whatever colour.
func width(s string) int { return terminal.StringWidth(style.Strip(s)) }
