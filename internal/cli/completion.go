package cli

import (
	"cmp"
	"context"
	_ "embed"
	"fmt"
	"strings"
	"time"

	"omsinit/check"
	"omsinit/init/component"
	"omsinit/init/dialogue"
	"omsinit/init/flow"
	"omsinit/internal/config"
	"omsinit/internal/helppage"
	"omsinit/internal/layout"
	"omsinit/internal/msg"
)

// The scripts of the shells: they hand the words of a command line up to the cursor to `omsinit completion words`.
var (
	//go:embed completion.bash
	bashCompletion string
	//go:embed completion.zsh
	zshCompletion string
)

// completionCommand is `omsinit completion`.
type completionCommand struct {
	Shell string
	Words []string
}

func (c *completionCommand) args() arguments {
	return arguments{usage: "bash|zsh", first: []*string{&c.Shell}, rest: &c.Words,
		missing: msg.M("name the shell: bash or zsh")}
}

// Run prints the script of a shell, or for such a script what the last of the words may be.
func (c *completionCommand) Run(ctx context.Context, a *app) error {
	var err error
	switch {
	case c.Shell == "bash" && len(c.Words) == 0:
		_, err = fmt.Fprint(a.stdout, bashCompletion)
	case c.Shell == "zsh" && len(c.Words) == 0:
		_, err = fmt.Fprint(a.stdout, zshCompletion)
	case c.Shell == "words":
		for _, candidate := range a.candidates(ctx, c.Words) {
			fmt.Fprintln(a.stdout, candidate.word+"\t"+candidate.about)
		}
	default:
		err = usage(msg.M("name the shell: bash or zsh"))
	}
	return err
}

// candidate is a word that may stand on the command line, with what it means where that is known.
type candidate struct{ word, about string }

// candidates returns what the last word may be. None leaves it to the shell, which completes names of files.
func (a *app) candidates(ctx context.Context, words []string) (list []candidate) {
	if len(words) == 0 {
		words = []string{""}
	}
	last := len(words) - 1
	prefix, lead := words[last], ""
	options, commands, usage, isNew := a.application().Flags, a.application().Commands, "", false
	given := 0
	for i := 0; i < last; i++ {
		word := words[i]
		below := find(commands, word)
		switch {
		case word == "--":
			return nil
		case strings.HasPrefix(word, "-") && takesValue(options, word):
			name := strings.TrimLeft(word, "-")
			if i+1 == last {
				return a.matching(ctx, name, prefix, lead)
			}
			if i++; name == "root" {
				a.root = words[i]
			}
		case strings.HasPrefix(word, "-"):
		case below != nil && below.Name == "help": // the names of commands are its arguments
			options = below.Flags
		case below != nil:
			options, commands, usage = below.Flags, below.Subcommands, below.ArgsUsage
			isNew = word == "new"
		default:
			given++
		}
	}
	if name, value, ok := strings.Cut(prefix, "="); ok {
		return a.matching(ctx, strings.TrimLeft(name, "-"), value, name+"=")
	}
	switch {
	case strings.HasPrefix(prefix, "-"):
		for _, o := range options {
			list = append(list, candidate{dashed(o.Names()[0]), helppage.About(a.lang, o)})
		}
	case len(commands) > 0 && given == 0:
		for _, c := range commands {
			if !c.Hidden {
				list = append(list, candidate{c.Name, c.Usage})
			}
		}
	default:
		if places := strings.Fields(strings.NewReplacer("[", "", "]", "").Replace(usage)); len(places) > 0 {
			place := places[min(given, len(places)-1)]
			if given < len(places) || strings.HasSuffix(place, "…") {
				place = strings.TrimSuffix(place, "…")
				if isNew {
					place = "new"
				}
				return a.matching(ctx, place, prefix, lead)
			}
		}
	}
	return beginning(list, prefix, lead)
}

// beginning returns the candidates that begin so, behind what leads to them.
func beginning(list []candidate, prefix, lead string) (fit []candidate) {
	for _, c := range list {
		if strings.HasPrefix(c.word, prefix) {
			about, _, _ := strings.Cut(c.about, "\n")
			fit = append(fit, candidate{lead + c.word, about})
		}
	}
	return fit
}

// matching returns the values of an option, or of an argument by its name on the help page. Of a list with commas the
// last one is completed.
func (a *app) matching(ctx context.Context, name, prefix, lead string) []candidate {
	if i := strings.LastIndexByte(prefix, ','); i >= 0 {
		prefix, lead = prefix[i+1:], lead+prefix[:i+1]
	}
	return beginning(a.values(ctx, name), prefix, lead)
}

// completionTime is how long a person waits for candidates that somebody else has to name.
const completionTime = time.Second

// values returns the values that are known of an option or an argument.
func (a *app) values(ctx context.Context, name string) (list []candidate) {
	add := func(words ...string) []candidate {
		for _, word := range words {
			list = append(list, candidate{word, ""})
		}
		return list
	}
	switch name {
	case "output":
		for _, f := range formats {
			add(f.name)
		}
	case "SIGNAL":
		add("HUP", "INT", "QUIT", "KILL", "USR1", "USR2", "TERM")
	case "only", "skip":
		for _, p := range flow.Phases {
			list = append(list, candidate{p.Name, p.Banner.In(a.lang)})
		}
	case "explain", "ignore":
		for _, e := range check.Explanations() {
			if name == "explain" || !e.Mandatory {
				list = append(list, candidate{e.ID, e.Cause.In(a.lang)})
			}
		}
	case dialogue.Mode:
		add(dialogue.Modes()...)
	case "new": // answers, which are keys of config.yaml and some more
		for _, key := range dialogue.Keys() {
			add(key + "=")
		}
		fallthrough
	case "KEY=VALUE":
		for _, k := range config.Keys() {
			word := k.Name + "="
			if k.Secret { // it is asked for
				word = k.Name
			}
			list = append(list, candidate{word, k.Description.In(a.lang)})
		}
	case "PROGRAM":
		ctx, cancel := context.WithTimeout(ctx, completionTime)
		defer cancel()
		status, err := a.client().Status(ctx)
		if err != nil {
			return nil
		}
		for _, p := range status.Programs {
			list = append(list, candidate{p.Name, string(p.State)})
		}
		add("all")
	case "VERSION":
		versions, _ := component.NewHistory(layout.New(a.root)).List()
		for _, v := range versions {
			list = append(list, candidate{v.ID, v.Reason})
		}
		add("last")
	default:
		if words := cmp.Or(helppage.Choices[name], name); strings.Contains(words, "|") { // the words themselves
			add(strings.Split(words, "|")...)
		}
	}
	return list
}
