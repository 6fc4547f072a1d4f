package cli

import (
	"os"
	"strings"

	urfave "github.com/urfave/cli/v2"

	"omsinit/internal/msg"
)

// language is --lang wherever it stands on the command line, then OMS_LANG,
// then the locale. It must be known before the flags, whose help it words.
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
		if lang, known := msg.Parse(value); known {
			chosen = lang // the last one, as with other options
		}
	}
	return chosen
}

// localizeHelp puts the words of the help page itself into the language.
func localizeHelp(lang msg.Lang) {
	if lang != msg.Chinese {
		return
	}
	var words []string
	for _, heading := range []msg.Message{
		msg.M("NAME:"), msg.M("USAGE:"), msg.M("COMMANDS:"), msg.M("GLOBAL OPTIONS:"), msg.M("OPTIONS:"), msg.M("DESCRIPTION:"),
	} {
		words = append(words, heading.String(), heading.In(lang))
	}
	replace := strings.NewReplacer(words...).Replace
	urfave.AppHelpTemplate = replace(urfave.AppHelpTemplate)
	urfave.CommandHelpTemplate = replace(urfave.CommandHelpTemplate)
	urfave.SubcommandHelpTemplate = replace(urfave.SubcommandHelpTemplate)
	english, byDefault := urfave.FlagStringer, msg.M("(default: ")
	urfave.FlagStringer = func(f urfave.Flag) string {
		return strings.Replace(english(f), byDefault.String(), byDefault.In(lang), 1)
	}
	urfave.HelpFlag = &urfave.BoolFlag{
		Name: "help", Aliases: []string{"h"}, Usage: lang.Sprintf("show help"), DisableDefaultText: true,
	}
}
