package cli

import (
	"io"
	"os"
	"slices"

	urfave "github.com/urfave/cli/v2"

	"omsinit/capture"
	"omsinit/init/flow"
	"omsinit/internal/msg"
	"omsinit/scripts"
)

// packLint is `omsinit pack lint`.
func packLint(lang msg.Lang) *urfave.Command {
	t := lang.Sprintf
	return &urfave.Command{Name: "lint", Usage: t("find what is wrong with a pack"), ArgsUsage: "DIR",
		Description: t("Unknown keys, files that nothing is made from, missing escapes, secrets as text or in files that others may read, schema files that are never applied. Exit status 3: there are errors."),
		Flags:       []urfave.Flag{outputFlag(lang)},
		Action: func(c *urfave.Context) error {
			dir, err := packFolder(c.Args().First(), lang)
			if err != nil {
				return err
			}
			faults, err := flow.LintPack(dir)
			if err != nil {
				return err
			}
			err = print(c, lang, capture.FaultsJSON(faults), func(w io.Writer, lang msg.Lang) error {
				return capture.PrintFaults(w, lang, faults)
			})
			if err == nil && slices.ContainsFunc(faults, func(f capture.Fault) bool { return f.Severity == "error" }) {
				return urfave.Exit("", exitFindings)
			}
			return err
		}}
}

// packDiff is `omsinit pack diff`.
func packDiff(lang msg.Lang) *urfave.Command {
	t := lang.Sprintf
	return &urfave.Command{Name: "diff", Usage: t("show how two packs, such as those of two releases, differ"), ArgsUsage: "DIR DIR",
		Description: t("A dash in the place of a folder is the built-in pack. Exit status 2: they differ."),
		Flags:       []urfave.Flag{outputFlag(lang)},
		Action: func(c *urfave.Context) error {
			a, err := packFolder(c.Args().Get(0), lang)
			if err != nil {
				return err
			}
			b, err := packFolder(c.Args().Get(1), lang)
			if err != nil {
				return err
			}
			changes, err := flow.DiffPacks(a, b)
			if err != nil {
				return err
			}
			err = print(c, lang, capture.ChangesJSON(changes), func(w io.Writer, lang msg.Lang) error {
				return capture.PrintChanges(w, lang, changes)
			})
			if err == nil && len(changes) > 0 {
				return urfave.Exit("", exitChanges)
			}
			return err
		}}
}

// packSchema is `omsinit pack schema`.
func packSchema(lang msg.Lang) *urfave.Command {
	return &urfave.Command{Name: "schema", Usage: lang.Sprintf("print the JSON Schema of pack.yaml"),
		Action: func(c *urfave.Context) error { _, err := c.App.Writer.Write(scripts.PackSchema); return err }}
}

// packFolder reads a folder argument; a dash is the built-in pack.
func packFolder(dir string, lang msg.Lang) (string, error) {
	if dir == "-" {
		return "", nil
	}
	if dir == "" {
		return "", urfave.Exit(lang.Sprintf("omsinit: name the folder of the pack"), exitUsage)
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return "", urfave.Exit(lang.Sprintf("omsinit: %s is not a folder", dir), exitUsage)
	}
	return dir, nil
}
