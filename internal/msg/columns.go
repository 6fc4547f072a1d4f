package msg

import (
	"fmt"
	"io"
	"strings"
	"unicode"
)

// PrintColumns writes rows of cells with their columns aligned. text/tabwriter cannot: a Chinese character
// takes two places on a terminal.
func PrintColumns(w io.Writer, rows [][]string) error {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], places(cell))
		}
	}
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			line.WriteString(cell)
			line.WriteString(strings.Repeat(" ", widths[i]-places(cell)+2))
		}
		if _, err := fmt.Fprintln(w, strings.TrimRight(line.String(), " ")); err != nil {
			return err
		}
	}
	return nil
}

// places is the width of a text on a terminal.
func places(s string) int {
	n := 0
	for _, r := range s {
		n++
		if unicode.In(r, unicode.Han) || r >= 0xFF01 && r <= 0xFF60 {
			n++
		}
	}
	return n
}
