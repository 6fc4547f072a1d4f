package prove

import (
	"cmp"
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

// piece is one thing that two packs may have otherwise. short pieces are values
// of things that both have, others are texts.
type piece struct {
	order      int // of the part
	part, name string
	short      bool
}

// Diff returns how the second pack differs from the first. unified makes a diff
// of two texts.
func Diff(a, b *pack.Pack, unified func(name, before, after string) string) ([]Change, error) {
	x, err := piecesOf(a)
	if err != nil {
		return nil, err
	}
	y, err := piecesOf(b)
	if err != nil {
		return nil, err
	}
	all := maps.Clone(x)
	maps.Copy(all, y)
	out := []Change{}
	for _, p := range slices.SortedFunc(maps.Keys(all), func(p, q piece) int {
		return cmp.Or(cmp.Compare(p.order, q.order), cmp.Compare(p.name, q.name),
			cmp.Compare(fmt.Sprint(p.short), fmt.Sprint(q.short)))
	}) {
		before, had := x[p]
		after, has := y[p]
		c := Change{Part: p.part, Name: p.name}
		switch {
		case had && has && before == after, p.short && had != has:
			continue
		case !has:
			c.Change = "removed"
		case !had:
			c.Change = "added"
		case p.short:
			c.Change, c.Before, c.After = "changed", before, after
		default:
			c.Change, c.Diff = "changed", unified(p.name, before, after)
		}
		out = append(out, c)
	}
	return out, nil
}

// piecesOf are what a pack consists of.
func piecesOf(p *pack.Pack) (map[piece]string, error) {
	out := map[piece]string{
		{0, "release", "release", true}:  p.Release,
		{1, "release", "edition", true}:  p.Edition,
		{2, "programs", "restart", true}: strings.Join(p.Restart, " "),
		{3, "calls", "register", true}:   string(p.Register),
	}
	read := func(name string) (string, error) {
		data, err := fs.ReadFile(p.FS(), name)
		if err != nil {
			return "", msg.Errorf("cannot read the pack: %w", err)
		}
		return string(data), nil
	}
	for _, f := range p.Files {
		part := "files"
		if strings.HasPrefix(f.Path, "/etc/supervisor/") {
			part = "programs"
		}
		text, err := read(f.Template)
		if err != nil {
			return nil, err
		}
		out[piece{4, part, f.Path, false}] = text
		out[piece{4, part, f.Path, true}] = strings.TrimSpace(fmt.Sprintf("%s %04o %s %s %s %s readers=%s %s", f.Owner,
			uint32(f.Mode), f.Format, f.Spelling, f.Policy, f.Merge, strings.Join(f.Readers, ","), f.Validate))
	}
	names, err := p.Names()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if strings.HasPrefix(name, "schema/") {
			if out[piece{5, "schema", name, false}], err = read(name); err != nil {
				return nil, err
			}
		}
	}
	for _, c := range p.Calls {
		text := fmt.Sprintf("%s %s\n", c.Method, c.Path)
		for _, values := range []map[string]string{c.Query, c.Form} {
			for _, key := range slices.Sorted(maps.Keys(values)) {
				text += fmt.Sprintf("%s=%s\n", key, values[key])
			}
		}
		if c.Body != "" {
			text += c.ContentType + "\n" + c.Body + "\n"
		}
		out[piece{6, "calls", c.Name, false}] = text + fmt.Sprintf("done: %v\n", c.Done)
	}
	return out, nil
}
