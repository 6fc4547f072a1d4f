package msg

import (
	"strings"

	"github.com/mattn/go-runewidth"

	"omsinit/internal/pattern"
)

// unbroken is what stays in one line: a word, or a Chinese sign with the punctuation beside it.
var unbroken = pattern.New(`\s*[（“《]*(?:\p{Han}|[^\s\p{Han}（“《，。；：、）”》？！…]+|[^\s])[，。；：、）”》？！…]*`)

// Wrap breaks a text into lines of at most so many columns: between words, and between Chinese signs, of which each has
// two columns. A word that is longer than a line has one of its own.
func Wrap(text string, columns int) (lines []string) {
	line := ""
	for _, part := range unbroken().FindAllString(strings.Join(strings.Fields(text), " "), -1) {
		if line != "" && runewidth.StringWidth(line)+runewidth.StringWidth(part) > columns {
			lines, line = append(lines, line), ""
		}
		if line == "" {
			part = strings.TrimSpace(part)
		}
		line += part
	}
	return append(lines, line)
}

// Fold breaks the lines of a text that are wider than a terminal of so many columns as Wrap does. What follows is two
// columns further in than the line that was broken. No columns, or very few, are no terminal: the text stays as it is.
func Fold(text string, columns int) string {
	const fewest = 20
	if columns < fewest {
		return text
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if runewidth.StringWidth(line) <= columns {
			continue
		}
		indent := line[:len(line)-len(strings.TrimLeft(line, " "))]
		parts := Wrap(line, columns-len(indent)-2)
		lines[i] = indent + strings.Join(parts, "\n"+indent+"  ")
	}
	return strings.Join(lines, "\n")
}
