package match

import (
	"strings"

	"omsinit/internal/pattern"
)

// date is a time as programs write it into a file that they make: ISO's, and that of java.util.Date and of date(1).
var date = pattern.New(`\d{4}[-/]\d\d[-/]\d\d(?:[ T]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?` +
	`|(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) +\d{1,2} \d\d:\d\d:\d\d (?:[A-Z]\w* )?\d{4}`)

// Dated returns a text with the dates of another one that has as many: when a file was made does not count.
func Dated(text, other string) string {
	dates := date().FindAllString(other, -1)
	if len(dates) == 0 || len(dates) != len(date().FindAllString(text, -1)) {
		return text
	}
	n := 0
	return date().ReplaceAllStringFunc(text, func(string) string { n++; return dates[n-1] })
}

// DatedLines does so for each line of a file.
func DatedLines(text, other []byte) []byte {
	lines, others := strings.Split(string(text), "\n"), strings.Split(string(other), "\n")
	for i := range min(len(lines), len(others)) {
		lines[i] = Dated(lines[i], others[i])
	}
	return []byte(strings.Join(lines, "\n"))
}
