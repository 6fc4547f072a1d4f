package cli

import (
	"io"

	urfave "github.com/urfave/cli/v2"

	"omsinit/capture"
	"omsinit/init/flow"
	"omsinit/internal/msg"
)

// packCapture is `omsinit pack capture`.
func packCapture(lang msg.Lang) *urfave.Command {
	t := lang.Sprintf
	return &urfave.Command{Name: "capture", Usage: t("learn the pack of a release from an initialised installation"),
		Description: t("Run it inside an initialised container, or with --root on a copy of its files. The installation and its MetaDB are only read; the proof at the end creates three scratch databases called omsinit_scratch_…, and drops them. Exit status 3: the pack was written but does not make everything again."),
		Flags: append([]urfave.Flag{
			&urfave.StringFlag{Name: "out", Usage: t("folder of the pack, new or empty")},
			&urfave.BoolFlag{Name: "force", DisableDefaultText: true, Usage: t("replace the pack that is in that folder")},
			&urfave.StringFlag{Name: "release", Usage: t("OMS version, such as 4.2.7-CE (default: what the table oms_version says)")},
			&urfave.StringSliceFlag{Name: "file", Usage: t("a further file, or a folder of files, as a path of the container")},
			&urfave.StringSliceFlag{Name: "rows", Usage: t("a TABLE, or rm.TABLE, cm.TABLE, hb.TABLE, whose rows are settings (default: tables of at most 500 rows with a name such as config, setting, param, dict or label)")},
			&urfave.StringFlag{Name: "since", Usage: t("the pack of the previous release: the schema becomes what this release adds")},
			&urfave.StringFlag{Name: "record", Usage: t("the old step 5, a shell command that is run once while its calls to the CM are recorded")},
			&urfave.StringFlag{Name: "compare-record", Usage: t("the same of the second installation, a command that can be run here")},
			&urfave.StringSliceFlag{Name: "text", Usage: t("PATH:KEY of a value that is named like a secret and is none")},
			outputFlag(lang),
		}, captureFlags(lang)...),
		Action: func(c *urfave.Context) error { return runCapture(c, lang) }}
}

// packVerify is `omsinit pack verify`.
func packVerify(lang msg.Lang) *urfave.Command {
	t := lang.Sprintf
	return &urfave.Command{Name: "verify", Usage: t("compare what a pack makes with what an installation has"), ArgsUsage: "DIR",
		Description: t("Files to the byte, the schema through information_schema in scratch databases called omsinit_scratch_…, and whether the programs can be read. Exit status 3: something differs."),
		Flags:       append(captureFlags(lang), outputFlag(lang)),
		Action:      func(c *urfave.Context) error { return runVerify(c, lang) }}
}

func captureFlags(lang msg.Lang) []urfave.Flag {
	t := lang.Sprintf
	return []urfave.Flag{
		&urfave.StringFlag{Name: "compare", Usage: t("folder with the files of a second installation, of the same release with another configuration")},
		&urfave.StringFlag{Name: "compare-host-ip", Usage: t("OMS_HOST_IP of the second installation, when it has several nodes")},
		&urfave.BoolFlag{Name: "no-metadb", DisableDefaultText: true, Usage: t("leave the databases out")},
	}
}

func captureOptions(c *urfave.Context) flow.CaptureOptions {
	return flow.CaptureOptions{
		Compare: c.String("compare"), CompareHostIP: c.String("compare-host-ip"), NoMetaDB: c.Bool("no-metadb"),
		Record: c.String("record"), CompareRecord: c.String("compare-record"), Release: c.String("release"), Since: c.String("since"), Out: c.String("out"), Force: c.Bool("force"),
		Files: c.StringSlice("file"), Keep: c.StringSlice("text"), Rows: c.StringSlice("rows"),
	}
}

func runCapture(c *urfave.Context, lang msg.Lang) error {
	if c.String("out") == "" {
		return urfave.Exit(lang.Sprintf("omsinit: name the folder to write to with --out"), exitUsage)
	}
	report, err := flow.Capture(c.Context, initOptions(c, lang, nil, nil), captureOptions(c))
	if err != nil {
		return err
	}
	err = print(c, lang, report.JSON(), report.Print)
	if err == nil && !report.Verified {
		return urfave.Exit("", exitFindings)
	}
	return err
}

func runVerify(c *urfave.Context, lang msg.Lang) error {
	dir, err := packFolder(c.Args().First(), lang)
	if err != nil {
		return err
	}
	differences, err := flow.VerifyPack(c.Context, initOptions(c, lang, nil, nil), captureOptions(c), dir)
	if err != nil {
		return err
	}
	err = print(c, lang, capture.DifferencesJSON(differences), func(w io.Writer, lang msg.Lang) error {
		return capture.PrintDifferences(w, lang, differences)
	})
	if err == nil && len(differences) > 0 {
		return urfave.Exit("", exitFindings)
	}
	return err
}
