// Package testpicture draws what a terminal shows as SVG, for the documentation: text that can be selected, searched
// and compared, a few kilobytes large.
package testpicture

import (
	"fmt"
	"html"
	"regexp"
	"strings"

	"github.com/mattn/go-runewidth"
)

// The size of a cell, and the space around them.
const (
	cellWidth, lineHeight = 8.0, 18.0
	padding, bar          = 16.0, 30.0
)

// styles are what the parameters of SGR mean here: on dark, which reads on a light page as well.
var styles = map[string]string{"1": "b", "2": "d", "31": "r", "32": "g", "33": "y"}

var sequence = regexp.MustCompile(`\x1b\[([0-9;]*)m`)

// SVG draws lines that were written to a terminal of so many columns; longer lines go on in the next.
func SVG(title, text string, columns int) string {
	var body strings.Builder
	x, y, class := 0, 0, ""
	put := func(run string, cells int) {
		if strings.TrimSpace(run) != "" {
			// Each run has its place and its length, whatever letters the reader's machine has.
			fmt.Fprintf(&body, `<text class="%s" x="%g" y="%g" textLength="%g">%s</text>`+"\n", class,
				padding+float64(x)*cellWidth, bar+padding+float64(y+1)*lineHeight-5, float64(cells)*cellWidth,
				html.EscapeString(run))
		}
		x += cells
	}
	write := func(part string) {
		run, cells, wide := "", 0, 1
		flush := func() { put(run, cells); run, cells = "", 0 }
		for _, r := range part {
			width := runewidth.RuneWidth(r)
			if r == '\n' || x+cells+width > columns {
				flush()
				x, y = 0, y+1
			}
			if r == '\n' {
				continue
			}
			if width != wide {
				flush()
				wide = width
			}
			run, cells = run+string(r), cells+width
		}
		flush()
	}
	text = strings.TrimRight(text, "\n")
	at := 0
	for _, m := range sequence.FindAllStringSubmatchIndex(text, -1) {
		write(text[at:m[0]])
		class, at = styles[text[m[2]:m[3]]], m[1]
	}
	write(text[at:])
	width, height := float64(columns)*cellWidth+2*padding, float64(y+1)*lineHeight+bar+2*padding
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" width="%g" height="%g">
<style>
text { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space: pre; fill: #d8dee4 }
.b { font-weight: bold; fill: #fff } .d { fill: #9198a1 } .r { fill: #ff8f87 } .g { fill: #6cd07a } .y { fill: #e3b341 }
</style>
<rect width="100%%" height="100%%" rx="8" fill="#1c2128" stroke="#57606a"/>
<text class="d" x="%g" y="22">%s</text>
%s</svg>
`, width, height, width, height, padding, html.EscapeString(title), body.String())
}
