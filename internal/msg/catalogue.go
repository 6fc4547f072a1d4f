package msg

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"sync"
)

// catalogue is a gettext file: msgid is the English format, msgstr its Chinese.
//
//go:embed zh.po
var catalogue string

// chinese returns the Chinese texts by their English formats. The catalogue is
// read when the first text is asked for in Chinese. It panics when the catalogue
// cannot be read: the tests of this package rule that out.
var chinese = sync.OnceValue(func() map[string]string {
	texts, err := parseCatalogue(catalogue)
	if err != nil {
		panic(fmt.Sprintf("msg: cannot read zh.po: %v", err))
	}
	return texts
})

// parseCatalogue reads what our catalogue has of gettext's format: msgid and msgstr, each with a text in quotes that
// goes on in further lines. Every command in Chinese waits for it, and a reader of the whole format takes 14 ms.
func parseCatalogue(text string) (map[string]string, error) {
	texts := map[string]string{}
	var id, str string
	last := &id
	number := 0
	for line := range strings.Lines(text) {
		number++
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		keyword, quoted := "", line
		if line[0] != '"' {
			keyword, quoted, _ = strings.Cut(line, " ")
		}
		part, err := strconv.Unquote(quoted)
		if err != nil {
			return nil, fmt.Errorf("line %d: %q: %w", number, line, err)
		}
		switch keyword {
		case "":
			*last += part
		case "msgid":
			texts[id] = str
			id, str, last = part, "", &id
		case "msgstr":
			str, last = part, &str
		default:
			return nil, fmt.Errorf("line %d: unknown keyword %q", number, keyword)
		}
	}
	texts[id] = str
	delete(texts, "") // the header
	return texts, nil
}
