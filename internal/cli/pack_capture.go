package cli

import (
	"context"

	"omsinit/capture/behave"
	"omsinit/init/flow"
	"omsinit/internal/msg"
)

// packVerify is `omsinit pack verify`.
type packVerify struct {
	report
	flow.CaptureOptions
	Dir   string
	Image string
}

func (c *packVerify) args() arguments { return packFolders(&c.Dir) }

func (c *packVerify) flags(t translate) flags {
	return append(captureFlags(t, &c.CaptureOptions), c.flag(t), boolFlag(&c.Synthetic, "synthetic",
		t("also render it for configurations that no installation has, and look for values of the captured one")),
		textFlag(&c.Image, "boot", t("boot it in a container of this image with another configuration, change that, and look at what happens (needs docker, --from, and the MetaDB of that installation)")),
		boolFlag(&c.Boot, "boot-here", t(
			"do the same in this container, which must not be initialised, and is thrown away afterwards")))
}

func captureFlags(t translate, o *flow.CaptureOptions) flags {
	return flags{
		textFlag(&o.From, "from", t("read this bundle of pack capture --bundle in the place of this container")),
		textFlag(&o.Compare, "compare", t("compare with the bundles of other installations, of the same release with other configurations, with commas")),
		boolFlag(&o.NoMetaDB, "no-metadb", t("leave the databases out")),
	}
}

// Run prints the result, and returns errFindings when there are differences.
func (c *packVerify) Run(ctx context.Context, a *app) error {
	if err := findPacks(&c.Dir); err != nil {
		return err
	}
	if c.Image != "" {
		image := behave.Image{Name: c.Image, From: c.From, Compare: c.Others(), Out: a.stdout, Err: a.stderr}
		status, err := image.Boot(ctx, c.Dir, "--output", c.Format, "--lang", string(a.lang))
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return found(err, status != 0, programStatus(status))
	}
	r, err := c.flow().VerifyPack(ctx, c.CaptureOptions, c.Dir)
	return found(c.print(a, err, r.JSON(), r.Print), len(r.Differences) > 0, errFindings)
}

// packCapture is `omsinit pack capture`.
type packCapture struct {
	report
	flow.CaptureOptions
	Bundle string
}

func (c *packCapture) flags(t translate) flags {
	return append(flags{
		textFlag(&c.Out, "out", t("write the pack into this folder, new or empty")),
		textFlag(&c.Bundle, "bundle", t(
			"write all that is read here into this file, passwords too; the pack is then made of it elsewhere")),
		boolFlag(&c.Force, "force", t("replace the pack in that folder, or the bundle")),
		textFlag(&c.Release, "release", t(
			"record this OMS version, such as 4.2.7-CE (default: that of the table oms_version)")),
		listFlag(&c.Files, "file", t(
			"also capture this file, or the files of this folder; it is a path of the container")),
		listFlag(&c.Leave, "leave", t(
			"leave this file, or the files of this folder, out of the pack; it is a path of the container")),
		textFlag(&c.Diff, "diff", t("take over what this file, the output of docker diff, says that the container's start made: folders, files, and the rest as lines of the report")),
		listFlag(&c.Rows, "rows", t("treat the rows of this TABLE, rm.TABLE, cm.TABLE or hb.TABLE as settings (default: rows that a second installation has too, or, without one, those of tables of at most 500 rows with a name such as config, setting, param, dict or label)")),
		listFlag(&c.Register, "register", t(
			"let step 5 write the rows of this TABLE, which the old one writes by SQL and not the CM")),
		textFlag(&c.Since, "since", t(
			"reduce the schema to what this release adds to the pack of the previous one in this folder")),
		textFlag(&c.Record, "record", t("run this shell command once, the old step 5, and record its calls to the CM")),
		boolFlag(&c.WatchRestart, "watch-restart",
			t("restart the programs one after the other, to see which files each of them reads; OMS is away meanwhile")),
		boolFlag(&c.AllowMissingCalls, "allow-missing-calls",
			t("leave out calls to the CM that cannot be sent again, so that step 5 does less than the old one")),
		boolFlag(&c.Advise, "advise", t("only print the config.yaml of a further installation that decides what this one, or those of --from and --compare, leave open")),
		listFlag(&c.Keep, "text", t("keep the value of PATH:KEY as text: it is named like a secret and is none")),
		c.flag(t),
	}, captureFlags(t, &c.CaptureOptions)...)
}

// Run writes the pack and prints what was found; errFindings: the pack does not make everything again.
func (c *packCapture) Run(ctx context.Context, a *app) error {
	switch {
	case c.Advise:
		return c.flow().Advise(ctx, c.CaptureOptions)
	case c.Bundle != "":
		return c.flow().Bundle(ctx, c.CaptureOptions, c.Bundle)
	case c.Out == "":
		return usage(msg.M("name the folder to write to with --out, or the file with --bundle"))
	}
	report, err := c.flow().Capture(ctx, c.CaptureOptions)
	if err != nil {
		return err
	}
	return found(c.print(a, nil, report.JSON(), report.Print), !report.Verified, errFindings)
}
