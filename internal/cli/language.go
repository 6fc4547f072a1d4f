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
	words := strings.NewReplacer(
		"NAME:", "名称：", "USAGE:", "用法：", "COMMANDS:", "命令：", "GLOBAL OPTIONS:", "选项：", "OPTIONS:", "选项：", "DESCRIPTION:", "说明：",
	)
	urfave.AppHelpTemplate = words.Replace(urfave.AppHelpTemplate)
	urfave.CommandHelpTemplate = words.Replace(urfave.CommandHelpTemplate)
	urfave.SubcommandHelpTemplate = words.Replace(urfave.SubcommandHelpTemplate)
	english := urfave.FlagStringer
	urfave.FlagStringer = func(f urfave.Flag) string { return strings.Replace(english(f), "(default: ", "(默认值：", 1) }
	urfave.HelpFlag = &urfave.BoolFlag{Name: "help", Aliases: []string{"h"}, Usage: "显示帮助", DisableDefaultText: true}
}
