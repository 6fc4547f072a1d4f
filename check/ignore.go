package check

import (
	"slices"
	"strings"

	"omsinit/internal/msg"
)

// Ignored are findings that are warnings instead of errors.
type Ignored []string

// ParseIgnored reads lists of IDs, separated by commas or spaces. Refused are
// IDs that no finding has, "all", and those without which nothing can go on.
func ParseIgnored(lists ...string) (Ignored, error) {
	var ids Ignored
	for _, list := range lists {
		for _, id := range strings.FieldsFunc(list, func(c rune) bool { return c == ',' || c == ' ' || c == '\n' || c == '\t' }) {
			if strings.EqualFold(id, "all") {
				return nil, msg.Errorf("not all findings can be ignored at once: name those that you have looked at, such as %s", "metadb.timezone")
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

func (ids Ignored) has(id string) bool { return slices.Contains(ids, id) }

// Unknown says that there is no such ID, and which there are.
func Unknown(id string) msg.Message {
	return msg.M("no finding has the id %q; the ids are %s", id, strings.Join(IDs(), " "))
}

// IDs are the IDs of all findings, in the order of the checks.
func IDs() []string {
	var ids []string
	for _, e := range Explanations() {
		ids = append(ids, e.ID)
	}
	return ids
}

// Explain gives the long help of a finding.
func Explain(id string) (Explanation, bool) {
	all := Explanations()
	i := slices.IndexFunc(all, func(e Explanation) bool { return e.ID == id })
	if i < 0 {
		return Explanation{}, false
	}
	return all[i], true
}
