package cli

import (
	"fmt"
	"io/fs"
	"os"

	urfave "github.com/urfave/cli/v2"

	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

// packCommand shows what differs between OMS releases, and lets an image
// builder take it as a start.
func packCommand(lang msg.Lang) *urfave.Command {
	t := lang.Sprintf
	return &urfave.Command{Name: "pack", Usage: t("what differs between OMS releases: templates, schema, program files"), ArgsUsage: "COMMAND",
		Subcommands: []*urfave.Command{
			{Name: "list", Usage: t("the files of the pack, where each comes from, and what is made from it"),
				Action: func(c *urfave.Context) error {
					p, err := pack.Open(initOptions(c, lang, nil, nil).PackDir)
					if err != nil {
						return err
					}
					return listPack(c, p)
				}},
			{Name: "show", Usage: t("print a file of the pack"), ArgsUsage: "NAME",
				Action: func(c *urfave.Context) error {
					p, err := pack.Open(initOptions(c, lang, nil, nil).PackDir)
					if err != nil {
						return err
					}
					data, err := fs.ReadFile(p.FS(), c.Args().First())
					if err != nil {
						return urfave.Exit(t("omsinit: the pack has no file %q; see `omsinit pack list`", c.Args().First()), exitUsage)
					}
					_, err = c.App.Writer.Write(data)
					return err
				}},
			{Name: "export", Usage: t("write the files of the pack into a folder, to be edited there"), ArgsUsage: "DIR [NAME…]",
				Description: t("Without NAME all of them. What is in the folder already is not overwritten. The folder can be used with --pack, or put at /usr/share/omsinit/pack of an image; it needs only the files that differ."),
				Action: func(c *urfave.Context) error {
					if !c.Args().Present() {
						return urfave.Exit(t("omsinit: name the folder to write to"), exitUsage)
					}
					p, err := pack.Open(initOptions(c, lang, nil, nil).PackDir)
					if err != nil {
						return err
					}
					written, err := p.Export(c.Args().First(), c.Args().Tail())
					for _, name := range written {
						fmt.Fprintln(c.App.Writer, name)
					}
					return err
				}},
			packCapture(lang),
			packVerify(lang),
			packLint(lang),
			packDiff(lang),
			packSchema(lang),
		}}
}

func listPack(c *urfave.Context, p *pack.Pack) error {
	made := map[string]pack.File{}
	for _, f := range append(p.Files, p.Trial...) {
		made[f.Template] = f
	}
	names, err := p.Names()
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, p.Release)
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
	return msg.PrintColumns(c.App.Writer, rows)
}
