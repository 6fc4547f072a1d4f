package cli

import (
	"strings"

	urfave "github.com/urfave/cli/v2"

	"omsinit/internal/helppage"
	"omsinit/internal/msg"
)

// arguments are the words behind a command that are no options.
type arguments struct {
	usage   string      // as on the help page; those in brackets may be left out
	first   []*string   // where the first ones go
	rest    *[]string   // where the others go; nil when there may be none
	missing msg.Message // what is said when one is missing
}

// take hands the words on to where they go.
func (a arguments) take(command string, words []string) error {
	required, _, _ := strings.Cut(a.usage, "[")
	if len(words) < len(strings.Fields(required)) {
		return usage(a.missing)
	}
	for i, word := range words {
		switch {
		case i < len(a.first):
			*a.first[i] = word
		case a.rest == nil:
			name := strings.TrimPrefix(command, "omsinit ")
			return usage(msg.M("%s takes no argument %q; see `omsinit help %s`", name, word, name))
		default:
			*a.rest = append(*a.rest, word)
		}
	}
	return nil
}

// arrange returns the words of a command line with the options of each command in front of its arguments, where
// urfave/cli looks for them. Options end at "--", and at the COMMAND of `omsinit run`, which has options of its own.
func arrange(flags []urfave.Flag, commands []*urfave.Command, words []string) []string {
	var options, arguments []string
	for len(words) > 0 {
		word := words[0]
		switch below := find(commands, word); {
		case word == "--":
			arguments, words = append(arguments, words[1:]...), nil
		case strings.HasPrefix(word, "-") && word != "-":
			n := 1
			if takesValue(flags, word) {
				n = min(2, len(words))
			}
			options, words = append(options, words[:n]...), words[n:]
		case below != nil && below.Name == runName:
			return append(append(options, word), words[1:]...)
		case below != nil:
			return append(append(options, word), arrange(below.Flags, below.Subcommands, words[1:])...)
		case len(commands) > 0: // there is no such command, and what is behind it belongs to it
			arguments, words = append(arguments, words...), nil
		default:
			arguments, words = append(arguments, word), words[1:]
		}
	}
	if len(arguments) > 0 {
		options = append(options, "--")
	}
	return append(options, arguments...)
}

func find(commands []*urfave.Command, name string) *urfave.Command {
	for _, c := range commands {
		if c.HasName(name) {
			return c
		}
	}
	return nil
}

// takesValue reports whether an option is followed by its value. One that nobody knows is not: what is wrong with it is
// said later.
func takesValue(flags []urfave.Flag, option string) bool {
	name := strings.TrimPrefix(strings.TrimPrefix(option, "-"), "-")
	for _, f := range flags {
		for _, n := range f.Names() {
			if n == name {
				return !helppage.StandsAlone(f) && f.(urfave.DocGenerationFlag).TakesValue()
			}
		}
	}
	return false
}
