package resource

import (
	"fmt"
	"io"
	"strings"
)

// table is rows of cells. text/tabwriter takes a Chinese character for one
// column, and it has two.
type table [][]string

func (t table) print(w io.Writer) {
	var widths []int
	for _, row := range t {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], width(cell))
		}
	}
	for _, row := range t {
		var b strings.Builder
		for i, cell := range row {
			b.WriteString(cell + strings.Repeat(" ", widths[i]-width(cell)+2))
		}
		fmt.Fprintln(w, strings.TrimRight(b.String(), " "))
	}
}

// width is how many columns a terminal gives to a text: two for the scripts of
// East Asia and for full-width forms (Unicode Standard Annex 11).
func width(text string) (n int) {
	for _, r := range text {
		n++
		if r >= 0x1100 && r <= 0x115f || r >= 0x2e80 && r <= 0xa4cf || r >= 0xac00 && r <= 0xd7a3 || r >= 0xf900 && r <= 0xfaff || r >= 0xfe30 && r <= 0xfe6f || r >= 0xff00 && r <= 0xff60 || r >= 0x20000 {
			n++
		}
	}
	return n
}
