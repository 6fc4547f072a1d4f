package cli

import (
	"context"
	"fmt"
	"os"
	"strings"

	urfave "github.com/urfave/cli/v2"

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

// The help pages of the library, in English.
var (
	appHelp, commandHelp, groupHelp = urfave.AppHelpTemplate, urfave.CommandHelpTemplate, urfave.SubcommandHelpTemplate
	flagHelp                        = urfave.FlagStringer
)

// localizeHelp puts the words of the help pages themselves into the language.
func localizeHelp(lang msg.Lang) {
	var words []string
	for _, heading := range []msg.Message{
		msg.M("NAME:"), msg.M("USAGE:"), msg.M("COMMANDS:"), msg.M("GLOBAL OPTIONS:"), msg.M("OPTIONS:"), msg.M("DESCRIPTION:"),
	} {
		words = append(words, heading.String(), heading.In(lang))
	}
	replace, standard := strings.NewReplacer(words...).Replace, msg.M("(default: ")
	urfave.AppHelpTemplate, urfave.CommandHelpTemplate = replace(appHelp), replace(commandHelp)
	urfave.SubcommandHelpTemplate = replace(groupHelp)
	urfave.FlagStringer = func(f urfave.Flag) string {
		return strings.Replace(flagHelp(f), standard.String(), standard.In(lang), 1)
	}
	urfave.HelpFlag = &urfave.BoolFlag{
		Name: "help", Aliases: []string{"h"}, Usage: lang.Sprintf("show help"), DisableDefaultText: true,
	}
}

// helpCommand is `omsinit help`.
type helpCommand struct{ Words []string }

func (c *helpCommand) args() arguments { return arguments{usage: "[COMMAND…]", rest: &c.Words} }

// Run shows a page.
func (c *helpCommand) Run(ctx context.Context, a *app) error {
	return a.run(ctx, append(c.Words, "--help"))
}

// versionCommand is `omsinit version`.
type versionCommand struct{}

// Run prints the version.
func (c *versionCommand) Run(_ context.Context, a *app) error {
	_, err := fmt.Fprintln(a.stdout, "omsinit "+version)
	return err
}
