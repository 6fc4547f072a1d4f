package cli

import (
	"slices"
	"strconv"
	"strings"

	urfave "github.com/urfave/cli/v2"

	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/internal/pattern"
)

// What package flag says of a command line, in English only.
var (
	unknownOption = pattern.New(`^flag provided but not defined: -(.*)$`)
	withoutValue  = pattern.New(`^flag needs an argument: -(.*)$`)
	wrongValue    = pattern.New(`^invalid (?:boolean )?value (".*") for (?:flag )?-([^:]+): `)
	noOption      = pattern.New(`^bad flag syntax: (.*)$`)
)

// usageOf words what the parser of the command line finds.
func usageOf(c *urfave.Context, err error, _ bool) error {
	page := strings.TrimSpace("omsinit help" + strings.TrimPrefix(c.Command.HelpName, "omsinit"))
	text := err.Error()
	if m := unknownOption().FindStringSubmatch(text); m != nil {
		var names []string
		for _, f := range c.Command.Flags {
			names = append(names, f.Names()...)
		}
		if near := finding.Nearest(m[1], names); near != "" {
			return usage(msg.M("there is no option %s; did you mean %s?", dashed(m[1]), dashed(near)))
		}
		return usage(msg.M("there is no option %s; see `%s`", dashed(m[1]), page))
	}
	if m := withoutValue().FindStringSubmatch(text); m != nil {
		return usage(msg.M("the option %s needs a value; see `%s`", dashed(m[1]), page))
	}
	if m := wrongValue().FindStringSubmatch(text); m != nil {
		return usage(badValue(c.Command.Flags, m[2], m[1], page))
	}
	if m := noOption().FindStringSubmatch(text); m != nil {
		return usage(msg.M("%q is no option; see `%s`", m[1], page))
	}
	return usage(msg.M("%v; see `omsinit help`", err))
}

// badValue returns what an option takes instead of a value, which is quoted.
func badValue(flags []urfave.Flag, name, value, page string) msg.Message {
	for _, f := range flags {
		if !slices.Contains(f.Names(), name) {
			continue
		}
		switch f := f.(type) {
		case *urfave.GenericFlag: // it words its rule itself
			if text, err := strconv.Unquote(value); err == nil {
				if err := f.Value.Set(text); err != nil {
					return msg.M("%v", err)
				}
			}
		case *urfave.DurationFlag:
			return msg.M("%s is a time such as 90s or 5m, not %s", dashed(name), value)
		case *urfave.IntFlag:
			return msg.M("%s is a number, not %s", dashed(name), value)
		case *urfave.BoolFlag:
			return msg.M("%s is true or false, not %s", dashed(name), value)
		}
	}
	return msg.M("%s cannot be %s; see `%s`", dashed(name), value, page)
}

// dashed returns an option as it is typed.
func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}

// noCommand is the error of a command that does not exist, below those that the prefix names.
func noCommand(prefix, name string, commands []*urfave.Command) error {
	var names []string
	for _, c := range commands {
		names = append(names, c.Names()...)
	}
	if near := finding.Nearest(name, names); near != "" {
		return usage(msg.M("there is no command %q; did you mean `omsinit %s`?", prefix+name, prefix+near))
	}
	return usage(msg.M("there is no command %q; see `omsinit help`", prefix+name))
}
