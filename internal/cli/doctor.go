package cli

import (
	"context"
	"os"
	"slices"
	"time"

	urfave "github.com/urfave/cli/v2"

	"omsinit/init/diagnose"
	"omsinit/internal/console"
	"omsinit/internal/msg"
)

// doctorCommand is `omsinit doctor`.
type doctorCommand struct {
	report
	Since time.Duration
}

func (c *doctorCommand) flags(t translate) flags {
	return flags{sinceFlag(t, &c.Since, 24*time.Hour), ignoreFlag(t, &c.Ignore), c.flag(t)}
}

func sinceFlag(t translate, to *time.Duration, standard time.Duration) *urfave.DurationFlag {
	f := durationFlag(to, "since", standard, t("look at what logs say since this long ago"))
	positive(f)
	return f
}

// Run prints the facts and the ranked causes; errFindings when there is an error among them.
func (c *doctorCommand) Run(ctx context.Context, a *app) error {
	diagnosis, err := diagnose.New(c.node, c.Options).Doctor(ctx, c.Since)
	return found(c.print(a, err, diagnosis.JSON(a.lang), diagnosis.Print), diagnosis.Failed(), errFindings)
}

// consoleUnlock is `omsinit console unlock USER`.
type consoleUnlock struct {
	report
	Yes, DryRun bool
	User        string
}

func (c *consoleUnlock) args() arguments {
	return arguments{usage: "USER", first: []*string{&c.User},
		missing: msg.M("name the user of the console: omsinit console unlock admin")}
}

func (c *consoleUnlock) flags(t translate) flags {
	return flags{
		boolFlag(&c.DryRun, "dry-run", t("show whether the user is locked, and change nothing")),
		boolFlag(&c.Yes, "yes", t("do not ask")), c.flag(t),
	}
}

// Run asks, and unlocks the user.
func (c *consoleUnlock) Run(ctx context.Context, a *app) error {
	user, err := c.flow().UnlockUser(ctx, c.User, func(u console.User) (bool, error) {
		if c.DryRun || c.Yes {
			return c.Yes && !c.DryRun, nil
		}
		return a.prompter(ctx).Confirm(msg.M("set is_locked (%v) and login_failure_times (%d) of the user %s to 0?",
			u.Locked, u.Failures, u.User))
	})
	return c.print(a, err, user, plain(user.Print))
}

// supportCommand is `omsinit support`.
type supportCommand struct {
	report
	diagnose.SupportOptions
}

func (c *supportCommand) flags(t translate) flags {
	out := textFlag(&c.Out, "out", t("write the bundle to this file or folder, or to the standard output (-)"))
	out.DefaultText = t("the log mount, with the host and the time in its name")
	return flags{
		out, sinceFlag(t, &c.Since, 2*time.Hour),
		boolFlag(&c.Anonymize, "anonymize", t("replace names and addresses, each by the same one everywhere")),
		boolFlag(&c.DryRun, "dry-run", t("list what would go in, and write nothing")), c.flag(t),
	}
}

// Run writes the bundle, or lists what would go in.
func (c *supportCommand) Run(ctx context.Context, a *app) error {
	streamed := !c.DryRun && slices.Contains([]string{"-", "/dev/stdout"}, c.Out)
	if streamed {
		if isTerminal(a.stdout) {
			return usage(msg.M("the bundle is not text: send the standard output to a file (docker exec CONTAINER omsinit support --out - > FILE)"))
		}
		c.Stream = a.stdout
	} else if info, err := os.Stat(c.Out); err == nil && !info.IsDir() && !info.Mode().IsRegular() && !c.DryRun {
		to, err := os.OpenFile(c.Out, os.O_WRONLY, 0) // a pipe or a device
		if err != nil {
			return err
		}
		defer to.Close()
		c.Stream, streamed = to, true
	}
	listed, err := diagnose.New(c.node, c.Options).Support(ctx, c.SupportOptions)
	if err != nil || streamed {
		return err
	}
	if c.DryRun || c.Format != "text" {
		return c.print(a, nil, listed, listed.Print)
	}
	return a.print(msg.M("%s: %d files, %d KB; look into it before you send it", listed.File, len(listed.Entries),
		listed.Size>>10))
}
