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
	{"internal/cli", []string{"check", "init/...", "metrics", "capture/...", "supervise/...", "internal/...", "scripts"}},

	{"init/flow", []string{"check", "init/...", "metrics", "capture/...", "supervise/...", "internal/...", "scripts"}},
	{"init/trial", append([]string{"init/flow", "init/component"}, ground...)},
	{"init/upgrade", append([]string{"init/metadb/..."}, ground...)},
	{"init/metadb", append([]string{"init/metadb/..."}, ground...)},
	{"init/component", ground},
	{"init/resource", ground},
	{"check", ground},
	{"metrics", ground},
	{"capture", append([]string{"capture/...", "supervise/program"}, ground...)}, // it reads program files

	{"supervise", []string{"supervise/...", "internal/msg", "internal/finding"}},
	{"supervise/control", []string{"supervise/engine", "supervise/logs", "supervise/program", "supervise/api", "internal/msg", "internal/finding"}},
	{"supervise/engine", []string{"supervise/logs", "supervise/program", "supervise/api", "internal/msg", "internal/finding"}},
	{"supervise/logs", []string{"supervise/program", "supervise/api", "internal/msg", "internal/finding"}},
	{"supervise/program", []string{"supervise/api", "internal/msg", "internal/finding"}},
	{"supervise/client", []string{"supervise/program", "supervise/api", "internal/msg", "internal/finding"}},
	{"supervise/api", []string{"internal/msg", "internal/finding"}},

	{"internal/node", []string{"internal/...", "scripts"}},
	{"internal/config", []string{"internal/msg", "internal/finding"}},
	{"internal/finding", []string{"internal/msg"}},
	{"internal/msg", nil},
	{"internal", []string{"internal/...", "scripts"}},
	{"scripts", nil},
}

// nobody may import these but the ones named.
var nobody = map[string][]string{
	"internal/cli":  {"main"},
	"internal/node": {"internal/cli", "init/flow", "init/trial", "init/upgrade", "init/metadb", "init/component", "init/resource", "check", "metrics", "capture"},
	"init/flow":     {"internal/cli", "init/trial"},
	"init/trial":    {"internal/cli"},
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
			if only, ok := nobody[imported]; ok && !slices.ContainsFunc(only, func(m string) bool { return covers(m+"/...", room) }) {
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
