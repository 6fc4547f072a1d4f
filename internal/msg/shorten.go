package msg

import "strings"

// Shorten returns the first most characters of a text that somebody else wrote,
// with an ellipsis where more follow, so that it does not fill the screen.
// Bytes that are not UTF-8 become question marks.
func Shorten(text string, most int) string {
	text = strings.ToValidUTF8(text, "?")
	for i := range text {
		if most == 0 {
			return text[:i] + "…"
		}
		most--
	}
	return text
}
