package helppage

import (
	"fmt"
	"strings"

	urfave "github.com/urfave/cli/v2"

	"omsinit/internal/msg"
)

// Manual returns the pages of all commands as one manual page in the form of man(7). The generator of the library is
// left out of this program, and would bring a Markdown parser along. The last common options of each command are those
// that all have.
func Manual(u *urfave.App, lang msg.Lang, version string, common int) string {
	var b strings.Builder
	// A hyphen would get into paths, and groff warns of lines that have no place to break, as Chinese ones.
	const layout = ".ad l\n.nh\n.if \\n(.g .warn 0\n"
	fmt.Fprintf(&b, ".TH OMSINIT 1 \"\" \"omsinit %s\" \"%s\"\n%s", roff(version), roff(u.Usage), layout)
	section := func(title msg.Message) { fmt.Fprintf(&b, ".SH %s\n", strings.Trim(title.In(lang), "：:")) }
	section(msg.M("NAME:"))
	fmt.Fprintf(&b, "omsinit \\- %s\n", roff(u.Usage))
	section(msg.M("USAGE:"))
	fmt.Fprintf(&b, "%s\n", roff(u.UsageText))
	section(msg.M("DESCRIPTION:"))
	paragraphs(&b, u.Description)
	section(msg.M("GLOBAL OPTIONS:"))
	optionsOf(&b, u.Flags)
	section(msg.M("COMMANDS:"))
	for _, c := range u.Commands {
		commandOf(&b, c, common)
	}
	return b.String()
}

// commandOf writes a command and those below it, without the options that all have.
func commandOf(b *strings.Builder, c *urfave.Command, common int) {
	fmt.Fprintf(b, ".SS \"%s\"\n", roff(strings.TrimSpace(c.UsageText)))
	fmt.Fprintf(b, "%s\n", roff(c.Usage))
	if len(c.Subcommands) == 0 {
		paragraphs(b, c.Description)
	}
	own := c.Flags[:len(c.Flags)-common]
	optionsOf(b, own)
	for _, below := range c.Subcommands {
		commandOf(b, below, common)
	}
}

func paragraphs(b *strings.Builder, text string) {
	for _, line := range strings.Split(text, "\n") {
		if strings.TrimSpace(line) != "" {
			fmt.Fprintf(b, ".PP\n%s\n", roff(strings.TrimSpace(line)))
		}
	}
}

func optionsOf(b *strings.Builder, list []urfave.Flag) {
	for _, f := range list {
		name, usage, _ := strings.Cut(urfave.FlagStringer(f), "\t")
		fmt.Fprintf(b, ".TP\n.B %s\n%s\n", roff(name), roff(strings.Join(strings.Fields(usage), " ")))
	}
}

// roff returns a text in which nothing is a command to man.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "\n", " ").Replace(text)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		text = `\&` + text
	}
	return strings.ReplaceAll(text, `"`, `\(dq`)
}
