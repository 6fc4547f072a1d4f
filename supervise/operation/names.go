package operation

import (
	"slices"
	"strings"

	"omsinit/internal/msg"
)

// Select returns the programs that names stand for: NAME, GROUP:NAME, GROUP:* and all. defined are the full names of
// all programs. Each one comes once, in the order of the names.
func Select(names, defined []string) (selected []string, err error) {
	if len(names) == 0 {
		return nil, msg.Errorf("no program is named; name some, or all")
	}
	var unknown []string
	for _, name := range names {
		found := slices.DeleteFunc(slices.Clone(defined), func(full string) bool { return !matches(name, full) })
		if slices.Contains(defined, name) {
			found = []string{name}
		} else if len(found) > 1 && name != "all" && !strings.Contains(name, ":") {
			found = nil // not clear which one
		}
		if len(found) == 0 && name != "all" {
			unknown = append(unknown, name)
		}
		for _, full := range found {
			if !slices.Contains(selected, full) {
				selected = append(selected, full)
			}
		}
	}
	if len(unknown) > 0 {
		return nil, NoSuchProgram(unknown, defined)
	}
	return selected, nil
}

// matches reports whether a name stands for a program.
func matches(name, full string) bool {
	group, own, grouped := strings.Cut(full, ":")
	return name == "all" || name == full || grouped && name == own || name == group+":*" || name == group+":"
}

// NoSuchProgram returns the error of names that stand for no program.
func NoSuchProgram(names, defined []string) error {
	if len(defined) == 0 {
		return msg.Errorf("there is no program %s: no programs are defined", msg.List(names))
	}
	return msg.Errorf("there is no program %s; there are %s", msg.List(names), msg.List(defined))
}
