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
	"omsinit/init/flow"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
	"omsinit/scripts"
)

// packList is `omsinit pack list`.
type packList struct{ target }

// Run lists the files.
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
	fmt.Fprintln(a.stderr, p.Release)
	var rows [][]string
	for _, name := range names {
		f, ok := made[name]
		if !ok {
			rows = append(rows, []string{name, p.Source(name)})
			continue
		}
		merge := string(f.Merge)
		if f.Policy == pack.Create {
			merge = string(f.Policy)
		}
		mode := fmt.Sprintf("%04o", uint32(f.Mode))
		rows = append(rows, []string{name, p.Source(name), f.Path, f.Owner, mode, string(f.Format), merge})
	}
	return msg.PrintColumns(a.stdout, rows)
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
	return arguments{usage: "DIR [NAME…]", first: []*string{&c.Dir}, rest: &c.Names, missing: msg.M("name the folder to write to")}
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
	output
	Dir string
}

func (c *packLint) args() arguments { return packFolders(&c.Dir) }

// Run prints the faults, and returns errFindings when one is more than a warning.
func (c *packLint) Run(_ context.Context, a *app) error {
	if err := findPacks(&c.Dir); err != nil {
		return err
	}
	faults, err := flow.LintPack(c.Dir)
	err = c.print(a, err, prove.FaultsJSON(faults), func(w io.Writer, lang msg.Lang) error {
		return prove.PrintFaults(w, lang, faults)
	})
	wrong := slices.ContainsFunc(faults, func(f prove.Fault) bool { return f.Severity == "error" })
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
	changes, err := flow.DiffPacks(c.From, c.To)
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
