package archtest

import (
	"path"
	"slices"
	"strings"
	"testing"
)

// rule is who a room may import, of this module. A name with /... stands for everything below it too. Whatever has no
// rule of its own has the one of the folder above it.
type rule struct {
	room string
	may  []string
}

// ground are the rooms that anybody above them may use.
var ground = []string{"internal/...", "scripts"}

// rules is the picture in ARCHITECTURE.md. internal/cli is among internal/... by its path only: see nobody.
var rules = []rule{
	{"main", []string{"internal/cli"}},
	{"internal/cli", []string{"check", "doctor", "support", "init/...", "metrics", "capture/...", "supervise/...",
		"internal/...", "scripts"}},

	{"init/flow", []string{"check", "init/...", "metrics", "capture/...", "supervise/...", "internal/...", "scripts"}},
	{"init/diagnose", []string{"check", "doctor", "support", "metrics", "init/flow", "init/component", "internal/...",
		"scripts"}},
	{"init/trial", append([]string{"init/flow", "init/component"}, ground...)},
	{"init/upgrade", append([]string{"init/metadb/...", "init/upgrade/hosts"}, ground...)},
	{"init/metadb", append([]string{"init/metadb/..."}, ground...)},
	{"init/component", ground},
	{"init/dialogue", ground},
	{"init/resource", ground},
	{"check", ground},
	{"metrics", ground},
	{"support", append([]string{"doctor"}, ground...)},
	{"doctor", append([]string{"check", "supervise/api"}, ground...)},            // it judges what they report
	{"capture", append([]string{"capture/...", "supervise/program"}, ground...)}, // it reads program files

	{"capture/behave", append([]string{"capture/...", "supervise/client", "supervise/api"}, ground...)},

	{"supervise", []string{"supervise/...", "internal/cgroup", "internal/coredump", "internal/msg",
		"internal/finding"}},
	{"supervise/control", []string{"supervise/engine", "supervise/operation", "supervise/logs", "supervise/program",
		"supervise/xmlrpc", "supervise/api", "internal/msg", "internal/finding"}},
	{"supervise/engine", []string{"internal/cgroup", "internal/coredump", "internal/listener", "supervise/operation",
		"supervise/logs", "supervise/program", "supervise/api", "internal/msg", "internal/finding"}},
	{"supervise/page", []string{"internal/listener", "supervise/program", "supervise/api", "internal/msg"}},
	{"supervise/logs", []string{"supervise/program", "supervise/api", "internal/msg", "internal/finding"}},
	{"supervise/operation", []string{"supervise/program", "supervise/api", "internal/msg", "internal/finding"}},
	{"supervise/program", []string{"supervise/api", "internal/listener", "internal/pattern", "internal/msg",
		"internal/finding"}},
	{"supervise/client", []string{"supervise/operation", "supervise/program", "supervise/xmlrpc", "supervise/api",
		"internal/msg", "internal/finding", "internal/style"}},
	{"supervise/xmlrpc", nil},
	{"supervise/api", []string{"internal/msg", "internal/finding", "internal/style"}},

	{"internal/node", []string{"internal/...", "scripts"}},
	{"internal/config", []string{"internal/pattern", "internal/msg", "internal/finding"}},
	{"internal/finding", []string{"internal/msg", "internal/style"}},
	{"internal/interrupt", []string{"internal/msg"}},
	{"internal/helppage", []string{"internal/msg", "internal/pattern", "internal/style"}},
	{"internal/msg", []string{"internal/pattern", "internal/style"}},
	{"internal/style", []string{"internal/pattern"}},
	{"internal/pattern", nil},
	{"internal/coredump", nil},
	{"internal", []string{"internal/...", "scripts"}},
	{"scripts", nil},
}

// nobody may import these but the ones named.
var nobody = map[string][]string{
	"internal/cli": {"main"},
	"internal/node": {"internal/cli", "init/flow", "init/diagnose", "init/trial", "init/upgrade", "init/metadb",
		"init/component", "init/resource", "check", "metrics", "capture"},
	"init/flow":     {"internal/cli", "init/diagnose", "init/trial"},
	"init/trial":    {"internal/cli"},
	"init/diagnose": {"internal/cli"},
}

func TestImports(t *testing.T) {
	seen := 0
	for room, p := range product(t) {
		may, ok := ruleOf(room)
		if !ok {
			t.Errorf("%s: there is no rule for this room: add it here and to ARCHITECTURE.md", room)
			continue
		}
		for _, imported := range p.imports {
			seen++
			if imported != room && !slices.ContainsFunc(may, func(m string) bool { return covers(m, imported) }) {
				t.Errorf("%s must not import %s", room, imported)
			}
			if only, ok := nobody[imported]; ok &&
				!slices.ContainsFunc(only, func(m string) bool { return covers(m+"/...", room) }) {
				t.Errorf("%s must not import %s: only %s may", room, imported, strings.Join(only, ", "))
			}
		}
	}
	if seen < 100 {
		t.Fatalf("found only %d imports: the search is broken", seen)
	}
}

func ruleOf(room string) ([]string, bool) {
	for at := room; at != "."; at = path.Dir(at) {
		for _, r := range rules {
			if r.room == at {
				return r.may, true
			}
		}
	}
	return nil, false
}

func covers(pattern, room string) bool {
	if below, ok := strings.CutSuffix(pattern, "/..."); ok {
		return room == below || strings.HasPrefix(room, below+"/")
	}
	return room == pattern
}
