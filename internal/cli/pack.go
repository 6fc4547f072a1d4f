package cli

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"omsinit/capture/prove"
	"omsinit/init/flow/packs"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
	"omsinit/scripts"
)

// packList is `omsinit pack list`.
type packList struct{ report }

// listedFile is one file of the pack, in JSON.
type listedFile struct {
	Name     string             `json:"name"`
	Source   string             `json:"source"`
	Path     string             `json:"path,omitempty"`
	Owner    string             `json:"owner,omitempty"`
	Mode     string             `json:"mode,omitempty"`
	Format   pack.Format        `json:"format,omitempty"`
	Merge    string             `json:"merge,omitempty"` // or create
	Evidence *pack.FileEvidence `json:"evidence,omitempty"`
}

// listedCall is one call of the pack, in JSON.
type listedCall struct {
	Name     string        `json:"name"`
	Method   string        `json:"method"`
	Path     string        `json:"path"`
	Evidence pack.Evidence `json:"evidence,omitempty"`
}

func (c *packList) flags(t translate) flags { return flags{c.flag(t)} }

// Run lists the files, the calls and the ports.
func (c *packList) Run(_ context.Context, a *app) error {
	p, err := c.node.Pack()
	if err != nil {
		return err
	}
	made := map[string]pack.File{}
	for _, f := range append(p.Files, p.Trial...) {
		made[f.Template] = f
	}
	names, err := p.Names()
	if err != nil {
		return err
	}
	list := struct {
		Version int          `json:"version"`
		Release string       `json:"release"`
		Files   []listedFile `json:"files"`
		Calls   []listedCall `json:"calls"`
		Ports   []pack.Port  `json:"ports"`
	}{1, p.Release, []listedFile{}, []listedCall{}, append([]pack.Port{}, p.Ports...)}
	for _, name := range names {
		l := listedFile{Name: name, Source: p.Source(name)}
		if f, ok := made[name]; ok {
			l.Path, l.Owner, l.Mode, l.Format = f.Path, f.Owner, fmt.Sprintf("%04o", uint32(f.Mode)), f.Format
			l.Merge, l.Evidence = string(f.Merge), &f.Evidence
			if f.Policy == pack.Create {
				l.Merge = string(f.Policy)
			}
		}
		list.Files = append(list.Files, l)
	}
	for _, call := range p.Calls {
		list.Calls = append(list.Calls, listedCall{call.Name, call.Method, call.Path, call.Evidence})
	}
	return c.print(a, nil, list, func(w io.Writer, lang msg.Lang) error {
		fmt.Fprintln(a.stderr, p.Release)
		var rows [][]string
		for _, l := range list.Files {
			row := []string{l.Name, l.Source}
			if l.Evidence != nil {
				row = append(row, l.Path, l.Owner, l.Mode, string(l.Format), l.Merge, evidence(lang, l.Evidence.Path),
					evidence(lang, l.Evidence.Template))
			}
			rows = append(rows, row)
		}
		if err := msg.PrintColumns(w, rows); err != nil {
			return err
		}
		rows = nil
		for _, call := range list.Calls {
			rows = append(rows, []string{call.Name, call.Method + " " + call.Path, evidence(lang, call.Evidence)})
		}
		for _, port := range list.Ports {
			rows = append(rows, []string{port.Key, port.File, evidence(lang, port.Evidence)})
		}
		if len(rows) == 0 {
			return nil
		}
		fmt.Fprintln(w)
		return msg.PrintColumns(w, rows)
	})
}

// evidence returns the word for how something is known; a dash where that is not said.
func evidence(lang msg.Lang, e pack.Evidence) string {
	switch e {
	case pack.Documented:
		return lang.Sprintf("documented")
	case pack.Observed:
		return lang.Sprintf("observed")
	case pack.Guess:
		return lang.Sprintf("guess")
	}
	return "-"
}

// packShow is `omsinit pack show`.
type packShow struct {
	target
	Name string
}

func (c *packShow) args() arguments {
	return arguments{
		usage: "NAME", first: []*string{&c.Name}, missing: msg.M("name a file of the pack; see `omsinit pack list`"),
	}
}

// Run prints the file.
func (c *packShow) Run(_ context.Context, a *app) error {
	p, err := c.node.Pack()
	if err != nil {
		return err
	}
	data, err := fs.ReadFile(p.FS(), c.Name)
	if err != nil {
		return usage(msg.M("the pack has no file %q; see `omsinit pack list`", c.Name))
	}
	_, err = a.stdout.Write(data)
	return err
}

// packExport is `omsinit pack export`.
type packExport struct {
	target
	Dir   string
	Names []string
}

func (c *packExport) args() arguments {
	return arguments{usage: "DIR [NAME…]", first: []*string{&c.Dir}, rest: &c.Names,
		missing: msg.M("name the folder to write to")}
}

// Run writes the files, and lists them.
func (c *packExport) Run(_ context.Context, a *app) error {
	p, err := c.node.Pack()
	if err != nil {
		return err
	}
	written, err := p.Export(c.Dir, c.Names)
	for _, name := range written {
		fmt.Fprintln(a.stdout, name)
	}
	return err
}

// packLint is `omsinit pack lint`.
type packLint struct {
	report
	Dir string
}

func (c *packLint) args() arguments { return packFolders(&c.Dir) }

// Run prints the faults, and returns errFindings when one is more than a warning.
func (c *packLint) Run(_ context.Context, a *app) error {
	if err := findPacks(&c.Dir); err != nil {
		return err
	}
	faults, err := packs.Lint(c.node, c.Dir)
	err = c.print(a, err, prove.FaultsJSON(faults), func(w io.Writer, lang msg.Lang) error {
		return prove.PrintFaults(w, lang, faults)
	})
	wrong := slices.ContainsFunc(faults, func(f finding.Finding) bool { return f.Severity == finding.Error })
	return found(err, wrong, errFindings)
}

// packDiff is `omsinit pack diff`.
type packDiff struct {
	output
	From, To string
}

func (c *packDiff) args() arguments { return packFolders(&c.From, &c.To) }

// Run prints the differences, and returns errChanges when there are any.
func (c *packDiff) Run(_ context.Context, a *app) error {
	if err := findPacks(&c.From, &c.To); err != nil {
		return err
	}
	changes, err := packs.Diff(c.From, c.To)
	err = c.print(a, err, prove.ChangesJSON(changes), func(w io.Writer, lang msg.Lang) error {
		return prove.PrintChanges(w, lang, changes)
	})
	return found(err, len(changes) > 0, errChanges)
}

// packFolders are arguments that are folders of packs.
func packFolders(dirs ...*string) arguments {
	usage := strings.TrimSpace(strings.Repeat("DIR ", len(dirs)))
	return arguments{usage: usage, first: dirs, missing: msg.M("name the folder of the pack")}
}

// findPacks checks folders of packs. A dash is the built-in pack, which has none.
func findPacks(dirs ...*string) error {
	for _, dir := range dirs {
		if *dir == "-" {
			*dir = ""
			continue
		}
		if info, err := os.Stat(*dir); err != nil || !info.IsDir() {
			return usage(msg.M("%s is not a folder", *dir))
		}
	}
	return nil
}

// packSchema is `omsinit pack schema`.
type packSchema struct{}

// Run prints the schema.
func (c *packSchema) Run(_ context.Context, a *app) error {
	_, err := a.stdout.Write(scripts.PackSchema)
	return err
}
