// Package helppage prints the help pages of a command line of urfave/cli in two languages, and makes a manual page of
// them. The templates of that library count the bytes of a Chinese text.
package helppage

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/mattn/go-runewidth"
	urfave "github.com/urfave/cli/v2"

	"omsinit/internal/msg"
	"omsinit/internal/pattern"
	"omsinit/internal/style"
)

// Widths of help pages: of a page, of its indents, and of the names beside which something stands.
const (
	pageColumns = 80
	indent      = 3
	nameColumns = 28
)

// Group is a part of the list of commands. A command that is in none is in the last.
type Group struct {
	Title    msg.Message
	Commands string
}

// flagHelp words an option in English: a name with "value", a tab, and what it does.
var flagHelp = urfave.FlagStringer

var standard = pattern.New(`\(default: ([^()]*)\)`)

// Localize makes the library print its help pages in the language, with the commands in groups.
func Localize(lang msg.Lang, groups []Group) {
	urfave.FlagStringer = func(f urfave.Flag) string {
		name, usage, _ := strings.Cut(flagHelp(f), "\t")
		if value := Value(lang, f); StandsAlone(f) {
			name = strings.ReplaceAll(name, " value", "[="+value+"]")
		} else {
			name = strings.ReplaceAll(name, " value", " "+value)
		}
		if at := standard().FindStringSubmatchIndex(usage); at != nil && lang != msg.English {
			usage = strings.TrimSpace(usage[:at[0]]) + lang.Sprintf("(default: %s)", usage[at[2]:at[3]]) + usage[at[1]:]
		}
		return name + "\t" + usage
	}
	urfave.HelpPrinter = func(w io.Writer, _ string, data any) {
		p := page{lang: lang, w: w}
		switch c := data.(type) {
		case *urfave.App:
			p.head(c.Name, c.Usage, c.UsageText, c.Description)
			p.commands(c.VisibleCommands(), groups)
			p.options(msg.M("GLOBAL OPTIONS:"), c.VisibleFlags())
		case *urfave.Command:
			p.head(c.HelpName, c.Usage, c.UsageText, c.Description)
			p.commands(c.VisibleCommands(), nil)
			p.options(msg.M("OPTIONS:"), c.VisibleFlags())
		}
		_, _ = io.WriteString(w, strings.TrimPrefix(p.String(), "\n"))
	}
	urfave.HelpFlag = &urfave.BoolFlag{
		Name: "help", Aliases: []string{"h"}, Usage: lang.Sprintf("show help"), DisableDefaultText: true,
	}
}

type page struct {
	strings.Builder
	lang msg.Lang
	w    io.Writer // that it is written to
}

func (p *page) heading(m msg.Message) {
	fmt.Fprintf(p, "\n%s\n", style.Heading.Paint(p.w, m.In(p.lang)))
}

func (p *page) head(name, about, usage, description string) {
	p.heading(msg.M("NAME:"))
	p.entry(name+" -", runewidth.StringWidth(name)+2, about)
	p.heading(msg.M("USAGE:"))
	p.entry("", 0, usage)
	if description != "" {
		p.heading(msg.M("DESCRIPTION:"))
		for _, paragraph := range strings.Split(description, "\n") {
			p.entry("", 0, paragraph)
		}
	}
}

// commands lists commands below the titles of their groups.
func (p *page) commands(commands []*urfave.Command, groups []Group) {
	if len(commands) == 0 {
		return
	}
	p.heading(msg.M("COMMANDS:"))
	widest := 0
	for _, c := range commands {
		widest = max(widest, len(strings.Join(c.Names(), ", ")))
	}
	if len(groups) == 0 {
		for _, c := range commands {
			p.entry(strings.Join(c.Names(), ", "), widest, c.Usage)
		}
		return
	}
	left := slices.Clone(commands)
	for i, g := range groups {
		fmt.Fprintf(p, "   %s\n", style.Heading.Paint(p.w, g.Title.In(p.lang)+p.lang.Sprintf(":")))
		named := strings.Fields(g.Commands)
		for _, c := range commands {
			if slices.Contains(named, c.Name) || i == len(groups)-1 && slices.Contains(left, c) {
				left = slices.DeleteFunc(left, func(o *urfave.Command) bool { return o == c })
				p.entry("  "+c.Name, widest+2, c.Usage)
			}
		}
	}
}

func (p *page) options(title msg.Message, options []urfave.Flag) {
	p.heading(title)
	var names, usages []string
	widest := 0
	for _, f := range options {
		name, usage, _ := strings.Cut(f.String(), "\t")
		names, usages = append(names, name), append(usages, usage)
		if w := runewidth.StringWidth(name); w <= nameColumns {
			widest = max(widest, w)
		}
	}
	for i, name := range names {
		p.entry(name, widest, usages[i])
	}
}

// entry prints a name with a text beside it, or below it when the name is wider than its column.
func (p *page) entry(name string, columns int, text string) {
	at := indent
	if columns > 0 {
		at += columns + 2
	}
	if name == "" || !strings.HasSuffix(name, " -") {
		at = min(at, indent+nameColumns+2)
	} else {
		at-- // a dash has one space behind it
	}
	fmt.Fprintf(p, "%*s%s", indent, "", name)
	column := indent + runewidth.StringWidth(name)
	for i, line := range msg.Wrap(strings.TrimSpace(text), pageColumns-at) {
		if i > 0 || name != "" && column > at-1 {
			fmt.Fprintln(p)
			column = 0
		}
		fmt.Fprintf(p, "%*s%s", at-column, "", line)
		column = 0
	}
	fmt.Fprintln(p)
}
