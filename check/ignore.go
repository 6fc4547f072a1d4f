package check

import (
	"strings"

	"omsinit/internal/msg"
)

// Ignored are findings that are warnings instead of errors.
type Ignored []string

// ParseIgnored reads lists of IDs, separated by commas or spaces. It refuses IDs that no finding has, "all", and those
// that nothing can go on with.
func ParseIgnored(lists ...string) (Ignored, error) {
	var ids Ignored
	for _, list := range lists {
		for _, id := range strings.Fields(strings.ReplaceAll(list, ",", " ")) {
			if strings.EqualFold(id, "all") {
				return nil, msg.Errorf("not all findings can be ignored at once: name those that you have looked at, such as %s",
					"metadb.timezone")
			}
			e, ok := Explain(id)
			switch {
			case !ok:
				return nil, &msg.Error{Message: Unknown(id)}
			case e.Mandatory:
				return nil, msg.Errorf("%s cannot be ignored: nothing can go on without it", id)
			}
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// Unknown is the text for an ID that no finding has. It lists those that exist.
func Unknown(id string) msg.Message {
	var ids []string
	for _, e := range explanations() {
		ids = append(ids, e.ID)
	}
	return msg.M("no finding has the id %q; the ids are %s", id, strings.Join(ids, " "))
}
