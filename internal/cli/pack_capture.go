package cli

import (
	"context"
	"io"

	"omsinit/capture"
	"omsinit/init/flow"
	"omsinit/internal/msg"
)

// packVerify is `omsinit pack verify`.
type packVerify struct {
	report
	flow.CaptureOptions
	Dir string
}

func (c *packVerify) args() arguments { return packFolders(&c.Dir) }

func (c *packVerify) flags(t translate) flags {
	return append(captureFlags(t, &c.CaptureOptions), c.flag(t))
}

func captureFlags(t translate, o *flow.CaptureOptions) flags {
	return flags{
		textFlag(&o.Compare, "compare", t("compare with the files of a second installation in this folder, of the same release with another configuration")),
		textFlag(&o.CompareHostIP, "compare-host-ip", t("use this as OMS_HOST_IP of the second installation, when it has several nodes")),
		boolFlag(&o.NoMetaDB, "no-metadb", t("leave the databases out")),
	}
}

// Run prints the differences, and returns errFindings when there are any.
func (c *packVerify) Run(ctx context.Context, a *app) error {
	if err := findPacks(&c.Dir); err != nil {
		return err
	}
	differences, err := c.flow().VerifyPack(ctx, c.CaptureOptions, c.Dir)
	err = c.print(a, err, capture.DifferencesJSON(differences), func(w io.Writer, lang msg.Lang) error {
		return capture.PrintDifferences(w, lang, differences)
	})
	return found(err, len(differences) > 0, errFindings)
}

// packCapture is `omsinit pack capture`.
type packCapture struct {
	report
	flow.CaptureOptions
}

func (c *packCapture) flags(t translate) flags {
	return append(flags{
		textFlag(&c.Out, "out", t("write the pack into this folder, new or empty")),
		boolFlag(&c.Force, "force", t("replace the pack that is in that folder")),
		textFlag(&c.Release, "release", t("record this OMS version, such as 4.2.7-CE (default: that of the table oms_version)")),
		listFlag(&c.Files, "file", t("also capture this file, or the files of this folder; it is a path of the container")),
		listFlag(&c.Rows, "rows", t("treat the rows of this TABLE, rm.TABLE, cm.TABLE or hb.TABLE as settings (default: those of tables of at most 500 rows with a name such as config, setting, param, dict or label)")),
		textFlag(&c.Since, "since", t("reduce the schema to what this release adds to the pack of the previous one in this folder")),
		textFlag(&c.Record, "record", t("run this shell command once, the old step 5, and record its calls to the CM")),
		textFlag(&c.CompareRecord, "compare-record", t("do the same for the second installation, with a command that can be run here")),
		listFlag(&c.Keep, "text", t("keep the value of PATH:KEY as text: it is named like a secret and is none")),
		c.flag(t),
	}, captureFlags(t, &c.CaptureOptions)...)
}

// Run writes the pack and prints what was found; errFindings: the pack does not make everything again.
func (c *packCapture) Run(ctx context.Context, a *app) error {
	if c.Out == "" {
		return usage(msg.M("name the folder to write to with --out"))
	}
	report, err := c.flow().Capture(ctx, c.CaptureOptions)
	if err != nil {
		return err
	}
	return found(c.print(a, nil, report.JSON(), report.Print), !report.Verified, errFindings)
}
