package prove

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

// Change is one way in which two packs differ.
type Change struct {
	// Part is release, files, programs, schema or calls.
	Part string `json:"part"`
	Name string `json:"name"`
	// Change is added, removed or changed.
	Change string `json:"change"`
	// Before and After are short values, such as a mode.
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
	// Diff is a unified diff of the contents.
	Diff string `json:"diff,omitempty"`
}

// Diff returns how the second pack differs from the first. unified makes a diff
// of two texts.
func Diff(a, b *pack.Pack, unified func(name, before, after string) string) ([]Change, error) {
	out := []Change{}
	value := func(part, name, before, after string) {
		if before != after {
			out = append(out, Change{Part: part, Name: name, Change: "changed", Before: before, After: after})
		}
	}
	value("release", "release", a.Release, b.Release)
	value("release", "edition", a.Edition, b.Edition)
	value("programs", "restart", strings.Join(a.Restart, " "), strings.Join(b.Restart, " "))
	value("calls", "register", string(a.Register), string(b.Register))

	contents := func(part, name string, x, y func(string) (string, bool)) {
		before, had := x(name)
		after, has := y(name)
		switch {
		case had && !has:
			out = append(out, Change{Part: part, Name: name, Change: "removed"})
		case !had && has:
			out = append(out, Change{Part: part, Name: name, Change: "added"})
		case before != after:
			out = append(out, Change{Part: part, Name: name, Change: "changed", Diff: unified(name, before, after)})
		}
	}
	for _, name := range both(filesOf(a), filesOf(b)) {
		part := "files"
		if strings.HasPrefix(name, "/etc/supervisor/") {
			part = "programs"
		}
		contents(part, name, templateOf(a), templateOf(b))
		x, hasX := filesOf(a)[name]
		y, hasY := filesOf(b)[name]
		if hasX && hasY {
			value(part, name, attributes(x), attributes(y))
		}
	}
	schemaA, err := schemaOf(a)
	if err != nil {
		return nil, err
	}
	schemaB, err := schemaOf(b)
	if err != nil {
		return nil, err
	}
	get := func(m map[string]string) func(string) (string, bool) {
		return func(name string) (string, bool) { s, ok := m[name]; return s, ok }
	}
	for _, name := range both(schemaA, schemaB) {
		contents("schema", name, get(schemaA), get(schemaB))
	}
	callsA, callsB := callsOf(a), callsOf(b)
	for _, name := range both(callsA, callsB) {
		contents("calls", name, get(callsA), get(callsB))
	}
	return out, nil
}

func both[V any](a, b map[string]V) []string {
	names := slices.Collect(maps.Keys(a))
	for name := range b {
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// filesOf are the files that a pack makes, by where they go.
func filesOf(p *pack.Pack) map[string]pack.File {
	out := map[string]pack.File{}
	for _, f := range p.Files {
		out[f.Path] = f
	}
	return out
}

func templateOf(p *pack.Pack) func(string) (string, bool) {
	files := filesOf(p)
	return func(name string) (string, bool) {
		f, ok := files[name]
		if !ok {
			return "", false
		}
		data, _ := fs.ReadFile(p.FS(), f.Template) // Open has read it
		return string(data), true
	}
}

// attributes is what pack.yaml says of a file.
func attributes(f pack.File) string {
	return strings.TrimSpace(fmt.Sprintf("%s %04o %s %s %s %s readers=%s %s", f.Owner, uint32(f.Mode), f.Format, f.Spelling, f.Policy, f.Merge,
		strings.Join(f.Readers, ","), f.Validate))
}

func schemaOf(p *pack.Pack) (map[string]string, error) {
	names, err := p.Names()
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, name := range names {
		if strings.HasPrefix(name, "schema/") {
			data, err := fs.ReadFile(p.FS(), name)
			if err != nil {
				return nil, msg.Errorf("cannot read the pack: %w", err)
			}
			out[name] = string(data)
		}
	}
	return out, nil
}

// callsOf are the calls of step 5 as texts.
func callsOf(p *pack.Pack) map[string]string {
	out := map[string]string{}
	for _, c := range p.Calls {
		var b strings.Builder
		fmt.Fprintf(&b, "%s %s\n", c.Method, c.Path)
		for _, key := range slices.Sorted(maps.Keys(c.Form)) {
			fmt.Fprintf(&b, "%s=%s\n", key, c.Form[key])
		}
		fmt.Fprintf(&b, "done: %v\n", c.Done)
		out[c.Name] = b.String()
	}
	return out
}
