package cli

import (
	"context"
	"io"
	"os"
	"strings"

	"omsinit/internal/helppage"
	"omsinit/internal/msg"
)

// language is --lang wherever it stands on the command line, then OMS_LANG,
// then the locale. It is needed before the flags are, whose help is in it.
func language(args []string) msg.Lang {
	chosen := msg.FromEnv(os.Getenv)
	for i, arg := range args {
		if arg == "--" {
			break
		}
		value, ok := strings.CutPrefix(arg, "--lang=")
		if !ok && arg == "--lang" && i+1 < len(args) {
			value, ok = args[i+1], true
		}
		if !ok {
			continue
		}
		if lang, ok := msg.Parse(value); ok {
			chosen = lang // the last one, as with other options
		}
	}
	return chosen
}

// commandGroups are the groups of commands on the help page. A command that is in none is in the last.
var commandGroups = []helppage.Group{
	{Title: msg.M("First boot"), Commands: "run init check plan trial"},
	{Title: msg.M("Running"), Commands: "status start stop restart signal tail logs healthcheck"},
	{Title: msg.M("When something is wrong"), Commands: "doctor support console"},
	{Title: msg.M("Configuration"), Commands: "config reconfigure"},
	{Title: msg.M("MetaDB, cluster and upgrade"), Commands: "metadb cluster ha metrics upgrade"},
	{Title: msg.M("For those who build images"), Commands: "pack"},
	{Title: msg.M("Old names"), Commands: "add_resource"},
	{Title: msg.M("Help"), Commands: "help completion version"},
}

// helpCommand is `omsinit help`.
type helpCommand struct {
	Words []string
	Man   bool
}

func (c *helpCommand) args() arguments { return arguments{usage: "[COMMAND…]", rest: &c.Words} }

func (c *helpCommand) flags(t translate) flags {
	return flags{boolFlag(&c.Man, "man", t("print all pages as one manual page, for man"))}
}

// Run shows a page.
func (c *helpCommand) Run(ctx context.Context, a *app) error {
	if c.Man {
		_, err := io.WriteString(a.stdout, helppage.Manual(a.application(), a.lang, version, len(a.commonFlags())))
		return err
	}
	return a.run(ctx, append(c.Words, "--help"))
}
